"""A collection: articles by their numbers, as an address lists them (`?id=7&id=12`); nothing of it is stored here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from archiver.errors import ArticleNotFound, ArticleRemoved
from archiver.store.records import find_article
from archiver.web.answer import CannotAnswer

MOST = 500
"""So many articles have room in an address."""


@dataclass(frozen=True, slots=True)
class Picked:
    """`ids` in the order in which they were named, each once; `missing` says in sentences which are not there."""

    ids: tuple[int, ...]
    missing: tuple[str, ...]


def picked(db: Database, named: Iterable[str]) -> Picked:
    """Articles by number or address; one value may name several, with blanks or commas between. Raises CannotAnswer for
    more than MOST."""
    words = [word for text in named for word in text.replace(",", " ").split()]
    if len(words) > MOST:
        raise CannotAnswer(f"{len(words):,} articles", f"a collection has at most {MOST}: save a search instead")
    ids, missing = [], []
    for word in dict.fromkeys(words):
        try:
            ids.append(find_article(db, word))
        except (ArticleNotFound, ArticleRemoved) as error:
            missing.append(str(error))
    return Picked(tuple(dict.fromkeys(ids)), tuple(missing))


def fingerprint(found: Sequence[dict[str, Any]]) -> str:
    """What a collection is, in one word: the SHA-256 of the lines "url revision digest" of its articles, in the order
    of the lines. Whoever has the same versions of the same articles has the same."""
    lines = sorted(f"{one['url']} {one['revision']} {(one['capture'] or {}).get('digest') or '-'}" for one in found)
    return "sha256:" + hashlib.sha256("".join(f"{line}\n" for line in lines).encode("utf-8", "replace")).hexdigest()
