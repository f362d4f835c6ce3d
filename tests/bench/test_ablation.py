"""`bench/ablate`: which functions are steps, and what one does that is switched off."""

from __future__ import annotations

import pytest
from measure_ablation import Step, UnknownStep, find_steps, recorded, switched_off

import archiver
from archiver.extraction import body, boilerplate

PROSE = f"<p>{'The pier was gone at nine. ' * 9}</p>"
HTML = f"<article><h1>Fog</h1>{PROSE}<p>Advertisement</p>{PROSE}</article>"


def text() -> str:
    return archiver.extract(HTML, "https://quay.example/fog").body


def test_a_step_that_is_switched_off_is_off_in_every_module_that_imports_it() -> None:
    (step,) = find_steps(["boilerplate"], ["is_notice"])
    real = body.is_notice
    assert "Advertisement" not in text()
    with switched_off(step):
        assert "Advertisement" in text()
    assert body.is_notice is boilerplate.is_notice is real


def test_a_step_is_recorded_on_the_pages_on_which_it_returns_something() -> None:
    (step,) = find_steps(["boilerplate"], ["is_notice"])
    active: set[Step] = set()
    with recorded(step, active):
        archiver.extract(f"<article><h1>Fog</h1>{PROSE}{PROSE}</article>", "https://quay.example/fog")
        assert not active
        text()
    assert active == {step}


def test_a_step_without_a_result_acts_when_it_is_called() -> None:
    (step,) = find_steps(["authors"], ["_add_visible"])
    active: set[Step] = set()
    with recorded(step, active):
        text()
    assert active == {step}


def test_steps_are_the_functions_of_a_module_whose_result_may_be_empty() -> None:
    names = {step.name for step in find_steps(["boilerplate"])}
    assert {"is_notice", "boilerplate_word", "opens_comments"} <= names
    assert "clean_text" not in names  # another module's


@pytest.mark.parametrize(("modules", "names"), [(["nosuch"], []), ([], ["nosuch"])])
def test_an_unknown_step_is_named(modules: list[str], names: list[str]) -> None:
    with pytest.raises(UnknownStep, match="nosuch"):
        find_steps(modules, names)
