"""The addresses of articles as they are stored: an article's own stands in `articles` alone, the others in `aliases`,
and the view `addresses` has both.

Rows of `aliases` come first: one of the kind `url` is there where the own address of an article says more than
its row, since when it is its own, say, or which of two articles owns an address that a site gave to another post.
Who writes to the view writes to `aliases`. The statements are of migration m025, and released: a later step drops
what it changes.
"""

from __future__ import annotations

from sqlite_utils import Database

_COLUMNS = "urlkey, url, article_id, kind, first_seen"
_NEW = "values (new.urlkey, new.url, new.article_id, new.kind, new.first_seen)"
_IS_ANOTHER = " or ".join(f"old.{name.strip()} is not new.{name.strip()}" for name in _COLUMNS.split(","))
VIEW = f"""
    select {_COLUMNS} from aliases
    union all
    select a.urlkey, a.url, a.id, 'url', a.first_seen from articles a
    where not exists (select 1 from aliases s where s.urlkey = a.urlkey)"""
TRIGGERS = (
    f"create trigger addresses_ii instead of insert on addresses begin\n"
    f"        insert into aliases ({_COLUMNS}) {_NEW};\n    end",
    f"create trigger addresses_iu instead of update on addresses when {_IS_ANOTHER} begin\n"
    f"        delete from aliases where urlkey = old.urlkey;\n"
    f"        insert into aliases ({_COLUMNS}) {_NEW};\n    end",
    "create trigger addresses_id instead of delete on addresses begin\n"
    "        delete from aliases where urlkey = old.urlkey;\n    end",
    # Whoever gives an article another address: by the one it had it is still known.
    "create trigger articles_moved_au after update of urlkey on articles when old.urlkey is not new.urlkey "
    "and not exists (select 1 from aliases where urlkey = old.urlkey) begin\n"
    f"        insert into aliases ({_COLUMNS}) values (old.urlkey, old.url, old.id, 'moved', old.first_seen);\n    end",
)


def make(db: Database) -> None:
    """The table, out of the one that had all addresses, and the view in its place."""
    db.execute("create index idx_articles_urlkey on articles (urlkey)")
    db.execute("drop index if exists idx_addresses_article_id")
    db.execute("create table aliases (urlkey text primary key, url text, article_id integer references articles(id), "
               "kind text, first_seen text) without rowid")
    # An address that says no more than the row of its only article is left out.
    db.execute(f"insert into aliases ({_COLUMNS}) select {_COLUMNS} from addresses d where urlkey is not null and not "
               "(kind is 'url' and exists (select 1 from articles a where a.id = d.article_id and a.urlkey = d.urlkey "
               "and a.url is d.url and a.first_seen is d.first_seen) and not exists "
               "(select 1 from articles o where o.urlkey = d.urlkey and o.id <> d.article_id)) order by urlkey")
    db.execute("drop table addresses")
    db.execute("create index idx_aliases_article_id on aliases (article_id)")
    db.create_view("addresses", VIEW)
    for trigger in TRIGGERS:
        db.execute(trigger)
