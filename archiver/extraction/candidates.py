"""Chooses the value of each field from its candidates: the declared fields, terms, authors, date of publication and
title.

A value is declared if it is in the page's metadata (JSON-LD, microdata, RDFa, meta elements), and shown if readers of
the page see it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any, TypeVar

from lxml.etree import _Element as Element

from archiver.extraction.body_markup import image_url
from archiver.extraction.date_parser import AddressDate, Moment
from archiver.extraction.language import Language, choose_language
from archiver.extraction.normalization import clean_text, fold_text
from archiver.extraction.page import Page, language_tag
from archiver.extraction.person_names import WEAK_ACCOUNTS, is_organization, is_person
from archiver.extraction.post_locator import title_in_url, title_similarity
from archiver.markup.text_marks import IMAGE_KINDS
from archiver.model.fields import BY_NAME, fields_with_choice
from archiver.model.items import (
    IN_FUTURE,
    OTHER_HEADING,
    REFUSED,
    Candidate,
    Evidence,
    Mark,
    SourceHint,
    is_from_api,
)
from archiver.model.lazy_regex import lazy_regex

T = TypeVar("T")
Names = tuple[str, ...]
When = Candidate[Moment]


def best_candidate(found: list[Candidate[T]]) -> Candidate[T] | None:
    """Returns the candidate with the highest confidence, or the first of several with the same confidence; None if
    there are no candidates.
    """
    return max(found, key=lambda c: c.confidence) if found else None


# Declared fields (language, description, lead image, canonical URL), and the platform's number of the post.

MAX_SHOWN = 80
"""The evidence of a declared field has at most this many characters of the value. Each of these fields has only one
candidate, which is never compared with others, so the value need not be complete."""
_DESCRIPTIONS = ("description", "og:description", "twitter:description", "dc.description", "sailthru.description")
_IMAGES = ("og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src")
_TRUST = {"meta": 0.9, "head": 0.9, "json-ld": 0.9, "api": 0.97, "text": 0.6}
_Found = tuple[Any, str, str]  # value, source, locator
_WHOLE_POST = frozenset({"article", "main", "section"})
# Matches the address of a logo or icon: "/acme-logo-large.png", "/img/share.png", "/img/menu.svg".
_LOGO = lazy_regex(r"(?<![a-z])(?:logo|icon|avatar)s?(?![a-z])[^/]*$|/share\.\w+$|\.svg(?:$|\?)", re.IGNORECASE)
_POST_ID = lazy_regex(r"^(?:postid|post)-(\d+)$")


@dataclass(frozen=True, slots=True)
class DeclaredFields:
    """The fields of an article that are taken from the page's metadata: `values` by the names of the fields in
    `Article`, and the evidence for each value that is not empty.
    """

    values: Mapping[str, Any]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class PostText:
    """The title and body of a post (`text`), and the element that contains the body or the title. They are used to test
    whether the language in the page's metadata is that of the post. `text` has no blocks of code, since code is in no
    language, or in English. `picture` is the address of the first picture in the body that is no logo or icon, "" if
    there is none.
    """

    text: str
    element: Element | None
    picture: str = ""

    @classmethod
    def of(cls, title: str, body: str, markup: Sequence[Mark], element: Element | None) -> PostText:
        pieces, end = [title, "\n"], 0
        for mark in markup:
            if mark.kind == "pre" and mark.offset >= end:
                pieces.append(body[end : mark.offset])
                end = mark.offset + mark.length
        pictures = (mark.value for mark in markup if mark.kind in IMAGE_KINDS)
        picture = next((url for url in pictures if url and not _LOGO.search(url)), "")
        return cls("".join([*pieces, body[end:]]), element, picture)


def declared_fields(page: Page, body: Element | None, hint: SourceHint | None, text: PostText) -> DeclaredFields:
    """Returns the language, description, image and canonical URL of a post. For each of them, the sources are tried in
    a fixed order, and the first source that gives a value is used.

    `body` is the element of the body, None if unknown. `hint` is what a feed or an API says about the post, None if
    nothing.
    """
    language = _language(page, hint, text)
    found: dict[str, _Found] = {"language": language[:3]}
    found |= {name: read(page, body, hint) for name, read in _READERS.items()}
    if text.picture and found["image"][1] in ("", "text"):
        found["image"] = (text.picture, "text", "img")
    return DeclaredFields(
        {name: value or ("" if BY_NAME[name].prose else None) for name, (value, _, _) in found.items()},
        tuple(
            Evidence(
                name,
                str(value)[:MAX_SHOWN],
                source,
                locator,
                language.confidence if name == "language" else _TRUST.get(source, 0.8),
            )
            for name, (value, source, locator) in found.items()
            if value
        ),
    )


def _from_hint(value: str, hint: SourceHint | None, name: str) -> _Found:
    return value, "api" if is_from_api(hint) else "feed", name


def _language(page: Page, hint: SourceHint | None, text: PostText) -> Language:
    """Returns the language declared by the post's own element, by the page, or by a feed or API (`hint`, None if there
    is no hint). A declaration is ignored if the text is in a different language.
    """
    own = next((tag for tag in map(language_tag, _langs_around(text.element)) if tag), "")
    declared = [(own, "text", "lang")] if own else []
    declared += page.declared_languages
    if hint is not None and (tag := language_tag(hint.language)):
        declared.append((tag, "api" if is_from_api(hint) else "feed", "language"))
    return choose_language(declared, text.text)


def _langs_around(el: Element | None) -> Iterator[str | None]:
    """Yields the `lang` attributes of the element `el` (None if unknown) and of the elements around it, nearest first;
    None for an element without one. `el` contains the text; its own attribute counts only if it contains the whole
    post, since editors mark pasted text with other languages.
    """
    if el is None:
        return
    if el.tag in _WHOLE_POST:
        yield el.get("lang")
    yield from (outer.get("lang") for outer in el.iterancestors() if outer.tag not in ("html", "body"))


def _description(page: Page, _: Element | None, hint: SourceHint | None) -> _Found:
    data = page.data
    for name in _DESCRIPTIONS:
        if (found := data.meta_first(name)) and not page.constants.refuses_description(found):
            return found, "meta", name
    found = next(iter(data.texts(data.article(page.addresses), "description")), "")
    if found and not page.constants.refuses_description(found):
        return found, "json-ld", "description"
    return _from_hint(clean_text(hint.description if hint else ""), hint, "description")


def _image(page: Page, body: Element | None, hint: SourceHint | None) -> _Found:
    """Returns the address of the lead image: the image that the page declares, or else the image in a feed or API
    (`hint`, None if there is no hint), or else the first image in the element of the body (`body`, None if unknown).
    """
    data = page.data
    declared: list[_Found] = [(v, "meta", name) for name in _IMAGES for v in data.meta(name)]
    if not declared:
        node = data.article(page.addresses)
        declared += [
            (str(v.get("url") or v.get("contentUrl") or "") if isinstance(v, dict) else str(v), "json-ld", "image")
            for v in data.resolve((node or {}).get("image"))
        ]
    declared += [_from_hint(hint.image, hint, "image")] if hint else []
    for value, source, locator in declared:
        if (url := page.join(value)) and url not in page.constants.images:
            return url, source, locator
    shown = (image_url(page, img) for img in body.iter("img")) if body is not None else ()
    if first := next(filter(None, shown), ""):
        return first, "text", "img"
    return "", "", ""


def _canonical_url(page: Page, _: Element | None, hint: SourceHint | None) -> _Found:
    return page.canonical, "head", "link[rel~=canonical], og:url"


_ACCESS = {"free": "free", "metered": "metered", "locked": "paid", "true": "free", "false": "paid"}
"""Maps the values of article:content_tier and isAccessibleForFree, in lower case, to values of the field `access`."""


def _access(page: Page, _: Element | None, __: SourceHint | None) -> _Found:
    """Returns who may read the post, as the page states it: with article:content_tier (Facebook), with
    isAccessibleForFree (schema.org), or by its platform's notice in place of the text. Publishers write
    isAccessibleForFree as a boolean, as a text or as the URL https://schema.org/False.
    """
    data = page.data
    if found := _ACCESS.get(data.meta_first("article:content_tier").lower()):
        return found, "meta", "article:content_tier"
    for declared in data.declared(page.addresses):
        for value in data.resolve(declared.node.get("isAccessibleForFree")):
            if found := _ACCESS.get(str(value).strip().lower().rpartition("/")[2]):
                return found, declared.source, "isAccessibleForFree"
    walls = page.index.present(page.platform.walls)
    if wall := next((rule for rule in walls if page.index.first(rule) is not None), ""):
        return "paid", "platform", wall
    return "", "", ""


_READERS: dict[str, Callable[[Page, Element | None, SourceHint | None], _Found]] = {
    "access": _access,
    "description": _description,
    "image": _image,
    "canonical_url": _canonical_url,
}
assert ("language", *_READERS) == fields_with_choice("first")


def given_urls(page: Page) -> tuple[str, ...]:
    """Returns the addresses of the post in og:url and in the JSON-LD of the article, normalized."""
    data = page.data
    node = data.article(page.addresses)
    texts = [data.meta_first("og:url"), *data.texts(node, "url"), *data.texts(node, "mainEntityOfPage")]
    return tuple(dict.fromkeys(url for text in texts if text and (url := page.join(text))))


def short_url(page: Page) -> str:
    """Returns the shortlink that the page declares, not normalized; "" if it declares none."""
    links = (el.get("href") or "" for el in page.index.select("link[rel~=shortlink]"))
    return next((url for href in links if href and (url := page.join_raw(page.base, href))), "")


def post_id(page: Page, hint: SourceHint | None) -> str:
    """Returns the platform's ID of the post, which stays the same if the address changes; "" if unknown. `hint` is what
    a feed or an API says about the post, None if nothing.
    """
    if is_from_api(hint) and hint is not None:
        return hint.post_id
    if page.platform.name == "wordpress":
        for name in page.body_classes:
            if m := _POST_ID.match(name):
                return f"wordpress:{m[1]}"
        for el in page.index.select("link[rel~=shortlink]"):
            if m := re.search(r"[?&]p=(\d+)$", el.get("href") or ""):
                return f"wordpress:{m[1]}"
    if page.platform.name == "blogger":
        for el in page.index.select("meta[itemprop~=postId]")[:1]:
            if (value := clean_text(el.get("content"))).isdigit():
                return f"blogger:{value}"
    return hint.post_id if hint is not None else ""


# Authors, categories and tags.

# Families of sources that repeat one another. All declarations of a page come from the same field in the editor.
_FAMILY = {
    "json-ld": "declared",
    "script": "declared",
    "meta": "declared",
    "microdata": "declared",
    "rdfa": "declared",
    "class": "platform",
    "link": "platform",
    "label": "platform",
    "unlinked": "platform",
}
_AGREED = 0.05  # added to a candidate's confidence for each other family of sources that gives one of its names
_COMPLETES = ("json-ld", "meta", "microdata", "rdfa", "signed", "api", "feed")


def resolve_terms(found: list[Candidate[Names]]) -> Candidate[Names] | None:
    """Chooses the categories, or the tags: the candidate with the most support. If readers see it, a declared one that
    contains the same terms and more replaces it. Returns None if there are no candidates.
    """
    first = _best_supported(found)
    return _completed(first, found) if first is not None and first.visible else first


def resolve_authors(found: list[Candidate[Names]]) -> Candidate[Names] | None:
    """Chooses the authors: the candidate with the most support, or one that contains the same people and more. If the
    chosen candidate is a generic account ("admin"), a candidate with a person's name replaces it. Returns None if there
    are no candidates.
    """
    usable = [c for c in found if c.confidence > 0.35]
    first = _best_supported(usable)
    if first is None:
        return None
    if all(WEAK_ACCOUNTS.match(n) for n in first.value):
        persons = [c for c in found if c.confidence >= 0.5 and not any(WEAK_ACCOUNTS.match(n) for n in c.value)]
        first = best_candidate(persons) or first
    elif all(map(is_organization, first.value)):
        persons = [c for c in found if c.confidence >= 0.5 and all(is_person(n) for n in c.value)]
        first = best_candidate(persons) or first
    return _completed(first, usable)


def _best_supported(found: list[Candidate[Names]]) -> Candidate[Names] | None:
    """Returns the candidate with the most support: its confidence, increased for each other family of sources that
    gives one of its names. (Sources of one family repeat one another.)
    """
    named = [(c, _folded_names(c), _FAMILY.get(c.source, c.source)) for c in found]

    def support(one: tuple[Candidate[Names], set[str], str]) -> float:
        candidate, names, family = one
        families = {other for _, others, other in named if names & others} - {family}
        return candidate.confidence + _AGREED * len(families)

    return max(named, key=support)[0] if named else None


def _completed(first: Candidate[Names], found: list[Candidate[Names]]) -> Candidate[Names]:
    """Returns the first candidate that contains the names of `first` and more, if its source lists all names of a post,
    and they are too few for a list of the staff; otherwise `first`. Nothing is added to a nearly certain candidate.
    """
    have = _folded_names(first)
    full = (c for c in found if c.source in _COMPLETES and c.confidence >= 0.6 and have < _folded_names(c))
    return first if first.confidence >= 0.95 else next((c for c in full if len(_folded_names(c)) <= 12), first)


def _folded_names(one: Candidate[Names]) -> set[str]:
    return {fold_text(n) for n in one.value}


# Publication date.

_MIN_OFFSET, _MAX_OFFSET = -12 * 60, 14 * 60
"""The lowest and the highest offset from UTC that a time zone has, in minutes."""


def _at_offset(instant: Moment, minutes: int) -> Moment | None:
    """Converts an instant to the time zone that is `minutes` ahead of UTC; returns None if no time zone has this
    offset.
    """
    if minutes % 15 or not _MIN_OFFSET <= minutes <= _MAX_OFFSET:
        return None
    return Moment(instant.at.astimezone(timezone(timedelta(minutes=minutes))), instant.precision, True)


def _minutes_between(later: datetime, earlier: datetime) -> int:
    return round((later - earlier).total_seconds() / 60)


def _find_local(moment: Moment, others: list[When]) -> Moment | None:
    """Returns an instant converted to the page's own time zone; None if this zone is unknown. It is known if another
    candidate gives the same instant with a zone, or if the page shows the local time.
    """
    for c in others:
        m = c.value
        if m.zoned and m.at.utcoffset() and abs((m.at - moment.at).total_seconds()) < 60:
            return m
    for c in others:
        m = c.value
        if c.visible and not m.zoned and m.precision in ("minute", "second"):
            ahead = _minutes_between(m.at, moment.at.replace(second=0))
            if local := _at_offset(moment, ahead):
                return local
    return None


def _find_zoned(moment: Moment, others: list[When]) -> Moment | None:
    """Returns a time without a zone as an instant; None if its zone is unknown. Another candidate shows the zone if it
    is an instant that differs from the written time by a possible offset from UTC, and by nothing else.
    """
    for c in others:
        if not c.value.zoned or c.confidence < 0.6 or c.value.precision == "day":
            continue
        ahead = _minutes_between(moment.at.replace(second=0), c.value.at.replace(second=0))
        if zoned := _at_offset(c.value, ahead):
            return zoned
    return None


def is_in_future(moment: Moment, captured_at: datetime | None) -> bool:
    """Returns True if a date is more than a day after `captured_at`, the time of the capture, so that it cannot be the
    date of publication. A day is allowed because zones of time may differ. Returns False if `captured_at` is None.
    """
    return captured_at is not None and moment.at > captured_at + timedelta(days=1)


def published_evidence(found: list[When], chosen: When | None, captured_at: datetime | None) -> list[Evidence]:
    """Returns the evidence for the candidates of the date of publication. If none of them was chosen, those that are in
    the future are evidence for refused dates.
    """
    return [
        Evidence(
            "published", str(one.value), REFUSED, f"{f'{one.source} {one.locator}'[:80].strip()}: {IN_FUTURE}", 0.0
        )
        if chosen is None and is_in_future(one.value, captured_at)
        else one.evidence("published")
        for one in found
    ]


def resolve_published(
    found: list[When], changed: list[When], address: AddressDate | None, captured_at: datetime | None = None
) -> When | None:
    """Chooses when the post was published: a time or only a day. Returns None if there is no candidate.

    `found` are the candidates, `changed` are the candidates for the last change, and `address` is the date in the
    page's address. Candidates that are in the future at `captured_at` (`is_in_future`) are ignored.

    A time in UTC is converted to the page's own zone if another candidate gives that zone. If no zone is known, and the
    day that the page or its address shows differs from the UTC day by one, returns only the shown day. Two sources that
    agree are preferred to a third that differs from them by more than a day.
    """
    found = [c for c in found if not is_in_future(c.value, captured_at)]
    usable = [c for c in found if c.value.precision not in ("month", "year")] or found
    changed_days = {c.value.day for c in changed}
    first = _most_supported(_without_changes(usable, changed), changed_days)
    if first is None or first.source == "api":
        return first
    if (in_month := _in_month_of_address(first, found, address)) is not None:
        return in_month
    url_day = address.date if address else None
    other_changes = changed_days - {first.value.day}
    shown = [c for c in usable if c.visible and c.confidence >= _SHOWN and c.value.day not in other_changes]
    return (
        _on_day_of_address(first, usable, url_day)
        or _on_day_shown(first, shown)
        or _in_local_zone(first, usable, url_day)
        or _with_zone(first, usable)
        or _with_time_of_day(first, usable)
        or first
    )


def _in_month_of_address(first: When, found: list[When], address: AddressDate | None) -> When | None:
    """Returns the best candidate in the month that the page's address contains, if `first`, the best of all, is in
    another month and has a low confidence; otherwise None. This may be the month itself, which is one of the
    candidates.
    """
    if address is None or address.day is not None or first.confidence >= _HARDLY_TRUSTED:
        return None

    def is_in_month(one: When) -> bool:
        return (one.value.at.year, one.value.at.month) == (address.year, address.month)

    return None if is_in_month(first) else best_candidate([c for c in found if is_in_month(c)])


def _on_day_of_address(first: When, usable: list[When], url_day: date | None) -> When | None:
    """Returns the date of publication on `url_day`, the day in the page's address, if `first` is on another day, and
    one of the candidates `usable` is on `url_day`; otherwise None.

    Addresses and feeds give the day on which a program made the page. Therefore, they alone do not contradict an
    earlier day that the page shows, nor one within the next `_MADE_BEFORE` days. A much later one may be the day of a
    migration.
    """
    if url_day is None or first.value.day == url_day:
        return None
    agreeing = [c for c in usable if c.value.day == url_day]
    is_alone = all(_source_group(c) == "address" for c in agreeing)
    if is_alone and (first.value.day - url_day).days <= _MADE_BEFORE and _is_shown(first.value.day, usable):
        return None
    near = [c for c in agreeing if _days_apart(c.value, first.value) <= 1]
    return _with_day_shown(first, near or agreeing) if agreeing else None


def _is_shown(day: date, usable: list[When]) -> bool:
    return any(c.visible and c.confidence >= _SHOWN and c.value.day == day for c in usable)


def _on_day_shown(first: When, shown: list[When]) -> When | None:
    """Returns the date of publication on the day that the page shows if `first` is only declared and is one day earlier
    or later; otherwise None. `shown` are the visible candidates.
    """
    if first.visible or any(c.value.day == first.value.day for c in shown):
        return None
    neighbours = [c for c in shown if _days_apart(c.value, first.value) == 1]
    return _with_day_shown(first, neighbours) if neighbours else None


def _in_local_zone(first: When, usable: list[When], url_day: date | None) -> When | None:
    """Returns `first`, an instant in UTC, converted to the page's own zone, which other candidates (`usable`) show.
    Returns None if `first` is not in UTC, if the zone is unknown, or if its day in that zone would no longer be
    `url_day`, the day in the address (None if it has none).
    """
    local = _find_local(first.value, usable) if _is_utc(first.value) else None
    if local is None or (url_day is not None and first.value.day == url_day != local.day):
        return None
    return replace(first, value=local)


def _with_zone(first: When, usable: list[When]) -> When | None:
    if first.value.zoned or first.value.precision == "day":
        return None
    zoned = _find_zoned(first.value, usable)
    return replace(first, value=zoned) if zoned is not None else None


def _with_time_of_day(first: When, usable: list[When]) -> When | None:
    """Returns the best of the candidates `usable` that has a time of day and is on the same day as `first`, if `first`
    is only a day; otherwise None.
    """
    if first.value.precision != "day":
        return None
    return best_candidate(
        [c for c in usable if c.value.precision != "day" and c.value.day == first.value.day and c.confidence > 0.5]
    )


def _is_utc(moment: Moment) -> bool:
    return moment.zoned and not moment.at.utcoffset()


def _days_apart(one: Moment, other: Moment) -> int:
    return abs((one.day - other.day).days)


# Groups of sources. Sources that read the same lines or the same declaration are in one group and count only once.
_SOURCE_GROUPS = {
    "platform": "markup", "class": "markup", "microdata": "markup", "rdfa": "markup",
    "text": "reader", "byline": "reader", "shown": "reader", "feed": "address",
}  # fmt: skip
_HARDLY_TRUSTED = 0.5
_ONE_PROGRAM, _MARKED = {"json-ld", "meta"}, ("platform", "class", "microdata", "rdfa")
_PER_GROUP, _NEAR_HEADING, _DECLARED, _CHANGED, _SHOWN = 0.1, 0.7, 0.84, 0.8, 0.5
_MADE_BEFORE = 31


def _most_supported(found: list[When], changed: set[date]) -> When | None:
    """Returns the candidate with the most support, which is its confidence plus a bonus for each other group of sources
    with the same day; None if there are no candidates. `changed` are days on which the page says it was modified.

    An instant with a zone also agrees with the day before and the day after, since pages show the day in their own
    zone.

    A declared date may be that of a migration to another system. So if the page shows an earlier day, that day is
    returned in two cases:

    - No other group confirms the declared date.
    - Only JSON-LD and meta elements give it (one program writes both), and the byline shows the earlier day in an
      element made for dates.

    If JSON-LD and meta elements contradict each other, the day that the page shows in an element made for the date of
    publication is returned.
    """

    def support(one: When) -> float:
        own = _source_group(one)
        others = {_source_group(c) for c in found if _same_day(one.value, c.value)} - {own}
        return one.confidence + _PER_GROUP * len(others)

    first = max(found, key=support, default=None)
    if first is None or first.confidence > 0.95 or _source_group(first) == "reader":
        return first
    kinds = {_source_group(c) for c in found if _same_day(first.value, c.value)}
    if len(kinds) > 1 and kinds - _ONE_PROGRAM:
        return first
    if shown := _shown_if_contradicted(first, found, changed):
        return max(shown, key=support)
    earlier = [c for c in found if _is_earlier_line(c, first, changed)]
    if len(kinds) > 1:
        marked = {c.value.day for c in found if c.source in _MARKED}
        earlier = [c for c in earlier if c.source == "byline" and c.value.day in marked]
    return max(earlier, key=support, default=first)


def _shown_if_contradicted(first: When, found: list[When], changed: set[date]) -> list[When]:
    """Returns the dates that readers see in markup for the date of publication if the page declares several days of
    publication, `first` among them; otherwise []. `changed` are days on which the page says it was modified.
    """
    declared = [c.value for c in found if _source_group(c) in _ONE_PROGRAM and c.confidence >= _DECLARED]
    if not any(_days_apart(one, first.value) > 1 for one in declared):
        return []
    return [c for c in found if c.visible and c.source in _MARKED and c.value.day not in changed]


def _is_earlier_line(one: When, first: When, changed: set[date]) -> bool:
    """Returns True if `one` is a date shown near the heading and is more than a day before `first`. `changed` are days
    on which the page says it was modified; `one` must not be one of them.
    """
    return (
        _source_group(one) == "reader"
        and one.confidence >= _NEAR_HEADING
        and one.value.day not in changed
        and (first.value.at - one.value.at).days > 1
    )


def _without_changes(found: list[When], changed: list[When]) -> list[When]:
    """Returns the candidates for the date of publication without shown dates that are dates of the last change
    (`changed`) or later. They are left out only if the page declares an earlier date of publication.

    Themes that show the last change often mark it with the element and class for the day of publication. A date later
    than the last change belongs to another post.
    """
    days = {c.value.day for c in changed}
    declared = [c.value for c in found if not c.visible and c.confidence >= _DECLARED and c.value.day not in days]
    changes = [c.value.at for c in changed if c.confidence >= _CHANGED]
    if not declared or not changes:
        return found
    known, first, last = {m.day for m in declared}, min(m.at for m in declared), max(changes)

    def too_late(at: Moment) -> bool:
        return (at.at - first).days > 1 and (at.day in days or (at.at - last).days > 1) and at.day not in known

    return [c for c in found if not (c.visible and too_late(c.value))]


def _source_group(one: When) -> str:
    """Returns the group of related sources to which a candidate belongs. Only candidates of different groups confirm
    each other. A date in markup that readers also see belongs to the group of visible dates ("reader").
    """
    kind = _SOURCE_GROUPS.get(one.source, one.source)
    return "reader" if kind == "markup" and one.visible else kind


def _same_day(one: Moment, other: Moment) -> bool:
    if one.day == other.day:
        return True
    return _days_apart(one, other) == 1 and (one.zoned or other.zoned) and "day" in (one.precision, other.precision)


def _with_day_shown(first: When, agreeing: list[When]) -> When:
    """Returns `first` in the page's own zone, in which it is on the shown day, if that zone is known. Otherwise returns
    the best of the candidates `agreeing`, which are on that day.
    """
    if _is_utc(first.value) and (local := _find_local(first.value, agreeing)) is not None:
        return replace(first, value=local)
    chosen = best_candidate(agreeing)
    assert chosen is not None
    return chosen


# Title.

_SIMILAR, _SIMILAR_LONG, _LONG_WORDS = 0.34, 0.28, 5
"""A heading is confirmed by a declared title if their similarity is at least `_SIMILAR`, or at least `_SIMILAR_LONG` if
the heading has `_LONG_WORDS` words or more."""
_CLEARLY = 0.15
_OF_ARTICLE = frozenset({"json-ld", "microdata", "rdfa"})
_ALTERED = lazy_regex(r"\s\|\s|(?:\.\.\.|…)$")  # matches a title with a part after a bar, and a truncated title
_MAX_LENGTH = 200
"""A heading with more characters than this is a paragraph, so a declared title is chosen."""
_VOTE, _VOTE_IF_PART, _PER_VOTE = 1.0, 0.6, 0.12


def resolve_title(found: list[Candidate[str]], site: set[str], path: str = "") -> Candidate[str] | None:
    """Chooses the title: the heading that readers see, if a declared title confirms it, or else the title on which most
    sources agree. Returns None if there is no usable candidate. `site` are the site's names as returned by `fold_text`
    (only letters and digits, in lower case). `path` is the path of the page's address.

    - The heading that the platform's selector finds is chosen unless it is the site's name. If it is empty, the post
      has no title, and "" is chosen.
    - A different heading is chosen if it is similar to a declared title. The author wrote the heading, while declared
      titles are written for search engines and may be truncated. But if the address was clearly made from the declared
      title, the declared title is chosen.
    - A heading that is unlike all declared titles (a logo, a section, "Comments") is only one vote among others.
    - If there is no heading, the headline in the article's markup is preferred to titles for browsers and for sharing.
    - Other headings of the page (`OTHER_HEADING`) count only if there is no other candidate.
    """
    shown = next((c for c in found if c.visible and c.source in ("platform", "api")), None)
    if shown is not None and (not shown.value or fold_text(shown.value) not in site):
        return shown
    own_or_other = [c for c in found if c.value and fold_text(c.value) not in site]
    usable = [c for c in own_or_other if c.source != OTHER_HEADING]
    if not usable:
        return best_candidate(own_or_other)
    headings = [c for c in usable if c.visible]
    if heading := _confirmed_heading(headings, [c.value for c in usable if not c.visible]):
        return _original_title(heading, usable, path)
    own = [c for c in usable if c.source in _OF_ARTICLE and not _ALTERED.search(c.value)]
    if own and not headings:
        return max(own, key=lambda c: c.confidence)
    return _most_agreed(usable)


def _confirmed_heading(headings: list[Candidate[str]], declared: list[str]) -> Candidate[str] | None:
    """Returns the first heading that is similar to one of the `declared` titles; None if there is none."""
    for one in headings:
        least = _SIMILAR if len(one.value.split()) < _LONG_WORDS else _SIMILAR_LONG
        if len(one.value) <= _MAX_LENGTH and any(title_similarity(one.value, text) >= least for text in declared):
            return one
    return None


def _most_agreed(usable: list[Candidate[str]]) -> Candidate[str]:
    """Returns the candidate with the most support. The support of a candidate is its confidence plus a vote from each
    other source whose text is equal to the candidate's text, contains it, or is a part of it.
    """
    texts = [(c, fold_text(c.value)) for c in usable]

    def support(one: Candidate[str], text: str) -> float:
        votes = {c.source: _vote(text, other) for c, other in texts if c is not one and _vote(text, other)}
        return one.confidence + _PER_VOTE * sum(votes.values())

    return max(texts, key=lambda p: support(*p))[0]


def _vote(text: str, other: str) -> float:
    """Returns how much one title supports another: 1 if they are equal, less if one contains the other, otherwise 0.
    Both titles are given as `fold_text` returns them.
    """
    if not text:
        return 0.0
    if other == text:
        return _VOTE
    return _VOTE_IF_PART if len(text) > 8 and (text in other or other in text) else 0.0


def _original_title(heading: Candidate[str], found: list[Candidate[str]], path: str) -> Candidate[str]:
    """Returns the heading or, if the address was clearly made from a different title that the page declares, that
    title. A declared title that is truncated, or has a part after a bar, is not used.
    """
    others = [c for c in found if not c.visible]
    unaltered = [c for c in others if not _ALTERED.search(c.value)]
    if not unaltered or any(fold_text(c.value) == fold_text(heading.value) for c in others):
        return heading
    declared = max(unaltered, key=lambda c: c.confidence)
    clearly = title_in_url(declared.value, path) > title_in_url(heading.value, path) + _CLEARLY
    return declared if clearly else heading
