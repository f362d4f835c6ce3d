"""Equivalent URLs: variants of an address that show the same page, learned from pages that were read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from archiver.discovery.url_patterns import folder_pattern
from archiver.lazy_regex import lazy_regex
from archiver.urls import folder_path

ENOUGH = 5
"""At least this many posts must confirm a variant before it is believed."""


EQUIVALENT_URL_RULE = "equivalent-url"


_STEP = lazy_regex(r"amp|print|printable|printer|mobile|wap|lite|reader|text-only|turbo", re.IGNORECASE)


_ENDING = lazy_regex(r"\.(?:html?|php|aspx?)$", re.IGNORECASE)


_MAX_STEPS = 8


@lru_cache(maxsize=1024)  # cached because a page that waits for others is judged several times
def plainer_urls(key: str) -> Mapping[str, str]:
    """Returns the plainer URLs to which a URL may be equivalent, by variant. All URLs are urlkeys. A variant describes
    the difference between the URL and the plainer one: "letter case", "?lang=", "relative link 2".

    The number in "relative link 2" is the number of path segments that were removed. A wrong relative link may have
    added several.
    """
    host, bracket, rest = key.partition(")")
    path, _, query = rest.partition("?")
    out: dict[str, str] = {}

    def add(name: str, path: str, query: str) -> None:
        made = f"{host}{bracket}{path.rstrip('/') or '/'}" + (f"?{query}" if query else "")
        if made != key:
            out.setdefault(name, made)

    pairs = [p for p in query.split("&") if p]
    for pair in pairs:
        name = pair.partition("=")[0]
        add(f"?{name}=", path, "&".join(p for p in pairs if p.partition("=")[0] != name))
    add("letter case", path.lower(), query)
    add("file ending", _ENDING.sub("", path), query)
    steps = [s for s in path.split("/") if s]
    if len(steps) > 1:
        for at, name in ((0, "first"), (-1, "last")):
            if _STEP.fullmatch(steps[at]):
                add(f"{name} step /{steps[at].lower()}/", "/" + "/".join(steps[1:] if at == 0 else steps[:-1]), query)
        for taken in range(1, min(len(steps), _MAX_STEPS)):
            add(f"relative link {taken}", "/" + "/".join(steps[taken:]), query)
    return MappingProxyType(out)


def variant_family(variant: str) -> str:
    """Returns a variant without its number ("relative link 2" as "relative link"), since what is learned from one wrong
    relative link applies to all such links.
    """
    return "relative link" if variant.startswith("relative link") else variant


def equivalent_url_reason(variant: str, plain: str) -> str:
    """Returns the reason why an equivalent URL is not fetched, as a phrase. `variant` is its difference from the URL
    `plain`.
    """
    difference = {
        "letter case": "letter case",
        "file ending": "the file extension",
        "relative link": "the additional path of a relative link",
    }.get(variant_family(variant), variant)
    return f"on this site {difference} makes no difference: it shows the post at {plain}"


@dataclass(frozen=True, slots=True)
class EquivalenceCounts:
    """The number of times that URLs of one variant showed the same post as the plainer URL (`confirmed`). `refuted` is
    True if one of them ever showed a different post.
    """

    confirmed: int = 0
    refuted: bool = False


class EquivalentURLs:
    """Remembers, for one site and run, which variants of a URL (see `plainer_urls`) show the same post as the plainer
    URL. A variant is believed once enough posts have confirmed it and none has refuted it.
    """

    def __init__(self) -> None:
        self._counts: dict[str, EquivalenceCounts] = {}

    def copy(self) -> EquivalentURLs:
        """Returns a copy, which later changes do not affect."""
        out = EquivalentURLs()
        out._counts = dict(self._counts)
        return out

    def record_same_post(self, key: str, others: Iterable[str]) -> None:
        """Records that the URL `key` shows the same post as `others`, which confirms the variants between them."""
        known = {o for o in others if o != key}
        reduced = {made for other in known for made in plainer_urls(other).items()}
        seen = {
            variant_family(variant)
            for variant, plain in plainer_urls(key).items()
            if plain in known or (variant, plain) in reduced
        }
        for variant in seen:
            counts = self._counts.get(variant, EquivalenceCounts())
            self._counts[variant] = replace(counts, confirmed=counts.confirmed + 1)

    def record_own_post(self, key: str, plain_is_post: set[str]) -> None:
        """Records that the URL `key` shows another post than the plainer URLs of the variants `plain_is_post`, which
        refutes these variants.
        """
        for variant in {variant_family(w) for w in plainer_urls(key) if w in plain_is_post}:
            self._counts[variant] = replace(self._counts.get(variant, EquivalenceCounts()), refuted=True)

    def undecided(self, key: str) -> dict[str, tuple[str, int]]:
        """Returns the undecided variants of a URL, each with the plainer URL and the number of confirmations that are
        still needed.
        """
        out = {}
        for variant, plain in plainer_urls(key).items():
            counts = self._counts.get(variant_family(variant), EquivalenceCounts())
            if not counts.refuted and counts.confirmed < ENOUGH:
                out[variant] = (plain, ENOUGH - counts.confirmed)
        return out

    @property
    def believed(self) -> frozenset[str]:
        """The kinds of URL variants that proved equivalent to the plainer URL at least ENOUGH times and never
        differed.
        """
        return frozenset(w for w, t in self._counts.items() if t.confirmed >= ENOUGH and not t.refuted)

    def believed_plainer(self, key: str) -> list[tuple[str, str]]:
        """Returns the believed variants of a URL, each with the plainer URL."""
        believed = self.believed
        return (
            [(variant, plain) for variant, plain in plainer_urls(key).items() if variant_family(variant) in believed]
            if believed
            else []
        )


ENOUGH_REDIRECTS = 2
"""If at least this many addresses of a folder were redirected to the same spelling (https, a slash at the end ...), the
host is believed to redirect all addresses of the folder to it."""


_ENOUGH_ANYWHERE = 2 * ENOUGH_REDIRECTS
"""If at least this many addresses were redirected to the same spelling and no address refutes this, the host is
believed to redirect addresses of all folders to it."""


_WWW = lazy_regex(r"^www\d?\.", re.IGNORECASE)


# An extension begins with a letter, so the last number of a version (/release-1.2.0) is not an extension.
_FILE_EXTENSION = lazy_regex(r"\.[a-z][a-z0-9]{0,4}$", re.IGNORECASE)


_OPPOSITE = {"slash": "no slash", "https": "http", "www": "no www"}


_OF_HOST = ("https", "http", "www", "no www")


_OF_PATH = ("no index file", "slash", "no slash")


def _changed(form: str, parts: SplitResult) -> SplitResult:
    """Returns the address changed to the spelling `form` ("https", "www", "slash" and so on); unchanged if it cannot
    have this spelling.
    """
    path = parts.path or "/"
    if form in ("https", "http"):
        return parts._replace(scheme=form)
    if form == "no www":
        return parts._replace(netloc=_WWW.sub("", parts.netloc))
    if form == "www":
        return parts if _WWW.match(parts.netloc) else parts._replace(netloc=f"www.{parts.netloc}")
    if form == "no index file":
        return parts._replace(path=folder_path(path))
    if form == "slash":
        is_file = path.endswith("/") or _FILE_EXTENSION.search(path)
        return parts if is_file else parts._replace(path=f"{path}/")
    return parts._replace(path=path.rstrip("/") or "/")


class RedirectForms:
    """The spellings (https, without www, with a slash at the end ...) to which the host of one site redirects
    addresses, as learned from the responses of one run. In the code, such a spelling is called a form.
    """

    def __init__(self) -> None:
        self._confirmed: Counter[tuple[str, str]] = Counter()
        self._anywhere: Counter[str] = Counter()
        self._refuted: set[tuple[str, str]] = set()
        self._refuted_anywhere: set[str] = set()

    def record_redirect(self, asked: str, target: str) -> None:
        """Records that an address (`asked`) was redirected to a different spelling of itself (`target`)."""
        before, after = urlsplit(asked), urlsplit(target)
        for form in (*_OF_HOST, *_OF_PATH):
            if form == "slash":  # "/blog/index.html" has its slash before the index file
                before = before._replace(path=folder_path(before.path))
            changed = _changed(form, before)
            if changed != before and _agree(form, changed, after):
                self._confirmed[(form, _folder(form, asked))] += 1
                self._anywhere[form] += 1
                if other := _OPPOSITE.get(form):
                    self._refute(other, asked)

    def record_response(self, url: str) -> None:
        """Records that an address answered without a redirect. From now on, its host is not believed to redirect to the
        spellings that this address does not have, such as https or a slash at the end.
        """
        parts, folder = urlsplit(url), _folder("slash", url)
        for form in (*_OF_HOST, *_OF_PATH):
            is_refuted = (form, "" if form in _OF_HOST else folder) in self._refuted
            if not is_refuted and _changed(form, parts) != parts:
                self._refute(form, url)

    def _refute(self, form: str, url: str) -> None:
        self._refuted.add((form, _folder(form, url)))
        self._refuted_anywhere.add(form)

    def redirected(self, url: str) -> str:
        """Returns the spelling of an address (https, slash at the end ...) to which its host is believed to redirect
        it; the address itself if the host is not believed to redirect it.
        """
        if not self._anywhere:
            return url
        parts = urlsplit(url)
        for form in (*_OF_HOST, *_OF_PATH):
            if self._is_believed(form, url):
                parts = _changed(form, parts)
        return parts.geturl()

    def is_undecided(self, url: str) -> bool:
        """Returns True if no response has yet shown whether the host redirects an address to a different spelling of
        its path.
        """
        parts = urlsplit(url)
        return any(
            _changed(form, parts) != parts and form not in self._refuted_anywhere and not self._is_believed(form, url)
            for form in _OF_PATH
        )

    def _is_believed(self, form: str, url: str) -> bool:
        key = (form, _folder(form, url))
        return key not in self._refuted and (
            self._confirmed[key] >= ENOUGH_REDIRECTS
            or (self._anywhere[form] >= _ENOUGH_ANYWHERE and form not in self._refuted_anywhere)
        )


def _agree(form: str, changed: SplitResult, after: SplitResult) -> bool:
    """Returns True if `changed`, an address that was changed to the spelling `form`, equals the redirect's target
    `after` in the part that this spelling changes: the scheme, the host or the path.
    """
    if form in ("https", "http"):
        return changed.scheme == after.scheme
    if form in _OF_HOST:
        return changed.netloc == after.netloc
    if form == "no index file":
        return changed.path.rstrip("/") == after.path.rstrip("/")
    return changed.path == after.path


def _folder(form: str, url: str) -> str:
    """Returns the folder of an address, since redirects to the spelling `form` are learned for each folder. Returns ""
    for https and www, which are learned for the whole host.
    """
    return "" if form in _OF_HOST else folder_pattern(url).key
