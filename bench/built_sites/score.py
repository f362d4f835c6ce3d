"""Compares the articles of an archive with the source of the blog."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from built_sites.blog import Blog, Post
from built_sites.builder import Builder

Article = Mapping[str, Any]
_WORD = re.compile(r"\w+")
_STRUCTURES = ("code_lines", "languages", "list_items", "table_cells")
_FENCE = re.compile(r"(`{3,})\S*$")
_ITEM = re.compile(r"( *)(-|\d+\.) +(.*)")
_RULE = re.compile(r"\|[-:| ]+\|")  # below the head of a table
_ESCAPED = re.compile(r"\\([^\w\s])")


@dataclass(frozen=True, slots=True)
class Score:
    """How many articles of posts have each field right: as on their page. A field that the pages do not show is right
    if it has no value that the source has not, since a feed or an address may still say it; a time that they do not
    show is not judged (None). `false`: articles that are no post, or are a second one of a post. `mistakes` say what
    is wrong with which post.

    `code_lines`, `languages` (of blocks of code), `list_items` and `table_cells` are the shares of what the sources
    have that the articles' Markdown has exactly, in the same order and with its indentation, level and number."""

    posts: int
    found: int
    false: int
    title: int
    day: int
    time: int | None
    author: int
    category: int
    tag: int
    language: int
    whole: int
    clean: int
    code: int
    code_lines: float | None
    languages: float | None
    list_items: float | None
    table_cells: float | None
    mistakes: tuple[str, ...]

    @property
    def recall(self) -> float:
        return self.found / self.posts

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.false) if self.found + self.false else 0.0


@dataclass(frozen=True, slots=True)
class Mistake:
    field: str
    post: str
    what: str

    def __str__(self) -> str:
        return f"{self.field}: {self.post}: {self.what}"


def score(blog: Blog, articles: Iterable[Article], site: Builder) -> Score:
    """Compares articles with the posts of a blog as this site shows them. An article is a record with its text in
    Markdown as `markdown`."""
    found, false = matched(blog, articles, site)
    mistakes = [Mistake("recall", post.slug, site.path(post)) for post in blog.posts if post.slug not in found]
    mistakes += [Mistake("precision", "", str(article["url"])) for article in false]
    for post in blog.posts:
        if article := found.get(post.slug):
            mistakes += compare(blog, post, article, site)
    structures = {
        post.slug: (_written(post.markdown), _written(found[post.slug]["markdown"]))
        for post in blog.posts
        if post.slug in found
    }
    shown = [kind for kind in _STRUCTURES if kind != "languages" or site.shown.code_language]
    mistakes += [
        Mistake(kind, slug, what)
        for slug, (wanted, got) in structures.items()
        for kind in shown
        if (what := _first_difference(wanted[kind], got[kind]))
    ]
    wrong = Counter(mistake.field for mistake in mistakes)

    def right(field: str) -> int:
        return len(found) - wrong[field]

    return Score(
        posts=len(blog.posts),
        found=len(found),
        false=len(false),
        title=right("title"),
        day=right("day"),
        time=right("time") if site.shown.time else None,
        author=right("author"),
        category=right("category"),
        tag=right("tag"),
        language=right("language"),
        whole=right("whole"),
        clean=right("clean"),
        code=sum(bool(post.code) for post in blog.posts if post.slug in found) - wrong["code"],
        **{kind: _share(structures.values(), kind) if kind in shown else None for kind in _STRUCTURES},
        mistakes=tuple(map(str, mistakes)),
    )


def matched(blog: Blog, articles: Iterable[Article], site: Builder) -> tuple[dict[str, Article], list[Article]]:
    """Returns the articles by the slug of their post, and those that are no post or a second one of it."""
    slugs = {plain_path(site.path(post)): post.slug for post in blog.posts}
    found: dict[str, Article] = {}
    false = []
    for article in articles:
        addresses = [article["url"], article.get("canonical_url"), *(article.get("aliases") or ())]
        slug = next((slugs[p] for p in map(plain_path, filter(None, addresses)) if p in slugs), None)
        if slug is None or slug in found:
            false.append(article)
        else:
            found[slug] = article
    return found, false


def plain_path(url: str) -> str:
    """Returns what is the same in all forms of a post's address: the path, unquoted, without index.html and slash."""
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return unquote(parts.path).removesuffix("index.html").rstrip("/") + query


def compare(blog: Blog, post: Post, article: Article, site: Builder) -> list[Mistake]:
    """Returns what is wrong with an article: at most one mistake of each field."""
    shown = site.shown
    checks = {
        "title": _title(blog, post, article),
        "day": _day(post, article),
        "time": _time(post, article) if shown.time else "",
        "author": _names([post.author], article["authors"], [post.author, blog.author], shown.author),
        "category": _names(site.categories(post), article["categories"], post.categories, shown.categories),
        "tag": _names(site.tags(post), article["tags"], post.tags, shown.tags),
        "language": _language(post, article),
        "whole": _lost(post, article),
        "clean": _foreign(blog, post, article),
        "code": _code(post, article),
    }
    return [Mistake(field, post.slug, what) for field, what in checks.items() if what]


def _title(blog: Blog, post: Post, article: Article) -> str:
    title = _plain(article.get("title") or "")
    if post.title:
        return "" if title == _plain(post.title) else repr(article.get("title"))
    others = {_plain(other.title) for other in blog.posts if other.title}
    return repr(article.get("title")) if _plain(blog.title) in title or title in others else ""


