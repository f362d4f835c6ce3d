"""How many pages of one address pattern may be fetched, whether the sources of a site cover all of its posts, and
which addresses are equivalent: variants that show the same page, learned from pages that were read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from random import Random
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from archiver.discovery.url_patterns import URLPattern, folder_pattern
from archiver.model.items import DiscoverySource
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import folder_path

ENOUGH = 5
"""At least this many posts must confirm a variant before it is believed."""


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


_FEWEST_LINKED = 20


_LISTS = (DiscoverySource.SITEMAP, DiscoverySource.API, DiscoverySource.FEED)


_LINKS = (DiscoverySource.LINK, DiscoverySource.LISTING)


@dataclass(frozen=True, slots=True)
class SourceCoverage:
    """The completeness of a site's sources.

    `posts` is the number of known posts, stored or due. The posts listed by feeds, by sitemaps and by the API are
    counted separately, and `listed` is the highest of these three numbers. Pages link to at least `linked` posts.
    """

    posts: int = 0
    listed: int = 0
    linked: int = 0

    @classmethod
    def of(cls, by_source: Mapping[str, int]) -> SourceCoverage:
        """Returns the coverage, given the number of posts that each discovery source reported. The key "" gives the
        number of all known posts.
        """
        return cls(
            by_source.get("", 0),
            max(by_source.get(source, 0) for source in _LISTS),
            max(by_source.get(source, 0) for source in _LINKS),
        )

    @property
    def is_complete(self) -> bool:
        """Returns True if a source is believed to list all posts of the site, including any that are not known yet."""
        return self.listed == self.posts and self.linked >= max(_FEWEST_LINKED, self.posts / 2)

    @property
    def is_undecided(self) -> bool:
        """Returns True if a source lists all known posts, but pages link to too few of them. Further links may show
        that the source is complete.
        """
        return self.listed == self.posts >= _FEWEST_LINKED and self.linked < self.posts

    @property
    def is_complete_twice(self) -> bool:
        """Returns True if a source is believed to list all posts, and links on the fetched pages also lead to all
        posts.
        """
        return self.is_complete and self.linked == self.posts


# Whether a source lists all posts.


# Budgets, which limit the number of pages without news that are fetched for each pattern. They end the crawl of endless
# URL spaces.

BELOW_POST = URLPattern("below", "a post's own address and one step more")
"""The pattern of addresses one step below the address of a post. Most of these pages show its pictures."""
PART_FEEDS = URLPattern("feeds", "feeds that pages other than the home page declare")
"""The pattern of feeds that are declared by pages other than the home page. Most are feeds of a folder, a category or a
language."""


class PatternBudget(NamedTuple):
    """The maximum number of pages without news that are fetched for a URL pattern.

    - `idle`: this many pages in a row.
    - `per_post`: this many more pages for each known post.
    - `per_own_post`: this many more pages for each post that has this pattern itself; None if there is no limit once a
      post has this pattern.
    - `from_elsewhere`: True if URLs found on pages of another pattern are always fetched.
    - `vouched`: True if URLs from a feed, a sitemap or an API are always fetched.
    - `says`: the words with which messages name pages of this pattern.
    - `when_listed`: the limit that replaces `idle` if a source lists all posts: at most this many pages in a row that
      lead to no unknown possible post, or half as many if links also lead to all posts. None if `idle` remains the
      limit.
    """

    idle: int
    per_post: int
    from_elsewhere: bool
    vouched: bool
    says: str
    per_own_post: int | None = None
    when_listed: int | None = None


# The budget of each family (kind of URL pattern). The budget of paging grows by one page for each known post, since a
# site may show one post per page and the new posts last. For months, 20 are enough, since they are few and in order.
# For tags, a few pages without news are enough.
ALLOWED: dict[str, PatternBudget] = {
    "paging": PatternBudget(20, 1, from_elsewhere=False, vouched=True, says="pages of lists", when_listed=0),
    "dates": PatternBudget(
        20, 0, from_elsewhere=True, vouched=True, says="pages of days, months or years", when_listed=2
    ),
    "numbers": PatternBudget(20, 0, from_elsewhere=True, vouched=True, says="numbered pages"),
    "terms": PatternBudget(
        8, 0, from_elsewhere=False, vouched=False, says="lists of tags, authors or searches", when_listed=2
    ),
    "query": PatternBudget(20, 0, from_elsewhere=False, vouched=True, says="views of one page", when_listed=5),
    "below": PatternBudget(20, 0, from_elsewhere=False, vouched=True, says="pages below posts", when_listed=5),
    # The budget is large because any address that a web archive lists may be a post, and limited because it may list
    # 100,000 spam addresses of a site that was once hacked.
    "captures": PatternBudget(300, 0, from_elsewhere=False, vouched=True, says="addresses known from a web archive"),
    # Pages of one folder, such as documentation next to a blog. If only such pages link to a post, the post counts for
    # them.
    "folder": PatternBudget(
        50, 0, from_elsewhere=False, vouched=True, says="plain pages", per_own_post=1, when_listed=10
    ),
    # Addresses of one form. Old posts may link to hundreds of addresses that the site had before it moved and that no
    # longer exist.
    "form": PatternBudget(20, 0, from_elsewhere=False, vouched=True, says="addresses of this form", when_listed=5),
    # This budget applies only if a source lists all posts.
    "feeds": PatternBudget(1, 0, from_elsewhere=False, vouched=False, says="feeds of parts of the site", when_listed=2),
}
SIDE_LISTS = frozenset({"terms", "dates"})
"""The families of URL patterns whose pages show the posts of the site's main list in another order or selection."""
_LISTS_OF_POSTS = SIDE_LISTS | {"paging"}
FEW_VIEWS = 5
"""If the pages of a pattern have led to no post in any run so far, only this many of the known ones and this many of
the new ones are fetched."""
ENOUGH_VIEWS = 20
"""At least this many pages of a pattern must have been read before it is known to lead to no posts."""
_MOST_MISSING = 5
"""Once this many pages of a list in a row do not exist, the other pages of the list are not fetched."""
SAMPLE_ROUNDS = {"folder": 2}
"""The number of times that the set-aside pages (those that are not fetched) of a family are sampled; once if the family
is not in this table. A folder is sampled twice, because a post and the page that links to it may both be in the folder.
The second sample then includes pages found by the first one."""
_REOPENED = 5
_VOUCHING = frozenset({DiscoverySource.FEED, DiscoverySource.SITEMAP, DiscoverySource.API, DiscoverySource.SEED})
SHOWN_REASON = (
    "other lists were read to their end and showed all posts, and the last pages like this one led to no other"
)
"""The reason that is recorded for pages that are not fetched because the lists of another pattern, or the site's main
list, showed all posts."""


