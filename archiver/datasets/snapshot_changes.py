"""The changes from one version of a dataset to the next: the table `changes` and CHANGES.md."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archiver.api.exports import import_arrow
from archiver.datasets.snapshot_request import SnapshotRequest, SnapshotStatistics
from archiver.datasets.snapshot_tables import (
    ARTICLES,
    REVISIONS,
    WITHDRAWN,
    read_table,
    table_files,
)
from archiver.datasets.withheld_text import PASSAGE_WORDS
from archiver.datasets.word_counts import words_of_text
from archiver.model.errors import NotASnapshot, SnapshotRefused
from archiver.model.fields import MEANING

_SHOWN = tuple(
    sorted(
        {"licence", "description", "author_organizations", *MEANING}
        & {c.name for c in ARTICLES.columns} - {"title", "body"}
    )
)
"""Columns whose changes are listed one by one with their values, under "Other fields changed"."""
_NAMED = ("captions", "credits", "links", "markdown")
"""Columns whose changes are listed without their values, which may be long."""
_HIDDEN_BY_TIER = frozenset({"body", "description", *_NAMED})
"""Columns of which a lower tier publishes less. If the tier of an article has changed, changes in these columns are not
listed, and of no column a change from or to no value: they only show that more or less is published."""
_NEVER_PERSONAL = frozenset({"licence", "published"})
_TEXT = ("body", "excerpt", "sketch", "characters", "content_digest")
_COMPARED = (*("id", "url"), *("title", "gone_at"), *("tier", "split", "revision"), *_TEXT, *_SHOWN, *_NAMED)
_HEADINGS = {
    "added": "Added",
    "text": "Text changed",
    "headline": "Headline changed",
    "fields": "Other fields changed",
    "published": "Published in another way",
    "moved": "Moved to another URL",
    "gone": "Gone from the site",
    "returned": "Back on the site",
    "tier": "More or less is published",
    "split": "Moved to another split",
    "withdrawn": "Withdrawn",
    "removed": "No longer included",
}
"""The kinds of changes with their headings in CHANGES.md, in its order."""
_WITHHELD_HEADLINE = "the headline is withheld"
_LEFT_OUT = "the value before is left out"
"""The reason of a change whose old value is not repeated."""
_LISTED = 1_000
"""CHANGES.md lists at most this many changes under each heading. The table `changes` has all."""


def compare_snapshots(
    folder: Path, previous: Path, *, target: Path | None = None, hiding: str = ""
) -> Iterator[dict[str, Any]]:
    """Yields the changes of the articles from the snapshot in `previous` to that in `folder`, as rows of the table
    `changes`, sorted by its key. Raises NotASnapshot. If `target`, the folder in which the snapshot will be, is given,
    raises SnapshotRefused if the two have no article in common.

    The rows do not repeat what the new version withholds. A withdrawn article has only its identifier. The old value of
    a text is given only if it is too short to be a passage, or is a headline of a published revision. If `hiding` is
    given, because the two versions hide names or contacts in different ways (`hiding_difference`), the old value of a
    text is given only if it is such a headline, and `hiding` is the reason for the changes of an article that is the
    same in the archive.
    """
    reasons = {row["id"]: row["reason"] for row in read_table(table_files(folder, WITHDRAWN), ("id", "reason"))}
    with closing(sqlite3.connect("")) as db:  # SQLite moves this database to the disk when it outgrows memory
        for name, place in (("before", previous), ("now", folder)):
            db.execute(f"create table {name} (id text primary key, state text) without rowid")
            db.executemany(f"insert or replace into {name} values (?, ?)", _states(place))
        if target and not db.execute("select 1 from before join now using (id) limit 1").fetchone():
            raise SnapshotRefused(
                str(target), f"--previous {previous} has none of its articles; give the version before of this dataset"
            )
        db.execute("create table headlines (id text, title text, primary key (id, title)) without rowid")
        db.execute(
            "create table edits (id text, revision integer, changed text, primary key (id, revision)) without rowid"
        )
        files = table_files(folder, REVISIONS)
        db.executemany(
            "insert or ignore into headlines values (?, ?)",
            ((row["id"], row["title"]) for row in read_table(files, ("id", "title"))),
        )
        db.executemany(
            "insert or ignore into edits values (?, ?, ?)",
            (
                (row["id"], row["revision"], json.dumps(row["changed"]))
                for row in read_table(files, ("id", "revision", "changed"))
                if row["changed"]
            ),
        )
        is_divided = _have_splits(db)
        for name, before, now in db.execute(
            "select id, before.state, now.state from before full join now using (id) where before.state is not "
            "now.state order by id"
        ):
            if now is None and name in reasons:
                yield _change(name, {}, "withdrawn", reason=reasons[name])
                continue
            old, new = (json.loads(state) if state else {} for state in (before, now))
            if old and new and not is_divided:
                old["split"] = new["split"]
            yield from _changes_of(name, old, new, _OldValues(db, name, hiding))


def _have_splits(db: sqlite3.Connection) -> bool:
    """Returns True if both versions are divided into splits. Otherwise no article has moved to another one."""
    return all(
        db.execute(f"select 1 from {name} where json_extract(state, '$.split') is not null limit 1").fetchone()
        for name in ("before", "now")
    )


@dataclass(frozen=True, slots=True)
class _OldValues:
    """Decides which values that an article had in the previous version may be repeated in the list of changes.

    - `db`: a database with the headlines of the revisions in the new version, and the fields that they changed.
    - `name`: the identifier of the article.
    - `hiding`: how the new version hides names or contacts in a different way than the previous one; "" if it does not.
    """

    db: sqlite3.Connection
    name: str
    hiding: str

    def headline(self, title: str | None) -> str | None:
        row = self.db.execute("select 1 from headlines where id = ? and title = ?", [self.name, title]).fetchone()
        return title if row else self.value(title)

    def is_only_headline_edited(self, revision: int) -> bool:
        """Returns True if the revisions after `revision` changed the headline, and not the text."""
        rows = self.db.execute("select changed from edits where id = ? and revision > ?", [self.name, revision])
        return {field for (changed,) in rows for field in json.loads(changed)} & {"title", "body"} == {"title"}

    def value(self, value: Any) -> str | None:
        """Returns an old value as text; None if it must not be repeated, because the new version hides more or because
        the value has so many words that it may contain a passage of a text.
        """
        text = None if self.hiding else _value(value)
        return text if text and len(words_of_text(text)) < PASSAGE_WORDS else None


def _states(folder: Path) -> Iterator[tuple[str, str]]:
    """Yields the identifier of each article of a snapshot, and as JSON the values by which versions are compared."""
    pa, _ = import_arrow()
    try:
        for row in read_table(table_files(folder, ARTICLES), _COMPARED):
            body, excerpt, passages = (row.pop(name) or "" for name in ("body", "excerpt", "sketch"))
            row["text"] = _digest(f"{row['characters']} {body or passages}")
            row["body"] = _digest(body or excerpt)
            row.update((name, _digest(_value(row.get(name)) or "")) for name in _NAMED)
            yield row["id"], json.dumps(row, ensure_ascii=False, sort_keys=True, default=str)
    except (pa.ArrowException, OSError, KeyError) as error:
        why = " ".join(str(error).split())[:120]
        raise NotASnapshot(str(folder), f"its articles table cannot be read: {why}") from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def hiding_difference(before: SnapshotRequest, now: SnapshotRequest) -> str:
    """Returns a phrase that says how two successive versions differ in hiding names and contacts; "" if they do not
    differ.
    """
    found = []
    if before.pseudonymised != now.pseudonymised:
        found.append(
            "names of authors are not replaced by pseudonyms any more"
            if not now.pseudonymised
            else "pseudonyms are made with another key"
            if before.pseudonymised
            else "names of authors are replaced by pseudonyms"
        )
    if before.drop_contacts != now.drop_contacts:
        removed = "removed" if now.drop_contacts else "not removed any more"
        found.append(f"e-mail addresses and telephone numbers are {removed}")
    return ", and ".join(found)


def _change(name: str, row: dict[str, Any], what: str, **more: str | None) -> dict[str, Any]:
    out = {"id": name, "url": row.get("url"), "title": row.get("title"), "what": what}
    return {**out, **dict.fromkeys(("field", "from", "to", "reason")), **more}


def _changes_of(name: str, old: dict[str, Any], new: dict[str, Any], before: _OldValues) -> Iterator[dict[str, Any]]:
    """Yields the changes of one article as rows of the table `changes`, sorted by the column `what`. `old` and `new`
    are its values in the previous and the new version, {} if the version does not contain it. `before` decides which
    old values may be repeated.
    """
    if not old:
        yield _change(name, new, "added")
        return
    if not new:
        yield _change(name, {"url": old["url"]}, "removed")
        return
    changed = {field for field in (*_COMPARED, "text") if old.get(field) != new.get(field)}
    if "tier" in changed:
        empty = {field for field in ("title", *_SHOWN) if not (old.get(field) and new.get(field))}
        changed -= _HIDDEN_BY_TIER | empty
    rows = [*_changes_of_values(name, old, new, changed, before), *_changes_of_state(name, old, new, changed)]
    yield from sorted(rows, key=lambda row: (row["what"], row["field"] or ""))


def _changes_of_state(
    name: str, old: dict[str, Any], new: dict[str, Any], changed: set[str]
) -> Iterator[dict[str, Any]]:
    """Yields the changes of an article's state: that it is gone, has returned, or has another URL, split or tier.
    `changed` names the columns that differ.
    """
    if "gone_at" in changed and old["gone_at"] is None:
        yield _change(name, new, "gone", to=new["gone_at"])
    if "gone_at" in changed and new["gone_at"] is None:
        yield _change(name, new, "returned", **{"from": old["gone_at"]})
    for what, field in (("moved", "url"), ("split", "split"), ("tier", "tier")):
        if field in changed:
            yield _change(name, new, what, **{"field": field, "from": old[field], "to": new[field]})


def _changes_of_values(
    name: str, old: dict[str, Any], new: dict[str, Any], changed: set[str], before: _OldValues
) -> Iterator[dict[str, Any]]:
    """Yields the changes of what is published of an article: its headline, text and other fields. A change is of the
    kind "published" if the archive still has the same headline and text, or the same revision and the versions hide
    names or contacts in different ways.
    """
    is_same_text = not changed & {"content_digest", "tier"}
    is_same_article = is_same_text and "revision" not in changed and before.hiding != ""
    for field in sorted({*_SHOWN, *_NAMED} & changed):
        if field == "markdown" and not is_same_text:
            continue  # a change of the text is named once
        values = {} if field in _NAMED else _values(old.get(field), new.get(field), before.value(old.get(field)))
        if is_same_article and field not in _NEVER_PERSONAL:
            values["reason"] = before.hiding
            yield _change(name, new, "published", field=field, **values)
        else:
            yield _change(name, new, "fields", field=field, **values)
    why = before.hiding or "headline and text in the archive are the same"
    if "title" in changed:
        values = _values(old["title"], new["title"], before.headline(old["title"]))
        if is_same_text:
            yield _change(name, new, "published", **{**values, "field": "title", "reason": why})
        else:
            yield _change(name, new, "headline", field="title", **values)
    if "body" in changed and is_same_text:
        yield _change(name, new, "published", field="body", reason=why)
    if "content_digest" in changed and ("title" not in changed or "text" in changed):
        digests = {"from": old["content_digest"], "to": new["content_digest"]}
        is_headline = "text" not in changed and before.is_only_headline_edited(old["revision"])
        kind = ("headline", _WITHHELD_HEADLINE) if is_headline else ("text", None)
        yield _change(name, new, kind[0], field="content_digest", reason=kind[1], **digests)


def _values(old: Any, new: Any, shown: str | None) -> dict[str, str | None]:
    """Returns the value before, as far as it may be repeated (`shown`), the value now, and the reason if the value
    before is left out.
    """
    if old in (None, "", []):
        return {"from": _value(old), "to": _value(new)}
    return {"from": shown, "to": _value(new), "reason": None if shown else _LEFT_OUT}


def without_old_headline(row: dict[str, Any]) -> dict[str, Any]:
    """Returns a change of a headline without the headline before, and any other row of the table `changes` as it is."""
    if row["field"] != "title" or row["from"] is None:
        return row
    return {**row, "from": None, "reason": row["reason"] or _LEFT_OUT}


def _value(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def changes_text(stats: SnapshotStatistics, changes: Iterable[Mapping[str, Any]] | None, since: str = "") -> str:
    """Returns the text of CHANGES.md, which describes the differences from the previous version `since`. `changes` are
    the rows of the table `changes`, or None if there is no previous version or its folder was not available.
    """
    version = stats.request.version
    head = f"# Changes\n\n## {version} ({stats.day})"
    if stats.withdrawn:
        lines = "".join(f"- {name}: {single_line(reason)}\n" for name, reason in sorted(stats.withdrawn.items()))
        base = version.partition("+")[0]
        head = (
            f"{head}\n\nVersion {base}, built again without articles that were withdrawn since:\n\n{lines}\n## {base}"
        )
    if changes is None and since:
        return (
            f"{head}, since {since}\n\nThis copy was built without version {since}, "
            f"so it cannot list the changes. See CHANGES.md in the copy of {version} that was published first.\n"
        )
    if changes is None:
        return f"{head}\n\nNo previous version was given for a comparison.\n"
    intro = f"{head}, since {since}\n\nThe table `changes` lists these changes for programs.\n"
    return f"{intro}\n{differences_text(changes)}"


def differences_text(changes: Iterable[Mapping[str, Any]]) -> str:
    """Returns the text of a list of changes in Markdown, by kind."""
    listed: dict[str, list[str]] = {what: [] for what in _HEADINGS}
    counts = Counter[str]()
    reasons = dict[str, None]()
    for row in changes:
        counts[row["what"]] += 1
        if row["what"] == "published":
            reasons[row["reason"]] = None
        if counts[row["what"]] <= _LISTED:
            listed[row["what"]].append(_change_line(row))
    parts = []
    for what, heading in _HEADINGS.items():
        parts.append(f"### {heading}: {counts[what]:,}\n")
        if what == "published" and reasons:
            parts.append(f"Only how they are published differs: {'; '.join(reasons)}.\n")
        if listed[what]:
            parts.append("".join(listed[what]))
        if counts[what] > _LISTED:
            parts.append(f"- and {counts[what] - _LISTED:,} more\n")
    return "\n".join(parts)


def _change_line(row: Mapping[str, Any]) -> str:
    about = ", ".join(single_line(part) for part in (row["title"], row["url"]) if part)
    field = row["field"] if row["what"] in ("fields", "published") else ""
    values = row["to"] or row["reason"]
    if row["field"] == "content_digest":
        values = row["reason"]
    elif row["what"] == "published" or row["field"] in _NAMED:
        values = ""
    elif row["field"]:
        missing = "(left out)" if row["reason"] == _LEFT_OUT else "(not given)"
        values = f"{row['from'] or missing} → {row['to'] or '(not given)'}"
    return "- " + ": ".join(filter(None, (row["id"], about, field, values and single_line(values)))) + "\n"


def single_line(text: str) -> str:
    """Returns a text as a single line for the card: white space is collapsed, and `<` escaped so that it cannot contain
    HTML.
    """
    return " ".join(text.split()).replace("<", "&lt;")
