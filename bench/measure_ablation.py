"""Extracts pages with single steps of extraction switched off, and counts what changes."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

from measure_corpus import scorer
from progress import with_progress

import archiver
import archiver.extraction
import archiver.platforms
from archiver.extraction.normalization import fold_text
from tests.page_cases import case_differences, find_cases, read_case, read_expected

CASES = Path(__file__).resolve().parents[1] / "tests" / "cases" / "extraction"
FIELDS = (
    "title",
    "body",
    "authors",
    "published",
    "categories",
    "tags",
    "language",
    "geotags",
    "credits",
    "image",
    "kind",
)
_KEYS = {"published": "date"}
"""Fields whose true value has another name in the files of the corpus and the sites."""
_EMPTY: tuple[tuple[str, Any], ...] = (
    ("bool", False), ("str", ""), ("list", []), ("tuple", ()), ("set", set()), ("frozenset", frozenset()),
    ("dict", {}), ("Iterator", ()), ("Iterable", ()), ("Sequence", ()), ("None", None),
)  # fmt: skip
"""The empty value of a result, by what its annotation begins or ends with."""


class UnknownStep(Exception):
    """Raised for a module or step that does not exist. The message names it."""


@dataclass(frozen=True)
class Step:
    """A function of extraction, and the value that it returns when it is switched off."""

    module: str
    name: str
    empty: Any = field(compare=False)


@dataclass(frozen=True)
class KnownPage:
    """A page with what is known of its article."""

    html: bytes
    url: str
    truth: dict[str, Any]


def find_steps(modules: Collection[str] = (), names: Collection[str] = ()) -> list[Step]:
    """Returns the steps of these modules (of all if there are none) with these names. Raises UnknownStep."""
    found: list[Step] = []
    for package in (archiver.extraction, archiver.platforms):
        for info in pkgutil.iter_modules(package.__path__):
            if modules and info.name not in modules:
                continue
            module = importlib.import_module(f"{package.__name__}.{info.name}")
            for name, function in inspect.getmembers(module, inspect.isfunction):
                wanted = function.__module__ == module.__name__ and (not names or name in names)
                if wanted and (empty := _empty_result(function)) is not inspect.Signature.empty:
                    found.append(Step(module.__name__, name, empty))
    for name in {*modules} - {step.module.rpartition(".")[2] for step in found}:
        raise UnknownStep(f"{name} is no module of extraction with such a step.")
    for name in {*names} - {step.name for step in found}:
        raise UnknownStep(f"{name} is no step whose result may be empty.")
    return found


def _empty_result(function: Callable[..., Any]) -> Any:
    given = str(function.__annotations__.get("return", "")).strip()
    ends = given.rpartition("|")[2].strip()
    return next((value for name, value in _EMPTY if given.startswith(name) or ends == name), inspect.Signature.empty)


@contextmanager
def replaced(step: Step, by: Callable[..., Any]) -> Iterator[None]:
    """Context manager within which another function stands for a step, in every module that imported it."""
    real = getattr(importlib.import_module(step.module), step.name)
    held = [m for n, m in sys.modules.items() if n.startswith("archiver.") and getattr(m, step.name, None) is real]
    for module in held:
        setattr(module, step.name, by)
    try:
        yield
    finally:
        for module in held:
            setattr(module, step.name, real)


def switched_off(step: Step) -> AbstractContextManager[None]:
    """Context manager within which a step returns its empty value, a new one for each call."""
    real = getattr(importlib.import_module(step.module), step.name)

    def off(*_: Any, **__: Any) -> Any:
        return iter(()) if step.empty == () and inspect.isgeneratorfunction(real) else copy(step.empty)

    return replaced(step, off)


def recorded(step: Step, active: set[Step]) -> AbstractContextManager[None]:
    """Context manager within which a step is added to `active` when it returns something that is not empty, or when it
    is called if it never returns anything.
    """
    real = getattr(importlib.import_module(step.module), step.name)
    is_procedure = str(real.__annotations__.get("return")).strip() == "None"

    def watched(*given: Any, **named: Any) -> Any:
        result = real(*given, **named)
        if inspect.isgeneratorfunction(real):
            return _passed_on(result, step, active)
        if is_procedure or (result is not None and result != step.empty):
            active.add(step)
        return result

    return replaced(step, watched)


def _passed_on(values: Iterator[Any], step: Step, active: set[Step]) -> Iterator[Any]:
    for value in values:
        active.add(step)
        yield value


COLUMNS = ("step", "pages on which it acts", "pages that change without it, gain and loss", "cases that fail")


def table(steps: Sequence[Step], shared: Path, posts: int) -> Iterator[tuple[str, int, str, str]]:
    """Yields the rows of a table with these columns: for each step, on how many pages which field changes, by how much
    it comes nearer to the truth (+) or farther from it (-), and which cases fail.
    """
    evaluate = scorer(shared)
    pages = [*_corpus(shared, evaluate), *posts_of_sites(shared, posts)]
    before = _results(steps, pages, evaluate)
    for step in with_progress(steps, "ablation"):
        after = _results(step, pages, evaluate, before)
        changes = [change for name in FIELDS if (change := _change(name, before.pages, after.pages))]
        failing = sorted(after.failed - before.failed)
        cases = f"{len(failing)}: {', '.join(failing[:3])}{' ...' if len(failing) > 3 else ''}" if failing else "none"
        acts = sum(step in one for one in before.acting)
        name = f"{step.module.rpartition('.')[2]}.{step.name}"
        yield name, acts, "; ".join(changes) or "nothing", cases


_Result = dict[str, tuple[int, float | None]] | None
"""For each field a digest of its value and how near it is to the truth (0 to 1, None if unknown); None if the page
could not be read.
"""


def _change(field: str, before: Sequence[_Result], after: Sequence[_Result]) -> str:
    pages, gain, loss = 0, 0.0, 0.0
    for one, other in zip(before, after, strict=True):
        if one is None or other is None:
            pages += one is not other
            continue
        (old, was), (new, now) = one[field], other[field]
        pages += old != new
        if was is not None and now is not None:
            gain, loss = gain + max(now - was, 0), loss + max(was - now, 0)
    return f"{field} {pages} (+{gain:.1f} -{loss:.1f})" if pages else ""


@dataclass(frozen=True)
class _Results:
    """What was read from the pages, the names of the cases that fail, and the steps that act on each page and case."""

    pages: list[_Result]
    failed: set[str]
    acting: list[frozenset[Step]]
    acting_in_case: list[frozenset[Step]]


_work: tuple[Step | Sequence[Step], list[KnownPage], ModuleType]
"""What the processes that read pages inherit."""


def _results(
    step: Step | Sequence[Step], pages: list[KnownPage], evaluate: ModuleType, before: _Results | None = None
) -> _Results:
    """Returns the results with one step switched off, or with several recorded. With `before`, only what the step acts
    on is read again.
    """
    global _work
    _work = step, pages, evaluate
    cases = find_cases(CASES)
    numbers = [n for n in range(len(pages)) if before is None or step in before.acting[n]]
    again = [one for n, one in enumerate(cases) if before is None or step in before.acting_in_case[n]]
    with ProcessPoolExecutor(mp_context=get_context("fork")) as pool:
        read = list(pool.map(_read, numbers, chunksize=20))
        failed = list(pool.map(_failed_case, again, chunksize=20))
    results = list(before.pages) if before else [None] * len(pages)
    for number, (result, _) in zip(numbers, read, strict=True):
        results[number] = result
    still = {one.name for one in cases} - {one.name for one in again} if before else set()
    return _Results(
        results,
        {name for name, _ in failed if name} | (before.failed & still if before else set()),
        [acting for _, acting in read],
        [acting for _, acting in failed],
    )


def _read(number: int) -> tuple[_Result, frozenset[Step]]:
    step, pages, evaluate = _work
    page = pages[number]
    try:
        article, acting = _under(step, archiver.extract, page.html, page.url)
    except Exception:  # the step that is switched off may be needed; the failure is a result
        return None, frozenset()
    values = {field: getattr(article, field) for field in FIELDS}
    return {name: (hash(str(value)), nearness(name, value, page.truth, evaluate)) for name, value in values.items()}, (
        acting
    )


def _failed_case(folder: Path) -> tuple[str, frozenset[Step]]:
    try:
        result, acting = _under(_work[0], read_case, folder)
        wrong = case_differences(result, read_expected(folder))
    except Exception:  # as above
        return folder.name, frozenset()
    return folder.name if wrong else "", acting


def _under(step: Step | Sequence[Step], call: Callable[..., Any], *given: Any) -> tuple[Any, frozenset[Step]]:
    """Returns the result of a call with one step switched off, or with several recorded, and those that acted."""
    active: set[Step] = set()
    with ExitStack() as stack:
        for one in () if isinstance(step, Step) else step:
            stack.enter_context(recorded(one, active))
        if isinstance(step, Step):
            stack.enter_context(switched_off(step))
        return call(*given), frozenset(active)


def nearness(field: str, value: Any, truth: dict[str, Any], evaluate: ModuleType) -> float | None:
    """Returns how near a field's value is to the truth: 0 to 1; None if the truth is unknown or empty."""
    wanted = truth.get(_KEYS.get(field, field))
    if not wanted:
        return None
    if field == "body":
        got, known = set(evaluate.shingles(value)), set(evaluate.shingles(wanted))
    elif isinstance(wanted, list):
        got, known = set(map(fold_text, value)), set(map(fold_text, wanted))
    elif field == "published":
        got, known = {str(value or "")[: len(wanted)]}, {wanted}
    else:
        got, known = {fold_text(str(value or ""))}, {fold_text(wanted)}
    return 2 * len(got & known) / (len(got) + len(known)) if got or known else 1.0


