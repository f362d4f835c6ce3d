"""Collects the candidates for the dates of publication and of the last change: from declarations, the platform's
elements, bylines, visible dates, scripts and the address.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import unquote

from lxml.etree import _Element as Element

from archiver.extraction.bylines import CHANGED_BESIDE_HEADING, BylineBlock, whole_byline_around
from archiver.extraction.date_parser import (
    MODIFIED,
    AddressDate,
    Moment,
    day_in_month,
    machine_date,
    parse_month_and_year,
    url_date,
    visible_date,
)
from archiver.extraction.metadata import types
from archiver.extraction.normalization import element_line
from archiver.extraction.page import Page
from archiver.extraction.post_locator import Post, script_article
from archiver.extraction.visible_dates import RefusedDate, VisibleDate, date_label, visible_dates, words_before
from archiver.model.items import LISTING, REFUSED, Candidate, Evidence, SourceHint, is_from_api
from archiver.model.lazy_regex import lazy_regex
from archiver.platforms import by_name

# Dates in the data of a page's scripts, such as the state of a framework. The data are JSON, or JSON in JSON strings.

# Parts of the names of date properties, which are searched first, and the form of such a property:
# "publishedAt":"2024-...", \"datePublished\":..., publishDate: '...'.
_FRAGMENTS = (
    "ublish", "ublication", "ubDate", "ub_date", "ubTime", "ub_time", "ubtime", "ostDate", "ost_date", "ostedAt",
    "rticleDate", "rticle_date",
)  # fmt: skip
# Each pattern begins with a literal, since the engine finds a literal much faster than one of several fragments.
_FIND_FRAGMENTS = (lazy_regex("ub(?:lish|lication|Date|_date|Time|_time|time)"), lazy_regex("ost(?:Date|_date|edAt)"),
                   lazy_regex("rticle(?:Date|_date)"))  # fmt: skip
_STATE_PUBLISHED = lazy_regex(
    r"(?<![A-Za-z])((?:[a-z]{1,12}_?)?(?:first_?|original_?|initial_?)?(?:date_?)?publi(?:sh(?:ed|ing)?|cation)_?"
    r"(?:at|on|date|time(?:stamp)?|datetime)?|pub_?(?:date|time)|(?:post|article)_?date(?:_?time)?|posted_?at)"
    r"(?:\\*[\"']|&quot;)?\s*[:=]\s*(?:\\*[\"']|&quot;)?(\d{4}-\d\d-\d\d[^\"'\\&<,}]{0,30}|1\d{9}(?:\d{3})?(?!\d)|\d{8}(?!\d))",
    re.IGNORECASE,
)
_CHANGE_KEY = lazy_regex(r"updat|modif|unpublish", re.IGNORECASE)
_BRACE = lazy_regex("[{}]")
_MAX_POSITIONS, _NEAR = 300, 4_000
_MIN_SLUG_LENGTH = 8


@dataclass(frozen=True, slots=True)
class StateDate:
    """A date of publication in the data of a page's scripts. `sure` is True if all dates of publication in the data are
    on this day.
    """

    moment: Moment
    key: str
    sure: bool


def state_date(page: Page, post: Post) -> StateDate | None:
    """Returns the date of publication in the data of a page's scripts; None if there is none.

    The data may describe other posts, too. So of several dates, the one in the object with the page's title or address
    is returned. If the data cannot be parsed, it is the date nearest to the slug of the page's address, if both are in
    the same object.
    """
    found = _dates_in_text(page.text)
    if not found:
        return None
    if len({one.moment.day for one in found.values()}) == 1:
        return next(iter(found.values()))
    own = script_article(post).get("datePublished", ())
    if (moment := next(filter(None, map(machine_date, own)), None)) is not None:
        return StateDate(moment, "date of the article", False)
    slug = unquote(page.path.rstrip("/").rsplit("/", 1)[-1]).removesuffix(".html")
    nearest = _nearest_position(page.text, slug, sorted(found)) if len(slug) >= _MIN_SLUG_LENGTH else None
    return replace(found[nearest], sure=False) if nearest is not None else None


def _dates_in_text(text: str) -> dict[int, StateDate]:
    """Returns the dates of publication that are written as values of keys such as "publishedAt" in a text, by their
    positions in it.
    """
    found: dict[int, StateDate] = {}
    for at in _fragment_positions(text):
        for m in _STATE_PUBLISHED.finditer(text, max(0, at - 24), at + 90):
            if m.start() <= at and not _CHANGE_KEY.search(m[1]) and (moment := machine_date(m[2])):
                found[m.start(2)] = StateDate(moment, m[1], True)
    return found


def _fragment_positions(text: str) -> list[int]:
    """Returns the positions in a text at which a key for a date of publication may be. These are the places of a few
    short strings (`_FRAGMENTS`), at most _MAX_POSITIONS of each, which are faster to find than the keys that contain
    them.
    """
    places: dict[str, list[int]] = {fragment: [] for fragment in _FRAGMENTS}
    for pattern in _FIND_FRAGMENTS:
        for m in pattern.finditer(text):
            places[m[0]].append(m.start())
    return [at for some in places.values() for at in some[:_MAX_POSITIONS]]


def _positions(text: str, part: str) -> Iterator[int]:
    """Yields the positions of `part` in a text, at most _MAX_POSITIONS of them."""
    at = text.find(part)
    for _ in range(_MAX_POSITIONS):
        if at < 0:
            return
        yield at
        at = text.find(part, at + len(part))


def _nearest_position(text: str, slug: str, places: list[int]) -> int | None:
    """Returns the position in `places` that is nearest to an occurrence of the slug, with both in the same JSON object.
    Returns None if there is none, or if all are too far away.
    """
    near: list[tuple[int, int]] = []
    for at in _positions(text, slug):
        here = bisect(places, at)
        near += [(place, at) for place in places[max(0, here - 1) : here + 1] if abs(place - at) <= _NEAR]
    near.sort(key=lambda one: abs(one[0] - one[1]))
    return next((place for place, at in near if _are_in_one_object(text, min(place, at), max(place, at))), None)


def _are_in_one_object(text: str, start: int, end: int) -> bool:
    """Returns True if one JSON object contains two positions (`start` and `end`) of a text. One of them may also be in
    an object inside it.
    """
    depth = least = 0
    for brace in _BRACE.findall(text, start, end):
        depth += 1 if brace == "{" else -1
        least = min(least, depth)
    return depth == least or least == 0


When = Candidate[Moment]
_NODE, _META = "node", "meta"
_CHANGED_METAS = (
    "article:modified_time", "og:updated_time", "article:modified", "dcterms.modified", "dc.date.modified",
    "datemodified", "last-modified", "lastmod", "revised", "modified_time", "article.updated", "sailthru.lastmodified",
)  # fmt: skip
_Table = tuple[tuple[str, tuple[str, ...], float], ...]
_PUBLISHED: _Table = (
    (_NODE, ("datePublished",), 0.86),
    (_NODE, ("dateCreated",), 0.78),
    (_NODE, ("uploadDate",), 0.7),
    (_META, ("article:published_time", "article:published", "og:published_time", "og:article:published_time",
      "rnews:datepublished"), 0.84),
    (_META, ("citation_publication_date", "citation_online_date", "parsely-pub-date", "datepublished", "publish-date",
      "publishdate", "publish_date", "publication_date", "published_time", "pubdate", "pub_date", "article.published",
      "published-date", "originalpublicationdate", "sailthru.date", "cxenseparse:recs:publishtime", "ptime",
      "displaydate", "article_date_original", "article:created", "created"), 0.74),
    (_META, ("dc.date.issued", "dcterms.issued", "dcterms.created", "dc.date.created", "dcterms.date", "dc.date",
      "date", "bt:pubdate"), 0.68),
)  # fmt: skip
_CHANGES: _Table = ((_NODE, ("dateModified",), 0.86), (_META, _CHANGED_METAS, 0.8))
"""The declarations of the two dates: the properties of the nodes that describe the article (JSON-LD, microdata, RDFa)
and the names of meta elements, with the confidence of each."""
_KNOWN_METAS = frozenset(name for _, names, _ in _PUBLISHED for name in names)
# Matches other names of meta elements with the date of publication, such as "x:publishdate" and "page-date".
_META_PUBLISHED = lazy_regex(
    r"publi(?:sh|cation)|posted|pub[_:-]?(?:date|time)|(?:^|[:._-])date$|(?:creat|releas)(?:e|ed|ion)[_-]?(?:at|date|time|on)|"
    r"date[._-]?(?:created|issued|released|creation)|article[_-]?date",
    re.IGNORECASE,
)
_META_OTHER = lazy_regex(
    r"modif|updat|revis|expir|event|start|end|valid|copyright|birth|publisher|unpublish", re.IGNORECASE
)
_OTHER_META, _ANY_NODE = 0.6, 0.3
_REACTIONS = frozenset(("comment", "review", "answer", "event", "jobposting"))
_IN_BYLINE, _NOT_IN_POST, _IN_TEXT = 0.75, 0.08, 0.05
_DAY_BESIDE_HEADING, _SHOWN_CHANGE, _MONTH_OF_ADDRESS, _DECLARED_CHANGE = 0.45, 0.4, 0.34, 0.3
_ATTRIBUTE, _IMAGE = 0.28, 0.2
_DAY_ABOVE, _DAY_BELOW, _DATELINE_LENGTH, _IMAGES = 20, 60, 60, 10
# Matches an attribute of an element that contains a date.
_DATA_ATTRIBUTE = lazy_regex(
    r"(data-(?:timestamp|date|time|datetime|published|pubdate))=[\"']?(?:(?:19|20)\d\d-\d|1\d{9})"
)
_IMAGE_DAY = lazy_regex(r"/((?:19|20)\d{2})([/-]?)(0[1-9]|1[0-2])\2([0-2]\d|3[01])(?=[/_.-])")
_SURE, _UNTRUSTED = 0.8, 0.35
"""If no candidate for the date of publication has at least the first confidence, scripts are searched. If none has the
second one, less certain dates are added, such as that of the last change."""
_LISTED_DAY, _LISTED_MONTH = 0.53, 0.05
"""The confidence of the date that a list of posts shows beside its link to the post, with and without a day. Such a
date is only known of sites whose posts show none, so a date in the text of one post is another one."""


def precision_bonus(moment: Moment, visible: bool) -> float:
    """Returns what is added to the confidence of a date for its precision, its time zone and, if readers see it
    (`visible`), its visibility. Of two equal dates, the more precise one is then chosen.
    """
    return (0.01 if moment.precision != "day" else 0.0) + (0.01 if moment.zoned else 0.0) + (0.005 if visible else 0.0)


class _DateCandidates(list[When]):
    """The date candidates of one page. The confidence of each is increased by its `precision_bonus` when it is
    added.
    """

    def add(self, moment: Moment | None, source: str, locator: str, confidence: float, seen: bool = False) -> None:
        if moment is not None:
            self.append(Candidate(moment, source, locator, confidence + precision_bonus(moment, seen), seen))

    def add_hint(self, hint: SourceHint | None, field: str) -> None:
        """Adds the date that a feed or an API gives."""
        at = getattr(hint, field) if hint is not None else None
        if hint is not None and at is not None:
            moment = Moment(at, getattr(hint, f"{field}_precision") or "second", not getattr(hint, f"{field}_unzoned"))
            source, confidence = ("api", 0.97) if is_from_api(hint) else ("feed", 0.79)
            self.add(moment, source, field, confidence)

    def add_declared(self, page: Page, table: _Table) -> None:
        """Adds the dates that a page declares in the places of a table."""
        declared = page.data.declared(page.addresses)
        for kind, names, confidence in table:
            for name in names:
                if kind == _META:
                    texts = [(_META, text) for text in page.data.meta(name)[:1]]
                else:
                    texts = [(one.source, text) for one in declared for text in page.data.texts(one.node, name)[:1]]
                for source, text in texts:
                    self.add(_parse_date(text, page.date_language), source, name, confidence)

    def is_below(self, confidence: float) -> bool:
        return all(c.confidence < confidence for c in self)


def _parse_date(text: str, language: str) -> Moment | None:
    """Parses a declared date, which may be in a notation for machines or for readers; None if it is neither."""
    return machine_date(text) or visible_date(text, language)


def published_candidates(page: Page, post: Post, hint: SourceHint | None, beside: BylineBlock) -> list[When]:
    """Returns the candidates for the date of publication from every source. `beside` is the byline near the heading.

    Those of the page are cached on `post`, since the page classifier needs them, too.
    """
    known, found = post.answers.get("published", (None, []))
    if known is not beside:
        found = _collect_published(page, post, beside)
        post.answers["published"] = beside, found
    given = _DateCandidates()
    given.add_hint(hint, "published")
    own = (c for c in found if not (c.visible and page.constants.refuses_day(c.value.day)))
    return [*given, *own, *listed_date(hint)]


def listed_date(hint: SourceHint | None) -> list[When]:
    """Returns the candidate for the date of publication that a list of posts shows; [] if no list shows any."""
    if hint is None or not hint.listed_date:
        return []
    year, month, day = (*map(int, hint.listed_date.split("-")), 0, 0)[:3]
    moment = Moment(
        datetime(year, month or 1, day or 1, tzinfo=UTC), "day" if day else "month" if month else "year", False
    )
    return [Candidate(moment, LISTING, "entry", _LISTED_DAY if day else _LISTED_MONTH)]


def modified_candidates(page: Page, post: Post, hint: SourceHint | None, beside: BylineBlock) -> list[When]:
    """Returns the candidates for the date of the last change from every source. `hint` is what a feed or an API says
    about the post, None if nothing; `beside` is the byline near the heading.
    """
    out = _DateCandidates()
    out.add_hint(hint, "modified")
    out.add_declared(page, _CHANGES)
    for rule in page.index.present(page.platform.modified + by_name("generic").modified):
        for el, _ in post.select([rule])[:1]:
            moment, seen = date_of_element(el, page.date_language)
            out.add(moment, "platform", rule, 0.84, seen)
    out.add(beside.modified, "byline", "beside the heading", 0.6, True)
    return out


def _collect_published(page: Page, post: Post, beside: BylineBlock) -> list[When]:
    out = _DateCandidates()
    _add_platform(page, post, out)
    out.add_declared(page, _PUBLISHED)
    for key in page.data.meta_names():
        if key not in _KNOWN_METAS and _META_PUBLISHED.search(key) and not _META_OTHER.search(key):
            out.add(_parse_date(page.data.meta_first(key), page.date_language), "meta", key, _OTHER_META)
    out.add(beside.moment, "byline", "beside the heading", 0.8, True)
    address = url_date(page.path)
    if address is not None and address.day is not None:
        out.add(machine_date(f"{address.year:04}-{address.month:02}-{address.day:02}"), "address", page.path, 0.55)
    is_declared = any(c.confidence >= _SURE and not c.visible for c in out)
    shown, post.answers["refused dates"] = visible_dates(page, post, near=is_declared)
    for one in shown:
        if one.meaning == "published":
            post.dated_elements.append(one.element)
            is_byline = whole_byline_around(page, one.element) is not None
            confidence = max(one.confidence, _IN_BYLINE) if is_byline else one.confidence
            out.add(one.moment, "shown", f"{one.where} {_element_name(one.element)}", confidence, True)
    if out.is_below(_SURE) and (found := state_date(page, post)) is not None:
        # Scripts are searched only if no candidate is certain enough, since this scans the page's whole source.
        out.add(found.moment, "script", found.key, 0.62 if found.sure else 0.52)
    if out.is_below(_UNTRUSTED):
        _add_last_resort(page, post, out, [one for one in shown if one.meaning == "modified"], beside)
    return out


def _add_platform(page: Page, post: Post, out: _DateCandidates) -> None:
    """Adds two dates to the candidates `out`: the date found by the platform's first matching selector, and the date
    found by the first matching generic selector. The visible text of an element may be in another time zone than its
    attribute, so its date is added, too, with a little less confidence.
    """
    generic, language = by_name("generic"), page.date_language
    tables = [(page.platform, "platform", 0.9)] if page.platform is not generic else []
    for platform, source, confidence in [*tables, (generic, "class", 0.72)]:
        dated = _first_dated(post, page.index.present(platform.published), language)
        if dated is None:
            continue
        el, moment, in_text, rule = dated
        inside = post.holder is not None and any(a is post.holder for a in el.iterancestors())
        text = visible_date(element_line(el), language) if el.tag != "meta" else None
        is_seen = el.tag != "meta" and (text is None or text.day == moment.day)
        out.add(moment, source, rule, confidence if inside else confidence - _NOT_IN_POST, is_seen)
        if not in_text:
            out.add(text, "text", rule, confidence - _IN_TEXT, True)


def _first_dated(post: Post, rules: Iterable[str], language: str) -> tuple[Element, Moment, bool, str] | None:
    """Returns the first element with a date of publication that a selector matches, with its date, True if this is in
    its text, and the selector. A date of the last change does not count.
    """
    for rule in rules:
        for el, _ in post.select([rule])[:3]:
            moment, in_text = date_of_element(el, language)
            if moment is not None and not _is_modified_date(el):
                return el, moment, in_text, rule
    return None


def _is_modified_date(el: Element) -> bool:
    names = f"{el.get('class') or ''} {el.get('itemprop') or ''}"
    if "publish" in names.lower() or "create" in names.lower():
        return False
    return bool(MODIFIED.search(names)) or date_label(f"{words_before(el)} {element_line(el)[:60]}") == "modified"


def date_of_element(el: Element, language: str) -> tuple[Moment | None, bool]:
    """Returns the date of an element (None if it has none), and True if the date is in its visible text and not in an
    attribute.
    """
    text = element_line(el)
    shown = visible_date(text, language, True) if len(text) <= 200 else None
    for attr in ("datetime", "content", "title", "data-datetime", "data-time", "data-timestamp"):
        value = el.get(attr)
        if value and (moment := machine_date(value) or (visible_date(value, language) if attr == "title" else None)):
            adds_time = shown is not None and moment.precision == "day" != shown.precision
            return (shown, True) if shown and adds_time and shown.day == moment.day else (moment, False)
    return shown or parse_month_and_year(text), True


def _add_last_resort(
    page: Page, post: Post, out: _DateCandidates, changed: list[VisibleDate], beside: BylineBlock
) -> None:
    """Adds the least certain candidates, for pages on which no other date was found: the date of the last change, the
    month in the address, dates in data that may not be about the post, and dates in addresses of images.
    """
    out.add(beside.modified, "byline", CHANGED_BESIDE_HEADING, 0.42, True)
    for one in changed[:1]:
        out.add(one.moment, "shown", f"changed, {one.where} {_element_name(one.element)}", _SHOWN_CHANGE, True)
    declared = _DateCandidates()
    declared.add_declared(page, _CHANGES)
    for change in declared:
        out.add(change.value, change.source, change.locator, _DECLARED_CHANGE)
        on_this_day = AddressDate(change.value.day.year, change.value.day.month, change.value.day.day)
        shown = _day_near_heading(page, post, on_this_day)
        out.add(shown, "shown", f"day of {change.locator}", _DAY_BESIDE_HEADING, True)
    address = url_date(page.path)
    if address is not None and address.day is None:
        shown = _day_near_heading(page, post, address)
        out.add(shown, "shown", "day of the address's month", _DAY_BESIDE_HEADING, True)
        start = machine_date(f"{address.year:04}-{address.month:02}-01")
        out.add(replace(start, precision="month") if start else None, "address", page.path, _MONTH_OF_ADDRESS)
    for node in page.data.nodes:
        if not types(node) & _REACTIONS:
            for text in page.data.texts(node, "datePublished", "uploadDate", "dateCreated")[:1]:
                out.add(machine_date(text), "script", "JSON-LD that is not of the post", _ANY_NODE)
    present = {m[1] for m in _DATA_ATTRIBUTE.finditer(page.text)}
    found = [
        (attribute, moment)
        for el in (page.index.elements if present else ())
        for attribute in present
        if (value := el.get(attribute)) and (moment := machine_date(value)) and not post.is_noise(el)
    ]
    if len({moment.day for _, moment in found}) == 1:
        out.add(found[0][1], "attribute", found[0][0], _ATTRIBUTE)
    images = page.data.meta("og:image", "twitter:image")[:1]
    if post.body is not None:
        images += [img.get("src") or img.get("data-src") or "" for img in post.body.iter("img")][:_IMAGES]
    if m := next(filter(None, map(_IMAGE_DAY.search, images)), None):
        out.add(machine_date(f"{m[1]}-{m[3]}-{m[4]}"), "address", "image", _IMAGE)


def refused_dates(post: Post) -> list[Evidence]:
    """Returns evidence for the dates on the page that do not count as the post's date, each with the reason."""
    refused: list[RefusedDate] = post.answers.get("refused dates", [])
    return [
        Evidence("published", str(one.moment), REFUSED, f"{_element_name(one.element)[:60]}: {one.reason}", 0.0)
        for one in refused
    ]


def _day_near_heading(page: Page, post: Post, month: AddressDate) -> Moment | None:
    """Returns the first date near the heading that is in the given month and written without a year, such as "March 5",
    at the beginning of a text; None if there is none. If `month` has a day, the date must be on this day.
    """
    index, language = page.index, page.date_language
    start = index.order[post.title] if post.title is not None else 0
    for el in index.elements[max(0, start - _DAY_ABOVE) : start + _DAY_BELOW]:
        for text in index.texts[el]:
            moment = day_in_month(text.strip()[:_DATELINE_LENGTH], month, language) if text.strip() else None
            if moment is not None and month.day in (None, moment.day.day) and not post.is_noise(el):
                return moment
    return None


def _element_name(el: Element) -> str:
    return ".".join([str(el.tag), *(el.get("class") or "").split()[:2]])
