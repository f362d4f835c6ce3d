"""Normalized URLs, urlkeys, and the scope of a crawl.

The program distinguishes four addresses of a page: the requested URL, the final one (after redirects), the canonical
one (declared by the page), and the urlkey. URLs that differ only in http/https, www, tracking parameters, index files
or a trailing slash have the same urlkey. It is written as a SURT (Sort-friendly URI Reordering Transform, as in CDXJ
indexes).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

from w3lib.url import safe_url_string

from archiver.model.errors import BadAddress

# Parameters that say where the visitor came from and do not change what is shown.
TRACKING = re.compile(
    r"(utm_\w+|fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|yclid|twclid|ttclid|igshid|igsh|mc_cid|mc_eid|"
    r"_ga|_gl|_hsenc|_hsmi|mkt_tok|oly_anon_id|oly_enc_id|vero_id|wickedid|ref_src|ref_url|at_medium|at_campaign|"
    r"pk_campaign|pk_kwd|piwik_campaign|mtm_\w+|spm|scm|cmpid|ncid|ocid|xtor|s_cid|guccounter|__twitter_impression)",
    re.IGNORECASE,
)
# Parameters that show the same post in another view (a comment form, a share dialogue, a print version).
SAME_PAGE = re.compile(
    r"(replytocom|share|nb|print|showcomment|commentpage|cpage|like_comment|_wpnonce|m|phpsessid|jsessionid|sid|"
    r"amp|output|noamp|format)",
    re.IGNORECASE,
)
# ?m=1 means the mobile page on Blogger, but January on other sites. Blogger's URLs have no script names, and no
# parameters but these.
_BLOGGER = frozenset({"m", "updated-max", "max-results", "start", "by-date", "showcomment"})
_DESCRIPTOR = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)[wx]$")
_SCRIPT = re.compile(r"\.(?:php\d?|aspx?|cgi|jsp|pl|cfm|do)/?$", re.IGNORECASE)
_SAME_PAGE_VALUE = {
    "m": re.compile(r"[01]"),
    "output": re.compile(r"(amp|1)"),
    "format": re.compile(r"amp"),
    "sid": re.compile(r"[0-9a-f]{16,}", re.IGNORECASE),
    "print": re.compile(r"(1|true|print|pdf|)"),
    "amp": re.compile(r"(1|true|)"),
}
# Session IDs that servers put into the path for visitors without cookies: first those of Java and PHP, then those of
# ASP.NET.
_SESSION = re.compile(r";\w*(?:session|sid|sess)\w*=[^/;?]*|/\((?:[A-Z]\([0-9A-Za-z]{10,}\))+\)", re.IGNORECASE)
_INDEX = re.compile(r"/(index|default)\.([sx]?html?|php\d?|aspx?|jspx?|cfm)$", re.IGNORECASE)
# These parameters may identify a post. Some programs have no separate path for each post, and identify posts by an ID
# or a path in a parameter.
_MAY_NAME = re.compile(
    r"(?:p|id|\w+id|post|article|story|news|nr|no|num|item|entry|topic|t|a|n|title|slug|name|url|"
    r"path|file|artikel|noticia|nota)",
    re.IGNORECASE,
)
# These parameters identify a post, even next to a category or a year: ?cat=3&nid=12.
_NAMES = re.compile(
    r"(?:p|(?:n|a|s|p|art|article|news|story|post|entry|content|doc|text|node|nota|noticia|artikel|beitrag)?_?id|"
    r"post|article|story|news|entry|slug|no|nr|artikel|noticia|nota)",
    re.IGNORECASE,
)
# A path in a parameter: ?q=node/12 (Drupal), ?s=/news/read/12 (ThinkPHP), ?/archives/12-a-title.html (Serendipity).
PATH_VALUE = r"/?[\w.,:~-]+(?:/[\w.,:~-]+)+/?"
_PATH_VALUE = re.compile(PATH_VALUE)
# Words in an address of a second form of a page: its print, AMP or mobile version, or one to share or to send by mail.
_SECOND_FORM_WORD = (
    r"(?:(?:print|printer|druck)(?:[-_]?(?:able|version|view|friendly|page|article|story|news|ansicht))?|amp|mobile?|"
    r"mobi|wap|m|lite|text-?only|share|e?mail|sendmail|send|embed|pdf|drucken|imprimir|imprimer|impression|impressao|"
    r"stampa|yazdir|pechat|version-?pechat|drukuj|druk|tisk|tisak|nyomtat|nyomtatas|afdrukken|skriv-?ut|utskrift|tulosta|"
    r"in-an|inan|cetak)"
)
_SECOND_FORM = re.compile(
    rf"(?:^|[/?&=]){_SECOND_FORM_WORD}(?=[/?&=.]|$)|[-_.]{_SECOND_FORM_WORD}(?=(?:\.\w{{2,5}})?/?(?:\?|$))",
    re.IGNORECASE,
)
_DEFAULT_PORT = {"http": 80, "https": 443}
_MAX_LENGTH = 2_000
_UNSAFE = re.compile(r"[\x00-\x20\x7f]")
_OWN_MACHINE = re.compile(r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?:[:/]|$)", re.IGNORECASE)
# Matches URLs that are already normalized, as most URLs are. They have no port, query or escape, and nothing to
# resolve.
_NORMAL = re.compile(r"https?://[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?(?:/[A-Za-z0-9._~-]++)*+/?")


def _host(parts: SplitResult) -> str:
    """Returns the host of a URL in lower case and punycode, with its port unless that is the scheme's default."""
    host = (parts.hostname or "").rstrip(".")
    try:
        host = host.encode("idna").decode("ascii") if not host.isascii() else host
    except UnicodeError:
        host = quote(host)
    host = host.lower()
    if ":" in host:
        host = f"[{host}]"
    port = parts.port
    return f"{host}:{port}" if port and port != _DEFAULT_PORT.get(parts.scheme) else host


