"""What a run learns of a site's traps, where a batch of visits could not be written at once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archiver.frontier.twins import ENOUGH
from archiver.items import Article, Outcome, PageKind, Source, Target, Visit
from archiver.spiders.ending import Ending
from archiver.spiders.session import CrawlSession
from archiver.store import ledger

START = "http://a.example/"
POSTS = [f"{START}post-{n}/" for n in range(9)]


def visit(url: str, outcome: Outcome, *told: str, to: str = "") -> Visit:
    targets = tuple(Target(other, Source.LINK, PageKind.UNKNOWN) for other in told)
    article = Article(url=url, title=f"Title {url}", body=f"What stands at {url} and nowhere else. " * 9)
    return Visit(url, to or url, datetime.now(UTC), outcome, PageKind.POST, status=200, targets=targets,
                 article=article if outcome is Outcome.ARCHIVED else None)


def test_what_a_batch_taught_that_was_undone_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pages show that ?lang= makes no difference, in a batch with one that cannot be stored: that are three."""
    run = CrawlSession(tmp_path / "a.db", START)
    write: Any = ledger.record_visit

    def record_visit(db: Any, visit: Visit, **rest: Any) -> None:
        if visit.outcome is Outcome.OUT_OF_SCOPE:
            raise ValueError("it cannot be stored")
        write(db, visit, **rest)

    monkeypatch.setattr(ledger, "record_visit", record_visit)
    [home] = run.due(60)
    run.done(visit(home.url, Outcome.NOT_ARTICLE, *POSTS))
    for job in run.due(60):
        run.done(visit(job.url, Outcome.ARCHIVED, *(f"{url}?lang=de" for url in POSTS)))
    twins = [job.url for job in run.due(60)]
    assert len(twins) == ENOUGH
    for url in twins[:3]:
        run.done(visit(url, Outcome.DUPLICATE, to=url.partition("?")[0]))
    run.done(visit(twins[3], Outcome.OUT_OF_SCOPE))
    # One of those asked for is still to come: with one more it would be enough.
    assert len(run.due(60)) == 1 and (run.counts.failed, run.counts.trapped) == (1, 0)
    run.close(Ending("finished", ""))
