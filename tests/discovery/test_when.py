"""Times that parse_time accepts and rejects."""

from __future__ import annotations

import pytest

from archiver.discovery.timestamps import parse_time


@pytest.mark.parametrize("zone", ["+0000", "-0000", "GMT", "Z"])
def test_a_zone_of_zeros_is_not_a_year(zone: str) -> None:
    found = parse_time(f"Wed, 01 Oct 2025 16:30:00 {zone}")
    assert found is not None
    assert found.isoformat() == "2025-10-01T16:30:00+00:00"


@pytest.mark.parametrize("text", ["Mon, 01 Jan 0001 00:00:00 +0000", "0001-01-01T00:00:00Z", "1 Jan 0001 00:00:00"])
def test_the_year_one_is_not_a_time(text: str) -> None:
    assert parse_time(text) is None
