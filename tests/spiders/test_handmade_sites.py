"""Blogs made by hand: what is the same on all of their pages is the site's, and what differs is the post's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from archiver.extraction.site_rules import from_toml
from tests.small_sites import made_paragraph, made_title
from tests.spiders.crawling import archiver, crawl, rows
from tests.spiders.site_server import Answer, Pages, serving

COUNT = 18
UNTITLED, PICTURE, LINK, STATUS, LONG = 3, 5, 7, 9, 11
SIDE = "".join(
    f'<li><a href="http://{n}.example.net/">{n.title()} and her log</a></li>' for n in ("otter", "tern", "skua")
)


@dataclass(frozen=True)
class Note:
    """A post of the blog. `text` is what its page shows of it, line by line."""

    number: int
    title: str
    html: str
    text: str

    @property
    def path(self) -> str:
        return f"/n/{self.number}.html"

    @property
    def topic(self) -> str:
        return ("python", "harbour", "bread")[self.number % 3]

    @property
    def tags(self) -> tuple[str, ...]:
        return ("python", "snakes") if self.topic == "python" else ("rope",)


def notes() -> list[Note]:
    dice = Random(5)
    out = []
    for number in range(COUNT):
        title = "" if number == UNTITLED else made_title(dice, number)
        text = made_paragraph(dice)
        html = f"<p>{text}</p>"
        if number == PICTURE:
            text, html = "", '<p><a href="/big.png"><img src="/heron.png" alt="a heron"></a></p>'
        elif number == LINK:
            text = f"{title} is all there is to read."
            html = f'<p><a href="http://charts.example.net/">{title}</a> is all there is to read.</p>'
        elif number == STATUS:
            text, html = "There was soup.", "<p>There was soup.</p>"
        elif number == LONG:
            lines = [made_paragraph(dice) for _ in range(6)]
            text, html = "\n\n".join(lines), "".join(f"<p>{one}</p>" for one in lines)
        out.append(Note(number, title, html, text))
    return out


NOTES = notes()


def terms(note: Note) -> str:
    tags = ", ".join(f'<a href="/tag/{one}/">{one}</a>' for one in note.tags)
    return f'Topic: <a href="/category/{note.topic}/">{note.topic}</a> · Tags: {tags}'


def banner(note: Note) -> str:
    """Return a page whose only <h1> is the banner, which <title> and og:title repeat; the title is a paragraph."""
    title = f'<p class="title">{note.title}</p>' if note.title else ""
    day = f'<time datetime="2021-03-{note.number + 1:02}">March {note.number + 1}, 2021</time>'
    return f"""<!doctype html><html lang="en"><head><title>Low Water</title>
<meta property="og:title" content="Low Water"></head><body><header role="banner"><h1>Low Water</h1>
<p>A log of small things</p><nav><a href="/">Log</a></nav></header><main><section class="note">{title}
<p class="when">{day} by Kit Marlow</p><div class="words">{note.html}</div><p class="terms">{terms(note)}</p></section>
<div class="disc">Be the first to comment!</div></main><aside><h3>Friends</h3><ul>{SIDE}</ul></aside></body></html>"""


def cells(note: Note) -> str:
    """Return a page of tables, below a heading that says what the blog is about; the title is a <div>."""
    title = f'<div class="titel">{note.title}</div>' if note.title else ""
    return f"""<html><head><title>Low Water</title></head><body bgcolor="#fff"><table width="700"><tr><td colspan="2">
<a href="/"><img src="/logo.png" alt="Low Water"></a><h1>A log of tides and other small things</h1></td></tr><tr>
<td width="150"><b>Friends</b><ul>{SIDE}</ul></td><td><div class="eintrag"><div class="datum">{note.number + 1}.03.2021
</div>{title}<div class="inhalt">{note.html}</div><div class="unten">{terms(note)}</div><div class="like"><button>Like
</button> <span>{note.number}</span></div></div><p>No comments.</p></td></tr><tr><td colspan="2">Please ask before you
take a picture of mine.</td></tr></table></body></html>"""


def column(note: Note) -> str:
    """Return a page in two columns; <h1> is a part of <title> on all pages, and the title is an <h3>."""
    return f"""<!doctype html><html><head><title>Kit &amp; Sons | a log from the quay</title></head><body>
