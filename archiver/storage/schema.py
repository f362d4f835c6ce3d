"""The SQL that creates the tables, indexes, triggers and views of an archive, and the migrations that bring an archive
up to date.

The SQL is grouped by subject; docs/schema.md describes each table. Times are ISO 8601 text, lists and objects are JSON
text. Column lists that the schema shares with code (fields of a revision, searched columns, evidence) are imported from
that code.

The first migration creates the schema of 0.3.0; each later one is a function of this module that changes it. A released
migration, and the SQL that it runs, is never edited. sqlite-utils runs each migration in a transaction and records it
in `_sqlite_migrations`. If an archive contains a migration that this module lacks, a newer version wrote the archive.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from archiver.model import fields
from archiver.model.fields import INDEXED, LATEST, fields_with_choice
from archiver.storage import Database
from archiver.storage.columns import LISTS, TEXTS, with_missing_fields
from archiver.storage.field_evidence import FORM, FROM_ENTRIES, entry_column
from archiver.storage.full_text import COLUMNS, TOKENIZER, drop_fts

if TYPE_CHECKING:
    import sqlite_utils

REMOVED = "removed"
"""The rule of pages whose URLs belong to posts that were removed from the archive."""


def _fill_in(template: str, names: Iterable[str], between: str = ", ") -> str:
    """Returns `template` formatted once for each name, in place of its `{}`, joined by `between`."""
    return between.join(template.format(name) for name in names)


# -- sites and runs -----------------------------------------------------------------------------------------------

SITES = """
create table sites (
    id integer primary key,
    name text not null,
    start_url text not null,
    host text not null,
    path text not null,
    platform text,
    settings text default '{}',
    added_at text not null,
    quiet_until text, -- the host asked for a longer pause than a run waits (Retry-After): no request before this time
    soft_not_found text, -- JSON: what the site answers for URLs that do not exist (SoftNotFoundProfile)
    soft_not_found_at text, -- when that was last asked
    untrusted text, -- JSON: validators and lastmod dates of the server that proved false, with the time of the proof
    accepted_gains text, -- JSON: what a person accepted that several posts gained alike (see held_gains)
    muted_until text, -- a person wants no notifications of the site before this time
    muted_why text, -- the reason that the person gave
    warc_file text -- the last WARC file of its last run, relative to the archive's folder: the next run continues it
);
create unique index idx_sites_name on sites (name);
create index idx_sites_host on sites (host);

-- Tags that a person gave to sites, to group them.
create table site_tags (
    site_id integer not null references sites (id),
    tag text not null,
    primary key (site_id, tag)
) without rowid;
create index idx_site_tags_tag on site_tags (tag);

-- The addresses that sites had before they moved: what belonged to such an address belongs to the site.
create table former_sites (
    name text primary key,
    host text not null,
    path text not null,
    start_url text not null,
    site_id integer not null references sites (id) on delete cascade,
    moved_at text not null
);
create index idx_former_sites_host on former_sites (host);
create index idx_former_sites_site_id on former_sites (site_id);

-- robots.txt and tdmrep.json of each host as last read: requested conditionally, and used while they cannot be read.
create table host_files (
    origin text,
    name text,
    fetched_at text not null,
    status integer not null,
    etag text,
    last_modified text,
    body blob,
    primary key (origin, name)
);

-- Extraction rules of a site, one row a version: learned from its pages, or written by a person (by_hand).
create table site_rules (
    id integer primary key,
    site_id integer not null references sites (id),
    toml text not null,
    by_hand integer not null,
    pages integer, -- how many pages they were learned from
    learned_at text not null,
    since text, -- the captures that they are for: from this time
    until text -- to this time
);
create index idx_site_rules_site_id on site_rules (site_id);

-- One crawl of a site: what it did, in counts.
create table runs (
    id integer primary key,
    site_id integer not null references sites (id),
    mode text not null, -- full, incremental, or pages: single pages that archiver add named
    started_at text not null,
    finished_at text,
    outcome text, -- finished, waiting, interrupted, failed; empty while it is under way
    reason text,
    version text, -- of archiver
    requests integer,
    bytes integer,
    found integer,
    fetched integer,
    new integer,
    revised integer,
    unchanged integer,
    aliased integer,
    duplicate integer,
    gone integer,
    refused integer,
    failed integer,
    trapped integer,
    rejudged integer not null default 0, -- pages that their form showed to be posts, read again from their captures
    withdrawn integer not null default 0, -- articles whose form showed that they are no posts
    requisite_requests integer not null default 0, -- requests for images, stylesheets and fonts
    requisites integer not null default 0, -- how many of them were captured
    requisites_failed integer not null default 0,
    held integer not null default 0, -- pages whose new state replaced nothing
    accepted integer not null default 0, -- held pages whose new state was stored, since it was seen three times
    undone_at text, -- when what it did to articles was taken back
    articles integer, -- of the site, when the run ended
    statistics text, -- JSON: run statistics, from which the health of the site is judged
    health text -- JSON: the findings about the site when the run ended; empty: not judged, or no longer true
);
create index idx_runs_site_id on runs (site_id);
create index idx_runs_started_at on runs (started_at, site_id, new);

-- How many responses ended runs have received, by HTTP status, since the archive was created: a counter for metrics.
create table response_counts (
    status text primary key,
    responses integer not null
) without rowid;

-- The health of a site as last judged.
create table site_health (
    site_id integer primary key references sites (id),
    state text not null,
    since text not null, -- when this state began
    judged_at text not null,
    findings text not null default '[]', -- JSON
    accepted text not null default '{}' -- JSON: findings a person acknowledged: when, with which level and figure
);

-- What each notification channel knows of each finding, until the finding is over and its end was sent.
create table faults (
    channel text not null,
    site text not null, -- the site's name, '' for the archive itself
    code text not null, -- of the finding
    about text not null,
    level text not null, -- as last seen
    sentence text not null,
    began_at text not null,
    first_run integer not null, -- in which it began; for the archive itself, hours since 1970
    ended_at text, -- since when it is not there
    end_run integer,
    starts text not null, -- JSON: the recent runs in which it began
    accepted integer not null, -- 1: a person acknowledged it
    flapping integer not null, -- 1: it began too often
    over_run integer, -- the run of which the last sent end was
    sent_level text not null, -- the worst level that was sent; green: none
    sent_at text,
    is_due integer not null, -- 1: it was there long enough to be sent, and is held back
    pending text, -- what is to be sent: begins, flapping, worse, ends or passed
    waiting_since text,
    figure real, -- how large it is, if that is measured
    sent_sentence text not null, -- what was sent of it last; empty: nothing
    sent_figure real,
    is_flapping_sent integer not null, -- 1: a message said that it comes and goes
    over_at text, -- since when it was over, if it came back after that and its return was not sent yet
    primary key (channel, site, code, about)
) without rowid;

