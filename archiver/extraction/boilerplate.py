"""Recognizes what is not text of a post: by words in classes and ids, and by lines in the languages of websites. The
words and lines are in `boilerplate.toml`.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib import resources
from typing import Any

from lxml.etree import _Element as Element

from archiver.extraction.normalization import clean_text
from archiver.model.lazy_regex import lazy_regex

_TABLE: dict[str, Any] = tomllib.loads(resources.files(__package__).joinpath("boilerplate.toml").read_text("utf-8"))
_NAMES: dict[str, str] = _TABLE["names"]
_LINES: dict[str, Any] = _TABLE["lines"]

COMMENT_LISTS = frozenset(_NAMES["comments"].split())
"""The marks of a list of comments, which may be much longer than the post above it."""
LONG = COMMENT_LISTS | {"comment", "related", "relatedposts", "recommended"}
"""The marks that count even if their elements contain most of the text: comments and other posts may be longer."""
_CAPTIONS = frozenset({"caption", "captions", *_NAMES["captions"].split()})
_WORDS = COMMENT_LISTS | _CAPTIONS | frozenset(_NAMES["words"].split())
_PAIRS = frozenset(pair.strip() for pair in _NAMES["pairs"].replace("\n", " ").split(","))
_BESIDE = _WORDS - frozenset(_NAMES["of_post"].split()) - _CAPTIONS | frozenset(_NAMES["beside"].split())
_BESIDE_PAIRS = _PAIRS - frozenset(pair.strip() for pair in _NAMES["of_post_pairs"].replace("\n", " ").split(","))
_LAYOUT = frozenset(_NAMES["layout"].split())
_PICTURES, _NO_PICTURES = frozenset(_NAMES["pictures"].split()), frozenset(_NAMES["no_pictures"].split())
_PIECES = lazy_regex(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_a-zA-Z]+|\d+")
_FOOTER = lazy_regex(r"(?:^|\s)(?:(?:page|site)?[_-]?footer|colophon|copyright)(?:$|\s)", re.IGNORECASE)


def boilerplate_word(el: Element) -> str:
    """Returns the word in an element's class or id that marks it as boilerplate, such as "comments"; "" if no word
    does.
    """
    names = class_and_id(el)
    return _find_word(names) if len(names) > 1 else ""


def class_and_id(el: Element) -> str:
    """Returns the classes and the id of an element, separated by spaces."""
    return f"{el.get('class') or ''} {el.get('id') or ''}"


def is_caption_word(word: str) -> bool:
    """Returns True if a word marks the caption of a picture."""
    return word in _CAPTIONS


@lru_cache(maxsize=20_000)
def _find_word(names: str) -> str:
    return next((word for name in names.split() if (word := _find_word_in_name(name, _WORDS, _PAIRS))), "")


@lru_cache(maxsize=20_000)
def is_beside_post(names: str) -> bool:
    """Returns True if one of the classes and ids in `names` marks a part of the page beside the post, such as a menu,
    comments or other posts.
    """
    names = names.replace("elementor-widget", "")  # Elementor makes all of a page of what it calls widgets
    return any(_find_word_in_name(name, _BESIDE, _BESIDE_PAIRS) for name in names.split())


def _find_word_in_name(name: str, known: frozenset[str], known_pairs: frozenset[str]) -> str:
    words: list[str] = [word.lower() for word in _PIECES.findall(name)]
    if not _LAYOUT.isdisjoint(words):
        return ""
    if (low := name.lower()) in known:
        return low
    pairs = map(" ".join, zip(["", *words], words, strict=False))
    return next((pair if pair in known_pairs else word for word, pair in zip(words, pairs, strict=True)
                 if word in known or pair in known_pairs), "")  # fmt: skip


@lru_cache(maxsize=8_192)
def is_footer_name(names: str) -> bool:
    """Returns True if one of the classes and ids in `names` is a name for the footer of a page."""
    return bool(_FOOTER.search(names))


@lru_cache(maxsize=8_192)
def is_picture_name(names: str) -> bool:
    """Returns True if the classes `names` contain a name for a box with a picture, such as "article-image"."""
    pieces = ({word.lower() for word in _PIECES.findall(name)} for name in names.split())
    return any(words & _PICTURES and not words & _NO_PICTURES for words in pieces)


def _alternatives(*keys: str) -> str:
    found = (_LINES[key] for key in keys)
    parts = (part for one in found for part in (one.values() if isinstance(one, dict) else one))
    return "|".join(parts).replace("ı", "i")


def _whole(*keys: str) -> re.Pattern[str]:
    """Returns a pattern that matches a whole text, apart from punctuation around it, if one of the lines with these
    keys does.

    The text must be given as `_lower` returns it: the pattern is case-sensitive, because only then does the regex
    engine skip alternatives by their first letter.
    """
    return lazy_regex(rf"^[\W_]*(?:{_alternatives(*keys)})[\W_]*$", re.DOTALL)


_SHORT_LINE, _LONG_LINE = _whole("short"), _whole("long", "likes", "no_comments", "subscribers")
_WITHIN = _whole("within")
_COMMENTS, _END = _whole("comments", "no_comments"), _whole("end")
_RELATED_HEADING = _whole("also", "related")
_ALSO = lazy_regex(rf"^[\W_]*(?:{_alternatives('also')})\s*(?:[:：»>→|]|[-–—] )")
_NEIGHBOUR = lazy_regex(
    rf"^[\W_]*(?:{_alternatives('neighbour')})(?: (?:{_alternatives('post')}))?\s*(?:[←→«»‹›<>⟵⟶◀▶⬅➡|:：-]|$)"
)
_NEIGHBOUR_SIGN = lazy_regex(r"^\s*(?:[←→«»‹›⟵⟶⬅➡]|&[lr]arr;)|[←→«»‹›⟵⟶⬅➡]\s*$")
_LONGEST_SHORT, _LONGEST, _LONGEST_LABEL = 160, 420, 60
"""Longer texts never match the short lines, the long ones, and the labels of lists. Testing them would take time."""


def _lower(text: str) -> str:
    """Returns a text in lower case, in which the Turkish dotless and dotted i have become a plain i."""
    low = text.lower()
    return low if low.isascii() else low.replace("i̇", "i").replace("ı", "i")


def is_notice(text: str) -> bool:
    """Returns True if the text of a block is boilerplate as a whole: a label, a credit, an invitation or a
    disclosure.
    """
    if len(text) >= _LONGEST:
        return False
    low = _lower(text.replace("\n", " "))
    if _LONG_LINE.match(low) or (len(low) <= _LONGEST_SHORT and _SHORT_LINE.match(low)):
        return True
    return any(word in low for word in _LINES["decisive"]) and _WITHIN.match(low) is not None


def opens_comments(text: str) -> bool:
    """Returns True if a heading introduces the comments on a post, or the form for them."""
    return len(text) <= _LONGEST_SHORT and _COMMENTS.match(_lower(text)) is not None


def names_neighbour(text: str) -> bool:
    """Returns True if the text of a link shows that it leads to the next or the previous post ("Next → Title")."""
    return len(text) < _LONGEST and (_NEIGHBOUR.search(_lower(text)) or _NEIGHBOUR_SIGN.search(text)) is not None


def heads_related_posts(text: str) -> bool:
    """Returns True if a text is the label of a list of related posts, such as "Read also" or "Related posts"."""
    return len(text) < _LONGEST_LABEL and _RELATED_HEADING.match(_lower(text)) is not None


def points_to_other_page(text: str) -> bool:
    """Returns True if the text of a block, such as "Read also: ...", points to another post."""
    return len(text) < _LONGEST and _ALSO.match(_lower(text)) is not None


def ends_the_post(text: str) -> bool:
    """Returns True if a heading or label introduces other posts, the author or the comments, so that the post has
    ended.
    """
    return len(text) <= _LONGEST_SHORT and _END.match(_lower(clean_text(text))) is not None
