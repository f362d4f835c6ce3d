"""Triggers that note which articles the search index has to read anew.

Made by migration m020, and released: a later step drops what it changes.
"""

from __future__ import annotations

from archiver.fields import INDEXED

_LAST = ("revision", "first_seen")
SEARCHED = (*(name for name in INDEXED if name not in _LAST), *_LAST)
"""The columns of `articles` that an entry of the index is made from, in the order in which m020 wrote them."""

# Not "insert or replace": within a trigger the conflict rule of the statement that set it off would hold instead.
_NOTE = "delete from search_changes where id = {0}; insert into search_changes (id) select {0} where {0} is not null;"


def _trigger(name: str, event: str, *ids: str, when: str = "") -> str:
    notes = "\n        ".join(_NOTE.format(one) for one in ids)
    condition = f"when {when} " if when else ""
    return f"create trigger search_{name} after {event} {condition}begin\n        {notes}\n    end"


_CHANGED = " or ".join(f"old.{column} is not new.{column}" for column in SEARCHED)

SEARCH_TRIGGERS = (
    _trigger("article_ai", "insert on articles", "new.id", "new.duplicate_of"),
    _trigger("article_ad", "delete on articles", "old.id", "old.duplicate_of"),
    _trigger("article_au", f"update of {', '.join(SEARCHED)} on articles", "new.id", "old.duplicate_of",
             "new.duplicate_of", when=_CHANGED),
    _trigger("cluster_au", "update of source_id on clusters", "old.source_id", "new.source_id",
             when="old.source_id is not new.source_id"),
    _trigger("revision_au", "update of changed on revisions", "new.article_id", when="old.changed is not new.changed"),
    _trigger("revision_ai", "insert on revisions", "new.article_id", when="new.revision > 1"),
    _trigger("revision_ad", "delete on revisions", "old.article_id", when="old.revision > 1"),
)
