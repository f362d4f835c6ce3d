"""JSON-LD as pages contain it: mostly well formed, else repaired if the meaning is plain, else left out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

Node = dict[str, Any]
MOST_NODES = 4_000
_MOST_SCRIPT, _MOST_MENDED, _MOST_DEPTH = 2_000_000, 300_000, 200
_BEFORE = re.compile(r"(?:\s|\ufeff|<!--|//\s?<!\[CDATA\[|/\*\s?<!\[CDATA\[\s?\*/|<!\[CDATA\[)*+")
_AFTER = re.compile(r"(?:\s|;|//\s?-->|-->|//\s?\]\]>|/\*\s?\]\]>\s?\*/|\]\]>)+$")
# Surrogates without their other half, which no text can contain.
_HALF = re.compile(r"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


class Scripts:
    """Reads one page's scripts in order; the limit for broken ones applies to all of them together."""

    def __init__(self) -> None:
        self.room, self.broken = MOST_NODES, _MOST_MENDED

    def nodes(self, raw: str) -> list[Node]:
        """The nodes of a script, flattened (@graph, lists, nested values), in document order."""
        if self.room <= 0 or len(raw) > _MOST_SCRIPT:
            return []
        found = [node for value in self._values(raw) for node in flat(value, self.room)][: self.room]
        self.room -= len(found)
        return found

    def _values(self, raw: str) -> list[Any]:
        if "\\ud" in raw or "\\uD" in raw:
            raw = _HALF.sub(lambda m: m[1] or "\\ufffd", raw)
        try:
            return [json.loads(raw, strict=False)]
        except (ValueError, RecursionError):
            pass
        start = _BEFORE.match(raw)
        raw = raw[start.end() if start else 0 :]
        raw = raw[:-200] + _AFTER.sub("", raw[-200:])
        try:
            return [json.loads(raw, strict=False)]
        except (ValueError, RecursionError):
            pass
        if not raw or len(raw) > self.broken:
            return []
        self.broken -= len(raw)
        if "&quot;" in raw and '"' not in raw:
            raw = unescape(raw)
        found: list[Any] = []
        for text in mended(raw):
            try:
                found.append(json.loads(text, strict=False))
            except (ValueError, RecursionError):
                continue
        return found


def flat(value: Any, room: int) -> Iterator[Node]:
    stack = [value]
    while stack and room > 0:
        at = stack.pop()
        if isinstance(at, dict):
            room -= 1
            yield at
            stack.extend(v for v in reversed(list(at.values())) if isinstance(v, (dict, list)))
        elif isinstance(at, list):
            stack.extend(reversed(at))


# A quotation mark ends a string only if JSON continues after it; others are in the text and were not escaped.
_GOES_ON = r"""\s*+(?:[:}\]]|/[/*]|,\s*+(?:["'{\[\d}\],/-]|true|false|null)|$)"""
_TOKEN = re.compile(
    rf'"(?P<double>(?:[^"\\]++|\\.|"(?!{_GOES_ON}))*+)"?|'
    rf"'(?P<single>(?:[^'\\]++|\\.|'(?!{_GOES_ON}))*+)'?|"
    r"/\*(?:[^*]++|\*(?!/))*+(?:\*/)?|//[^\n]*+|"
    r"(?P<mark>[{}\[\]:,])|"
    r"(?P<word>[^\s\"'{}\[\]:,/]++)|\s++|.",
    re.DOTALL,
)
_IN_STRING = re.compile(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})|\\(.?)|"', re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?")
_WORDS = {"true": "true", "false": "false", "null": "null", "True": "true", "False": "false"}
_CLOSING = {"{": "}", "[": "]"}


class _Writer:
    """Writes the tokens it is given as well-formed JSON, one text for each top-level value."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._out: list[str] = []
        self._open: list[str] = []
        self._last = ""  # "", "value", "key", ":", ","
        self.lost = False

    def value(self, text: str) -> None:
        """A value in JSON notation; in an object that expects a key, the key."""
        if not self._open:
            return  # words between values
        if self._last == "value":
            self._out.append(",")  # a comma was missing
        if self._open[-1] == "{" and self._last != ":":
            if self._last == "key":
                self._out.append(":null,")
            self._out.append(text if text[0] == '"' else json.dumps(text))
            self._last = "key"
        else:
            self._out.append(text)
            self._last = "value"

    def open(self, mark: str) -> None:
        if self._last == "value" and self._open:
            self._out.append(",")
        if self._open and self._open[-1] == "{" and self._last != ":":
            self._out.append(":" if self._last == "key" else '"":')
        self.lost = len(self._open) >= _MOST_DEPTH
        self._open.append(mark)
        self._out.append(mark)
        self._last = ""

    def close(self, mark: str) -> None:
        if mark not in [_CLOSING[m] for m in self._open]:
            return
        done = False
        while not done:
            done = _CLOSING[self._open[-1]] == mark
            self._end()

    def _end(self) -> None:
        if self._last == "key":
            self._out.append(":null")
        elif self._last == ":":
            self._out.append("null")
        self._out.append(_CLOSING[self._open.pop()])
        self._last = "value"
        if not self._open:
            self.texts.append("".join(self._out))
            self._out.clear()
            self._last = ""

    def comma(self) -> None:
        """A comma is written with the value that follows, so a trailing one is dropped."""
        if self._last == "key":
            self._out.append(":null")
        elif self._last == ":":
            self._out.append("null")
        if self._last in ("key", ":"):
            self._last = "value"

    def colon(self) -> None:
        if self._last == "key":
            self._out.append(":")
            self._last = ":"

    def finish(self) -> list[str]:
        while self._open:
            self._end()
        return self.texts


def mended(raw: str) -> list[str]:
    """JSON texts made from a broken one: extra or missing commas, comments, control characters, unescaped or single
    quotation marks, bare keys, several values in a row, a missing end."""
    to = _Writer()
    for m in _TOKEN.finditer(raw):
        kind = m.lastgroup
        if kind in ("double", "single"):
            to.value(_quoted(m[kind]))
        elif kind == "word":
            to.value(_word(m[0]))
        elif kind == "mark":
            mark = m[0]
            if mark in "{[":
                to.open(mark)
                if to.lost:
                    break
            elif mark in "}]":
                to.close(mark)
            elif mark == ",":
                to.comma()
            else:
                to.colon()
        if len(to.texts) >= 50:
            break
    return to.finish()


def _word(word: str) -> str:
    """A number or a constant as it is, a bare key as a string, anything else as null."""
    if word in _WORDS or _NUMBER.fullmatch(word):
        return _WORDS.get(word, word)
    if word in ("undefined", "NaN", "None") or not (word[0].isalpha() or word[0] in "@_$"):
        return "null"
    return _quoted(word)


def _quoted(text: str) -> str:
    def fix(m: re.Match[str]) -> str:
        return m[0] if m[1] else '\\"' if m[0] == '"' else m[2]

    return '"' + _IN_STRING.sub(fix, text) + '"'
