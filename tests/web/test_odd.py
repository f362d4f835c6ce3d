"""Unusual archives and requests: a page of the year 2290, hundreds of sites, invalid arguments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import pytest
from lxml import html

from archiver.archive import Archive
from archiver.model.errors import BadQuery
from archiver.storage.database import open_archive
from archiver.storage.sites import ensure_site
from archiver.web.search_charts import densest_window
from tests.archive_fixture import make_archive
from tests.web.conftest import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of an archive with 250 sites without articles. Of its six articles one is of 1802 and one of 2290, one
    has many tags, one has 120 revisions and 251 captures. 150 more, with numbers from 101, have only a title.
    """
    file = make_archive(tmp_path_factory.mktemp("odd") / "small.db")
    db = open_archive(file)
    with db.atomic():
        for number in range(250):
            ensure_site(db, f"https://site{number}.example/", datetime(2024, 1, 1, tzinfo=UTC))
        db.execute("update articles set published = '1802-01-01' where id = 5")
        db.execute("update articles set published = '2290-01-01' where id = 6")
        db.execute(
            "insert into revisions (article_id, revision, observed_at, changed, title, content, previous) "
            "with recursive n(i) as (select 2 union all select i + 1 from n where i < 120) select 2, i, "
            "'2024-06-01T12:00:00+00:00', '[\"title\"]', 'Fog ' || i, content, i - 1 from n, revisions "
            "where article_id = 2 and revision = 1"
        )
        db.execute("update articles set revision = 120 where id = 2")
        db.execute(
            "insert into captures (url, captured_at, status, warc_file, record_type) with recursive n(i) as "
            "(select 1 union all select i + 1 from n where i < 250) select url, "
            "strftime('%Y-%m-%dT%H:%M:%S.500000+00:00', '2020-01-01', '+' || i || ' days'), 200, 'x', "
            "'response' from captures, n where captures.id = 2"
        )
        db.execute(
            "insert into articles (id, url, urlkey, site, title, body, revision, first_seen, last_seen) "
            "with recursive n(i) as (select 101 union all select i + 1 from n where i < 250) "
            "select i, url || i, urlkey || i, site, title || i, '', 1, first_seen, last_seen "
            "from articles, n where articles.id = 3"
        )
        db.execute("update articles set tags = ? where id = 1", [json.dumps([f"tag {n}" for n in range(40)])])
    db.close()
    with serving(file) as running:
        yield running


def tree(served: Served, path: str) -> Any:
    return html.document_fromstring(served.get(path).text)


@pytest.mark.parametrize(
    ("found", "archived", "most", "shown"),
    [
        ([], [], 5, (0, 0)),
        ([1, 0], [1, 0], 5, (0, 2)),
        ([0, 1, 0, 0], [0, 1, 0, 1], 2, (1, 2)),
        ([0, 0, 0, 0, 0, 0], [1, 0, 2, 3, 0, 1], 3, (2, 4)),
        ([1, 0, 0, 0, 0, 0], [1, 0, 9, 9, 0, 9], 3, (0, 3)),
        ([0, 0, 0], [0, 0, 0], 2, (1, 3)),
        ([1, 0, 0, 1], [1, 1, 1, 1], 2, (2, 4)),
    ],
)
def test_the_periods_with_most_matches_are_shown(
    found: list[int], archived: list[int], most: int, shown: tuple[int, int]
) -> None:
    assert densest_window(found, archived, most) == shown


def test_a_wrong_year_does_not_squeeze_the_chart(served: Served) -> None:
    page = tree(served, "/search")
    assert {bar.get("data-period")[:3] for bar in page.cssselect("figure.graph a[data-period]")} == {"202"}
    caption = page.cssselect("figure.graph figcaption")[0].text_content()
    assert re.findall(r"\b1\b", caption) == ["1", "1"], "one year before, one after"
    assert len(served.get("/search.json").json["histogram"]["periods"]) == 489


