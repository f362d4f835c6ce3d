"""The server's responses, headers and access rules. It runs in its own process and is used over HTTP."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import signal
import sqlite3
import subprocess
import sys
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest
from lxml import etree, html

import archiver.web
from archiver.cli.main import cli
from archiver.model.errors import ArchiveNotFound
from archiver.search.search_index import refresh_index
from archiver.storage.database import open_archive
from archiver.storage.full_text import index_folder
from archiver.web.archive_connections import ArchivePool
from archiver.web.web_routes import static_url
from archiver.web.web_server import EXAMPLES
from tests import processes
from tests.archive_fixture import make_archive
from tests.runner import Runner, fault
from tests.web.conftest import Served, output_of, serving

STYLE, ICON = (static_url("/", name) for name in ("style.css", "icon-180.png"))

PATHS = (
    "/",
    "/search?q=tide",
    "/sites",
    "/site/notes.example/blog",
    "/article/1",
    "/archive",
    "/archive/articles",
    "/archive/articles/1",
    "/archive?sql=select+1",
)


@pytest.mark.parametrize(
    "path",
    [
        *PATHS,
        "/article/99",
        "/search.json?q=tide",
        "/archive",
        "/archive/articles",
        "/-/archiver/style.css?v=1",
        "/archive/articles.json",
        "/nothing/there",
    ],
)
def test_every_response_has_security_headers(served: Served, path: str) -> None:
    headers = served.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("path", PATHS)
def test_pages_run_no_script_of_their_own(served: Served, path: str) -> None:
    answer = served.get(path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script>" not in answer.text
    assert "style=" not in answer.text
    assert "<style" not in answer.text
    assert " onclick" not in answer.text
    assert "javascript:" not in answer.text


@pytest.mark.parametrize(
    ("path", "status", "names"),
    [
        ("/article/99", 404, "&#39;99&#39;"),
        ("/article/x%3Cscript%3E", 404, "x&lt;script&gt;"),
        ("/site/other.example", 404, "other.example"),
        ("/search?near=950,1", 400, "950,1"),
        ("/search?q=is:new", 400, "is:new"),
        ("/search?limit=few", 400, "few"),
        ("/article/1?revision=x", 400, "revision=x"),
        ("/article/1/cite/word", 400, "word"),
        ("/article/1/image", 404, "1"),
        ("/sites?offset=-1", 400, "-1"),
        ("/web/20240231000000/https://a.example/", 400, "20240231000000"),
    ],
)
def test_invalid_requests_are_errors_that_name_them(served: Served, path: str, status: int, names: str) -> None:
    answer = served.get(path)
    assert (answer.status, names in answer.text, "<script>" in answer.text) == (status, True, False)
    plain = served.get(path + ("&" if "?" in path else "?") + "_format=json")
    assert plain.status == status
    assert plain.json["error"]


def test_only_names_of_this_server_are_answered(served: Served) -> None:
    assert served.get("/", Host="rebound.example").status == 421
    assert served.get("/archive/articles.json", Host="rebound.example:80").status == 421
    assert [served.get("/", Host=host).status for host in ("localhost:1", "127.0.0.1", "[::1]:80", "LOCALHOST")] == [
        200
    ] * 4


@pytest.mark.parametrize(
    ("site", "wanted", "status"),
    [
        ("cross-site", "image", 403),
        ("cross-site", "iframe", 403),
        ("cross-site", "empty", 403),
        ("cross-site", "document", 200),
        ("same-origin", "image", 200),
        ("none", "document", 200),
    ],
)
def test_cross_site_requests_are_refused_except_links(served: Served, site: str, wanted: str, status: int) -> None:
    sent = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": wanted}
    for path in ("/search?q=tide", "/archive.json?sql=select+1", "/-/archiver/style.css"):
        assert served.get(path, **sent).status == status


def test_nothing_is_written(served: Served) -> None:
    assert [served.get("/search", method).status for method in ("POST", "PUT", "DELETE", "OPTIONS")] == [405] * 4
    assert served.get("/archive?sql=delete+from+articles").status == 400
    assert served.get("/archive.json?sql=select+count(*)+as+n+from+articles&_shape=array").json == [{"n": 6}]
    assert served.get("/search", "HEAD").body == b""


def test_server_internals_are_hidden(served: Served) -> None:
    names = ("databases", "versions", "settings", "plugins")
    assert [served.get(f"/-/{name}.json").status for name in names] == [404] * 4


def test_no_redirect_leads_to_another_host(served: Served) -> None:
    paths = ("//", "//far.example/", "///search/", "/\\far.example/", "/%5Cfar.example/", "/%5C%5Cfar.example//")
    assert [served.get(path).status for path in paths] == [404] * 6
    assert served.get("/search/").headers["location"] == "/search"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/-/static/" + "a" * 5_000, 404),
        ("/-/archiver/" + "a" * 5_000, 404),
        ("/archive/articles?_where=1;drop", 400),
        ("/archive/articles.json?_where=1;drop+table+articles", 400),
        ("/archive?sql=select+1;drop+table+articles", 400),
        ("/archive?sql=select+1&_timelimit=x", 400),
        ("/archive/articles?_timelimit=x", 400),
        ("/archive/articles.csv?_trace=1", 400),
        ("/archive/articles?_size=x", 400),
        ("/archive/" + "a" * 5_000, 404),
        ("/site/" + "a" * 5_000, 404),
        ("/article/" + "9" * 5_000, 404),
    ],
)
def test_hostile_paths_are_errors_of_the_request(served: Served, path: str, status: int) -> None:
    assert served.get(path).status == status


@pytest.mark.parametrize(
    "sql",
    [
        "select file from pragma_database_list",
        "pragma database_list",
        "select * from backups",
        "select * from imports",
        "select readfile('/etc/passwd')",
        "select load_extension('none')",
        "nonsense",
    ],
)
def test_sql_shows_no_path_of_the_machine(served: Served, sql: str) -> None:
    db = open_archive(served.archive)
    db.execute(
        "insert or replace into backups (path, failed_at, failure) values (?, 'x', ?)", [str(served.archive)] * 2
    )
    db.execute("insert or ignore into imports (id, name) values (1, ?)", [str(served.archive)])
    db.conn.commit()
    db.close()
    for form in ("", ".json", ".csv"):
        answer = served.get(f"/archive{form}?sql={quote(sql)}")
        assert answer.status in (200, 400)
        assert str(served.archive.parent) not in answer.text
    assert str(served.archive.parent) not in served.get("/archive/backups").text + served.get("/archive").text


def test_the_example_queries_run(served: Served) -> None:
    for name, _, _ in EXAMPLES:
        answer = served.get(f"/archive/{name}.json?_shape=array")
        assert (answer.status, isinstance(answer.json, list)) == (200, True), name
    rows = served.get(
        "/archive/near-a-place.json?near_latitude=48.9&near_longitude=2.3&kilometres=20&_shape=array"
    ).json
    assert [(row["placename"], row["km"] < 20) for row in rows] == [("Paris", True)]
    (first,) = served.get("/archive/changed-headlines.json?_shape=array").json
    assert first["before"] != first["after"]


def test_tables_are_pages_of_the_archive(served: Served) -> None:
    for path in ("/archive", "/archive/articles", "/archive/articles/1", "/archive?sql=select+1", "/archive/authors"):
        page = html.document_fromstring(served.get(path).text)
        assert page.xpath("//nav[@class='nav']//a[@aria-current='page']/@href") == ["/archive"], path
        assert page.xpath("//link[@rel='stylesheet']/@href")[0].startswith("/-/archiver/style.css"), path
        assert not page.xpath("//script[not(@src)] | //style | //*[@style]"), path


def test_cells_of_csv_are_no_formulas(served: Served) -> None:
    dangerous = (
        "=1+1",
        '=HYPERLINK("http://far.example/","x")',
        "+SUM(1)",
        "-x",
        "@x",
        "\t=1",
        "'=1",
        "a,=1",
        "\r\n=1",
    )
    sql = "select " + ", ".join("'" + text.replace("'", "''") + "'" for text in dangerous) + ", -1.5, '+7', ''"
    head, row = csv.reader(io.StringIO(served.get(f"/archive.csv?sql={quote(sql)}").text, newline=""))
    assert [cell.removeprefix("'") for cell in row[:6]] == list(dangerous[:6])
    assert all(cell.startswith("'") for cell in row[:6])
    assert row[6:] == ["'=1", "a,=1", "'\r\n=1", "-1.5", "+7", ""]
    assert not any(cell.startswith(("=", "+S", "@")) for cell in head)


def test_columns_of_a_csv_can_be_chosen(served: Served) -> None:
    text = served.get("/export?as=csv&q=tide&column=url&column=title").text
    assert text.splitlines()[0] == "url,title"
    assert len(text.splitlines()) == 1 + served.get("/search.json?q=tide").json["total"]
    assert served.get("/export?as=csv&q=tide&column=nothing").status == 400
    assert served.get("/export?as=ris&q=tide&column=url").status == 400
    page = html.document_fromstring(served.get("/search?q=tide").text)
    offered = page.xpath("//form[input[@name='as' and @value='csv']]//input[@name='column']/@value")
    assert set(offered) == set(text_columns := served.get("/export?as=csv&q=tide").text.splitlines()[0].split(","))
    assert "title" in text_columns


def test_programs_find_what_describes_the_archive(served: Served) -> None:
    page = html.document_fromstring(served.get("/sites").text)
    (search,) = page.xpath("//link[@rel='search']/@href")
    description = etree.fromstring(served.get(search).body)
    (template,) = description.xpath("//*[local-name()='Url'][@type='text/html']/@template")
    assert served.get(template.removeprefix(served.address).replace("{searchTerms}", "tide")).status == 200
    (manifest,) = page.xpath("//link[@rel='manifest']/@href")
    described = served.get(manifest).json
    assert described["name"]
    for icon in (*page.xpath("//link[contains(@rel, 'icon')]/@href"), *(one["src"] for one in described["icons"])):
        assert served.get(icon).headers["content-type"].startswith("image/")
    assert served.get("/favicon.ico").headers["content-type"] == "image/png"
    assert served.get("/robots.txt").text.splitlines()[-1] == "Disallow: /"


@pytest.mark.parametrize("path", PATHS)
def test_pages_have_titles_and_descriptions(served: Served, path: str) -> None:
    page = html.document_fromstring(served.get(path).text)
    (description,) = page.xpath("//meta[@name='description']/@content")
    assert len(description) > 20
    assert page.xpath("//meta[@property='og:description']/@content") == [description]
    assert page.xpath("//meta[@property='og:title']/@content") == [page.xpath("string(//title)")]
    assert page.xpath("string(//html/@lang)") == "en"


def test_the_sheets_use_defined_values_and_no_dead_classes() -> None:
    web = Path(archiver.web.__file__).parent
    sheets = {file.name: re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.S) for file in web.glob("static/*.css")}
    defined = {name for text in sheets.values() for name in re.findall(r"(--[\w-]+):", text)}
    assert {name for text in sheets.values() for name in re.findall(r"var\((--[\w-]+)", text)} <= defined
    sources = [*web.rglob("*.html"), *web.glob("static/*.js"), *web.glob("*.py"), *web.parent.glob("search/*.py")]
    words = set(re.findall(r"[\w-]+", " ".join(file.read_text() for file in sources)))
    for name, text in sheets.items():
        classes = set(re.findall(r"\.([a-zA-Z][\w-]*)(?=[^{}]*\{)", text))
        # The digit of t3 (a site's colour) and of s2 (a line of a chart) is a value of the template.
        assert {one for one in classes if not re.fullmatch(r"[ts]\d", one)} <= words, name


def test_internal_tables_are_hidden(served: Served) -> None:
    tables = served.get("/archive.json").json["tables"]
    shown = [table["name"] for table in tables if not table["hidden"]]
    assert shown[0] == "article_authors"
    assert {"articles", "sites", "captures"} < set(shown)
    assert not {"_sqlite_migrations", "aliases", "page_counts", "search_index_state"} & set(shown)
    assert served.get("/archive/page_counts.json").status == 200


def test_sql_has_a_time_limit(served: Served) -> None:
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
    assert served.get(f"/archive.json?sql={endless.replace(' ', '+')}").status == 400


@pytest.mark.parametrize("made", ["randomblob(900000000)", "hex(zeroblob(900000000))"])
def test_sql_cannot_create_huge_values(served: Served, made: str) -> None:
    """An SQL function runs to its end, even if the time limit passes."""
    answer = served.get(f"/archive.json?sql=select+length({made})").json
    assert answer["ok"] is False
    assert "too big" in answer["error"]


def test_static_files_have_their_hash_in_the_url(served: Served) -> None:
    page = served.get("/").text
    address = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    style = served.get(address)
    assert (style.status, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in style.headers["cache-control"]
    assert served.get("/-/archiver/..%2Fpages%2Fsearch.py").status in (302, 404)


@pytest.mark.parametrize("path", ["/search?q=harbour", "/search.json?q=harbour", "/sites", STYLE])
@pytest.mark.parametrize("accepted", ["gzip", "br;q=1.0, gzip;q=0.8", "GZIP", "*"])
def test_text_is_compressed_for_who_accepts_it(served: Served, path: str, accepted: str) -> None:
    plain, compressed = served.get(path), served.get(path, **{"accept-encoding": accepted})
    assert "content-encoding" not in plain.headers
    assert "accept-encoding" in plain.headers["vary"]
    assert compressed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(compressed.body) == plain.body
    assert len(compressed.body) < len(plain.body) / 2


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.0, *;q=1", "identity"])
def test_nobody_gets_gzip_who_does_not_accept_it(served: Served, accepted: str) -> None:
    assert "content-encoding" not in served.get("/sites", **{"accept-encoding": accepted}).headers


@pytest.mark.parametrize("path", ["/search/feed?q=harbour", ICON])
def test_feeds_and_images_are_sent_as_they_are(served: Served, path: str) -> None:
    plain, again = served.get(path), served.get(path, **{"accept-encoding": "gzip"})
    assert plain.status == 200
    assert again.body == plain.body


def test_a_page_and_its_twin_count_as_the_command_does(served: Served) -> None:
    printed = output_of(served.archive, "search", "tide", "--json")
    assert served.get("/search.json?q=tide").json["hits"] == json.loads(printed)


def test_a_missing_archive_is_an_error(tmp_path: Path) -> None:
    done = processes.run("archiver", "serve", "--archive", str(tmp_path / "none.db"))
    assert (done.returncode, done.stdout) == (1, "")
    assert str(ArchiveNotFound(str(tmp_path / "none.db"))) in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "code", "error"),
    [
        ("--port", "TAKEN", 1, "CannotListen"),
        ("--host", "192.0.2.7", 1, "CannotListen"),  # no machine has this address (RFC 5737)
        ("--host", "a" * 300, 1, "CannotListen"),
        ("--host", "..a", 1, "CannotListen"),
        ("--public-url", "http://[", 2, "BadPublicURL"),
        ("--public-url", "http://a.example:99999/", 2, "BadPublicURL"),
        ("--public-url", "ftp://a.example/", 2, "BadPublicURL"),
        ("--public-url", "https://name:word@a.example/", 2, "BadPublicURL"),
    ],
)
def test_a_place_where_nothing_can_be_served_is_an_error(
    served: Served, option: str, value: str, code: int, error: str
) -> None:
    value = served.address.rpartition(":")[2] if value == "TAKEN" else value
    run = Runner().invoke(cli, ["serve", option, value, "--archive", str(served.archive)])
    assert run.exit_code == code, (run.output, run.exception)
    assert fault(run).split()[0] == error
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert value in run.stderr


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/nothing", 404, " /nothing."),
        ("/nothing/a/b/c/d/e", 404, " /nothing/a/b/c/d/e."),
        # Messages of Datasette itself.
        ("/archive/nothing", 404, "Table not found."),
        ("/archive/articles/99", 404, "Record not found."),
        ("/archive/articles?_sort=nothing", 400, "Cannot sort table by nothing."),
        ("/archive/articles?_search=is:new", 400, "is:new"),
        ("/archive/articles?_search_title=()", 400, "()"),
        ("/archive/articles?_search=tide&_where=titel=1", 400, "No such column: titel."),
        ("/archive?sql=nonsense", 400, "Statement must be a SELECT."),
        ("/_memory", 404, " /_memory."),
        ("/archive.db", 403, "Database download is forbidden."),
    ],
)
def test_an_unknown_path_is_an_error_page(served: Served, path: str, status: int, says: str) -> None:
    answer = served.get(path)
    assert answer.status == status
    assert says in unescape(answer.text)
    assert "<nav" in answer.text
    twin = served.get(path + ("&" if "?" in path else "?") + "_format=json")
    assert (twin.json["ok"], twin.json["status"]) == (False, status)


def test_a_fault_is_reported_without_details(tmp_path: Path) -> None:
    """The log has the traceback but no values: neither texts of the archive nor queries."""
    archive = make_archive(tmp_path / "small.db")
    process = processes.Running("archiver", "serve", "--port", "0", "--archive", str(archive))
    address = process.says(r"http://[\w.]+:\d+(?=/)")
    assert address
    running = Served(address[0], archive)
    db = open_archive(archive)
    db.execute("alter table runs rename to walks")
    db.close()
    answer = running.get("/site/harbour.example?q=quicksand")
    process.send(signal.SIGTERM)
    log = process.end().stderr
    assert answer.status == 500
    assert "sqlite" not in answer.text
    assert "no such table: runs" in log
    assert "site_pages.py" in log
    assert "quicksand" not in log
    assert "╭" not in log


def test_new_articles_are_found_when_indexed(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "small.db")
    with serving(archive) as running:
        assert running.get("/search.json?q=zeppelin").json["total"] == 0
        db = open_archive(archive)
        with db.atomic():
            db.execute("update articles set title = 'Zeppelin' where id = 2")
        state = sorted(file.stat().st_mtime_ns for file in index_folder(archive).iterdir())
        assert running.get("/search.json?q=zeppelin").json["total"] == 0
        assert state == sorted(file.stat().st_mtime_ns for file in index_folder(archive).iterdir())
        refresh_index(db, archive)
        db.close()
        assert running.get("/search.json?q=zeppelin").json["total"] == 1


def test_a_page_has_a_time_limit(tmp_path: Path) -> None:
    archive = ArchivePool(make_archive(tmp_path / "small.db"), seconds=0.05)
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        archive.with_limit(lambda db: db.execute(endless).fetchone())
    assert archive.with_limit(lambda db: db.execute("select count(*) from articles").fetchone()[0]) == 6


def test_a_public_server_warns_that_there_is_no_login(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "small.db")
    process = processes.Running("archiver", "serve", "--host", "0.0.0.0", "--port", "0", "--archive", str(archive))
    assert process.says("http://0.0.0.0:")
    process.send(signal.SIGTERM)
    assert process.end().stderr, "a warning: whoever reaches this address may read the archive"


def test_without_its_packages_the_command_says_what_to_install() -> None:
    code = "import sys; sys.modules['datasette'] = None\nfrom archiver.cli.main import cli; cli(['serve'])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 1
    assert "archiver[web]" in run.stderr


@pytest.mark.parametrize(
    "words", ["_search=tide", "_search_title=fog", "_search=", "_search=%22tide+tables%22+OR+lamp"]
)
def test_the_table_of_articles_is_searched_by_the_search_index(served: Served, words: str) -> None:
    name, _, text = words.partition("=")
    query = f"title:({text})" if name.endswith("title") else text
    rows = served.get(f"/archive/articles.json?_shape=array&_size=max&{words}").json
    hits = served.get(f"/search.json?fold=none&limit=100&q={query}").json["hits"]
    assert {row["id"] for row in rows} == {hit["id"] for hit in hits}
    assert rows
    assert 'name="_search"' in served.get(f"/archive/articles?{words}").text
