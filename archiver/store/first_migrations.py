"""The schema of an archive, its first steps: those of 0.1.0 and 0.2.0. A released step is never edited."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("archiver")

_FTS_COLUMNS = ("title", "body", "authors", "categories", "tags", "description")
_FTS_TOKENIZER = "unicode61 remove_diacritics 2"


@migrations()
def m001_sites_and_runs(db: Database) -> None:
    db.table("sites").create(
        {"id": int, "name": str, "start_url": str, "host": str, "path": str, "platform": str,
         "settings": str, "added_at": str},
        pk="id", not_null={"name", "start_url", "host", "path", "added_at"}, defaults={"settings": "{}"},
    )
    db.table("sites").create_index(["name"], unique=True)
    db.table("runs").create(
        {"id": int, "site_id": int, "mode": str, "started_at": str, "finished_at": str, "outcome": str,
         "reason": str, "version": str, "requests": int, "bytes": int, "found": int, "fetched": int, "new": int,
         "revised": int, "unchanged": int, "aliased": int, "duplicate": int, "gone": int, "refused": int,
         "failed": int},
        pk="id", not_null={"site_id", "mode", "started_at"}, foreign_keys=[("site_id", "sites", "id")],
    )


@migrations()
def m002_pages_and_captures(db: Database) -> None:
    db.table("captures").create(
        {"id": int, "run_id": int, "url": str, "captured_at": str, "status": int, "media_type": str, "digest": str,
         "warc_file": str, "warc_offset": int, "warc_length": int, "record_type": str},
        pk="id", foreign_keys=[("run_id", "runs", "id")],
    )
    db.table("captures").create_index(["url", "captured_at"])
    db.table("captures").create_index(["digest"])
    db.table("pages").create(
        {"id": int, "site_id": int, "url": str, "urlkey": str, "kind": str, "outcome": str, "reason": str,
         "rule": str, "status": int, "article_id": int, "capture_id": int, "etag": str, "last_modified": str,
         "lastmod": str, "lead": str, "priority": int, "redirect_urlkey": str, "found_at": str, "fetched_at": str,
         "changed_at": str, "due_at": str, "attempts": int},
        pk="id", not_null={"site_id", "url", "urlkey", "kind", "outcome", "found_at"},
        defaults={"attempts": 0, "priority": 3},
        foreign_keys=[("site_id", "sites", "id"), ("capture_id", "captures", "id")],
    )
    db.table("pages").create_index(["urlkey"], unique=True)
    db.table("pages").create_index(["site_id", "outcome"])
    db.table("pages").create_index(["site_id", "priority", "due_at"])
    db.table("pages").create_index(["redirect_urlkey"])
    db.table("pages").create_index(["article_id"])
    db.table("page_sources").create(
        {"page_id": int, "source": str, "found_on": str, "first_seen": str, "last_seen": str},
        pk=("page_id", "source"), foreign_keys=[("page_id", "pages", "id")],
    )


@migrations()
def m003_articles_and_revisions(db: Database) -> None:
    db.table("articles").create(
        {"id": int, "url": str, "canonical_url": str, "site": str, "title": str, "body": str, "authors": str,
         "published": str, "published_precision": str, "modified": str, "categories": str, "tags": str,
         "geotags": str, "language": str, "description": str, "image": str, "credits": str, "revision": int,
         "first_seen": str, "last_seen": str, "gone_at": str, "duplicate_of": int, "cluster_id": int,
         "urlkey": str, "post_id": str, "guid": str, "platform": str, "content_digest": str,
         "meaning_digest": str, "capture_id": int, "evidence": str},
        pk="id", not_null={"url", "site", "title", "body", "revision", "first_seen", "last_seen", "urlkey"},
        foreign_keys=[("capture_id", "captures", "id"), ("duplicate_of", "articles", "id")],
    )
    for columns in (["site", "published"], ["published"], ["content_digest"], ["site", "post_id"], ["site", "guid"],
                    ["duplicate_of"]):
        db.table("articles").create_index(columns)
    # An address belongs to one article: its own (kind url) or an alias (kind canonical, redirect, moved, copy).
    db.table("addresses").create(
        {"urlkey": str, "url": str, "article_id": int, "kind": str, "first_seen": str},
        pk="urlkey", foreign_keys=[("article_id", "articles", "id")],
    )
    db.table("addresses").create_index(["article_id"])
    # One row a version, the current one too: `content` holds the fields of the record that make up its meaning.
    db.table("revisions").create(
        {"id": int, "article_id": int, "revision": int, "observed_at": str, "run_id": int, "capture_id": int,
         "changed": str, "title": str, "content": str, "meaning_digest": str},
        pk="id",
        foreign_keys=[("article_id", "articles", "id"), ("run_id", "runs", "id"), ("capture_id", "captures", "id")],
    )
    db.table("revisions").create_index(["article_id", "revision"], unique=True)


@migrations()
def m004_facets(db: Database) -> None:
    for table, link, key in (("authors", "article_authors", "author_id"),
                             ("categories", "article_categories", "category_id"),
                             ("tags", "article_tags", "tag_id")):
        db.table(table).create({"id": int, "name": str, "slug": str}, pk="id", not_null={"name"})
        db.table(table).create_index(["name"], unique=True)
        db.table(link).create(
            {"article_id": int, key: int, "position": int}, pk=("article_id", key),
            foreign_keys=[("article_id", "articles", "id"), (key, table, "id")],
        )
        db.table(link).create_index([key])
    db.table("geotags").create(
        {"id": int, "article_id": int, "latitude": float, "longitude": float, "placename": str, "region": str,
         "role": str, "source": str},
        pk="id", foreign_keys=[("article_id", "articles", "id")],
    )
    db.table("geotags").create_index(["article_id"])
    db.table("geotags").create_index(["latitude", "longitude"])


@migrations()
def m005_full_text(db: Database) -> None:
    db.table("articles").enable_fts(list(_FTS_COLUMNS), create_triggers=True, tokenize=_FTS_TOKENIZER)
    # The trigger sqlite-utils makes re-indexes a row at any update; a new last_seen is none of the index's business.
    old = db.execute("select sql from sqlite_master where name = 'articles_au'").fetchone()[0]
    db.execute("drop trigger articles_au")
    db.execute(old.replace("AFTER UPDATE ON", f"AFTER UPDATE OF {', '.join(_FTS_COLUMNS)} ON"))


@migrations()
def m006_precision_of_positions(db: Database) -> None:
    db.table("geotags").add_column("precision", float)


@migrations()
def m007_parts(db: Database) -> None:
    # The pages of the posts that are split over several: `post` is the urlkey of the post's own page, which is
    # number 1; number 0 is a view that shows all of them. `text` is kept because an unchanged page (304) sends none.
    db.table("parts").create(
        {"urlkey": str, "url": str, "post": str, "number": int, "text": str},
        pk="urlkey", not_null={"url", "post", "number"},
    )
    db.table("parts").create_index(["post", "number"])
    # Posts whose second page was met before pages were joined are read once more, unchanged or not.
    db.execute(
        "update pages set etag = null, last_modified = null, due_at = '1970-01-01T00:00:00+00:00' where kind = 'post' "
        "and exists (select 1 from pages p where p.urlkey in "
        "(pages.urlkey || '/2', pages.urlkey || '/page/2', pages.urlkey || '?page=2'))")


@migrations()
def m008_rules_and_evidence(db: Database) -> None:
    db.table("site_rules").create(
        {"id": int, "site_id": int, "toml": str, "by_hand": int, "pages": int, "learned_at": str, "since": str,
         "until": str},
        pk="id", not_null={"site_id", "toml", "by_hand", "learned_at"}, foreign_keys=[("site_id", "sites", "id")],
    )
    db.table("site_rules").create_index(["site_id"])
    # Which program and rules read the current values ("0.1.0 rules-3"): another reader is no edit of the post.
    db.table("articles").add_column("extractor", str)
    db.create_view("evidence", """
        select a.id as article_id, a.site, json_extract(e.value, '$.field') as field,
               json_extract(e.value, '$.value') as value, json_extract(e.value, '$.source') as source,
               json_extract(e.value, '$.locator') as locator, json_extract(e.value, '$.confidence') as confidence
        from articles a, json_each(a.evidence) e""")
    db.create_view("disagreements", """
        select article_id, site, field, count(distinct value) as answers, group_concat(distinct source) as sources
        from evidence where field not in ('credits', 'geotags') group by article_id, field
        having count(distinct value) > 1""")