@pytest.mark.parametrize(
    ("query", "marked"),
    [
        ("flood date:2023-14 tide", "date:2023-14"),
        ('is:new "a b"', "is:new"),
        ("()", ""),
        ('x near:"950, 30" y', 'near:"950, 30"'),
        ("tide (is:new) fog", "is:new"),
        ("-is:new", "is:new"),
        ("tide (fog is:new)", "is:new"),
        ("a NEAR(b OR c)", "OR"),
        ("(" * 31 + "x", "("),
    ],
)
def test_an_error_is_marked_and_can_be_corrected(served: Served, query: str, marked: str) -> None:
    for path in ("/search", "/"):
        answer = served.get(f"{path}?since=2024&q=" + query.replace(" ", "+").replace('"', "%22"))
        page = html.document_fromstring(answer.text)
        assert answer.status == 400
        assert [mark.text_content() for mark in page.cssselect(".mistake mark")] == ([marked] if marked else [])
        form = page.cssselect("main form")[0]
        assert form.get("action") == path
        assert dict(form.form_values()) == {"since": "2024", "q": query}
        assert len(form.cssselect("label")) == 2


def test_json_errors_have_the_position(served: Served) -> None:
    answer = served.get("/search.json?q=flood+is:new").json
    assert (answer["at"], answer["status"], answer["ok"]) == (6, 400, False)
    assert served.get("/article/99.json").json["at"] is None
    assert served.get("/search.json?q=e%CC%81+is:new").json["at"] is None  # NFC shortens the query by a character


def test_a_facet_can_show_more_values_and_be_searched(served: Served) -> None:
    few = tree(served, "/search?q=tide")
    (more,) = few.xpath("//a[text()='Show more']/@href")
    assert more == "/search?q=tide&more=tag#tag"
    many = tree(served, more.partition("#")[0])
    tags = [{one.text_content() for one in page.cssselect("#tag bdi")} for page in (few, many)]
    assert len(tags[0]) == 10
    assert len(tags[1]) == 41
    assert tags[0] < tags[1]
    assert not many.xpath("//a[text()='Show more']")
    (form,) = few.cssselect("#tag form")
    found = tree(served, f"/search?{urlencode([*form.form_values(), ('find', 'TAG 1')])}")
    shown = [one.text_content() for one in found.cssselect("#tag bdi")]
    assert shown
    assert all("tag 1" in name.lower() for name in shown)
    none = tree(served, "/search?q=tide&facet=tag&find=zzz")
    assert not none.cssselect("#tag bdi")
    assert "zzz" in none.cssselect("#tag")[0].text_content()
    assert len(served.get("/search.json?values=10000").json["facets"]["tag"]) == 41
    assert served.get("/search.json?values=0").status == served.get("/search.json?values=x").status == 400


def test_a_long_search_is_not_repeated_in_links(served: Served) -> None:
    """A page has at most 150 KB; a query of 10,000 characters would be in hundreds of its links."""
    long = f"tide OR {'x' * 9_990}"
    answer = served.get(f"/search?q={quote(long)}")
    page = html.document_fromstring(answer.text)
    assert len(answer.body) < 130_000
    assert page.cssselect(".facet .n")
    assert not page.cssselect(".facet a, svg a[href]")
    (form,) = page.xpath("//form[@action='/export']")
    assert dict(form.form_values()) == {"q": long}
    assert len(form.xpath("button[@name='as']")) == 6
    many = served.get(
        "/search?q=tide&" + "&".join(f"author=a{n}" for n in range(500))
    )  # each is in the links of all others
    assert len(many.body) < 150_000
    assert "a499" in many.text
    short = tree(served, "/search?q=tide")
    assert short.cssselect(".facet a")
    assert short.cssselect(".bars a[href]")
    assert short.cssselect(".sky a[href]")
    assert not short.xpath("//form[@action='/export'][not(ancestor::details)]")


