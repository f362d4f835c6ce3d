"""The rules of the layout: imports go one way, packages import the face of the core, file names are unique, all errors
have one base class.
"""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

import archiver

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "archiver"
ROOMS = (
    ("model",),
    ("markup",),
    ("platforms",),
    ("discovery",),
    ("politeness",),
    ("frontier",),
    ("warc",),
    ("extraction",),
    ("articles",),
    ("storage",),
    ("sites",),
    ("learning",),
    ("health",),
    ("maintenance",),
    ("search",),
    ("settings", "scheduler", "spiders", "middlewares", "guarded_download_handler", "pipelines", "extensions"),
    ("scheduling",),
    ("api",),
    ("datasets",),
    ("importers",),
    ("web",),
    ("fleet",),
    ("cli",),
)
"""The rooms in the order of the data. A room imports from its own row and from the rows before it."""
ON_USE = {("model", "markup")}
"""Later rooms that a room may import within functions: the properties of an article write its text."""
INDEPENDENT = {("warc", "extraction"), ("extraction", "discovery"), ("extraction", "warc")}
"""Earlier rooms that a room may not import: a page is read without knowing how it was found or stored."""
PURE = ("model", "markup", "platforms", "discovery", "politeness", "frontier", "extraction", "articles")
"""Rooms of plain functions on bytes and values: no network, no database, no screen."""
SHELL_LIBRARIES = {"scrapy", "twisted", "sqlite3", "sqlite_utils", "click", "rich", "requests"}
WITHOUT_SQL = ("spiders", "middlewares", "guarded_download_handler", "pipelines", "extensions", "cli", "scheduling")
SAME_THING = {"__init__", "__main__"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """Return the folder, or the file at the package's root, that a module belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Return every module that a file imports, also within functions; relative imports are resolved."""
    found: set[str] = set()
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            found.add(module)
            found |= {f"{module}.{alias.name}" for alias in node.names if module == "archiver"}
    return found


def rooms_imported(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("archiver.")}


def allowed(own: str) -> set[str]:
    if own == "demo":
        return {"demo", "model"}
    rows = [row for row in ROOMS if own in row]
    if not rows:  # the public API and `python -m archiver`
        return {*(name for row in ROOMS for name in row), "demo", "archive", "dataset"}
    before = [name for row in ROOMS[: ROOMS.index(rows[0]) + 1] for name in row]
    outer = (
        {"demo", "archive"} if rows[0][0] in {"cli", "web", "scheduling", "fleet", "datasets", "importers"} else set()
    )
    on_use = {later for room_, later in ON_USE if room_ == own}
    return {*outer, *on_use, *(name for name in before if (own, name) not in INDEPENDENT)}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_along_the_data(path: Path) -> None:
    own = room(path)
    known = {r for r in rooms_imported(path) if (PACKAGE / r).exists() or (PACKAGE / f"{r}.py").exists()}
    assert known - allowed(own) == set(), f"{path.relative_to(ROOT)} imports what comes after {own}"


@pytest.mark.parametrize("path", [p for p in MODULES if room(p) in PURE], ids=lambda p: str(p.relative_to(ROOT)))
def test_pure_rooms_touch_no_network_database_or_screen(path: Path) -> None:
    assert {name.split(".")[0] for name in imports(path)} & SHELL_LIBRARIES == set()


PACKAGES = {"web", "datasets", "importers", "fleet", "demo"}
"""The packages that stand on the core. `dataset`, at the root, belongs to `datasets`."""


def package(room_: str) -> str:
    return {"dataset": "datasets"}.get(room_, room_)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_core_imports_no_package_and_a_package_no_other(path: Path) -> None:
    """Only the command line imports packages, and the root has `dataset` as a name that is imported on first use."""
    own = package(room(path))
    if own in {"cli", "__init__"}:
        return
    others = {package(name) for name in rooms_imported(path)} & PACKAGES - {own}
    assert others == set()


FACE = ("archiver.archive", "archiver.api", "archiver.model")
"""With `archiver` itself, what a package may import of the core."""
MOST_IMPORTS = 15
"""A file of the face, or of a package, that imports more modules of the project is to be divided."""
OF_PACKAGES = [path for path in MODULES if package(room(path)) in PACKAGES]
OF_FACE = [path for path in MODULES if room(path) == "api"]


def project_imports(path: Path) -> list[ast.ImportFrom]:
    """Returns the imports from modules of the project in a file, also within functions."""
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [n for n in tree if isinstance(n, ast.ImportFrom) and (n.module or "").split(".")[0] == "archiver"]


@pytest.mark.parametrize("path", OF_PACKAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_package_imports_the_face_of_the_core(path: Path) -> None:
    own = package(room(path))
    names = {name for name in imports(path) if name.startswith("archiver.")}
    names -= {f"archiver.{name}" for name in archiver.__all__}
    outside = {name for name in names if not any(name == face or name.startswith(f"{face}.") for face in FACE)}
    assert {name for name in outside if name.split(".")[1] != own} == set()


@pytest.mark.parametrize("path", [*OF_PACKAGES, *OF_FACE], ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_of_a_package_or_of_the_face_is_a_hub(path: Path) -> None:
    assert len({node.module for node in project_imports(path)}) <= MOST_IMPORTS


def names_of_the_face(path: Path) -> dict[str, str]:
    """Returns the names that a file of the face gathers, each with the module it comes from."""
    return {alias.name: node.module or "" for node in project_imports(path) for alias in node.names}


def used_of_the_face() -> set[str]:
    """Returns the names of the face that packages use, as "search.Query", also by `from archiver.api import search`."""
    used = set()
    for path in OF_PACKAGES:
        aliases = {}
        for node in project_imports(path):
            if node.module == "archiver.api":
                aliases |= {alias.asname or alias.name: alias.name for alias in node.names}
            elif node.module and node.module.startswith("archiver.api."):
                used |= {f"{node.module.split('.')[2]}.{alias.name}" for alias in node.names}
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id in aliases:
                used.add(f"{aliases[one.value.id]}.{one.attr}")
    return used


def is_documented(module: str, name: str) -> bool:
    """Whether a function or class has a docstring, or a constant is followed by one."""
    file = ROOT.joinpath(*module.split("."))
    body = ast.parse((file / "__init__.py" if file.is_dir() else file.with_suffix(".py")).read_text("utf-8")).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return ast.get_docstring(node) is not None
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
    return False


@pytest.mark.parametrize("path", OF_FACE, ids=lambda p: p.stem)
def test_the_face_gathers_documented_names_that_packages_use(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    names = names_of_the_face(path)
    if path.stem == "__init__":
        assert not names
        return
    listed = importlib.import_module(f"archiver.api.{path.stem}").__all__
    assert sorted(listed) == sorted(names)
    assert [n for n in tree.body[1:] if not isinstance(n, ast.ImportFrom | ast.Assign)] == [], "it gathers names only"
    assert {f"{path.stem}.{name}" for name in names} - used_of_the_face() == set(), "no package uses these names"
    assert [name for name, module in names.items() if not is_documented(module, name)] == []


def test_every_room_is_known() -> None:
    rooms = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert rooms <= {*(name for row in ROOMS for name in row), "demo"}


def test_no_two_files_have_one_name() -> None:
    """A command's file, and a file of the face, may have the name of the file that does its work."""
    files = defaultdict(set)
    for path in MODULES:
        if path.stem not in SAME_THING and path.parent.name not in {"commands", "api"}:
            files[path.stem].add(str(path.relative_to(PACKAGE)))
    assert {name: paths for name, paths in files.items() if len(paths) > 1} == {}


def test_no_file_collects_what_has_no_place() -> None:
    names = {p.stem for p in MODULES}
    assert names & {"util", "utils", "helper", "helpers", "misc", "common", "base", "core"} == set()


def test_writers_take_the_lock_at_the_beginning() -> None:
    """`atomic` begins as a reader: if another program writes meanwhile, it fails, however long it waits."""
    assert [p.name for p in MODULES if ".atomic()" in p.read_text(encoding="utf-8")] == ["transactions.py"]


def test_errors_have_one_base() -> None:
    from archiver.model import errors

    kinds = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert [e for e in kinds if not issubclass(e, errors.ArchiverError)] == []


def test_no_file_names_a_machine_or_a_package_index() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listed.returncode:  # an unpacked release is not a git working tree
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
    assert found == []
