"""A field that is added as docs/extend.md says is read, stored and shown everywhere: a copy of the program gets it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent
from typing import Any
from urllib.request import urlopen

import pytest

from archiver.search.export_formats import EXPORT_FORMATS
from tests.docs.test_extend import block
from tests.processes import run, without_proxies
from tests.spiders.site_server import home, page, serving

ROOT = Path(__file__).parents[2]
DATA = json.dumps(
    {
        "@type": "NewsArticle",
        "datePublished": "2024-05-01",
        "alternativeHeadline": "The line below",
        "wordCount": 1234,
    }
)
PAGES: dict[str, Any] = {
    "/": home("/a-post/"),
    "/a-post/": page("A post", head=f'<script type="application/ld+json">{DATA}</script>'),
}


@dataclass(frozen=True)
class NewField:
    """The five pieces of docs/extend.md, and the value that the page above has."""

    name: str
    row: str
    attribute: str
    reader: str
    migration: str
    value: object


def subtitle() -> NewField:
    row, reader, migration = (dedent(block("python", number)) for number in (3, 4, 5))
    return NewField("subtitle", row, 'subtitle: str = ""', reader, migration, "The line below")


def word_count() -> NewField:
    """The same example for a number."""
    one = subtitle()
    row = re.sub(
        r" +(prose|weight)=.*\n", "", one.row.replace("subtitle", "declared_words").replace('"text"', '"integer"')
    )
    row = row.replace('published="excerpt"', 'published="features"')
    reader = one.reader.replace("subtitle", "declared_words").replace("alternativeHeadline", "wordCount")
    reader = reader.replace('next(iter(found), "")', "int(next(iter(found), 0)) or None")
    migration = one.migration.replace("subtitle text", "declared_words integer").replace("subtitle", "declared_words")
    return NewField("declared_words", row, "declared_words: int | None = None", reader, migration, 1234)


def insert(file: Path, before: str, text: str) -> None:
    old = file.read_text(encoding="utf-8")
    assert old.count(before) == 1, before
    file.write_text(old.replace(before, text + before), encoding="utf-8")


def add(field: NewField, program: Path) -> None:
    """Add a field to a copy of the program, by the steps of docs/extend.md."""
    insert(program / "model/fields.py", '    Field(\n        "access",', indent(field.row.rstrip(), "    ") + ",\n")
    insert(program / "model/items.py", "    kind: PageKind = PageKind.POST\n    kind_rule", f"    {field.attribute}\n")
    readers = program / "extraction" / "candidates.py"
    insert(readers, "_READERS: dict[", field.reader + "\n\n")
    insert(readers, '    "access": _access,\n', f'    "{field.name}": _{field.name},\n')
    schema = program / "storage" / "schema.py"
    insert(schema, "MIGRATIONS: tuple[", field.migration + "\n\n")
    [step] = re.findall(r"def (\w+)", field.migration)
    insert(schema, '\n"""All migrations in order.', f" + ({step},)")


@contextmanager
def pages(folder: Path) -> Iterator[str]:
    """Serve the archive in this folder with the copy of the program there, and yield the address."""
    words = [sys.executable, "-m", "archiver", "serve", "--port", "0"]
    environment = without_proxies() | {"PYTHONPATH": str(folder)}
    with subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield next(word for word in server.stdout.readline().split() if word.startswith("http")).rstrip("/")
        finally:
            server.terminate()


@pytest.mark.parametrize("made", [subtitle, word_count], ids=lambda made: made.__name__)
def test_a_new_field_is_shown_everywhere(tmp_path: Path, made: Callable[[], NewField]) -> None:
    field = made()

    def archiver(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "archiver", *words],
            cwd=tmp_path,
            env=without_proxies() | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    with serving(PAGES) as site:
        assert run("archiver", "crawl", site.url, environment=without_proxies(), folder=tmp_path).returncode == 0
    shutil.copytree(ROOT / "archiver", tmp_path / "archiver", ignore=shutil.ignore_patterns("__pycache__"))
    add(field, tmp_path / "archiver")
    archiver("index")
    archiver("reextract", "--field", field.name)
    shown = json.loads(archiver("show", "1", "--json"))
    assert shown[field.name] == field.value
    assert str(field.value) in archiver("show", "1", "--evidence")
    for form in EXPORT_FORMATS:
        archiver("export", "-f", form, "-o", f"out-{form}")
    assert json.loads((tmp_path / "out-jsonl").read_text())[field.name] == field.value
    archiver("verify")
    archiver("publish", "dataset", "--version", "1.0.0")
    with pages(tmp_path) as address:
        for path in ("/article/1", "/article/1/evidence", "/article/1/versions", "/article/1.json", "/search?q=post"):
            with urlopen(address + path) as answer:
                assert answer.status == 200
