"""Reads the byline near a heading, such as "Posted on: Sat 20 June 2026 by NAME" or "May 6, 2022 - NAME (@handle)
NAME".
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice

from lxml.etree import _Element as Element

from archiver.extraction.authors.byline_splitting_and_person_names import (
    BEHALF,
    BRACKETS,
    BY,
    OTHER_PART,
    is_plain_name,
    looks_personal,
    may_sign,
    names_korean_reporters,
    split_names,
)
from archiver.extraction.boilerplate import is_footer_name
from archiver.extraction.category_and_tag_links import kind_of_address
from archiver.extraction.date_parser import Moment, text_around_date
from archiver.extraction.page_parsing_and_javascript_check import Page
from archiver.extraction.post_locator import LINE_RULES, Post, is_outside_posts
from archiver.extraction.text_normalization_and_formulas import clean_text, element_line
from archiver.extraction.visible_dates import (
    date_of_attributes,
    is_other_time_name,
    is_reaction_name,
    is_time_of_event,
    read_dates,
)
from archiver.lazy_regex import lazy_regex

# The text right above and below the heading of a post, line by line.

_BLANK_LINE = lazy_regex(r"\n\s*\n")
_BLOCK = frozenset(
    {
        "p",
        "div",
        "ul",
        "ol",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "pre",
        "table",
        "blockquote",
        "section",
        "header",
        "figure",
        "article",
        "footer",
        "aside",
        "nav",
        "hr",
        "main",
        "dl",
        "address",
    }
)
_UNREAD = frozenset(
    {"script", "style", "noscript", "svg", "button", "form", "nav", "aside", "blockquote", "figcaption"}
)
_UNSEEN = frozenset({"script", "style", "noscript", "template", "link"})
_MENU, _FOOT = 3, 600
"""A block above the post with at least `_MENU` links is a menu. The last block of a page is its footer only if it has
fewer than `_FOOT` characters."""
_MAX_LINES, _ROOM = 10, 900  # at most this many lines and characters are read after the heading


@dataclass(slots=True)
class Line:
    text: str
    chunks: list[str]
    elements: list[Element]


def lines_above_heading(post: Post) -> list[Line]:
    """Returns up to three short lines right above the heading, nearest first. Some themes put the date above the
    heading.
    """
    out: list[Line] = []
    at: Element | None = post.title
    for _ in range(3):
        if at is None or at.tag in ("body", "html", "main") or at is post.holder:
            break
        previous = at.getprevious()
        while previous is not None and len(out) < 3:
            text = element_line(previous)
            if len(text) > 160:
                return out
            if text and not is_other_time_name(f"{previous.get('class') or ''} {previous.get('id') or ''}"):
                out.append(Line(text, [text], [previous]))
            previous = previous.getprevious()
        at = at.getparent()
    return out


def lines_below_heading(post: Post) -> list[Line]:
    """Returns the lines of text between the heading and the body. A line ends where a block-level element begins or
    ends, and on pages without heading elements also at a <br>.
    """
    reader = _LineReader(post)
    reader.read_below()
    return reader.lines


class _LineReader:
    """Reads the text between the heading of a post and its body into lines. `room` is the number of characters that may
    still be read.
    """

    def __init__(self, post: Post) -> None:
        self.post = post
        self.lines: list[Line] = []
        self.room = _ROOM
        # Where even the title is only a line, the byline below it ends with a <br>.
        self._blocks = _BLOCK | {"br"} if post.title_rule in LINE_RULES else _BLOCK
        self._chunks: list[str] = []
        self._elements: list[Element] = []

    @property
    def is_full(self) -> bool:
        return self.room <= 0 or len(self.lines) > _MAX_LINES

    def read_below(self) -> None:
        at = self.post.title
        for _ in range(4):
            if at is None or self.room <= 0 or at.tag in ("body", "html") or at is self.post.body:
                break
            self._take(at.tail)
            is_at_body = self._read_siblings(at)
            self._close()
            at = at.getparent()
            if is_at_body or at is self.post.holder:
                break
        self._close()

    def _read_siblings(self, el: Element) -> bool:
        """Reads the siblings after an element, up to the post's body or the end of the post. Returns True if it reached
        one of them.
        """
        sibling = el.getnext()
        while sibling is not None and not self.is_full:
            if sibling is self.post.body or self._is_after_body(sibling) or self._is_foot_of_page(el, sibling):
                return True
            self._read(sibling, 0)
            self._take(sibling.tail)
            sibling = sibling.getnext()
        return False

    def _is_after_body(self, el: Element) -> bool:
        """Returns True if an element that follows the title also follows the post's body."""
        order, title, body = self.post.page.index.order, self.post.title, self.post.body
        if title is None or body is None or el not in order:
            return False
        return order[title] < order[body] and order[el] >= self.post.page.index.end(body)

    def _is_foot_of_page(self, before: Element, el: Element) -> bool:
        """Returns True if an element is the footer of the page, because its role or tag says so.

        If the body of the post is unknown, the last block of the page is also taken for the footer, if it is short and
        follows at least two others: a menu, and the block `before` with the title and the text.
        """
        if _is_footer(el):
            return True
        if self.post.body is not None or not self.lines or before is self.post.title or el.tag not in _BLOCK:
            return False
        if any(e.tag not in _UNSEEN for e in el.itersiblings("*")):
            return False
        has_menu = any(len(list(islice(e.iter("a"), _MENU))) == _MENU for e in before.itersiblings("*", preceding=True))
        return has_menu and self.post.page.index.text_length(el) < _FOOT

    def _read(self, el: Element, depth: int) -> None:
        if not isinstance(el.tag, str) or el.tag in _UNREAD or _is_footer(el):
            return
        names = f"{el.get('class') or ''} {el.get('id') or ''}"
        if is_footer_name(names) or is_other_time_name(names) or is_reaction_name(names):
            return
        is_block = el.tag in self._blocks
        if is_block:
            self._close()
        self._take(el.text)
        if is_block:
            self._elements.append(el)
        for child in el:
            if self.is_full:
                return
            if depth < 40:
                self._read(child, depth + 1)
            self._take(child.tail)
        if is_block:
            self._close()

    def _take(self, text: str | None) -> None:
        if text and text.strip():
            self.room -= len(text.strip())
            self._chunks.extend(part for part in _BLANK_LINE.split(text) if part.strip())

    def _close(self) -> None:
        """Ends the line that is being read, and keeps the line if it contains text."""
        text = clean_text(" ".join(self._chunks))
        if text:
            self.lines.append(Line(text, [c for c in map(clean_text, self._chunks) if c], list(self._elements)))
        self._chunks.clear()
        self._elements.clear()


