"""Compares two revisions of an article, as data or as HTML.

The HTML escapes all archived text. Edits are <ins> and <del> elements (HTML, section 4.7), labelled for screen readers.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

from archiver.articles.word_diff import DiffOp, Piece, set_diff, word_diff
from archiver.markup.text_marks import IMAGE_KINDS, unpack_marks
from archiver.model.fields import BY_NAME, COMPARED, PROSE
from archiver.model.items import format_degrees

# The differences as data.

Record = dict[str, Any]


def changed_values(before: Record, after: Record) -> dict[str, tuple[Any, Any]]:
    """Returns the fields of `COMPARED` that differ between two records, each with its values (before, after), in the
    order of the field table. The markup is represented by its links and images.
    """
    pairs = {name: (_compared(name, before), _compared(name, after)) for name in COMPARED}
    return {name: (old, new) for name, (old, new) in pairs.items() if old != new}


def _compared(name: str, record: Record) -> Any:
    """Returns the value of a field as it is compared: the markup as its links ("link URL") and images ("image URL")."""
    if BY_NAME[name].shape != "marks":
        return record[name]
    marks = unpack_marks(record[name])
    found = [f"link {m.value}" for m in marks if m.kind == "a" and not m.value.startswith("#")]
    found += [f"link {m.link}" for m in marks if m.link]
    return sorted({*found, *(f"image {m.value}" for m in marks if m.kind in IMAGE_KINDS)})


def edited_texts(before: Record, after: Record) -> dict[str, tuple[Piece, ...]]:
    """Returns a word-by-word diff of each text field that differs between two records (title, body, description)."""
    return {
        name: word_diff(before[name] or "", after[name] or "")
        for name in PROSE
        if (before[name] or "") != (after[name] or "")
    }


def edited_lists(before: Record, after: Record) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Returns the list fields that differ between two records (authors, categories, tags, geotags, credits), each as
    (added, removed).

    Both `added` and `removed` are empty if only the order differs.
    """
    out = {}
    for name, (old, new) in changed_values(before, after).items():
        if BY_NAME[name].is_list:
            out[name] = set_diff([as_text(v) for v in old or ()], [as_text(v) for v in new or ()])
    return out


def as_text(value: Any) -> str:
    """Formats a list entry as text: a name unchanged, a place with its coordinates."""
    if isinstance(value, str):
        return value
    name = ", ".join(part for part in (value.get("placename"), value.get("region")) if part)
    if value.get("latitude") is None:
        return name or json.dumps(value, ensure_ascii=False)
    position = format_degrees(value["latitude"], value["longitude"])
    return f"{name} ({position})" if name else position


def operations(before: Record, after: Record) -> dict[str, Any]:
    """Returns the differences between two records as JSON-ready data: `{field: [{op, text}]}` for texts, `{field:
    {added, removed}}` for lists.

    `op` is equal, delete or insert. The old text consists of all pieces except the inserted ones, the new text of all
    pieces except the deleted ones.
    """
    texts = {
        name: [{"op": str(piece.op), "text": piece.text} for piece in pieces]
        for name, pieces in edited_texts(before, after).items()
    }
    lists = {
        name: {"added": list(added), "removed": list(removed)}
        for name, (added, removed) in edited_lists(before, after).items()
    }
    return {**texts, **lists}


def diff_as_data(before: Record, after: Record, revisions: Sequence[Record]) -> dict[str, Any]:
    """Returns the comparison of two revisions of an article as JSON-ready data. `revisions` are the article's rows of
    the table `revisions`.

    Keys: id and url (of the article), from and to (revision numbers), from_undone_at and to_undone_at (when that
    revision was undone), changed (names of fields), operations (see `operations`), and diff (lines of a unified diff).
    """
    undone = {one["revision"]: one["undone_at"] for one in revisions}
    return {
        "id": after["id"],
        "url": after["url"],
        "from": before["revision"],
        "to": after["revision"],
        "from_undone_at": undone.get(before["revision"]),
        "to_undone_at": undone.get(after["revision"]),
        "changed": {name: {"before": old, "after": new} for name, (old, new) in changed_values(before, after).items()},
        "operations": operations(before, after),
        "diff": "\n".join(unified_diff(before, after)),
    }


def previous_revision(revisions: Sequence[Record], number: int) -> int:
    """Returns the number of the revision before revision `number`; 1 for the first. `revisions` are rows of the table
    `revisions`.
    """
    previous = next((one["previous"] for one in revisions if one["revision"] == number), None)
    return int(previous or max(1, number - 1))


def unified_diff(before: Record, after: Record) -> list[str]:
    """Returns the lines of a unified diff of title and body, compared by paragraph; [] if both are equal."""
    return list(
        difflib.unified_diff(
            _lines(before),
            _lines(after),
            f"revision {before['revision']}",
            f"revision {after['revision']}",
            lineterm="",
        )
    )


def _lines(record: Record) -> list[str]:
    return [record["title"], "", *record["body"].split("\n")]


# The differences as HTML.

_CONTROL = dict.fromkeys(
    [*range(9), 11, 12, *range(14, 32), 127, *range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)


def edited_fields_html(before: dict[str, Any], after: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields each differing field other than title and body as (name, HTML with the edits marked)."""
    texts, lists = edited_texts(before, after), edited_lists(before, after)
    for name, (old, new) in changed_values(before, after).items():
        if name in ("title", "body"):
            continue
        if name in texts:
            cell = pieces_as_html(texts[name])
        elif name in lists:
            added, removed = lists[name]
            pieces = [Piece(DiffOp.DELETE, one) for one in removed] + [Piece(DiffOp.INSERT, one) for one in added]
            cell = ", ".join(_marked(pieces)) or "order changed"
        else:
            cell = " ".join(
                _marked([Piece(DiffOp.DELETE, str(old or "none")), Piece(DiffOp.INSERT, str(new or "none"))])
            )
        yield name, cell


def pieces_as_html(pieces: Iterable[Piece], *, paragraphs: bool = False) -> str:
    """Formats the pieces of a diff as HTML with <del> and <ins>. If `paragraphs` is True, each blank line starts a new
    <p>. A space is put between a removed piece and the piece that replaces it, if neither has one there.
    """
    out: list[str] = []
    before: Piece | None = None
    for piece in pieces:
        if before is not None and _needs_space(before, piece):
            out.append(" ")
        out += _marked([piece], paragraphs=paragraphs)
        before = piece
    return "".join(out)


def _needs_space(before: Piece, piece: Piece) -> bool:
    is_edit = DiffOp.EQUAL not in (before.op, piece.op) and before.op is not piece.op
    return is_edit and not before.text[-1:].isspace() and not piece.text[:1].isspace()


def _marked(pieces: Iterable[Piece], *, paragraphs: bool = False) -> Iterator[str]:
    """Yields each piece of a diff as HTML. A <del> or <ins> over several paragraphs becomes one per paragraph, because
    HTML does not allow it to extend beyond the end of a paragraph.
    """
    for piece in pieces:
        parts = piece.text.split("\n\n") if paragraphs else [piece.text]
        yield "</p><p>".join(_mark(piece.op, part) for part in parts)


def _mark(op: DiffOp, text: str) -> str:
    if op is DiffOp.EQUAL or not text:
        return _text(text)
    tag, label = ("ins", "added: ") if op is DiffOp.INSERT else ("del", "removed: ")
    return f'<{tag}><span class="visually-hidden" lang="en">{label}</span>{_text(text)}</{tag}>'


def _text(text: str) -> str:
    return escape(text.translate(_CONTROL), quote=False)
