"""The field table: the typed values agree with it, and no other file lists fields by name."""

from __future__ import annotations

import ast
import dataclasses
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import get_type_hints

import pytest

from archiver.datasets.publication_rules import Tier
from archiver.datasets.snapshot_tables import ARTICLES
from archiver.extraction.rule_reader import READERS
from archiver.model import fields
from archiver.model.fields import BY_NAME, FIELDS, Field
from archiver.model.items import Article, GeoTag, Mark, SourceHint
from archiver.search.search_hits import Hit
from archiver.storage import Database
from archiver.storage.schema import make_schema

PACKAGE = Path(__file__).parents[1] / "archiver"
TYPES = {
    "text": {str, str | None},
    "time": {datetime | None},
    "texts": {tuple[str, ...]},
    "geotags": {tuple[GeoTag, ...]},
    "marks": {tuple[Mark, ...]},
}
"""The types that attributes of `Article` may have, by shape."""
MOST = 2
"""The number of field names that a literal may contain before it counts as a list of fields."""
EXCEPTIONS = {
    "cli/commands/show.py": "rows of one screen, each with a heading and a form of its own",
    "learning/rule_induction.py": "an order of preference",
    "datasets/snapshot_tables.py": "what tells the region of a telephone number",
    "datasets/snapshot_writer.py": "columns of references.csv, and properties of a GeoJSON feature",
    "search/citations.py": "BibTeX's fields",
    "maintenance/merge_rows.py": "numbers that only one archive knows",
    "web/what_changed.py": "what the page compares in a way of its own",
    "web/web_server.py": "columns of the first screen of a table",
    "web/article_pages.py": "what has a place of its own on one page",
}
"""Files that name three fields or more in one literal, and these fields."""


def attributes(kind: type) -> set[str]:
    return {f.name for f in dataclasses.fields(kind) if f.name in BY_NAME}


def test_article_has_every_page_field() -> None:
    assert attributes(Article) == set(fields.PAGE_FIELDS)


@pytest.mark.parametrize("name", [n for n in fields.PAGE_FIELDS if n in get_type_hints(Article)])
def test_an_attribute_of_article_has_the_field_s_shape(name: str) -> None:
    assert get_type_hints(Article)[name] in TYPES[BY_NAME[name].shape]


def test_a_source_hint_has_every_hinted_field() -> None:
    assert attributes(SourceHint) == set(fields.HINTED)


def test_a_hit_has_every_displayed_field() -> None:
    assert attributes(Hit) == set(fields.HIT_FIELDS)


def test_a_rule_can_be_read_for_every_learnable_field() -> None:
    assert (*READERS, "body") == fields.LEARNABLE


@pytest.fixture(scope="module")
def columns() -> dict[str, tuple[str, bool]]:
    """Return the columns of `articles` in a new archive: type, and whether they are NOT NULL."""
    db = Database(sqlite3.connect(":memory:"))
    make_schema(db)
    return {row[1]: (row[2], bool(row[3])) for row in db.execute("pragma table_info(articles)")}


def test_every_stored_field_has_a_column(columns: dict[str, tuple[str, bool]]) -> None:
    assert set(fields.STORED) <= set(columns)


def test_columns_have_the_types_of_the_table(columns: dict[str, tuple[str, bool]]) -> None:
    sql = {int: "INTEGER", str: "TEXT"}
    assert {name: columns[name][0] for name in fields.STORED} == {
        name: sql[kind] for name, kind in fields.COLUMN_TYPES.items()
    }


def test_required_columns_are_never_null(columns: dict[str, tuple[str, bool]]) -> None:
    assert {name for name in fields.STORED if columns[name][1]} == set(fields.REQUIRED)


def test_tiers_are_those_of_datasets() -> None:
    assert {f.published for f in FIELDS} - {""} == {tier.label for tier in Tier}


def test_a_dataset_has_a_column_for_every_published_field_but_geotags_and_markup() -> None:
    """Places are a table of their own; the markup is published as the columns `markdown` and `links`."""
    found = tuple(column.name for column in ARTICLES.columns if column.name in BY_NAME)
    assert found == tuple(name for name in fields.PUBLISHED if name not in ("geotags", "markup"))


RULES = {
    "a list in the search index is from a page": lambda f: not (f.is_list and f.indexed) or f.from_page,
    "a linked field has a word for one of its values": lambda f: not f.linked or bool(f.word),
    "what a source may say a page may say": lambda f: not f.hinted or f.from_page,
    "what is chosen comes from a page": lambda f: not f.choice or f.from_page,
    "an edit is found by what is chosen": lambda f: not f.meaning or bool(f.choice or f.follows),
    "prose is text": lambda f: not f.prose or f.shape == "text",
    "what is published shortened is prose": lambda f: f.published != "excerpt" or bool(f.prose),
    "what has a weight is in the index": lambda f: not f.weight or f.indexed,
    "an option is a facet": lambda f: not f.option or f.facet,
    "what changes with each reading makes no revision": lambda f: not f.latest or not f.meaning,
}


@pytest.mark.parametrize("rule", RULES)
def test_field_flags_follow_the_rules(rule: str) -> None:
    assert [f.name for f in FIELDS if not RULES[rule](f)] == []


def test_lists_are_recognized_by_shape() -> None:
    assert {f.shape for f in FIELDS if f.is_list} == {"texts", "geotags", "marks"}


def test_a_field_without_a_word_is_queried_by_its_name() -> None:
    assert Field("subject", "text", "").query_name == "subject"


def lists_of_fields(source: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the tuples, lists and sets of a module that name more than MOST fields, also as the first item of each
    row.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            rows = [one.elts[0] if isinstance(one, ast.Tuple) and one.elts else one for one in node.elts]
            named = tuple(one.value for one in rows if isinstance(one, ast.Constant) and one.value in BY_NAME)
            if len(named) > MOST:
                yield node.lineno, named


@pytest.mark.parametrize(
    "source",
    [
        "A = ('title', 'body', 'tags')",
        "A = ['title', 'body', *more, 'tags']",
        "f({'title', 'other', 'body', 'tags'})",
        "A = (('authors', 1), ('categories', 2), ('tags', 3))",
    ],
)
def test_a_list_of_fields_is_found(source: str) -> None:
    assert list(lists_of_fields(source))


@pytest.mark.parametrize(
    "source", ["A = ('title', 'body')", "A = ('names', 'of', 'others')", "A = (title, body, tags)"]
)
def test_two_fields_or_other_words_are_not_a_list_of_fields(source: str) -> None:
    assert not list(lists_of_fields(source))


def test_no_other_file_lists_fields() -> None:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name not in ("model/fields.py", "model/items.py") and name not in EXCEPTIONS:
            found |= {f"{name}:{line}": named for line, named in lists_of_fields(path.read_text(encoding="utf-8"))}
    assert not found, f"derive it in archiver/model/fields.py: {found}"


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_every_exception_is_needed(name: str) -> None:
    assert list(lists_of_fields((PACKAGE / name).read_text(encoding="utf-8")))
