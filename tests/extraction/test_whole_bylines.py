"""Lines with the author and the date of a post, wherever they stand and in any order."""

from __future__ import annotations

import pytest

import archiver
from archiver.extraction.bylines import is_whole_byline, pieces_around_dates

TEXT = "<p>The harbour was calm that morning, and the boats came back slowly with their nets full of fish.</p>" * 8
PAGES = {
    "first line of the text": "<div><h1>A story</h1></div><div class='post-content'>"
    "<p>Posted on Mar 8, 2012 by Jane Doe</p>{}</div>",
    "below the text": "<h2>A story</h2><div class='entry-body'>{}</div>"
    "<p>Posted by Jane Doe at March 8, 2012 10:29 AM</p>",
    "name, date": "<article><h1>A story</h1><p>Jane Doe, March 8, 2012</p>{}</article>",
    "name in, date": "<article><h1>A story</h1><p>By Jane Doe on March 8, 2012 in Boats, Harbour</p>{}</article>",
    "date, name": "<article><h1>A story</h1><p>8 March 2012 by Jane Doe</p>{}</article>",
}


@pytest.mark.parametrize("place", PAGES)
def test_author_and_day_are_read_from_one_line(place: str) -> None:
    page = f"<html><body>{PAGES[place].format(TEXT)}</body></html>"
    found = archiver.extract(page.encode(), "https://a.example/a-story/")
    assert found.authors == ("Jane Doe",)
    assert found.published is not None and found.published.date().isoformat() == "2012-03-08"
    assert "Jane" not in found.body


@pytest.mark.parametrize(
    ("line", "authors"),
    [
        ("Escrito por Juan Pérez el 3 de marzo de 2012", ("Juan Pérez",)),
        ("Von Jana Müller am 3. März 2012 in Hafen, Boote", ("Jana Müller",)),
        ("Publié le 3 mars 2012 par Jeanne Dupont", ("Jeanne Dupont",)),
        ("By Samuel E Jackson, March 3, 2012", ("Samuel E Jackson",)),
        ("2012年3月3日 投稿者: 山田太郎", ("山田太郎",)),
    ],
)
def test_a_byline_is_read_in_the_language_of_its_page(line: str, authors: tuple[str, ...]) -> None:
    page = f"<html><body><article><h1>A story</h1><p>{line}</p>{TEXT}</article></body></html>"
    found = archiver.extract(page.encode(), "https://a.example/a-story/")
    assert (found.authors, str(found.published)[:10]) == (authors, "2012-03-03")


def test_a_byline_without_a_name_names_nobody() -> None:
    page = f"<html><body><article><h1>A story</h1><p>3. März 2012 von</p>{TEXT}</article></body></html>"
    assert archiver.extract(page.encode(), "https://a.example/a-story/").authors == ()


def test_the_words_that_lead_to_a_date_are_no_part_of_a_name() -> None:
    assert pieces_around_dates("Posted by Jane Doe at January 31, 2008 10:29 AM", "") == ["Posted by Jane Doe", ""]
    assert pieces_around_dates("no date", "") == ["no date"]


@pytest.mark.parametrize(
    "line",
    [
        "Posted by Jane Doe",
        "March 8, 2012",
        "By March 8, 2012 the harbour was closed, and nobody knew what would become of the boats.",
        "The pier was built by John Roe, a carpenter of some fame in the town, and opened on March 8, 2012",
    ],
)
def test_a_sentence_or_half_a_byline_is_no_whole_byline(line: str) -> None:
    assert not is_whole_byline(line, "")


SENTENCES = (
    "By Harbour Road on 5 May 2015 the police found a car.",
    "Written by Martin Greer on 3 June 2010 and lost for years, the letter was found.",
    "On 12 May 2011 Margaret Hollis opened the old bridge.",
    "Margaret Hollis, March 4, 2019, said in court that it was over.",
    "Von Montag, 4. Mai 2015, an ist die Brücke gesperrt.",
    "Publié par Martin Greer le 3 juin 2010, le livre fut épuisé.",
)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_that_begins_like_a_byline_is_text(sentence: str) -> None:
    byline = "<div>Priya Raman, January 7, 2024</div>"
    page = f"<html><body><h1>A story</h1>{byline}<div><p>{sentence}</p>{TEXT}</div></body></html>"
    found = archiver.extract(page.encode(), "https://a.example/a-story/")
    assert found.authors == ("Priya Raman",)
    assert str(found.published)[:10] == "2024-01-07"
    assert sentence in found.body


@pytest.mark.parametrize("place", ["{0}<div>{1}</div>", "<div>{1}{0}</div>", "<div>{1}</div>{0}"])
@pytest.mark.parametrize(
    ("line", "authors"),
    [
        ("Veröffentlicht am 3. Februar 2024 von Käthe von der Heide", ("Käthe von der Heide",)),
        ("3 de febrero de 2024 por Lucía Ferrer en Cultura", ("Lucía Ferrer",)),
        ("Publié le 3 février 2024 par Camille Moreau dans Société", ("Camille Moreau",)),
        ("Door Jan de Vries en Piet Bakker, 3 februari 2024", ("Jan de Vries", "Piet Bakker")),
        ("By Eleanor Voss at February 3, 2024 9:10 in Culture", ("Eleanor Voss",)),
        ("Posted by Eleanor Voss on 2024-02-03 in culture. Tags: culture, boats, harbour.", ("Eleanor Voss",)),
    ],
)
def test_a_post_is_one_wherever_its_byline_stands(place: str, line: str, authors: tuple[str, ...]) -> None:
    page = f"<html><body><h1>A story</h1>{place.format(f'<p>{line}</p>', TEXT)}</body></html>"
    found = archiver.extract(page.encode(), "https://a.example/a-story/")
    assert (found.kind, found.authors, str(found.published)[:10]) == ("post", authors, "2024-02-03")
