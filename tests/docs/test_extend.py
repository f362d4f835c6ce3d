"""Every example in docs/extend.md works as shown: rules, a platform, a page object, a field, a command."""

from __future__ import annotations

import ast
import doctest
import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner
from scrapy.http import HtmlResponse

import archiver.cli.commands
import archiver.platforms
import archiver.storage.schema as migrations_module
from archiver.cli import main
from archiver.cli.main import cli
from archiver.demo.demo_blog import Blog
from archiver.extraction import candidates
from archiver.extraction.article import extract_page
from archiver.extraction.page import parse_page
from archiver.extraction.site_rules import from_toml
from archiver.model.fields import EVIDENCE, FIELDS, Field
from archiver.model.items import PageKind
from archiver.platforms import platform_tables
from archiver.storage.database import open_archive
from tests.archive_fixture import make_archive

TEXT = (Path(__file__).parents[2] / "docs" / "extend.md").read_text(encoding="utf-8")
BASE = "http://127.0.0.1:28080"
URL = f"{BASE}/2022/10/winter-timetable/"


def block(language: str, number: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)[number]


@pytest.fixture(scope="module")
def html() -> bytes:
    return Blog(BASE).get(URL.removeprefix(BASE)).body


def run(shown: str, names: dict[str, object]) -> None:
    """Run the lines after >>> of a block, and compare each with the output shown below it."""
    test = doctest.DocTestParser().get_doctest(shown, names, "docs/extend.md", None, None)
    assert test.examples
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not said, "".join(said)


def test_the_shell_prints_what_the_docs_show(html: bytes) -> None:
    run(block("text"), {"response": HtmlResponse(URL, body=html, encoding="utf-8")})


def test_selectors_of_the_shell_are_those_of_the_rules() -> None:
    tried = {ast.literal_eval(s) for s in re.findall(r'response\.\w+\((".*?")\)', block("text"))}
    rules = from_toml(block("toml"), "docs/extend.md", by_hand=True)
    used = {selector for name, rule in rules.fields.items() if name != "body" for selector in rule.select}
    assert used <= tried


def test_the_rules_read_what_the_shell_showed(html: bytes) -> None:
    article = extract_page(
        parse_page(html, URL), rules=from_toml(block("toml"), "x", by_hand=True, version="harbour.toml")
    )
    assert article.title == "Winter timetable of the ferry"
    assert article.published is not None
    assert article.published.isoformat() == "2022-10-29T09:00:00+02:00"
    assert article.authors == ("Marta Oliveira",)
    assert article.tags == ("ferry",)
    assert article.body.count("\n\n") == 1
    by_hand = {e.field for e in article.evidence if e.source == "rule by hand"}
    assert by_hand == {"title", "published", "authors", "tags", "body"}


