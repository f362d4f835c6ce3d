"""Explains why a field has its value: its candidates, which of them won, and the reason in one line.

This module decides nothing. From an article and its stored evidence, it reconstructs the choice that
`candidates` made. So it can explain an article in an archive as well as a page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from archiver.extraction.candidates import MAX_SHOWN
from archiver.extraction.normalization import fold_text
from archiver.extraction.person_names import WEAK_ACCOUNTS
from archiver.extraction.post_locator import title_in_url
from archiver.model.fields import BY_NAME, PAGE_TIMES, WEIGHED, fields_with_choice
from archiver.model.items import (
    IN_FUTURE,
    ORGANIZATIONS,
    OTHER_HEADING,
    PAGE_OBJECT,
    PAGE_OBJECT_FAILED,
    PAGE_OBJECT_KEPT,
    REFUSED,
    Evidence,
)
from archiver.model.page_rules import BY_HAND

FIELDS = (
    *WEIGHED,
    *fields_with_choice("text"),
    *fields_with_choice("collected"),
    *fields_with_choice("places"),
    *fields_with_choice("first"),
    "encoding",
)
_SETS = tuple(name for name in WEIGHED if BY_NAME[name].is_list)
_KEEPS_ALL = (*fields_with_choice("collected"), *fields_with_choice("places"), ORGANIZATIONS)
_FIRST_FOUND = fields_with_choice("first")
_LINKED_FILE = "file of places"  # the locator of a link to a file of places, from which no geo-tags are read
_SHOWN = frozenset(
    (OTHER_HEADING, "platform", "class", "heading", "byline", "shown", "text", "signed", "link", "label", "breadcrumb")
)
_DECLARED = frozenset(("json-ld", "meta", "microdata", "rdfa", "head", "script"))
_DECISIVE = {
    PAGE_OBJECT: "a page object",
    BY_HAND: "a hand-written rule",
    "api": "from the site's own API",
}
_WITHOUT_VALUE = {
    PAGE_OBJECT_FAILED: "the page object failed",
    PAGE_OBJECT_KEPT: "kept from an earlier reading",
    BY_HAND: "the hand-written rule finds nothing",
}
"""The meaning of evidence without a value, with confidence 0, by its source: a hand-written rule or a page object."""
_BODY_REASONS = {
    "platform": "the platform's own element for the text",
    "class": "the element whose class or id marks it as the text",
    "density": "the part of the page with the most text",
    "feed": "the feed has the whole text, the page only its beginning",
    "json-ld": "the page shows no text, but declares one",
}
_ENCODING_REASONS = {
    "text": "the page was given as text",
    "bom": "a byte order mark",
    "utf-8": "the bytes are valid UTF-8",
    "header": "declared by the response's header",
    "meta": "declared by the page",
    "xml": "declared by the page",
    "language": "the usual encoding of pages in this language",
    "zeros": "every other byte is zero",
    "detected": "detected from the bytes; no declaration fits",
}
_NO_DATE = "no date of publication was found"
_NOTHING, _NOT_KEPT = "no candidates", "its candidates were not stored"
_EXACT, _SAME, _PARTLY = 3, 2, 1
"""How well a candidate matches the chosen value: exactly, with other spelling, or only partly (for a date, only in the
day)."""


@dataclass(frozen=True, slots=True)
class FieldExplanation:
    """Why one field has its value. `chosen` is the value as text, and `why` is the reason. `won` contains, for each
    candidate, whether it was chosen.
    """

    field: str
    chosen: str
    why: str
    candidates: tuple[Evidence, ...] = ()
    won: tuple[bool, ...] = ()


def explain(
    values: Mapping[str, Any], evidence: Iterable[Evidence], fields: Collection[str] = FIELDS
) -> tuple[FieldExplanation, ...]:
    """Explains, from an article's evidence, the value of each field in `fields` and of every other field that has
    candidates.

    `values` maps the names of fields to the article's values, as in `Article` or a record.
    """
    by_field: dict[str, list[Evidence]] = {name: [] for name in fields}
    for one in evidence:
        by_field.setdefault(one.field, []).append(one)
    path = urlsplit(str(values.get("url") or "")).path
    return tuple(_explain_field(name, values.get(name), found, path) for name, found in by_field.items())


def _explain_field(name: str, value: Any, found: Sequence[Evidence], path: str) -> FieldExplanation:
    unmatched = [c.source in _WITHOUT_VALUE and not (c.value or c.confidence) for c in found]
    if any(unmatched):
        matched = [c for c, is_empty in zip(found, unmatched, strict=True) if not is_empty]
        rest = _explain_field(name, value, matched, path)
        empty = (_WITHOUT_VALUE[c.source] for c, is_empty in zip(found, unmatched, strict=True) if is_empty)
        won = iter(rest.won)
        return replace(
            rest,
            why="; ".join([*dict.fromkeys(empty), rest.why]),
            candidates=tuple(found),
            won=tuple(not is_empty and next(won) for is_empty in unmatched),
        )
    if name == ORGANIZATIONS:
        value = [one.value for one in found]
    if name in _KEEPS_ALL:
        return _explain_all_kept(name, value, found)
    if name == "encoding":
        value = found[0].value if found else ""
    chosen = _value_text(name, value)
    if not chosen and (none := next((n for n, c in enumerate(found) if not c.value), None)) is not None:
        return FieldExplanation(
            name, "", f"none, according to {found[none].source}", tuple(found), _only_winner(none, found)
        )
    fits = [_match_level(name, chosen, c) for c in found]
    best = max(range(len(found)), key=lambda n: (fits[n], found[n].confidence), default=None)
    if best is None or not fits[best]:
        return FieldExplanation(
            name, chosen, _reason_without_winner(name, chosen, found), tuple(found), (False,) * len(found)
        )
    why = _reason(name, found[best], [c for n, c in enumerate(found) if n != best], path)
    return FieldExplanation(name, chosen, why, tuple(found), _only_winner(best, found))


def _only_winner(winner: int, found: Sequence[Evidence]) -> tuple[bool, ...]:
    return tuple(n == winner for n in range(len(found)))


def _explain_all_kept(name: str, value: Any, found: Sequence[Evidence]) -> FieldExplanation:
    kept = tuple(bool(value) and c.locator != _LINKED_FILE for c in found)
    chosen = "; ".join(value) if name in ("credits", ORGANIZATIONS) and value else ""
    if name == "geotags" and value:
        chosen = "1 place" if len(value) == 1 else f"{len(value)} places"
    why = "all candidates are kept" if any(kept) else _reason_without_winner(name, chosen, found)
    return FieldExplanation(name, chosen, why, tuple(found), kept)


def _value_text(name: str, value: Any) -> str:
    """Returns a field's value as text, in the form used in its evidence, so that the two can be compared; "" for an
    empty value.
    """
    if not value:
        return ""
    if name == "body":
        return f"{len(value)} characters"
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, str | int) else ", ".join(value)


def _match_level(name: str, chosen: str, one: Evidence) -> int:
    if not chosen:
        return 0
    if name == "body":  # every candidate matches partly, since lines may have been cut from its end
        return _EXACT if one.value == chosen else _PARTLY
    if name in PAGE_TIMES:
        return _date_match_level(chosen, one.value)
    if one.value == chosen[:300] or (name in _FIRST_FOUND and one.value == chosen[:MAX_SHOWN]):
        return _EXACT
    if name in _SETS:
        names, other = _folded_names(chosen), _folded_names(one.value)
        return _SAME if names == other else _PARTLY if names and names < other else 0
    return _SAME if fold_text(one.value) == fold_text(chosen[:300]) else 0


def _date_match_level(chosen: str, value: str) -> int:
    one, other = _parse_time(chosen), _parse_time(value)
    if one is None or other is None:
        return 0
    apart = abs((one - other).total_seconds())
    if apart < 1:
        return _EXACT
    if apart < 60:
        return _SAME
    return _PARTLY if one.date() == other.date() or chosen[:10] == value[:10] else 0


def _parse_time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _folded_names(value: str) -> set[str]:
    return {fold_text(name) for name in value.split(", ")}


def _reason_without_winner(name: str, chosen: str, found: Sequence[Evidence]) -> str:
    if chosen:
        return "combined from several candidates" if found else _NOT_KEPT
    if name == "published" and all(c.source == REFUSED for c in found):
        return "; ".join([_NO_DATE, *_reasons_of_refusal(found)])
    return "no candidate is trusted enough" if found else _NOTHING


def _reasons_of_refusal(found: Sequence[Evidence]) -> list[str]:
    """Returns why the dates of publication that a page shows were refused, each reason once."""
    future = [c.value[:10] for c in found if c.locator.endswith(IN_FUTURE)]
    days = list(dict.fromkeys(future))
    reasons = [f"{' and '.join(days)} {'is' if len(days) == 1 else 'are'} {IN_FUTURE}"] if days else []
    if len(future) < len(found):
        reasons.append(f"the {'other ' if future else ''}dates on the page are of something else")
    return reasons


def _reason(name: str, won: Evidence, others: Sequence[Evidence], path: str) -> str:
    if won.source == "learned":
        return f"a learned rule, agreement {won.confidence:.2f}"
    if words := _DECISIVE.get(won.source):
        return words
    if name == "body":
        return _BODY_REASONS.get(won.source, "the only candidate")
    if name == "encoding":
        return _ENCODING_REASONS.get(won.source, "the only candidate")
    if not others:
        return "the only candidate"
    return _reason_by_agreement(name, won, others, path)


def _reason_by_agreement(name: str, won: Evidence, others: Sequence[Evidence], path: str) -> str:
    least = _PARTLY if name in PAGE_TIMES else _SAME
    agreeing = [c for c in others if _match_level(name, won.value, c) >= least]
    sources = {won.source, *(c.source for c in agreeing)}
    rival = max((c for c in others if c not in agreeing), key=lambda c: c.confidence, default=None)
    if (
        rival is not None
        and rival.confidence > won.confidence
        and (words := _reason_against_rival(name, won, rival, path))
    ):
        return words
    if sources & _SHOWN and sources & _DECLARED:
        return "shown on the page and declared" + ("" if rival else "; no source disagrees")
    if won.source == "platform":
        return "the platform's own element for it"
    if len(sources) > 1:
        return f"{len(sources)} sources agree" + ("" if rival else "; no source disagrees")
    if agreeing:
        return f"{1 + len(agreeing)} candidates of one source agree"
    if rival is not None and rival.confidence > won.confidence:
        return f"fits the other sources better than the candidate from {rival.source}"
    return f"the most trusted of {1 + len(others)} candidates"


def _reason_against_rival(name: str, won: Evidence, rival: Evidence, path: str) -> str:
    """Returns the reason why the candidate `won` was chosen although `rival` has a higher confidence; "" if there is no
    other reason than that more sources agree with it. `path` is the path of the page's address.
    """
    shown = won.source in _SHOWN
    if name == "title":
        if shown:
            return "the heading that readers see"
        made = title_in_url(won.value, path) > title_in_url(rival.value, path)
        return "the page's address was made from it" if made else ""
    if name in PAGE_TIMES:
        return f"the day that readers see; {rival.source} has another day" if shown else ""
    mine, theirs = _folded_names(won.value), _folded_names(rival.value)
    if name == "authors":
        if all(WEAK_ACCOUNTS.match(n) for n in theirs):
            return f"names a person; {rival.source} names only an account"
        return f"has all the people from {rival.source} and more" if theirs < mine else ""
    if theirs < mine:
        return f"has all the terms from {rival.source} and more"
    return f"the terms from {rival.source} include those of other posts" if mine < theirs else ""


def explanations_as_data(explained: Iterable[FieldExplanation]) -> dict[str, Any]:
    """Returns the explanations for JSON: `{field: {chosen, why, candidates: [{value, source, locator, confidence,
    won}]}}`.
    """
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
