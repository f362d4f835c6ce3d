"""One image, stylesheet or font under way: what was known of it when its request was made, and what its answer says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from archiver.capture.exchange import Original
from archiver.capture.requisite import size_of
from archiver.discovery.markup import decode
from archiver.discovery.requisites import of_stylesheet
from archiver.items import Outcome, Requisite, RequisiteKind
from archiver.spiders.reading import Answer, validator
from archiver.store.ledger import moment
from archiver.store.requisites import Fetched
from archiver.urls import asset_address

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_HOPS = 5
_DEEPEST = 1
"""A stylesheet of a page, and one that it imports, are read for what they name; one that that imports is not."""


@dataclass(frozen=True, slots=True)
class Errand:
    """`id` is that of the row in `requisites`; `original` the record of its last payload. `hops` counts redirects,
    `depth` stylesheets between a page and it."""

    id: int
    url: str
    host: str
    kind: RequisiteKind
    depth: int = 0
    hops: int = 0
    etag: str = ""
    last_modified: str = ""
    original: Original | None = None


def errand_of(row: dict[str, Any]) -> Errand:
    """The errand for a row of `store.requisites.due`."""
    captured = moment(row["captured_at"])
    original = Original(row["capture_url"], captured, row["digest"]) if row["digest"] and captured else None
    return Errand(row["id"], row["url"], row["host"], RequisiteKind(row["kind"]), row["depth"], row["hops"],
                  row["etag"] or "" if original else "", row["last_modified"] or "" if original else "", original)


def read_requisite(answer: Answer, errand: Errand, objection: str) -> Fetched:
    """What an answer comes to. `objection` is why one of status 200 is not what was asked for, "" where it is."""
    told = Fetched(errand.id, answer.at, Outcome.FAILED, status=answer.status, capture=answer.capture)
    status = answer.status
    if status == 304:
        return _as(told, Outcome.UNCHANGED, "http-304", "the server says it is unchanged")
    if status in REDIRECTS:
        return _redirect(told, answer.headers.get("location", ""), errand)
    if status in (404, 410):
        return _as(told, Outcome.GONE, f"http-{status}", f"the server answers {status}")
    if status in (401, 403, 407, 451):
        return _as(told, Outcome.REFUSED, f"http-{status}", f"the server refuses it ({status})")
    if status != 200:
        return _as(told, Outcome.FAILED, f"http-{status}", f"the server answers {status}")
    if objection:
        return _as(told, Outcome.GONE, "wrong-type", objection)
    names: tuple[Requisite, ...] = ()
    if errand.kind is RequisiteKind.STYLESHEET and errand.depth <= _DEEPEST:
        names = of_stylesheet(decode(answer.body), answer.url)
    width, height = (errand.kind is RequisiteKind.IMAGE and size_of(answer.body)) or (None, None)
    return Fetched(
        errand.id, answer.at, Outcome.ARCHIVED, status=200, capture=answer.capture, rights=answer.rights, names=names,
        media_type=answer.content_type.partition(";")[0].strip().lower(), size=len(answer.body), width=width,
        height=height, etag=validator(answer, "etag"), last_modified=validator(answer, "last-modified"))


def _as(told: Fetched, outcome: Outcome, rule: str, reason: str, *names: Requisite) -> Fetched:
    return Fetched(told.id, told.at, outcome, rule, reason, told.status, told.capture, names=names, hops=len(names))


def _redirect(told: Fetched, location: str, errand: Errand) -> Fetched:
    try:
        target = asset_address(urljoin(errand.url, location)) if location else None
    except ValueError:
        target = None
    if target is None:
        return _as(told, Outcome.FAILED, "no-location", f"it redirects to no usable address ({location[:100]!r})")
    if target == errand.url or errand.hops >= _MOST_HOPS:
        return _as(told, Outcome.FAILED, "redirect-loop", "it redirects in a circle, or on and on")
    return _as(told, Outcome.DUPLICATE, f"http-{told.status}", f"it redirects to {target}",
               Requisite(target, errand.kind))
