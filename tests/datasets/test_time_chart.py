"""The chart of a dataset's articles over time."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from archiver.datasets.time_chart import histogram_svg
from archiver.search.histogram import Histogram, Period

SVG = "{http://www.w3.org/2000/svg}"
FOUND = Histogram(
    "month",
    (
        Period("2024-01", 4, 9, "matched"),
        Period("2024-02", 0, 3, "none"),
        Period("2024-03", 0, 0, "unarchived"),
        Period("2024-04", 0, 0, "unarchived"),
        Period("2024-05", 1, 1, "matched"),
        Period("2024-06", 0, 0, "ahead"),
    ),
    7,
    2,
    "2024-05-30",
)


def test_a_histogram_chart_has_bars_and_gaps() -> None:
    root = ElementTree.fromstring(histogram_svg(FOUND))
    titles = [re.findall(r"\d[\d-]*", e.text or "") for e in root.iter(f"{SVG}title")]
    assert titles == [
        ["7"],
        ["2024-03", "2024-04"],
        ["2024-06"],
        ["2024-01", "4", "9"],
        ["2024-02"],
        ["2024-05", "1", "1"],
    ]
