"""The free-text lines around a heading: "Posted on: Sat 20 June 2026 by NAME", "May 6, 2022 - NAME (@handle) NAME"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml.etree import _Element as Element

from archiver.extraction.days.dateline import read_dates
from archiver.extraction.days.moment import Moment
from archiver.extraction.page import Page
from archiver.extraction.people.byline_words import BY
from archiver.extraction.people.names import looks_personal, names
from archiver.extraction.scope import Post
from archiver.extraction.text import clean, line

_DASH = re.compile(r"^\s*[-–—|·•,:]\s*|\s*[-–—|·•,:]\s*$")
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
_HANDLE = re.compile(r"[\(\[]?\s*@[\w.]+\s*[\)\]]?")
_SENTENCE_END = re.compile(r"[.!?…।。][\"'”’»)]*\s*$")
_LABEL_LENGTH = 40  # "Last updated:" on a line of its own
_DATELINE_WORDS = 2  # "NEW YORK, May 3, 2020 - ..." opens a text with its own date
_FOOTER = re.compile(r"(?:^|\s)(?:(?:page|site)?[_-]?footer|colophon|copyright)(?:$|\s)", re.IGNORECASE)
_LABEL = re.compile(
    r"^(?:posted|published|written|date|last updated|updated|on|veröffentlicht|publié|publicado|pubblicato|"
    r"опубликовано|đăng|发布于|发表于|"
    r"投稿日|公開日|更新日|작성일|نشر|פורסם)\b",
    re.IGNORECASE,
)
_BEFORE_BY = 3  # words before a "by" that are still no sentence: "A guest post by"
_SEARCH_BY = re.compile(
    r"(?:^|[\s|·•,–—-])((?:by|por|par|von|da|di|door|przez|bởi|oleh|av|af|автор|作者|記者|记者|文|בקלם|מאת|بقلم)[:：]?\s+\S.*)$",
    re.IGNORECASE,
)


_LABELLED = re.compile(
    r"(?:作者|记者|記者|撰文|著者|執筆者?|글쓴이|기자|tác giả|author|autor(?:a)?|auteur|автор)\s*[:：]\s*"
    r"([^\s|·:：/]{2,20}(?:[、,，\s][^\s|·:：/]{2,20}(?![^\s]*[:：])){0,4})",
    re.IGNORECASE,
)
_HAN_NAME = re.compile(r"[\u4e00-\u9fff]{2,4}|[\u3040-\u30ff\u4e00-\u9fff]{2,8}")
_CJK_LABEL = re.compile(
    r"[于於在日期时時更新发發布表类類签標阅閱读讀分钟鐘前后後评評论論次数數字首页頁档檔]|カテゴリ|タグ|投稿|公開|更新|コメント"
)


@dataclass(frozen=True, slots=True)
class Beside:
    """What the lines right below (or above) the heading say. `lines`: those that are meta lines, not text."""

    names: tuple[str, ...] = ()
    moment: Moment | None = None
    modified: Moment | None = None
    sure: bool = False
    lines: tuple[str, ...] = ()
    elements: tuple[Element, ...] = ()


@dataclass(slots=True)
class _Line:
    text: str
    chunks: list[str]
    elements: list[Element]


def beside_heading(page: Page, post: Post) -> Beside:
    """Reads up to a dozen short lines after the title (and, for a date only, the line before it)."""
    if post.title is None:
        return Beside()
    language = page.date_language
    found: list[str] = []
    moment = modified = None
    sure, label = False, ""
    meta: list[str] = []
    elements: list[Element] = []
    meta_ended = False
    before = _lines_before(post)
    for n, one in enumerate([*_lines_after(post), *before]):
        if one in before and (moment or found or modified):
            break
        if n >= 8 + len(before) or len(one.text) > 240:
            meta_ended = True
        if one not in before and meta_ended:
            continue
        dates: tuple[Moment | None, Moment | None] = (None, None)
        if len(one.text) < 200 and not _is_sentence(one.text):
            dates = read_dates(one.text, language, label if one not in before else "", page.captured_at)
        when = dates[0] or dates[1]
        label = one.text if when is None and len(one.text) < _LABEL_LENGTH else ""
        rest = _without_date(one.text) if when else one.text
        said = _names_in(one, rest, when is not None) if one not in before or BY.match(one.text) else []
        if when is None and not said:
            if one not in before and (n > 3 or len(one.text) > 120):
                meta_ended = True
            continue
        moment, modified = moment or dates[0], modified or dates[1]
        if said and not found:
            found, sure = said, _is_sure(one, rest)
        meta.append(one.text)
        elements += one.elements
    return Beside(tuple(dict.fromkeys(found)), moment, modified, sure, tuple(meta), tuple(elements))


def _is_sentence(text: str) -> bool:
    """Whether a line tells something, and its date is of that: "We opened the shop on 3 May 2010."."""
    date = _DATE_PARTS.search(text)
    if date is None or BY.match(text) or _LABEL.match(text) or not _SENTENCE_END.search(text):
        return False
    return len(text[: date.start()].split()) > _DATELINE_WORDS


def _is_sure(one: _Line, rest: str) -> bool:
    """Whether a line says that its names are the author's: by a word, or by handles beside them."""
    return bool(
        BY.match(one.text) or BY.match(rest) or _SEARCH_BY.search(rest) or _LABELLED.search(one.text) or "@" in one.text
    )


