"""Page objects: what their fields may return, which pages they are for, and what is said of those that are wrong."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from archiver.extraction.article import extract_page
from archiver.extraction.explanations import explain
from archiver.extraction.page import Page, parse_page
from archiver.extraction.page_classifier import date_slot
from archiver.model.errors import ArchiverError, BadConfig, BadPageObject
from archiver.model.fields import EVIDENCE
from archiver.model.items import PAGE_OBJECT, PAGE_OBJECT_FAILED, Article, GeoTag, PageKind
from archiver.sites.config import parse_config
from archiver.sites.page_objects import (
    PageObjects,
    URLPattern,
    _load,
    installed_page_objects,
    load_page_objects,
)
from archiver.storage.articles import entries
from tests.page_cases import case_differences, find_cases, read_case, read_expected
from tests.runner import in_process

CASES = Path(__file__).parents[1] / "cases" / "page_objects"
URL = "https://quay.example/notices/1"
LEAD = "The northern quay is closed from Monday until the last day of the month, since bollards are set."
HTML = """<!doctype html><html lang="en"><head><title>The quay is closed</title>
<meta property="og:type" content="article"><meta property="article:published_time" content="2024-05-02T08:00:00+00:00">
</head><body><article><h1>The quay is closed</h1><p class="byline">By <a rel="author" href="/ann">Ann Rowe</a></p>
<p class="lead">The northern quay is closed from Monday until the last day of the month, since bollards are set.</p>
<p>Boats moor at the southern quay. The harbour master asks everyone to leave room for the ferry.</p></article></body>
</html>"""
BEGINNING = """from datetime import date, datetime, timedelta, timezone
from archiver import EMPTY, PageObject, field, handle_urls


