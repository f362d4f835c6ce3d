"""Normalizes texts: reads an element's text as one line, folds a text for comparison, tidies the white space of a body,
and writes formulas as TeX."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from html import unescape

from lxml import etree
from lxml.etree import _Element as Element

from archiver.markup.text_marks import CELLS
from archiver.model.lazy_regex import lazy_regex
from archiver.platforms.selector_index import Index

_INVISIBLE = lazy_regex("[\u200b\u2060\ufeff\u00ad\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ENTITY = lazy_regex(r"&(#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]\w{1,31});")
NOT_TEXT = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "iframe",
        "object",
        "select",
        "textarea",
        "input",
        "canvas",
        "audio",
        "video",
        "map",
        "head",
        "math-source",
        "rp",
        "rt",
        "rtc",
    ]
)
"""The tags of elements whose content is not text of the element around them. The readings in a <ruby> (rt, rp) are
among them, since they repeat the words."""
_UNREAD = NOT_TEXT | {"button", "form", "nav"}
BREAK = frozenset(
    [
        "p",
        "div",
        "section",
        "article",
        "header",
        "footer",
        "main",
        "aside",
        "blockquote",
        "figure",
        "details",
        "figcaption",
        "table",
        "tbody",
        "thead",
        "tfoot",
        "ul",
        "ol",
        "dl",
        "pre",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "address",
        "center",
        "fieldset",
        "summary",
        "caption",
        "hgroup",
        "form",
        "nav",
        "body",
        "li",
        "tr",
        "dt",
        "dd",
        "option",
    ]
)
"""The tags of elements before and after which a new line begins."""
_NOT_INLINE = BREAK | CELLS | _UNREAD | {"br"}


class _LettersOnly(dict[int, str | None]):
    """A table for `str.translate` that keeps letters, digits and combining marks and removes all other characters. A
    character is added to the table when it first occurs.
    """

    def __missing__(self, code: int) -> str | None:
        c = chr(code)
        self[code] = kept = c if c.isalnum() or unicodedata.category(c)[0] == "M" else None
        return kept


_LETTERS_ONLY = _LettersOnly()


# Escapes such as \W and "(?P" keep their case. Apart from capitals, only "ı" equals an ASCII letter if case is ignored.
_IN_PATTERN = lazy_regex(r"\\.|\(\?P|[A-Zıς]")
# Letters that equal another letter in lower case if case is ignored, apart from final sigma.
_EQUAL_TO_OTHERS = frozenset(
    "ıſµ\u0345\u1fbe\u1fd3\u1fe3ϐϵϑϰϖϱϕẛﬅﬆꙋ\u1c80\u1c81\u1c82\u1c83\u1c84\u1c85\u1c86\u1c87\u1c88"
)
_HAS_EQUAL = lazy_regex(f"[{''.join(sorted(_EQUAL_TO_OTHERS))}]")


def _lower_in_pattern(found: re.Match[str]) -> str:
    return found[0] if len(found[0]) > 1 else found[0].lower().replace("ı", "i").replace("ς", "σ")


class CaselessPattern:
    """A regular expression that ignores case. The text in a match may be in lower case, so only the positions of a
    match may be used.

    A text is converted to lower case and matched with a case-sensitive pattern, because only then does the regex engine
    skip alternatives by their first letter. With many alternatives, this takes half of the time, and a tenth of it in
    Chinese. If letters beyond ASCII would change the result, IGNORECASE is used instead.
    """

    __slots__ = ("_any", "_lower", "_only_ascii")

    def __init__(self, pattern: str) -> None:
        self._any = lazy_regex(pattern, re.IGNORECASE)
        self._lower = lazy_regex(_IN_PATTERN.sub(_lower_in_pattern, pattern))
        beyond = [c for c in set(pattern) if not c.isascii() and c != "ı"]
        self._only_ascii = any(c.lower() != c or c in _EQUAL_TO_OTHERS for c in beyond)

    def match(self, text: str) -> re.Match[str] | None:
        low = text.lower()
        if not text.isascii():
            if self._only_ascii or len(low) != len(text) or _HAS_EQUAL.search(low):
                return self._any.match(text)
            low = low.replace("ς", "σ")
        return self._lower.match(low)


_MOST_LOST = 20
"""If the beginning of a text without entities, once cleaned, is more than this many characters longer than a limit, the
whole cleaned text exceeds the limit, too. Its last characters may be composed with those after them, which makes it a
little shorter."""
_SHORT = 300  # results are cached for texts of at most this many characters (names, titles, lines), which recur often


def clean_text(text: str | None) -> str:
    """Returns a text as one clean line, "" for None: in NFC, with white space collapsed, invisible characters removed
    and entities decoded. A parsed text still contains entities if the page escaped it twice.
    """
    if not text:
        return ""
    if "&" in text and _ENTITY.search(text):
        text = unescape(text)
    # Quick tests: of all white space only the space is printable, and invisible characters are not printable either.
    if "  " in text or text[:1] == " " or text[-1:] == " " or not text.isprintable():
        text = " ".join(text.split())
    if text.isascii():
        return text
    if not text.isprintable():
        text = " ".join(_INVISIBLE.sub("", text).split())
    return unicodedata.normalize("NFC", text)


def element_line(el: Element | None) -> str:
    """Returns all text of an element as one line, without scripts; "" for None. Blocks and line breaks are replaced by
    spaces.
    """
    if el is None or el.tag in _UNREAD:
        return ""
    if len(el) == 0:
        return clean_text(el.text)
    if all(below.tag not in _NOT_INLINE for below in el.iterdescendants()):
        return clean_text("".join(el.itertext()))  # type: ignore[arg-type]
    return clean_text("".join(_text_parts(el)))


def has_longer_line(el: Element, length: int) -> bool:
    """Returns True if `element_line` of an element has more than `length` characters. A long element is read only as
    far as necessary.
    """
    return line_up_to(el, length) is None


def line_up_to(el: Element, length: int) -> str | None:
    """Returns `element_line` of an element; None if it has more than `length` characters. A long element is read only
    as far as necessary.
    """
    if el.tag in _UNREAD:
        return ""
    enough = length + _MOST_LOST
    parts: list[str] = []
    count = 0
    for part in _text_parts(el):
        parts.append(part)
        count += len(part.strip())
        if count > enough:
            start = "".join(parts)
            if "&" not in start and len(clean_text(start)) > enough:
                return None
            line = element_line(el)
            break
    else:
        line = clean_text("".join(parts))
    return line if len(line) <= length else None


def _text_parts(el: Element) -> Iterator[str]:
    """Yields the texts of an element and a space for each block and line break, without scripts."""
    for event, at in (walker := etree.iterwalk(el, events=("start", "end"))):
        tag = at.tag
        if tag in _UNREAD or not isinstance(tag, str):
            if event == "start":
                walker.skip_subtree()
                continue
        elif tag in BREAK or tag in CELLS or tag == "br":
            yield " "
        if text := at.text if event == "start" else at.tail if at is not el else None:
            yield text


def has_text(el: Element, least: int = 1) -> bool:
    """Returns True if an element contains at least `least` characters of text, not counting white space around its
    texts.
    """
    length = 0
    for text in el.itertext():
        length += len(text.strip())
        if length >= least:
            return True
    return False


def fold_text(text: str) -> str:
    """Returns only the letters and digits of a text, in NFKC and casefolded, so that it can be compared with others."""
    return _folded_cached(text) if len(text) <= _SHORT else _folded(text)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", clean_text(text)).casefold().translate(_LETTERS_ONLY)


_folded_cached = lru_cache(maxsize=8_192)(_folded)


def tidy_body(text: str) -> str:
    """Returns a body in NFC, without white space at the ends of lines, and without blank lines at its beginning and
    end. Several blank lines in a row are kept, since only code has them.
    """
    if " \n" in text or "\t\n" in text:
        text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return unicodedata.normalize("NFC", text).strip()


# Formulas. Pages have them as MathML, as TeX for scripts, as what such a script has drawn, or as images, and often in
# several of these forms side by side. Each is replaced by one <math> element with TeX as its text.

_MATHML = ("math", "mml:math", "m:math")
_FORMULA_TAGS = (*_MATHML, "mjx-container", "math-renderer")
_DRAWN_CLASSES = frozenset({"katex", "katex-display", "mwe-math-element", "MathJax", "MathJax_Display"})
"""Classes of elements around all forms of one formula, MathML among them."""
_SOURCE_CLASSES = frozenset({"math", "math-inline", "math-display", "katex-eq", "arithmatex", "js-inline-math"})
"""Classes of elements whose text is a formula in TeX, which usually has delimiters."""
_UNDELIMITED = frozenset({"inline", "display", "math-inline", "math-display", "katex-eq"})
_IMAGE_CLASSES = frozenset({"latex", "tex", "ql-img-inline-formula", "ql-img-displayed-equation", "mathtex"})
_DISPLAYED = frozenset({"display", "katex-display", "math-display", "MathJax_Display", "ql-img-displayed-equation"})
_DRAWN_BEFORE = lazy_regex(r"(?:^|\s)(?:MathJax|MJX)")
_FORMULA_ADDRESSES = ("latex.php", "latex.codecogs", "/mathtex.cgi", "/mimetex.cgi")
_FORMULA_QUERY = lazy_regex(r"[?&]cht=tx\b")
_DELIMITED = lazy_regex(r"\\\((.+)\\\)|\$([^$]+)\$|\\\[(.+)\\\]|\$\$(.+)\$\$", re.DOTALL)
_CDATA = lazy_regex(r"%?\s*<!\[CDATA\[|%?\s*\]\]>")
_NO_FORMULA = lazy_regex(r"https?:|rendered by", re.IGNORECASE)
_FORMULA_RULES = tuple(f".{name}" for name in sorted(_DRAWN_CLASSES | _SOURCE_CLASSES))
_IN_LINE = ("h1", "h2", "h3", "h4", "h5", "h6", "td", "th", "dt", "a", "summary", "caption", "figcaption")
_INVISIBLE_OPERATOR = lazy_regex("[\u2061-\u2064]")
_MAX_FORMULA = 10_000
_MATHML_FORMS = {  # by element: its parts, or all of them together, in TeX
    "msup": "%s^%s", "msub": "%s_%s", "msubsup": "%s_%s^%s", "munder": "%s_%s", "munderover": "%s_%s^%s",
    "mover": "\\overset{%s}{%s}", "mfrac": "\\frac{%s}{%s}", "mroot": "\\sqrt[%s]{%s}", "msqrt": "\\sqrt{%s}",
    "mfenced": "(%s)", "mtable": "\\begin{matrix}%s\\end{matrix}",
}  # fmt: skip
_REVERSED = frozenset({"mover", "mroot"})
_BETWEEN = {"mtable": " \\\\ ", "mtr": " & ", "mfenced": ","}
_NO_MATHML = frozenset({"annotation", "annotation-xml", "mphantom", "none", "mprescripts", "mspace"})


def write_formulas(index: Index) -> bool:
    """Replaces the formulas of a page by <math> elements with TeX as their text, in place. A formula that is displayed
    as a line of its own is put into a paragraph. Returns True if the page has formulas; its index is then outdated.
    """
    scripts = [el for el in index.tag("script") if (el.get("type") or "").startswith("math/tex")]
    images = [el for el in index.tag("img") if _is_formula_image(el)]
    rules = index.present(_FORMULA_RULES)
    found = [*index.tag(*_FORMULA_TAGS), *images, *(el for rule in rules for el in index.select(rule))]
    if not found and not scripts:
        return False
    order, replaced = index.order, set()
    for script in scripts:
        if _put_formula(script, script.text or "", is_displayed="display" in (script.get("type") or "")):
            replaced.add(script)
    for el in sorted(set(found), key=order.__getitem__):  # an outer element precedes those inside it
        formula = _formula_of(el)
        if formula is not None and not any(around in replaced for around in el.iterancestors()):
            whole = _code_block_around(el)
            if _put_formula(whole, formula[0], is_displayed=formula[1]):
                replaced.add(whole)
    return True


def _is_formula_image(img: Element) -> bool:
    classes, source = img.get("class"), img.get("src")
    if classes is not None and not _IMAGE_CLASSES.isdisjoint(classes.split()):
        return True
    if source is None:
        return False
    low = source.lower()  # the address of an image may be the image itself, in a million characters
    return any(part in low for part in _FORMULA_ADDRESSES) or (
        "cht=tx" in low and _FORMULA_QUERY.search(low) is not None
    )


def _formula_of(el: Element) -> tuple[str, bool] | None:
    """Returns the TeX of an element that is a formula, and whether it is displayed as a line of its own; None for
    another element.
    """
    if el.tag in _MATHML:
        return _tex_of_mathml(el), el.get("display") == "block" or el.get("mode") == "display"
    names = (el.get("class") or "").split()
    if el.tag == "img":
        if not _is_formula_image(el):
            return None
        texts = (el.get("alt") or "", el.get("title") or "")
        return next((one for one in texts if one and not _NO_FORMULA.search(one)), ""), not _DISPLAYED.isdisjoint(names)
    if el.tag == "mjx-container" or not _DRAWN_CLASSES.isdisjoint(names):
        mathml = next(el.iter(*_MATHML), None)
        found = _formula_of(mathml) if mathml is not None else None
        is_displayed = el.get("display") == "true" or not _DISPLAYED.isdisjoint(names)
        return (found[0], found[1] or is_displayed) if found is not None else None
    if len(el) or (_SOURCE_CLASSES.isdisjoint(names) and el.tag != "math-renderer"):
        return None
    text = (el.text or "").strip()
    if (inside := _DELIMITED.fullmatch(text)) is not None:
        return text, bool(inside[3] or inside[4])
    return None if _UNDELIMITED.isdisjoint(names) else (text, not _DISPLAYED.isdisjoint(names))


def _code_block_around(el: Element) -> Element:
    """Returns the <pre> around an element if it contains no other element; otherwise the element itself."""
    parent = el.getparent()
    return parent if parent is not None and parent.tag == "pre" and len(parent) == 1 else el


def _put_formula(el: Element, text: str, *, is_displayed: bool) -> bool:
    """Replaces an element by a <math> element with a formula. If a script has drawn the formula in the elements before
    it, these are removed. Returns False, and changes nothing, if the formula is empty.
    """
    tex, parent = _clean_tex(text), el.getparent()
    if not tex or len(tex) > _MAX_FORMULA or parent is None:
        return False
    while (before := el.getprevious()) is not None and _DRAWN_BEFORE.search(before.get("class") or ""):
        if el.tag != "script" or (before.tail and not before.tail.isspace()):
            break
        parent.remove(before)
    new = formula = el.makeelement("math")
    formula.text = tex
    if is_displayed and next(el.iterancestors(*_IN_LINE), None) is None:
        formula.set("display", "block")
        if parent.tag != "p" or len(parent) > 1 or (parent.text or "").strip() or (el.tail or "").strip():
            new = el.makeelement("p")
            new.append(formula)
    new.tail = el.tail
    parent.replace(el, new)
    return True


def _clean_tex(text: str) -> str:
    """Returns TeX as one line, without delimiters and without a style command around all of it."""
    tex = clean_text(_CDATA.sub("", text))
    if (inside := _DELIMITED.fullmatch(tex)) is not None:
        tex = next(filter(None, inside.groups())).strip()
    for style in ("{\\displaystyle ", "{\\textstyle "):
        if tex.startswith(style) and _group_end(tex) == len(tex):
            tex = tex[len(style) : -1].strip()
    return tex


def _group_end(tex: str) -> int:
    """Returns the position at which the group ends with which a formula begins."""
    depth = 0
    for n, sign in enumerate(tex):
        depth += (sign == "{") - (sign == "}")
        if not depth:
            return n + 1
    return -1


def _tex_of_mathml(el: Element) -> str:
    """Returns a formula in MathML as TeX: the TeX in its annotation or alttext, or else TeX made from its elements
    (MathML Core, section 3).
    """
    for note in el.iter("annotation", "mml:annotation", "m:annotation"):
        if "tex" in (note.get("encoding") or "").lower() and note.text:
            return note.text
    return el.get("alttext") or _tex_of(el)


def _tex_of(el: Element) -> str:
    """Returns an element of MathML as TeX."""
    tag = str(el.tag).rpartition(":")[2]
    if tag in _NO_MATHML:
        return ""
    if len(el) == 0:
        text = _INVISIBLE_OPERATOR.sub("", clean_text(el.text))
        return f"\\text{{{text}}}" if tag == "mtext" and text else text
    parts = [_tex_of(child) for child in el if isinstance(child.tag, str)]
    form = _MATHML_FORMS.get(tag, "")
    if form.count("%s") == len(parts) > 1:
        if form.startswith("%s"):
            parts = [part if len(part) == 1 else f"{{{part}}}" for part in parts]
        return form % tuple(parts if tag not in _REVERSED else reversed(parts))
    return (form if form.count("%s") == 1 else "%s") % _BETWEEN.get(tag, "").join(parts)