def _corpus(shared: Path, evaluate: ModuleType) -> Iterator[KnownPage]:
    folder = evaluate.html_folder()
    for page in evaluate.load_pages():
        yield KnownPage((folder / f"{page['id']}.html").read_bytes(), page["url"], page)


def posts_of_sites(shared: Path, count: int = 0, name: str = "") -> Iterator[KnownPage]:
    """Yields `count` posts of each site (0: all), evenly spread, or of the site `name` alone."""
    folder = shared / "sites"
    sys.path.append(str(folder))
    serve = importlib.import_module("serve")
    hosts = serve.load(str(folder), str(folder / "sites.json"))
    for site in {one["name"]: one for one in hosts.values() if not name or one["name"] == name}.values():
        lines = (folder / f"{site['name']}.truth.jsonl").read_text(encoding="utf-8").splitlines()
        for line in lines[:: max(len(lines) // count, 1) if count else 1][: count or None]:
            truth = json.loads(line)
            path = unquote(urlsplit(truth["url"]).path)
            under = site.get("prefix", "")
            files = (path, f"{path.rstrip('/')}/index.html", f"{path}.html")
            tried = (one for file in files for one in (file, file.removeprefix(under)))
            if (file := next((one for one in tried if site["store"].stat(one)), None)) is not None:
                yield KnownPage(site["store"].read(file), f"http://{site['hosts'][0]}{path}", truth)
