"""The query language: what a person types becomes an FTS5 MATCH expression and, where it must, SQL.

    climate report          both words, anywhere in the article
    "climate report"        this phrase
    climate OR weather      either; OR binds more tightly than the blank
    climate -report         without that word (also: climate NOT report)
    (flood OR storm) -rain  groups
    clim*                   words that begin so
    title:climate           in one field: title, body, author, category, tag, description
    author:"Ada Lovelace"   a phrase in one field

Everything else is text: O'Brien, AT&T, c++, a-b, 10:30 or an unclosed quotation mark are never
syntax errors. Case and diacritics make no difference (the tokenizer folds both).

Scripts without spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan): the
tokenizer takes a whole run of such letters for one token, so a term in them cannot be looked up
in the index; it becomes a substring condition (LIKE) on the columns, combined with whatever the
index answers. Symbols that are no token at all (an emoji, the ++ of c++) are looked for the same
way. In Hangul the particles are joined to the word, so a Korean term matches as a prefix.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from archiver.errors import BadQuery
from archiver.store.migrations import FTS_COLUMNS

COLUMN_OF: dict[str, str] = {
    "title": "title", "body": "body", "text": "body", "author": "authors", "authors": "authors",
    "category": "categories", "categories": "categories", "tag": "tags", "tags": "tags",
    "description": "description",
}
MAX_TERMS = 200
MAX_DEPTH = 30

_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u312f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
_HANGUL = re.compile("[\uac00-\ud7a3]$")
# The tokenizer drops signs; after a letter these make another word of it.
_TELLING_SIGNS = re.compile(r"^\w+(\+\++|#)$")
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"', "＂": '"'})
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<open>\() | (?P<close>\)) |
        (?P<minus>-(?=[^\s)-]))?
        (?:(?P<field>[A-Za-z]+):(?=["\w]))?
        (?: "(?P<phrase>[^"]*)(?:"|$)(?P<star>\*)? | (?P<word>[^\s()"]+) )?
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Term:
    """Words in a row, as the index has them; `column` is "" for all of them."""

    text: str
    column: str = ""
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Substring:
    """Letters in a row, whatever stands around them."""

    text: str
    column: str = ""


@dataclass(frozen=True, slots=True)
class Every:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Without:
    item: Node


Node = Term | Substring | Every | Either | Without


@dataclass(frozen=True, slots=True)
class Condition:
    """A query as the database takes it.

    `match` is the FTS5 expression that ranks ("" where nothing in the query can rank); `where` a
    condition on the table alias `a` with `values` for its marks ("" where there is none);
    `substrings` the texts looked for by substring, for order and snippet.
    """

    match: str = ""
    where: str = ""
    values: tuple[str, ...] = ()
    substrings: tuple[str, ...] = field(default=())


def parse(text: str) -> Node | None:
    """The query as a tree; None for an empty one, which means everything.

    Raises BadQuery where something was typed and no word is in it, or it is too long or deep.
    """
    clean = unicodedata.normalize("NFC", text.replace("\0", " ")).translate(_QUOTES).strip()
    if not clean:
        return None
    tokens = list(_tokens(text, clean))
    parser = _Parser(text, tokens)
    node = parser.every(0)
    while parser.position < len(tokens):  # what follows a closing parenthesis too many
        parser.position += 1
        more = parser.every(0)
        node = _join(Every, [n for n in (node, more) if n])
    if node is None:
        raise BadQuery(text, "there is no word in it to look for")
    return node


def compile_query(text: str) -> Condition:
    """`parse`, then the condition for the database."""
    node = parse(text)
    if node is None:
        return Condition()
    items = node.items if isinstance(node, Every) else (node,)
    ranked = [item for item in items if _indexed(item)]
    rest = [item for item in items if not _indexed(item)]
    excluded = [item.item for item in rest if isinstance(item, Without) and _indexed(item.item)] if ranked else []
    match = " AND ".join(_match(item) for item in ranked)
    if excluded:
        match = f"({match}) NOT ({' OR '.join(_match(item) for item in excluded)})"
        rest = [item for item in rest if not (isinstance(item, Without) and _indexed(item.item))]
    parts = [_where(item) for item in rest]
    return Condition(
        match=match,
        where=" and ".join(sql for sql, _ in parts),
        values=tuple(value for _, values in parts for value in values),
        substrings=tuple(_wanted(node)),
    )


# -- from text to tree ------------------------------------------------------------------------


def _tokens(typed: str, text: str) -> Iterator[str | Node]:
    """Terms as nodes; operators and parentheses as text. A "-" before a parenthesis is "NOT"."""
    position, terms = 0, 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None or found.end() == position:
            position += 1
            continue
        position = found.end()
        if found["open"] or found["close"]:
            yield found["open"] or found["close"]
            continue
        column = COLUMN_OF.get((found["field"] or "").lower(), "")
        lead = f"{found['field']}:" if found["field"] and not column else ""
        if found["minus"]:
            yield "NOT"
        phrase, word = found["phrase"], found["word"]
        if phrase is None and word is None:
            continue
        if word in ("OR", "|", "AND", "NOT") and not lead and not column:
            yield "OR" if word == "|" else word
            continue
        if phrase is not None:
            node = _term(lead + phrase, column, prefix=bool(found["star"]), phrase=True)
        else:
            word = lead + (word or "")
            node = _term(word.rstrip("*"), column, prefix=word.endswith("*"), phrase=False)
        terms += 1
        if terms > MAX_TERMS:
            raise BadQuery(typed, f"it has more than {MAX_TERMS} words")
        yield node if node else "nothing"


def _term(text: str, column: str, *, prefix: bool, phrase: bool) -> Node | None:
    if _SPACELESS.search(text):
        return Substring(text.strip(), column)
    if not any(c.isalnum() or unicodedata.category(c) == "Co" for c in text):
        # An emoji or a currency sign is looked for; punctuation and a lone + or = mean nothing.
        signs = "".join(c for c in text if unicodedata.category(c) in ("So", "Sc"))
        return Substring(signs, column) if signs else None
    term = Term(text, column, prefix or (not phrase and bool(_HANGUL.search(text))))
    if _TELLING_SIGNS.match(text):
        return Every((term, Substring(text, column)))
    return term


class _Parser:
    def __init__(self, typed: str, tokens: list[str | Node]) -> None:
        self.typed, self.tokens, self.position = typed, tokens, 0

    def _next(self) -> str | Node | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def every(self, depth: int) -> Node | None:
        if depth > MAX_DEPTH:
            raise BadQuery(self.typed, f"it has more than {MAX_DEPTH} parentheses in each other")
        items: list[Node] = []
        while (token := self._next()) is not None and token != ")":
            item = self.either(depth)
            if item is not None:
                items.append(item)
        return _join(Every, items)

    def either(self, depth: int) -> Node | None:
        items = [self.one(depth)]
        while self._next() == "OR":
            self.position += 1
            if self._next() not in (None, ")"):
                items.append(self.one(depth))
        return _join(Either, [item for item in items if item])

    def one(self, depth: int) -> Node | None:
        token = self._next()
        self.position += 1
        if token == "NOT":
            following = self._next()
            if following is None or following in (")", "OR"):
                return None
            item = self.one(depth + 1) if depth <= MAX_DEPTH else None
            return Without(item) if item else None
        if token == "(":
            inner = self.every(depth + 1)
            self.position += 1
            return inner
        return None if token is None or isinstance(token, str) else token


def _join(kind: type[Every] | type[Either], items: list[Node]) -> Node | None:
    flat: list[Node] = []
    for item in items:
        flat.extend(item.items if isinstance(item, kind) else (item,))
    return kind(tuple(flat)) if len(flat) > 1 else flat[0] if flat else None


# -- from tree to database --------------------------------------------------------------------


def _indexed(node: Node) -> bool:
    """Whether FTS5 can answer the whole of it: its NOT takes two sides."""
    if isinstance(node, Term):
        return True
    if isinstance(node, Either):
        return all(_indexed(item) for item in node.items)
    if isinstance(node, Every):
        plain = [item for item in node.items if not isinstance(item, Without)]
        negated = [item.item for item in node.items if isinstance(item, Without)]
        return bool(plain) and all(_indexed(item) for item in (*plain, *negated))
    return False


def _match(node: Node) -> str:
    if isinstance(node, Term):
        quoted = '"' + node.text.replace('"', '""') + '"' + ("*" if node.prefix else "")
        return f"{node.column} : {quoted}" if node.column else quoted
    if isinstance(node, Either):
        return "(" + " OR ".join(_match(item) for item in node.items) + ")"
    assert isinstance(node, Every)
    plain = " AND ".join(_match(item) for item in node.items if not isinstance(item, Without))
    negated = " OR ".join(_match(item.item) for item in node.items if isinstance(item, Without))
    return f"(({plain}) NOT ({negated}))" if negated else f"({plain})"


def _where(node: Node) -> tuple[str, tuple[str, ...]]:
    if _indexed(node):
        return "a.id in (select rowid from articles_fts where articles_fts match ?)", (_match(node),)
    if isinstance(node, Substring):
        columns = (node.column,) if node.column else FTS_COLUMNS
        pattern = "%" + re.sub(r"([%_\\])", r"\\\1", node.text) + "%"
        # Empty for NULL, or a negated condition would be neither true nor false.
        sql = " or ".join(f"ifnull(a.{column}, '') like ? escape '\\'" for column in columns)
        return f"({sql})", (pattern,) * len(columns)
    if isinstance(node, Without):
        sql, values = _where(node.item)
        return f"not {sql}" if sql.startswith("(") else f"not ({sql})", values
    assert isinstance(node, Every | Either)
    parts = [_where(item) for item in node.items]
    joined = (" and " if isinstance(node, Every) else " or ").join(sql for sql, _ in parts)
    return f"({joined})", tuple(value for _, values in parts for value in values)


def _wanted(node: Node) -> Iterator[str]:
    if isinstance(node, Substring):
        yield node.text
    elif isinstance(node, Every | Either):
        for item in node.items:
            yield from _wanted(item)
