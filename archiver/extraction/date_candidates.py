"""Collects candidates for the dates of publication and of the last change: from metadata, scripts, bylines and visible
text."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
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
from archiver.extraction.metadata import is_article_item, item_of, types
from archiver.extraction.normalization import element_line
from archiver.extraction.page import Page
from archiver.extraction.post_locator import Post, script_article
from archiver.extraction.visible_dates import RefusedDate, VisibleDate, dates_at_second_look, visible_dates
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
_CHANGED = lazy_regex(r"updat|modif|unpublish", re.IGNORECASE)
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
        return _date_of_wechat(page.text)
    if len({one.moment.day for one in found.values()}) == 1:
        return next(iter(found.values()))
    own = script_article(post).get("datePublished", ())
    if (moment := next(filter(None, map(machine_date, own)), None)) is not None:
        return StateDate(moment, "date of the article", False)
    slug = unquote(page.path.rstrip("/").rsplit("/", 1)[-1]).removesuffix(".html")
    nearest = _nearest_position(page.text, slug, sorted(found)) if len(slug) >= _MIN_SLUG_LENGTH else None
    return replace(found[nearest], sure=False) if nearest is not None else None


def _date_of_wechat(text: str) -> StateDate | None:
    """Returns the date of publication in the script of a WeChat article, whose visible date is filled in by this
    script. The time `ct` is in seconds since 1970, and readers see it in Chinese time.
    """
    m = _WECHAT.search(text) if "rich_media" in text else None
    moment = machine_date(m[2]) if m else None
    if m is None or moment is None:
        return None
    local = replace(moment, at=moment.at.astimezone(_CHINESE_TIME)) if moment.zoned else moment
    return StateDate(local, m[1], True)


_WECHAT = lazy_regex(r"\bvar (ct|createTime)\s*=\s*[\"'](1\d{9}|\d{4}-\d\d-\d\d \d\d:\d\d)[\"']")
_CHINESE_TIME = timezone(timedelta(hours=8))


def _dates_in_text(text: str) -> dict[int, StateDate]:
    """Returns the dates of publication that are written as values of keys such as "publishedAt" in a text, by their
    positions in it.
    """
    found: dict[int, StateDate] = {}
    for at in _fragment_positions(text):
        for m in _STATE_PUBLISHED.finditer(text, max(0, at - 24), at + 90):
            if m.start() <= at and not _CHANGED.search(m[1]) and (moment := machine_date(m[2])):
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
_PUBLISHED = (
    (("article:published_time", "article:published", "og:published_time", "og:article:published_time",
      "rnews:datepublished"), 0.84),
    (("citation_publication_date", "citation_online_date", "parsely-pub-date", "datepublished", "publish-date",
      "publishdate", "publish_date", "publication_date", "published_time", "pubdate", "pub_date", "article.published",
      "published-date", "originalpublicationdate", "sailthru.date", "cxenseparse:recs:publishtime", "ptime",
      "displaydate", "article_date_original", "article:created", "created"), 0.74),
    (("dc.date.issued", "dcterms.issued", "dcterms.created", "dc.date.created", "dcterms.date", "dc.date", "date",
      "bt:pubdate"), 0.68),
)  # fmt: skip
"""Names of meta elements that give the date of publication, with the confidence of each."""
_MODIFIED = (
    "article:modified_time", "og:updated_time", "article:modified", "dcterms.modified", "dc.date.modified",
    "datemodified", "last-modified", "lastmod", "revised", "modified_time", "article.updated", "sailthru.lastmodified",
)  # fmt: skip
_KNOWN_METAS = frozenset(name for names, _ in _PUBLISHED for name in names)
# Matches other names of meta elements with the date of publication, such as "x:publishdate" and "page-date".
_META_PUBLISHED = lazy_regex(
    r"publi(?:sh|cation)|posted|pub[_:-]?(?:date|time)|(?:^|[:._-])date$|(?:creat|releas)(?:e|ed|ion)[_-]?(?:at|date|time|on)|"
    r"date[._-]?(?:created|issued|released|creation)|article[_-]?date",
    re.IGNORECASE,
)
_META_OTHER = lazy_regex(
    r"modif|updat|revis|expir|event|start|end|valid|copyright|birth|publisher|unpublish", re.IGNORECASE
)
_NO_POSTS = frozenset(
    ("comment", "review", "videoobject", "imageobject", "webpage", "event", "jobposting", "product", "answer", "book")
)
_IMAGES, _OTHERS = 10, 3
_CHANGED_AT_SECOND_LOOK, _MONTH_OF_ADDRESS, _DAY_OF_CHANGE = 0.36, 0.34, 0.45
_DAY_ABOVE, _DAY_BELOW, _DATELINE_LENGTH = 20, 60, 60
_REACTIONS = frozenset(("comment", "review", "answer", "event", "jobposting"))
# Matches an attribute of an element that contains a date.
_DATA_ATTRIBUTE = lazy_regex(
    r"(data-(?:timestamp|date|time|datetime|published|pubdate))=[\"']?(?:(?:19|20)\d\d-\d|1\d{9})"
)
_IMAGE_DAY = lazy_regex(r"/((?:19|20)\d{2})([/-]?)(0[1-9]|1[0-2])\2([0-2]\d|3[01])(?=[/_.-])")
_UNTRUSTED = 0.35
"""If no candidate for the date of publication has at least this confidence, less certain ones are added, such as the
date of the last change."""


_LISTED = (LISTING, "entry", 0.05)
"""The source, the locator and the confidence of the date that a list of posts shows beside its link to the post."""


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


def published_candidates(page: Page, post: Post, hint: SourceHint | None, beside: BylineBlock) -> list[When]:
    """Returns the candidates for the date of publication from every source. `beside` is the byline near the heading.

    Unless the source hint contains a date, the result is cached on `post`, since the page classifier needs it, too.
    """
    return [*_published_candidates(page, post, hint, beside), *listed_date(hint)]


def listed_date(hint: SourceHint | None) -> list[When]:
    """Returns the candidate for the date of publication that a list of posts shows; [] if no list shows any."""
    if hint is None or not hint.listed_date:
        return []
    year, month, day = (*map(int, hint.listed_date.split("-")), 0, 0)[:3]
    moment = Moment(
        datetime(year, month or 1, day or 1, tzinfo=UTC), "day" if day else "month" if month else "year", False
    )
    return [Candidate(moment, *_LISTED)]


def _published_candidates(page: Page, post: Post, hint: SourceHint | None, beside: BylineBlock) -> list[When]:
    if hint is not None and hint.published is not None:
        return _collect_published(page, post, hint, beside)
    known, found = post.answers.get("published", (None, []))
    if known is not beside:
        found = _collect_published(page, post, None, beside)
        post.answers["published"] = beside, found
    return list(found)


def _collect_published(page: Page, post: Post, hint: SourceHint | None, beside: BylineBlock) -> list[When]:
    out = _DateCandidates()
    language = page.date_language
    if hint is not None and hint.published is not None:
        trusted = is_from_api(hint)
        moment = Moment(hint.published, hint.published_precision or "second", not hint.published_unzoned)
        out.add(moment, "api" if trusted else "feed", "published", 0.97 if trusted else 0.79)
    _add_platform(page, post, out)
    _add_declared(page, post, out, language)
    out.add(beside.moment, "byline", "beside the heading", 0.8, True)
    address = url_date(page.path)
    if address is not None and address.day is not None:
        out.add(machine_date(f"{address.year:04}-{address.month:02}-{address.day:02}"), "address", page.path, 0.55)
    changed = _add_shown(page, post, out, language)
    if not any(c.confidence >= _SURE for c in out):
        # Scripts are searched only if no candidate is certain enough, since this scans the page's whole source.
        if (found := state_date(page, post)) is not None:
            out.add(found.moment, "script", found.key, 0.62 if found.sure else 0.52)
        if not any(c.confidence >= _UNTRUSTED for c in out):
            _add_last_resort(page, post, out, changed, beside)
    return out


def _add_shown(page: Page, post: Post, out: _DateCandidates, language: str) -> list[VisibleDate]:
    """Adds the visible dates of publication to the candidates `out`, unless the day is already certain. Returns the
    visible dates of the last change.
    """
    if _is_day_settled(out):
        return []
    changed: list[VisibleDate] = []
    declared = any(c.confidence >= _SURE and not c.visible for c in out)
    for one in visible_dates(page, post, language, near=declared):
        if one.confidence < _LEAST:
            continue  # in a link to another post
        if one.meaning == "published":
            post.dated_elements.append(one.element)
            confidence = _confidence(page, one)
            out.add(one.moment, "shown", f"{one.where} {_element_name(one.element)}", confidence, True)
        else:
            changed.append(one)
    return changed


_SURE, _LEAST, _IN_BYLINE = 0.8, 0.15, 0.75


def _confidence(page: Page, one: VisibleDate) -> float:
    """Returns the confidence of a visible date, which is high in any line that is a whole byline."""
    return max(one.confidence, _IN_BYLINE) if whole_byline_around(page, one.element) is not None else one.confidence


def _is_day_settled(found: list[When]) -> bool:
    """Returns True if metadata and a visible date agree on one day, so that the rest of the page need not be
    searched.
    """
    days = [{c.value.day for c in found if c.visible is seen and c.confidence >= _SURE} for seen in (True, False)]
    return bool(days[0] & days[1])


def _add_last_resort(
    page: Page, post: Post, out: _DateCandidates, changed: list[VisibleDate], beside: BylineBlock
) -> None:
    """Adds the least certain candidates, for pages on which no other date was found: a date on any line of the page,
    the date of the last change, dates in data that may not be about the post, and dates in addresses of images.
    """
    _add_from_second_look(page, post, out)
    out.add(beside.modified, "byline", CHANGED_BESIDE_HEADING, 0.42, True)
    for one in changed[:1]:
        out.add(one.moment, "shown", f"changed, {one.where} {_element_name(one.element)}", 0.4, True)
    for moment, source, locator, confidence in _declared_changes(page):
        out.add(moment, source, locator, confidence)
        on_this_day = AddressDate(moment.day.year, moment.day.month, moment.day.day)
        out.add(_day_near_heading(page, post, on_this_day), "shown", f"day of {locator}", _DAY_OF_CHANGE, True)
    _add_from_other_data(page, post, out)
    images = page.data.meta("og:image", "twitter:image")[:1]
    if post.body is not None:
        images += [img.get("src") or img.get("data-src") or "" for img in post.body.iter("img")][:_IMAGES]
    if m := next(filter(None, map(_IMAGE_DAY.search, images)), None):
        out.add(machine_date(f"{m[1]}-{m[3]}-{m[4]}"), "address", "image", 0.2)


def _declared_changes(page: Page) -> Iterator[tuple[Moment, str, str, float]]:
    """Yields the dates of the last change that the page declares, each with its source, locator and confidence as a
    date of publication.
    """
    texts = [(text, "meta", key, 0.3) for key in _MODIFIED for text in page.data.meta(key)[:1]]
    updated = page.index.select("meta[itemprop~=dateUpdate]")[:1]
    texts.extend((el.get("content") or "", "microdata", "dateUpdate", 0.3) for el in updated)
    declared = page.data.texts(page.data.article(page.addresses), "dateModified")[:1]
    texts.extend((text, "json-ld", "dateModified", 0.32) for text in declared)
    for text, source, locator, confidence in texts:
        if (moment := machine_date(text)) is not None:
            yield moment, source, locator, confidence


def _add_from_second_look(page: Page, post: Post, out: _DateCandidates) -> None:
    """Adds less certain dates, for a page on which no other date was found: dates on any line of the page, and the
    month in its address. If a dateline near the heading gives a day of this month without a year, that day is added,
    too.
    """
    others, post.answers["refused dates"] = dates_at_second_look(page, post, page.date_language)
    for one in others[:_OTHERS]:
        published = one.meaning == "published"
        post.dated_elements.append(one.element)
        where = f"second look, {_element_name(one.element)}"
        confidence = _confidence(page, one) if published else _CHANGED_AT_SECOND_LOOK
        out.add(one.moment, "shown", where if published else f"changed, {where}", confidence, True)
    address = url_date(page.path)
    if address is not None and address.day is None:
        out.add(_day_near_heading(page, post, address), "shown", "day of the address's month", 0.45, True)
        start = machine_date(f"{address.year:04}-{address.month:02}-01")
        out.add(replace(start, precision="month") if start else None, "address", page.path, _MONTH_OF_ADDRESS)


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


def _add_from_other_data(page: Page, post: Post, out: _DateCandidates) -> None:
    """Adds dates from data that may not be about the post: JSON-LD of any type and, if they all give the same day, data
    attributes of elements.
    """
    nodes = [n for n in page.data.nodes if not types(n) & _REACTIONS]
    for key in ("datePublished", "uploadDate", "dateCreated"):
        for text in [t for n in nodes for t in page.data.texts(n, key)][:1]:
            out.add(machine_date(text), "script", f"{key} of JSON-LD that is not of the post", 0.3)
    present = {m[1] for m in _DATA_ATTRIBUTE.finditer(page.text)}
    found = [
        (attribute, moment)
        for el in (page.index.elements if present else ())
        for attribute in present
        if (value := el.get(attribute)) and (moment := machine_date(value)) and not post.is_noise(el)
    ]
    if len({moment.day for _, moment in found}) == 1:
        out.add(found[0][1], "attribute", found[0][0], 0.28)


def _element_name(el: Element) -> str:
    return ".".join([str(el.tag), *(el.get("class") or "").split()[:2]])


def _parse_date(text: str, language: str) -> Moment | None:
    """Parses a declared date, which may be in a notation for machines or for readers; None if it is neither."""
    return machine_date(text) or visible_date(text, language)


def _add_declared(page: Page, post: Post, out: _DateCandidates, language: str) -> None:
    _add_json_ld(page, out, language)
    _add_microdata(page, post, out, language)
    for text in page.data.texts(page.data.rdfa_article(page.addresses), "datePublished", "dateCreated")[:1]:
        out.add(_parse_date(text, language), "rdfa", "datePublished", 0.86)
    _add_metas(page, out, language)


def _add_json_ld(page: Page, out: _DateCandidates, language: str) -> None:
    node = page.data.article(page.addresses)
    for key, confidence in (("datePublished", 0.86), ("dateCreated", 0.78), ("uploadDate", 0.7)):
        for text in page.data.texts(node, key)[:1]:
            out.add(_parse_date(text, language), "json-ld", key, confidence)
    if node is None:
        _add_other_nodes(page, out)


def _add_other_nodes(page: Page, out: _DateCandidates) -> None:
    """Adds dates from JSON-LD nodes that are not articles, for pages without an article node."""
    dated = ((types(n), n) for n in page.data.nodes if "datePublished" in n)
    other = next(((kinds, n) for kinds, n in dated if kinds and not kinds & _NO_POSTS), None)
    if other is not None:
        kinds, node = other
        for text in page.data.texts(node, "datePublished")[:1]:
            out.add(machine_date(text), "json-ld", min(kinds), 0.62)
    for web in page.data.of_type("webpage")[:1]:
        for text in page.data.texts(web, "datePublished")[:1]:
            out.add(machine_date(text), "json-ld", "WebPage", 0.58)


def _add_microdata(page: Page, post: Post, out: _DateCandidates, language: str) -> None:
    for el in page.index.select("[itemprop~=datePublished]") + page.index.select("[itemprop~=dateCreated]"):
        if is_article_item(item_of(el)) and not post.is_noise(el):
            moment, seen = date_of_element(el, language)
            out.add(moment, "microdata", "datePublished", 0.86, seen)
            return


def _add_metas(page: Page, out: _DateCandidates, language: str) -> None:
    for keys, confidence in _PUBLISHED:
        for key in keys:
            for text in page.data.meta(key)[:1]:
                out.add(_parse_date(text, language), "meta", key, confidence)
    for key in page.data.meta_names():
        if key not in _KNOWN_METAS and _META_PUBLISHED.search(key) and not _META_OTHER.search(key):
            out.add(_parse_date(page.data.meta_first(key), language), "meta", key, 0.6)


@dataclass(frozen=True, slots=True)
class _Dated:
    """An element with its date. `in_text` is True if the date is from the element's visible text, and False if it is
    from an attribute.
    """

    element: Element
    moment: Moment
    in_text: bool


def _add_platform(page: Page, post: Post, out: _DateCandidates) -> None:
    """Adds two dates to the candidates `out`: the date found by the platform's first matching selector, and the date
    found by the first matching generic selector.
    """
    generic = by_name("generic")
    tables = [(page.platform, "platform", 0.9)] if page.platform is not generic else []
    for platform, source, confidence in [*tables, (generic, "class", 0.72)]:
        for rule in page.index.present(platform.published):
            if dated := _first_dated(post, rule, page.date_language):
                inside = post.holder is not None and any(a is post.holder for a in dated.element.iterancestors())
                trust = confidence if inside else confidence - 0.08
                _add_dated(dated, Candidate(dated.moment, source, rule, trust), confidence, out, page.date_language)
                break


def _first_dated(post: Post, rule: str, language: str) -> _Dated | None:
    """Returns the first element with a date of publication among the first three elements that a selector matches; None
    if there is none. A date of the last change does not count.
    """
    for el, _ in post.select([rule])[:3]:
        moment, in_text = date_of_element(el, language)
        if moment is not None and not _is_modified_date(el):
            return _Dated(el, moment, in_text)
    return None


def _add_dated(dated: _Dated, found: When, confidence: float, out: _DateCandidates, language: str) -> None:
    """Adds the date of an element as the candidate `found`. Also adds the dates in its tooltip and its visible text,
    which may be in another time zone, with a little less than the given `confidence`.
    """
    el, moment, rule = dated.element, dated.moment, found.locator
    text = visible_date(element_line(el), language)
    is_seen = el.tag != "meta" and (text is None or text.day == moment.day)
    out.add(moment, found.source, rule, found.confidence, is_seen)
    tip = visible_date(el.get("title") or "", language)
    if tip is not None and not tip.zoned and moment.zoned and tip.precision != "day":
        out.add(tip, "text", f"{rule} title", confidence - 0.05, True)
    if not dated.in_text and text is not None and el.tag != "meta":
        out.add(text, "text", rule, confidence - 0.05, True)


def _is_modified_date(el: Element) -> bool:
    names = f"{el.get('class') or ''} {el.get('itemprop') or ''}"
    if "publish" in names.lower() or "create" in names.lower():
        return False
    previous, parent = el.getprevious(), el.getparent()
    before = (previous.tail or "") if previous is not None else (parent.text or "") if parent is not None else ""
    return bool(MODIFIED.search(names) or MODIFIED.search(before[-40:]) or MODIFIED.search(element_line(el)[:60]))


def date_of_element(el: Element, language: str) -> tuple[Moment | None, bool]:
    """Returns the date of an element (None if it has none), and True if the date is in its visible text and not in an
    attribute.
    """
    for attr in ("datetime", "content", "title", "data-datetime", "data-time", "data-timestamp"):
        value = el.get(attr)
        if value and (moment := machine_date(value) or (visible_date(value, language) if attr == "title" else None)):
            timed = _time_in_text(el, moment, language)
            return (timed, True) if timed is not None else (moment, False)
    if (inner := _inner_date(el)) is not None:
        return inner, False
    text = element_line(el)
    if len(text) > 200:
        return None, False
    return visible_date(text, language, True) or parse_month_and_year(text), True


def _time_in_text(el: Element, moment: Moment, language: str) -> Moment | None:
    """Returns the date and time in an element's visible text, if the text adds the time of day to `moment`, the day in
    an attribute of the element; otherwise None.
    """
    if moment.precision != "day":
        return None
    text = visible_date(element_line(el)[:120], language)
    return text if text and text.day == moment.day and text.precision != "day" else None


def _inner_date(el: Element) -> Moment | None:
    """Returns the date in an attribute of a <time>, <abbr> or <meta> inside an element: the first of these that has a
    date decides. Returns None if none has.
    """
    for inner in el.iter("time", "abbr", "meta"):
        if inner is not el:
            value = inner.get("datetime") or inner.get("title") or inner.get("content")
            if value and (moment := machine_date(value)):
                return moment
    return None


def modified_candidates(page: Page, post: Post, hint: SourceHint | None, beside: BylineBlock) -> list[When]:
    """Returns the candidates for the date of the last change from every source. `hint` is what a feed or an API says
    about the post, None if nothing; `beside` is the byline near the heading.
    """
    out = _DateCandidates()
    if hint is not None and hint.modified is not None:
        trusted = is_from_api(hint)
        source, confidence = ("api", 0.97) if trusted else ("feed", 0.7)
        change = Moment(hint.modified, hint.modified_precision or "second", not hint.modified_unzoned)
        out.add(change, source, "modified", confidence)
    for text in page.data.texts(page.data.article(page.addresses), "dateModified")[:1]:
        out.add(machine_date(text), "json-ld", "dateModified", 0.86)
    for text in page.data.texts(page.data.rdfa_article(page.addresses), "dateModified")[:1]:
        out.add(machine_date(text), "rdfa", "dateModified", 0.84)
    for rule in page.index.present(page.platform.modified + by_name("generic").modified):
        for el, _ in post.select([rule])[:1]:
            moment, seen = date_of_element(el, page.date_language)
            out.add(moment, "platform", rule, 0.84, seen)
    for key in _MODIFIED:
        for text in page.data.meta(key)[:1]:
            out.add(_parse_date(text, page.date_language), "meta", key, 0.8)
    out.add(beside.modified, "byline", "beside the heading", 0.6, True)
    return out