-- Messages about changes of health, one row for each channel.
create table notifications (
    id integer primary key,
    at text not null,
    channel text not null,
    policy text not null default '', -- of the policy whose recipients get it; '': those of [notify]
    changes text not null, -- JSON
    digest text, -- JSON: the table of sites, if it is a digest
    outcome text not null default 'due', -- due, sent or failed
    reason text not null default '',
    attempts integer not null default 0,
    sent_at text
);
"""

NOTIFICATIONS = """
-- What people have been told of each finding, until it is over and its end was sent.
create table faults (
    site text not null, -- the site's name, '' for the archive itself
    code text not null, -- of the finding
    about text not null,
    level text not null, -- as last seen
    sentence text not null,
    began_at text not null,
    first_run integer not null, -- in which it began; for the archive itself, hours since 1970
    ended_at text, -- since when it is not there
    end_run integer,
    starts text not null, -- JSON: the recent runs in which it began
    accepted integer not null, -- 1: a person acknowledged it
    sent_level text not null, -- the worst level that was sent; green: none
    sent_at text,
    figure real, -- how large it is, if that is measured
    sent_sentence text not null, -- what was sent of it last; empty: nothing
    sent_figure real,
    primary key (site, code, about)
) without rowid;

-- Messages about changes of health, one row for each channel.
create table notifications (
    id integer primary key,
    at text not null,
    channel text not null,
    changes text not null, -- JSON
    outcome text not null default 'due', -- due, sent or failed
    reason text not null default '',
    attempts integer not null default 0,
    sent_at text
);
"""

# -- captures and pages -------------------------------------------------------------------------------------------

CAPTURES = """
-- Stored responses: where the WARC record of each is.
create table captures (
    id integer primary key,
    run_id integer references runs (id),
    url text,
    captured_at text,
    status integer,
    media_type text,
    digest text, -- of the payload, as WARC writes it
    warc_file text, -- relative to the archive's folder
    warc_offset integer,
    warc_length integer,
    record_type text, -- response or revisit
    import_id integer, -- the import that brought it
    article_id integer, -- of an imported capture: the article that it shows
    hint_id integer references source_hints (id) on delete set null, -- the source hint it was extracted with
    secondary integer -- 1: it shows a stub of that article, or its text at another URL, and proves no revision
);
create index idx_captures_url on captures (url);
create index idx_captures_digest on captures (digest);
create index idx_captures_article_id on captures (article_id) where article_id is not null;
create index idx_captures_hint_id on captures (hint_id) where hint_id is not null;

-- What a response said about its use (robots directives, TDM reservation, license): publishing reads it, crawling does
-- not.
create table usage_statements (
    id integer primary key,
    capture_id integer not null references captures (id),
    source text not null, -- header, meta, link or file
    agent text not null, -- the crawler it is for; empty: all
    name text not null,
    value text not null
);
create index idx_usage_statements_capture_id on usage_statements (capture_id);
create index idx_usage_statements_name_value on usage_statements (name, value);

-- WARC files that are rewritten without some records. `done`: rows point to the new file, the old one is deleted next.
create table warc_rewrites (
    old_file text primary key,
    new_file text not null,
    done integer not null default 0
);
"""

PAGES = """
-- Every URL ever discovered, with its outcome: the frontier's memory.
create table pages (
    id integer primary key,
    site_id integer not null references sites (id),
    url text not null,
    urlkey text not null, -- as in CDXJ (SURT)
    kind text not null,
    outcome text not null,
    reason text,
    rule text, -- the rule by which the outcome was decided
    status integer,
    article_id integer,
    capture_id integer references captures (id),
    etag text,
    last_modified text,
    lastmod text, -- as a sitemap or API gives it
    priority integer default 3,
    redirect_urlkey text, -- where it redirects to
    found_at text not null,
    fetched_at text,
    changed_at text,
    due_at text,
    attempts integer default 0,
    listed text -- of a feed or listing: the IDs of the pages that it showed when it was last read, in order
);
create unique index idx_pages_urlkey on pages (urlkey);
create index idx_pages_site_id_priority_due_at on pages (site_id, priority, due_at);
create index idx_pages_site_id_outcome on pages (site_id, outcome, kind, priority);
create index idx_pages_site_id_rule on pages (site_id, rule) where rule in (
    'soft-404', 'repeated listing', 'attachment', 'redirect-loop', 'login wall', 'consent wall');
create index idx_pages_needs_javascript on pages (site_id) where rule = 'needs-javascript';
create index idx_pages_unlisted on pages (site_id) where rule = 'unlisted';
create index idx_pages_article_id on pages (article_id);
create index idx_pages_capture_id on pages (capture_id) where capture_id is not null;
create index idx_pages_redirect_urlkey on pages (redirect_urlkey) where redirect_urlkey is not null;

-- What a feed or API said about a post in addition to its page. A page has one latest hint; a capture keeps the one
-- that it was extracted with.
create table source_hints (
    id integer primary key,
    page_id integer not null references pages (id) on delete cascade,
    hint text not null, -- JSON
    digests text, -- JSON: digests of what each source said last; empty in a hint that a later one has replaced
    completes integer references source_hints (id) on delete set null -- the hint to which another source added this
);
create index idx_source_hints_page_id on source_hints (page_id);

-- Which discovery sources found a page. Read the view page_sources, which fills in what is left out here.
create table page_discoveries (
    page_id integer references pages (id),
    source text,
    found_on text, -- the URL or file it was found on, where that is not a page of the archive
    found_on_page_id integer, -- the page it was found on
    first_seen text,
    last_seen text, -- empty: first_seen
    first_capture text, -- of a CDX list: when the web archive captured it first
    last_capture text,
    primary key (page_id, source)
) without rowid;

create view page_sources as
    select page_id, source, coalesce(found_on, (select url from pages f where f.id = found_on_page_id)) as found_on,
           first_seen, coalesce(last_seen, first_seen) as last_seen, first_capture, last_capture
    from page_discoveries;
create trigger page_sources_ii instead of insert on page_sources begin
    insert into page_discoveries (page_id, source, found_on, first_seen, last_seen, first_capture, last_capture)
    values (new.page_id, new.source, new.found_on, new.first_seen, new.last_seen, new.first_capture, new.last_capture);
end;
create trigger page_sources_iu instead of update on page_sources begin
    delete from page_discoveries where page_id = old.page_id and source = old.source;
    insert into page_discoveries (page_id, source, found_on, first_seen, last_seen, first_capture, last_capture)
    values (new.page_id, new.source, new.found_on, new.first_seen, new.last_seen, new.first_capture, new.last_capture);
end;
create trigger page_sources_id instead of delete on page_sources begin
    delete from page_discoveries where page_id = old.page_id and source = old.source;
end;
"""

FORMS = """
-- The forms of a site's pages: the pages of a form have nearly the same markup and the same pattern of address.
create table forms (
    id integer primary key,
    site_id integer not null references sites (id),
    address text not null, -- the pattern: Y/9/s for /2024/05/a-name/
    tokens blob not null, -- hashes of the markup tokens of the first page of the form, 4 bytes each
    kind text, -- as last judged: post, page (not a post) or other (declares a time, not a post); empty if uncertain
    reason text, -- why
    marks blob, -- of a form of posts: the tokens that the site's other pages do not have
    is_dated integer, -- of a form of posts: 1 if nearly all of them show their date
    judged_at text, -- when the verdict changed last
    applied_to integer not null default 0 -- the last page that was judged again since then
);
create index idx_forms_site_id on forms (site_id);

-- The form of each page that was parsed, and what the page shows.
create table page_forms (
    page_id integer primary key references pages (id),
    form_id integer not null references forms (id),
    signs text not null -- JSON: hentry type, bits of the text's length, media, hashes of title, heading and date place
);
create index idx_page_forms_form_id on page_forms (form_id);
create trigger page_forms_page_ad after delete on pages begin
    delete from page_forms where page_id = old.id;
