"""Captures over HTTP: Memento as clients use it, damaged and removed captures, and verified digests."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from fastwarc import ArchiveIterator
from lxml import html

from archiver.cli.main import cli
from archiver.storage.database import open_archive
from tests.proved_archive import HILL, QUAY, START, Run, make, page, text
from tests.web.conftest import Got, Served, serving

FIRST, SECOND = "Wed, 01 May 2024 08:00:02 GMT", "Thu, 02 May 2024 08:00:01 GMT"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(make(tmp_path_factory.mktemp("memento"))) as running:
        yield running


def follow(served: Served, path: str, **headers: str) -> Got:
    """Follow up to five redirects, as a client does."""
    got = served.get(path, **headers)
    for _ in range(5):
        if got.status != 302:
            return got
        got = served.get(got.headers["location"])
    raise AssertionError(f"{path} leads on and on")


def test_a_client_walks_from_the_original_to_a_memento(served: Served) -> None:
    """RFC 7089, section 4: the original's TimeGate negotiates the time, its memento links to the TimeMap, which lists
    all mementos.
    """
    gate = served.get(f"/web/{QUAY}1", **{"Accept-Datetime": "Wed, 01 May 2024 20:00:00 GMT"})
    assert gate.status == 302
    assert "accept-datetime" in gate.headers["vary"].lower()
    assert f'<{QUAY}1>; rel="original"' in gate.headers["link"]
    assert "memento-datetime" not in gate.headers
    memento = served.get(gate.headers["location"])
    assert memento.headers["memento-datetime"] == FIRST
    assert "Day 1</h1>" in memento.text
    assert 'rel="first memento"' in memento.headers["link"]
    assert 'rel="last next memento"' in memento.headers["link"]
    where = next(link.partition(">")[0] for link in memento.headers["link"].split("<") if 'rel="timemap"' in link)
    timemap = served.get(where.removeprefix(served.address))
    assert timemap.headers["content-type"].startswith("application/link-format")
    assert re.findall(r'rel="(?:\w+ )*memento"; datetime="([^"]+)"', timemap.text) == [FIRST, SECOND]


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        ("", SECOND),
        ("Mon, 01 Jan 1990 00:00:00 GMT", FIRST),
        ("Sat, 01 Jan 2050 00:00:00 GMT", SECOND),
        (SECOND, SECOND),
        (FIRST, FIRST),
    ],
)
def test_the_nearest_memento_is_chosen(served: Served, at: str, shown: str) -> None:
    headers = {"Accept-Datetime": at} if at else {}
    assert follow(served, f"/web/{QUAY}1", **headers).headers["memento-datetime"] == shown


@pytest.mark.parametrize(
    "path",
    [
        f"/web/2024/{QUAY}1",
        f"/web/20240501/{QUAY}1/",
        "/web/20240501/http:/quay.example/1",
        f"/web/20240501/{QUAY.replace('https', 'HTTP').replace('quay', 'www.quay')}1",
        "/web/20240501/https%3A%2F%2Fquay.example%2F1",
    ],
)
def test_an_address_is_found_however_it_is_written(served: Served, path: str) -> None:
    assert follow(served, path).headers["memento-datetime"] == FIRST


def test_an_invalid_time_and_a_url_without_captures_are_errors(served: Served) -> None:
    assert served.get(f"/web/{QUAY}1", **{"Accept-Datetime": "yesterday"}).status == 400
    for kind in ("web/", "web/timemap/link/", "web/2024/", "view/2024/", "captures/"):
        got = served.get(f"/{kind}{QUAY}nowhere")
        assert got.status == 404
        assert "There is no capture of" in got.text


def test_redirects_revisits_and_gone_pages_are_replayed(served: Served) -> None:
    moved = served.get(follow_path(served, f"/web/20240503/{QUAY}3"))
    assert moved.status == 302
    assert moved.headers["location"].endswith(f"/{QUAY}three")
    assert "memento-datetime" in moved.headers
    assert "Day 3</h1>" in follow(served, f"/web/20240503/{QUAY}3").text
    assert "Day 6</h1>" in follow(served, f"/web/2025/{QUAY}6").text
    gone = follow(served, f"/web/2025/{QUAY}4")
    assert (gone.status, "memento-datetime" in gone.headers) == (410, True)
    assert f"{QUAY}three" in follow(served, f"/view/20240503/{QUAY}3").text


def follow_path(served: Served, path: str) -> str:
    return served.get(path).headers["location"]


def test_a_record_is_downloaded_as_it_is_stored(served: Served) -> None:
    db = open_archive(served.archive, read_only=True)
    row = next(db.query("select * from captures where url = ? order by id", [f"{QUAY}1"]))
    got = served.get(f"/capture/{row['id']}/record")
    stored = (served.archive.parent / row["warc_file"]).read_bytes()
    assert got.body == stored[row["warc_offset"] : row["warc_offset"] + row["warc_length"]]
    record = next(iter(ArchiveIterator(io.BytesIO(got.body))))
    assert record.headers["WARC-Target-URI"] == f"{QUAY}1"
    assert served.get(f"/capture/{row['id']}/payload").text.startswith("<html")
    capture = served.get(f"/capture/{row['id']}.json").json
    assert (capture["sound"], capture["wrong"], dict(capture["headers"])["Content-Type"]) == (
        True,
        "",
        "text/html; charset=utf-8",
    )
    listed = served.get("/article/1/captures.json").json
    assert [one["captured_at"][:10] for one in listed] == ["2024-05-01", "2024-05-02"]


def test_damaged_captures_are_reported(tmp_path: Path) -> None:
    """A file is missing, one record is truncated, another is changed. The articles are still shown."""
    archive = make(tmp_path)
    db = open_archive(archive, read_only=True)
    missing, torn, changed = (
        next(db.query("select * from captures where url = ? order by id desc", [url]))
        for url in (f"{HILL}9", f"{QUAY}three", f"{QUAY}7")
    )
    (tmp_path / missing["warc_file"]).unlink()
    file, start = tmp_path / torn["warc_file"], torn["warc_offset"]
    file.write_bytes(file.read_bytes()[: start + 200])
    file, start = tmp_path / changed["warc_file"], changed["warc_offset"]
    end = start + changed["warc_length"]
    data = file.read_bytes()
    forged = gzip.compress(gzip.decompress(data[start:end]).replace(b"gull", b"crow"), 9)
    assert len(forged) <= end - start
    file.write_bytes(data[:start] + forged + b"\0" * (end - start - len(forged)) + data[end:])
    with serving(archive) as served:
        for row in (missing, torn, changed):
            for path in (f"/web/2024/{row['url']}", f"/view/2024/{row['url']}", f"/capture/{row['id']}/payload"):
                got = follow(served, path)
                assert got.status == 502
                assert f"Capture {row['id']} cannot be shown" in got.text
                assert str(tmp_path) not in got.text
            page = served.get(f"/capture/{row['id']}")
            assert page.status == 200
            assert 'role="alert"' in page.text
            assert "archiver verify" not in page.text  # a command is nothing for a reader
        assert [served.get(f"/article/{number}").status for number in (3, 7, 9)] == [200] * 3


def test_removed_content_is_shown_nowhere(tmp_path: Path) -> None:
    archive = make(tmp_path)
    number = (
        open_archive(archive, read_only=True)
        .execute("select id from captures where url = ?", [f"{QUAY}7"])
        .fetchone()[0]
    )
    run = CliRunner().invoke(cli, ["remove", "7", "--reason", "the author asked", "--yes", "--archive", str(archive)])
    assert run.exit_code == 0, run.output
    with serving(archive) as served:
        for path in (
            f"/web/{QUAY}7",
            f"/web/2024/{QUAY}7",
            f"/web/2024id_/{QUAY}7",
            f"/web/timemap/link/{QUAY}7",
            f"/view/2024/{QUAY}7",
            f"/captures/{QUAY}7",
            "/article/7",
        ):
            got = served.get(path)
            assert got.status == 410, path
            assert "the author asked" in got.text, path
            assert "Day 7" not in got.text, path
        for path in (f"/capture/{number}", f"/capture/{number}/record", f"/capture/{number}/payload"):
            assert served.get(path).status == 404


def test_the_captures_of_an_address_lead_to_its_article_and_name_the_versions(served: Served) -> None:
    page = html.document_fromstring(served.get(f"/captures/{QUAY}1").body)
    article = html.document_fromstring(served.get("/article/1/captures").body)
    assert page.xpath("//p[@class='of']//a/@href")[-1] == "/article/1"
    versions = [cell.text_content() for cell in page.xpath("//td[@data-label='Version']")]
    assert versions == [cell.text_content() for cell in article.xpath("//td[@data-label='Version']")]
    assert "1" in versions


def test_the_bar_of_a_capture_leads_to_the_others(served: Served) -> None:
    page = html.document_fromstring(served.get(f"/view/20240502080001/{QUAY}1").body)
    assert [urlsplit(href).path[:14] for href in page.xpath("//a[@rel='prev']/@href")] == ["/view/20240501"]
    assert not page.xpath("//a[@rel='next']")
    (form,) = page.xpath("//form[contains(@class, 'compare')]")
    assert dict(form.form_values()) == {"from": "1", "to": "2"}
    assert "✓" in page.xpath("string(//a[contains(@class, 'sound')])")


def test_missing_parts_are_counted_with_their_reasons(tmp_path: Path) -> None:
    archive = make(tmp_path)
    url = f"{QUAY}parts"
    body = page("Parts", text(1)).replace(
        b"</article>",
        b'<img src="/a.png"><img src="/b.png"><img src="/c.png"></article><link rel="stylesheet" href="/s.css">',
    )
    with Run(archive, QUAY, START + timedelta(days=9)) as run:
        capture = run.post(url, body)
        run.capture(f"{QUAY}a.png", b"\x89PNG", kind="image/png")
        assert capture.status == 200
    db = open_archive(archive)
    with db.atomic():
        db.execute(
            "insert into captures (url, captured_at, status) values (?, '2024-05-10T08:00:00', 200)",
            [f"{QUAY}a.png"],
        )
        db["requisites"].insert(
            {
                "site_id": 1,
                "url": f"{QUAY}b.png",
                "host": "quay.example",
                "kind": "image",
                "wanted": "page",
                "outcome": "gone",
                "status": 404,
                "reason": "the server answered 404",
                "found_at": "2024-05-10",
            }
        )
    db.close()
    with serving(archive) as running:
        shown = html.document_fromstring(follow(running, f"/view/2025/{url}").body)
    assert shown.xpath("string(//details[@class='parts']/summary)").startswith("1 of 4 parts archived")
    assert sorted(shown.xpath("//details[@class='parts']//li/text()")) == [
        "1 image: never requested",
        "1 image: the server answered 404",
        "1 style: never requested",
    ]


def test_the_version_of_a_capture_is_the_one_that_was_read_from_it(served: Served) -> None:
    for day, other in (("20240501", "2"), ("20240502", "1")):
        page = html.document_fromstring(follow(served, f"/view/{day}/{QUAY}1").body)
        (form,) = page.xpath("//form[contains(@class, 'compare')]")
        assert dict(form.form_values())["from"] == other
        text = page.xpath("//a[.='Read as text']/@href")
        assert text == ["/article/1" if day == "20240502" else "/article/1?revision=1"]


def test_a_version_may_be_stored_after_its_capture(tmp_path: Path) -> None:
    archive = make(tmp_path)
    db = open_archive(archive)
    with db.atomic():
        db.execute("update revisions set observed_at = '2024-05-02T09:00:00' where article_id = 1 and revision = 2")
    db.close()
    with serving(archive) as running:
        page = html.document_fromstring(follow(running, f"/view/20240502/{QUAY}1").body)
    (form,) = page.xpath("//form[contains(@class, 'compare')]")
    assert dict(form.form_values()) == {"from": "1", "to": "2"}


@pytest.mark.parametrize("path", ["/capture/1/payload", "/capture/1/record"])
def test_a_capture_is_sent_byte_for_byte(served: Served, path: str) -> None:
    plain, again = served.get(path), served.get(path, **{"accept-encoding": "gzip"})
    assert plain.status == 200
    assert again.body == plain.body
