"""What a site answers for an address that does not exist: a real 404, or an ordinary page (a soft 404).

An address that no site has is requested, and the answer is stored with the site. A page that looks like it does not
exist either, whatever its status and language.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from urllib.parse import unquote, urljoin, urlsplit

from lxml import etree

from archiver.urls import Scope, urlkey

_SHINGLE = 3
_MOST_WORDS = 4_000
# A page that is only the site's frame has at most this many word sequences of its own: the time of day, a count of
# visitors. Even a post of one line and a date has more.
_MOST_OWN = 8
_FEWEST = 5
"""A shell without words, to be filled by a script, is the same for every page and does not prove that one is gone."""
_UNSHOWN = frozenset({"script", "style", "noscript", "template", "head"})
_WORD = re.compile(r"[^\W_]+")


def address(start_url: str, scope: Scope, token: str) -> str:
    """An address in the site's folder that no site has; `token` is random."""
    parts = urlsplit(start_url)
    return urljoin(f"{parts.scheme}://{parts.netloc}/", f"{scope.path}{token}/")


@dataclass(frozen=True)
class Look:
    """How a page looks: its title and first 4,000 words, without the words of its address, which pages echo."""

    title: str
    words: tuple[str, ...]

    @cached_property
    def shingles(self) -> frozenset[tuple[str, ...]]:
        """The sequences of three words."""
        return frozenset(self.words[i:i + _SHINGLE] for i in range(max(len(self.words) - _SHINGLE + 1, 1)))


def look_of(root: etree._Element | None, title: str, url: str) -> Look:
    """The look of the page at `url`."""
    echoed = frozenset(_words([unquote(url)]))
    said = _words(_texts(root)) if root is not None else []
    return Look(" ".join(w for w in _words([title]) if w not in echoed),
                tuple(w for w in said[:_MOST_WORDS] if w not in echoed))


def _texts(root: etree._Element) -> Iterable[str]:
    for element in root.iter():
        if isinstance(element.tag, str) and element.tag not in _UNSHOWN and element.text:
            yield element.text
        if element.tail and element.tag != "title":
            yield element.tail


def _words(texts: Iterable[str]) -> list[str]:
    return [w for text in texts for w in _WORD.findall(unicodedata.normalize("NFKC", text).casefold())]


@dataclass(frozen=True, slots=True)
class Nowhere:
    """The answer for an address that does not exist. `location`: the urlkey it redirects to, "" if it does not; `look`:
    None if the status says that there is nothing.
    """

    url: str
    status: int
    location: str = ""
    look: Look | None = None

    @property
    def says_something(self) -> bool:
        """Whether it is a page of words, and not a shell to be filled by a script."""
        return self.look is not None and len(self.look.words) >= _FEWEST

    def is_like(self, look: Look) -> bool:
        """Whether a page looks like the soft 404: it has the same title and no text of its own."""
        if self.look is None or not self.says_something or look.title != self.look.title:
            return False
        return len(look.shingles - self.look.shingles) <= _MOST_OWN

    def leads_to(self, target: str) -> bool:
        """Whether a redirect to this address is how the site says that there is nothing."""
        return bool(self.location) and urlkey(target) == self.location

    @property
    def reason(self) -> str:
        return f"the site answers so for what does not exist, as for {self.url}"


def to_json(nowhere: Nowhere) -> str:
    return json.dumps({**asdict(nowhere), "look": asdict(nowhere.look) if nowhere.look else None}, ensure_ascii=False)


def from_json(text: str | None) -> Nowhere | None:
    """Reads what `to_json` wrote; None if there is nothing, or nothing readable."""
    try:
        values = json.loads(text) if text else None
    except ValueError:
        return None
    if not isinstance(values, dict):
        return None
    look = values.get("look")
    return Nowhere(values["url"], values["status"], values["location"],
                   Look(look["title"], tuple(look["words"])) if look else None)
