"""What Datasette could not answer, and what nobody foresaw, as a page of ours; the rest is in the log.

Datasette's own handler prints, where `rich` is installed, every variable of every function that was under way: it is
unregistered by `archiver.web.server`.
"""

from __future__ import annotations

import logging
import re
import sqlite3
from pathlib import Path

from datasette.utils.asgi import Base400, Forbidden, NotFound
from datasette.views.base import DatasetteError

from archiver.errors import (
    ArchiveDamaged,
    ArchiveLocked,
    ArchiveNotFound,
    ArchiveNotWritable,
    ArchiveTooNew,
    DiskFull,
    NotAnArchive,
)
from archiver.store.faults import fault_of, is_fault
from archiver.web.site import DATABASE

_LOG = logging.getLogger(__name__)
_TOO_LONG = "This SQL takes longer than a page may take: narrow it, or ask it with sqlite3, which has no limit."
_UNREAD = "The archive cannot be read at present: what is wrong stands in the log of the server."
_LOCKED = "Another program has locked the archive: ask again when it has ended."
# What SQLite says of a query for its full-text index.
_NO_QUERY = re.compile("fts5: |unterminated string|unknown special query")
UNREADABLE = (ArchiveNotFound, NotAnArchive, ArchiveTooNew, ArchiveLocked, ArchiveDamaged, ArchiveNotWritable, DiskFull)
"""What `open_archive` says of the place an archive lies in. It names folders, which are nothing to readers."""
OWN = "datasette.handle_exception"
"""The name of Datasette's own handler among its plugins."""


def failure(path: str, error: Exception, archive: Path, searched: str | None = None) -> tuple[int, str]:
    """The status and the sentence for what came of an address; a fault of the program, or of the place that
    the archive lies in, is written into the log. `searched` is what a table was to be searched for."""
    if isinstance(error, NotFound) and path.split("/")[1:2] != [DATABASE]:
        return 404, f"There is no page at {path}."
    if isinstance(error, Forbidden):
        return 403, _sentence(str(error))
    if isinstance(error, Base400):
        return error.status, _sentence(str(error.args[0]) if error.args else "404")
    if isinstance(error, DatasetteError):
        if searched is not None and _NO_QUERY.match(str(error.message)):
            shown = searched[:80] + "…" * (len(searched) > 80)
            return 400, f"The search of a table cannot read '{shown}': ask it of /search, which says what is wrong."
        # Datasette answers 500 where a column to sort by is not there; what it says in HTML is that SQL took too long.
        return (400 if error.status == 500 else error.status,
                _TOO_LONG if error.message_is_html else _sentence(str(error.message)))
    if isinstance(error, sqlite3.Error) and is_fault(error):
        error = fault_of(error, archive)
    if isinstance(error, UNREADABLE):
        _LOG.error("%s", error)
        return 503, _LOCKED if isinstance(error, ArchiveLocked) else _UNREAD
    _LOG.error("The page %s could not be made.", path, exc_info=error)
    return 500, "This page could not be made: what went wrong stands in the log of the server."


def _sentence(said: str) -> str:
    return "There is no such page." if said == "404" else said[:1].upper() + said[1:].rstrip(".") + "."
