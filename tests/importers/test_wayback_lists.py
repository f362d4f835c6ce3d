"""Lists without resume keys are complete, however few captures the server returns at once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archiver.discovery import cdx
from archiver.importers.capture_list import CaptureAction, CaptureList, ListRequests, NoCaptureList, WaybackPlan
from archiver.importers.memento_service import parse_archive_service

BEGIN = datetime(2001, 1, 1, tzinfo=UTC)
PLAN = WaybackPlan(Path("none"), parse_archive_service("http://archive.example/coll/cdx"), "http://blog.example/")


def ask(lists: ListRequests, times: list[datetime], limit: int) -> int:
    """Respond like a server with captures at these times, all of different URLs. Returns the number of requests."""
    asked = 0
    while (url := lists.next()) is not None:
        words = parse_qs(urlsplit(url).query)
        since, until = words.get("from", ["0"])[0], words.get("to", ["9"])[0]
        rows = [
            {
                "urlkey": str(n),
                "timestamp": f"{at:%Y%m%d%H%M%S}",
                "url": f"http://blog.example/post-{n}",
                "mime": "text/html",
                "status": "200",
                "digest": "A",
            }
            for n, at in enumerate(times)
        ]
        rows = [row for row in rows if since <= row["timestamp"] <= until][:limit]
        lists.read(200, "", "\n".join(map(json.dumps, rows)).encode())
        asked += 1
    return asked


@settings(max_examples=30)
@given(st.lists(st.integers(0, 700_000_000), min_size=0, max_size=60, unique=True), st.integers(2, 9))
@example([0, 1], 2)
def test_halved_time_ranges_list_everything_once(seconds: list[int], limit: int) -> None:
    times = [BEGIN + timedelta(seconds=s) for s in seconds]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cdx, "UNPAGED", limit)
        listing = CaptureList(PLAN)
        lists = ListRequests(PLAN, listing)
        ask(lists, times, limit)
        listing.decide()
        assert listing.total == len(times)
        assert not lists.problems
        assert sorted(row.listed.url for row in listing.rows(CaptureAction.FETCH)) == sorted(
            f"http://blog.example/post-{n}" for n in range(len(times))
        )
        listing.close()


def test_truncated_list_of_one_second_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdx, "UNPAGED", 3)
    listing = CaptureList(PLAN)
    lists = ListRequests(PLAN, listing)
    assert ask(lists, [BEGIN] * 5, 3) < 200
    assert [p.kind.value for p in lists.problems] == ["cut-list"]


def test_repeated_resume_keys_and_empty_lists_end() -> None:
    plan = WaybackPlan(Path("none"), parse_archive_service("internet-archive"), "http://blog.example/")
    listing = CaptureList(plan)
    lists = ListRequests(plan, listing)
    asked = 0
    while lists.next() is not None:
        asked += 1
        found = ["20100101000000", f"http://blog.example/p{asked}"]
        lists.read(200, "", json.dumps([["timestamp", "original"], found, [], ["ab"[asked % 2]]]).encode())
    assert asked == 3
    empty = ListRequests(plan, listing)
    empty.next()
    empty.read(404, "", b'{"message": "No Captures found for: blog.example/*"}')
    assert empty.next() is None
    with pytest.raises(NoCaptureList, match="it responds with 404"):
        ListRequests(plan, listing).read(404, "", b"not here")
