"""The web pages of the versions of an article: their list, and the comparison of two versions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from archiver.api import records
from archiver.api.revisions import (
    DiffOp,
    Piece,
    diff_as_data,
    edited_fields_html,
    edited_texts,
    pieces_as_html,
    previous_revision,
)
from archiver.api.texts import text_direction
from archiver.web.article_pages import VIEWS, label_of
from archiver.web.web_requests import (
    MANY,
    ArchiveRequest,
    CannotAnswer,
    PageResponse,
    find_requested_article,
    parse_offset,
    parse_revision,
)


def revisions_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page with an article's revisions and past headlines, 100 revisions per page. The JSON contains all of
    them.
    """
    number = find_requested_article(request)
    record, revisions = records.record(request.db, number), records.revisions(request.db, number)
    title_of = {one["revision"]: one["title"] for one in revisions}
    first = parse_offset(request)
    shown = revisions[::-1][first : first + MANY]
    titles = [
        (one, title_of.get(one["previous"]))
        for one in reversed(shown)
        if one["previous"] is None or "title" in one["changed"]
    ]

    def link(to: int) -> str:
        return request.link(f"/article/{number}/versions", [("offset", to or None)])

    return PageResponse(
        "versions.html",
        {
            "article": record,
            "now": record,
            "revisions": revisions,
            "shown": shown,
            "titles": titles,
            "label_of": label_of,
            "tab": "versions",
            "first": first,
            "earlier": link(first + MANY) if revisions[first + MANY :] else "",
            "later": link(max(first - MANY, 0)) if first else "",
            "before": previous_revision(revisions, record["revision"]),
        },
        revisions,
    )


def diff_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page that compares two versions word by word: in place as `archiver diff --html` does, side by side,
    or only the paragraphs that changed (argument `show`).
    """
    number = find_requested_article(request)
    db = request.db
    show = request.one("show")
    if show not in VIEWS:
        raise CannotAnswer(f"show={show}", f"the views are {', '.join(filter(None, VIEWS))}")
    now, revisions = records.record(db, number), records.revisions(db, number)
    after = records.revision_record(db, number, parse_revision(request, "to") or now["revision"])
    before = records.revision_record(
        db, number, parse_revision(request, "from") or previous_revision(revisions, after["revision"])
    )
    texts = edited_texts(before, after)
    pieces = {name: texts.get(name) or (Piece(DiffOp.EQUAL, after[name] or ""),) for name in ("title", "body")}
    rows = _list_rows(paragraph_rows(pieces["body"]))
    args = [("from", before["revision"]), ("to", after["revision"])]

    def link(view: str) -> str:
        return request.link(f"/article/{number}/diff", [*args, ("show", view)])

    return PageResponse(
        "diff.html",
        {
            "article": now,
            "now": now,
            "revisions": revisions,
            "tab": "versions",
            "before": before,
            "after": after,
            "dir": text_direction(after["language"], after["title"] + after["body"]),
            "seen": {v["revision"]: v["observed_at"] for v in revisions},
            "show": show,
            "views": [(view, label, link(view)) for view, label in VIEWS.items()],
            # `pieces_as_html` and `edited_fields_html` escape their text.
            "titles": _both_sides(DiffRow(pieces["title"])) | {"html": Markup(pieces_as_html(pieces["title"]))},
            "rows": rows,
            "changes": sum(row["is_changed"] for row in rows),
            "fields": [(label_of(name), Markup(cell)) for name, cell in edited_fields_html(before, after)],
            "neighbours": _neighbouring_diffs(request, number, revisions, before["revision"], after["revision"]),
        },
        diff_as_data(before, after, revisions) | {"url": now["url"]},
    )


def _list_rows(rows: Iterable[DiffRow]) -> list[dict[str, Any]]:
    """Returns the rows of a comparison for the template. Changed rows are numbered from 1 (`change`). The first row of
    a stretch of unchanged rows contains their number (`skipped`).
    """
    listed: list[dict[str, Any]] = []
    changes = 0
    for row in rows:
        changes += row.is_changed
        html = Markup(pieces_as_html(row.pieces, paragraphs=True))
        shown = {"is_changed": row.is_changed, "change": changes, "html": html, "skipped": 0, **_both_sides(row)}
        if not row.is_changed and listed and not listed[-1]["is_changed"]:
            start = next(n for n in range(len(listed) - 1, -1, -1) if listed[n]["skipped"])
            listed[start]["skipped"] += 1
        elif not row.is_changed:
            shown["skipped"] = 1
        listed.append(shown)
    return listed


def _both_sides(row: DiffRow) -> dict[str, Markup]:
    """Returns both sides of a row of a comparison as HTML: the old text (`old`) and the new text (`new`)."""
    return {
        name: Markup(pieces_as_html(row.side(op), paragraphs=True))
        for name, op in (("old", DiffOp.DELETE), ("new", DiffOp.INSERT))
    }


def _neighbouring_diffs(
    request: ArchiveRequest, number: int, revisions: Sequence[records.Record], before: int, after: int
) -> dict[str, str]:
    """Returns the URLs of the neighbouring comparisons: of the version `before` with its predecessor (`earlier`), and
    of the version `after` with its successor (`later`); "" if there is none.
    """

    def link(of: records.Record | None) -> str:
        args = [("from", of["previous"]), ("to", of["revision"]), ("show", request.one("show"))] if of else []
        return request.link(f"/article/{number}/diff", args) if args else ""

    return {
        "earlier": link(next((v for v in revisions if v["revision"] == before and v["previous"]), None)),
        "later": link(next((v for v in revisions if v["previous"] == after), None)),
    }


@dataclass(frozen=True, slots=True)
class DiffRow:
    """Paragraphs of a comparison that stand side by side: the pieces of the old and the new text, up to the next blank
    line that both texts have.
    """

    pieces: tuple[Piece, ...]

    @property
    def is_changed(self) -> bool:
        return any(piece.op is not DiffOp.EQUAL for piece in self.pieces)

    def side(self, op: DiffOp) -> tuple[Piece, ...]:
        """Returns the pieces of one text: the old one for DELETE, the new one for INSERT."""
        return tuple(piece for piece in self.pieces if piece.op in (DiffOp.EQUAL, op))


def paragraph_rows(pieces: Iterable[Piece]) -> list[DiffRow]:
    """Divides a comparison at each blank line that both texts have."""
    rows, row = [], list[Piece]()
    for piece in pieces:
        first, *rest = piece.text.split("\n\n") if piece.op is DiffOp.EQUAL else [piece.text]
        row.append(Piece(piece.op, first))
        for part in rest:
            rows.append(DiffRow(tuple(one for one in row if one.text)))
            row = [Piece(piece.op, part)]
    rows.append(DiffRow(tuple(one for one in row if one.text)))
    return [row for row in rows if row.pieces]
