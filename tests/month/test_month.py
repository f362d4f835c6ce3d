"""A few faults of the month: nothing good is replaced, and one message reports each. All: `python -m tests.month`."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.month.archives import messages
from tests.month.simulation import Month, Outcome, simulate
from tests.month.site_faults import SITE_FAULTS
from tests.month.world import world

FIRST, LAST = 9, 12
QUICK = {fault.name: fault for fault in SITE_FAULTS if fault.name in ("feed-html", "login-wall")}


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    folder = tmp_path_factory.mktemp("month")
    with world(1, folder) as blogs:
        made = Month(blogs, folder, ("e",))
        made.build(FIRST, LAST)
        yield made


@pytest.fixture(scope="module")
def outcomes(month: Month) -> dict[str, Outcome]:
    return {name: simulate(month, fault, FIRST, Random(3)) for name, fault in QUICK.items()}


def test_nothing_is_told_of_a_healthy_month(month: Month) -> None:
    assert messages(month.folders[LAST]) == []


@pytest.mark.parametrize("name", QUICK)
def test_a_fault_loses_nothing_and_is_told_once(outcomes: dict[str, Outcome], name: str) -> None:
    assert outcomes[name].missed == []
    assert (outcomes[name].begun, outcomes[name].over) == (1, 1)
    assert outcomes[name].channels == ["command", "webhook"]


def test_a_run_that_is_killed_at_a_step_and_run_again_changes_nothing(
    month: Month, outcomes: dict[str, Outcome]
) -> None:
    steps = outcomes["feed-html"].steps
    again = simulate(month, QUICK["feed-html"], FIRST, Random(3), steps)
    assert again.killed
    assert again.missed == []