def _path(path: str) -> str:
    """Returns a URL's path without session IDs and with normalized percent-escapes (RFC 3986, section 6.2.2): needless
    escapes are decoded, and all other escapes are in upper case.
    """
    path = _SESSION.sub("", re.sub(r"/{2,}", "/", path)) or "/"
    return quote(unquote(path, errors="surrogateescape"), safe="/!$&'()*+,;=:@~-._", errors="surrogateescape")


def folder_path(path: str) -> str:
    """Returns a URL's path without its index file: "/2024/05/index.html" becomes "/2024/05/"."""
    return _INDEX.sub("/", path)


def _is_significant(key: str, value: str, has_months: bool) -> bool:
    if TRACKING.fullmatch(key):
        return False
    if SAME_PAGE.fullmatch(key) and not (has_months and key == "m"):
        shape = _SAME_PAGE_VALUE.get(key.lower())
        return bool(shape and not shape.fullmatch(value))
    return True


def _m_may_be_month(path: str, keys: Iterable[str]) -> bool:
    """Returns True if the parameter `m` of a URL may stand for a month; False if it can only be Blogger's switch to the
    mobile page. `path` is the path of the URL, and `keys` are the names of its parameters.
    """
    return bool(_SCRIPT.search(path)) or any(
        k not in _BLOGGER and not TRACKING.fullmatch(k) and not (SAME_PAGE.fullmatch(k)) for k in map(str.lower, keys)
    )


def _is_normal(url: str) -> bool:
    return _NORMAL.fullmatch(url) is not None and len(url) <= _MAX_LENGTH and url.count("/") > 2


def normalize(url: str, base: str = "") -> str | None:
    """Returns a URL in the form that is fetched and stored: absolute, without fragment and tracking parameters. `url`
    may be relative to `base`.

    Returns None if the address is not an http(s) URL (mailto:, javascript:, a broken host or port) or is longer than
    2,000 characters. Keeps the order of parameters, the case of the path, and a trailing slash.
    """
    if _is_normal(url):
        return url
    try:
        whole = urljoin(base, url.strip()) if base else url.strip()
        if _is_normal(whole):
            return whole
        parts = urlsplit(whole)
        if parts.scheme.lower() not in _DEFAULT_PORT or not parts.hostname:
            return None
        query = _query(parts.path, parts.query)
        path = safe_url_string(_SESSION.sub("", parts.path)) or "/"
        out = urlunsplit((parts.scheme.lower(), _host(parts), path, query, ""))
    except (ValueError, UnicodeError):
        return None
    return out if len(out) <= _MAX_LENGTH and not _UNSAFE.search(out) else None


