"""The layout that a reader counts on: imports run one way along the data, files stay small, rooms have names."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "archiver"
STAGES = (
    "platforms",
    "discovery",
    "frontier",
    "capture",
    "extraction",
    "record",
    "store",
    "sites",
    "search",
    "publish",
    "web",
)
"""In the order in which the data passes through them. A stage imports from itself and from stages before it."""
SHELL = (
    "spiders",
    "middlewares",
    "handlers",
    "pipelines",
    "extensions",
    "imports",
    "fleet",
    "commands",
    "settings",
    "scheduler",
)
"""Around the stages: may import any of them, and none of them imports the shell."""
ROOTS = ("items", "fields", "errors", "urls")
"""The few shared files at the package's root: they import one another only."""
INDEPENDENT = {("capture", "extraction"), ("extraction", "discovery"), ("extraction", "capture")}
"""Stages that may not import an earlier one: a page is read without knowing how it was found."""
PURE = ("platforms", "discovery", "extraction", "record")
"""Stages of plain functions on bytes and values: no network, no database, no screen."""
SHELL_LIBRARIES = {"scrapy", "twisted", "sqlite3", "sqlite_utils", "click", "rich", "socket", "requests"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """The stage, shell folder or root file a module belongs to."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in the file; relative imports made absolute."""
    out: set[str] = set()
    package = (ROOT / path.relative_to(ROOT)).parent.relative_to(ROOT).parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            out |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            out.add(module)
            out |= {f"{module}.{alias.name}" for alias in node.names if module == "archiver"}
    return out


def rooms_imported(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("archiver.")}


def allowed(own: str) -> set[str]:
    if own in ROOTS:
        return set(ROOTS)
    if own in STAGES:
        before = STAGES[: STAGES.index(own) + 1]
        return set(ROOTS) | {s for s in before if (own, s) not in INDEPENDENT}
    if own == "demo":
        return {"demo", "errors"}
    return {*ROOTS, *STAGES, *SHELL, "demo", "archive", "__init__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_along_the_data(path: Path) -> None:
    own = room(path)
    against = {
        r for r in rooms_imported(path) - allowed(own) if (PACKAGE / r).exists() or (PACKAGE / f"{r}.py").exists()
    }
    assert not against, f"{path.relative_to(ROOT)} imports {sorted(against)}, which come after {own}"


@pytest.mark.parametrize("path", [p for p in MODULES if room(p) in PURE], ids=lambda p: str(p.relative_to(ROOT)))
def test_pure_stages_touch_no_network_database_or_screen(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & SHELL_LIBRARIES


def test_every_room_is_known() -> None:
    rooms = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert rooms <= {*STAGES, *SHELL, "demo"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_are_named(path: Path) -> None:
    assert not re.fullmatch(r"(utils?|helpers?|misc|common|base|core)\.py", path.name)


def test_who_writes_takes_the_lock_at_the_beginning() -> None:
    """`atomic` begins as a reader: where another program writes meanwhile it cannot go on, however long it waits."""
    assert [p.name for p in MODULES if ".atomic()" in p.read_text(encoding="utf-8")] == ["transaction.py"]


def test_errors_have_one_base() -> None:
    from archiver import errors

    kinds = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert all(issubclass(e, errors.ArchiverError) for e in kinds)


def test_nothing_speaks_of_a_machine_or_a_package_index() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listed.returncode:  # an unpacked release is no git tree
        names = [str(p.relative_to(ROOT)) for p in [*ROOT.glob("*.*"), *PACKAGE.rglob("*.py")]]
    else:
        names = listed.stdout.decode().split("\0")[:-1]
    machine = re.compile(r"(?<![\w.:/-])/(root|work|farm|home/\w+|Users/\w+)/")
    index = re.compile(r"--(extra-)?index-ur[l]|--find-link[s]|://[\w.-]*(pypi|pythonhosted|deb\.debian)")
    found = []
    for name in names:
        file = ROOT / name
        if not file.is_file() or file == Path(__file__) or file.suffix in {".gz", ".warc", ".png"}:
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        found += [f"{name}: {m[0]}" for pattern in (machine, index) for m in pattern.finditer(text)]
    assert not found


ABOVE_STORAGE = ("takedown", "health", "merging", "checks", "backup", "anew")
"""Folders of the store that maintain or judge an archive: they use what stores it."""


@pytest.mark.parametrize("path", sorted((PACKAGE / "store").glob("*.py")), ids=lambda p: p.name)
def test_storage_imports_nothing_that_is_built_on_it(path: Path) -> None:
    upwards = {name for name in imports(path) if re.match(rf"archiver\.store\.({'|'.join(ABOVE_STORAGE)})\b", name)}
    # The steps of the schema make the tables of all.
    assert path.name == "migrations.py" or not upwards


@pytest.mark.parametrize(
    "path",
    [
        *(PACKAGE / "commands" / "crawls").glob("*.py"),
        *(PACKAGE / "commands" / "scheduling").glob("*.py"),
        *(PACKAGE / "commands" / "health" / name for name in ("tell.py", "ways.py")),
        *(PACKAGE / "commands" / name for name in ("process.py", "takedowns.py")),
    ],
    ids=lambda p: p.name,
)
def test_crawls_and_notifications_know_no_command_line(path: Path) -> None:
    others = (
        "archiver.scheduling",
        "archiver.scheduling",
        "archiver.health.notifications",
        "archiver.health.notifications",
        "archiver.scheduling.crawler_process",
        "archiver.maintenance.takedown",
    )
    assert not {
        name
        for name in imports(path)
        if name.split(".")[0] in ("click", "rich") or (name.startswith("archiver.cli") and not name.startswith(others))
    }


@pytest.mark.parametrize("path", sorted((PACKAGE / "fleet").glob("*.py")), ids=lambda p: p.name)
def test_the_fleet_uses_no_command(path: Path) -> None:
    assert not {
        name
        for name in imports(path)
        if name.startswith("archiver.cli") and (not name.startswith("archiver.scheduling."))
    }
