"""Two versions of an article as one page of HTML that needs nothing else: to be mailed or printed.

Everything that the web wrote is escaped; there is no script, and nothing is loaded. Edits are <ins> and <del>
(HTML, section 4.7), marked by more than their colour, and said in words to who listens. Arabic, Hebrew and their like
are set from the right.
"""

from __future__ import annotations

import difflib
import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

from archiver.articles.word_diff import DiffOp, Piece, set_diff, word_diff
from archiver.fields import BY_NAME, COMPARED, PROSE

# Two versions of an article side by side.

Record = dict[str, Any]


def changed_values(before: Record, after: Record) -> dict[str, tuple[Any, Any]]:
    """The fields that differ between two records, in the table's order, each as (before, after)."""
    return {name: (before[name], after[name]) for name in COMPARED if before[name] != after[name]}


def edited_texts(before: Record, after: Record) -> dict[str, tuple[Piece, ...]]:
    """The texts that differ (title, body, description), word by word."""
    return {
        name: word_diff(before[name] or "", after[name] or "")
        for name in PROSE
        if (before[name] or "") != (after[name] or "")
    }


def edited_lists(before: Record, after: Record) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The lists that differ (authors, categories, tags, geotags, credits): what came in, what was taken out.

    A list in another order has neither.
    """
    out = {}
    for name, (old, new) in changed_values(before, after).items():
        if BY_NAME[name].is_list:
            out[name] = set_diff([as_text(v) for v in old or ()], [as_text(v) for v in new or ()])
    return out


def as_text(value: Any) -> str:
    """One entry of a list in words: a name, or a place with its position."""
    if isinstance(value, str):
        return value
    name = ", ".join(part for part in (value.get("placename"), value.get("region")) if part)
    if value.get("latitude") is None:
        return name or json.dumps(value, ensure_ascii=False)
    position = f"{value['latitude']:g},{value['longitude']:g}"
    return f"{name} ({position})" if name else position


def operations(before: Record, after: Record) -> dict[str, Any]:
    """For programs: `{field: [{op, text}]}` of texts, `{field: {added, removed}}` of lists; op is equal, delete or
    insert, and the pieces that are not inserted are the old text, those not deleted the new."""
    texts = {
        name: [{"op": str(piece.op), "text": piece.text} for piece in pieces]
        for name, pieces in edited_texts(before, after).items()
    }
    lists = {
        name: {"added": list(came), "removed": list(went)} for name, (came, went) in edited_lists(before, after).items()
    }
    return {**texts, **lists}


def diff_as_data(before: Record, after: Record) -> dict[str, Any]:
    """The whole comparison of two versions of one article, ready for JSON: id, url, from, to, changed, operations,
    diff."""
    return {
        "id": after["id"],
        "url": after["url"],
        "from": before["revision"],
        "to": after["revision"],
        "changed": {name: {"before": old, "after": new} for name, (old, new) in changed_values(before, after).items()},
        "operations": operations(before, after),
        "diff": "\n".join(unified_diff(before, after)),
    }


def previous_revision(versions: Sequence[Record], number: int) -> int:
    """The version that stood before this one (rows as `store.records.revisions` gives them); 1 for the first."""
    previous = next((one["previous"] for one in versions if one["revision"] == number), None)
    return int(previous or max(1, number - 1))


def unified_diff(before: Record, after: Record) -> list[str]:
    """The texts as a unified diff, paragraph by paragraph; empty where they are equal."""
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


_FROM_THE_RIGHT = frozenset(
    (
        "ar",
        "arc",
        "azb",
        "bcc",
        "ckb",
        "dv",
        "fa",
        "ha-arab",
        "he",
        "iw",
        "khw",
        "ks",
        "lrc",
        "mzn",
        "nqo",
        "pnb",
        "ps",
        "sd",
        "syr",
        "ug",
        "ur",
        "yi",
    )
)
_LOOKED_AT = 400
_CONTROL = dict.fromkeys(
    [*range(9), 11, 12, *range(14, 32), 127, *range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)
_STYLE = """
:root { color-scheme: light dark }
body { font: 1.05rem/1.6 Georgia, serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; line-height: 1.3 } h2 { font-size: 1rem }
header p, table, h2 { font-family: system-ui, sans-serif; font-size: .9rem }
th { text-align: start; vertical-align: top; padding-inline-end: 1rem; font-weight: 600 }
ins { background: #d7f5dc; color: #0b4f1a; text-decoration: underline; text-decoration-thickness: 2px }
del { background: #fbdcdc; color: #7a1212; text-decoration: line-through }
ins, del { overflow-wrap: anywhere }
.text p { white-space: pre-line }
.said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
@media (prefers-color-scheme: dark) { ins { background: #123d1c; color: #b9f0c4 } del { background: #4a1616;
color: #ffc9c9 } }
"""


def direction(language: str | None, text: str) -> str:
    """ "rtl" or "ltr": as the language is written, else as the first letter that has a direction."""
    tag = (language or "").lower()
    if tag in _FROM_THE_RIGHT or tag.split("-")[0] in _FROM_THE_RIGHT or "-arab" in tag or "-hebr" in tag:
        return "rtl"
    if tag:
        return "ltr"
    strong = (unicodedata.bidirectional(c) for c in text[:_LOOKED_AT])
    return next(("ltr" if one == "L" else "rtl" for one in strong if one in ("L", "R", "AL")), "ltr")


def diff_page_html(before: dict[str, Any], after: dict[str, Any], times: tuple[str, str]) -> str:
    """The page for two records of one article; `times` are when each version was first seen."""
    texts = edited_texts(before, after)
    way = direction(after["language"], after["title"] + after["body"])
    lang = f' lang="{_attribute(after["language"])}"' if after["language"] else ""
    title = texts.get("title") or (Piece(DiffOp.EQUAL, after["title"]),)
    body = texts.get("body") or (Piece(DiffOp.EQUAL, after["body"]),)
    heading = f"{after['title'] or after['url']}: version {before['revision']} and version {after['revision']}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{_text(heading)}</title><style>{_STYLE}</style></head><body>",
            "<header>",
            f'<p><a href="{_link(after["url"])}" rel="noreferrer">{_text(after["url"])}</a></p>',
            f"<p>Version {before['revision']}, first seen {_text(times[0])}, and version {after['revision']}, first seen "
            f"{_text(times[1])}. <del>Taken out</del> <ins>put in</ins></p>",
            "</header>",
            "<main>",
            f'<article{lang} dir="{way}"><h1>{marked(title)}</h1>',
            f'<div class="text"><p>{marked(body, paragraphs=True)}</p></div></article>',
            *_fields(before, after),
            "</main></body></html>",
            "",
        ]
    )


def _fields(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    rows = [f'<tr><th scope="row">{name}</th><td dir="auto">{cell}</td></tr>' for name, cell in edited(before, after)]
    if rows:
        yield f"<h2>Other fields</h2><table>{''.join(rows)}</table>"


def edited(before: dict[str, Any], after: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The fields that differ, but for title and body: the name, and what was edited in it, as HTML."""
    texts, lists = edited_texts(before, after), edited_lists(before, after)
    for name, (old, new) in changed_values(before, after).items():
        if name in ("title", "body"):
            continue
        if name in texts:
            cell = marked(texts[name])
        elif name in lists:
            came, went = lists[name]
            pieces = [Piece(DiffOp.DELETE, one) for one in went] + [Piece(DiffOp.INSERT, one) for one in came]
            cell = ", ".join(_marked(pieces)) or "in another order"
        else:
            cell = " ".join(
                _marked([Piece(DiffOp.DELETE, str(old or "none")), Piece(DiffOp.INSERT, str(new or "none"))])
            )
        yield name, cell


def marked(pieces: Iterable[Piece], *, paragraphs: bool = False) -> str:
    """Pieces as HTML: what was taken out and put in as <del> and <ins>. With `paragraphs` it goes on from one <p> to
    the next at each blank line."""
    return "".join(_marked(pieces, paragraphs=paragraphs))


def _marked(pieces: Iterable[Piece], *, paragraphs: bool = False) -> Iterator[str]:
    """Each piece as HTML. A mark does not reach over the end of a paragraph, which HTML does not allow."""
    for piece in pieces:
        parts = piece.text.split("\n\n") if paragraphs else [piece.text]
        yield "</p><p>".join(_mark(piece.op, part) for part in parts)


def _mark(op: DiffOp, text: str) -> str:
    if op is DiffOp.EQUAL or not text:
        return _text(text)
    tag, said = ("ins", "put in: ") if op is DiffOp.INSERT else ("del", "taken out: ")
    return f'<{tag}><span class="said" lang="en">{said}</span>{_text(text)}</{tag}>'


def _text(text: str) -> str:
    return escape(text.translate(_CONTROL), quote=False)


def _attribute(text: str) -> str:
    return escape(text.translate(_CONTROL), quote=True)


def _link(url: str) -> str:
    return _attribute(url) if url.lower().startswith(("http://", "https://")) else "#"