def _is_footer(el: Element) -> bool:
    """Returns True if the role or tag of an element says that it is the footer of the page, and not that of a post."""
    if el.get("role") == "contentinfo":
        return True
    names = el.get("class") or ""
    return el.tag == "footer" and "post" not in names and "entry" not in names and is_outside_posts(el)


_MAX_LINKS = 12
_OF_AUTHOR = lazy_regex(r"author|autor|user|about|profile|people|person|staff|team|bio|/~|@", re.IGNORECASE)
_DASH = lazy_regex(r"^\s*[-–—|·•,:]\s*|\s*[-–—|·•,:]\s*$")
_DOTS = lazy_regex(r"\s*[·|•]\s*")
_LABEL_WORD = lazy_regex(r"\s*\w+\s*[:：]\s*")  # a label such as "Category:", which does not introduce an author
_HANDLE = lazy_regex(r"[\(\[]?\s*(?:[\w.+-]+)?@[\w.]+\s*[\)\]]?")
_SENTENCE_END = lazy_regex(r"[.!?…।。][\"'”’»)]*\s*$")
_IN_TERM = lazy_regex(
    r"\s(?:(?:filed|posted|published) )?(?:in|under|to|on|dans|en|em|unter)\s+(?=(\S.*))", re.IGNORECASE
)
_ENDS_IN = lazy_regex(r"\s(?:(?:filed|posted|published) )?(?:in|under|to|on|dans|en|em|unter)\s*$", re.IGNORECASE)
_ENTRY = lazy_regex(r"\s*[:：]\s*(?:\S+\s+){2,}\S|\s*[:：]\s*[^\x00-\u2fff]{8}")
_LABEL_LENGTH = 40  # a line with fewer characters may be a label for the next one: "Last updated:"
_DATELINE_WORDS = 2  # at most this many words precede the date in a dateline: "NEW YORK, May 3, 2020 - ..."
_LINES, _MAX_LENGTH, _MAX_DATED_LENGTH = 8, 240, 200
# A line without a date or name is the start of the text if it is further below the heading, or longer, than this.
_FAR, _MAX_OTHER_LENGTH = 3, 120
_LABEL = lazy_regex(
    r"^(?:posted|published|written|date|last updated|updated|on|veröffentlicht|publié|publicado|pubblicato|"
    r"опубликовано|đăng|发布于|发表于|"
    r"投稿日|公開日|更新日|작성일|نشر|פורסם)\b",
    re.IGNORECASE,
)
_PARTICLES = frozenset(("da", "di", "von", "van", "av", "af"))
_BEFORE_BY = 3  # if at most this many words precede "by", the line is not a sentence: "A guest post by"
_SEARCH_BY = lazy_regex(
    r"(?:^|[\s|·•,–—-])((?:by|por|par|von|da|di|door|przez|bởi|oleh|av|af|автор|作者|記者|记者|文|בקלם|מאת|بقلم)[:：]?\s+\S.*)$",
    re.IGNORECASE,
)


