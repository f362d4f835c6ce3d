"""Content from a malicious site is inert in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.web.browsing import Watch, browser, watching
from tests.web.conftest import Served, serving
from tests.web.hostile import BAD, DRAWING, FEED, IMAGE, NOTE, POST, SHOT, STYLE, make

pytestmark = pytest.mark.needs("chromium")
PAGES = (
    "/search?q=tide",
    "/article/1",
    "/article/1?revision=1",
    "/article/1/evidence",
    "/article/1/versions",
    "/article/1/diff?from=1&to=2",
    "/article/1/captures",
    "/sites",
    "/site/bad.example",
    "/capture/1",
    f"/captures/{POST}",
    f"/view/2024/{POST}",
    f"/view/2024/{IMAGE}",
    f"/view/2024/{NOTE}",
    f"/web/2024/{POST}",
    f"/view/2024/{DRAWING}",
    f"/web/2024/{STYLE}",
)
NOT_SHOWN = (
    f"/web/20240501080001id_/{POST}",
    f"/web/2024/{NOTE}",
    f"/web/2024/{FEED}",
    f"/web/2024/{DRAWING}",
    "/capture/1/payload",
    "/capture/5/payload",
    "/capture/1/record",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(make(tmp_path_factory.mktemp("harm"))) as running:
        yield running


@pytest.fixture(scope="module")
def watch(served: Served) -> Iterator[Watch]:
    with browser() as running, watching(running, served.address) as watched:
        yield watched


def test_archived_content_is_inactive(watch: Watch, served: Served) -> None:
    for path in PAGES:
        answer = watch.open(path)
        watch.page.wait_for_timeout(30)
        assert (answer.status, watch.acted) == (200, []), path
        assert "49" not in watch.page.title(), path
        links = watch.page.eval_on_selector_all(
            "a[href]", "all => all.map(a => new URL(a.getAttribute('href'), location).protocol)"
        )
        assert set(links) <= {"http:", "https:"}, path
    assert watch.page.context.cookies() == []
    watch.open(f"/view/2024/{POST}")
    watch.shot("capture-hostile")


@pytest.mark.parametrize(
    "page",
    [
        "/",
        "/search?q={}",
        "/search?q=tide&author={}&site=bad.example&tag={}",
        "/search?q=tide&since={}",
        "/search?sort={}",
        "/search?near={}",
        "/search?q=tide&like={}",
        "/site/{}",
        "/article/{}",
        "/collection?id=1&name={}&style=bibtex",
        "/collection?id={}",
        "/export?as={}",
        "/archive/articles",
        "/archive?sql={}",
        "/archive/articles/1",
        "/nothing/{}",
    ],
)
def test_request_arguments_are_inactive(watch: Watch, page: str) -> None:
    watch.open(page.replace("{}", quote(SHOT, safe="")))
    watch.page.wait_for_timeout(20)
    assert watch.acted == []
    assert (
        watch.page.eval_on_selector_all(
            "*", "all => all.flatMap(e => [...e.attributes]).filter(a => a.name.startsWith('on')).length"
        )
        == 0
    )


def test_a_captured_page_keeps_its_look(watch: Watch) -> None:
    watch.open(f"/view/2024/{POST}")
    shown = watch.page.frames[1]
    color = "e => getComputedStyle(e).color"
    assert shown.eval_on_selector("b", color) == "rgb(4, 5, 6)"  # the page's own style
    assert shown.eval_on_selector("body", color) == "rgb(1, 2, 3)"  # a captured stylesheet
    assert shown.eval_on_selector("#kept", color) == "rgb(7, 8, 9)"
    assert shown.eval_on_selector("#own", "e => e.naturalWidth") == 1
    assert shown.eval_on_selector("#drawing", "e => e.complete && e.naturalWidth > 0")
    assert shown.eval_on_selector("html", "e => [e.lang, e.className, document.body.className].join()") == "en,x,post"
    assert (
        shown.eval_on_selector_all(
            "script, iframe, form, input, object, embed, base, meta[http-equiv], link:not([rel=stylesheet])",
            "all => all.length",
        )
        == 0
    )
    assert (
        shown.eval_on_selector_all(
            "*", "all => all.flatMap(e => [...e.attributes]).filter(a => a.name.startsWith('on')).length"
        )
        == 0
    )


def test_links_lead_to_archived_pages(watch: Watch) -> None:
    watch.open(f"/view/2024/{POST}")
    watch.page.frames[1].click("#on")
    watch.page.wait_for_load_state("load")
    assert watch.page.url.endswith(f"/view/20240501080001/{BAD}other?x=1")
    assert f"{BAD}other?x=1" in watch.page.inner_text("main")
    assert watch.page.query_selector("main iframe") is None


@pytest.mark.parametrize("path", NOT_SHOWN)
def test_active_content_is_downloaded(served: Served, path: str) -> None:
    got = served.get(path) if "/2024/" not in path else served.get(served.get(path).headers["location"])
    assert got.status == 200
    assert got.headers["content-disposition"].startswith("attachment; filename=")
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in got.headers["content-security-policy"]
    assert "set-cookie" not in got.headers
    assert "refresh" not in got.headers


def test_captured_header_fields_are_prefixed(served: Served) -> None:
    got = served.get(served.get(f"/web/2024id_/{NOTE}").headers["location"])
    assert got.headers["x-archive-orig-set-cookie"] == "mine=1"
    assert "set-cookie" not in got.headers
    assert got.headers["x-archive-orig-x-tag"] == "<script>alert(1)"


@pytest.mark.parametrize(
    "path",
    [
        f"/web/2024/{quote('https://bad.example/%0d%0aSet-Cookie:x=1', safe='')}",
        "/web/2024/javascript:alert(1)",
        "/web/99999999999999/https://bad.example/",
        "/view/2024/https://",
        "/captures/https://%00",
        "/web/x",
        "/web/timemap/link/https://bad.example/<script>",
        "/capture/..%2f..%2fetc%2fpasswd",
        "/capture/-1",
        "/web/2024/https://bad.example:99999/",
    ],
)
def test_malicious_urls_are_refused(served: Served, path: str) -> None:
    got = served.get(path)
    assert got.status in (400, 404)
    assert "set-cookie" not in got.headers
    assert "<script>alert" not in got.text


def test_warc_files_outside_the_archive_folder_are_refused(served: Served) -> None:
    from archiver.storage.database import open_archive

    (served.archive.parent.parent / "secret.warc.gz").write_bytes(b"\x1f\x8b secret")
    db = open_archive(served.archive)
    names = ("../secret.warc.gz", "/etc/passwd", "warc/../../secret.warc.gz", "", "warc/none.warc.gz")
    for number, name in enumerate(names, start=50):
        db["captures"].insert(
            {
                "id": number,
                "url": f"{BAD}{number}",
                "captured_at": "2024-05-01T08:00:00+00:00",
                "status": 200,
                "digest": "",
                "warc_file": name,
                "warc_offset": 0,
                "warc_length": 9,
                "record_type": "response",
                "media_type": "text/html",
            }
        )
    db.close()
    for number in range(50, 50 + len(names)):
        for what in ("record", "payload"):
            got = served.get(f"/capture/{number}/{what}")
            assert got.status == 502
            assert "secret\n" not in got.text
        assert served.get(f"/capture/{number}").status == 200
        capture: Any = served.get(f"/capture/{number}.json").json
        assert capture["sound"] is False
        assert "archiver verify" in capture["wrong"]