@handle_urls("quay.example")
class Notice(PageObject):
"""

Use = Callable[..., PageObjects]


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Use:
    """A function that writes files with page objects into a folder, and loads them."""
    monkeypatch.delenv("ARCHIVER_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "archiver.toml").write_text('page_objects = "mine"\n', encoding="utf-8")
    (tmp_path / "mine").mkdir()

    def write(**files: str) -> PageObjects:
        for name, text in files.items():
            (tmp_path / "mine" / f"{name}.py").write_text(text, encoding="utf-8")
        return load_page_objects()

    return write


def method(name: str, result: str) -> str:
    return f"    @field\n    def {name}(self):\n        return {result}\n"


GOOD = BEGINNING + method("title", "'x'")


def page(html: str = HTML, url: str = URL) -> Page:
    return parse_page(html, url)


def read(page_objects: PageObjects, html: str = HTML, url: str = URL) -> Article:
    return page_objects.apply(extract_page(page(html, url)), page(html, url))


FOLDERS = find_cases(CASES)


@pytest.mark.parametrize("folder", FOLDERS, ids=[f.name for f in FOLDERS])
def test_the_case_has_its_expected_fields(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "archiver.toml").write_text(f'page_objects = "{CASES}"\n', encoding="utf-8")
    monkeypatch.setenv("ARCHIVER_CONFIG", str(tmp_path / "archiver.toml"))
    assert not case_differences(read_case(folder, load_page_objects()), read_expected(folder))


def test_without_the_page_object_the_case_differs() -> None:
    assert all(case_differences(read_case(folder), read_expected(folder)) for folder in FOLDERS)
    assert FOLDERS


@pytest.mark.parametrize(
    ("name", "result", "expected"),
    [
        ("title", "' A  new\\ntitle '", "A new title"),
        ("title", "'half a \\udc80 letter'", "half a ? letter"),
        ("body", "'half a \\udc80 letter'", "half a ? letter"),
        ("title", "self.css('h1')", "The quay is closed"),
        ("title", "self.css('h1')[0]", "The quay is closed"),
        ("title", "self.css('h1')[0].root", "The quay is closed"),
        ("authors", "'Ann Rowe and son'", ("Ann Rowe and son",)),
        ("authors", "[' Bo ', '', 'bo', self.css('.byline a')[0]]", ("Bo", "Ann Rowe")),
        ("authors", "(name for name in ('Bo', 'Cy'))", ("Bo", "Cy")),
        ("tags", "self.css('.byline a::text').getall()", ("Ann Rowe",)),
        ("credits", "['An Agency']", ("An Agency",)),
        ("published", "datetime(2024, 5, 7, 9)", datetime(2024, 5, 7, 9, tzinfo=UTC)),
        (
            "published",
            "datetime(2024, 5, 7, 9, tzinfo=timezone(timedelta(hours=2)))",
            datetime(2024, 5, 7, 9, tzinfo=timezone(timedelta(hours=2))),
        ),
        ("published", "date(2024, 5, 7)", datetime(2024, 5, 7, tzinfo=UTC)),
        ("published", "'2024-05-07T09:00:00Z'", datetime(2024, 5, 7, 9, tzinfo=UTC)),
        ("published", "'Tuesday, 7 May 2024'", datetime(2024, 5, 7, tzinfo=UTC)),
        ("modified", "'7. mai 2024'", datetime(2024, 5, 7, tzinfo=UTC)),
        ("geotags", "'Bergen'", (GeoTag(None, None, "Bergen", source=PAGE_OBJECT),)),
        ("geotags", "(60.4, 5.3)", (GeoTag(60.4, 5.3, source=PAGE_OBJECT),)),
        (
            "geotags",
            "[{'latitude': 60.4, 'longitude': 5.3, 'placename': 'Bergen'}]",
            (GeoTag(60.4, 5.3, "Bergen", source=PAGE_OBJECT),),
        ),
        ("language", "'PT_br'", "pt-BR"),
        ("access", "'metered'", "metered"),
        ("image", "'../quay.jpg'", "https://quay.example/quay.jpg"),
        ("canonical_url", "'/a#top'", "https://quay.example/a"),
        ("description", "self.css('p.lead')", LEAD),
        ("body", "'One  line\\n\\n\\nanother'", "One line\n\nanother"),
        ("body", "['One', 'two']", "One\n\ntwo"),
        ("body", "'a < b > c'", "a < b > c"),
        ("body", "self.css('p.lead').get()", LEAD),
    ],
)
def test_a_field_takes_what_its_type_can_be_read_from(use: Use, name: str, result: str, expected: Any) -> None:
    article = read(use(quay=BEGINNING + method(name, result)))
    assert getattr(article, name) == expected
    assert next(e.source for e in article.evidence if e.field == name) == PAGE_OBJECT


@pytest.mark.parametrize(
    ("name", "result", "reason"),
    [
        ("title", "7", "7 is not a text"),
        ("authors", "[None]", "None is not a text"),
        ("published", "'soon'", "'soon' is not a date"),
        ("published", "20240507.5", "20240507.5 is not a date"),
        ("geotags", "(97, 5)", "is not a place"),
        ("geotags", "{'lat': 5}", "is not a place"),
        ("language", "'no language at all'", "is not a language"),
        ("access", "'members'", "return 'free', 'metered', 'paid' or None"),
        ("image", "'javascript:x'", "is not an address"),
        ("body", "{'html': 1}", "is not a text"),
        ("published", "datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9)))", "is not a date"),
        ("geotags", "{'latitude': 1, 'longitude': 2, 'role': 3}", "3 is not a text"),
        ("tags", "(_ for _ in ()).throw(ValueError('\\udc80'))", "ValueError: ?"),
        ("tags", "1 / 0", "ZeroDivisionError: division by zero"),
        ("tags", "self.css('a:::b')", "Expected ident"),
    ],
)
def test_what_a_field_cannot_have_is_a_failure_and_the_article_keeps_its_own_value(
    use: Use, caplog: pytest.LogCaptureFixture, name: str, result: str, reason: str
) -> None:
    article = read(use(quay=BEGINNING + method(name, result)))
    assert getattr(article, name) == getattr(extract_page(page()), name)
    (failure,) = [e for e in article.evidence if e.source == PAGE_OBJECT_FAILED]
    assert failure.field == name
    assert failure.locator.startswith("Notice, quay.py:")
    assert reason in caplog.text
    assert len(failure.locator) <= 120


UNDATED = re.sub(r"<meta property=.article:published_time[^>]*>", "", HTML)
"""A page without a date, in English of no country."""


@pytest.mark.parametrize("result", ["'04/03/2022'", "'04-03-2022 10:15'", "self.css('.lead b')"])
@pytest.mark.parametrize("language", ['lang="en"', ""])
def test_a_date_whose_day_and_month_cannot_be_told_apart_is_refused(
    use: Use, caplog: pytest.LogCaptureFixture, result: str, language: str
) -> None:
    html = UNDATED.replace('lang="en"', language).replace("The northern", "<b>04/03/2022</b> The northern")
    article = read(use(quay=BEGINNING + method("published", result)), html)
    assert article.published == extract_page(page(html)).published
    assert "is two dates, and nothing on the page says which number is the month: return a datetime" in caplog.text


@pytest.mark.parametrize(
    ("result", "change", "day"),
    [
        ("'04/03/2022'", ('lang="en"', 'lang="en-US"'), (4, 3)),
        ("'04/03/2022'", ('lang="en"', 'lang="en-AU"'), (3, 4)),
        ("'04/03/2022'", ('lang="en"', 'lang="pt"'), (3, 4)),
        ("'04/03/2022'", ("</article>", "<p>28/02/2022</p></article>"), (3, 4)),
        ("'04/03/2022'", ("</article>", "<p>02/28/2022</p></article>"), (4, 3)),
        ("'04.03.2022'", ("", ""), (3, 4)),
        ("'04/04/2022'", ("", ""), (4, 4)),
        ("'04/23/2022'", ("", ""), (4, 23)),
        ("'4 March 2022'", ("", ""), (3, 4)),
        ("'2022-03-04'", ("", ""), (3, 4)),
    ],
)
def test_a_date_of_numbers_is_read_if_something_says_which_one_is_the_month(
    use: Use, result: str, change: tuple[str, str], day: tuple[int, int]
) -> None:
    article = read(use(quay=BEGINNING + method("published", result)), UNDATED.replace(*change, 1))
    assert article.published == datetime(2022, *day, tzinfo=UTC)


def test_a_constructor_that_fails_is_a_failure_of_each_field(use: Use) -> None:
    own = "    def __init__(self, page, article):\n        raise KeyError('no')\n"
    article = read(use(quay=BEGINNING + own + method("title", "'x'") + method("tags", "['y']")))
    assert article.title == "The quay is closed"
    assert [e.locator for e in article.evidence if e.source == PAGE_OBJECT_FAILED] == [
        "Notice, quay.py:8: KeyError: 'no'"
    ] * 2


def test_a_constructor_that_does_not_call_that_of_its_base_loses_nothing(use: Use) -> None:
    own = "    def __init__(self, page, article):\n        pass\n"
    article = read(use(quay=BEGINNING + own + method("title", "'x'") + method("tags", "self.css('a')")))
    assert article.title == "The quay is closed"
    assert [e.field for e in article.evidence if e.source == PAGE_OBJECT_FAILED] == ["title", "tags"]


def test_strings_of_lxml_become_plain_strings(use: Use) -> None:
    used = use(quay=BEGINNING + method("title", "self.selector.root.xpath('//h1/text()')[0]"))
    assert type(read(used).title) is str


def test_a_failure_names_the_line_in_the_file_and_is_logged_once(use: Use, caplog: pytest.LogCaptureFixture) -> None:
    text = "    @field\n    def tags(self):\n        return self.word()\n    def word(self):\n        return {}['no']\n"
    used = use(quay=BEGINNING + text)
    with caplog.at_level(logging.WARNING):
        failures = [e.locator for _ in "ab" for e in read(used).evidence if e.source == PAGE_OBJECT_FAILED]
    assert failures == ["Notice, quay.py:11: KeyError: 'no'"] * 2
    assert len(caplog.records) == 1
    assert f"Notice.tags failed on {URL} (quay.py, line 11: KeyError: 'no')." in caplog.text


@pytest.mark.parametrize("nothing", ["None", "''", "[]", "self.css('.none')", "self.css('.none::text').get()"])
def test_a_field_that_finds_nothing_keeps_its_own_value(use: Use, nothing: str) -> None:
    article = read(use(quay=BEGINNING + method("authors", nothing) + method("title", "None")))
    assert article.authors == ("Ann Rowe",)
    assert article.title == "The quay is closed"
    assert not [e for e in article.evidence if e.source in (PAGE_OBJECT, PAGE_OBJECT_FAILED)]


@pytest.mark.parametrize("name", EVIDENCE)
def test_each_field_can_be_empty_on_purpose(use: Use, name: str) -> None:
    article = read(use(quay=BEGINNING + method(name, "EMPTY")))
    assert getattr(article, name) == getattr(Article(url=""), name)
    explained = {e.field: e for e in explain({n: getattr(article, n) for n in EVIDENCE}, article.evidence)}
    assert explained[name].chosen == ""


def test_an_empty_body_has_no_marks_and_an_empty_date_no_precision(use: Use) -> None:
    article = read(use(quay=BEGINNING + method("body", "EMPTY") + method("published", "EMPTY")))
    assert (article.markup, article.captions, article.published_precision) == ((), (), None)


def test_precision_follows_the_date(use: Use) -> None:
    assert read(use(quay=BEGINNING + method("published", "date(2024, 5, 7)"))).published_precision == "day"


def test_the_body_keeps_its_structure_from_an_element_and_from_html(use: Use) -> None:
    html = HTML.replace("southern quay", '<a href="/south">southern quay</a>')
    element = read(use(quay=BEGINNING + method("body", "self.css('article')")), html)
    source = read(use(quay=BEGINNING + method("body", "self.css('article').get()  # as HTML")), html)
    assert [mark.kind for mark in element.markup] == ["a"]
    assert [(m.kind, m.value) for m in source.markup] == [("a", "https://quay.example/south")]


def test_what_the_body_drops_is_there_for_the_other_fields_and_for_the_archiver(use: Use) -> None:
    body = "    @field\n    def body(self):\n        self.css('.lead').drop()\n        return self.css('article')\n"
    used, read_page = use(quay=BEGINNING + body + method("description", "self.css('.lead')")), page()
    article = used.apply(extract_page(read_page), read_page)
    assert article.description.startswith("The northern quay")
    assert "northern" not in article.body
    assert read_page.css(".lead").get()


def test_a_page_object_sees_the_article_and_its_own_fields(use: Use) -> None:
    text = method("title", "self.article.title + '!'") + method("description", "self.title + ' ' + self.url")
    assert read(use(quay=BEGINNING + text)).description == f"The quay is closed! {URL}"


def test_a_field_is_computed_once(use: Use) -> None:
    counting = "    count = []\n    @field\n    def title(self):\n        self.count.append(1)\n        return 'x'\n"
    used = use(quay=BEGINNING + counting + method("description", "self.title + str(len(self.count))"))
    assert read(used).description == "x1"


def test_evidence_names_the_class_the_file_and_the_line(use: Use) -> None:
    article = read(use(quay=BEGINNING + method("authors", "['Bo']")))
    explained = {e.field: e for e in explain({n: getattr(article, n) for n in EVIDENCE}, article.evidence)}
    won = [c for c, is_won in zip(explained["authors"].candidates, explained["authors"].won, strict=True) if is_won]
    assert [(c.value, c.source, c.locator) for c in won] == [("Bo", PAGE_OBJECT, "Notice, quay.py:7")]
    assert explained["authors"].why == "a page object"


def test_a_failed_field_is_explained_by_what_won(use: Use) -> None:
    article = read(use(quay=BEGINNING + method("authors", "1 / 0")))
    stored = [e for e in entries(article) if e["field"] == "authors" and e.get("won")]
    assert [one["value"] for one in stored] == ["Ann Rowe"]
    explained = {e.field: e for e in explain({n: getattr(article, n) for n in EVIDENCE}, article.evidence)}
    assert explained["authors"].why.startswith("the page object failed; ")


def test_the_places_of_a_page_object_replace_those_of_the_page(use: Use) -> None:
    html = HTML.replace("</head>", '<meta name="ICBM" content="59.9, 10.7"></head>')
    assert len(extract_page(page(html)).geotags) == 1
    article = read(use(quay=BEGINNING + method("geotags", "[(60.4, 5.3), 'Bergen']")), html)
    assert [e.value for e in article.evidence if e.field == "geotags"] == ["60.4, 5.3", "Bergen"]


def test_a_page_that_is_no_post_is_left_alone(use: Use) -> None:
    listing = "<html><body><ul><li><a href='/1'>One</a></li><li><a href='/2'>Two</a></li></ul></body></html>"
    used = use(quay=BEGINNING + method("title", "'x'"))
    assert extract_page(page(listing)).kind is not PageKind.POST
    assert read(used, listing) == extract_page(page(listing))


def test_of_a_further_part_only_the_body_is_overridden(use: Use) -> None:
    used = use(quay=BEGINNING + method("title", "'x'") + method("body", "'part'"))
    part = Article(url=URL, title="The quay", body="long", part=2, part_of=URL)
    read_part = used.apply(part, page())
    assert (read_part.title, read_part.body) == ("The quay", "part")


def test_the_place_of_the_date_on_the_page_does_not_depend_on_the_page_object(use: Use) -> None:
    """Forms of pages are compared by it, whether a person corrects dates or not."""
    html = HTML.replace("By <a", '<time datetime="2024-05-02T08:00:00Z">2 May 2024</time> <a')
    own = extract_page(page(html))
    assert date_slot(own)
    assert date_slot(read(use(quay=BEGINNING + method("published", "date(2024, 5, 7)")), html)) == date_slot(own)


# Which pages.


@pytest.mark.parametrize(
    ("pattern", "url", "matches"),
    [
        ("quay.example", "https://quay.example/", True),
        ("quay.example", "http://www.quay.example/a?b=1", True),
        ("www.quay.example", "http://quay.example/a", True),
        ("https://quay.example/", "http://quay.example/a", True),
        ("quay.example", "https://blog.quay.example/", False),
        ("*.quay.example", "https://blog.quay.example/", True),
        ("*.quay.example", "https://quay.example/", False),
        ("*.quay.example", "https://blogquay.example/", False),
        ("quay.example", "http://quay.example:8000/", True),
        ("quay.example:8000", "http://quay.example:8000/", True),
        ("quay.example:8000", "http://quay.example:8001/", False),
        ("quay.example/blog", "https://quay.example/blog", True),
        ("quay.example/blog", "https://quay.example/blog/a", True),
        ("quay.example/blog", "https://quay.example/blog?id=3", True),
        ("quay.example/blog", "https://quay.example/blogs", False),
        ("quay.example/blog", "https://quay.example/a/blog", False),
        ("quay.example/20*/news", "https://quay.example/2024/05/news/a", True),
        ("quay.example/20*/news", "https://quay.example/1999/news/a", False),
        ("quay.example/a*", "https://quay.example/abc", True),
        ("quay.example/a.c", "https://quay.example/abc", False),
        ("ключ.example", "https://xn--j1ac0b1a.example/", True),
    ],
)
def test_a_pattern(pattern: str, url: str, matches: bool) -> None:
    assert URLPattern.parse(pattern).matches(url) is matches


@pytest.mark.parametrize("pattern", ["", "*", "*.", "a b", "ftp://quay.example", "quay.*", "/blog", "quay.example?x"])
def test_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        URLPattern.parse(pattern)


def test_the_narrowest_pattern_wins(use: Use) -> None:
    used = use(
        a=BEGINNING.replace("Notice", "Wide").replace('"quay.example"', '"*.example", "quay.example"')
        + method("title", "'x'"),
        b=BEGINNING.replace("Notice", "Narrow").replace("quay.example", "quay.example/notices")
        + method("title", "'y'"),
    )
    found = [used.of(url) for url in (URL, "https://quay.example/", "https://a.example/", "https://a.test/")]
    assert [one.name if one else "" for one in found] == ["Narrow", "Wide", "Wide", ""]


# What cannot be used.


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        (GOOD.replace("def title(self):", "def title(self)"), 8, "expected ':'"),
        (GOOD.replace("def title", "def titel"), 7, "there is no field 'titel'; did you mean 'title'? The fields are"),
        (GOOD.replace("def title", "def markup"), 7, "markup follows from body; override that"),
        (GOOD.replace("def title", "def site"), 7, "site is not read from the text of a page"),
        (GOOD.replace("    @field\n", ""), 7, "Notice.title is named like a field, but is none: write @field above it"),
        (GOOD.replace("@field", "@property"), 7, "Notice.title is named like a field, but is none"),
        (GOOD.replace("@field", "@field()"), 7, "write @field without parentheses"),
        (GOOD.replace("def title", "async def title"), 7, "Notice.title is asynchronous"),
        (BEGINNING + "    pass\n", 5, "the class Notice overrides no field"),
        (GOOD.replace('@handle_urls("quay.example")\n', ""), 5, "does not say which pages it is for"),
        (GOOD.replace('@handle_urls("quay.example")', "@handle_urls"), 5, "handle_urls needs the addresses"),
        (GOOD.replace('"quay.example"', '"*"'), 5, "'*' is not an address"),
        (GOOD.replace("(PageObject)", ""), 5, "write class Notice(PageObject)"),
        (GOOD.replace("import date,", "import dates,"), 1, "ImportError: cannot import name 'dates'"),
        ("import no_such_thing\n" + GOOD, 1, "ModuleNotFoundError: No module named 'no_such_thing'"),
        (GOOD + "\n\nassert not Notice, 'never'\n", 12, "AssertionError: never"),
        (GOOD + "\n\nimport json\njson.loads('{')\n", 13, "JSONDecodeError"),
        ("raise SystemExit(3)\n", 1, "SystemExit: 3"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_sentence_with_file_line_and_what_to_do(
    use: Use, text: str, line: int, why: str
) -> None:
    used = use(mistake=text, good=GOOD.replace("quay.example", "other.example"))
    with pytest.raises(BadPageObject) as caught:
        used.check()
    assert str(caught.value).startswith(f"The page objects in mine/mistake.py, line {line}, cannot be used: ")
    assert why in str(caught.value)
    assert [one.name for one in used.loaded] == ["Notice"], "the other file is used"


def test_two_classes_for_one_address_are_a_mistake(use: Use) -> None:
    used = use(a=GOOD, b=GOOD.replace("Notice", "Second").replace('"quay', '"https://www.quay'))
    with pytest.raises(BadPageObject, match=r"b\.py, line 5.* Second is for quay\.example, as Notice in a\.py is"):
        used.check("quay.example")
    assert [one.name for one in used.loaded] == ["Notice"]


@pytest.mark.parametrize(
    ("host", "concerned"),
    [
        ("quay.example", True),
        ("www.quay.example", True),
        ("quay.example:8000", True),
        ("port.example:8000", True),
        ("port.example:8001", False),
        ("port.example", False),
        ("aquay.example", False),
        ("quay.example.org", False),
        ("blog.wild.example", True),
        ("wild.example", True),  # a domain above the hosts of a pattern
        ("example", False),
    ],
)
def test_a_broken_file_concerns_the_hosts_that_it_names(use: Use, host: str, concerned: bool) -> None:
    (broken,) = use(mistake='@handle_urls("https://www.quay.example/x", "*.wild.example", "port.example:8000"\n').broken
    assert broken.concerns(host) is concerned


def test_a_mistake_in_a_shared_file_names_the_shared_file(use: Use) -> None:
    used = use(quay="from .shared import word\n" + GOOD, shared="\n\nword = unknown\n")
    assert {str(one.error).split(",")[0] for one in used.broken} == {"The page objects in mine/shared.py"}


def test_files_share_code_and_base_classes(use: Use) -> None:
    base = GOOD.replace('@handle_urls("quay.example")\n', "").replace("class Notice", "class Base")
    own = "from archiver import handle_urls\nfrom .base import Base\n\n@handle_urls('quay.example')\nclass Own(Base):\n"
    used = use(own=own + "    pass\n", base=base)
    assert read(used).title == "x"
    assert not used.broken


def test_a_changed_file_is_loaded_again_and_has_another_version(use: Use) -> None:
    before = use(quay=GOOD)
    after = use(quay=GOOD.replace("'x'", "'yz'"))
    assert [read(one).title for one in (before, after)] == ["x", "yz"]
    assert before.digest != after.digest
    assert read(before).read_by != read(after).read_by
    assert use(quay=GOOD.replace("'x'", "'yz'")).loaded[0].version == after.loaded[0].version


def test_a_changed_helper_changes_the_version(use: Use) -> None:
    text = "from .names import word\n" + GOOD.replace("'x'", "word")
    before, after = use(quay=text, names="word = 'x'\n"), use(quay=text, names="word = 'other'\n")
    assert [read(one).title for one in (before, after)] == ["x", "other"]
    assert before.digest != after.digest


def test_nothing_is_written_into_the_folder(use: Use, tmp_path: Path) -> None:
    assert use(quay="from .names import word\n" + GOOD, names="word = 1\n").loaded
    assert {one.name for one in (tmp_path / "mine").iterdir()} == {"quay.py", "names.py"}


def test_without_a_folder_nothing_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARCHIVER_CONFIG", raising=False)
    assert load_page_objects().loaded == ()
    assert load_page_objects().digest == ""


def test_a_folder_that_is_not_there_is_named(use: Use, tmp_path: Path) -> None:
    (tmp_path / "archiver.toml").write_text('page_objects = "yours"\n', encoding="utf-8")
    with pytest.raises(BadPageObject, match="The page objects in yours cannot be used: the folder cannot be read"):
        use()


def test_the_folder_is_beside_archiver_toml(tmp_path: Path) -> None:
    assert parse_config('page_objects = "mine"', str(tmp_path / "a.toml")).page_objects == str(tmp_path / "mine")


@pytest.mark.parametrize("text", ['page_objects = ["mine"]', "page_objects = true", 'page_object = "mine"'])
def test_a_wrong_setting_is_a_mistake_with_its_line(text: str) -> None:
    with pytest.raises(BadConfig, match="line 1, column 1"):
        parse_config(text, "archiver.toml")


# Installed packages.


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], PageObjects]:
    """A function that installs a package with one module and an entry point, and loads page objects."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARCHIVER_CONFIG", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def install(value: str, text: str) -> PageObjects:
        metadata = tmp_path / "site" / "quay_pages-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: quay-pages\nVersion: 1.0\n", encoding="utf-8")
        (metadata / "entry_points.txt").write_text(f"[archiver.page_objects]\nquay = {value}\n", encoding="utf-8")
        (tmp_path / "site" / "quay_pages.py").write_text(text, encoding="utf-8")
        installed_page_objects.cache_clear()
        _load.cache_clear()
        return load_page_objects()

    yield install  # type: ignore[misc]
    sys.modules.pop("quay_pages", None)
    installed_page_objects.cache_clear()


