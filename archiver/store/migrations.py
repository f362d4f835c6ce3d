"""The schema of an archive, as the steps that build it. A released step is never edited.

sqlite-utils runs each step in a transaction of its own and remembers it in `_sqlite_migrations`;
an archive with a step that is not listed here was written by a newer version.
"""

from __future__ import annotations

from sqlite_utils import Database

from archiver.store import aliases, evidence_form, evidence_kinds, fulltext, page_counts, tellers
from archiver.store.by_key import BY_KEY, keyed
from archiver.store.first_migrations import migrations
from archiver.store.health.tables import HEALTH_TABLES
from archiver.store.import_tables import make_import_tables
from archiver.store.provenance_views import PROVENANCE_VIEWS
from archiver.store.requisite_tables import REQUISITE_TABLES
from archiver.store.saved_searches import STATEMENTS as SAVED_SEARCHES
from archiver.store.search_changes import SEARCH_TRIGGERS
from archiver.store.standing import SHORTENED, TRIGGERS, VERSIONS
from archiver.store.tag_tables import TAG_TABLES
from archiver.store.takedown import schema as takedown

__all__ = ["migrations"]


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
    make_import_tables(db)


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
    # Evidence took a fifth of an archive, most of it the names of its values.
    for statement in evidence_form.SHORTENED:
        db.execute(statement)
    for view, select in evidence_form.VIEWS.items():
        db.execute(f"drop view {view}")
        db.create_view(view, select)
    # Most articles have no number of their platform, and all searches for one are for one that is there.
    for columns in ("post_id", "guid"):
        db.execute(f"drop index idx_articles_site_{columns}")
        db.execute(f"create index idx_articles_site_{columns} on articles (site, {columns}) "
                   f"where {columns} is not null")


@migrations()
def m017_removals(db: Database) -> None:
    takedown.create(db)


@migrations()
def m018_requisites(db: Database) -> None:
    for statement in REQUISITE_TABLES:
        db.execute(statement)


@migrations()
def m020_search_changes(db: Database) -> None:
    # Which articles the index beside the archive does not know yet as they are: a number each, anew at each change.
    db.execute("create table search_changes (seq integer primary key autoincrement, id integer not null unique)")
    db.table("search_state").create({"key": str, "value": str}, pk="key", not_null={"value"})
    for trigger in SEARCH_TRIGGERS:
        db.execute(trigger)


@migrations()
def m022_saved_searches(db: Database) -> None:
    for statement in SAVED_SEARCHES:
        db.execute(statement)


@migrations()
def m024_shared_once(db: Database) -> None:
    # Evidence took a fifth of an archive of short posts: that a title stood in h1.entry-title was stored with each.
    for statement in (*evidence_kinds.TABLE, *evidence_kinds.SHORTENED):
        db.execute(statement)
    for view, select in evidence_kinds.NEW_VIEWS.items():
        db.execute(f"drop view {view}")
        db.create_view(view, select)
    # Rows whose key is most of what they say are stored by it, and not a second time in an index.
    for table, columns in BY_KEY.items():
        keyed(db, table, columns)


@migrations()
def m021_body_first(db: Database) -> None:
    # FTS5 names the column of each word but for the first one: a quarter of the index, while titles stood there.
    fulltext.make(db)


@migrations()
def m029_measures(db: Database) -> None:
    # The last runs of each of thousands of sites are read every half a minute.
    db.execute("create index idx_runs_site_id on runs (site_id)")
    # What a run measured of its site: see `store.run_measures` (JSON).
    db.table("runs").add_column("measures", str)


@migrations()
def m030_health_and_tags(db: Database) -> None:
    for statement in (*HEALTH_TABLES, *TAG_TABLES):
        db.execute(statement)


@migrations()
def m027_withdrawn_records(db: Database) -> None:
    # What a removed post was called in datasets: these tell that it was withdrawn by nothing but this and the reason.
    db.table("removals").add_column("record_id", str)


@migrations()
def m025_said_once(db: Database) -> None:
    # An article's own address stood in `articles`, in `addresses`, and in the index of that.
    aliases.make(db)
    # An address that a sitemap told of had the sitemap's in its row, in each of a thousand.
    tellers.make(db)
    # What a text was entered with in the index of near copies follows from the text.
    db.execute("alter table cluster_sketches drop column keys")
    # Of one address or original there are few rows, which need not lie in order; most have none at all.
    for index, columns in (("captures_url_captured_at", "captures (url)"),
                           ("articles_duplicate_of", "articles (duplicate_of)"),
                           ("pages_redirect_urlkey", "pages (redirect_urlkey)")):
        db.execute(f"drop index if exists idx_{index}")
        table, column = columns.rstrip(")").split(" (")
        where = "" if table == "captures" else f" where {column} is not null"
        db.execute(f"create index idx_{table}_{column} on {columns}{where}")


@migrations()
def m031_counted(db: Database) -> None:
    # A site of a hundred thousand pages was counted for a second whenever somebody looked at it.
    page_counts.make(db)
    # What is missing is found, in its order, without the rows of pages; the few that are special by themselves.
    db.execute("drop index if exists idx_pages_site_id_outcome")
    db.execute("create index idx_pages_site_id_outcome on pages (site_id, outcome, kind, priority)")
    db.execute("create index idx_pages_site_id_rule on pages (site_id, rule) where rule in ('soft-404', "
               "'repeated listing', 'attachment', 'redirect-loop', 'login wall', 'consent wall')")
    for name, condition in (("gone", "gone_at is not null"), ("copy", "duplicate_of is not null"),
                            ("revised", "revision > 1")):
        db.execute(f"create index idx_articles_site_{name} on articles (site) where {condition}")
    # All addresses are searched for letters in them: beside the keys they are a twentieth of the articles.
    db.execute("drop index if exists idx_articles_urlkey")
    db.execute("create index idx_articles_urlkey on articles (urlkey, url)")
