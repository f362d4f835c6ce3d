"""Citations as other programs read them: pybtex, citeproc-py and rispy."""

from __future__ import annotations

import json
import unicodedata
import warnings
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import pytest
import rispy
from citeproc import (
    Citation,
    CitationItem,
    CitationStylesBibliography,
    CitationStylesStyle,
    formatter,
)
from citeproc.source.json import CiteProcJSON
from hypothesis import given
from hypothesis import strategies as st
from pybtex import format_from_string
from pybtex.database import parse_string
from pybtex.richtext import Text

from archiver.archive import Archive
from archiver.search.citations import (
    CITATION_STYLES,
    CitedArticle,
    build_citation,
    csl_item,
    format_apa,
    format_bibtex,
    format_chicago,
    format_coins,
    format_mla,
    format_ris,
    highwire_tags,
    reference_html,
    schema_org,
)
from archiver.search.query import Query
from archiver.search.search_hits import run_query

HOSTILE = {
    "braces": "a { b } c } {{ d",
    "one brace": "only { this",
    "closing": "only } this",
    "TeX": r"50 % of \TeX & $x_1^2$ ~ #1",
    "backslash at the end": "C:\\",
    "quotes": 'He said "no", twice',
    "at": "@misc{x, title = {y}}",
    "emoji": "Storm 🎉🇫🇷 over",
    "RTL": "عبّارة \u202eجانحة\u202c على الرمال",
    "newlines": "two\r\nlines\u2028and\x85more\n\nTY  - JOUR",
    "empty": "",
    "controls": "a\x00b\x1b[31mc\x7f",
    "half a letter": "a\ud800b",
    "Vietnamese": "Lê Đức, người gác đèn",
    "Chinese": "深度学习笔记",
    "markup": "<b>x</b> &amp; <script>",
    "and": "this and that",
    "entity": "&lt;i&gt;",
    "ligatures": "``a'' --- b -- ?` !`",
}
OF_LATEX = {
    "\ue000": r"\textbraceleft{}",
    "\ue001": r"\textbraceright{}",
    "\ue002": r"\textasciicircum{}",
    "\ue003": r"\$",
}
AUTHORS = {
    "nobody": [],
    "a person": ["Ada Lovelace"],
    "two": ["Zoë Krüger", "Lê Đức"],
    "an agency": ["The Associated Press"],
    "a desk": ["Reuters Staff"],
    "a firm": ["Barnes and Noble, Inc."],
    "a handle": ["timsaucer"],
    "Chinese": ["王小明"],
    "family first": ["山田 太郎", "김 철수"],
    "TeX": ["A_B {C} & D"],
    "blank": [" ", "Ada Berg"],
}
RECORD: dict[str, Any] = {
    "id": 7,
    "url": "https://blog.example.org/2024/05/a-post?x=1",
    "canonical_url": "https://blog.example.org/2024/05/a-post",
    "site": "blog.example.org",
    "title": "A post",
    "authors": ["Ada Lovelace"],
    "published": "2024-04-11T00:00:00+02:00",
    "published_precision": "day",
    "categories": ["News"],
    "tags": ["fog", "sea, deep"],
    "language": "en-GB",
    "description": "About it.",
    "revision": 2,
    "last_seen": "2024-07-01T12:00:00+00:00",
    "capture": {"captured_at": "2024-06-01T01:30:00.250000+02:00", "digest": "sha1:ABC_D"},
}
NOTE = "Archived 2024-05-31T23:30:00Z from https://blog.example.org/2024/05/a-post?x=1, revision 2, sha1:ABC_D"


def citation_text(text: str) -> str:
    """Return the part of a text that a citation can contain: one line, without control characters."""
    one = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    return " ".join("".join(c for c in one if c.isspace() or unicodedata.category(c) != "Cc").split())


def record(**values: Any) -> dict[str, Any]:
    return {**RECORD, **values}


@cache
def style() -> CitationStylesStyle:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CitationStylesStyle("harvard-cite-them-right", validate=False)


def read_bibtex(one: CitedArticle) -> Any:
    database = parse_string(format_bibtex(one), "bibtex")
    assert list(database.entries) == [one.key]
    return database.entries[one.key]