@pytest.mark.parametrize("value", ["quay_pages", "quay_pages:Notice"])
def test_a_package_offers_page_objects_by_an_entry_point(
    installed: Callable[[str, str], PageObjects], value: str
) -> None:
    used = installed(value, GOOD)
    assert read(used).title == "x"
    assert [(one.name, one.file) for one in used.loaded] == [("Notice", "quay_pages.py")]


@pytest.mark.parametrize(
    ("value", "text", "why"),
    [
        ("quay_pages", GOOD.replace("def title", "def titel"), "line 7, cannot be used: Notice.titel"),
        ("quay_pages:Other", GOOD, "AttributeError"),
        ("no_such_pages", GOOD, "the entry point quay = no_such_pages cannot be used: ModuleNotFoundError"),
        ("quay_pages:date", GOOD, "quay_pages:date is neither a module nor a subclass of archiver.PageObject"),
    ],
)
def test_a_broken_package_is_a_sentence(
    installed: Callable[[str, str], PageObjects], value: str, text: str, why: str
) -> None:
    used = installed(value, text)
    with pytest.raises(BadPageObject) as caught:
        used.check()
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "[defaults]\npage_objects = 'mine'",
            "line 2, column 1: 'page_objects' is not a key of [defaults]: move it to the",
        ),
        ("[groups.a]\npage_objects = 'mine'", "line 2, column 1: 'page_objects' is not a key of [groups.a]: move it"),
        ("[log]\npage_objects = 'mine'", "line 2, column 1: 'page_objects' is not a key of [log]: move it to the top"),
        ("page_objects = mine", 'line 1, column 16: invalid value: a text needs quotation marks: "mine".'),
        ("page_objects = ./mine # here", 'a text needs quotation marks: "./mine".'),
        ("page_objects = страницы", 'a text needs quotation marks: "страницы".'),
        ("[notify]\nrecovery = No", "line 2, column 12: invalid value: write false."),
        ("page_objects = ", "line 1, column 16: invalid value."),
    ],
)
def test_a_misplaced_setting_and_a_text_without_quotation_marks_are_named(text: str, why: str) -> None:
    with pytest.raises(BadConfig) as caught:
        parse_config(text, "archiver.toml")
    assert why in str(caught.value)