_LABELLED = lazy_regex(
    r"(?:作者|记者|記者|撰文|著者|執筆者?|글쓴이|기자|tác giả|author|autor(?:a)?|auteur|автор)\s*[:：]\s*"
    r"([^\s|·:：/]{2,20}+(?!\s*[:：])(?:[、,，\s][^\s|·:：/]{2,20}(?![^\s]*[:：])){0,4})",
    re.IGNORECASE,
)
_HAN_NAME = lazy_regex(r"[\u4e00-\u9fff]{2,4}|[\u3040-\u30ff\u4e00-\u9fff]{2,8}")
_CJK_LABEL = lazy_regex(
    r"[于於在日期时時更新发發布表类類签標阅閱读讀分钟鐘前后後评評论論次数數字首页頁档檔]|カテゴリ|タグ|投稿|公開|更新|コメント"
)


CHANGED_BESIDE_HEADING = "changed, beside the heading"
"""The locator of evidence for a date of the last change in the byline that is used as the date of publication."""


@dataclass(frozen=True, slots=True)
class BylineBlock:
    """The byline next to a post's heading.

    - `names`: the names of the authors. `sure` is True if a word such as "by", or a handle, shows that they are
      authors.
    - `moment`, `modified`: the date of publication and the date of the last change.
    - `lines`, `elements`: the texts of its lines, and its elements on the page.
    """

    names: tuple[str, ...] = ()
    moment: Moment | None = None
    modified: Moment | None = None
    sure: bool = False
    lines: tuple[str, ...] = ()
    elements: tuple[Element, ...] = ()


def byline_beside_heading(page: Page, post: Post) -> BylineBlock:
    """Returns the byline in the short lines after the heading or, if they contain no date or name, in the lines before
    it. Without a byline, the result has no names and dates.
    """
    if post.title is None:
        return BylineBlock()
    above = lines_above_heading(post)
    meta = _MetaLines(page)
    meta.terms = _terms_beside(page, post)
    for number, one in enumerate(lines_below_heading(post)[: _LINES + len(above)]):
        if len(one.text) > _MAX_LENGTH:
            break
        if any(map(is_time_of_event, one.elements)):
            continue
        if not meta.read(one) and (number > _FAR or len(one.text) > _MAX_OTHER_LENGTH):
            break
    for one in above:
        if meta.moment or meta.names or meta.modified:
            break
        meta.read_above(one)
    return meta.result()


def _terms_beside(page: Page, post: Post) -> frozenset[str]:
    """Returns, in lower case, the texts of the links near a heading that lead to a list of posts, such as a category.

    A link counts if it has rel="category", or if another link on the page has the same address, since categories are
    also in menus. Links to authors are left out.
    """
    if post.title is None:
        return frozenset()
    around = next((a for a in islice(post.title.iterancestors(), 2) if a.tag not in ("body", "html", "main")), None)
    if around is None:
        return frozenset()
    links = [a for a in islice(around.iter("a"), _MAX_LINKS) if (a.get("href") or "").strip("#/")]
    if not links:
        return frozenset()
    counts = Counter(a.get("href") for a in page.index.tag("a"))
    return frozenset(element_line(a).casefold() for a in links if _is_term_link(a, counts[a.get("href")]))