@dataclass(frozen=True, slots=True)
class PatternTally:
    """The counts of a URL pattern's pages in this run.

    - `idle`: the number of pages in a row without news.
    - `posts`: the number of pages that were posts, plus the number of posts to which only pages of this pattern link.
    - `reopened`: True if a sample of the pattern's set-aside pages (those not fetched) had news.
    - `known`: the number of pages in a row that led to no unknown possible post.
    - `missing`: the number of pages in a row that do not exist.
    - `unknown`: the number of pages that were posts or led to unknown possible posts.
    """

    idle: int = 0
    posts: int = 0
    reopened: bool = False
    known: int = 0
    missing: int = 0
    unknown: int = 0


class PatternBudgets:
    """Counts the pages of each URL pattern during a run, and determines how many more may be fetched."""

    def __init__(self) -> None:
        self._tallies: dict[URLPattern, PatternTally] = {}
        self._without_posts: frozenset[URLPattern] = frozenset()

    def limit_patterns(self, without_posts: Iterable[URLPattern]) -> None:
        """Gives a small budget to patterns whose pages have led to no post in any run so far."""
        self._without_posts = frozenset(without_posts)

    def count_page(
        self,
        pattern: URLPattern,
        *,
        is_post: bool,
        has_news: bool,
        has_unknown: bool = False,
        is_missing: bool = False,
    ) -> None:
        """Counts a fetched page of this pattern. `is_post` is True if it was a post, and `is_missing` if it does not
        exist. `has_news` is True if it showed possible posts that no other page of the pattern has shown, and
        `has_unknown` is True if one of these posts was unknown before.
        """
        if pattern.family not in ALLOWED:
            return
        tally = self._tallies.get(pattern, PatternTally())
        self._tallies[pattern] = replace(
            tally,
            idle=0 if is_post or has_news else tally.idle + 1,
            known=0 if is_post or has_unknown else tally.known + 1,
            unknown=tally.unknown + (is_post or has_unknown),
            missing=tally.missing + 1 if is_missing else 0,
            posts=tally.posts + is_post,
        )

    def credit(self, pattern: URLPattern) -> None:
        """Counts a post that only pages of this pattern link to as if the post were a page of the pattern."""
        tally = self._tallies.get(pattern, PatternTally())
        self._tallies[pattern] = replace(tally, idle=0, known=0, posts=tally.posts + 1)

    def is_used_by_posts(self, pattern: URLPattern) -> bool:
        """Returns True if a page of this pattern was a post, or if a post was found that only pages of this pattern
        link to.
        """
        tally = self._tallies.get(pattern)
        return tally is not None and tally.posts > 0

    def patterns_of_known(self) -> list[URLPattern]:
        """Returns the patterns of tag and date lists whose fetched pages led only to known posts."""
        return [
            pattern
            for pattern, tally in self._tallies.items()
            if pattern.family in SIDE_LISTS and tally.known and not tally.unknown
        ]

    def patterns_read(self, family: str) -> list[URLPattern]:
        """Returns the patterns of this family that have fetched pages, provided that the last of these pages
        existed.
        """
        return [one for one, tally in self._tallies.items() if one.family == family and not tally.missing]

    def reopen(self, pattern: URLPattern) -> None:
        """Gives a pattern a new budget, five times as large, because a sample of its set-aside pages had news."""
        tally = self._tallies.get(pattern, PatternTally())
        self._tallies[pattern] = replace(tally, idle=0, known=0, missing=0, reopened=True)

    def remaining(self, pattern: URLPattern, coverage: SourceCoverage) -> int:
        """Returns how many more pages without news of this pattern may be fetched; 1,000,000 if there is no limit.
        `coverage` is what the sources list of the posts that are known now.
        """
        tally = self._tallies.get(pattern, PatternTally())
        budget = ALLOWED.get(pattern.family)
        if budget is None or (tally.posts and budget.per_own_post is None):
            return 1_000_000
        if pattern.family == "paging" and tally.missing >= _MOST_MISSING:
            return 0
        times, more = _REOPENED if tally.reopened else 1, (budget.per_own_post or 0) * tally.posts
        if is_limited_by_sources(pattern, coverage):
            least = (budget.when_listed or 0) // (2 if coverage.is_complete_twice else 1)
            return max(least * times + more - tally.known, 0)
        if pattern in self._without_posts and not tally.reopened:
            return max(FEW_VIEWS - tally.known, 0)
        limit = budget.idle * times + more
        if budget.per_post and tally.idle >= limit:
            limit += budget.per_post * coverage.posts
        return max(limit - tally.idle, 0)