IN_FOLDER = re.compile(r"[\w.~%-]")
"""Matches the beginning of a relative address that leads to the same page from all pages of a folder."""


def folder_of(url: str) -> str:
    """Returns the URL of the folder of a page: "https://example.org/2024/" for "https://example.org/2024/05?p=1".
    Returns "" if the URL is invalid.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}{parts.path.rpartition('/')[0]}/" if parts.netloc else ""


def asset_address(url: str, base: str = "") -> str | None:
    """Returns the URL of an image, stylesheet or font as a browser requests it: absolute, without fragment and
    credentials. `url` may be relative to `base`. Unlike `normalize` it keeps every parameter, because a replayed page
    requests exactly this URL.

    Returns None if the address is not an http(s) URL (data:, a broken host or port) or is longer than 2,000 characters.
    """
    try:
        parts = urlsplit(urljoin(base, url.strip()) if base else url.strip())
        if parts.scheme.lower() not in _DEFAULT_PORT or not parts.hostname:
            return None
        path = safe_url_string(parts.path) or "/"
        query = safe_url_string(f"?{parts.query}")[1:] if parts.query else ""
        out = urlunsplit((parts.scheme.lower(), _host(parts), path, query, ""))
    except (ValueError, UnicodeError):
        return None
    return out if len(out) <= _MAX_LENGTH and not _UNSAFE.search(out) else None


def _query(path: str, query: str) -> str:
    if not query:
        return ""
    pieces = [(p, unquote(p.partition("=")[0]), unquote(p.partition("=")[2])) for p in query.split("&") if p]
    months = _m_may_be_month(path, (key for _, key, _ in pieces))
    kept = [p for p, key, value in pieces if _is_significant(key, value, months)]
    return safe_url_string("?" + "&".join(kept))[1:] if kept else ""


@lru_cache(maxsize=4096)  # cached because the urlkey of a page is needed a dozen times while it is processed
def urlkey(url: str) -> str:
    """Returns the urlkey of a URL, which is its identity in this archive, as a SURT: "org,example)/2024/05/a-post".

    URLs that differ only in http or https, www, an index file, a trailing slash, parameter order or tracking
    parameters have the same urlkey. The case of the path and every other parameter are kept.
    """
    parts = urlsplit(url)
    host = re.sub(r"^www\d?\.", "", _host(parts))
    name, _, port = host.partition(":") if not host.startswith("[") else (host, "", "")
    labels = name.split(".")
    reordered = name if re.fullmatch(r"[\d.]+", name) or name.startswith("[") else ",".join(reversed(labels))
    path = folder_path(_path(parts.path))
    path = path.rstrip("/") or "/"
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    months = _m_may_be_month(path, (key for key, _ in pairs))
    query = sorted(p for p in pairs if _is_significant(*p, months))
    return f"{reordered}{':' + port if port else ''}){path}" + (f"?{urlencode(query)}" if query else "")


def urlkey_or_empty(url: str) -> str:
    """Returns the urlkey of a URL that another program may have written; "" if it is not a valid URL."""
    try:
        return urlkey(url) if url else ""
    except ValueError:
        return ""


def may_name_post(pairs: Iterable[tuple[str, str]]) -> bool:
    """Returns True if a query string, given as (name, value) pairs, may identify a post, as in ?id=12. Whether it does
    so can only be seen on the page.
    """
    return any(bool(value and _MAY_NAME.fullmatch(key)) or _is_path(key, value) for key, value in pairs)


def names_post(pairs: Iterable[tuple[str, str]]) -> bool:
    """Returns True if a query string, given as (name, value) pairs, identifies one post, even if another parameter
    identifies a list, as in ?cat=3&nid=12.
    """
    return any(bool(value and _NAMES.fullmatch(key)) for key, value in pairs)


def _is_path(key: str, value: str) -> bool:
    return bool(_PATH_VALUE.fullmatch(value or (key if key.startswith("/") else "")))


def names_second_form(url: str) -> bool:
    """Returns True if a step of a URL's path, or its query, is the name of a second form of a page: its print, AMP or
    mobile version, or one to share. Some sites have posts at such URLs, so the name alone proves nothing.
    """
    parts = urlsplit(url)
    return bool(_SECOND_FORM.search(parts.path + (f"?{parts.query}" if parts.query else "")))


def start_address(text: str) -> str:
    """Returns the normalized URL for the text that a person typed: "example.org" becomes "https://example.org/", and
    "localhost:1313" becomes "http://localhost:1313/", since servers on the user's machine rarely have a certificate.

    Raises BadAddress with the reason if the URL cannot be crawled.
    """
    typed = text.strip()
    scheme = "http" if _OWN_MACHINE.match(typed) else "https"
    url = typed if "://" in typed else f"{scheme}://{typed}"
    scheme = url.partition("://")[0].lower()
    if scheme not in _DEFAULT_PORT:
        raise BadAddress(text, f"only http and https can be crawled, not {scheme}")
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise BadAddress(text, "it has a user name, which would be stored in the archive: remove the part before the @")
    out = normalize(url)
    host = urlsplit(out).hostname if out else None
    if not out or not host:
        raise BadAddress(text, "write it like https://blog.example.org/")
    if "." not in host and ":" not in host and host != "localhost":
        raise BadAddress(text, f"{host!r} has no domain; write it like blog.example.org")
    return out


_FEED_FOLDER = re.compile(r"/(?:feeds?|rss2?)(?:/(?:atom|rdf|rss2?))?/$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Scope:
    """The URLs that belong to a site: all URLs of one host (with or without www, by http or https) in one folder."""

    host: str
    path: str = "/"

    @classmethod
    def of(cls, start_url: str) -> Scope:
        """Returns the scope of a start URL: its host, and its folder if it has one.

        The scope of `https://example.org/blog/` contains only URLs below /blog/; a file name at the end
        (`/blog/index.html`) does not count as a folder, nor does the folder of a feed (`/blog/feed/`), since the posts
        that a feed lists are beside it.
        """
        parts = urlsplit(start_url)
        path = folder_path(parts.path or "/")
        last = path.rsplit("/", 1)[1]
        folder = path.rsplit("/", 1)[0] + "/" if "." in last else path.rstrip("/") + "/"
        return cls(re.sub(r"^www\d?\.", "", _host(parts)), _FEED_FOLDER.sub("/", folder))

    @property
    def name(self) -> str:
        """Returns the site's name: "example.org" or "example.org/blog"."""
        return (self.host + self.path).rstrip("/")

    def contains(self, url: str) -> bool:
        parts = urlsplit(url)
        if re.sub(r"^www\d?\.", "", _host(parts)) != self.host:
            return False
        return self.path == "/" or (parts.path.rstrip("/") + "/").startswith(self.path)


