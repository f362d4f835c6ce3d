"""Prints why each field of an article has its value: its candidates, and the one that was chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from archiver.cli.terminal_output import format_time, print_lines, print_table, styled_line
from archiver.extraction.explanations import FieldExplanation
from archiver.model.items import UNCONFIRMED

_WIDTH = 72


def print_explanations(
    explained: Iterable[FieldExplanation], readers: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Prints for each field a table of its candidates, with the chosen one marked and the reason for the choice.
    `readers` maps a field to a description of the extractor that extracted it. Fields without any candidate are listed
    at the end.
    """
    empty = []
    for one in explained:
        if not one.chosen and not one.candidates:
            empty.append(one.field)
            continue
        lacking = next((c.value for c in one.candidates if c.source == UNCONFIRMED), "")
        missing = f"the page has not shown it since {format_time(lacking)}" if lacking else ""
        why = "; ".join(filter(None, (one.why, missing, readers.get(one.field))))
        print_lines(
            styled_line((one.field, "bold"), "  ", _shorten(one.chosen) or "(none)"),
            styled_line((why, "dim"), indent=2),
        )
        if one.candidates:
            print_table(
                ("", "candidate", "source", "location", "confidence"),
                [
                    ("*" if won else "", _shorten(c.value) or "(none)", c.source, c.locator, f"{c.confidence:.2f}")
                    for c, won in zip(one.candidates, one.won, strict=True)
                    if c.source != UNCONFIRMED
                ],
                numbers=(4,),
            )
        print_lines("")
    if empty:
        print_lines(styled_line(("not found: ", "dim"), ", ".join(empty)))


def _shorten(value: str) -> str:
    text = " ".join(value.split())
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