def is_limited_by_sources(pattern: URLPattern, coverage: SourceCoverage) -> bool:
    """Returns True if the small budget for sites whose sources list all posts applies to a pattern.

    It applies to the pages of a list only if links on pages also lead to all posts, since most links are on the pages
    of lists.
    """
    budget = ALLOWED.get(pattern.family)
    if budget is None or budget.when_listed is None:
        return False
    return coverage.is_complete_twice if pattern.family == "paging" else coverage.is_complete


def is_exempt_from_budget(
    pattern: URLPattern, found: list[tuple[DiscoverySource, URLPattern]], *, by_sources: bool = False
) -> bool:
    """Returns True if a page is fetched even if the budget of its URL pattern is used up.

    `found` contains the sources that listed the page, each with the URL pattern of the page where the source found it.
    `by_sources` is True if the budget is the small one for sites whose sources list all posts. In this case a page of a
    month, for example, is not exempt even if a sitemap or the menu contains it.
    """
    budget = ALLOWED.get(pattern.family)
    if budget is None:
        return True
    vouched = budget.vouched and not (by_sources and pattern.family in _LISTS_OF_POSTS)
    from_elsewhere = budget.from_elsewhere and not by_sources
    return any(
        (vouched and source in _VOUCHING) or (from_elsewhere and at != pattern and source is not DiscoverySource.CDX)
        for source, at in found
    )