def _is_term_link(a: Element, count: int) -> bool:
    rel = (a.get("rel") or "").split()
    if "author" in rel or _OF_AUTHOR.search(f"{a.get('href')} {a.get('class') or ''}"):
        return False
    return "category" in rel or "tag" in rel or count > 1 or kind_of_address(a.get("href") or "") is not None


def _is_of_chronicle(text: str, language: str) -> bool:
    """Returns True if a line is an entry of a chronicle, such as "5 March 1987: the pier is opened", so that its date
    is not the post's.
    """
    around = text_around_date(text, language) if ":" in text or "：" in text else None
    return around is not None and not around[0].strip() and bool(_ENTRY.match(around[1]))


class _MetaLines:
    """Collects the authors' names, the date of publication and the date of the last change from the lines around a
    heading. Each of the three is taken from the first line that contains it.
    """

    def __init__(self, page: Page) -> None:
        self.language, self.captured_at = page.date_language, page.captured_at
        self.names: list[str] = []
        self.sure = False
        self.moment: Moment | None = None
        self.modified: Moment | None = None
        self.texts: list[str] = []
        self.elements: list[Element] = []
        self._label = ""
        self.terms: frozenset[str] = frozenset()

    def result(self) -> BylineBlock:
        found = tuple(dict.fromkeys(self.names))
        return BylineBlock(found, self.moment, self.modified, self.sure, tuple(self.texts), tuple(self.elements))

    def read(self, one: Line) -> bool:
        """Reads a line below the heading. Returns True if the line contains a date or a name."""
        published, modified = self._dates(one, self._label)
        dated = bool(published or modified)
        self._label = one.text if not dated and len(one.text) < _LABEL_LENGTH else ""
        bare = self._without_terms(one)
        rest = _without_date(bare.text) if dated else bare.text
        return self._add(one, published, modified, self._people(_names_in(bare, rest, dated)))

    def _without_terms(self, one: Line) -> Line:
        """Returns a line without the texts of links to lists of posts. The word "in" before such a text is removed,
        too, as in "by Ann Lee in Boats".
        """
        if not self.terms:
            return one
        chunks = [c for c in one.chunks if c.strip(" ,;·|").casefold() not in self.terms]
        found = (m for m in _IN_TERM.finditer(one.text) if m[1].casefold().startswith(tuple(self.terms)))
        cut = next((m.start() for m in found), len(one.text))
        return Line(one.text[:cut], [_ENDS_IN.sub("", c) for c in chunks], one.elements)

    def _people(self, names: list[str]) -> list[str]:
        """Returns the names without those that are the text of a link to a list of posts."""
        return [name for name in names if name.casefold() not in self.terms]

    def read_above(self, one: Line) -> None:
        """Reads a line above the heading, where a name counts only after "by"."""
        published, modified = self._dates(one, "")
        dated = bool(published or modified)
        rest = _without_date(one.text) if dated else one.text
        self._add(one, published, modified, _names_in(one, rest, dated) if BY.match(one.text) else [])

    def _dates(self, one: Line, label: str) -> tuple[Moment | None, Moment | None]:
        if len(one.text) >= _MAX_DATED_LENGTH or _is_sentence(one.text) or _is_of_chronicle(one.text, self.language):
            return None, None
        found = read_dates(one.text, self.language, label)
        if any(found) or self.captured_at is None or not any(relative := self._relative(one, label)):
            return found
        return relative

    def _relative(self, one: Line, label: str) -> tuple[Moment | None, Moment | None]:
        """Returns the dates of publication and of the last change in a line such as "3 hours ago"; None for a missing
        one. If an attribute of an element in the line gives the exact date, that date is returned. `label` is the
        previous line, which may be a label such as "Updated:".
        """
        published, modified = read_dates(one.text, self.language, label, self.captured_at)
        if published is None and modified is None:
            return None, None
        inner = (e for el in one.elements for e in islice(el.iter("time", "abbr", "span", "a"), _MAX_LINKS))
        exact = next((m for e in inner if (m := date_of_attributes(e, self.language))), None)
        if exact is None:
            return published, modified
        return (exact, None) if published is not None else (None, exact)

    def _add(self, one: Line, published: Moment | None, modified: Moment | None, found: list[str]) -> bool:
        if published is None and modified is None and not found:
            return False
        self.moment, self.modified = self.moment or published, self.modified or modified
        if found and not self.names:
            rest = _without_date(one.text) if published or modified else one.text
            self.names, self.sure = found, _is_sure(one, rest)
        self.texts.append(one.text)
        self.elements += one.elements
        return True


