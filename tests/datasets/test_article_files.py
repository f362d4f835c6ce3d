"""Articles as Markdown, HTML and TEI: of one page, of one article, and of a query."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from lxml import etree

from archiver.model.items import Mark
from archiver.search.document_files import TEI_NAMESPACE
from tests.runner import fault, in_process
from tests.storage.one_site_archive import POST, archive_of_one_site, store

BODY = "Boats & tides\n\nThe ferry <leaves> at ten.\n\nf(x)\n  g()"
MARKS = (
    Mark(0, 13, "h2"),
    Mark(15, 0, "figure", "https://one.example/a.jpg", "A boat", 'The "Anna"'),
    Mark(19, 5, "a", "https://other.example/ferry?a=1&b=2"),
    Mark(43, 10, "pre", "python"),
)
PAGE = """<html lang="en"><head><title>A post</title></head><body><article><h1>A post</h1>
<time datetime="2024-05-01">1 May 2024</time><div class="entry-content"><p>The ferry <a href="/boats">leaves</a> at ten.
It comes back at noon, when the tide is high and the mole is dry again.</p><ul><li>one</li><li>two</li></ul>
<p>Nobody knows how the harbour master counts the boats that are out at sea.</p></div></article></body></html>"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("files")
    with archive_of_one_site(folder) as db:
        store(db, replace(POST, body=BODY, markup=MARKS, captions=('The "Anna"', "A boat"), tags=("sea",)), "0.1.0")
        path = Path(next(iter(db.query("pragma database_list")))["file"])
    yield path


def output(*words: str | Path) -> str:
    done = in_process(*map(str, words))
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def page(tmp_path: Path) -> Path:
    file = tmp_path / "page.html"
    file.write_text(PAGE, encoding="utf-8")
    return file


def test_extract_prints_markdown(page: Path) -> None:
    text = output("extract", page, "--url", "https://one.example/a-post", "-f", "markdown")
    assert "The ferry [leaves](https://one.example/boats) at ten." in text
    assert "- one\n- two" in text


def test_extract_prints_html_and_tei(page: Path) -> None:
    address = ("--url", "https://one.example/a-post")
    assert "<ul><li>one</li><li>two</li></ul>" in output("extract", page, *address, "-f", "html")
    root = etree.fromstring(output("extract", page, *address, "-f", "tei").encode())
    assert [el.text for el in root.iter(f"{{{TEI_NAMESPACE}}}date")] == ["2024-05-01"]


def test_extract_prints_the_marks_as_json(page: Path) -> None:
    found = json.loads(output("extract", page, "--url", "https://one.example/a-post"))
    assert [10, 6, "a", "https://one.example/boats"] in found["markup"]


def test_extract_refuses_evidence_in_a_format_without_room_for_it(page: Path) -> None:
    done = in_process("extract", str(page), "--url", "https://one.example/a", "-f", "tei", "--evidence")
    assert (done.exit_code, fault(done)) == (2, "UsageError --evidence")


def test_show_prints_markdown_with_front_matter(archive: Path) -> None:
    _, head, text = output("show", "1", "--markdown", "--archive", archive).split("---\n", 2)
    fields = yaml.safe_load(head)
    assert (fields["title"], fields["tags"]) == (POST.title, ["sea"])
    assert text.strip().startswith('## Boats & tides\n\n![A boat](https://one.example/a.jpg "The \\"Anna\\"")')


@pytest.mark.parametrize("other", ["--html", "--json", "--evidence"])
def test_show_prints_one_format(archive: Path, other: str) -> None:
    assert in_process("show", "1", "--markdown", other, "--archive", str(archive)).exit_code == 2


def test_show_prints_html(archive: Path) -> None:
    text = output("show", "1", "--html", "--archive", archive)
    assert '<pre><code class="language-python">f(x)\n  g()</code></pre>' in text


@pytest.mark.parametrize(("form", "suffix"), [("markdown", ".md"), ("html", ".html"), ("tei", ".xml")])
def test_export_writes_a_folder_with_a_file_for_each_article(
    archive: Path, tmp_path: Path, form: str, suffix: str
) -> None:
    output("export", "-f", form, "-o", tmp_path / "out", "--archive", archive)
    files = [file.relative_to(tmp_path / "out") for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert [file.suffix for file in files] == [suffix]
    assert files[0].name.endswith(f"-1{suffix}")


def test_export_leaves_a_folder_with_files_as_it_is(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = in_process("export", "-f", "markdown", "-o", str(tmp_path), "--archive", str(archive))
    assert (done.exit_code, fault(done)) == (1, f"OutputNotWritable {tmp_path}")
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("form", ["markdown", "wacz"])
def test_a_folder_or_a_package_is_not_written_to_standard_output(archive: Path, form: str) -> None:
    done = in_process("export", "-f", form, "--archive", str(archive))
    assert done.exit_code == 2