end;
"""

HELD_PAGES = """
-- Pages that show something that replaces nothing until it is confirmed.
create table held_pages (
    page_id integer primary key references pages (id),
    rule text not null, -- as in pages
    held_since text not null,
    looked_at text not null, -- when it was fetched last, at most once a day
    looks integer not null, -- how often it has shown the same text, at most once a day
    text_digest text not null, -- of the text that it showed last
    run_id integer references runs (id) -- that held it first
);
create index idx_held_pages_text_digest on held_pages (text_digest);
create trigger held_pages_page_ad after delete on pages begin
    delete from held_pages where page_id = old.id;
end;

-- What the held pages have more than their posts: if several gained the same, no repetition confirms it.
create table held_gains (
    page_id integer not null references held_pages (page_id),
    gain text not null, -- "text: ", "title: " or "date: ", and what was added
    primary key (page_id, gain)
) without rowid;
create index idx_held_gains_gain on held_gains (gain);
create trigger held_gains_page_ad after delete on held_pages begin
    delete from held_gains where page_id = old.page_id;
end;

-- The edits and deletions of the last days, which are taken back if they prove to be a fault of the site.
create table recent_changes (
    id integer primary key,
    page_id integer not null references pages (id) on delete cascade,
    article_id integer not null,
    revision integer, -- that the edit made; empty: the post went
    changed_at text not null,
    announced integer not null -- 1: a source had said so
);
create index idx_recent_changes_page_id on recent_changes (page_id);
"""

# Counting the pages of a large site takes a second, so triggers count. If two triggers run on one change, one may
# subtract from a count before the other adds to it, since SQLite does not specify which of them runs first.
_COUNT = """insert into page_counts (site_id, source, kind, outcome, with_article, pages)
    select {row}.site_id, source, {row}.kind, {row}.outcome, {row}.article_id is not null, {n}
    from (select '' as source union all select source from page_discoveries where page_id = {row}.id) where true
    on conflict (site_id, source, kind, outcome, with_article) do update set pages = pages + excluded.pages;"""
_COUNT_DISCOVERY = """insert into page_counts (site_id, source, kind, outcome, with_article, pages)
    select p.site_id, {row}.source, p.kind, p.outcome, p.article_id is not null, {n}
    from pages p where p.id = {row}.page_id
    on conflict (site_id, source, kind, outcome, with_article) do update set pages = pages + excluded.pages;"""
_ADD, _SUBTRACT = _COUNT.format(row="new", n=1), _COUNT.format(row="old", n=-1)
_ADD_DISCOVERY, _SUBTRACT_DISCOVERY = (
    _COUNT_DISCOVERY.format(row="new", n=1),
    _COUNT_DISCOVERY.format(row="old", n=-1),
)

PAGE_COUNTS = f"""
-- How many pages of a site have a kind and an outcome, kept by triggers.
create table page_counts (
    site_id integer not null,
    source text not null, -- empty: all pages, each once; otherwise those that this discovery source found
    kind text not null,
    outcome text not null,
    with_article integer not null,
    pages integer not null,
    primary key (site_id, source, kind, outcome, with_article)
) without rowid;
create trigger page_counts_ai after insert on pages begin
    {_ADD}
end;
create trigger page_counts_ad after delete on pages begin
    {_SUBTRACT}
end;
create trigger page_counts_au after update of id, site_id, kind, outcome, article_id on pages
when old.id is not new.id or old.site_id is not new.site_id or old.kind is not new.kind
    or old.outcome is not new.outcome or (old.article_id is null) <> (new.article_id is null) begin
    {_SUBTRACT}
    {_ADD}
end;
create trigger page_counts_discovery_ai after insert on page_discoveries begin
    {_ADD_DISCOVERY}
end;
create trigger page_counts_discovery_ad after delete on page_discoveries begin
    {_SUBTRACT_DISCOVERY}
end;
create trigger page_counts_discovery_au after update of page_id, source on page_discoveries begin
    {_SUBTRACT_DISCOVERY}
    {_ADD_DISCOVERY}
end;
create trigger page_counts_site_ad after delete on sites begin
    delete from page_counts where site_id = old.id;
end;
"""

# -- articles -----------------------------------------------------------------------------------------------------

ARTICLES = """
-- One row an article: its current revision, with the columns of the record. Lists are JSON.
create table articles (
    id integer primary key,
    url text not null,
    canonical_url text,
    site text not null,
    title text not null,
    body text not null,
    authors text,
    published text,
    published_precision text,
    modified text,
    categories text,
    tags text,
    geotags text,
    language text,
    description text,
    image text,
    credits text,
    captions text,
    markup text,
    revision integer not null,
    first_seen text not null,
    last_seen text not null,
    gone_at text,
    duplicate_of integer references articles (id),
    cluster_id integer,
    urlkey text not null,
    post_id text, -- the platform's own number, which stays when the URL changes: wordpress:123
    guid text,
    platform text,
    content_digest text,
    meaning_digest text,
    capture_id integer references captures (id),
    evidence text, -- JSON: candidates for each field; read the view evidence
    extractor text, -- the version, and the site rules if any, that read the values: "0.3.0 rules-3"
    read_at text, -- when they were read: of a re-extraction later than the capture
    reextraction_id integer -- the last re-extraction that read it: an interrupted one continues with the others
);
create index idx_articles_urlkey on articles (urlkey, url);
create index idx_articles_site_published on articles (site, published);
create index idx_articles_published on articles (published);
create index idx_articles_content_digest on articles (content_digest);
create index idx_articles_site_post_id on articles (site, post_id) where post_id is not null;
create index idx_articles_site_guid on articles (site, guid) where guid is not null;
create index idx_articles_duplicate_of on articles (duplicate_of) where duplicate_of is not null;
create index idx_articles_cluster_id on articles (cluster_id) where cluster_id is not null;
create index idx_articles_capture_id on articles (capture_id) where capture_id is not null;
create index idx_articles_site_gone on articles (site) where gone_at is not null;
create index idx_articles_site_duplicate on articles (site) where duplicate_of is not null;
create index idx_articles_site_revised on articles (site) where revision > 1;

-- Articles whose pages later proved to be no posts. They and their captures stay; searches and datasets leave them out.
create table withdrawn_articles (
    article_id integer primary key references articles (id),
    withdrawn_at text not null,
    reason text not null
);
create trigger withdrawn_articles_article_ad after delete on articles begin
    delete from withdrawn_articles where article_id = old.id;
end;

-- URLs of articles beside their own. One of kind url is here where it says more than the row of its article: when it
-- became the article's own, or which of two articles owns a URL that a site gave to another post.
create table aliases (
    urlkey text primary key,
    url text,
    article_id integer references articles (id),
    kind text, -- redirect, copy, moved, part; url
    first_seen text
) without rowid;
create index idx_aliases_article_id on aliases (article_id);

-- All URLs that an article is known by, its own among them. Writing to it writes to aliases.
create view article_urls as
    select urlkey, url, article_id, kind, first_seen from aliases
    union all
    select a.urlkey, a.url, a.id, 'url', a.first_seen from articles a
    where not exists (select 1 from aliases s where s.urlkey = a.urlkey);
create trigger article_urls_ii instead of insert on article_urls begin
    insert into aliases (urlkey, url, article_id, kind, first_seen)
    values (new.urlkey, new.url, new.article_id, new.kind, new.first_seen);
