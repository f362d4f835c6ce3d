"""The text of an article as HTML, with its searched words marked and its images from their captures."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from markupsafe import Markup

from archiver.api import records
from archiver.api.search import SearchTerm, find_occurrences
from archiver.api.texts import IMAGE_KINDS, to_html, unpack_marks
from archiver.model.items import Mark
from archiver.web.mementos import captured_urls
from archiver.web.safe_replay import build_memento_url
from archiver.web.web_requests import ArchiveRequest

_LINE_END = re.compile(r"[\t\n\r\x0b\x0c]")


def _mark_terms(body: str, marks: Sequence[Mark], rows: Sequence[SearchTerm]) -> tuple[Mark, ...]:
    """Returns the marks of a body together with marks of the kind "mark" on the search terms in it. A term that extends
    over the edge of another mark, or over a line end, is marked in several pieces.
    """
    if not rows:
        return tuple(marks)
    edges = {at for one in marks for at in (one.offset, one.end)}
    edges |= {at for line in _LINE_END.finditer(body) for at in line.span()}
    in_order = sorted(edges)
    found = find_occurrences(_LINE_END.sub(" ", body), rows)
    cuts = [cut for start, end, _ in found for cut in _cut(start, end, in_order)]
    pieces = (Mark(start, end - start, "mark") for start, end in cuts if body[start:end].strip())
    return tuple(sorted((*marks, *pieces), key=lambda one: one.offset))


def _cut(start: int, end: int, edges: Sequence[int]) -> Iterator[tuple[int, int]]:
    at = start
    for edge in edges[bisect_right(edges, start) :]:
        if edge >= end:
            break
        yield at, edge
        at = edge
    yield at, end


def marked_text(request: ArchiveRequest, record: records.Record, rows: Sequence[SearchTerm]) -> tuple[Markup, int]:
    """Returns the text of a record as HTML, in which the search terms (`rows`) are marked, and the number of marks. The
    mark at the beginning of the passage with the most different terms has the ID "match". Images are loaded from their
    captures; an image without a capture becomes a link.
    """
    body = record["body"] or ""
    own = unpack_marks(record["markup"], len(body))
    marks = _mark_terms(body, own, rows)
    html = to_html(body, marks, _image_source(request, record["capture"], own))
    before, *after = html.split("<mark>") if rows else [html]
    if after:
        best = min(sum(one.kind == "mark" and one.offset < _densest(body, rows) for one in marks), len(after) - 1)
        before += "".join(f"<mark>{part}" for part in after[:best]) + '<mark id="match">' + "<mark>".join(after[best:])
    return Markup(before), len(after)


_PASSAGE = 300
"""Terms that are at most this many characters apart are in one passage."""


def _densest(body: str, rows: Sequence[SearchTerm]) -> int:
    """Returns the start of the passage of a text with the most different search terms; if several have equally many, of
    the first one.
    """
    found = find_occurrences(_LINE_END.sub(" ", body), rows)
    starts = [start for start, _, _ in found]

    def terms_from(at: int) -> int:
        return len({found[n][2] for n in range(at, bisect_right(starts, starts[at] + _PASSAGE))})

    return starts[max(range(len(found)), key=terms_from, default=0)] if found else 0


def _image_source(
    request: ArchiveRequest, capture: dict[str, Any] | None, marks: Sequence[Mark]
) -> Callable[[str], str]:
    if capture is None:
        return lambda url: ""
    stamp = "".join(c for c in capture["captured_at"][:19] if c.isdigit())
    captured = captured_urls(request.db, [m.value for m in marks if m.kind in IMAGE_KINDS])
    return lambda url: build_memento_url(request, f"web/{stamp}im_/", url) if url in captured else ""
