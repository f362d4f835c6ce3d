"""Explains why a field has its value: its candidates, which of them won, and the reason in a line.

Nothing is decided here. The choice (`extraction.choose`) is reconstructed from an article and the evidence stored with
it, so an article in an archive can be explained as well as a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from archiver.extraction.authors.byline_vocabulary import WEAK_ACCOUNTS
from archiver.extraction.post_locator import title_in_url
from archiver.extraction.resolve import MOST_SHOWN
from archiver.extraction.text import fold_text
from archiver.fields import BY_NAME, PAGE_TIMES, WEIGHED, chosen
from archiver.items import Evidence

FIELDS = (*WEIGHED, *chosen("text"), *chosen("collected"), *chosen("places"), *chosen("first"), "encoding")
_SETS = tuple(name for name in WEIGHED if BY_NAME[name].is_list)
_KEEPS_ALL = (*chosen("collected"), *chosen("places"))
_ALONE = chosen("first")
_ONLY_NAMED = "file of places"  # a link that geotags are not read from
_SHOWN = frozenset(("platform", "class", "heading", "byline", "shown", "text", "signed", "link", "label", "breadcrumb"))
_DECLARED = frozenset(("json-ld", "meta", "microdata", "rdfa", "head", "script"))
_SPEAKS_FOR_ITSELF = {
    "rule by hand": "a rule by hand",
    "api": "the site's own interface tells it",
}
_OF_BODY = {
    "platform": "the platform's own place for the text",
    "class": "the element that is named as the text",
    "density": "the part of the page with the most text of its own",
    "feed": "the feed tells the whole text, the page only its beginning",
    "json-ld": "the page shows no text; it is declared",
}
_OF_ENCODING = {
    "text": "it was no bytes",
    "bom": "a byte order mark",
    "utf-8": "the bytes are valid in it",
    "header": "the response's header declares it",
    "meta": "the page declares it",
    "xml": "the page declares it",
    "language": "pages of this language were written in it",
    "zeros": "every other byte is zero",
    "detected": "the bytes look like it; what is declared does not fit, or nothing is",
}
_NOTHING, _NOT_KEPT = "nothing says it", "its candidates were not kept"
_EXACT, _SAME, _PARTLY = 3, 2, 1
"""How well a candidate matches the chosen value: exactly, apart from spelling, or in part (for a date: its day)."""


@dataclass(frozen=True, slots=True)
class FieldExplanation:
    """One field: its value in words, the reason, all candidates, and for each whether it won."""

    field: str
    chosen: str
    why: str
    candidates: tuple[Evidence, ...] = ()
    won: tuple[bool, ...] = ()


def explain(said: Mapping[str, Any], evidence: Iterable[Evidence]) -> tuple[FieldExplanation, ...]:
    """Explains each of FIELDS. `said`: the article's fields by name, as in `Article` or a record."""
    by_field: dict[str, list[Evidence]] = {name: [] for name in FIELDS}
    for one in evidence:
        by_field.setdefault(one.field, []).append(one)
    path = urlsplit(str(said.get("url") or "")).path
    return tuple(_field(name, said.get(name), found, path) for name, found in by_field.items())


def _field(name: str, value: Any, found: Sequence[Evidence], path: str) -> FieldExplanation:
    if name in _KEEPS_ALL:
        return _all_kept(name, value, found)
    if name == "encoding":
        value = found[0].value if found else ""
    chosen = _text(name, value)
    if not chosen and (none := next((n for n, c in enumerate(found) if not c.value), None)) is not None:
        return FieldExplanation(
            name, "", f"{found[none].source} says that there is none", tuple(found), _only(none, found)
        )
    fits = [_fit(name, chosen, c) for c in found]
    best = max(range(len(found)), key=lambda n: (fits[n], found[n].confidence), default=None)
    if best is None or not fits[best]:
        return FieldExplanation(name, chosen, _without_winner(chosen, found), tuple(found), (False,) * len(found))
    why = _why(name, found[best], [c for n, c in enumerate(found) if n != best], path)
    return FieldExplanation(name, chosen, why, tuple(found), _only(best, found))


def _only(winner: int, found: Sequence[Evidence]) -> tuple[bool, ...]:
    return tuple(n == winner for n in range(len(found)))


def _all_kept(name: str, value: Any, found: Sequence[Evidence]) -> FieldExplanation:
    kept = tuple(bool(value) and c.locator != _ONLY_NAMED for c in found)
    chosen = "; ".join(value) if name == "credits" and value else ""
    if name == "geotags" and value:
        chosen = "1 place" if len(value) == 1 else f"{len(value)} places"
    why = "all that are found are kept" if any(kept) else _without_winner(chosen, found)
    return FieldExplanation(name, chosen, why, tuple(found), kept)