def srcset_urls(text: str) -> Iterator[str]:
    """Yields the addresses in a srcset attribute (HTML Standard, "parse a srcset attribute")."""
    return (url for url, _ in srcset_candidates(text))


def widest_in_srcset(text: str) -> str:
    """Returns the address of the widest image in a srcset attribute, or else of the one with the highest density; the
    last one of several. Returns "" if there is none.
    """
    best, size = "", -1.0
    for url, descriptor in srcset_candidates(text):
        number = _DESCRIPTOR.match(descriptor)
        if (here := float(number[1]) if number else 1.0) >= size:
            best, size = url, here
    return best


def srcset_candidates(text: str) -> Iterator[tuple[str, str]]:
    """Yields the addresses in a srcset attribute, each with its descriptor, such as "800w" or "2x", or "".

    An address may contain commas, but not end with one. A descriptor may contain commas in parentheses.
    """
    at, size = 0, len(text)
    while at < size:
        while at < size and (text[at].isspace() or text[at] == ","):
            at += 1
        start = at
        while at < size and not text[at].isspace():
            at += 1
        url = text[start:at]
        start = at
        if url.endswith(","):
            url = url.rstrip(",")
        else:
            depth = 0
            while at < size and (text[at] != "," or depth):
                depth += (text[at] == "(") - (text[at] == ")" and depth > 0)
                at += 1
        if url:
            yield url, text[start:at].strip()


def path_and_query(url: str) -> tuple[str, str]:
    """Returns the path (unescaped) and the query of a URL. In a static copy of a site, the query is a part of the file
    name ("%3F...html") and is taken from there.
    """
    parts = urlsplit(url)
    path, separator, kept = unquote(parts.path).partition("?")
    return path, f"{parts.query}&{kept.removesuffix('.html')}".strip("&") if separator else parts.query