def _plain(text: str) -> str:
    """Returns a text with plain quotation marks and single spaces: typography is no mistake."""
    text = unicodedata.normalize("NFC", text).translate({0x2019: "'", 0x2018: "'", 0x201C: '"', 0x201D: '"'})
    return " ".join(text.split())


def _day(post: Post, article: Article) -> str:
    published = article.get("published")
    if not published:
        return "none"
    moment = datetime.fromisoformat(published)
    if moment.tzinfo and not _by_day(article):
        zone = post.published.tzinfo
        assert isinstance(zone, ZoneInfo)
        moment = moment.astimezone(zone)
    return "" if moment.date() == post.published.date() else str(published)


def _by_day(article: Article) -> bool:
    return article.get("published_precision") not in ("second", "minute", "hour")


def _time(post: Post, article: Article) -> str:
    published = article.get("published")
    moment = datetime.fromisoformat(published) if published else None
    if moment is None or _by_day(article) or moment.tzinfo is None:
        return f"{published} ({article.get('published_precision')})"
    return "" if abs((moment - post.published).total_seconds()) < 60 else str(published)


def _names(wanted: Iterable[str], got: Iterable[str], known: Iterable[str], shown: bool) -> str:
    """Compares names with those that a page shows (`wanted`), or, if it shows none, with all that are true (`known`),
    in upper or lower case."""
    right, read = {_plain(name) for name in wanted}, {_plain(name) for name in got}
    if not shown:
        true = {_plain(name).casefold() for name in known}
        return f"{sorted(read)}" if any(name.casefold() not in true for name in read) else ""
    return "" if right == read else f"{sorted(read)}, not {sorted(right)}"


def _language(post: Post, article: Article) -> str:
    language = article.get("language") or ""
    return "" if language.partition("-")[0] == post.language else repr(language)


def words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def _lost(post: Post, article: Article) -> str:
    """Returns the words of the post that the body lacks."""
    lost = words(post.plain) - words(article.get("body") or "")
    return f"lacks {_some(lost)}" if lost else ""


def _foreign(blog: Blog, post: Post, article: Article) -> str:
    """Returns what the body has in excess of the post, and the kind of the line that has most of it."""
    body = article.get("body") or ""
    extra = words(body) - words(post.plain) - words(post.captions)
    if not extra:
        return ""
    lines = [line for line in body.splitlines() if line.strip()]
    worst = max(lines, key=lambda line: sum((words(line) & extra).values()))
    return f"{_kind(blog, post, worst)} {worst[:80]!r}: {_some(extra)}"


def _kind(blog: Blog, post: Post, line: str) -> str:
    found = words(line)
    if post.title and not words(post.title) - found:
        return "its title"
    if any(other.title and other is not post and not words(other.title) - found for other in blog.posts):
        return "another title"
    said = words(" ".join(f"{comment.author} {comment.text}" for comment in post.comments))
    if found <= said:
        return "comment"
    terms = words(" ".join((*post.tags, *post.categories)))
    return "row of tags" if found & terms and len(found - terms) <= 2 else "line"


def _some(found: Counter[str]) -> str:
    return f"{sum(found.values())} words ({' '.join(list(found)[:6])})"


def _code(post: Post, article: Article) -> str:
    lines = (article.get("body") or "").splitlines()
    for block in post.code:
        if not _contains(_lines(lines), _lines(block.plain.splitlines())):
            return f"{block.language} code is not line by line as in the source"
    return ""


def _lines(lines: Iterable[str]) -> list[str]:
    """Returns the lines that are not empty. Tabs count as spaces, to which some software turns them."""
    return [line.expandtabs(4).rstrip() for line in lines if line.strip()]


def _contains(lines: Sequence[str], wanted: Sequence[str]) -> bool:
    return any(lines[n : n + len(wanted)] == wanted for n in range(len(lines) - len(wanted) + 1))


def _written(markdown: str) -> dict[str, list[str]]:
    """Returns the lines of code, the list items (with the number of items around them and their sign or number) and
    the table cells of a text in Markdown."""
    found: dict[str, list[str]] = {kind: [] for kind in _STRUCTURES}
    fence = ""
    indents: list[int] = []
    for line in markdown.splitlines():
        if fence:
            if line.strip() == fence:
                fence = ""
            else:
                found["code_lines"].append(line.expandtabs(4).rstrip())
        elif fenced := _FENCE.match(line):
            fence = fenced[1]
            found["languages"].append(line[len(fence) :])
        elif item := _ITEM.match(line):
            while indents and indents[-1] >= len(item[1]):
                indents.pop()
            found["list_items"].append(f"{len(indents)} {item[2]} {_unescaped(item[3])}")
            indents.append(len(item[1]))
        elif line.startswith("|") and not _RULE.fullmatch(line):
            found["table_cells"] += (_unescaped(cell.strip()) for cell in line.strip("| ").split(" | "))
            indents = []
        elif line:
            indents = []
    return found


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _share(pairs: Iterable[tuple[Mapping[str, list[str]], Mapping[str, list[str]]]], kind: str) -> float:
    """Returns the share of the lines of sources that texts have in the same order. A line in excess counts as one that
    is missing."""
    right = total = 0
    for wanted, got in pairs:
        blocks = SequenceMatcher(None, wanted[kind], got[kind], autojunk=False).get_matching_blocks()
        right += sum(block.size for block in blocks)
        total += max(len(wanted[kind]), len(got[kind]))
    return right / total if total else 1.0


def _first_difference(wanted: Sequence[str], got: Sequence[str]) -> str:
    pairs = zip_longest(wanted, got, fillvalue="nothing")
    return next((f"{right!r} is {read!r}" for right, read in pairs if right != read), "")
