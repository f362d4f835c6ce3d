"""Whether a page, feed or API answer shows a text: the same words one after the other, whatever stands between them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

from archiver.record.identity import folded

_RUN = 8
"""Words in a row that two texts share by no chance."""
_FEWEST = 4
"""Words of a title, or of a text shorter than a run, below which it is no sign."""
_TAG = re.compile(r"<!\[CDATA\[|<[^<>]*>")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_CHARSET = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
_NO_TEXT = ("image/", "audio/", "video/", "font/")


class Words:
    """The words of some texts, given as pairs of title and text."""

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        self._runs: set[str] = set()
        self._phrases: set[str] = set()
        for title, text in texts:
            words = folded(text).split()
            self._runs.update(_runs(words))
            for few in (folded(title).split(), words if len(words) < _RUN else []):
                if len(few) >= _FEWEST:
                    self._phrases.add(f" {' '.join(few)} ")

    def __bool__(self) -> bool:
        return bool(self._runs or self._phrases)

    def shown_in(self, body: bytes, content_type: str) -> bool:
        """Whether a body (its content coding undone) shows eight words in a row of a text, or a whole title."""
        if content_type.lower().startswith(_NO_TEXT):
            return False
        words = _plain(body, content_type).split()
        if any(run in self._runs for run in _runs(words)):
            return True
        whole = f" {' '.join(words)} "
        return any(phrase in whole for phrase in self._phrases)


def _runs(words: list[str]) -> Iterator[str]:
    return (" ".join(words[at:at + _RUN]) for at in range(len(words) - _RUN + 1))


def _plain(body: bytes, content_type: str) -> str:
    """Words alone: of markup, of markup that is escaped in a feed, and of texts in JSON."""
    found = _CHARSET.search(content_type)
    try:
        text = body.decode(found[1] if found else "utf-8", "replace")
    except LookupError:
        text = body.decode("utf-8", "replace")
    if "json" in content_type.lower() or text.lstrip()[:1] in ("{", "["):
        text = _ESCAPE.sub(_unescaped, text)
    for _ in range(2):
        text = _TAG.sub(" ", html.unescape(text))
    return folded(text)


def _unescaped(match: re.Match[str]) -> str:
    sign = match[1]
    return chr(int(sign[1:], 16)) if len(sign) > 1 else sign if sign in '"/\\' else " "