def _is_sentence(text: str) -> bool:
    """Returns True if a line is a sentence with a date, such as "We opened the shop on 3 May 2010.", and not a
    byline.
    """
    if not _SENTENCE_END.search(text) or BY.match(text) or _LABEL.match(text):
        return False
    date = _DATE_PARTS.search(text)
    return date is not None and len(text[: date.start()].split()) > _DATELINE_WORDS


def _is_sure(one: Line, rest: str) -> bool:
    """Returns True if a word such as "by", or a handle, shows that the names in a line are names of authors. `rest` is
    the line without its date.
    """
    return bool(
        BY.match(one.text) or BY.match(rest) or _SEARCH_BY.search(rest) or _LABELLED.search(one.text) or "@" in one.text
    )


def names_of_line(el: Element) -> list[str]:
    """Returns the names in an element that is known to be a byline, without its date and handles."""
    text = element_line(el)
    if len(text) > _MAX_LENGTH:
        return []
    parts = [p for t in el.itertext() for p in re.split(r"\n\s*\n", str(t))]
    dated = bool(_DATE_PARTS.search(text))
    one = Line(text, [c for c in map(clean_text, parts) if c], [el])
    return _names_in(one, _without_date(text) if dated else text, dated, known=True)


def _names_in(one: Line, rest: str, dated: bool, known: bool = False) -> list[str]:
    """Returns the authors' names in a line: those after "by" or a label. If the line has a date (`dated`), pieces that
    look like names are returned, too.

    `rest` is the line without its date. `known` is True if the line is known to be a byline.
    """
    has_label = ":" in one.text or "：" in one.text  # a quick test, since the expression tries every position
    if has_label and (m := _LABELLED.search(one.text)):
        return [x for x in split_names(m[1]) if may_sign(x)]
    opening = BY.match(one.text)
    if (m := opening or BY.match(rest)) and m.end() > 0:
        text = one.text if opening else rest
        return [x for x in split_names(text) if may_sign(x)] if dated or len(text) <= 160 else []
    return _names_after_by(rest, dated) or (_names_beside_date(one, known) if dated else [])


def _names_after_by(rest: str, dated: bool) -> list[str]:
    """Returns the names after "by" within a line (`rest`). If `dated` is False, the line contains no date, and "by"
    must be among its first words.
    """
    m = _SEARCH_BY.search(rest)
    if not m or not (dated or len(rest[: m.start()].split()) <= _BEFORE_BY) or _is_within_name(rest, m):
        return []
    if OTHER_PART.match(rest):
        return []
    found = split_names(m[1])
    # A name in lower case counts only after "by", since "di", "por" and "von" are also common words.
    plain = m[1][:3].lower() == "by "
    return found if all(may_sign(x) and (plain or not x[0].islower()) for x in found) else []


def _is_within_name(rest: str, m: re.Match[str]) -> bool:
    """Returns True if a word such as "von" or "da", which `m` has matched as "by" in the line `rest`, is a part of a
    name, as in "João da Silva".
    """
    word, before = m[1].split()[0], rest[: m.start(1)].split()
    return word in _PARTICLES and bool(before) and before[-1][0].isupper() and before[-1][-1].isalpha()