def test_an_error_is_reported_as_shown(html: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("page.html").write_bytes(html)
    Path("mistake.toml").write_text("[title]\nselect = 'h1:::text'\n", encoding="utf-8")
    command, expected = block("text", 1).strip().split("\n")
    result = CliRunner().invoke(cli, command.removeprefix("$ archiver ").split())
    assert result.exit_code == 2
    assert result.stderr.strip() == expected


@pytest.mark.parametrize(
    ("source", "there", "here"),
    [
        ("<h1>A <!-- x -->title</h1>", ["A ", "title"], ["A title"]),
        ("<h1>Title</h1>", ["Title"], ["Title"]),
    ],
)
def test_a_comment_splits_a_text_in_scrapy_and_not_in_the_archiver(
    source: str, there: list[str], here: list[str]
) -> None:
    assert HtmlResponse(URL, body=source.encode(), encoding="utf-8").css("h1::text").getall() == there
    assert parse_page(source, URL).css("h1::text").getall() == here


@pytest.fixture
def tidelog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Write the platform file from the docs into a folder that is searched for platforms."""
    (tmp_path / "tidelog.py").write_text(block("python"), encoding="utf-8")
    monkeypatch.setattr(archiver.platforms, "__path__", [*archiver.platforms.__path__, str(tmp_path)])
    platform_tables.cache_clear()
    yield
    monkeypatch.undo()
    platform_tables.cache_clear()


LOG = """<html><body class="tidelog log-entry"><h2>Tides</h2><h2 class="log-title">A calm night</h2>
<p>By <span class="log-keeper">Tom Ashdown</span>, <time class="log-date" datetime="2024-05-06">6 May</time></p>
<div class="log-text"><p>Nothing moved on the water until the first boat came in at five.</p>
<p class="log-tides">High 03:10, low 09:22</p></div><ul class="log-marks"><li><a href="/m/1">night</a></li></ul>"""


@pytest.mark.usefixtures("tidelog")
def test_a_platform_is_one_file() -> None:
    article = extract_page(parse_page(LOG, "https://log.example.org/42"))
    assert article.platform == "tidelog"
    assert article.kind is PageKind.POST
    assert article.title == "A calm night"
    assert article.authors == ("Tom Ashdown",)
    assert article.published is not None
    assert article.published.date().isoformat() == "2024-05-06"
    assert article.tags == ("night",)
    assert article.body == "Nothing moved on the water until the first boat came in at five."


@pytest.fixture
def harbour(html: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the section on page objects: a page, archiver.toml and the page object."""
    monkeypatch.delenv("ARCHIVER_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page_objects").mkdir()
    (tmp_path / "page_objects" / "harbour.py").write_text(block("python", 1), encoding="utf-8")
    (tmp_path / "archiver.toml").write_text(block("toml", 2), encoding="utf-8")
    (tmp_path / "page.html").write_bytes(html)
    return tmp_path


def commands(beginning: str) -> list[list[str]]:
    return [line.strip().split()[1:] for line in TEXT.splitlines() if line.startswith(f"    archiver {beginning}")]


@pytest.mark.usefixtures("harbour")
def test_a_page_object_is_a_class_in_a_folder() -> None:
    shown = CliRunner().invoke(cli, ["extract", "page.html", "--url", URL])
    article = json.loads(shown.stdout)
    assert shown.exit_code == 0
    assert article["authors"] == ["Marta Oliveira, port office"]
    assert article["categories"] == []
    assert article["description"] == (
        "From the first of November until the end of March the ferry runs every hour from seven in the morning until "
        "eight in the evening, and on Sundays from nine."
    )
    assert article["body"] == article["description"]
    assert article["title"] == "Winter timetable of the ferry"


@pytest.mark.usefixtures("harbour")
def test_the_commands_for_page_objects_print_what_is_shown() -> None:
    evidence, saved = [words for words in commands("extract page.html") if "--rules" not in words]
    assert "HarbourPost, harbour.py:8" in CliRunner().invoke(cli, evidence).stdout
    assert saved[-2:] == [">", "expected.json"]
    assert json.loads(CliRunner().invoke(cli, saved[:-2]).stdout)["authors"] == ["Marta Oliveira, port office"]


def test_a_mistake_in_a_page_object_is_reported_as_shown(harbour: Path) -> None:
    file = harbour / "page_objects" / "harbour.py"
    file.write_text(file.read_text(encoding="utf-8").replace("def authors", "def autors"), encoding="utf-8")
    command, expected = block("text", 2).strip().split("\n")
    result = CliRunner().invoke(cli, command.removeprefix("$ archiver ").split())
    assert result.exit_code == 2
    assert result.stderr.strip() == expected


def test_every_field_that_can_be_overridden_is_in_the_table_of_page_objects() -> None:
    table = TEXT.partition("| field | returns |")[2].partition("\n\n")[0]
    named = [name for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(EVIDENCE)


def test_a_page_object_in_a_program(html: bytes) -> None:
    names: dict[str, object] = {"html": html}
    exec(compile(block("python", 2), "docs/extend.md", "exec"), names)
    run(block("pycon"), names)


def test_a_field_is_one_row_like_those_of_the_table() -> None:
    field = eval(dedent(block("python", 3)), {"Field": Field})
    others = [f for f in FIELDS if f.choice == field.choice]
    assert field.name not in {f.name for f in FIELDS}
    assert {f.from_page for f in others} == {field.from_page}


def test_the_reader_of_a_field_reads_what_a_page_declares(html: bytes) -> None:
    names = dict(vars(candidates))
    exec(compile(dedent(block("python", 4)), "docs/extend.md", "exec"), names)
    node = {"@type": "NewsArticle", "url": URL, "headline": "Above", "alternativeHeadline": "Below it"}
    data = f'<script type="application/ld+json">{json.dumps(node)}</script></head>'
    page = parse_page(html.replace(b"</head>", data.encode()), URL)
    assert names["_subtitle"](page, None, None)[0] == "Below it"


def test_the_migration_of_a_field_adds_a_column(tmp_path: Path) -> None:
    names = dict(vars(migrations_module))
    exec(compile(dedent(block("python", 5)), "docs/extend.md", "exec"), names)
    with closing(open_archive(make_archive(tmp_path / "archive.db"))) as db:
        with db.atomic():
            names["m005_subtitle"](db)
        assert db.execute("select count(*), count(subtitle) from articles").fetchone() == (6, 0)


def test_a_command_is_one_file_and_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "count.py").write_text(block("python", 6), encoding="utf-8")
    monkeypatch.setattr(archiver.cli.commands, "__path__", [*archiver.cli.commands.__path__, str(tmp_path)])
    entry = eval(block("python", 7), {"CommandEntry": main.CommandEntry})
    monkeypatch.setattr(type(cli), "entries", (*main.COMMANDS, entry))
    archive = make_archive(tmp_path / "archive.db")
    result = CliRunner().invoke(cli, ["count", "--json", "--archive", str(archive)], catch_exceptions=False)
    assert sum(json.loads(result.stdout).values()) == 6
    assert entry.load().get_short_help_str(200) == entry.summary