def _text(name: str, value: Any) -> str:
    """A field's value as its evidence has it."""
    if not value:
        return ""
    if name == "body":
        return f"{len(value)} characters"
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str) else ", ".join(value)


def _fit(name: str, chosen: str, one: Evidence) -> int:
    if not chosen:
        return 0
    if name == "body":  # the same candidate, whatever lines were taken off its end
        return _EXACT if one.value == chosen else _PARTLY
    if name in PAGE_TIMES:
        return _fit_of_date(chosen, one.value)
    if one.value == chosen[:300] or (name in _ALONE and one.value == chosen[:MOST_SHOWN]):
        return _EXACT
    if name in _SETS:
        names, other = _names(chosen), _names(one.value)
        return _SAME if names == other else _PARTLY if names and names < other else 0
    return _SAME if fold_text(one.value) == fold_text(chosen[:300]) else 0


def _fit_of_date(chosen: str, value: str) -> int:
    one, other = _moment(chosen), _moment(value)
    if one is None or other is None:
        return 0
    apart = abs((one - other).total_seconds())
    if apart < 1:
        return _EXACT
    if apart < 60:
        return _SAME
    return _PARTLY if one.date() == other.date() or chosen[:10] == value[:10] else 0


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _names(value: str) -> set[str]:
    return {fold_text(name) for name in value.split(", ")}


def _without_winner(chosen: str, found: Sequence[Evidence]) -> str:
    if chosen:
        return "put together from several" if found else _NOT_KEPT
    return "none is believed enough" if found else _NOTHING


def _why(name: str, won: Evidence, others: Sequence[Evidence], path: str) -> str:
    if won.source == "learned":
        return f"a learned rule, agreement {won.confidence:.2f}"
    if words := _SPEAKS_FOR_ITSELF.get(won.source):
        return words
    if name == "body":
        return _OF_BODY.get(won.source, "the only candidate")
    if name == "encoding":
        return _OF_ENCODING.get(won.source, "the only candidate")
    if not others:
        return "the only candidate"
    return _by_agreement(name, won, others, path)


def _by_agreement(name: str, won: Evidence, others: Sequence[Evidence], path: str) -> str:
    least = _PARTLY if name in PAGE_TIMES else _SAME
    agreeing = [c for c in others if _fit(name, won.value, c) >= least]
    sources = {won.source, *(c.source for c in agreeing)}
    rival = max((c for c in others if c not in agreeing), key=lambda c: c.confidence, default=None)
    if rival is not None and rival.confidence > won.confidence and (words := _against(name, won, rival, path)):
        return words
    if sources & _SHOWN and sources & _DECLARED:
        return "shown on the page and declared" + ("" if rival else "; none says otherwise")
    if won.source == "platform":
        return "the platform's own place for it"
    if len(sources) > 1:
        return f"{len(sources)} sources agree" + ("" if rival else "; none says otherwise")
    if agreeing:
        return f"{1 + len(agreeing)} candidates of one source agree"
    if rival is not None and rival.confidence > won.confidence:
        return f"it fits the other sources better than that from {rival.source}"
    return f"the most trusted of {1 + len(others)}"


def _against(name: str, won: Evidence, rival: Evidence, path: str) -> str:
    """Why a candidate won against one with more confidence of its own; "" if agreement alone decided."""
    shown = won.source in _SHOWN
    if name == "title":
        if shown:
            return "the heading that readers see"
        made = title_in_url(won.value, path) > title_in_url(rival.value, path)
        return "the address of the page was made from it" if made else ""
    if name in PAGE_TIMES:
        return f"the day that readers see, before that from {rival.source}" if shown else ""
    mine, theirs = _names(won.value), _names(rival.value)
    if name == "authors":
        if all(WEAK_ACCOUNTS.match(n) for n in theirs):
            return f"a person, where {rival.source} names an account"
        return f"names the same people as {rival.source} and more" if theirs < mine else ""
    if theirs < mine:
        return f"holds all of {rival.source} and more"
    return f"only what it declares of {rival.source}, which shows others' too" if mine < theirs else ""


def explanations_as_data(explained: Iterable[FieldExplanation]) -> dict[str, Any]:
    """For JSON: `{field: {chosen, why, candidates: [{value, source, locator, confidence, won}]}}`."""
    return {
        e.field: {
            "chosen": e.chosen,
            "why": e.why,
            "candidates": [
                {"value": c.value, "source": c.source, "locator": c.locator, "confidence": c.confidence, "won": won}
                for c, won in zip(e.candidates, e.won, strict=True)
            ],
        }
        for e in explained
    }
