"""The source of an XML document before parsing: where its root begins, its CDATA, how much of it is read.

Each function reads the text once, however it is written. A regular expression that looks for the end of a comment or
of a DOCTYPE would search again for each one without an end, which takes minutes for a document of a megabyte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST_TAGS = 2_000_000
"""Tags that are read of one document, including end tags. A full sitemap (50,000 addresses), each in ten languages, has
1,500,000. An element takes some 200 bytes of memory, whatever its size on the wire."""

_SPACE = re.compile(r"\s*")
_DOCTYPE = "<!doctype"
_MOST_DOCTYPES = 1  # XML 1.0, section 2.8
_IN_DOCTYPE = re.compile(r"""["'\[\]>]|<!--|<\?""")
_CLOSES = {'"': '"', "'": "'", "<!--": "-->", "<?": "?>"}
_CDATA, _CDATA_END = "<![CDATA[", "]]>"


def root_at(text: str) -> int:
    """Where the root element begins: after white space, comments, processing instructions and the DOCTYPE.

    -1 if one of these has no end. So the parser never sees an entity that a document declares (XML 1.0, section 4):
    none is expanded, none is fetched.
    """
    at, doctypes = 0, 0
    while True:
        space = _SPACE.match(text, at)
        assert space is not None
        at = space.end()
        if text.startswith("<!--", at):
            end = text.find("-->", at + 4)
            at = end + 3
        elif text.startswith("<?", at):
            end = text.find("?>", at + 2)
            at = end + 2
        elif text[at:at + len(_DOCTYPE)].lower() == _DOCTYPE and doctypes < _MOST_DOCTYPES:
            doctypes += 1
            at = end = _end_of_doctype(text, at + len(_DOCTYPE))
        else:
            return -1 if text[at:at + 2] in ("<!", "<?") else at
        if end < 0:
            return -1


def _end_of_doctype(text: str, at: int) -> int:
    """The end of a DOCTYPE. Quotation marks, comments and the internal subset may contain ">"; one without an end
    ends at its first ">"."""
    start, inside = at, False
    while match := _IN_DOCTYPE.search(text, at):
        token, at = match.group(), match.end()
        if token in _CLOSES:
            end = text.find(_CLOSES[token], at)
            if end < 0:
                break
            at = end + len(_CLOSES[token])
        elif token == ">" and not inside:
            return at
        else:
            inside = token == "[" or (token != "]" and inside)
    first = text.find(">", start)
    return first + 1 if first >= 0 else -1


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, and whether each is a CDATA section (including its marks; one without an end is text)."""
    at = 0
    while (start := text.find(_CDATA, at)) >= 0:
        end = text.find(_CDATA_END, start)
        if end < 0:
            break
        yield text[at:start], False
        at = end + len(_CDATA_END)
        yield text[start:at], True
    yield text[at:], False


def cut(text: str, most: int = MOST_TAGS) -> str:
    """The text up to the first tag above the limit."""
    if len(text) <= most or text.count("<") <= most:
        return text
    at = -1
    for _ in range(most + 1):
        at = text.find("<", at + 1)
    return text[:at]