<div class="lid"><h1>a log from the quay</h1></div><div class="rail"><a href="/"><b>Kit &amp; Sons</b></a>
<h4>Friends</h4><ul>{SIDE}</ul></div><div class="col"><div class="item"><h3>{note.title}</h3>
<small>March {note.number + 1}, 2021</small><div class="copy">{note.html}</div>
<small class="m">{terms(note)}</small></div><h4>Leave a reply</h4>
<form><textarea></textarea><input type="submit" value="Submit comment"></form></div></body></html>"""


Theme = Callable[[Note], str]


def site(theme: Theme) -> Pages:
    items = "".join(f'<li><a href="{one.path}">{one.title or "note"}</a></li>' for one in NOTES)
    start = theme(NOTES[LONG]).replace(NOTES[LONG].html, f"<ul>{items}</ul>")
    return {"/": Answer(start.encode()), **{one.path: Answer(theme(one).encode()) for one in NOTES}}


Found = dict[int, tuple[str, ...]]


@pytest.fixture(scope="module", params=[banner, cells, column], ids=lambda theme: str(theme.__name__))
def blog(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    archive = tmp_path_factory.mktemp("blog") / "archive.db"
    with serving(site(request.param)) as server:
        crawl(server.url, archive=archive)
    yield request.param.__name__, archive


def read(archive: Path, column: str) -> dict[int, str]:
    """Return a column of all articles by the number of the post."""
    found = rows(archive, f"select url, {column} from articles")
    return {int(url.rpartition("/")[2].removesuffix(".html")): value for url, value in found}


def test_the_title_is_what_differs_from_page_to_page(blog: tuple[str, Path]) -> None:
    assert read(blog[1], "title") == {one.number: one.title for one in NOTES}


def test_the_text_is_free_of_what_all_pages_show(blog: tuple[str, Path]) -> None:
    assert read(blog[1], "body") == {one.number: one.text for one in NOTES}


def test_a_category_and_a_tag_of_one_name_are_kept(blog: tuple[str, Path]) -> None:
    _, archive = blog
    assert {n: json.loads(value) for n, value in read(archive, "categories").items() if n != UNTITLED} == {
        one.number: [one.topic] for one in NOTES if one.number != UNTITLED
    }
    assert {n: sorted(json.loads(value)) for n, value in read(archive, "tags").items() if n != UNTITLED} == {
        one.number: sorted(one.tags) for one in NOTES if one.number != UNTITLED
    }


def test_authors_are_those_that_the_pages_show(blog: tuple[str, Path]) -> None:
    name, archive = blog
    shown = ["Kit Marlow"] if name == "banner" else []
    assert {n: json.loads(value) for n, value in read(archive, "authors").items() if n != UNTITLED} == {
        one.number: shown for one in NOTES if one.number != UNTITLED
    }


def test_rules_learned_again_keep_the_constants_of_the_site(blog: tuple[str, Path], tmp_path: Path) -> None:
    archive = tmp_path / "copy.db"
    shutil.copytree(blog[1].parent, tmp_path, dirs_exist_ok=True)
    (tmp_path / blog[1].name).rename(archive)
    before = {number: title for number, title in read(archive, "title").items() if title}
    site = rows(archive, "select name from sites")[0][0]
    learned = json.loads(archiver("sites", "rules", site, "--learn", "--json", archive=archive).stdout)
    constants = from_toml(learned["rules"], "test").constants
    assert constants.titles == from_toml(learned["versions"][-1]["toml"], "test").constants.titles != ()
    assert archiver("reextract", site, archive=archive).returncode == 0
    assert {number: title for number, title in read(archive, "title").items() if title} == before
