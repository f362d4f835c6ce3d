"""Counts of words in a row over all articles of a year and language, exact and in bounded memory.

What few articles have is left out: a passage cannot be put together from words that many texts share, and names that
stand in one or two of them do not appear.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any

LONGEST = 5
DEFAULT = 2
FEWEST = 5
"""Articles that must have it."""
_HELD = 1_000_000
"""Different ones that are held in memory (of about 130 bytes each)."""


class Ngrams:
    """Fed with the words of articles, it gives the rows of the table in their order. `folder` takes what does not fit
    into memory."""

    def __init__(self, longest: int, folder: Path, held: int = _HELD) -> None:
        self._longest, self._folder, self._held = longest, folder, held
        self._articles: Counter[str] = Counter()
        self._times: Counter[str] = Counter()
        self._spilled: list[Path] = []

    def add(self, year: str, language: str, tokens: Sequence[str]) -> None:
        own: Counter[str] = Counter()
        for n in range(1, self._longest + 1):
            own.update(map(" ".join, zip(*(islice(tokens, start, None) for start in range(n)), strict=False)))
        prefix = f"{year}\t{language}\t"
        keyed = {f"{prefix}{ngram.count(' ') + 1}\t{ngram}": times for ngram, times in own.items()}
        self._articles.update(keyed.keys())
        self._times.update(keyed)
        if len(self._times) > self._held:
            self._spill()

    def _spill(self) -> None:
        file = self._folder / f".{len(self._spilled)}.ngrams"
        with file.open("w", encoding="utf-8", errors="replace", newline="\n") as out:
            out.writelines(f"{key}\t{self._articles[key]}\t{self._times[key]}\n" for key in sorted(self._times))
        self._spilled.append(file)
        self._articles.clear()
        self._times.clear()

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows, by year, language, n and words; then nothing is left in the folder."""
        if self._times:
            self._spill()
        files = [file.open(encoding="utf-8", newline="\n") for file in self._spilled]
        try:
            lines = heapq.merge(*files, key=lambda line: line.rsplit("\t", 2)[0])
            parts = (line.rstrip("\n").rsplit("\t", 2) for line in lines)
            for key, group in groupby(parts, key=lambda part: part[0]):
                counts = [(int(articles), int(times)) for _, articles, times in group]
                articles = sum(count for count, _ in counts)
                if articles >= FEWEST:
                    year, language, n, ngram = key.split("\t")
                    yield {"year": year, "language": language, "n": int(n), "ngram": ngram, "articles": articles,
                           "occurrences": sum(times for _, times in counts)}
        finally:
            for handle, file in zip(files, self._spilled, strict=True):
                handle.close()
                file.unlink()
