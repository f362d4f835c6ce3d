"""What is on the screen as a file: `?as=csv` with the arguments of a search, or with `id=` those of a collection."""

from __future__ import annotations

from typing import IO

from sqlite_utils import Database

from archiver.web.answer import Asked, CannotAnswer, Download
from archiver.web.asking import query_of
from archiver.web.exports import KINDS, found_ids
from archiver.web.picked import picked


def page(asked: Asked) -> Download:
    if (name := asked.one("as")) not in KINDS:
        raise CannotAnswer(f"export as {name}", f"it can be exported as {', '.join(KINDS)}")
    kind = KINDS[name]
    named = asked.many("id")
    ids = picked(asked.db, named).ids if named else found_ids(asked.db, query_of(asked))

    def write(db: Database, out: IO[bytes]) -> None:
        kind.write(db, ids, out)

    return Download(write, kind.media_type, f"{'collection' if named else 'search'}.{kind.ending}")
