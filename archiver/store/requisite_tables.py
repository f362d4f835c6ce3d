"""The tables of what pages need to be shown, as migration 18 makes them. A released step is never edited."""

from __future__ import annotations

REQUISITE_TABLES = (
    # `wanted` is lead or page: what it was named as. `depth` counts the stylesheets between a page and it, `hops` the
    # redirects. Whatever takes out a site, an article or a capture takes out what is said of it here.
    """create table requisites (
        id integer primary key, site_id integer not null references sites(id) on delete cascade, url text not null,
        host text not null, kind text not null, wanted text not null, depth integer not null default 0,
        hops integer not null default 0,
        outcome text not null, rule text, reason text, status integer, media_type text, bytes integer, width integer,
        height integer, capture_id integer references captures(id) on delete set null, etag text, last_modified text,
        found_on text, found_at text not null, fetched_at text, due_at text, attempts integer not null default 0)""",
    "create unique index idx_requisites_site_id_url on requisites (site_id, url)",
    "create index idx_requisites_site_id_due_at on requisites (site_id, due_at) where due_at is not null",
    "create index idx_requisites_url on requisites (url)",
    "create index idx_requisites_capture_id on requisites (capture_id) where capture_id is not null",
    # Which articles need it, as what.
    """create table article_requisites (
        article_id integer not null references articles(id) on delete cascade,
        requisite_id integer not null references requisites(id) on delete cascade, role text not null,
        primary key (article_id, role, requisite_id)) without rowid""",
    "create index idx_article_requisites_requisite_id on article_requisites (requisite_id)",
    # What a stylesheet names, and where a redirect leads.
    """create table requisite_parts (
        parent_id integer not null references requisites(id) on delete cascade,
        requisite_id integer not null references requisites(id) on delete cascade,
        primary key (parent_id, requisite_id)) without rowid""",
    "create index idx_requisite_parts_requisite_id on requisite_parts (requisite_id)",
    # What a run asked for beside its pages.
    "alter table runs add column requisite_requests integer not null default 0",
    "alter table runs add column requisites integer not null default 0",
    "alter table runs add column requisites_failed integer not null default 0",
)
