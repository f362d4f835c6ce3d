"""`archiver init`, `archiver open` and `archiver doctor`."""

from __future__ import annotations

import json
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from archiver.cli.commands import init as init_module
from archiver.cli.commands import serve
from archiver.sites.config import parse_config
from tests.cli.conftest import Run
from tests.processes import run as run_process
from tests.runner import fault, in_process
from tests.spiders.crawling import rows
from tests.spiders.site_server import Pages, home, page, serving

NAMES = [f"/2024/post-{n}/" for n in range(3)]
BLOG: Pages = {"/": home(*NAMES), **{name: page(f"Post {name}", f"{name} tells of tides. " * 20) for name in NAMES}}
CLOSED = "http://127.0.0.1:9/"


def test_init_checks_the_sites_writes_the_settings_and_crawls(tmp_path: Path) -> None:
    with serving(BLOG) as site:
        words = ["init", site.url, CLOSED, "--contact", "me@example.org", "--cadence", "6h", "--run", "cron", "--yes"]
        done = run_process("archiver", *words, "--crawl", folder=tmp_path)
    assert done.returncode == 1, done.stderr
    text = (tmp_path / "archiver.toml").read_text()
    config = parse_config(text, "archiver.toml")
    assert (config.contact, config.defaults) == ("me@example.org", {"cadence": "6h"})
    assert rows(tmp_path / "output/archive.db", "select start_url from sites") == [(site.url,)]
    assert rows(tmp_path / "output/archive.db", "select count(*) from articles") == [(3,)]
    assert "schedule --once" in (tmp_path / "archiver-cron/archiver.cron").read_text()
    assert f"{CLOSED} was not added" in done.stderr


def test_init_asks_five_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ARCHIVER_CONTACT", "ARCHIVER_ARCHIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(init_module, "_has_terminal", lambda: True)
    from archiver.cli.main import cli
    from tests.runner import Runner

    done = Runner().invoke(cli, ["init", "--no-check"], input="me@example.org\n\nnews/a.db\n1d\nhand\n")
    assert done.exit_code == 0, done.output
    assert [f"{n}." in done.output for n in range(1, 6)] == [True] * 5
    assert tomllib.loads(Path("archiver.toml").read_text()) == {
        "contact": "me@example.org",
        "defaults": {"cadence": "1d"},
    }
    assert "ARCHIVER_ARCHIVE=news/a.db" in done.output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--contact", "nobody"), "BadContact nobody"),
        (("--cadence", "often"), "BadSetting cadence=often"),
        (("nohost",), "BadAddress nohost"),
    ],
)
def test_init_writes_nothing_if_an_answer_is_wrong(
    words: tuple[str, ...], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = in_process("init", *words, "--yes")
    assert (done.exit_code, fault(done)) == (2, expected)
    assert list(tmp_path.iterdir()) == []


def test_init_overwrites_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("archiver.toml").write_text("# mine\n")
    assert in_process("init", "--yes").exit_code == 2
    assert Path("archiver.toml").read_text() == "# mine\n"


def test_init_without_a_terminal_needs_yes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = in_process("init")
    assert (done.exit_code, "--yes" in done.output, list(tmp_path.iterdir())) == (2, True, [])


# archiver open


class _Article(BaseHTTPRequestHandler):
    url = ""

    def do_GET(self) -> None:
        body = json.dumps({"url": self.url}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def opened_pages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(serve.webbrowser, "open", lambda address: not found.append(address))
    return found


@pytest.mark.parametrize(
    ("shown", "is_own"), [("https://harbour.example/2024/04/fog", True), ("https://x.example/", False)]
)
def test_open_uses_a_running_server_only_if_it_serves_this_archive(
    shown: str, is_own: bool, run: Run, opened_pages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    monkeypatch.setattr(serve, "_serve", lambda *words: started.append(words))
    handler = type("Handler", (_Article,), {"url": shown})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        done = run("open", "https://harbour.example/2024/04/fog", "--port", str(port))
        server.shutdown()
    assert done.exit_code == 0
    assert opened_pages == ([f"http://127.0.0.1:{port}/article/2"] if is_own else [])
    assert [(words[2], words[4]) for words in started] == ([] if is_own else [(0, "article/2")])


def test_open_serves_the_archive_if_nobody_does(
    run: Run, archive: Path, opened_pages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from archiver.web import web_server

    def serve(path: Path, host: str, port: int, public_url: str, on_listening: Any, names: Any) -> None:
        on_listening(f"http://{host}:{port}/")

    monkeypatch.setattr(web_server, "serve", serve)
    assert run("open", "2", "--port", "9").exit_code in (0, 1)
    assert [address.rpartition("/article/")[2] for address in opened_pages] == ["2"]


def test_open_of_an_unknown_article_is_an_error(run: Run, opened_pages: list[str]) -> None:
    done = run("open", "77")
    assert (done.exit_code, fault(done), opened_pages) == (1, "ArticleNotFound 77", [])


# archiver doctor


def states(done: Any) -> dict[str, str]:
    return {one["check"]: one["state"] for one in json.loads(done.stdout)}


def test_the_doctor_finds_a_sound_installation(
    run: Run, own_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHIVER_ARCHIVE", str(own_archive))
    monkeypatch.setenv("ARCHIVER_CONTACT", "me@example.org")
    monkeypatch.chdir(tmp_path)
    done = run("doctor", "--json")
    found = states(done)
    assert done.exit_code == 0
    assert list(found) == ["versions", "extras", "settings", "disk", "clock", "archive", "index"]
    assert {found[name] for name in ("versions", "settings", "clock", "archive", "index")} == {"ok"}
    assert len(run("doctor").stdout.splitlines()) >= len(found)


def test_the_doctor_names_what_is_wrong(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("archiver.toml").write_text("contact = nobody\n")
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"SQLite format 3\0" + b"\xff" * 4_000)
    done = run("doctor", "--json", "--archive", str(damaged))
    assert done.exit_code == 1
    assert {name for name, state in states(done).items() if state == "problem"} == {"settings", "archive"}


def test_the_doctor_notices_a_clock_that_is_behind(
    run: Run, own_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archiver.storage.database import opened
    from tests.search.writing import beside

    with opened(own_archive) as db, beside(db) as other:
        other.execute("update runs set started_at = '2199-01-01T00:00:00.000000+00:00'")
        assert other.total_changes
    done = run("doctor", "--json", "--archive", str(own_archive))
    assert (done.exit_code, states(done)["clock"]) == (1, "problem")


def test_the_doctor_needs_no_archive(run: Run, tmp_path: Path) -> None:
    done = run("doctor", "--json", "--archive", str(tmp_path / "new" / "archive.db"))
    assert (done.exit_code, states(done)["archive"]) == (0, "note")
    assert list(tmp_path.iterdir()) == []
