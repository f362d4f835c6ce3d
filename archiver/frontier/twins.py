"""Addresses that show what another address shows: learned from pages that were fetched, then no longer fetched.

A site may show each post once more with `?lang=de`, in capital letters or below `/print/`. Which of these it does,
nobody can know beforehand, and none of it is true of all sites: `?lang=de` may be a translation. So a way of making
one address of another is believed for a site when five posts have borne it out and none has spoken against it; and
only where the other address is in the ledger is the twin set aside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

ENOUGH = 5
"""Posts that must have shown that a way leads to the same post."""
RULE = "twin"
_STEP = re.compile(r"amp|print|printable|printer|mobile|wap|lite|reader|text-only|turbo", re.IGNORECASE)
_ENDING = re.compile(r"\.(?:html?|php|aspx?)$", re.IGNORECASE)
_MOST_STEPS = 8


def ways(key: str) -> dict[str, str]:
    """The plainer addresses that an address (a urlkey) may be a twin of, each by the name of the way to it.

    A way that would change nothing is left out. "relative link" stands for several addresses, of which the one with
    fewest steps taken away comes first: it is numbered.
    """
    host, bracket, rest = key.partition(")")
    path, _, query = rest.partition("?")
    out: dict[str, str] = {}

    def add(name: str, path: str, query: str) -> None:
        made = f"{host}{bracket}{path.rstrip('/') or '/'}" + (f"?{query}" if query else "")
        if made != key:
            out.setdefault(name, made)

    pairs = [p for p in query.split("&") if p]
    for pair in pairs:
        name = pair.partition("=")[0]
        add(f"?{name}=", path, "&".join(p for p in pairs if p.partition("=")[0] != name))
    add("letter case", path.lower(), query)
    add("file ending", _ENDING.sub("", path), query)
    steps = [s for s in path.split("/") if s]
    if len(steps) > 1:
        for at, name in ((0, "first"), (-1, "last")):
            if _STEP.fullmatch(steps[at]):
                add(f"{name} step /{steps[at].lower()}/", "/" + "/".join(steps[1:] if at == 0 else steps[:-1]), query)
        for taken in range(1, min(len(steps), _MOST_STEPS)):
            add(f"relative link {taken}", "/" + "/".join(steps[taken:]), query)
    return out


def family(way: str) -> str:
    """The way without its number: what is learned of one relative link holds for all."""
    return "relative link" if way.startswith("relative link") else way


def reason(way: str, plain: str) -> str:
    """Why a twin is not fetched, as half a sentence."""
    said = {"letter case": "capital letters", "file ending": "the ending of its name",
            "relative link": "steps that a relative link put before its path"}.get(family(way), way)
    return f"on this site {said} makes no difference: it shows the post at {plain}"


@dataclass(frozen=True, slots=True)
class Trust:
    """How often a way led to the same post, and whether it ever led to another."""

    borne_out: int = 0
    refuted: bool = False


class Twins:
    """What is known of the ways of one site in one run."""

    def __init__(self) -> None:
        self._trust: dict[str, Trust] = {}

    def copy(self) -> Twins:
        """What is known now."""
        out = Twins()
        out._trust = dict(self._trust)
        return out

    def same(self, key: str, others: Iterable[str]) -> None:
        """The page at `key` shows a post that is known at the addresses `others`."""
        known = {o for o in others if o != key}
        reduced = {made for other in known for made in ways(other).items()}
        seen = {family(way) for way, plain in ways(key).items() if plain in known or (way, plain) in reduced}
        for way in seen:
            trust = self._trust.get(way, Trust())
            self._trust[way] = replace(trust, borne_out=trust.borne_out + 1)

    def another(self, key: str, plain_is_post: set[str]) -> None:
        """The page at `key` is a post of its own; `plain_is_post` are ways that lead to another post than this."""
        for way in {family(w) for w in ways(key) if w in plain_is_post}:
            self._trust[way] = replace(self._trust.get(way, Trust()), refuted=True)

    def open(self, key: str) -> dict[str, tuple[str, int]]:
        """The ways in which an address may be a twin, as far as they are in doubt: the other address, and how many
        more pages would settle the way.
        """
        out = {}
        for way, plain in ways(key).items():
            trust = self._trust.get(family(way), Trust())
            if not trust.refuted and trust.borne_out < ENOUGH:
                out[way] = (plain, ENOUGH - trust.borne_out)
        return out

    @property
    def believed(self) -> frozenset[str]:
        """The ways that are believed."""
        return frozenset(w for w, t in self._trust.items() if t.borne_out >= ENOUGH and not t.refuted)

    def plainer(self, key: str) -> list[tuple[str, str]]:
        """The ways, of those that are believed, in which an address may be a twin, and the address it leads to."""
        believed = self.believed
        return [(way, plain) for way, plain in ways(key).items() if family(way) in believed] if believed else []
