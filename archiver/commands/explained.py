"""What speaks for each field of an article, laid out for people: its candidates, the winner marked, and why it won."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from archiver.commands.screen import line, say, table
from archiver.extraction.explain import Explained

_WIDTH = 72


def print_explained(explained: Iterable[Explained], readers: Mapping[str, str] = MappingProxyType({})) -> None:
    """A table a field, `readers` saying by whom it was read; what nothing speaks for is one line at the end."""
    silent = []
    for one in explained:
        if not one.chosen and not one.candidates:
            silent.append(one.field)
            continue
        why = "; ".join(filter(None, (one.why, readers.get(one.field))))
        say(line((one.field, "bold"), "  ", _short(one.chosen) or "(none)"), line((why, "dim"), indent=2))
        if one.candidates:
            table(("", "candidate", "from", "where", "trust"), [
                ("*" if won else "", _short(c.value) or "(none)", c.source, c.locator, f"{c.confidence:.2f}")
                for c, won in zip(one.candidates, one.won, strict=True)], numbers=(4,))
        say("")
    if silent:
        say(line(("nothing says: ", "dim"), ", ".join(silent)))


def _short(value: str) -> str:
    text = " ".join(value.split())
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
