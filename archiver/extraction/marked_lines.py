"""Reads the elements of a page as lines of text. Each piece of a line comes with the marks that may show it to be an
author's name: the classes and the link around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from lxml.etree import _Element as Element

from archiver.extraction.normalization import clean_text
from archiver.extraction.person_names import word_set
from archiver.model.lazy_regex import lazy_regex

NAME, AUTHOR, BOX, NOT = "name", "author", "box", "not"
"""The author marks that a class may give an element. NAME: it is the author's name. AUTHOR: it is about the author.
BOX: it is a box about the author. NOT: it accompanies an author's name (a picture, a job title)."""
_AUTHOR_WORDS = word_set(
    "author authors authored byline bylines writer writers contributor contributors autor autores autoren auteur "
    "auteurs autore autori verfasser redakteur redacteur journalist reporter columnist yazar yazarlar penulis tacgia "
    "writtenby postedby byauthor forfatter skribent avtor"
)
_NAME_WORDS = word_set("name names fn fullname username displayname link")
_BOX_WORDS = word_set("bio biography about box card info profile description desc details content block panel")
_NOT_WORDS = word_set(
    "social share follow comment comments commenter commentator related image images img photo avatar picture thumb "
    "thumbnail icon email mail twitter title job role position occupation date time datetime category categories cat "
    "tag tags section topic topics count quote testimonial cite tooltip popover popup modal reviewer reviewers editor "
    "fact checker newsletter sidebar cta sep separator divider label prefix designation company org organization "
    "location read reading views website stats credentials headline tagline subtitle excerpt posts archive filter "
    "search hidden designer translator photographer product rating date published updated text-by"
)
_PAIRS = lazy_regex(
    r"(?:^|[\s_-])(?:(?:posted|written|published|article|post|story)[_-]+by|by[_-]line|tac[_-]gia)(?=$|[\s_-])"
)
_NAMED = lazy_regex(r"(?:author|byline|writer|contributor|autor|auteur)s?[_-]*(?:full|display|box__)?[_-]*name")
_WORD = lazy_regex(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_BESIDE_WORDS = word_set("date time datetime published updated and")
HINTS = lazy_regex(
    "auth|line|by|writ|contribut|autor|auteur|verfass|redak|redac|journalis|reporter|columnist|yazar|penulis|gia|"
    "forfatter|skribent|avtor"
)
"""Matches parts of words, in lower case. Every class for an author contains one of them, and most other classes contain
none, so this is a quick first check."""
_BESIDE_NAME = lazy_regex(rf"(?:^|[^a-z])(?:{'|'.join(sorted(_NOT_WORDS))})(?![a-z])", re.IGNORECASE)


@lru_cache(maxsize=16_384)
def author_mark(names: str) -> str:
    """Returns what a class attribute says about its element, as one of the author marks, or "" if it says nothing about
    authors:

    - NAME: it is an author's name.
    - AUTHOR: it is about an author.
    - BOX: it is a box about an author.
    - NOT: it accompanies an author's name, as a picture does.
    """
    return _find_mark(names) if HINTS.search(names.lower()) else ""


def _find_mark(names: str) -> str:
    if len(names) > 600:
        return ""
    meanings = {_mark_of_class(name) for name in names.split()}
    return next((m for m in (NOT, NAME, AUTHOR, BOX) if m in meanings), "")


@lru_cache(maxsize=4096)
def is_beside_name(names: str) -> bool:
    """Returns True if a class attribute contains a word for something that stands next to an author's name but is not
    the name: a job title, a picture, a date.
    """
    return len(names) < 600 and bool(_BESIDE_NAME.search(names))


def _mark_of_class(name: str) -> str:
    words = [w.lower() for w in _WORD.findall(name)]
    have = set(words)
    author = bool(have & _AUTHOR_WORDS) or any(map(_is_author_compound, have)) or bool(_PAIRS.search(name.lower()))
    if not author:
        return ""
    if have & _BESIDE_WORDS:
        return BOX  # the element contains both the date and the author, as in "dateAndAuthor"
    if have & _NOT_WORDS:
        return NOT
    if words[-1].endswith("name") or words[-1] == "fn" or _NAMED.search(name.lower()):
        return NAME
    return BOX if have & _BOX_WORDS else NAME if have & _NAME_WORDS else AUTHOR


def _is_author_compound(word: str) -> bool:
    """Returns True if a word begins with "author", or ends with "author" or "byline", as "authorname" and "postauthor"
    do.
    """
    return (word.startswith("author") and not word.startswith(("authori", "authore"))) or word.endswith(
        ("author", "authors", "byline")
    )


_FOREIGN = lazy_regex(
    r"(?:^|[\s_-])(?:comments?|kommentare?|kommentarer|commentaires?|comentarios?|commenti|reacties|komentarze|kommentarii|yorumlar|"
    r"binh-?luan|pinglun|comment-?list|commentlist|respond|disqus|sidebar\d*|widget-area|related\w*|recommend\w*|"
    r"popular|trending|most-?read|latest|recent|recents|more-?(?:posts|articles|stories)|also-?like|you-?may|navbar|"
    r"nav|"
    r"navigation|menu|megamenu|pagination|pager|breadcrumbs?|newsletter|subscribe|promo|advert\w*|ads?|blogroll|"
    r"colophon|cookie\w*|modal|popup|popover|tooltip|testimonials?|quote|toc|tag-?cloud|"
    r"carousel|slider|swiper|teasers?|up-?next|suggest\w*|read-?next|next-?post|prev(?:ious)?-?post|post-?navigation|"
    r"site-?footer|page-?footer|site-?header|masthead|screen-reader-text|sr-only|visually-hidden)(?=$|[\s_-])",
    re.IGNORECASE,
)
_FOOTER = lazy_regex(r"(?:^|[\s_-])(?<!head[_-])(?<!header[_-])footer(?:$|[\s_-])", re.IGNORECASE)
_POST_FOOTER = lazy_regex(r"entry|post|article|story|blog|content", re.IGNORECASE)
_DEPTH = 40
_CONTAINERS = frozenset({"html", "body", "main", "article"})
_FOREIGN_TAGS = frozenset({"nav", "blockquote", "figure", "form"})


@lru_cache(maxsize=16384)
def _is_foreign_name(names: str) -> bool:
    return bool(_FOREIGN.search(names)) or bool(_FOOTER.search(names) and not _POST_FOOTER.search(names))


def ancestors_of(el: Element) -> Iterator[Element]:
    """Yields at most _DEPTH ancestors of an element, nearest first. The limit is needed because some pages nest
    elements thousands deep.
    """
    return islice(el.iterancestors(), _DEPTH)


def is_foreign(el: Element) -> bool:
    """Returns True if an element contains something other than the post: comments, other posts, menus, quotations."""
    if el.tag in _FOREIGN_TAGS:
        return True
    if el.tag == "footer" and not any(a.tag in ("article", "main") for a in ancestors_of(el)):
        return True
    names, ident = el.get("class") or "", el.get("id")
    if ident:
        names = f"{names} {ident}"
    return 1 < len(names) < 600 and el.tag not in _CONTAINERS and _is_foreign_name(names)


_ALT = lazy_regex(
    r"^(?:(?:a\s+)?(?:picture|photo|photograph|portrait|headshot|avatar|profile\s+(?:picture|photo|image)|image|"
    r"foto|bild)"
    r"\s+(?:of|for|de|von)|author|by|author:|profile:)\s+|"
    r"(?:'s|’s)?\s*[-–|]?\s*\b(?:profile\s+)?(?:avatar|picture|photo|portrait|headshot|image|bio|profile|author)\b.*$",
    re.IGNORECASE,
)


def name_in_picture(el: Element) -> str:
    """Returns the name of the person in a picture's alternative text, such as "Jane Doe" for "Headshot of Jane Doe"; ""
    if the text is missing, very short or long.
    """
    alt = clean_text(el.get("alt"))
    return clean_text(_ALT.sub("", alt)).split(",")[0] if 3 < len(alt) < 120 else ""


LINE_BLOCKS = word_set(
    "p div ul ol li h1 h2 h3 h4 h5 h6 pre table tr td blockquote section header figure article footer aside nav hr "
    "main dl dt dd address br"
)
_UNREAD_MARKS = word_set(
    "script style noscript template svg iframe select textarea object video audio canvas head button input"
)
_MOST_CHARACTERS = 4000  # at most this many characters of a text are read, since no byline is longer
_PICTURES = 8  # at most this many pictures of one line are read, since a gallery does not show the author
_BLANK_LINE = lazy_regex(r"\n\s*\n")


class MarkedText(NamedTuple):
    """A piece of text directly inside the element `el`, with the markup around it.

    - `mark`: what the classes around the text say about it (see `author_mark`).
    - `href`: the address of the link around the text.
    - `head`: True if the text is inside an <h1> or <h2>.
    """

    text: str
    el: Element
    mark: str
    href: str
    head: bool


class _SurroundingMarks(NamedTuple):
    """The author mark, link and heading around the text that is being read. The attributes are the same as in
    `MarkedText`.
    """

    mark: str = ""
    href: str = ""
    head: bool = False

    def within(self, el: Element) -> _SurroundingMarks:
        """Returns the author mark, link and heading around a text inside the child element `el`."""
        mark = _own_mark(el) or (NOT if self.mark and is_beside_name(el.get("class") or "") else self.mark)
        tag = el.tag
        href = (el.get("href") or "#") if tag == "a" else self.href
        head = self.head or tag in ("h1", "h2")
        if mark == self.mark and href == self.href and head == self.head:
            return self
        return _SurroundingMarks(mark, href, head)


_NOTHING_AROUND = _SurroundingMarks()


@dataclass(slots=True)
class MarkedLine:
    """A line of text: its pieces, the names in the alternative texts of its pictures, and whether a date was cut out of
    one of its pieces.
    """

    chunks: list[MarkedText] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    text: str = ""
    is_dated: bool = False


def nodes_after(el: Element, top: Element | None = None) -> Iterator[tuple[Element, bool]]:
    """Yields the nodes that follow an element in the document, up to the end of the element `top` around it, or of the
    page. Each is a pair: (element, False) stands for the whole element, (element, True) only for the text after it.
    """
    at: Element | None = el
    while at is not None and at is not top and at.tag not in ("body", "html"):
        yield at, True
        for sibling in at.itersiblings():
            yield sibling, False
            yield sibling, True
        at = at.getparent()


def nodes_before(el: Element) -> Iterator[tuple[Element, bool]]:
    """Yields the elements that precede an element: first its own siblings, then those of its nearest ancestors, nearest
    first. Each is a pair (element, False), which stands for the whole element as in `nodes_after`.
    """
    at: Element | None = el
    for _ in range(5):
        if at is None or at.tag in ("body", "html", "main"):
            return
        for sibling in at.itersiblings(preceding=True):
            yield sibling, False
        at = at.getparent()


class LineReader:
    """Reads the text of elements as lines (`MarkedLine`). A line ends where a block-level element begins or ends.

    Menus, comments, lists of other posts, quotations and forms are left out. `room` is the number of characters that
    may still be read; nothing is read from the element `until` on.
    """

    def __init__(self, room: int, until: Element | None = None) -> None:
        self.room, self.until = room, until
        self._at = MarkedLine()

    def _is_in_line(self) -> bool:
        """Returns True if the current line already contains a text or a picture."""
        return bool(self._at.chunks or self._at.pictures)

    def _close(self) -> MarkedLine:
        """Ends the current line and returns it."""
        one, self._at = self._at, MarkedLine()
        one.text = clean_text(" ".join(c.text for c in one.chunks))
        return one

    def _take(self, text: str | None, el: Element | None, around: _SurroundingMarks) -> None:
        if not text or el is None or text.isspace():
            return
        for part in _BLANK_LINE.split(text[:_MOST_CHARACTERS]):
            if line := clean_text(part):
                self.room -= len(line)
                self._at.chunks.append(MarkedText(line, el, around.mark, around.href, around.head))

    def lines(self, roots: Iterable[tuple[Element, bool]]) -> Iterator[MarkedLine]:
        for root, tail_only in roots:
            if self.room <= 0:
                break
            if tail_only:
                self._take(root.tail, root.getparent(), _NOTHING_AROUND)
            else:
                yield from self._read(root)
        if self._is_in_line():
            yield self._close()

    def _read(self, root: Element) -> Iterator[MarkedLine]:
        stack = [(root, _NOTHING_AROUND)]
        # An element with children is put on the stack twice: to be entered, and to be left.
        entered: list[Element] = []
        while stack and self.room > 0:
            el, around = stack.pop()
            tag = el.tag
            if el is self.until:
                self.room = 0
                return
            if entered and entered[-1] is el:
                entered.pop()
                if tag in LINE_BLOCKS and self._is_in_line():
                    yield self._close()
            elif isinstance(tag, str) and tag not in _UNREAD_MARKS and not is_foreign(el):
                if tag in LINE_BLOCKS and self._is_in_line():
                    yield self._close()
                inside = self._enter(el, around, tag)
                if len(el):
                    entered.append(el)
                    stack.append((el, around))
                    stack += [(child, inside) for child in el[::-1]]  # type: ignore[index]
                    continue
                if self.room <= 0:
                    return
                if tag in LINE_BLOCKS and self._is_in_line():
                    yield self._close()
            if el is not root and (text := el.tail):
                self._take(text, el.getparent(), around)

    def _enter(self, el: Element, around: _SurroundingMarks, tag: str) -> _SurroundingMarks:
        """Begins to read an element: adds its picture and the text before its first child to the current line. Returns
        the author mark, link and heading around the element's content.
        """
        if tag == "img" and len(self._at.pictures) < _PICTURES and (who := name_in_picture(el)):
            self._at.pictures.append(who)
        inside = around.within(el)
        if text := el.text:
            self._take(text, el, inside)
        return inside


def _own_mark(el: Element) -> str:
    own = author_mark(classes) if (classes := el.get("class")) else ""
    if own == NOT:
        return own
    for value in (el.get("rel"), el.get("itemprop")):
        if value and "author" in value.split():
            return own or AUTHOR
    return own