end;
create trigger article_urls_iu instead of update on article_urls
when old.urlkey is not new.urlkey or old.url is not new.url or old.article_id is not new.article_id
    or old.kind is not new.kind or old.first_seen is not new.first_seen begin
    delete from aliases where urlkey = old.urlkey;
    insert into aliases (urlkey, url, article_id, kind, first_seen)
    values (new.urlkey, new.url, new.article_id, new.kind, new.first_seen);
end;
create trigger article_urls_id instead of delete on article_urls begin
    delete from aliases where urlkey = old.urlkey;
end;
-- An article that gets another URL is still known by the one it had, whatever program changes it.
create trigger articles_moved_au after update of urlkey on articles
when old.urlkey is not new.urlkey and not exists (select 1 from aliases where urlkey = old.urlkey) begin
    insert into aliases (urlkey, url, article_id, kind, first_seen)
    values (old.urlkey, old.url, old.id, 'moved', old.first_seen);
end;

-- The pages of posts that are split over several. The text is kept because an unchanged page (304) sends none.
create table article_parts (
    urlkey text primary key,
    url text not null,
    post_urlkey text not null, -- of the post's own page, which is number 1
    number integer not null, -- 0: a view of all pages on one
    text text,
    markup text -- JSON: the marks of the text
);
create index idx_article_parts_post_urlkey_number on article_parts (post_urlkey, number);

create table authors (id integer primary key, name text not null, slug text);
create unique index idx_authors_name on authors (name);
create table article_authors (
    article_id integer references articles (id),
    author_id integer references authors (id),
    position integer,
    primary key (article_id, author_id)
) without rowid;
create index idx_article_authors_author_id on article_authors (author_id);

create table categories (id integer primary key, name text not null, slug text);
create unique index idx_categories_name on categories (name);
create table article_categories (
    article_id integer references articles (id),
    category_id integer references categories (id),
    position integer,
    primary key (article_id, category_id)
) without rowid;
create index idx_article_categories_category_id on article_categories (category_id);

create table tags (id integer primary key, name text not null, slug text);
create unique index idx_tags_name on tags (name);
create table article_tags (
    article_id integer references articles (id),
    tag_id integer references tags (id),
    position integer,
    primary key (article_id, tag_id)
) without rowid;
create index idx_article_tags_tag_id on article_tags (tag_id);

-- Places that an article names (WGS 84).
create table geotags (
    id integer primary key,
    article_id integer references articles (id),
    latitude real,
    longitude real,
    placename text,
    region text,
    role text,
    source text,
    precision real -- in degrees, as the position was written
);
create index idx_geotags_article_id on geotags (article_id);
create index idx_geotags_latitude_longitude on geotags (latitude, longitude);
"""

# -- revisions ----------------------------------------------------------------------------------------------------


def _field_of_revision(name: str) -> str:
    """Returns SQL for the value of a field in revision `r` of article `a`."""
    return (
        f"case when r.revision = a.revision and json_type(r.content, '$.{name}') is null then a.{name} "
        f"else json_extract(r.content, '$.{name}') end as {name}"
    )


_REVISED = (*(name for name in TEXTS + LISTS if name not in LATEST), "revision")

REVISIONS = f"""
-- One row a revision, the current one too.
create table revisions (
    id integer primary key,
    article_id integer references articles (id),
    revision integer,
    observed_at text,
    run_id integer references runs (id),
    capture_id integer references captures (id),
    changed text, -- JSON: names of the fields that it changed
    title text,
    content text, -- JSON: the fields; of the current revision only those that differ from articles
    meaning_digest text,
    undone_at text, -- when it was taken back: the revision before it is current again
    previous integer, -- the revision before it, which is not always the number before
    same_as integer, -- an earlier revision that it repeats (a revert)
    seen_again integer not null default 0, -- reverts to it that made no revision: a site that serves two texts in turn
    seen_again_at text,
    extractor text,
    read_at text,
    evidence text
);
create unique index idx_revisions_article_id_revision on revisions (article_id, revision);
create index idx_revisions_undone on revisions (run_id) where undone_at is not null;
create index idx_revisions_capture_id on revisions (capture_id) where capture_id is not null;

-- A field that `content` lacks is as `articles` has it. So before `articles` changes, whatever program changes it, the
-- old value is written into its revision.
create trigger articles_unversioned_bu before update of {", ".join(LATEST)} on articles
when {_fill_in("old.{0} is not new.{0}", LATEST, " or ")} begin
    update revisions set content = {with_missing_fields("content", "old", LATEST)}
    where article_id = old.id and revision = old.revision and json_valid(content);
end;
create trigger articles_revised_bu before update of {", ".join(_REVISED)} on articles
when {_fill_in("old.{0} is not new.{0}", _REVISED, " or ")} begin
    update revisions set content = {with_missing_fields("content", "old", TEXTS + LISTS)}
    where article_id = old.id and revision = old.revision and json_valid(content);
end;

-- Revisions with all their fields.
create view article_revisions as
    select r.id, r.article_id, a.site, r.revision, r.revision = a.revision as is_current, r.observed_at, r.capture_id,
           r.changed, r.previous, r.same_as, r.seen_again,
           {", ".join(map(_field_of_revision, TEXTS + LISTS))}
    from revisions r join articles a on a.id = r.article_id;

create view headlines as
    select r.article_id, a.site, r.revision, r.observed_at, r.title, p.title as previous, r.same_as, r.seen_again
    from revisions r join articles a on a.id = r.article_id
    left join revisions p on p.article_id = r.article_id and p.revision = coalesce(r.previous, r.revision - 1)
    where r.undone_at is null
      and (r.revision = 1 or exists (select 1 from json_each(r.changed) c where c.value = 'title'));

create table reextractions (
    id integer primary key,
    started_at text not null,
    finished_at text, -- empty: interrupted; the same request continues it
    version text not null,
    request text not null, -- JSON
    articles integer,
    changed integer,
    unreadable integer
);
"""

# -- evidence -----------------------------------------------------------------------------------------------------

_ITEM = {name: f"json_extract(e.value, '$[{place}]')" for place, name in enumerate(FORM)}
_OWN_VALUES = tuple(
    name for name in fields.EVIDENCE if name not in (*fields_with_choice("collected"), *fields_with_choice("places"))
)
"""Fields whose chosen candidate always equals the article's value."""

