"""Reads column values as the types that the field table gives them (`Shape`: a time, a list of texts ...), even if
another program wrote invalid values, and lists the values that complete a command line.

An invalid value is read as None or empty, so that it does not prevent reading the rest of the row. `archiver verify`
reports it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from archiver.markup.text_marks import Packed, pack_marks, unpack_marks
from archiver.model.fields import GEOTAG_KEYS, LINKS, PAGE_FIELDS, STORED_LISTS, Shape
from archiver.model.words import count_noun
from archiver.storage import Database

IS_LIVE = "(id not in (select article_id from withdrawn_articles))"
"""SQL: an article that has not been withdrawn."""
VERSION_COUNT = "(select count(*) from revisions v where v.article_id = a.id)"
"""SQL: the number of versions of the article `a`, as all pages and commands count them: each observed state is one."""
_DEGREES = frozenset({"latitude", "longitude", "precision"})


def stored_time(text: object) -> datetime | None:
    """Returns the time in an ISO 8601 text, taken as UTC if the text contains no zone; None if the text is not a
    time.
    """
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


def stored_object(text: object) -> dict[str, Any]:
    """Returns the JSON object in a column as a dict; {} if the column does not contain a valid object."""
    found = _from_json(text)
    return found if isinstance(found, dict) else {}


def settings_of(value: object) -> dict[str, Any]:
    """Returns a site's own settings from its column, decoded from JSON.

    Returns {"crawl": False} if the settings are unreadable, because they may have forbidden crawling or set a longer
    delay.
    """
    return stored_object(value) or ({} if value in (None, "", "{}", {}) else {"crawl": False})


def stored_texts(value: object) -> list[str]:
    """Returns the texts of a JSON list, as a column of lists stores it; [] for any other value."""
    found = _from_json(value)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _time(value: object) -> str | None:
    return value if isinstance(value, str) and stored_time(value) else None


def _geotags(value: object) -> list[dict[str, Any]]:
    found = _from_json(value)
    return (
        [
            {key: (_degree if key in _DEGREES else _text)(one.get(key)) for key in GEOTAG_KEYS}
            for one in found
            if isinstance(one, dict)
        ]
        if isinstance(found, list)
        else []
    )


def _marks(value: object) -> Packed:
    return pack_marks(unpack_marks(_from_json(value)))


def _degree(value: object) -> float | None:
    return value if isinstance(value, int | float) and isfinite(value) else None


def _from_json(value: object) -> object:
    """Returns the decoded value of a JSON text; None if the text is not valid JSON. A value that is not text is
    returned unchanged.
    """
    if not isinstance(value, str | bytes):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None


SHAPED: dict[Shape, Callable[[object], Any]] = {
    "text": _text,
    "integer": _integer,
    "time": _time,
    "texts": stored_texts,
    "geotags": _geotags,
    "marks": _marks,
}
"""For each shape, the function that reads a value of this shape. It returns None or [] if the value has a different
shape."""


# The values that a person may type, for the completion of command lines.

_OFFERED = 200
_TYPED: dict[str, tuple[str, str]] = {
    "site": (
        f"select s.name, (select count(*) from articles where site = s.name and {IS_LIVE}) from sites s "
        "where {} order by 1",
        "article",
    ),
    "site tag": ("select tag, count(*) from site_tags where {} group by 1", "site"),
    "language": ("select language, count(*) from articles where {} group by 1 order by 2 desc", "article"),
    "saved search": ("select name, '' from saved_searches where {} order by 1", ""),
    "article": ("select id, title from articles where {} order by 1 desc", ""),
    "run": ("select r.id, s.name from runs r join sites s on s.id = r.site_id where {} order by 1 desc", ""),
    **{
        link.word: (
            f"select t.name, count(*) from {link.table} t join {link.table_of_links} l on l.{link.key} = t.id "
            "where {} group by t.id order by 2 desc, 1",
            "article",
        )
        for link in LINKS
    },
}
"""For each kind of value, the statement that selects values and notes (`{}` is the condition on the value), and the
noun for a note that is a number.
"""


def values_beginning_with(db: Database, kind: str, prefix: str) -> list[tuple[str, str]]:
    """Returns the values of a kind (site, site tag, author, category, tag, language, saved search, article, run) that
    begin with `prefix`, each with a note that says what it is. Case is ignored in ASCII letters.
    """
    statement, noun = _TYPED[kind]
    column = statement.removeprefix("select ").partition(",")[0]
    begins = f"cast({column} as text) like ? escape '\\'"
    pattern = re.sub(r"([%_\\])", r"\\\1", prefix) + "%"
    found = db.execute(f"{statement.format(begins)} limit {_OFFERED}", [pattern])
    return [(str(value), count_noun(note, noun) if noun else note or "") for value, note in found]


TEXTS = tuple(name for name in PAGE_FIELDS if name not in STORED_LISTS)


LISTS = tuple(name for name in PAGE_FIELDS if name in STORED_LISTS)


def _revision_json(article: str, name: str) -> str:
    """Returns the SQL expression by which a JSON function gets the column `name` of the row with the alias `article`. A
    list column with invalid JSON is passed as text, so that the statement does not fail.
    """
    column = f"{article}.{name}"
    return f"case when json_valid({column}) then json({column}) else {column} end" if name in LISTS else column


def with_missing_fields(content: str, article: str, names: tuple[str, ...]) -> str:
    """Returns an SQL expression: the JSON object `content` (itself an SQL expression), completed with those of the
    fields `names` that it lacks. Their values come from the row of `articles` with the alias `article`.
    """
    values = ", ".join(f"'$.{name}', {_revision_json(article, name)}" for name in names)
    return f"json_insert({content}, {values})"
