"""Extracts pages with single steps of extraction switched off, and counts what changes."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
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
    empty: Any


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
def switched_off(step: Step) -> Iterator[None]:
    """Context manager within which a step returns its empty value, in every module that imported it."""
    real = getattr(importlib.import_module(step.module), step.name)

    def off(*_: Any, **__: Any) -> Any:
        return iter(()) if step.empty == () and inspect.isgeneratorfunction(real) else step.empty

    held = [m for n, m in sys.modules.items() if n.startswith("archiver.") and getattr(m, step.name, None) is real]
    for module in held:
        setattr(module, step.name, off)
    try:
        yield
    finally:
        for module in held:
            setattr(module, step.name, real)


def table(steps: Sequence[Step], shared: Path, posts: int) -> Iterator[str]:
    """Yields the lines of a Markdown table: for each step, on how many pages which field changes, by how much it comes
    nearer to the truth (+) or farther from it (-), and which cases fail.
    """
    evaluate = scorer(shared)
    pages = [*_corpus(shared, evaluate), *_posts(shared, posts)]
    before = _results(None, pages, evaluate)
    yield "| step | fields: pages that change, gain and loss | cases that fail |"
    yield "|---|---|---|"
    for step in with_progress(steps, "ablation"):
        after = _results(step, pages, evaluate)
        changes = [change for field in FIELDS if (change := _change(field, before[0], after[0]))]
        failing = sorted(after[1] - before[1])
        cases = f"{len(failing)}: {', '.join(failing[:3])}{' ...' if len(failing) > 3 else ''}" if failing else "none"
        yield f"| {step.module.rpartition('.')[2]}.{step.name} | {'; '.join(changes) or 'nothing'} | {cases} |"


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


_work: tuple[Step | None, list[KnownPage], ModuleType]
"""What the processes that read pages inherit."""


def _results(step: Step | None, pages: list[KnownPage], evaluate: ModuleType) -> tuple[list[_Result], set[str]]:
    """Returns the results of the pages and the names of the cases that fail."""
    global _work
    _work = step, pages, evaluate
    with ProcessPoolExecutor(mp_context=get_context("fork")) as pool:
        read = list(pool.map(_read, range(len(pages)), chunksize=20))
        failed = set(filter(None, pool.map(_failed_case, find_cases(CASES), chunksize=20)))
    return read, failed


def _read(number: int) -> _Result:
    step, pages, evaluate = _work
    page = pages[number]
    try:
        article = _without(step, archiver.extract, page.html, page.url)
    except Exception:  # the step that is switched off may be needed; the failure is a result
        return None
    values = {field: getattr(article, field) for field in FIELDS}
    return {field: (hash(str(value)), _nearness(field, value, page.truth, evaluate)) for field, value in values.items()}


def _failed_case(folder: Path) -> str:
    try:
        wrong = case_differences(_without(_work[0], read_case, folder), read_expected(folder))
    except Exception:  # as above
        return folder.name
    return folder.name if wrong else ""


def _without(step: Step | None, call: Callable[..., Any], *given: Any) -> Any:
    if step is None:
        return call(*given)
    with switched_off(step):
        return call(*given)


def _nearness(field: str, value: Any, truth: dict[str, Any], evaluate: ModuleType) -> float | None:
    wanted = truth.get(_KEYS.get(field, field))
    if not wanted:
        return None
    if field == "body":
        got, known = set(evaluate.shingles(value)), set(evaluate.shingles(wanted))
    elif isinstance(wanted, list):
        got, known = set(map(fold_text, value)), set(map(fold_text, wanted))
    else:
        got, known = {fold_text(str(value or "")[: len(wanted)])}, {fold_text(wanted)}
    return 2 * len(got & known) / (len(got) + len(known)) if got or known else 1.0


def _corpus(shared: Path, evaluate: ModuleType) -> Iterator[KnownPage]:
    folder = evaluate.html_folder()
    for page in evaluate.load_pages():
        yield KnownPage((folder / f"{page['id']}.html").read_bytes(), page["url"], page)


def _posts(shared: Path, count: int) -> Iterator[KnownPage]:
    """Yields posts of each site, evenly spread."""
    folder = shared / "sites"
    sys.path.append(str(folder))
    serve = importlib.import_module("serve")
    hosts = serve.load(str(folder), str(folder / "sites.json"))
    for site in {one["name"]: one for one in hosts.values()}.values():
        lines = (folder / f"{site['name']}.truth.jsonl").read_text(encoding="utf-8").splitlines()
        for line in lines[:: max(len(lines) // count, 1)][:count]:
            truth = json.loads(line)
            path = unquote(urlsplit(truth["url"]).path)
            under = site.get("prefix", "")
            files = (path, f"{path.rstrip('/')}/index.html", f"{path}.html")
            tried = (one for file in files for one in (file, file.removeprefix(under)))
            if (file := next((one for one in tried if site["store"].stat(one)), None)) is not None:
                yield KnownPage(site["store"].read(file), f"http://{site['hosts'][0]}{path}", truth)
