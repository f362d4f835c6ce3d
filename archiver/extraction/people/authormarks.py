"""How an element is marked as an author's: by the words in its class, by its link, by its picture's alternative
text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from urllib.parse import urlsplit

from lxml.etree import _Element as Element

from archiver.extraction.people.byline_words import word_set
from archiver.extraction.text import clean

NAME, AUTHOR, BOX, NOT = "name", "author", "box", "not"
"""What a class says: the element is the name itself, something about the author, a box about the author, or something
else beside an author (a picture, a job title)."""

_AUTHOR_WORDS = word_set(
    "author authors authored byline bylines writer writers contributor contributors autor autores autoren auteur "
    "auteurs autore "
    "autori verfasser redakteur redacteur journalist reporter columnist yazar yazarlar penulis tacgia writtenby "
    "postedby "
    "byauthor forfatter skribent avtor"
)
_NAME_WORDS = word_set("name names fn fullname username displayname link")
_BOX_WORDS = word_set("bio biography about box card info profile description desc details content block panel")
_NOT_WORDS = word_set(
    "social share follow comment comments commenter commentator related image images img photo avatar picture thumb "
    "thumbnail icon email mail twitter title job role position occupation date time datetime category categories "
    "cat tag "
    "tags section topic topics count quote testimonial cite tooltip popover popup modal reviewer reviewers editor fact "
    "checker newsletter sidebar cta sep separator divider label prefix designation company org organization location "
    "read reading views website stats credentials headline tagline subtitle excerpt posts archive filter search hidden "
    "designer translator photographer product rating date published updated text-by"
)
_PAIRS = re.compile(
    r"(?:^|[\s_-])(?:(?:posted|written|published|article|post|story)[_-]+by|by[_-]line|tac[_-]gia)(?=$|[\s_-])"
)
_NAMED = re.compile(r"(?:author|byline|writer|contributor|autor|auteur)s?[_-]*(?:full|display|box__)?[_-]*name")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


_BESIDE_WORDS = word_set("date time datetime published updated and")
# Parts of all author words, for a quick check, since most classes have none.
_HINTS = (
    "auth", "line", "by", "writ", "contribut", "autor", "auteur", "verfass", "redak", "redac", "journalis", "reporter",
    "columnist", "yazar", "penulis", "gia", "forfatter", "skribent", "avtor",
)  # fmt: skip
_ASIDE = re.compile(rf"(?:^|[^a-z])(?:{'|'.join(sorted(_NOT_WORDS))})(?![a-z])", re.IGNORECASE)


@lru_cache(maxsize=16_384)
def mark(names: str) -> str:
    """The author mark in an element's classes: NAME, AUTHOR, BOX, NOT, or ""."""
    low = names.lower()
    for hint in _HINTS:
        if hint in low:
            return _mark(names)
    return ""


def _mark(names: str) -> str:
    if len(names) > 600:
        return ""
    said = {_one(name) for name in names.split()}
    return next((m for m in (NOT, NAME, AUTHOR, BOX) if m in said), "")


@lru_cache(maxsize=4096)
def is_aside(names: str) -> bool:
    """Whether classes name something beside an author's name: a job title, a picture, a date."""
    return len(names) < 600 and bool(_ASIDE.search(names))


def _one(name: str) -> str:
    words = [w.lower() for w in _WORD.findall(name)]
    have = set(words)
    author = bool(have & _AUTHOR_WORDS) or any(map(_compound, have)) or bool(_PAIRS.search(name.lower()))
    if not author:
        return ""
    if have & _BESIDE_WORDS:
        return BOX  # a line with both: "dateAndAuthor"
    if have & _NOT_WORDS:
        return NOT
    if words[-1].endswith("name") or words[-1] == "fn" or _NAMED.search(name.lower()):
        return NAME
    return BOX if have & _BOX_WORDS else NAME if have & _NAME_WORDS else AUTHOR


def _compound(word: str) -> bool:
    """Whether a compound word contains author: "authorname", "postauthor"."""
    return (word.startswith("author") and not word.startswith(("authori", "authore"))) or word.endswith(
        ("author", "authors", "byline")
    )


