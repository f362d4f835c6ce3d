"""Measures merging two archives that have two thirds of a generated site each, and a takedown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import measure_import
from process import Ran, archiver
from table import Column, tenths, whole

COLUMNS = (
    Column("articles", "articles"),
    Column("seconds", "seconds", form=tenths),
    Column("articles_s", "articles/s", form=whole),
    Column("peak_mb", "peak MB", at_most=400, form=whole),
)


def measure(posts: int, kilobytes: int, work: Path) -> dict[str, dict[str, Any]]:
    """Return a row for each merge (into an empty archive; of one with half of the posts known; the same again), and one
    for the removal of a post from the result."""
    third = posts // 3
    a, b = work / "a" / "archive.db", work / "b" / "archive.db"
    for archive, first, last in ((a, 0, 2 * third), (b, third, 3 * third)):
        file = work / f"{archive.parent.name}.warc.gz"
        measure_import.write(file, posts, kilobytes, range(first, last))
        _done(archiver("import", str(file), "--archive", str(archive), "--quiet"))
        file.unlink()
    into = work / "c" / "archive.db"
    out = {}
    for name, other, number in (
        ("into an empty archive", a, 2 * third),
        ("half of it known", b, 2 * third),
        ("once more", b, 2 * third),
    ):
        ran = _done(archiver("merge", str(other), "--yes", "--archive", str(into), "--json"))
        [summary] = json.loads(ran.out)
        assert summary["articles"] + summary["joined"] == number, summary
        out[name] = _row(ran, number)
    ran = _done(archiver("remove", "1", "--reason", "measured", "--yes", "--archive", str(into)))
    out["one post removed"] = _row(ran, 1)
    return out


def _row(ran: Ran, articles: int) -> dict[str, Any]:
    return {"articles": articles, "seconds": ran.seconds, "articles_s": articles / ran.seconds, "peak_mb": ran.peak_mb}


def _done(ran: Ran) -> Ran:
    if ran.code:
        raise SystemExit(f"It failed (exit code {ran.code}): {(ran.out + ran.err)[-2000:]}")
    return ran