EVIDENCE = f"""
-- What candidates of many posts share, each once; the numbers in articles.evidence are its keys.
create table evidence_kinds (
    id integer primary key,
    field text not null,
    source text not null,
    locator text not null,
    confidence real
);
create unique index idx_evidence_kinds_field_source_locator_confidence
    on evidence_kinds (field, source, locator, confidence);

-- Candidates for each field of an article. One without a source says that a value was put together from several.
create view evidence as
    select a.id as article_id, a.site, {entry_column("field")} as field,
           {entry_column("value")} as value,
           {entry_column("source")} as source,
           {entry_column("locator")} as locator, {entry_column("confidence")} as confidence
    from articles a, {FROM_ENTRIES} where {entry_column("source")} <> '';

create view source_disagreements as
    select article_id, site, field, count(distinct value) as answers, group_concat(distinct source) as sources
    from evidence where field not in ('credits', 'geotags') and (value <> '' or source <> 'rule by hand')
    group by article_id, field
    having count(distinct value) > 1;

-- The candidates that were chosen.
create view provenance as
    select a.id as article_id, a.site, {entry_column("field")} as field,
           case {entry_column("field")} {_fill_in("when '{0}' then a.{0}", _OWN_VALUES, " ")}
                else {entry_column("value")} end as value,
           nullif({entry_column("source")}, '') as source, {entry_column("locator")} as locator,
           {entry_column("confidence")} as confidence,
           nullif(coalesce({entry_column("extractor")}, a.extractor), '') as extractor,
           nullif(coalesce({entry_column("capture_id")}, a.capture_id), '') as capture_id,
           nullif(coalesce({entry_column("read_at")}, a.read_at), '') as read_at
    from articles a, {FROM_ENTRIES} where {entry_column("won")} = 1;

-- The same for earlier revisions.
create view revision_provenance as
    select r.article_id, r.revision, {_ITEM["field"]} as field,
           case {_ITEM["field"]} {_fill_in("when '{0}' then json_extract(r.content, '$.{0}')", _OWN_VALUES, " ")}
                else {_ITEM["value"]} end as value,
           nullif({_ITEM["source"]}, '') as source, {_ITEM["locator"]} as locator, {_ITEM["confidence"]} as confidence,
           nullif(coalesce({_ITEM["extractor"]}, r.extractor), '') as extractor,
           nullif(coalesce({_ITEM["capture_id"]}, r.capture_id), '') as capture_id,
           nullif(coalesce({_ITEM["read_at"]}, r.read_at), '') as read_at
    from revisions r join articles a on a.id = r.article_id and a.revision <> r.revision, json_each(r.evidence) e
    where {_ITEM["won"]} = 1;
"""

# -- near-duplicates ----------------------------------------------------------------------------------------------

CLUSTERS = """
-- Clusters of near-duplicates. A number is given once: a cluster that was merged or has no members keeps its row.
create table clusters (
    id integer primary key,
    source_id integer references articles (id), -- the member that the others come from
    reason text,
    size integer not null,
    since text not null,
    merged_into integer references clusters (id)
);
create index idx_clusters_source_id on clusters (source_id) where source_id is not null;

-- Pairs of near-duplicates; article_id is the greater number.
create table near_duplicates (
    article_id integer references articles (id),
    other_id integer references articles (id),
    similarity real not null, -- the share of words that are in word sequences of both
    reason text not null,
    primary key (article_id, other_id)
);
create index idx_near_duplicates_other_id on near_duplicates (other_id);

-- Which articles have a MinHash signature in lsh_bands, and by which version. The numbers follow from the text.
create table minhash_signatures (
    article_id integer primary key references articles (id),
    version integer not null
);

-- LSH bands: the articles that have a number in their signature. No foreign key: deleting an article would scan it all.
-- A row of no article is passed over.
create table lsh_bands (
    key integer not null,
    article_id integer not null,
    primary key (key, article_id)
) without rowid;

-- Deleting an article, by any program, removes all references to it.
create trigger articles_clusters_ad after delete on articles begin
    delete from near_duplicates where article_id = old.id or other_id = old.id;
    delete from minhash_signatures where article_id = old.id;
    update clusters set source_id = nullif(source_id, old.id), size = size - 1 where id = old.cluster_id;
end;

create view cluster_members as
    select a.cluster_id, a.id as article_id, a.id = c.source_id as is_source, c.source_id, a.site, a.url, a.title,
           a.published, (select max(n.similarity) from near_duplicates n
                         where n.article_id = a.id or n.other_id = a.id) as similarity
    from articles a join clusters c on c.id = a.cluster_id;
"""

# -- search: the full-text table of 0.3.0, which m004 takes out, and what tells the search index of changes

_IS_BATCH = f"exists (select 1 from fts_pending where id = {-1 << 63})"
_FTS_ADD = f"insert into articles_fts (rowid, {', '.join(COLUMNS)}) values (new.id, {_fill_in('new.{}', COLUMNS)});"
_FTS_DELETE = (
    f"insert into articles_fts (articles_fts, rowid, {', '.join(COLUMNS)})\n"
    f"    values ('delete', old.id, {_fill_in('old.{}', COLUMNS)});"
)

FULL_TEXT = f"""
create virtual table articles_fts using fts5 (
    {", ".join(COLUMNS)},
    tokenize='{TOKENIZER}',
    content="articles"
);

-- Articles that a batch has written and not yet indexed: empty but within a transaction. See `fulltext`.
create table fts_pending (id integer primary key);

create trigger articles_fts_ai after insert on articles when not {_IS_BATCH} begin
    {_FTS_ADD}
end;
create trigger articles_fts_pending_ai after insert on articles when {_IS_BATCH} begin
    insert into fts_pending (id) select new.id where not exists (select 1 from fts_pending where id = new.id);
end;
-- An article that is deleted while it is pending stays pending. Triggers of one event run in any order: if one removed
-- it from there, the next would delete words from the index that were never added.
create trigger articles_fts_ad after delete on articles
when not exists (select 1 from fts_pending where id = old.id) begin
    {_FTS_DELETE}
end;
create trigger articles_fts_au after update of {", ".join(COLUMNS)} on articles
when not exists (select 1 from fts_pending where id = old.id) begin
    {_FTS_DELETE}
    {_FTS_ADD}
end;
"""


def _mark_for_search_index(*ids: str) -> str:
    """Returns SQL that marks articles to be indexed again by the search index.

    It does not use `insert or replace`: in a trigger, the conflict rule of the statement that fired the trigger
    would apply instead.
    """
    return "\n    ".join(
        f"delete from search_index_pending where id = {one};\n"
        f"    insert into search_index_pending (id) select {one} where {one} is not null;"
        for one in ids
    )


SEARCH_INDEX = f"""
-- Articles that the search index beside the archive has not read since they changed. An article that changes again gets
-- a new number.
create table search_index_pending (
    seq integer primary key autoincrement,
    id integer not null unique
);

-- Which state of the search index belongs to this database.
create table search_index_state (
    key text primary key,
    value text not null
);

create trigger search_index_article_ai after insert on articles begin
    {_mark_for_search_index("new.id", "new.duplicate_of")}
end;
create trigger search_index_article_ad after delete on articles begin
    {_mark_for_search_index("old.id", "old.duplicate_of")}
end;
create trigger search_index_article_au after update of {", ".join(INDEXED)} on articles
when {_fill_in("old.{0} is not new.{0}", INDEXED, " or ")} begin
    {_mark_for_search_index("new.id", "old.duplicate_of", "new.duplicate_of")}
end;
-- A cluster that gains or loses its source changes all its members (is:copy); one with another source only these two.
create trigger search_index_withdrawn_ai after insert on withdrawn_articles begin
    {_mark_for_search_index("new.article_id")}
end;
create trigger search_index_withdrawn_ad after delete on withdrawn_articles begin
    {_mark_for_search_index("old.article_id")}
end;
create trigger search_index_cluster_au after update of source_id on clusters
when old.source_id is not new.source_id begin
    delete from search_index_pending where (old.source_id is null or new.source_id is null)
        and id in (select id from articles where cluster_id = new.id);
    insert into search_index_pending (id) select id from articles
        where (old.source_id is null or new.source_id is null) and cluster_id = new.id;
    {_mark_for_search_index("old.source_id", "new.source_id")}
end;
create trigger search_index_revision_ai after insert on revisions when new.revision > 1 begin
    {_mark_for_search_index("new.article_id")}
end;
create trigger search_index_revision_ad after delete on revisions when old.revision > 1 begin
    {_mark_for_search_index("old.article_id")}
end;
create trigger search_index_revision_au after update of changed on revisions when old.changed is not new.changed begin
    {_mark_for_search_index("new.article_id")}
end;
"""

