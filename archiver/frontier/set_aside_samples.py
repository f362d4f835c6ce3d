"""Samples of the pages that a run has set aside as likely traps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random

from archiver.discovery.url_classifier_and_patterns import URLPattern

_LEAST, _MOST, _MORE_PER = 10, 20, 500


_MOST_PATTERNS = 100


OTHER_PATTERNS = "other patterns"
"""The key under which `SetAsidePages.as_json` counts all patterns of a family after the first hundred together."""


def sample_size(pages: int, *, by_sources: bool = False) -> int:
    """Returns how many of `pages` set-aside pages are sampled: 10, plus one for every 500 pages, but at most 20. If the
    pages were set aside because a source lists all posts (`by_sources`), it is one page in ten, but at most 20 pages.
    """
    return min(pages, _MOST, -(-pages // 10) if by_sources else _LEAST + pages // _MORE_PER)


@dataclass(frozen=True, slots=True)
class SetAside:
    """The pages of one URL pattern that a run has set aside.

    - `pages`: how many pages are set aside now.
    - `sampled`: how many pages were sampled, and are therefore no longer set aside.
    - `hits`: how many of the sampled pages are posts or lead to unknown posts.
    - `rounds`: the number of samples since the pattern was last reopened, that is, since all its pages were last
      released to be fetched.
    - `waiting`: how many pages were set aside since the last sample.
    - `chosen`: the IDs of the pages to sample next, chosen uniformly at random from the waiting pages.
    """

    pages: int = 0
    sampled: int = 0
    hits: int = 0
    rounds: int = 0
    waiting: int = 0
    chosen: tuple[int, ...] = ()


@dataclass(slots=True)
class SetAsidePages:
    """The pages that a run has set aside, by URL pattern. It keeps at most 20 IDs of each pattern (Vitter's algorithm
    R), so its size depends on the number of patterns only.

    `run_id` seeds the random choices, so that the sample of a run can be repeated.
    """

    run_id: int
    _patterns: dict[URLPattern, SetAside] = field(default_factory=dict)

    def copy(self) -> SetAsidePages:
        """Returns a copy, which later changes do not affect."""
        return SetAsidePages(self.run_id, dict(self._patterns))

    def __contains__(self, pattern: URLPattern) -> bool:
        return bool((known := self._patterns.get(pattern)) and known.pages)

    def add(self, pattern: URLPattern, page_id: int) -> None:
        """Records that a page of this pattern is set aside."""
        known = self._patterns.get(pattern, SetAside())
        chosen, at = known.chosen, known.waiting
        if len(chosen) < _MOST:
            chosen = (*chosen, page_id)
        elif (place := self._random(pattern, f"{known.rounds}.{at}").randrange(at + 1)) < _MOST:
            chosen = (*chosen[:place], page_id, *chosen[place + 1 :])
        self._patterns[pattern] = replace(known, pages=known.pages + 1, waiting=at + 1, chosen=chosen)

    def _random(self, pattern: URLPattern, step: str) -> Random:
        return Random(f"{self.run_id} {pattern.family} {pattern.key} {step}")

    def take_samples(
        self, rounds: Mapping[str, int], by_sources: Callable[[URLPattern], bool] = lambda pattern: False
    ) -> dict[int, URLPattern]:
        """Returns the pages to sample now, by ID, each with its pattern. Until a pattern is reopened, it is sampled as
        many times as `rounds` says for its family, or once if the family is not in `rounds`. `by_sources` returns True
        if the pages of a pattern are set aside because a source lists all posts.
        """
        out: dict[int, URLPattern] = {}
        for pattern, known in self._patterns.items():
            if known.waiting and known.rounds < rounds.get(pattern.family, 1):
                dice = self._random(pattern, f"{known.rounds} sample")
                ids = dice.sample(known.chosen, sample_size(known.waiting, by_sources=by_sources(pattern)))
                out.update(dict.fromkeys(ids, pattern))
                self._patterns[pattern] = replace(
                    known,
                    pages=known.pages - len(ids),
                    sampled=known.sampled + len(ids),
                    rounds=known.rounds + 1,
                    waiting=0,
                    chosen=(),
                )
        return out

    def count_hit(self, pattern: URLPattern) -> None:
        """Counts a sampled page that is a post or leads to an unknown post."""
        known = self._patterns[pattern]
        self._patterns[pattern] = replace(known, hits=known.hits + 1)

    def reopen(self, pattern: URLPattern) -> None:
        """Records that the pages of this pattern are no longer set aside."""
        known = self._patterns[pattern]
        self._patterns[pattern] = replace(known, pages=0, rounds=0, waiting=0, chosen=())

    def as_json(self, rule: str) -> dict[str, dict[str, dict[str, int]]]:
        """Returns the counts of each pattern for a run's statistics, by rule (`rule` and the family) and pattern. The
        counts are `pages` (without those that were sampled), `sampled` and `hits`. In each family, the hundred patterns
        with the most pages get an entry each, and all other patterns share one entry.
        """
        out: dict[str, dict[str, dict[str, int]]] = {}
        for pattern, known in sorted(self._patterns.items(), key=lambda one: (-one[1].pages, one[0])):
            if not (known.pages or known.sampled):
                continue
            counts = out.setdefault(f"{rule}: {pattern.family}", {})
            key = pattern.key if len(counts) < _MOST_PATTERNS else OTHER_PATTERNS
            row = counts.setdefault(key, {"pages": 0, "sampled": 0, "hits": 0})
            for name in row:
                row[name] += getattr(known, name)
        return out