_PERSON_PAGE = re.compile(
    r"/(?:author|authors|autor|autores|auteur|auteurs|autori|autore|profile|profiles|profil|people|person|staff|by|"
    r"contributor|contributors|user|users|member|members|writer|writers|columnist|columnists|expert|experts|journalist|"
    r"journalists|reporter|reporters|yazar|yazarlar|penulis|tac-gia|team|our-team|bio|bios|u|u/\d+|bloggers?|redakteur|"
    r"redaktion|redaction|zuozhe)/[^/]+/?$|/@[\w.-]+/?$|/(?:author|profile|user)s?-[\w-]+/?$",
    re.IGNORECASE,
)
_TERM_PAGE = re.compile(
    r"/(?:category|categories|tag|tags|topic|topics|section|label|kategorie|categoria|categorie|rubrik|tema|temas|"
    r"chu-de|chuyen-muc|archive|archives|\d{4}/\d\d?)(?:/|$)",
    re.IGNORECASE,
)


@lru_cache(maxsize=8192)
def leads_to_person(href: str) -> bool:
    """Whether an address has the form of an author's page."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return False
    return bool(_PERSON_PAGE.search(parts.path) or re.search(r"(?:^|&)author(?:_name)?=", parts.query))


@lru_cache(maxsize=8192)
def leads_to_term(href: str) -> bool:
    """Whether an address has the form of a category's, a tag's or an archive's page."""
    try:
        return bool(_TERM_PAGE.search(urlsplit(href).path))
    except ValueError:
        return False


_FOREIGN = re.compile(
    r"(?:^|[\s_-])(?:comments?|comment-?list|commentlist|respond|disqus|sidebar\d*|widget-area|related\w*|recommend\w*|"
    r"popular|trending|most-?read|latest|recent|recents|more-?(?:posts|articles|stories)|also-?like|you-?may|navbar|"
    r"nav|"
    r"navigation|menu|megamenu|pagination|pager|breadcrumbs?|newsletter|subscribe|promo|advert\w*|ads?|blogroll|"
    r"colophon|cookie\w*|modal|popup|popover|tooltip|testimonials?|quote|toc|tag-?cloud|"
    r"carousel|slider|swiper|teasers?|up-?next|suggest\w*|read-?next|next-?post|prev(?:ious)?-?post|post-?navigation|"
    r"site-?footer|page-?footer|site-?header|masthead|screen-reader-text|sr-only|visually-hidden)(?=$|[\s_-])",
    re.IGNORECASE,
)
_FOOTER = re.compile(r"(?:^|[\s_-])footer(?:$|[\s_-])", re.IGNORECASE)
_POST_FOOTER = re.compile(r"entry|post|article|story|blog|content", re.IGNORECASE)
_DEPTH = 40
_WHOLE = frozenset({"html", "body", "main", "article"})
_FOREIGN_TAGS = frozenset({"nav", "blockquote", "figure", "form"})


@lru_cache(maxsize=16384)
def _foreign_names(names: str) -> bool:
    return bool(_FOREIGN.search(names)) or bool(_FOOTER.search(names) and not _POST_FOOTER.search(names))


def around(el: Element) -> Iterator[Element]:
    """The ancestors of an element, nearest first, up to a limit, since some pages nest thousands deep."""
    return islice(el.iterancestors(), _DEPTH)


def is_foreign(el: Element) -> bool:
    """Whether an element contains something other than the post: comments, other posts, menus, quotations ..."""
    if el.tag in _FOREIGN_TAGS:
        return True
    if el.tag == "footer" and not any(a.tag in ("article", "main") for a in around(el)):
        return True
    names, ident = el.get("class") or "", el.get("id")
    if ident:
        names = f"{names} {ident}"
    return 1 < len(names) < 600 and el.tag not in _WHOLE and _foreign_names(names)


_ALT = re.compile(
    r"^(?:(?:a\s+)?(?:picture|photo|photograph|portrait|headshot|avatar|profile\s+(?:picture|photo|image)|image|"
    r"foto|bild)"
    r"\s+(?:of|for|de|von)|author|by|author:|profile:)\s+|"
    r"(?:'s|’s)?\s*[-–|]?\s*\b(?:profile\s+)?(?:avatar|picture|photo|portrait|headshot|image|bio|profile|author)\b.*$",
    re.IGNORECASE,
)


def pictured(el: Element) -> str:
    """The person named in a picture's alternative text: Jane Doe for "Headshot of Jane Doe"."""
    alt = clean(el.get("alt"))
    return clean(_ALT.sub("", alt)).split(",")[0] if 3 < len(alt) < 120 else ""
