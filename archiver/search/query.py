"""The search query with its text, filters and sort order, and the parser of its language.

If one filter has several values, one of them must match (an article by either of two authors). All filters together
must match. The parser makes a tree (`archiver.search.query_tree`). docs/search.md is the user's manual.

    climate report          both words, anywhere in the article
    "climate report"        this phrase
    climate OR weather      either; OR binds more tightly than a space
    climate -report         without that word (also: climate NOT report)
    (flood OR storm) -rain  groups
    clim*                   words with this prefix
    flood NEAR/5 bridge     with at most five other words between them (default: 10);
                            NEAR(flood bridge "city hall", 5) for more than two
    title:climate           in one field: title, body, author, category, tag, description
    author:"Ada Lovelace"   a phrase in one field
    title:(flood OR storm)  a group within one field; predicates can also precede a group
    date:2023-07..2023-08   a predicate on the article (`archiver.search.query_tree` lists them)

Everything else is text: O'Brien, AT&T, c++, a-b, 10:30, an unknown name before a colon, or an unclosed quotation
mark are never syntax errors. Case and accents are ignored. In Korean and in scripts without spaces between words,
any part of a word matches. An emoji, `c++` and `c#` are words (`archiver.search.word_splitting`).
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import permutations
from typing import Any, Literal

from archiver.model.errors import BadQuery
from archiver.model.fields import BY_NAME, WEIGHTS
from archiver.model.lazy_regex import lazy_regex
from archiver.search.geo_areas import DEFAULT_RADIUS_KM
from archiver.search.index_documents import index_text
from archiver.search.query_tree import (
    PREDICATES,
    And,
    InBox,
    Key,
    Name,
    Near,
    Node,
    Not,
    Or,
    SimilarTo,
    Term,
    in_circle,
    language_term,
    time_term,
)
from archiver.search.sorting import FOLDS, Fold
from archiver.search.word_splitting import lookup_words, split_into_words
from archiver.storage import Database
from archiver.storage.sites import site_with_page

COLUMN_OF: dict[str, str] = {word: name for name in WEIGHTS for word in (BY_NAME[name].query_name, name)} | {
    "text": "body"
}
MAX_TERMS = 200
"""The maximum number of words in a query. A predicate counts as a word."""
MAX_WORDS = 50
"""The maximum number of words in a phrase. A term such as a-b-c is a phrase, too."""
MAX_PATTERNS = 20
"""The maximum number of patterns in a query. A pattern is a word of a phrase that ends in an asterisk, or a pair of
words in NEAR of which one ends in an asterisk. The index compiles automata for each pattern in each
field, so that a thousand would take gigabytes of memory."""
MAX_DEPTH = 30
NEAR_WORDS = 10
MAX_NEAR = 4
"""The maximum number of words and phrases in one NEAR, because every pair of them is a query of its own."""

# Typographic quotation marks, and the full-width characters of East Asian keyboards.
_PLAIN = {**str.maketrans("“”„‟", '""""'), **{0xFEE0 + sign: sign for sign in range(0x21, 0x7F)}}
_ENDS = lazy_regex(r"\s*(?:\)|$)")
_BETWEEN = lazy_regex(r"NEAR(?:/(\d{1,3}))?$")
_TOKEN = lazy_regex(
    r"""\s*(?:
        (?P<close>\)) |
        (?P<minus>-(?=[^\s)-]))?
        (?: (?:(?P<of>(?i:NAMES)):)?(?P<open>(?:NEAR)?\() |
            (?:(?P<field>[A-Za-z]+):(?=[^\s()]))?
            (?: "(?P<phrase>[^"]*)(?:"|$)(?P<star>\*)? | (?P<word>[^\s()"]+) )? )
    )""".replace("NAMES", "|".join((*COLUMN_OF, *PREDICATES))),
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class _Token:
    """A token of a query, at character position `at`. `node` is the tree node of a term, or None if the term contains
    no word.
    """

    kind: Literal["term", "near", "distance", "(", ")", "AND", "OR", "NOT", "NEAR"]
    at: int
    node: Node | None = None
    distance: int = NEAR_WORDS


def parse_query(text: str) -> Node | None:
    """Parses a query into a tree; returns None for an empty query, which matches everything.

    Raises BadQuery with the position of the mistake. Mistakes are a query without words, a query that is too long or
    too deeply nested, an invalid value of a predicate, and NEAR next to anything but a word or phrase.
    """
    # A shell passes bytes that are not UTF-8 as unpaired surrogates.
    valid = text.encode("utf-8", "replace").decode()
    clean = unicodedata.normalize("NFC", valid.replace("\0", " ")).translate(_PLAIN).strip()
    if not clean:
        return None
    parser = _Parser(clean, list(_tokens(clean)))
    node = parser.every(0)
    while not parser.ended():  # text after a surplus closing parenthesis is parsed, too
        parser.position += 1
        more = parser.every(0)
        node = _join(And, [n for n in (node, more) if n])
    if node is None:
        raise BadQuery(clean, "it contains no word to search for")
    return node


def _matches(text: str) -> Iterator[re.Match[str]]:
    """Yields the match of `_TOKEN` for each token of a query."""
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None or found.end() == position:
            position += 1
            continue
        position = found.end()
        yield found


def token_end(text: str, at: int) -> int:
    """Returns the position after the token that starts at position `at`. Used to mark the mistake that a BadQuery
    reports.
    """
    found = _TOKEN.match(text, at)
    return max(found.end() if found else 0, at + 1)


# -- what a query leaves open, and how it is read ----------------------------------------------


@dataclass(frozen=True, slots=True)
class Repair:
    """A part of a query that was not read as it is written: `part` is the text, at character position `at`, and
    `reading` a sentence that says how it was read.
    """

    at: int
    part: str
    reading: str


@dataclass(frozen=True, slots=True)
class UnknownField:
    """A name before a colon that is not a field, so that `name:value` was searched for as text. It starts at position
    `at`, and its value ends at position `end`.
    """

    at: int
    end: int
    name: str
    value: str


_SCHEMES = ("http", "https", "ftp", "mailto", "file", "urn", "doi")


def list_repairs(text: str) -> tuple[Repair, ...]:
    """Lists the mistakes in a query that are not errors, in the order of the query, and how each is read. Such mistakes
    are a quotation mark or parenthesis without its counterpart, an operator without a word after or before it, and a
    field without a value.
    """
    out, depth, before = [], 0, ""
    for found in _written_tokens(text):
        at, part = _place_of(found)
        word = found["word"] if not found["field"] and found["phrase"] is None else None
        operator = _operator(word, at) if word else None
        kind = operator.kind if operator else ")" if found["close"] else "(" if found["open"] else "term"
        out += _empty_field(found, at)
        if kind == ")" and depth == 0:
            out.append(Repair(at, ")", "No parenthesis is open here, so this one is left out."))
        if kind == ")" and before in ("AND", "OR", "NOT", "NEAR"):
            out.append(Repair(at, before, f"No word follows {before}, so it is left out."))
        if operator and kind in ("OR", "NEAR") and before in ("", "("):
            out.append(Repair(at, part, f"No word precedes {part}, so it is left out."))
        if found["phrase"] is not None and found[0].rstrip().count('"') == 1:
            out.append(Repair(at, part, "The quotation mark is not closed, so the phrase goes on to the end."))
        depth = max(0, depth + (kind == "(") - (kind == ")"))
        before = part if operator else kind
    if depth:
        out.append(Repair(len(text), "(", "The parenthesis is not closed, so the group goes on to the end."))
    if before.partition("/")[0] in ("AND", "OR", "NOT", "NEAR", "|"):
        out.append(Repair(len(text), before, f"No word follows {before}, so it is left out."))
    return tuple(out)


def _empty_field(found: re.Match[str], at: int) -> list[Repair]:
    """Returns the repair of a token that is a field without a value, such as "title:"; [] for any other token."""
    name = (found["word"] or "").removesuffix(":")
    if name == (found["word"] or "") or name.lower() not in (*COLUMN_OF, *PREDICATES):
        return []
    reading = f"{name}: has no value, so it is searched as a word. Write {name}:VALUE, without a space."
    return [Repair(at, found["word"], reading)]


def list_unknown_fields(text: str) -> tuple[UnknownField, ...]:
    """Returns the names before a colon in a query that are not fields, in the order of the query. Addresses (https://)
    and names without a value are left out.
    """
    out = []
    for found in _written_tokens(text):
        name = found["field"] or ""
        if not name or name.lower() in (*PREDICATES, *COLUMN_OF, *_SCHEMES):
            continue
        value = found["word"] if found["phrase"] is None else found["phrase"]
        if value and not value.startswith("//"):
            out.append(UnknownField(found.start("field"), found.end(), name, value))
    return tuple(out)


def _written_tokens(text: str) -> Iterator[re.Match[str]]:
    """Yields the tokens of a query, with positions in the text as it is written."""
    return (one for one in _matches(text.replace("\0", " ").translate(_PLAIN)) if one[0].strip())


def _place_of(found: re.Match[str]) -> tuple[int, str]:
    return found.start() + len(found[0]) - len(found[0].lstrip()), found[0].strip()


# -- from text to tokens ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Group:
    """The properties that enclosing parentheses give to the words inside them: the `name` of a field or predicate,
    and whether the parentheses belong to NEAR( ).
    """

    name: str = ""
    near: bool = False


def _tokens(text: str) -> Iterator[_Token]:
    words, patterns = 0, 0
    groups = [_Group()]
    for found in _matches(text):
        at = found.start() + len(found[0]) - len(found[0].lstrip())
        if found["close"]:
            del groups[max(1, len(groups) - 1) :]
            yield _Token(")", at)
            continue
        if found["minus"]:
            yield _Token("NOT", at)
            at += 1
        if found["open"]:
            groups.append(_Group((found["of"] or "").lower() or groups[-1].name, near=found["open"] != "("))
            yield _Token("(" if found["open"] == "(" else "near", at)
            continue
        for token in _word_tokens(text, found, at, groups[-1]):
            length = len(split_into_words(token.node.text)) if isinstance(token.node, Term) else token.kind == "term"
            if length > MAX_WORDS:
                raise BadQuery(text, f"a phrase has at most {MAX_WORDS} words, and this one has {length:,}", at)
            patterns += length if length > 1 and isinstance(token.node, Term) and token.node.prefix else 0
            if patterns > MAX_PATTERNS:
                raise BadQuery(text, f"its phrases that end in * have more than {MAX_PATTERNS} words", at)
            words += length
            if words > MAX_TERMS:
                raise BadQuery(text, f"it has more than {MAX_TERMS} words", at)
            yield token


def _word_tokens(text: str, found: re.Match[str], at: int, group: _Group) -> Iterator[_Token]:
    """Yields the tokens of a word or phrase of the query, which `found` has matched at position `at`. This is usually
    one token, an operator or a term. The last word within NEAR( ) may give two: the distance and a term ("bridge,5").
    `group` has the properties of the enclosing parentheses.
    """
    value = found["word"] if found["phrase"] is None else found["phrase"]
    if value is None:
        return
    operator = None if found["field"] or found["phrase"] is not None else _operator(value, at)
    if operator:
        yield operator
        return
    if group.near and found["word"] and (split := _split_distance(text, found)):
        value, distance = split
        yield _Token("distance", at, distance=distance)
        if not value:
            return
    yield _Token("term", at, _term_node(text, found, at, value, group.name))


def _operator(word: str, at: int) -> _Token | None:
    if word in ("AND", "OR", "|", "NOT"):
        return _Token("AND" if word == "AND" else "NOT" if word == "NOT" else "OR", at)
    if found := _BETWEEN.match(word):
        return _Token("NEAR", at, distance=int(found[1] or NEAR_WORDS))
    return None


def _split_distance(text: str, found: re.Match[str]) -> tuple[str, int] | None:
    """Splits the last word within `NEAR( )`, which may end in a distance, into the text before the comma and the
    distance: "bridge,5" becomes ("bridge", 5). Returns None if there is no distance.
    """
    word, comma, number = found["word"].rpartition(",")
    if not _ENDS.match(text, found.end()) or not re.fullmatch("[0-9]{1,3}", number):
        return None
    return (word, int(number)) if comma or text[: found.start("word")].rstrip().endswith(",") else None


def _term_node(text: str, found: re.Match[str], at: int, value: str, name: str) -> Node | None:
    own = (found["field"] or "").lower()
    known = own in PREDICATES or own in COLUMN_OF
    name = own if known else name
    value = value if known or not own else f"{found['field']}:{value}"
    if name in PREDICATES:
        try:
            return PREDICATES[name](value)
        except BadQuery as error:
            raise BadQuery(text, f"{found[0].strip().lstrip('-')}: {error.why}", at) from None
    column = COLUMN_OF.get(name, "")
    if found["phrase"] is not None:
        return _term(value, column, prefix=bool(found["star"]))
    word = value.rstrip(",;")  # the words of a list may be followed by punctuation
    return _term(word.rstrip("*"), column, prefix=word.endswith("*"))


def _term(text: str, column: str, *, prefix: bool) -> Node | None:
    return Term(text, column, prefix) if split_into_words(text) else None


# -- from tokens to a tree --------------------------------------------------------------------


class _Parser:
    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self.text, self.tokens, self.position = text, tokens, 0
        self._patterns = 0

    def ended(self) -> bool:
        return self.position >= len(self.tokens)

    def _kind(self) -> str:
        return "" if self.ended() else self.tokens[self.position].kind

    def every(self, depth: int) -> Node | None:
        if depth > MAX_DEPTH:
            raise BadQuery(
                self.text, f"it has more than {MAX_DEPTH} nested parentheses", self.tokens[self.position - 1].at
            )
        items: list[Node] = []
        while self._kind() not in ("", ")"):
            item = self.either(depth)
            if item is not None:
                items.append(item)
        return _join(And, items)

    def either(self, depth: int) -> Node | None:
        items = [self.near(depth)]
        while self._kind() == "OR":
            self.position += 1
            if self._kind() not in ("", ")"):
                items.append(self.near(depth))
        return _join(Or, [item for item in items if item])

    def near(self, depth: int) -> Node | None:
        """Parses one item, or several items joined by NEAR. `depth` is the number of open parentheses. Returns None if
        the items contain no words.
        """
        first = self.position
        item = self.one(depth)
        terms, distance = [item], 0
        while self._kind() == "NEAR":
            operator = self.tokens[self.position]
            self.position += 1
            if self._kind() in ("", ")", "OR"):
                break
            distance = max(distance, operator.distance)
            terms.append(self.one(depth))
        return self._near_node(terms, distance, self.tokens[first].at) if len(terms) > 1 else item

    def _near_node(self, items: list[Node | None], distance: int, at: int) -> Node | None:
        terms = tuple(item for item in items if isinstance(item, Term))
        if len(terms) < len(items):
            raise BadQuery(self.text, "NEAR only takes words and phrases", at)
        if any(term.prefix for term in terms):
            self._patterns += len(terms) * (len(terms) - 1)
        if self._patterns > MAX_PATTERNS:
            raise BadQuery(self.text, f"its NEAR with * join more than {MAX_PATTERNS} pairs of words", at)
        columns = {term.column for term in terms if term.column}
        if len(columns) > 1:
            raise BadQuery(self.text, f"NEAR takes words of one field, not {' and '.join(sorted(columns))}", at)
        if len(terms) > MAX_NEAR:
            raise BadQuery(self.text, f"NEAR takes at most {MAX_NEAR} words or phrases", at)
        for one, other in permutations(terms, 2):
            if _contains(one, other):
                raise BadQuery(
                    self.text, f"NEAR takes different words, but {one.text} already contains {other.text}", at
                )
        return Near(tuple(replace(term, column="") for term in terms), distance, next(iter(columns), ""))

    def _near_group(self, at: int) -> Node | None:
        """Parses the content of a `NEAR(` group, which begins at position `at` of the query: terms, then optionally a
        comma and the distance. Returns None if the terms contain no words.
        """
        items: list[Node | None] = []
        distance = NEAR_WORDS
        while self._kind() not in ("", ")"):
            token = self.tokens[self.position]
            self.position += 1
            if token.kind == "distance":
                distance = token.distance
            elif token.kind != "term":
                raise BadQuery(self.text, "NEAR( ) only takes words and phrases", token.at)
            elif token.node is not None:
                items.append(token.node)
        self.position += 1
        if len(items) == 1:
            return items[0]
        return self._near_node(items, distance, at) if items else None

    def one(self, depth: int) -> Node | None:
        token = self.tokens[self.position]
        self.position += 1
        if token.kind == "NOT":
            if self._kind() in ("", ")", "OR"):
                return None
            item = self.one(depth + 1) if depth <= MAX_DEPTH else None
            return Not(item) if item else None
        if token.kind == "near":
            return self._near_group(token.at)
        if token.kind == "(":
            inner = self.every(depth + 1)
            self.position += 1
            return inner
        return token.node


def _contains(one: Term, other: Term) -> bool:
    """Returns True if the words of `other` are among the words of `one`, so that both terms could match at the same
    position.
    """
    words, (row, is_prefix) = split_into_words(one.text), lookup_words(other.text)
    is_prefix = is_prefix or other.prefix
    *whole, last = row
    return any(
        words[at : at + len(whole)] == whole and (token.startswith(last) if is_prefix else token == last)
        for at, token in enumerate(words[len(whole) :])
    )


def _join(kind: type[And] | type[Or], items: list[Node]) -> Node | None:
    flat: list[Node] = []
    for item in items:
        flat.extend(item.items if isinstance(item, kind) else (item,))
    return kind(tuple(flat)) if len(flat) > 1 else flat[0] if flat else None


SORTS: dict[str, str] = {
    "relevance": "",
    "date": "published_at",
    "modified": "modified_at",
    "title": "sorted_title",
    "site": "site",
    "added": "id",
    "distance": "",
}
"""Maps each sort key of a query to the index field by which matches are sorted; "" for relevance, which has no
field."""


@dataclass(frozen=True, slots=True)
class Query:
    """A search query. `site`, `author`, `category`, `tag` and `language` are filters; each is a list of accepted names.

    - `text`: the query in the language of `archiver.search.query`; "" matches every article.
    - `since`, `until`: each a year, a month or a day (inclusive, in the page's time zone) or a full ISO 8601 time.
    - `near`, `within`: (latitude, longitude), and the radius in kilometres; None means 25.
    - `bbox`: (west, south, east, north) in degrees; if west is greater than east, it crosses the antimeridian.
    - `sort`: a key of SORTS, with "-" before it for descending order; "" sorts by relevance if there is text, otherwise
      newest first.
    - `limit`: None means no limit.
    - `fold`: a key of `sorting.FOLDS`; "" means "none" if `duplicates` is
      True, otherwise "text".
    - `like`: the ID or a URL of an article; only articles on the same topic are found.
    """

    text: str = ""
    site: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    near: tuple[float, float] | None = None
    within: float | None = None
    bbox: tuple[float, float, float, float] | None = None
    sort: str = ""
    limit: int | None = 20
    offset: int = 0
    duplicates: bool = False
    fold: str = ""
    like: int | str | None = None

    @property
    def folding(self) -> Fold:
        """How duplicates are folded: the value of `fold`; if that is "", "none" if `duplicates` is True and "text"
        otherwise. Raises BadQuery for an unknown value.
        """
        if self.fold and self.fold not in FOLDS:
            raise BadQuery(f"fold {self.fold}", f"the possible values are {', '.join(FOLDS)}")
        return self.fold or ("none" if self.duplicates else "text")


def ranking_terms(db: Database, query: Query) -> Node | None:
    """Returns the query tree of the text and the `like` article of a query. Only this part determines relevance and is
    highlighted in snippets. Returns None if the query has neither. Raises BadQuery, ArticleNotFound and ArticleRemoved.
    """
    node = parse_query(query.text)
    if query.like is None:
        return node
    # Imported here because it loads the extraction code, which other searches do not need.
    from archiver.storage.article_records import find_article

    like = SimilarTo(find_article(db, query.like))
    return like if node is None else And((node, like))


def filter_terms(db: Database, query: Query) -> list[Node]:
    """Returns a query tree node for each filter of a query (site, author, date, place ...), all of which every result
    must match. Raises BadQuery, and SiteNotFound for an unknown site.
    """
    out: list[Node] = []
    if query.site:
        out.append(Or(tuple(Key(f"at:{site_with_page(db, name)}") for name in query.site)))
    out += [
        Or(tuple(Name(name, index_text(value)) for value in getattr(query, name)))
        for name in ("author", "category", "tag")
        if getattr(query, name)
    ]
    if query.language:
        out.append(Or(tuple(language_term(tag) for tag in query.language)))
    if query.since or query.until:
        out.append(time_term("published", query.since, query.until))
    if query.near is None:
        if query.within is not None:
            raise BadQuery(f"{query.within:g} km", "it needs --near LAT,LON", what="distance")
        if query.sort.lstrip("-") == "distance":
            raise BadQuery("distance", "it needs --near LAT,LON", what="sort order")
    else:
        out.append(in_circle(*query.near, DEFAULT_RADIUS_KM if query.within is None else query.within))
    if query.bbox is not None:
        out.append(InBox(query.bbox))
    return out


# A query as command line options, which is how a saved search is shown.


def query_as_options(query: Query) -> str:
    """Formats a query as arguments of `archiver search`, quoted for a shell. Default values are left out, and so are
    `limit` and `offset`, because they only select the page.
    """
    return " ".join(_options(query))


def _options(query: Query) -> Iterator[str]:
    if query.text:
        yield shlex.quote(query.text)
    for one in fields(Query):
        value = getattr(query, one.name)
        if one.name in ("text", "limit", "offset") or value == one.default:
            continue
        name = {"duplicates": "--all"}.get(one.name, f"--{one.name.replace('_', '-')}")
        if value is True:
            yield name
        elif one.name in ("near", "bbox"):
            yield f"{name} {shlex.quote(','.join(f'{number:.12g}' for number in value))}"
        else:
            for each in value if isinstance(value, tuple) else (value,):
                yield f"{name} {shlex.quote(_text(each))}"


def _text(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