def pattern_budget_reason(pattern: URLPattern) -> str:
    """Returns the reason why the remaining pages of a pattern are excluded, as a phrase."""
    return f"the last {ALLOWED[pattern.family].says} like this one led to no new post"


# Equivalent URLs.


_OPPOSITE |= {other: name for name, other in _OPPOSITE.items()}


_LEAST, _MOST, _MORE_PER = 10, 20, 500


_MOST_PATTERNS = 100


OTHER_PATTERNS = "other patterns"
"""The key under which `SetAsidePages.as_json` counts all patterns of a family after the first hundred together."""


def sample_size(pages: int, *, by_sources: bool = False) -> int:
    """Returns how many of `pages` set-aside pages are sampled: 10, plus one for every 500 pages, but at most 20. If the
    pages were set aside because a source lists all posts (`by_sources`), it is one page in ten, but at most 20 pages.
    """
    return min(pages, _MOST, -(-pages // 10) if by_sources else _LEAST + pages // _MORE_PER)


@dataclass(frozen=True, slots=True)
class SetAside:
    """The pages of one URL pattern that a run has set aside.

    - `pages`: how many pages are set aside now.
    - `sampled`: how many pages were sampled, and are therefore no longer set aside.
    - `hits`: how many of the sampled pages are posts or lead to unknown posts.
    - `rounds`: the number of samples since the pattern was last reopened, that is, since all its pages were last
      released to be fetched.
    - `waiting`: how many pages were set aside since the last sample.
    - `chosen`: the IDs of the pages to sample next, chosen uniformly at random from the waiting pages.
    """

    pages: int = 0
    sampled: int = 0
    hits: int = 0
    rounds: int = 0
    waiting: int = 0
    chosen: tuple[int, ...] = ()


@dataclass(slots=True)
class SetAsidePages:
    """The pages that a run has set aside, by URL pattern. It keeps at most 20 IDs of each pattern (Vitter's algorithm
    R), so its size depends on the number of patterns only.

    `run_id` seeds the random choices, so that the sample of a run can be repeated.
    """

    run_id: int
    _patterns: dict[URLPattern, SetAside] = field(default_factory=dict)

    def __contains__(self, pattern: URLPattern) -> bool:
        return bool((known := self._patterns.get(pattern)) and known.pages)

    def add(self, pattern: URLPattern, page_id: int) -> None:
        """Records that a page of this pattern is set aside."""
        known = self._patterns.get(pattern, SetAside())
        chosen, at = known.chosen, known.waiting
        if len(chosen) < _MOST:
            chosen = (*chosen, page_id)
        elif (place := self._random(pattern, f"{known.rounds}.{at}").randrange(at + 1)) < _MOST:
            chosen = (*chosen[:place], page_id, *chosen[place + 1 :])
        self._patterns[pattern] = replace(known, pages=known.pages + 1, waiting=at + 1, chosen=chosen)

    def _random(self, pattern: URLPattern, step: str) -> Random:
        return Random(f"{self.run_id} {pattern.family} {pattern.key} {step}")

    def take_samples(
        self, rounds: Mapping[str, int], by_sources: Callable[[URLPattern], bool] = lambda pattern: False
    ) -> dict[int, URLPattern]:
        """Returns the pages to sample now, by ID, each with its pattern. Until a pattern is reopened, it is sampled as
        many times as `rounds` says for its family, or once if the family is not in `rounds`. `by_sources` returns True
        if the pages of a pattern are set aside because a source lists all posts.
        """
        out: dict[int, URLPattern] = {}
        for pattern, known in self._patterns.items():
            if known.waiting and known.rounds < rounds.get(pattern.family, 1):
                dice = self._random(pattern, f"{known.rounds} sample")
                ids = dice.sample(known.chosen, sample_size(known.waiting, by_sources=by_sources(pattern)))
                out.update(dict.fromkeys(ids, pattern))
                self._patterns[pattern] = replace(
                    known,
                    pages=known.pages - len(ids),
                    sampled=known.sampled + len(ids),
                    rounds=known.rounds + 1,
                    waiting=0,
                    chosen=(),
                )
        return out

    def count_hit(self, pattern: URLPattern) -> None:
        """Counts a sampled page that is a post or leads to an unknown post."""
        known = self._patterns[pattern]
        self._patterns[pattern] = replace(known, hits=known.hits + 1)

    def reopen(self, pattern: URLPattern) -> None:
        """Records that the pages of this pattern are no longer set aside."""
        known = self._patterns[pattern]
        self._patterns[pattern] = replace(known, pages=0, rounds=0, waiting=0, chosen=())

    def as_json(self, rule: str) -> dict[str, dict[str, dict[str, int]]]:
        """Returns the counts of each pattern for a run's statistics, by rule (`rule` and the family) and pattern. The
        counts are `pages` (without those that were sampled), `sampled` and `hits`. In each family, the hundred patterns
        with the most pages get an entry each, and all other patterns share one entry.
        """
        out: dict[str, dict[str, dict[str, int]]] = {}
        for pattern, known in sorted(self._patterns.items(), key=lambda one: (-one[1].pages, one[0])):
            if not (known.pages or known.sampled):
                continue
            counts = out.setdefault(f"{rule}: {pattern.family}", {})
            key = pattern.key if len(counts) < _MOST_PATTERNS else OTHER_PATTERNS
            row = counts.setdefault(key, {"pages": 0, "sampled": 0, "hits": 0})
            for name in row:
                row[name] += getattr(known, name)
        return out


_BYTES = 2**21


_BITS_PER_ADDRESS = 10


_PROBES = 4


class ShownAddresses:
    """The addresses (urlkeys) that the pages of each URL pattern have shown, as one Bloom filter of `size` bytes, a
    power of two.

    The filter has 10 bits and 4 probes for each pair of a pattern and an address, so at most about one new address in a
    hundred is wrongly taken for an address that was shown. The default of 2 MB holds 1.6 million pairs. When the filter
    is full, it is emptied and all addresses count as new again. A full filter therefore never makes a page count as one
    without news.
    """

    def __init__(self, size: int = _BYTES) -> None:
        self._bits = bytearray(size)
        self._mask = size * 8 - 1
        self._most = size * 8 // _BITS_PER_ADDRESS
        self._added = 0

    def add(self, pattern: URLPattern, addresses: Iterable[str]) -> list[str]:
        """Adds the addresses that a page of a pattern shows, and returns those that no other page of the pattern has
        shown.
        """
        if self._added >= self._most:
            self._bits = bytearray(len(self._bits))
            self._added = 0
        return [address for address in addresses if self._add(hash((pattern, address)))]

    def has(self, pattern: URLPattern, address: str) -> bool:
        """Returns True if a page of a pattern has shown an address."""
        value = hash((pattern, address))
        first, step = value & 0xFFFFFFFF, (value >> 32) | 1
        places = ((first + n * step) & self._mask for n in range(_PROBES))
        return all(self._bits[at >> 3] & 1 << (at & 7) for at in places)

    def _add(self, value: int) -> bool:
        first, step = value & 0xFFFFFFFF, (value >> 32) | 1
        bits = self._bits
        unset = [at for n in range(_PROBES) if not bits[(at := (first + n * step) & self._mask) >> 3] & 1 << (at & 7)]
        for at in unset:
            bits[at >> 3] |= 1 << (at & 7)
        self._added += bool(unset)
        return bool(unset)