def test_revisions_are_a_hundred_a_page(served: Served) -> None:
    page, rest = tree(served, "/article/2/versions"), tree(served, "/article/2/versions?offset=100")
    seen = [
        one.xpath("//ol[contains(@class, 'version-list')]/li//a[contains(@href, '/diff')]/@href")
        for one in (page, rest)
    ]
    assert [len(one) for one in seen] == [100, 19]
    assert seen[0][0].endswith("from=119&to=120")
    assert seen[1][-1].endswith("from=1&to=2")
    assert page.xpath("//a[@rel='next']/@href") == ["/article/2/versions?offset=100"]
    assert rest.xpath("//a[@rel='prev']/@href") == ["/article/2/versions"]
    assert len(page.cssselect(".headlines li")) == 100
    assert len(served.get("/article/2/versions.json").json) == 120
    for path in ("/article/2/versions", "/article/2/diff"):
        (form,) = tree(served, path).cssselect("form.compare")
        assert dict(form.form_values()) == {"from": "119", "to": "120"}
        assert not form.cssselect("option")


@pytest.mark.parametrize("path", ["/article/2/captures", "/captures/https://harbour.example/2024/04/fog"])
def test_captures_are_a_hundred_a_page(served: Served, path: str) -> None:
    pages, address, seen = 0, path, []
    while address:
        page, pages = tree(served, address), pages + 1
        assert page.cssselect("h1")[0].text_content() == "251 captures"
        seen += page.xpath("//td[@class='when']/a/@href")
        address = next(iter(page.xpath("//a[@rel='next']/@href")), "")
    assert pages == 3
    assert len(seen) == len(set(seen)) == 251
    assert page.xpath("//nav[@aria-label='Pages of captures']/a[@rel='prev']")
    assert len(tree(served, page.xpath("//a[@rel='prev']/@href")[0]).xpath("//td[@class='when']")) == 100


def test_a_collection_is_a_hundred_a_page_and_acts_as_a_whole(served: Served) -> None:
    numbers = [*range(101, 251)]
    address = "/collection?name=Notes&style=bibtex&" + "&".join(f"id={n}" for n in numbers)
    page = tree(served, address)
    rest = tree(served, page.xpath("//a[@rel='next']/@href")[0])
    for one, shown in ((page, numbers[:100]), (rest, numbers[100:])):
        assert [int(link.split("/")[-1]) for link in one.xpath("//ol[contains(@class, 'hits')]//h2/a/@href")] == shown
        assert one.xpath("string(//pre[@id='references'])").count("@misc{") == len(shown)
        assert one.xpath("string(//p[@class='count'])").startswith("150 articles")
        for form in one.xpath("//form[@action='/export']"):
            whole = served.get(f"/export?{urlencode(form.form_values())}&as=bibtex").text
            assert whole.count("@misc{") == 150
        assert one.xpath("//form[@action='/export']//button[@value='bibtex']")[1:]
        assert one.xpath("string(//pre[contains(@class, 'whole')])") == page.xpath("string(//pre[1])")
    (items,) = rest.xpath("//form[@id='items']")
    out = served.get(f"{items.get('action')}?{urlencode(items.form_values())}&without=250").headers["location"]
    assert out.endswith(",249&style=bibtex&offset=100")
    assert parse_qs(out.partition("?")[2])["id"] == [",".join(map(str, range(101, 250)))]
    # If the shown page is now empty, the previous page is shown.
    assert len(tree(served, "/collection?id=101&id=102&offset=100").cssselect(".hits li")) == 2
    assert len(served.get(address.replace("?", ".json?")).json["articles"]) == 150