def read_ris(one: CitedArticle) -> dict[str, Any]:
    (found,) = rispy.loads(format_ris(one))
    return found


def printed_citation(one: CitedArticle) -> str:
    """Return the line of a bibliography that citeproc makes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bibliography = CitationStylesBibliography(style(), CiteProcJSON([csl_item(one)]), formatter.plain)
        bibliography.register(Citation([CitationItem(one.key)]))
        return str(bibliography.bibliography()[0])


def tex(entry: Any, name: str) -> str:
    """Return a field as TeX prints it, also for LaTeX commands that pybtex does not know."""
    return tex_of(entry.fields.get(name, ""))


def tex_of(text: str) -> str:
    for sign, command in OF_LATEX.items():
        text = text.replace(command, sign)
    text = str(Text.from_latex(text).render_as("text"))
    return text.translate({ord(sign): plain for sign, plain in zip(OF_LATEX, "{}^$", strict=True)})


def csl_text(name: dict[str, str]) -> str:
    """Return a CSL name in the order in which it is written."""
    return name.get("literal") or " ".join(name[key] for key in ("given", "family", "suffix") if key in name)


def assert_same_values(one: CitedArticle, wanted: dict[str, Any]) -> None:
    """Check that all three programs read the values that were written."""
    title, authors = (
        citation_text(wanted["title"]),
        [citation_text(name) for name in wanted["authors"] if citation_text(name)],
    )
    entry, found, item = read_bibtex(one), read_ris(one), csl_item(one)
    assert tex(entry, "title") == title
    assert [
        tex_of(" ".join((*p.first_names, *p.middle_names, *p.prelast_names, *p.last_names)))
        for p in entry.persons.get("author", [])
    ] == authors
    assert (found.get("title", ""), found.get("authors", [])) == (title, authors)
    assert (item.get("title", ""), [csl_text(name) for name in item.get("author", [])]) == (title, authors)
    assert tex(entry, "note") == found["notes"][0] == item["note"]


@pytest.mark.parametrize("title", HOSTILE.values(), ids=HOSTILE)
def test_malicious_titles_round_trip(title: str) -> None:
    wanted = record(title=title, tags=[title, "fog"], site="a_b.example/&", description=title)
    one = build_citation(wanted)
    assert_same_values(one, wanted)
    assert printed_citation(one)
    format_from_string(format_bibtex(one), style="plain", citations=["*"], output_backend="text")


@pytest.mark.parametrize("authors", AUTHORS.values(), ids=AUTHORS)
def test_authors_round_trip(authors: list[str]) -> None:
    wanted = record(authors=authors)
    one = build_citation(wanted)
    assert_same_values(one, wanted)
    persons = read_bibtex(one).persons.get("author", [])
    apart = {"Ada Lovelace": ["Lovelace"], "Zoë Krüger": ["Krüger"], "Lê Đức": ["Đức"], "Ada Berg": ["Berg"]}
    for name, person in zip([n for n in authors if n.strip()], persons, strict=True):
        if name in apart:
            assert person.last_names == apart[name]
        else:
            assert not person.first_names, "an organisation has no first name"
            assert len(person.last_names) == 1, "an organisation has no first name"
    for name in authors:
        assert apart.get(name, [citation_text(name)])[0] in printed_citation(one)


@given(st.text(max_size=40), st.lists(st.text(max_size=15), max_size=3))
def test_any_title_and_names_round_trip(title: str, authors: list[str]) -> None:
    wanted = record(title=title, authors=authors)
    one = build_citation(wanted)
    found, item = read_ris(one), csl_item(one)
    assert found.get("title", "") == citation_text(title) == item.get("title", "") == tex(read_bibtex(one), "title")
    assert found.get("authors", []) == [citation_text(name) for name in authors if citation_text(name)]
    assert len(read_bibtex(one).persons.get("author", [])) == len(found.get("authors", []))


def test_every_format_names_the_capture_that_was_read() -> None:
    one = build_citation(record())
    entry, found, item = read_bibtex(one), read_ris(one), csl_item(one)
    assert entry.fields["url"] == item["URL"] == found["urls"][0] == "https://blog.example.org/2024/05/a-post"
    assert (entry.fields["urldate"], entry.fields["version"]) == ("2024-05-31", "2")
    assert tex(entry, "note") == found["notes"][0] == item["note"] == NOTE
    assert item["accessed"] == {"date-parts": [[2024, 5, 31]]}
    assert found["access_date"] == "2024/05/31/"
    assert item["custom"] == {
        "captured_at": "2024-05-31T23:30:00Z",
        "digest": "sha1:ABC_D",
        "revision": 2,
        "captured_from": "https://blog.example.org/2024/05/a-post?x=1",
    }
    assert "2024" in printed_citation(one)
    assert "https://blog.example.org/2024/05/a-post" in printed_citation(one)


@pytest.mark.parametrize(
    ("published", "precision", "parts"),
    [
        ("2024-04-11T00:00:00+02:00", "day", ["2024", "04", "11"]),
        ("2024-04-01T00:00:00+02:00", "month", ["2024", "04"]),
        ("2024-01-01T00:00:00Z", "year", ["2024"]),
        (None, None, []),
        ("2024-04-11T23:30:00-05:00", "minute", ["2024", "04", "11"]),  # in the time zone of the page
        ("not a date", None, []),
        ("2024-13-45", "day", []),
        ("２０２４-01-01", None, []),
    ],
)
def test_dates_are_as_exact_as_the_page(published: str | None, precision: str | None, parts: list[str]) -> None:
    one = build_citation(record(published=published, published_precision=precision))
    entry, found, item = read_bibtex(one), read_ris(one), csl_item(one)
    months = ("jan", "feb", "mar", "apr")
    month = entry.fields.get("month", "")
    assert [entry.fields.get("year"), entry.fields.get("day")] == [
        parts[0] if parts else None,
        str(int(parts[2])) if len(parts) > 2 else None,
    ]
    assert bool(month) == (len(parts) > 1)
    assert not month or month[:3].lower() in months
    assert found.get("year") == (parts[0] if parts else None)
    assert item.get("issued", {}).get("date-parts") == ([[int(part) for part in parts]] if parts else None)


@pytest.mark.parametrize(
    ("canonical", "cites"),
    [
        ("https://blog.example.org/b", "https://blog.example.org/b"),
        ("https://www.blog.example.org/b", "https://www.blog.example.org/b"),
        ("https://elsewhere.example/source", RECORD["url"]),
        (None, RECORD["url"]),
        ("https://[broken", RECORD["url"]),
    ],
)
def test_the_canonical_address_is_cited_where_it_is_the_posts_own(canonical: str | None, cites: str) -> None:
    assert build_citation(record(canonical_url=canonical)).url == cites


def test_without_a_capture_the_day_last_seen_is_cited_unless_a_revision_is_requested() -> None:
    assert build_citation(record(capture=None)).read == ("2024", "07", "01")
    assert build_citation(record(capture=None)).note == "revision 2"
    assert build_citation(record(capture=None), version=True).read == ()


def test_revisions_have_their_own_keys_and_texts(archive: Archive) -> None:
    now, first = build_citation(archive.article(1)), build_citation(archive.article(1, 1), version=True)
    assert (now.key, first.key) == ("kruger2024-1", "kruger2024-1-r1")
    assert (now.title, first.title) == ("Tide tables for the café quay", "Tide tables")
    assert (now.version, first.version) == (2, 1)
    assert "revision 1, sha1:" in first.note


@pytest.mark.parametrize("name", CITATION_STYLES)
def test_several_citations_make_one_file(archive: Archive, name: str) -> None:
    text = CITATION_STYLES[name]([build_citation(one) for one in archive.articles()])
    count = {
        "bibtex": lambda: len(parse_string(text, "bibtex").entries),
        "ris": lambda: len(rispy.loads(text)),
        "csl-json": lambda: len(json.loads(text)),
    }.get(name, lambda: len(text.splitlines()))()
    assert count == 6
    assert CITATION_STYLES[name]([]) in ("", "[]\n")


REFERENCES = {
    "one author": (
        {},
        "Lovelace, A. (2024, April 11). A post. blog.example.org. https://blog.example.org/2024/05/a-post",
        "Lovelace, Ada. “A post.” blog.example.org, April 11, 2024. Accessed May 31, 2024. "
        "https://blog.example.org/2024/05/a-post.",
        "Lovelace, Ada. “A post.” blog.example.org, 11 Apr. 2024, https://blog.example.org/2024/05/a-post. "
        "Accessed 31 May 2024.",
    ),
    "two authors, a question, a month": (
        {"authors": ["Jan van der Berg", "Jean-Paul Roux"], "title": "Why fog?", "published_precision": "month"},
        "van der Berg, J., & Roux, J.-P. (2024, April). Why fog? blog.example.org. "
        "https://blog.example.org/2024/05/a-post",
        "van der Berg, Jan, and Jean-Paul Roux. “Why fog?” blog.example.org, April 2024. Accessed May 31, 2024. "
        "https://blog.example.org/2024/05/a-post.",
        "van der Berg, Jan, and Jean-Paul Roux. “Why fog?” blog.example.org, Apr. 2024, "
        "https://blog.example.org/2024/05/a-post. Accessed 31 May 2024.",
    ),
    "nobody, undated": (
        {"authors": [], "published": None},
        "A post. (n.d.). blog.example.org. Retrieved May 31, 2024, from https://blog.example.org/2024/05/a-post",
        "“A post.” blog.example.org. Accessed May 31, 2024. https://blog.example.org/2024/05/a-post.",
        "“A post.” blog.example.org, https://blog.example.org/2024/05/a-post. Accessed 31 May 2024.",
    ),
    "nobody, undated, never captured": (
        {"authors": [], "published": None, "capture": None, "last_seen": None},
        "A post. (n.d.). blog.example.org. https://blog.example.org/2024/05/a-post",
        "“A post.” blog.example.org. https://blog.example.org/2024/05/a-post.",
        "“A post.” blog.example.org, https://blog.example.org/2024/05/a-post.",
    ),
}


@pytest.mark.parametrize(("values", "apa", "chicago", "mla"), REFERENCES.values(), ids=REFERENCES)
def test_references_follow_their_style(values: dict[str, Any], apa: str, chicago: str, mla: str) -> None:
    one = build_citation(record(**values))
    proof = f" [{one.note}]" if one.read else ""
    expected = (apa + proof, chicago + proof, mla + proof)
    assert (format_apa(one), format_chicago(one), format_mla(one)) == expected


@pytest.mark.parametrize("style", CITATION_STYLES)
def test_each_style_names_the_capture(style: str) -> None:
    said = CITATION_STYLES[style]([build_citation(record())])
    parts = ("2024-05-31T23:30:00Z", "revision 2", "sha1:ABC", "https://blog.example.org/2024/05/a-post?x=1")
    assert [part for part in parts if part not in said.replace("\\", "")] == []


@pytest.mark.parametrize(
    ("name", "language", "first"),
    [
        ("Zoë Marie Krüger", "de", "Krüger, Zoë Marie."),
        ("Martin King Jr.", "en", "King, Martin, Jr."),
        ("Lê Đức", "vi", "Lê Đức."),
        ("王小明", "en", "王小明."),
        ("ليلى حداد", "ar", "ليلى حداد."),
        ("Анна Ахматова", "ru", "Ахматова, Анна."),
        ("Reuters Staff", "en", "Reuters Staff."),
        ("timsaucer", "en", "timsaucer."),
        ("Tomás Ó Briain", "ga", "Ó Briain, Tomás."),
        ("Siobhán Mac Cárthaigh", "en", "Mac Cárthaigh, Siobhán."),
        ("Jan Van Dyke", "en", "Van Dyke, Jan."),
        ("Ana María de la Cruz", "es", "de la Cruz, Ana María."),
        ("José Ortega y Gasset", "es", "Ortega y Gasset, José."),
        ("Khalid al-Masri", "en", "al-Masri, Khalid."),
        ("Ali ibn Abi Talib", "en", "ibn Abi Talib, Ali."),
        ("Ben Smith", "en", "Smith, Ben."),
        ("Dr. Ruth Osei-Bonsu", "en", "Osei-Bonsu, Ruth."),
        ("Courier Newsroom", "en", "Courier Newsroom."),
        ("Le Matin", "fr", "Le Matin."),
    ],
)
def test_only_certain_names_are_inverted(name: str, language: str, first: str) -> None:
    assert format_chicago(build_citation(record(authors=[name], language=language))).partition(" “")[0] == first


@pytest.mark.parametrize(
    ("name", "language", "author"),
    [
        ("Jan van der Berg", "nl", {"family": "van der Berg", "given": "Jan"}),
        ("Martin King Jr.", "en", {"family": "King", "given": "Martin", "suffix": "Jr."}),
        ("Jan van der Berg", "", {"literal": "Jan van der Berg"}),
        ("Lê Đức", "vi", {"literal": "Lê Đức"}),
        ("王小明", "zh", {"literal": "王小明"}),
        ("Courier Newsroom", "en", {"literal": "Courier Newsroom"}),
    ],
)
def test_csl_splits_only_certain_names(name: str, language: str, author: dict[str, str]) -> None:
    assert csl_item(build_citation(record(authors=[name], language=language)))["author"] == [author]


@pytest.mark.parametrize(
    ("name", "last"),
    [("Tomás Ó Briain", "Ó Briain"), ("José Ortega y Gasset", "Ortega y Gasset"), ("Jan Berg", "Berg")],
)
def test_bibtex_keeps_a_family_name_of_several_words(name: str, last: str) -> None:
    (person,) = read_bibtex(build_citation(record(authors=[name], language="en"))).persons["author"]
    assert tex_of(" ".join((*person.prelast_names, *person.last_names))) == last


@pytest.mark.parametrize(
    ("title", "quoted"),
    [
        ("“We shall print it”: a flood", "“‘We shall print it’: a flood.”"),
        ('He said "no"', "“He said ‘no.’”"),
        ('A 12" pipe', '“A 12" pipe.”'),
    ],
)
def test_quotation_marks_within_a_quoted_title_are_single(title: str, quoted: str) -> None:
    assert f" {quoted} " in format_chicago(build_citation(record(title=title)))
    assert f" {quoted} " in format_mla(build_citation(record(title=title)))


def test_many_authors_are_shortened() -> None:
    letters = ("lan", "mir", "nora", "olga", "pia", "rosa", "sue", "tess", "uma", "vera", "wren", "yara")
    names = [f"Ada B{letter}" for letter in letters] * 2
    one = build_citation(record(authors=names))
    assert format_apa(one).partition(" (")[0].endswith(", Bsue, A., … Byara, A.")
    assert format_chicago(one).partition(" “")[0].endswith(", Ada Bsue, et al.")
    assert format_mla(one).partition(" “")[0] == "Blan, Ada, et al."


def test_references_as_html_have_italics_and_no_other_elements() -> None:
    one = build_citation(record(title="<b>x</b> & \x02y", site="a<i>b"))
    assert "<i>&lt;b&gt;x&lt;/b&gt; &amp; y</i>." in reference_html("apa", one)
    assert "<i>a&lt;i&gt;b</i>" in reference_html("mla", one)


def test_metadata_for_reference_managers() -> None:
    one = build_citation(record(authors=["Ada Lovelace", "Reuters Staff"]))
    tags = highwire_tags(one)
    assert [value for name, value in tags if name == "citation_author"] == ["Ada Lovelace", "Reuters Staff"]
    assert dict(tags)["citation_publication_date"] == "2024/04/11"
    assert dict(tags)["z:itemType"] == "webpage"
    data = schema_org(one)
    assert [name["@type"] for name in data["author"]] == ["Person", "Organization"]
    assert (data["headline"], data["datePublished"]) == ("A post", "2024-04-11")


def test_coins_are_a_context_object(archive: Archive) -> None:
    (hit,) = run_query(archive.db, Query("fog", limit=1)).hits
    values = parse_qs(format_coins(hit))
    assert values["rft_val_fmt"] == ["info:ofi/fmt:kev:mtx:dc"]
    assert values["rft.title"] == ["Fog"]
    assert values["rft.creator"] == ["Ada Berg", "Zoë Krüger"]
    assert (values["rft.date"], values["rft.identifier"]) == (["2024-04-11"], [hit.url])
