"""Progress on stderr."""

from __future__ import annotations

import pytest

from archiver.extensions.crawl_progress_display import Line, Terminal


def test_progress_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().draw(Line("low.example", "read [b]one[/b] [/] :smile: page"))
    assert capsys.readouterr().err == "low.example: read [b]one[/b] [/] :smile: page\n"