@pytest.mark.parametrize(
    ("address", "offered"),
    [
        (
            "/search?q=tide+zeppelin&site=harbour.example",
            {
                "only this word": "/search?q=tide&site=harbour.example",
            },
        ),
        (
            "/search?q=tide&author=L%C3%AA+%C4%90%E1%BB%A9c&since=2024",
            {
                "by any author": "/search?q=tide&since=2024",
            },
        ),
        ("/search?q=%22tide+zeppelin%22", {"only this word": "/search?q=tide"}),
        ("/search?q=tide", {}),
        ("/search?q=tiding", {}),
    ],
)
def test_searches_without_results_offer_others_with_their_counts(
    served: Served, address: str, offered: dict[str, str]
) -> None:
    page = tree(served, address)
    ways = page.cssselect(".ways li")
    assert {way.findtext("a"): way.find("a").get("href") for way in ways} == offered
    for way in ways:
        total = served.get(f"{way.find('a').get('href')}&_format=json").json["total"]
        assert total == int(way.findtext("span")) > 0


def test_sites_are_a_hundred_a_page_and_found_by_letters(served: Served) -> None:
    seen: list[str] = []
    address = "/sites"
    while address:
        page = tree(served, address)
        seen += page.xpath("//th[@scope='row']//a[not(@class)]/bdi/text()")
        address = next(iter(page.xpath("//a[@rel='next']/@href")), "")
    listed = [site["name"] for site in served.get("/sites.json").json]
    assert seen == listed
    assert len(seen) == len(set(seen)) > 250
    page = tree(served, "/sites?q=Site24")
    assert len(page.xpath("//th[@scope='row']")) == 11
    assert "11 sites" in page.text_content()
    assert [one["name"] for one in served.get("/sites.json?q=harbour").json] == ["harbour.example"]
    assert not tree(served, "/sites?q=nowhere").xpath("//th[@scope='row']")
    assert served.get("/sites?offset=-1").status == 400


ODD = (
    "O'Brien",
    "AT&T",
    "c++",
    "c#",
    '"unbalanced',
    "😀",
    "👩‍👩‍👧",
    "NOT",
    "NOT NOT",
    "()",
    "(",
    "((tide",
    "tide OR",
    "OR tide",
    "*",
    "a*",
    "-tide",
    "--tide",
    "tide -fog",
    "tide | lamp",
    "title:",
    'title:"',
    '""',
    "%",
    "_",
    "\\",
    "\0",
    "\t",
    "10:30",
    "foo:bar",
    "مرحبا",
    "شَمْس",
    "שלום",
    "学习",
    "机器学习",
    "lê đức",
    "LE DUC",
    "서울",
    "울",
    "ประเทศ",
    "機械",
    "ｔｉｄｅ",
    "İstanbul",
    "ß",
    "tide NEAR fog",
    "NEAR(tide fog, 5)",
    "url:%",
    "url:/2024/",
    "id:1",
    "like:1",
    "has:geo -is:gone",
    "<script>",
    "1;drop table articles",
    "tide\u00a0tables",
    "x" * 10_000,
    "tide " * 199,
    "tide " * 201,
)


def test_odd_queries_count_the_same_everywhere(served: Served) -> None:
    """In Python, as JSON, in facets and histogram, and as a file; invalid queries give the same error."""
    wrong, mistakes = [], 0
    with Archive(served.archive) as archive:
        for query in ODD:
            args = f"q={quote(query)}"
            answer = served.get(f"/search.json?{args}")
            page = served.get(f"/search?{args}")
            try:
                found = archive.results(query)
            except BadQuery as error:
                mistakes += 1
                wrong += [query] * ((answer.status, answer.json["error"], page.status) != (400, str(error), 400))
                continue
            exported = served.get(f"/export?as=jsonl&{args}").text.splitlines()
            ids = [hit.id for hit in found.hits]
            bars = answer.json["histogram"]
            if not (
                answer.status == page.status == 200
                and [hit["id"] for hit in answer.json["hits"]] == ids
                and {json.loads(line)["id"] for line in exported} >= set(ids)
                and found.total
                == answer.json["total"]
                == len(exported)
                == sum(answer.json["facets"]["site"].values())
                == bars["undated"] + sum(one["articles"] for one in bars["periods"])
            ):
                wrong.append(query)
    assert not wrong
    assert 3 < mistakes < 12