def _names_beside_date(one: Line, known: bool) -> list[str]:
    """Returns the names in a line that also contains a date. Unless the line is known to be a byline (`known`), or a
    handle follows a name, only names that are clearly those of persons are returned.
    """
    out: list[str] = []
    pieces = [p for c in one.chunks for p in _DOTS.split(c) if p]
    for n, chunk in enumerate(pieces):
        if _LABEL_WORD.fullmatch(chunk) or OTHER_PART.match(chunk):
            continue
        bare = _DASH.sub("", _DASH.sub("", clean_text(_HANDLE.sub(" ", _without_date(chunk)))))
        if not bare or _LABEL.match(bare) or any(c.isdigit() for c in bare):
            continue
        behalf = BEHALF.search(bare)
        if behalf and out and behalf.start() == 0:
            break
        handled = "@" in "".join(pieces[n : n + 2]) or names_korean_reporters(bare)
        found = split_names(bare)
        fits = looks_personal if handled else _looks_like_full_name if known else is_plain_name
        out += found if all(map(fits, found)) else []
        if behalf:
            break  # the next pieces are the name of the group for which the author writes
    return out


# Scripts without letter case. Georgian is among them, since its capitals are not used in names. Han, kana and Hangul
# are left out, because their names are recognized by family names and length.
_CASELESS = lazy_regex(
    r"(?!.*[؟।॥።])[\u0590-\u109f\u10d0-\u10ff\u1200-\u139f\u1680-\u1c7f\u1cd0-\u1cff\u200c\u200d\u2d80-\u2ddf\ua800-\uabff"
    r"\ufb1d-\ufdff\ufe70-\ufeff\s.'’\-]+"
)
_LEAST_LETTERS, _MOST_LETTERS, _MOST_WORDS = 3, 40, 4
_BETWEEN = " \t|·•–—-/,،၊፣;؛"  # what may stand between a date and a name
_COMMAS = frozenset(",،၊፣;؛")


def name_beside_date(beside: BylineBlock, language: str) -> str:
    """Returns the text that stands beside the date in the byline near the heading (`beside`) and may be a name in a
    script without letter case; "" if there is none. `language` is the language of the page's dates.

    The line must consist of only the date and this text. A section or a place looks the same, so only the other posts
    of the site can show that it is a name. One word before or after a comma is left out: in a dateline it is a place,
    and beside a time of day the part of the day or the day of the week.
    """
    if beside.names or beside.moment is None:
        return ""
    around = next(filter(None, (text_around_date(line, language) for line in beside.lines)), None)
    if around is None:
        return ""
    before, after = (text.strip() for text in around)
    if bool(name := before.strip(_BETWEEN)) == bool(other := after.strip(_BETWEEN)):
        return ""
    joint = before[len(before.rstrip(_BETWEEN)) :] if name else after[: len(after) - len(after.lstrip(_BETWEEN))]
    name = name or other
    words = name.split()
    if not _LEAST_LETTERS <= len(name) <= _MOST_LETTERS or len(words) > _MOST_WORDS or not _CASELESS.fullmatch(name):
        return ""
    if not joint.strip() and beside.moment.precision != "day":
        return ""
    return "" if len(words) == 1 and not _COMMAS.isdisjoint(joint) else name


def _looks_like_full_name(text: str) -> bool:
    """Returns True if a text looks like a full name: it consists of capitalized words or, in Han and kana, is as long
    as a name.
    """
    if _HAN_NAME.fullmatch(text):
        return not _CJK_LABEL.search(text)
    words = BRACKETS.sub("", text).split()
    return 2 <= len(words) <= 4 and words[0][0].isupper() and words[-1][0].isupper()


_DATE_PARTS = lazy_regex(
    r"(?:\w{2,12}\.?,?\s+)?(?:\d{1,2}(?:st|nd|rd|th|\.)?\s+(?:de\s+)?\w{3,12}\.?,?\s+(?:de\s+)?\d{4}|"
    r"\w{3,12}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4}|"
    r"\d{4}[-/.年]\s?\d{1,2}[-/.月]\s?\d{1,2}日?|"
    r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?:[T,]?\s*(?:at\s+)?\d{1,2}:\d{2}(?::\d{2})?(?:\s*[ap]\.?m\.?)?(?:\s*[A-Z]{2,4}\b|Z|[+-]\d\d:?\d\d)?)?",
    re.IGNORECASE,
)


def _without_date(text: str) -> str:
    return _DASH.sub(
        "", _DASH.sub("", _LABEL.sub("", _DATE_PARTS.sub(" ", text, count=1).strip())).lstrip(" :：")
    ).strip()
