"""The WordPress REST API (wp/v2): finds its address on a page, builds the addresses of its lists of posts, and parses
the responses.

https://developer.wordpress.org/rest-api/reference/posts/
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from lxml import etree

from archiver.discovery.feeds import person_name, title_text
from archiver.discovery.safe_parsing import parse_json, plain_text
from archiver.discovery.timestamp_parser import parse_time
from archiver.model.items import DiscoveredURL, DiscoverySource, GeoTag, PageKind, SourceHint
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import normalize

PER_PAGE = 100
"""The number of posts per response. It is the maximum that the API allows."""
_RELATION = "https://api.w.org/"
_LINK_HEADER = lazy_regex(r"<([^<>]{1,2000})>\s*;[^,]*?\brel\s*=\s*\"?https://api\.w\.org/\"?", re.IGNORECASE)
_WORDPRESS_ASSET = lazy_regex(r"^((?:https?:)?//[^?#\s]*?|/[^?#\s/][^?#\s]*?|)/wp-(?:content|includes)/", re.IGNORECASE)
_OEMBED = lazy_regex(r"^(.*?(?:/wp-json/|[?&]rest_route=/))oembed/1\.0/embed", re.IGNORECASE)
# Only these fields are requested, since the fields that SEO plugins add (yoast_head) are larger than the posts
# themselves.
_FIELDS = (
    "id,date,date_gmt,modified,modified_gmt,guid,link,title,content,excerpt,lang,meta,geo,"
    "_links.author,_links.wp:term,_links.wp:featuredmedia,_embedded"
)
_EMBED = "author,wp:term,wp:featuredmedia"
_DEGREES = (("geo_latitude", "geo_longitude"), ("latitude", "longitude"), ("lat", "lon"), ("lat", "lng"))
_OFFSET_LIMIT = timedelta(hours=15)


@dataclass(frozen=True, slots=True)
class APIPage:
    """One parsed page of posts from the API.

    - `total`, `total_pages`: the server's counts; None if not given.
    - `error`: the error that the API sent instead of posts ("rest_post_invalid_page_number: ..."); None if it sent
      posts.
    - `past_end`: True if the error means that there are no more pages.
    """

    targets: tuple[DiscoveredURL, ...] = ()
    total: int | None = None
    total_pages: int | None = None
    error: str | None = None
    past_end: bool = False


def api_endpoint(html_root: etree._Element | None, link_header: str, home_url: str) -> str | None:
    """Returns the address of the API's root (".../wp-json/" or "...?rest_route=/"); None if nothing on the page points
    to WordPress. `html_root` is the page's tree, None for an empty page, and `home_url` is its address.

    The address is taken from the Link header or a <link> of the page, or else from the oEmbed link. If there is no such
    link but the page loads WordPress files from the same host, returns the usual address next to these files.
    """
    match = _LINK_HEADER.search(link_header)
    if match and (found := _root(match.group(1), home_url)):
        return found
    if html_root is None:
        return None
    guess: str | None = None
    for element in html_root.iter("link", "script"):
        address = (element.get("href") or element.get("src") or "").strip()
        if _RELATION in (element.get("rel") or "").lower().split():
            if found := _root(address, home_url):
                return found
        elif oembed := _OEMBED.match(unquote(address)):
            guess = _root(oembed.group(1), home_url)
        elif guess is None and (asset := _WORDPRESS_ASSET.match(address)):
            place = normalize(asset.group(1) + "/wp-json/", home_url)
            if place and urlsplit(place).hostname == urlsplit(home_url).hostname:
                guess = place
    return guess


def _root(address: str, home_url: str) -> str | None:
    try:
        return normalize(urljoin(home_url, address))
    except ValueError:
        return None


def posts_url(endpoint: str, page: int, modified_after: datetime | None = None) -> str:
    """Returns the API address of one page of posts, with their authors, categories, tags and lead images. `endpoint` is
    the address of the API's root.

    Posts are ordered by ID, so that posts added or changed during the crawl do not shift the remaining ones. With
    `modified_after` (aware), only posts changed since then are listed, in the order of their changes; None lists all
    posts.
    """
    return _posts(endpoint, page, f"_embed={_EMBED}&_fields={_FIELDS}", modified_after)


def ids_url(endpoint: str, page: int, modified_after: datetime | None = None) -> str:
    """Returns the API address of one page of posts, with the same parameters as `posts_url`. The response contains only
    the ID, address and modification time of each post, which is enough to compare all posts cheaply.
    """
    return _posts(endpoint, page, "_fields=id,link,modified,modified_gmt", modified_after)


def _posts(endpoint: str, page: int, query: str, modified_after: datetime | None) -> str:
    route = "wp/v2/posts"
    base = endpoint if "rest_route=" in endpoint else endpoint.rstrip("/") + "/"
    if "rest_route=" in base:
        head, _, tail = base.partition("rest_route=")
        path, _, more = tail.partition("&")
        base = f"{head}rest_route={unquote(path).rstrip('/')}/{route}" + (f"&{more}" if more else "") + "&"
    else:
        base = f"{base}{route}?"
    order = "orderby=id&order=asc"
    if modified_after is not None:
        moment = modified_after.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        order = f"orderby=modified&order=asc&modified_after={moment}"
    return f"{base}per_page={PER_PAGE}&page={page}&{order}&{query}"


def parse_posts(body: bytes, headers: Mapping[str, str], url: str) -> APIPage:
    """Parses the API's response to `posts_url` or `ids_url`. Never raises; if the response is not a list of posts,
    `error` is set.

    `published` and `modified` are in the site's own UTC offset, so that their calendar day is the day that the site
    shows. The offset is the difference between a post's local and UTC times.
    """
    counts = {k.lower(): v for k, v in headers.items()}
    total, pages = _count(counts.get("x-wp-total")), _count(counts.get("x-wp-totalpages"))
    data = parse_json(body)
    if isinstance(data, dict) and "code" in data:
        code = str(data.get("code"))[:100]
        message = plain_text(str(data.get("message") or ""), 300)
        return APIPage((), total, pages, f"{code}: {message}", code == "rest_post_invalid_page_number")
    if not isinstance(data, list):
        return APIPage((), total, pages, "the response is not a list of posts")
    rows = [row for row in data[:1_000] if isinstance(row, dict)]
    usual = Counter(o for row in rows if (o := _utc_offset(row)) is not None).most_common(1)
    default = usual[0][0] if usual else timedelta(0)
    found: dict[str, DiscoveredURL] = {}
    for row in rows:
        target = _target(row, default, url)
        if target:
            found.setdefault(target.url, target)
    return APIPage(tuple(found.values()), total, pages)


def _count(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdecimal() and len(text) < 12 else None


def _target(row: dict[str, Any], default: timedelta, url: str) -> DiscoveredURL | None:
    link = row.get("link")
    address = normalize(link, url) if isinstance(link, str) and link else None
    if not address:
        return None
    own = _utc_offset(row)
    offset = default if own is None else own
    published, modified = _time(row, "date", offset), _time(row, "modified", offset)
    content, excerpt = row.get("content"), row.get("excerpt")
    protected = any(isinstance(part, dict) and part.get("protected") is True for part in (content, excerpt))
    embedded = row.get("_embedded")
    embedded = embedded if isinstance(embedded, dict) else {}
    number = row.get("id")
    hint = SourceHint(
        title=title_text(_rendered(row.get("title")), "html"),
        authors=tuple(dict.fromkeys(n for name in _names(_dicts(embedded.get("author"))) if (n := person_name(name)))),
        published=published,
        modified=modified,
        categories=_names(_terms(embedded, "category")),
        tags=_names(_terms(embedded, "post_tag")),
        geotags=_geotags(row),
        guid=_rendered(row.get("guid"))[:1_000],
        from_api=True,
        post_id=f"wordpress:{number}" if isinstance(number, int) and not isinstance(number, bool) else "",
        body_html="" if protected else _rendered(content),
        description="" if protected else plain_text(_rendered(excerpt), 2_000),
        image=_image(embedded, url),
        language=_text(row.get("lang"))[:35],
        protected=protected,
    )
    return DiscoveredURL(address, DiscoverySource.API, PageKind.POST, url, modified or published, hint)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _rendered(value: Any) -> str:
    return _text(value.get("rendered")) if isinstance(value, dict) else _text(value)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _terms(embedded: dict[str, Any], taxonomy: str) -> list[dict[str, Any]]:
    groups = embedded.get("wp:term")
    terms = [t for group in groups for t in _dicts(group)] if isinstance(groups, list) else []
    return [t for t in terms if t.get("taxonomy") == taxonomy]


def _names(people: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(n for p in people if (n := plain_text(_text(p.get("name")), 300))))


def _image(embedded: dict[str, Any], url: str) -> str:
    return next(
        (
            a
            for m in _dicts(embedded.get("wp:featuredmedia"))
            if (source := _text(m.get("source_url"))) and (a := normalize(source, url))
        ),
        "",
    )


def _pair(row: dict[str, Any], name: str) -> tuple[datetime | None, datetime | None]:
    return parse_time(_text(row.get(name))), parse_time(_text(row.get(f"{name}_gmt")))


def _utc_offset(row: dict[str, Any]) -> timedelta | None:
    """Returns the site's offset from UTC, given a post's row with local and UTC times. Returns None if a time is
    missing, or if their difference cannot be the offset of a time zone.
    """
    for name in ("date", "modified"):
        local, utc = _pair(row, name)
        if local and utc:
            difference = local - utc
            if abs(difference) < _OFFSET_LIMIT and difference % timedelta(minutes=15) == timedelta(0):
                return difference
    return None


def _time(row: dict[str, Any], name: str, offset: timedelta) -> datetime | None:
    local, utc = _pair(row, name)
    # The time of publication and the time of the last change have separate offsets, since daylight saving time may
    # apply to only one of them.
    own = _utc_offset({k: row.get(k) for k in (name, f"{name}_gmt")})
    zone = timezone(offset if own is None else own) if (own or offset) else UTC
    if utc:
        return utc.astimezone(zone)
    return local.replace(tzinfo=zone) if local else None


def _geotags(row: dict[str, Any]) -> tuple[GeoTag, ...]:
    """Returns the geo-tag in a post's metadata under the names that WordPress's geo plugins use (geo_latitude ...); ()
    if the API does not give it. If it is private, returns a tag without a place and with the role "private".
    """
    holders = [one for one in (row.get("meta"), row.get("geo"), row) if isinstance(one, dict)]
    if any(str(holder.get("geo_public", "1")).lower() in ("0", "false") for holder in holders):
        return (GeoTag(None, None, role="private", source="wordpress"),)
    for holder in holders:
        for lat_name, lon_name in _DEGREES:
            lat, lon = _degrees(holder.get(lat_name), 90), _degrees(holder.get(lon_name), 180)
            if lat is not None and lon is not None and (lat or lon):
                place = _text(holder.get("geo_address")) or _text(holder.get("name"))
                exact = 10.0 ** -max(len(str(holder[n]).partition(".")[2]) for n in (lat_name, lon_name))
                return (GeoTag(lat, lon, plain_text(place, 300), source="wordpress", precision=exact),)
    return ()


def _degrees(value: Any, limit: int) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if -limit <= number <= limit and not isinstance(value, bool) else None