SAVED_SEARCHES = """
create table saved_searches (
    id integer primary key,
    name text not null,
    key text not null unique, -- the name as names are compared
    uuid text not null unique,
    query text not null, -- JSON
    saved_at text not null,
    ran_at text not null,
    newest_article integer not null, -- the greatest numbers that there were when it was last run
    newest_revision integer not null
);

-- Articles that a saved search has reported.
create table saved_search_hits (
    article_id integer not null references articles (id),
    search_id integer not null references saved_searches (id),
    found_at text, -- empty: found when the search was saved
    reason text, -- new, edited or changed
    primary key (article_id, search_id)
) without rowid;
create index idx_saved_search_hits_found on saved_search_hits (search_id, found_at) where found_at is not null;

-- SQLite may give the number of a deleted article to another one.
create trigger saved_search_hits_ad after delete on articles begin
    delete from saved_search_hits where article_id = old.id;
    update saved_searches set newest_article = (select ifnull(max(id), 0) from articles)
        where newest_article > (select ifnull(max(id), 0) from articles);
end;
"""

# -- requisites ---------------------------------------------------------------------------------------------------

REQUISITES = """
-- Images, stylesheets and fonts that pages need, one row a URL of a site. Deleting a site, an article or a capture
-- deletes what is here about it.
create table requisites (
    id integer primary key,
    site_id integer not null references sites (id) on delete cascade,
    url text not null,
    host text not null,
    kind text not null, -- image, stylesheet or font
    wanted text not null, -- lead (the lead image of a post) or page
    depth integer not null default 0, -- how many stylesheets are between a page and it
    hops integer not null default 0, -- redirects
    outcome text not null,
    rule text,
    reason text,
    status integer,
    media_type text,
    bytes integer,
    width integer,
    height integer,
    capture_id integer references captures (id) on delete set null,
    etag text,
    last_modified text,
    found_on text,
    found_at text not null,
    fetched_at text,
    due_at text,
    attempts integer not null default 0
);
create unique index idx_requisites_site_id_url on requisites (site_id, url);
create index idx_requisites_site_id_due_at on requisites (site_id, due_at) where due_at is not null;
create index idx_requisites_url on requisites (url);
create index idx_requisites_capture_id on requisites (capture_id) where capture_id is not null;

-- Which articles need which requisite, and as what.
create table article_requisites (
    article_id integer not null references articles (id) on delete cascade,
    requisite_id integer not null references requisites (id) on delete cascade,
    role text not null,
    primary key (article_id, role, requisite_id)
) without rowid;
create index idx_article_requisites_requisite_id on article_requisites (requisite_id);

-- What a stylesheet names, and where a redirect leads.
create table requisite_parts (
    parent_id integer not null references requisites (id) on delete cascade,
    requisite_id integer not null references requisites (id) on delete cascade,
    primary key (parent_id, requisite_id)
) without rowid;
create index idx_requisite_parts_requisite_id on requisite_parts (requisite_id);
"""

# -- imports ------------------------------------------------------------------------------------------------------

IMPORTS = """
-- One row a file that was imported.
create table imports (
    id integer primary key,
    name text not null,
    digest text not null,
    size integer not null,
    options text not null, -- which part of the file was requested
    member_offset integer not null default 0, -- where an interrupted import continues: the offset of the gzip member,
    inner_offset integer not null default 0, -- and the offset in what is unpacked from there
    counts text default '{}', -- JSON
    problems text default '[]', -- JSON: the first hundred
    started_at text not null,
    finished_at text,
    outcome text, -- finished, limited, unreadable, interrupted, waiting, failed; empty while it is under way
    warc_file text, -- the last WARC file that it wrote to
    warc_end integer -- and where the records that are stored end in it
);
create index idx_imports_digest on imports (digest);

-- Historical captures that were read and show no article, so that none is read twice.
create table historical_pages (
    key integer primary key, -- a digest of URL and payload; of a capture from a web archive of URL, time and payload
    kind text -- what the page is; memento: read from a web archive
);

-- What URLs answered in historical captures in place of a page. The post may be imported later.
create table historical_responses (
    urlkey text,
    kind text, -- gone or redirect
    target text, -- the status of gone, the urlkey of redirect
    captured_at text,
    url text not null,
    import_id integer,
    primary key (urlkey, kind, target, captured_at)
);
create index idx_historical_responses_target on historical_responses (target);

-- Revisit records whose original has not been imported yet.
create table unresolved_revisits (
    id integer primary key,
    url text not null,
    captured_at text not null,
    digest text not null,
    refers_to_url text, -- WARC-Refers-To-Target-URI
    refers_to_date text, -- WARC-Refers-To-Date
    not_modified integer, -- 1: the profile server-not-modified
    import_id integer,
    place text -- of the record in its file
);
create unique index idx_unresolved_revisits_url_captured_at_digest on unresolved_revisits (url, captured_at, digest);
"""

# -- takedown -----------------------------------------------------------------------------------------------------

_HAS_TOMBSTONE = "exists (select 1 from tombstone_urls where urlkey = new.urlkey)"
_KEEP_OUT = f"""update pages set outcome = 'refused', rule = '{REMOVED}', due_at = null,
        article_id = null, etag = null, last_modified = null, kind = 'post',
        reason = (select 'removed from this archive on ' || substr(t.removed_at, 1, 10) || ': ' || t.reason
                  from tombstone_urls u join tombstones t on t.id = u.tombstone_id where u.urlkey = new.urlkey)
    where id = new.id;
    delete from page_forms where page_id = new.id;"""

TOMBSTONES = f"""
-- What remains of a post that a person had removed, so that it does not come back: of its text only digests.
create table tombstones (
    id integer primary key,
    article_id integer, -- the number that the article had
    site text not null,
    url text not null,
    post_id text,
    guid text,
    content_digest text,
    reason text not null,
    requested_by text,
    removed_at text not null,
    erased_at text, -- empty: a file may still hold something of it
    allowed_at text, -- since then it may be archived again
    record_id text -- its ID in datasets, which report it as withdrawn
);
create index idx_tombstones_article_id on tombstones (article_id);
create index idx_tombstones_site on tombstones (site);

-- The URLs of removed posts.
create table tombstone_urls (
    urlkey text primary key,
    url text not null,
    tombstone_id integer not null references tombstones (id)
);
create index idx_tombstone_urls_tombstone_id on tombstone_urls (tombstone_id);

-- Digests of the payloads of removed posts.
create table tombstone_payloads (
    digest text primary key,
    tombstone_id integer not null references tombstones (id)
);
create index idx_tombstone_payloads_tombstone_id on tombstone_payloads (tombstone_id);

-- A URL of a removed post is never requested, whatever program writes to pages.
create trigger pages_tombstone_ai after insert on pages when {_HAS_TOMBSTONE} begin
    {_KEEP_OUT}
end;
create trigger pages_tombstone_au after update on pages
when (new.rule is not '{REMOVED}' or new.outcome <> 'refused' or new.due_at is not null
      or new.article_id is not null) and {_HAS_TOMBSTONE} begin
    {_KEEP_OUT}
end;
-- What a source says of a removed post is not kept: it may be its text.
create trigger source_hints_tombstone_ai after insert on source_hints
when exists (select 1 from pages p join tombstone_urls u on u.urlkey = p.urlkey where p.id = new.page_id) begin
    delete from source_hints where id = new.id;
end;
"""