# The command line.


def test_extract_uses_the_page_object_and_says_what_returned_nothing(use: Use, tmp_path: Path) -> None:
    use(quay=GOOD + method("tags", "[]"))
    (tmp_path / "page.html").write_text(HTML, encoding="utf-8")
    result = in_process("extract", "page.html", "--url", URL)
    assert json.loads(result.stdout)["title"] == "x"
    assert result.stderr == "Notice.tags returned nothing; the field is extracted without it.\n"


def test_extract_refuses_a_broken_file(use: Use, tmp_path: Path) -> None:
    use(quay=GOOD.replace("def title", "def titel"))
    (tmp_path / "page.html").write_text(HTML, encoding="utf-8")
    result = in_process("extract", "page.html", "--url", URL)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: The page objects in mine/quay.py, line 7, cannot be used: ")


PLAIN = "<html><head><title>Quay</title></head><body class='leaf'><p>The quay is closed.</p></body></html>"
"""A page that only rules of the site make a post."""


def test_a_page_object_that_is_not_used_names_a_way_out(use: Use, tmp_path: Path) -> None:
    use(quay=GOOD)
    (tmp_path / "page.html").write_text(PLAIN, encoding="utf-8")
    result = in_process("extract", "page.html", "--url", URL)
    assert result.exit_code == 0
    assert result.stderr.startswith("Notice is not used: the page is not a post (undated). If it is one, write what")


@pytest.mark.parametrize(
    ("file", "code", "said"),
    [
        ("mine/nowhere", 1, "mine/nowhere cannot be read: there is no such file."),
        ("page.html", 2, "Missing option '--url'"),
    ],
)
def test_a_file_that_is_none_is_named(use: Use, tmp_path: Path, file: str, code: int, said: str) -> None:
    use(quay=GOOD)
    (tmp_path / "page.html").write_text(HTML, encoding="utf-8")
    result = in_process("extract", file)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr


def test_an_address_is_not_a_file_even_if_its_url_is_given(use: Use) -> None:
    use(quay=GOOD)
    result = in_process("extract", URL, "--url", URL)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--url" in result.stderr


def test_all_errors_of_page_objects_are_of_the_program() -> None:
    assert issubclass(BadPageObject, ArchiverError)


def test_a_date_of_the_standard_library_is_a_day(use: Use) -> None:
    assert read(use(quay=BEGINNING + method("modified", "date(2024, 5, 7)"))).modified == datetime.combine(
        date(2024, 5, 7), datetime.min.time(), UTC
    )
