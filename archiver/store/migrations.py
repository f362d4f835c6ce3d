"""The schema of an archive, as the steps that build it. A released step is never edited.

sqlite-utils runs each step in a transaction of its own and remembers it in `_sqlite_migrations`;
an archive with a step that is not listed here was written by a newer version.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from archiver.store.provenance_views import PROVENANCE_VIEWS
from archiver.store.search_changes import SEARCH_TRIGGERS
from archiver.store.standing import SHORTENED, TRIGGERS, VERSIONS

migrations = Migrations("archiver")

FTS_COLUMNS = ("title", "body", "authors", "categories", "tags", "description")
FTS_TOKENIZER = "unicode61 remove_diacritics 2"


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
    db.table("articles").enable_fts(list(FTS_COLUMNS), create_triggers=True, tokenize=FTS_TOKENIZER)
    # The trigger sqlite-utils makes re-indexes a row at any update; a new last_seen is none of the index's business.
    old = db.execute("select sql from sqlite_master where name = 'articles_au'").fetchone()[0]
    db.execute("drop trigger articles_au")
    db.execute(old.replace("AFTER UPDATE ON", f"AFTER UPDATE OF {', '.join(FTS_COLUMNS)} ON"))


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


@migrations()
def m009_manners_and_rights(db: Database) -> None:
    # A host that asked for a longer pause than a run sits out (429 or 503 with Retry-After) is left alone until then.
    db.table("sites").add_column("quiet_until", str)
    # robots.txt and tdmrep.json as last read: asked for conditionally, and what holds while they cannot be read.
    db.table("host_files").create(
        {"origin": str, "name": str, "fetched_at": str, "status": int, "etag": str, "last_modified": str,
         "body": bytes},
        pk=("origin", "name"), not_null={"fetched_at", "status"},
    )
    # What a response said of its use. It never decides what is crawled; publishing reads it.
    db.table("rights").create(
        {"id": int, "capture_id": int, "source": str, "agent": str, "name": str, "value": str},
        pk="id", not_null={"capture_id", "source", "agent", "name", "value"},
        foreign_keys=[("capture_id", "captures", "id")],
    )
    db.table("rights").create_index(["capture_id"])
    db.table("rights").create_index(["name", "value"])


@migrations()
def m010_nowhere_and_traps(db: Database) -> None:
    # What the site answers for an address that does not exist (JSON), and when that was asked.
    db.table("sites").add_column("nowhere", str)
    db.table("sites").add_column("nowhere_at", str)
    db.table("runs").add_column("trapped", int)


@migrations()
def m011_distrusted(db: Database) -> None:
    # What the site's server says of change and is not believed, with the time at which it proved false (JSON).
    db.table("sites").add_column("distrusted", str)


@migrations()
def m012_captures_elsewhere(db: Database) -> None:
    # Of an address that a web archive's list (source cdx) tells of: when it was captured there first and last.
    db.table("page_sources").add_column("first_capture", str)
    db.table("page_sources").add_column("last_capture", str)


@migrations()
def m013_clusters(db: Database) -> None:
    # A cluster's number is given once: one that was merged or has no members left keeps its row.
    db.table("clusters").create(
        {"id": int, "source_id": int, "reason": str, "size": int, "since": str, "merged_into": int},
        pk="id", not_null={"size", "since"},
        foreign_keys=[("source_id", "articles", "id"), ("merged_into", "clusters", "id")],
    )
    db.execute("create index idx_articles_cluster_id on articles (cluster_id) where cluster_id is not null")
    db.execute("create index idx_clusters_source_id on clusters (source_id) where source_id is not null")
    db.table("near_copies").create(
        {"article_id": int, "other_id": int, "similarity": float, "reason": str},
        pk=("article_id", "other_id"), not_null={"similarity", "reason"},
        foreign_keys=[("article_id", "articles", "id"), ("other_id", "articles", "id")],
    )
    db.table("near_copies").create_index(["other_id"])
    db.table("cluster_sketches").create(
        {"article_id": int, "version": int, "keys": bytes},
        pk="article_id", not_null={"version", "keys"}, foreign_keys=[("article_id", "articles", "id")],
    )
    # No foreign key: to delete an article SQLite would read all of it. An entry of no article is passed over.
    db.execute("create table cluster_bands (key integer not null, article_id integer not null, "
               "primary key (key, article_id)) without rowid")
    # Whatever deletes an article: nothing of its cluster points to it any more. `clusters.leave` does the rest before.
    db.execute("""create trigger articles_clusters_ad after delete on articles begin
        delete from near_copies where article_id = old.id or other_id = old.id;
        delete from cluster_sketches where article_id = old.id;
        update clusters set source_id = nullif(source_id, old.id), size = size - 1 where id = old.cluster_id;
    end""")
    db.create_view("cluster_members", """
        select a.cluster_id, a.id as article_id, a.id = c.source_id as is_source, c.source_id, a.site, a.url, a.title,
               a.published, (select max(n.similarity) from near_copies n
                             where n.article_id = a.id or n.other_id = a.id) as similarity
        from articles a join clusters c on c.id = a.cluster_id""")


@migrations()
def m014_imports(db: Database) -> None:
    # One row a file of records that was read in. `member` and `inner` are the place from which a broken import goes on,
    # `warc_file` and `warc_end` where the records that belong to it end.
    db.table("imports").create(
        {"id": int, "name": str, "digest": str, "size": int, "options": str, "member": int, "inner": int,
         "counts": str, "problems": str, "started_at": str, "finished_at": str, "outcome": str, "warc_file": str,
         "warc_end": int},
        pk="id", not_null={"name", "digest", "size", "options", "member", "inner", "started_at"},
        defaults={"member": 0, "inner": 0, "counts": "{}", "problems": "[]"},
    )
    db.table("imports").create_index(["digest"])
    # Which import a capture came by, and which article it shows: the proof of when a version was seen. `aside`: it
    # shows a stub of it, or the same text at another address, and proves no version.
    db.table("captures").add_column("import_id", int)
    db.table("captures").add_column("article_id", int)
    db.table("captures").add_column("aside", int)
    db.execute("create index idx_captures_article_id on captures (article_id) where article_id is not null")
    # Pages that were read and are no posts, by a digest of their address and payload: none is read twice.
    db.table("past_pages").create({"key": int, "kind": str}, pk="key")
    # What addresses answered in the past in place of a page; it counts for posts that come to light later, too.
    db.table("past_answers").create(
        {"urlkey": str, "kind": str, "target": str, "at": str, "url": str, "import_id": int},
        pk=("urlkey", "kind", "target", "at"), not_null={"url"},
    )
    db.table("past_answers").create_index(["target"])
    # Revisit records whose original has not come to light yet.
    db.table("past_revisits").create(
        {"id": int, "url": str, "at": str, "digest": str, "refers_url": str, "refers_at": str, "not_modified": int,
         "import_id": int, "place": str},
        pk="id", not_null={"url", "at", "digest"},
    )
    db.table("past_revisits").create_index(["url", "at", "digest"], unique=True)
    db.table("sites").create_index(["host"])


@migrations()
def m015_provenance(db: Database) -> None:
    # A version that repeats an earlier one (`same_as`), and how often a post that is served in turns came back to one.
    # `previous` is the version that stood before it: not always the number before.
    for name, kind in (("previous", int), ("same_as", int), ("seen_again_at", str), ("extractor", str),
                       ("read_at", str), ("evidence", str)):
        db.table("revisions").add_column(name, kind)
    db.table("revisions").add_column("seen_again", int, not_null_default=0)
    db.execute("update revisions set previous = revision - 1 where revision > 1")
    # When the values were read, which for a re-extraction is not when the page was fetched. Empty: by a release that
    # did not keep it.
    db.table("articles").add_column("read_at", str)
    # The last re-extraction that has looked at the article: one that is stopped goes on with the others.
    db.table("articles").add_column("reextraction", int)
    db.table("reextractions").create(
        {"id": int, "started_at": str, "finished_at": str, "version": str, "request": str, "articles": int,
         "changed": int, "unreadable": int},
        pk="id", not_null={"started_at", "version", "request"},
    )
    for view in ("disagreements", "evidence"):
        db.execute(f"drop view {view}")
    for view, select in PROVENANCE_VIEWS.items():
        db.create_view(view, select)


@migrations()
def m016_standing_versions(db: Database) -> None:
    # What stands in `articles` is stored there alone: its version holds what differs. One statement in one transaction,
    # so that a kill leaves all as it was; SQLite puts what does not fit into its cache on the disk.
    db.execute(SHORTENED)
    for trigger in TRIGGERS:
        db.execute(trigger)
    db.create_view("versions", VERSIONS)


@migrations()
def m020_search_changes(db: Database) -> None:
    # Which articles the index beside the archive does not know yet as they are: a number each, anew at each change.
    db.execute("create table search_changes (seq integer primary key autoincrement, id integer not null unique)")
    db.table("search_state").create({"key": str, "value": str}, pk="key", not_null={"value"})
    for trigger in SEARCH_TRIGGERS:
        db.execute(trigger)
