"""Lines with one or two dates."""

from __future__ import annotations

import pytest

from archiver.extraction.dateline import read_dates


@pytest.mark.parametrize(
    ("before", "text", "published", "modified"),
    [
        ("", "August 16, 2019", "2019-08-16", None),
        ("", "Updated July 9, 2025", None, "2025-07-09"),
        ("Last updated:", "Dec 12, 2025", None, "2025-12-12"),
        ("Published", "15 November 2018", "2018-11-15", None),
        ("", "August 16, 2019 - Updated July 9, 2025", "2019-08-16", "2025-07-09"),
        ("", "Updated July 9, 2025, first published August 16, 2019", "2019-08-16", "2025-07-09"),
        ("", "Aktualisiert am 9.7.2025", None, "2025-07-09"),
        ("", "2024-05-01 更新", None, "2024-05-01"),
        ("", "© 2020-05-01 Harbour News", None, None),
        ("", "no date at all", None, None),
    ],
)
def test_read_dates(before: str, text: str, published: str | None, modified: str | None) -> None:
    found = read_dates(text, "en-US", before)
    assert tuple(m.at.date().isoformat() if m else None for m in found) == (published, modified)
