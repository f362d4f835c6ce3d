"""Redirects that lead back to where they began: each page of the circle has failed, for none shows anything."""

from __future__ import annotations

from sqlite_utils import Database

RULE = "redirect-loop"
REASON = "it redirects in a circle"


def onward(db: Database, key: str) -> list[str]:
    """The urlkeys that the redirects from `key` lead to, one after the other, until one is met again."""
    seen: dict[str, None] = {}
    while row := db.execute("select redirect_urlkey from pages where urlkey = ? and redirect_urlkey is not null",
                            [key]).fetchone():
        key = row[0]
        if key in seen:
            break
        seen[key] = None
    return list(seen)


def is_circle(db: Database, key: str, target: str) -> bool:
    """Whether a redirect from `key` to `target` closes a circle, as far as the ledger knows the others."""
    return key != target and key in onward(db, target)


def close_circle(db: Database, key: str) -> int:
    """The other pages of the circle that `key` is in have failed like it; returns of how many that is news."""
    others = [other for other in onward(db, key) if other != key]
    return sum(db.execute("update pages set outcome = 'failed', rule = ?, reason = ?, attempts = attempts + 1 "
                          "where urlkey = ? and outcome <> 'failed'", [RULE, REASON, other]).rowcount
               for other in others)