def names_of_line(el: Element) -> list[str]:
    """The names of an element that is known to be a byline, the date and the handles in it aside."""
    text = line(el)
    if len(text) > 240:
        return []
    parts = [p for t in el.itertext() for p in re.split(r"\n\s*\n", str(t))]
    dated = bool(_DATE_PARTS.search(text))
    one = _Line(text, [c for c in map(clean, parts) if c], [el])
    return _names_in(one, _without_date(text) if dated else text, dated)


def _names_in(one: _Line, rest: str, dated: bool) -> list[str]:
    """The names of a meta line: after "by"; or, beside a date, chunks that have the shape of names."""
    if m := _LABELLED.search(one.text):
        return [x for x in names(m[1]) if looks_personal(x)]
    m = BY.match(one.text) or BY.match(rest)
    if m and m.end() > 0:
        text = one.text if BY.match(one.text) else rest
        if not dated and len(text) > 160:
            return []
        return [x for x in names(text) if looks_personal(x)]
    if (m := _SEARCH_BY.search(rest)) and (dated or len(rest[: m.start()].split()) <= _BEFORE_BY):
        found = names(m[1])
        # "di", "por", "von" are small words too: only "by" may introduce a name without a capital.
        plain = m[1][:3].lower() == "by "
        if found and all(looks_personal(x) and (plain or not x[0].islower()) for x in found):
            return found
    if not dated:
        return []
    out: list[str] = []
    pieces = [p for c in one.chunks for p in re.split(r"\s*[·|•]\s*", c) if p]
    for n, chunk in enumerate(pieces):
        bare = _DASH.sub("", _DASH.sub("", clean(_HANDLE.sub(" ", _without_date(chunk)))))
        if not bare or _LABEL.match(bare) or any(c.isdigit() for c in bare):
            continue
        found = names(bare)
        handled = "@" in "".join(pieces[n : n + 2])
        if not found or not all(looks_personal(x) and (handled or _full_name(x)) for x in found):
            return []
        out += found
    return out


def _full_name(text: str) -> bool:
    """First and last name with capitals; or, in Han and kana, a word of a name's length that is no label."""
    if _HAN_NAME.fullmatch(text):
        return not _CJK_LABEL.search(text)
    words = text.split()
    return 2 <= len(words) <= 4 and words[0][0].isupper() and words[-1][0].isupper()


_DATE_PARTS = re.compile(
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


def _lines_before(post: Post) -> list[_Line]:
    """Short blocks right above the heading, nearest first: some themes put the date there."""
    out: list[_Line] = []
    at: Element | None = post.title
    for _ in range(3):
        if at is None or at.tag in ("body", "html", "main") or at is post.holder:
            break
        previous = at.getprevious()
        while previous is not None and len(out) < 3:
            text = line(previous)
            if len(text) > 160:
                return out
            if text:
                out.append(_Line(text, [text], [previous]))
            previous = previous.getprevious()
        at = at.getparent()
    return out


def _lines_after(post: Post) -> list[_Line]:
    """The text after the heading, line by line: a line ends where a block element begins or ends."""
    title = post.title
    assert title is not None
    out: list[_Line] = []
    chunks: list[str] = []
    elements: list[Element] = []
    budget = 900

    def close() -> None:
        text = clean(" ".join(chunks))
        if text:
            out.append(_Line(text, [c for c in map(clean, chunks) if c], list(elements)))
        chunks.clear()
        elements.clear()

    def take(text: str | None) -> None:
        nonlocal budget
        if text and text.strip():
            budget -= len(text.strip())
            chunks.extend(part for part in re.split(r"\n\s*\n", text) if part.strip())

    def read(el: Element, depth: int) -> None:
        if not isinstance(el.tag, str) or el.tag in (
            "script",
            "style",
            "noscript",
            "svg",
            "button",
            "form",
            "nav",
            "aside",
        ):
            return
        if _FOOTER.search(f"{el.get('class') or ''} {el.get('id') or ''}"):
            return
        block = el.tag in _BLOCK
        if block:
            close()
        take(el.text)
        if block:
            elements.append(el)
        for child in el:
            if budget <= 0 or len(out) > 10:
                return
            if depth < 40:
                read(child, depth + 1)
            take(child.tail)
        if block:
            close()

    at: Element | None = title
    for _ in range(4):
        if at is None or budget <= 0 or at.tag in ("body", "html") or at is post.body:
            break
        take(at.tail)
        sibling = at.getnext()
        while sibling is not None and budget > 0 and len(out) <= 10:
            if sibling is post.body:
                close()
                return out
            read(sibling, 0)
            take(sibling.tail)
            sibling = sibling.getnext()
        close()
        at = at.getparent()
        if at is post.holder:
            break
    close()
    return out
