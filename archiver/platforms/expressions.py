"""Selectors in parsel's language: CSS with `::text` and `::attr(name)`, or XPath. Told apart, checked, evaluated.

What a selector means is what `parsel.Selector` answers on the page's tree, as `response.css()` and
`response.xpath()` do in `scrapy shell`. One string holds either language. It is XPath where it begins as no CSS
selector can (a path, a parenthesis, `@`, `*[@`, an axis, a function call) or after the prefix `xpath=`; else it is CSS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from cssselect import SelectorError
from lxml.etree import _Element as Element
from parsel import Selector
from parsel.csstranslator import css2xpath

Found = Element | str
"""One thing that a selector answers: an element, or a text (of `::text`, `::attr()`, an XPath of strings)."""

_PREFIX = re.compile(r"\s*(css|xpath)=(.*)", re.DOTALL)
_AXES = (
    "ancestor|ancestor-or-self|attribute|child|descendant|descendant-or-self|following|following-sibling|parent|"
    "preceding|preceding-sibling|self"
)
_XPATH_START = re.compile(
    rf"\s*(?:/|\./|\.\.|\.\s*$|\(|@|\*\s*(?:/|\[\s*@)|(?:{_AXES})::(?!text\s*$|attr\()|(?:(?:re|set):)?[a-zA-Z][\w-]*\()"
)
_PSEUDO_TEXT = re.compile(r"\s*::text\s*(?=,|$)", re.IGNORECASE)
_PSEUDO_ATTRIBUTE = re.compile(r"::attr\([^()]*\)\s*(?:,|$)", re.IGNORECASE)
_XPATH_TEXT = re.compile(r"/{1,2}(?:child::)?text\(\)\s*$")
_XPATH_ATTRIBUTE = re.compile(r"(?:@|attribute::)[\w:.*-]+\s*$")
_XPATH_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"")
_XPATH_CALL = re.compile(r"(?<![\w:-])((?:[\w-]+:)?[a-zA-Z][\w.-]*)\s*\(")
_XPATH_VARIABLE = re.compile(r"\$([\w:.-]+)")
_XPATH_NAMESPACE = re.compile(r"(?<![\w:.-])([a-zA-Z_][\w.-]*):(?!:)")
_NODE_TESTS = frozenset(("comment", "node", "processing-instruction", "text"))
_OPERATORS = frozenset(("and", "or", "div", "mod"))


def selector_of(root: Element) -> Selector:
    """What parsel makes of a tree that is already parsed."""
    return Selector(root=root, type="html")


def is_xpath(selector: str) -> bool:
    prefix = _PREFIX.match(selector)
    return prefix[1] == "xpath" if prefix else _XPATH_START.match(selector) is not None


def bare(selector: str) -> str:
    """A selector without its prefix, as `response.css()` or `response.xpath()` takes it."""
    prefix = _PREFIX.match(selector)
    return prefix[2] if prefix else selector


@lru_cache(maxsize=4_096)
def as_xpath(selector: str) -> str:
    """The XPath that parsel evaluates. Raises `cssselect.SelectorError` for CSS that it cannot parse."""
    return bare(selector) if is_xpath(selector) else css2xpath(bare(selector))


def evaluate(page: Selector, selector: str) -> list[Found]:
    """What parsel answers, in its order. Numbers and truths are texts, as `.get()` gives them.

    Raises ValueError where parsel cannot evaluate the selector on this page, `cssselect.SelectorError` where it cannot
    parse it.
    """
    try:
        found = page.xpath(as_xpath(selector))
    except (TypeError, re.error) as error:  # of functions that are written in Python, as re:test()
        raise ValueError(f"{error} in {selector}") from error
    return [one.root if isinstance(one.root, (str, Element)) else str(one.get()) for one in found]


@lru_cache(maxsize=4_096)
def without_text(selector: str) -> str:
    """The selector of the elements whose text a selector asks for; "" where it asks for an attribute."""
    if is_xpath(selector):
        return "" if _XPATH_ATTRIBUTE.search(selector) else _XPATH_TEXT.sub("", selector)
    return "" if _PSEUDO_ATTRIBUTE.search(selector) else _PSEUDO_TEXT.sub("", selector)


def error_of(selector: str) -> str:
    """Why parsel cannot evaluate a selector, in its own words; "" where it can."""
    if not bare(selector).strip():
        return "it is empty"
    try:
        evaluate(_probe(), selector)
    except (SelectorError, ValueError) as error:  # cssselect's for CSS, parsel's for XPath
        return " ".join(str(error).split()).removeprefix("XPath error: ")
    return next(_missing(bare(selector)), "") if is_xpath(selector) else ""


@cache
def _probe() -> Selector:
    return Selector(text="<html><body></body></html>", type="html")


def _missing(xpath: str) -> Iterator[str]:
    """Functions, variables and prefixes that parsel does not have: XPath asks for them only where a node is met."""
    code = _XPATH_LITERAL.sub("''", xpath)
    for name in _XPATH_VARIABLE.findall(code):
        yield f"Undefined variable: there is no ${name}"
    for name in _XPATH_NAMESPACE.findall(code):
        if name not in _probe().namespaces:
            yield f"Undefined namespace prefix: {name}"
    for name in _XPATH_CALL.findall(code):
        if name not in _NODE_TESTS | _OPERATORS and not _has_function(name):
            yield f"Unregistered function: {name}()"


@cache
def _has_function(name: str) -> bool:
    try:
        _probe().xpath(f"{name}()")
    except ValueError as error:
        return "Unregistered function" not in str(error)
    except TypeError:  # it is there, and is written in Python: it wants arguments
        return True
    return True
