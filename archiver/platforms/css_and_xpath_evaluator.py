"""Evaluates CSS and XPath selectors on a page with parsel, and checks selectors that people write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from cssselect import SelectorError
from lxml.etree import _Element as Element
from parsel import Selector
from parsel.csstranslator import css2xpath

from archiver.lazy_regex import lazy_regex

# Selectors in parsel's language: CSS with `::text` and `::attr(name)`, or XPath.

Found = Element | str
"""One item of a selector's result: an element, or a text (from `::text`, `::attr()` or an XPath that returns strings).
"""

_PREFIX = lazy_regex(r"\s*(css|xpath)=(.*)", re.DOTALL)
_AXES = (
    "ancestor|ancestor-or-self|attribute|child|descendant|descendant-or-self|following|following-sibling|parent|"
    "preceding|preceding-sibling|self"
)
_XPATH_START = lazy_regex(
    rf"\s*(?:/|\./|\.\.|\.\s*$|\(|@|\*\s*(?:/|\[\s*@)|(?:{_AXES})::(?!text\s*$|attr\()|(?:(?:re|set):)?[a-zA-Z][\w-]*\()"
)
_PSEUDO_TEXT = lazy_regex(r"\s*::text\s*(?=,|$)", re.IGNORECASE)
_PSEUDO_ATTRIBUTE = lazy_regex(r"::attr\([^()]*\)\s*(?:,|$)", re.IGNORECASE)
_XPATH_TEXT = lazy_regex(r"/{1,2}(?:child::)?text\(\)\s*$")
_XPATH_ATTRIBUTE = lazy_regex(r"(?:@|attribute::)[\w:.*-]+\s*$")
_XPATH_LITERAL = lazy_regex(r"'[^']*'|\"[^\"]*\"")
_XPATH_CALL = lazy_regex(r"(?<![\w:-])((?:[\w-]+:)?[a-zA-Z][\w.-]*)\s*\(")
_XPATH_VARIABLE = lazy_regex(r"\$([\w:.-]+)")
_XPATH_NAMESPACE = lazy_regex(r"(?<![\w:.-])([a-zA-Z_][\w.-]*):(?!:)")
_NODE_TESTS = frozenset(("comment", "node", "processing-instruction", "text"))
_XPATH_OPERATORS = frozenset(("and", "or", "div", "mod"))


def selector_of(root: Element) -> Selector:
    """Returns a parsel Selector for a page that lxml has already parsed."""
    return Selector(root=root, type="html")


def is_xpath(selector: str) -> bool:
    prefix = _PREFIX.match(selector)
    return prefix[1] == "xpath" if prefix else _XPATH_START.match(selector) is not None


def remove_selector_prefix(selector: str) -> str:
    """Returns a selector without its prefix "css=" or "xpath=", so that it can be passed to `response.css()` or
    `response.xpath()`.
    """
    prefix = _PREFIX.match(selector)
    return prefix[2] if prefix else selector


@lru_cache(maxsize=4_096)
def as_xpath(selector: str) -> str:
    """Translates a selector to the XPath that parsel evaluates. Raises `cssselect.SelectorError` for invalid CSS."""
    return remove_selector_prefix(selector) if is_xpath(selector) else css2xpath(remove_selector_prefix(selector))


def evaluate(page: Selector, selector: str) -> list[Found]:
    """Evaluates a selector with parsel; returns elements or texts in parsel's order. Numbers and booleans are returned
    as texts.

    Raises ValueError if parsel cannot evaluate the selector on this page, and `cssselect.SelectorError` if it cannot
    parse the selector.
    """
    try:
        found = page.xpath(as_xpath(selector))
    except (TypeError, re.error) as error:  # raised by functions written in Python, such as re:test()
        raise ValueError(f"{error} in {selector}") from error
    return [one.root if isinstance(one.root, (str, Element)) else str(one.get()) for one in found]


@lru_cache(maxsize=4_096)
def element_selector(selector: str) -> str:
    """Removes `::text` or `text()` from the end of a selector, so that it selects elements instead of their texts.
    Returns "" for a selector of an attribute.
    """
    if is_xpath(selector):
        return "" if _XPATH_ATTRIBUTE.search(selector) else _XPATH_TEXT.sub("", selector)
    return "" if _PSEUDO_ATTRIBUTE.search(selector) else _PSEUDO_TEXT.sub("", selector)


def selector_error(selector: str) -> str:
    """Returns parsel's error message for an invalid selector; "" if the selector is valid."""
    if not remove_selector_prefix(selector).strip():
        return "it is empty"
    try:
        evaluate(_probe(), selector)
    except (SelectorError, ValueError) as error:  # cssselect raises the first for CSS, parsel the second for XPath
        return " ".join(str(error).split()).removeprefix("XPath error: ")
    return next(_undefined_names(remove_selector_prefix(selector)), "") if is_xpath(selector) else ""


@cache
def _probe() -> Selector:
    return Selector(text="<html><body></body></html>", type="html")


def _undefined_names(xpath: str) -> Iterator[str]:
    """Yields an error message for each function, variable and namespace prefix in an XPath that parsel does not know.
    Evaluating the XPath would report them only if a page contained nodes for the part in which they are.
    """
    code = _XPATH_LITERAL.sub("''", xpath)
    for name in _XPATH_VARIABLE.findall(code):
        yield f"Undefined variable: there is no ${name}"
    for name in _XPATH_NAMESPACE.findall(code):
        if name not in _probe().namespaces:
            yield f"Undefined namespace prefix: {name}"
    for name in _XPATH_CALL.findall(code):
        if name not in _NODE_TESTS | _XPATH_OPERATORS and not _has_function(name):
            yield f"Unregistered function: {name}()"


@cache
def _has_function(name: str) -> bool:
    try:
        _probe().xpath(f"{name}()")
    except ValueError as error:
        return "Unregistered function" not in str(error)
    except TypeError:  # the function exists, but is written in Python and needs arguments
        return True
    return True