# -- maintenance --------------------------------------------------------------------------------------------------

MAINTENANCE = """
-- Where the backups of this archive are, one row a file that `archiver backup` wrote: its newest generation.
create table backups (
    path text primary key, -- absolute
    made_at text, -- when the last backup that passed its checks was made
    articles integer,
    bytes integer, -- of the database
    captures integer not null default 0, -- 1: with the WARC files
    holds_since text, -- posts that were removed before this time are in none of its files any more
    failed_at text, -- when the last attempt failed, if none has succeeded since then
    failure text -- why it failed
);

-- One row a check of the archive by `archiver verify`.
create table integrity_checks (
    id integer primary key,
    kind text not null, -- verify: of everything; part: of what was not read for the longest time
    started_at text not null,
    finished_at text, -- empty: it is under way, or was killed
    covers_since text, -- everything in the archive was read by a check after this time
    articles integer not null default 0,
    warc_files integer not null default 0,
    bytes integer not null default 0, -- of the units that were read
    findings integer not null default 0
);

-- When a check last read each unit of the archive: a table with its indexes, a range of articles or a WARC file.
create table checked_units (
    unit text primary key,
    checked_at text not null
) without rowid;

-- What checks found damaged and no later check has found whole.
create table damages (
    id integer primary key,
    unit text not null, -- the unit of `checked_units`; database: the whole file; empty: anything else
    kind text not null,
    subject text not null,
    sentence text not null,
    remedy text not null,
    found_at text not null
);
create index idx_damages_unit on damages (unit);
"""


def _split_statements(script: str) -> Iterator[str]:
    """Splits an SQL script into its statements, without the comments between them."""
    statement = ""
    for line in script.splitlines():
        if not statement and (not line.strip() or line.startswith("--")):
            continue
        statement += f"{line}\n"
        if line.endswith(";") and sqlite3.complete_statement(statement):
            yield statement.strip().removesuffix(";")
            statement = ""


SCHEMA = tuple(
    statement
    for script in (
        SITES,
        CAPTURES,
        PAGES,
        FORMS,
        HELD_PAGES,
        PAGE_COUNTS,
        ARTICLES,
        REVISIONS,
        EVIDENCE,
        CLUSTERS,
        FULL_TEXT,
        SEARCH_INDEX,
        SAVED_SEARCHES,
        REQUISITES,
        IMPORTS,
        TOMBSTONES,
        MAINTENANCE,
    )
    for statement in _split_statements(script)
)
"""All statements, in the order in which they are executed."""


UNRELEASED = "m001_sites_and_runs"
"""The first migration of archives written by 0.2 and earlier versions, which were never released."""
_DERIVED = re.compile(r"(?:--.*\n)*create (trigger|view) (?!articles_fts)(\w+)")
_TABLE = re.compile(r'create table "?(\w+)', re.IGNORECASE)


def m001_schema_0_3_0(db: Database) -> None:
    for statement in SCHEMA:
        db.execute(statement)


def m002_access(db: Database) -> None:
    db.execute("alter table articles add column access text")
    follow_field_table(db)


def m003_first_seen_index(db: Database) -> None:
    db.execute("create index idx_articles_site_first_seen on articles (site, first_seen)")


def m004_fts_on_request(db: Database) -> None:
    for name in ("ai", "pending_ai", "ad", "au"):
        db.execute(f"drop trigger if exists articles_fts_{name}")
    drop_fts(db)
    db.execute("drop table if exists fts_pending")


def m005_one_notification(db: Database) -> None:
    """Keeps one row a finding in `faults` instead of one a channel, preferably one that was sent. Names in
    `notifications.channel` the recipients that a policy had, because policies no longer exist. Drops the counts of
    responses, which only a deleted metric showed.
    """
    # "alter table" would fail here, because triggers may already name columns that only a later step adds.
    db.execute(
        "create temp table kept_faults as select site, code, about, level, sentence, began_at, first_run, ended_at, "
        "end_run, starts, accepted, sent_level, sent_at, figure, sent_sentence, sent_figure from (select *, "
        "row_number() over (partition by site, code, about order by sent_at is null, sent_at desc, channel) as rank "
        "from faults) where rank = 1"
    )
    db.execute(
        "create temp table kept_notifications as select id, at, iif(policy = '', channel, channel || ' (' || policy || "
        "')'), changes, outcome, reason, attempts, sent_at from notifications"
    )
    for table in ("faults", "notifications"):
        db.execute(f"drop table {table}")
    for statement in _split_statements(NOTIFICATIONS):
        db.execute(statement)
    for table in ("faults", "notifications"):
        db.execute(f"insert into {table} select * from kept_{table}")
        db.execute(f"drop table kept_{table}")
    db.execute("drop table response_counts")


_FAULTS = """
-- What people have been told of each finding, until its end was sent.
create table faults (
    site text not null, -- the site's name, '' for the archive itself
    code text not null, -- of the finding
    about text not null,
    level text not null, -- as last seen
    sentence text not null,
    began_at text not null,
    first_run integer not null, -- in which it began; for the archive itself, hours since 1970
    ended_at text, -- since when it is not there
    end_run integer,
    accepted integer not null, -- 1: a person acknowledged it
    sent_level text not null, -- the worst level that was sent; green: none
    sent_at text,
    sent_sentence text not null, -- what was sent of it last; empty: nothing
    primary key (site, code, about)
) without rowid;
"""


def m006_faults_without_history(db: Database) -> None:
    """Drops the figures and earlier beginnings of findings, by which growth and coming and going were recognized."""
    db.execute(
        "create temp table kept_faults as select site, code, about, level, sentence, began_at, first_run, ended_at, "
        "end_run, accepted, sent_level, sent_at, sent_sentence from faults"
    )
    db.execute("drop table faults")
    for statement in _split_statements(_FAULTS):
        db.execute(statement)
    db.execute("insert into faults select * from kept_faults")
    db.execute("drop table kept_faults")


_FIRST_WORD = "substr(reason, 1, instr(reason, ' ') - 1)"
_FORMER_REASONS = (
    ("% says it changed at %", "updated", _FIRST_WORD),
    ("% has another date for it", "new date", _FIRST_WORD),
    ("% has other details for it", "new details", _FIRST_WORD),
    ("% has another text for it", "new text", _FIRST_WORD),
    ("% tells another text%", "new text", _FIRST_WORD),
    ("% no longer lists it", "delisted", _FIRST_WORD),
    ("% lists it again", "listed again", _FIRST_WORD),
    ("% lists it", "listed", _FIRST_WORD),
    ("% says that it is a page of this post", "claimed part", _FIRST_WORD),
    ("run % was undone", "undone run", "substr(reason, 5, length(reason) - 15)"),
    ("listed again after it was gone", "restored", "null"),
    ("sampled, because no source says when posts are edited", "sample", "null"),
    ("requested although a trap rule applies", "requested", "null"),
    ("only its list shows the site's newest posts", "leading list", "null"),
    ("it shows most of the site's older posts", "older list", "null"),
    ("it shows the site's oldest posts", "oldest list", "null"),
    ("several posts are gone, so lists are read again", "lists of gone posts", "null"),
    ("a post that it showed is gone", "list of gone post", "null"),
    ("another address of its post is gone", "other address of gone post", "null"),
    ("it redirects to a page that is gone", "redirects to gone page", "null"),
    ("a page to which it redirected redirects to it now", "redirect reversed", "null"),
    ("its post does not list it as a page", "no part", "null"),
    ("its capture was lost with the end of a WARC file", "lost capture", "null"),
    ("its removal was revoked", "revoked removal", "null"),
    ("other held pages show their posts again", "shown again", "null"),
    ("the site has new rules", "new rules", "null"),
    ("the site has moved to this address", "site moved", "null"),
    ("released by 'archiver sites release'", "released", "null"),
    ("robots.txt allows it now", "allowed", "null"),
)
"""How the reasons for which pages were due were written before, each with its code and SQL for what made it due."""
_FORMER_REMARKS = {
    "covered": r"^a feed, sitemap or API lists all posts, and the last pages()",
    "delisted": r"(\S+) no longer lists it, but it is still online",
    "hidden pages": r"only a script or a form requests its further pages()",
    "kept parts": r"page ([\d, ]+) of it cannot be fetched now, so its stored text is kept",
    "unread parts": r"page ([\d, ]+) of it could not be read",
}
_REMARKED = (
    "reason like '%no longer lists it, but it is still online%' or reason like '%requests its further pages%' or "
    "reason like 'a feed, sitemap or API lists all posts, and%' or reason like '%of it could not be read%' or "
    "reason like '%so its stored text is kept%'"
)


def m007_codes_for_due_pages(db: Database) -> None:
    """Stores why a page is due, and what else a fetch of it showed, as codes instead of words in `pages.reason`."""
    for column in ("due_for", "due_by", "remarks"):
        db.execute(f"alter table pages add column {column} text")
    db.execute("alter table withdrawn_articles add column rule text")
    db.execute("update withdrawn_articles set rule = 'copy' where reason like 'it is a copy of %'")
    for pattern, due_for, by in _FORMER_REASONS:
        db.execute(
            f"update pages set due_for = ?, due_by = {by}, reason = '' where reason like ? and due_at is not null",
            [due_for, pattern],
        )
    for page_id, reason in db.execute(f"select id, reason from pages where {_REMARKED}").fetchall():
        found = {name: m[1] for name, phrase in _FORMER_REMARKS.items() if (m := re.search(phrase, reason))}
        db.execute("update pages set remarks = ? where id = ?", [json.dumps(found), page_id])


MIGRATION_SET, MIGRATIONS_TABLE = "archiver", "_sqlite_migrations"
_MIGRATIONS_SCHEMA = (
    """CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
)""",
    """CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name")""",
)
"""The table in which sqlite-utils records migrations, as sqlite-utils makes it. A new archive is made without it."""
MIGRATIONS: tuple[Callable[[Database], None], ...] = (
    m001_schema_0_3_0,
    m002_access,
    m003_first_seen_index,
    m004_fts_on_request,
    m005_one_notification,
    m006_faults_without_history,
    m007_codes_for_due_pages,
)
"""All migrations in order. The name of the function is the name of the migration."""


def migration_names() -> list[str]:
    """Returns the names of all migrations, in order."""
    return [migration.__name__ for migration in MIGRATIONS]


def pending_migrations(db: Database) -> list[str]:
    """Returns the names of the migrations that were not applied to a database yet, in order."""
    applied: set[str] = set()
    if MIGRATIONS_TABLE in db.table_names():
        rows = db.execute(f"select name from {MIGRATIONS_TABLE} where migration_set = ?", [MIGRATION_SET])
        applied = {name for (name,) in rows}
    return [name for name in migration_names() if name not in applied]


def migrations() -> sqlite_utils.Migrations:
    """Returns the migrations as sqlite-utils runs them, which is imported here, because few archives need one."""
    import sqlite_utils

    made = sqlite_utils.Migrations(MIGRATION_SET)
    for migration in MIGRATIONS:
        made(name=migration.__name__)(_for_sqlite_utils(migration))
    return made


def _for_sqlite_utils(migration: Callable[[Database], None]) -> Callable[[sqlite_utils.Database], None]:
    return lambda db: migration(Database(db.conn))


def follow_field_table(db: Database) -> None:
    """Recreates what the schema derives from the field table: the triggers and the views. A migration calls it after
    adding the column of a new field.
    """
    derived = [(made, statement) for statement in SCHEMA if (made := _DERIVED.match(statement))]
    for made, _ in reversed(derived):
        db.execute(f"drop {made[1]} if exists {made[2]}")
    for _, statement in derived:
        db.execute(statement)


def make_schema(db: Database) -> bool:
    """Creates the schema in an empty database, in one transaction, because several transactions are many times slower
    on disk.

    Returns False and changes nothing if the database is not empty, even if another process has just filled it. If the
    process is killed, nothing is left behind. Raises sqlite3.Error.
    """
    conn = db.conn
    if not _is_empty(db):
        return False
    conn.execute("begin immediate")
    try:
        if empty := _is_empty(db):
            for statement in _MIGRATIONS_SCHEMA:
                db.execute(statement)
            for migration in MIGRATIONS:
                migration(db)
                applied = {"name": migration.__name__, "applied_at": str(datetime.now(UTC))}
                db.insert(MIGRATIONS_TABLE, {"migration_set": MIGRATION_SET, **applied})
        conn.execute("commit")
    except BaseException:
        if conn.in_transaction:  # if the disk is full, SQLite has rolled back already
            conn.execute("rollback")
        raise
    return empty


def missing_column_or_view(db: Database) -> str:
    """Returns the first view, or first column of an existing table, that pending migrations would add, as a phrase for
    a message; "" if they add only tables.
    """
    existing = {*db.table_names(), *db.view_names()}
    with closing(Database(sqlite3.connect(":memory:"))) as made:
        make_schema(made)
        for name in made.table_names():
            columns = _column_names(db, name)
            lacking = [column for column in _column_names(made, name) if column not in columns]
            if name in existing and lacking:
                return f"column {lacking[0]!r} in its table {name!r}"
        for name in made.view_names():
            if _column_names(db, name) != _column_names(made, name):
                return f"view {name!r} with the columns of this version"
    return ""


def _column_names(db: Database, table: str) -> list[str]:
    return [row[1] for row in db.execute(f'pragma table_info("{table}")')]


def create_missing_temp_tables(db: Database) -> None:
    """Creates the tables that an old archive lacks as empty temporary tables of this connection, so that queries find
    them.

    This is done for an archive that is only read: its file is not changed, and `table_names` still lists only its own
    tables.
    """
    existing = {*db.table_names(), *db.view_names()}
    with closing(Database(sqlite3.connect(":memory:"))) as made:
        make_schema(made)
        needed = dict(
            made.execute(
                "select name, sql from sqlite_master where type = 'table' and sql is not null "
                "and name not in (select name from pragma_table_list where schema = 'main' and type = 'shadow')"
            )
        )
    for name, sql in needed.items():
        if name not in existing and _TABLE.match(sql):
            db.conn.execute(f"create temp {sql[len('create ') :]}")


def _is_empty(db: Database) -> bool:
    return db.conn.execute("select 1 from sqlite_master limit 1").fetchone() is None
