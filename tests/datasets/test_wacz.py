"""WACZ packages are valid for their validator, readable by warcio, and replayed in a browser."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fastwarc import ArchiveIterator
from fastwarc.stream_io import GzipReader

from archiver.cli.main import cli
from tests.processes import run, without_proxies
from tests.proved_archive import make
from tests.web.browsing import CHROMIUM
from tests.webarchive.wayback import serving_warcs


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("made"))


def export(archive: Path, *words: object) -> Result:
    return CliRunner().invoke(cli, ["export", *map(str, words), "--archive", str(archive)])


def members(package: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(package) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def urls(package: Path) -> list[tuple[str, str]]:
    out = []
    with zipfile.ZipFile(package) as opened:
        for name in opened.namelist():
            if name.startswith("archive/"):
                assert opened.getinfo(name).compress_type == zipfile.ZIP_STORED
                with opened.open(name) as handle:
                    out += [
                        (r.headers["WARC-Type"], r.headers.get("WARC-Target-URI") or "")
                        for r in ArchiveIterator(GzipReader(handle), strict_mode=True)
                    ]
    return out


def test_package_is_valid_and_reproducible(archive: Path, tmp_path: Path) -> None:
    pytest.importorskip("wacz")
    for name in ("one.wacz", "again/one.wacz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        assert export(archive, "-f", "wacz", "-o", tmp_path / name).exit_code == 0
    assert (tmp_path / "one.wacz").read_bytes() == (tmp_path / "again" / "one.wacz").read_bytes()
    done = run("wacz", "validate", "-f", str(tmp_path / "one.wacz"))
    assert (done.returncode, "is valid" in done.stdout) == (0, True), done.stdout + done.stderr


def test_package_of_a_query_has_only_its_captures(archive: Path, tmp_path: Path) -> None:
    package = tmp_path / "three.wacz"
    assert export(archive, 'title:"Day 3"', "-f", "wacz", "-o", package).exit_code == 0
    base = "https://quay.example/"
    assert [one for one in urls(package) if one[0] != "warcinfo"] == [
        (kind, f"{base}{path}") for path in ("3", "3", "three") for kind in ("response", "request", "metadata")
    ]
    pages = [json.loads(line) for line in members(package)["pages/pages.jsonl"].splitlines()]
    assert pages[0]["format"] == "json-pages-1.0"
    assert [(p["url"], p["ts"], p["title"]) for p in pages[1:]] == [(f"{base}3", "2024-05-01T08:00:05Z", "Day 3")]


def test_package_includes_the_original_of_a_revisit(archive: Path, tmp_path: Path) -> None:
    package = tmp_path / "five.wacz"
    assert export(archive, 'title:"Day 5"', "-f", "wacz", "-o", package).exit_code == 0
    assert [kind for kind, _ in urls(package) if kind in ("response", "revisit")] == ["response", "revisit"]


def test_warcio_finds_no_wrong_digest(archive: Path, tmp_path: Path) -> None:
    package = tmp_path / "all.wacz"
    export(archive, "-f", "wacz", "-o", package)
    with zipfile.ZipFile(package) as opened:
        opened.extractall(tmp_path / "x")
    for folder in (archive.parent / "warc", tmp_path / "x" / "archive"):
        done = run("warcio.cli", "check", "-v", *map(str, sorted(folder.glob("*.warc.gz"))))
        assert done.returncode == 0, done.stdout
        assert "digest pass" in done.stdout


def test_unreadable_records_are_left_out_and_counted(archive: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(archive.parent, tmp_path / "copy") / archive.name
    next(copy.parent.glob("warc/hill-example-20240503*.warc.gz")).unlink()
    done = export(copy, "-f", "wacz", "-o", tmp_path / "left.wacz")
    assert done.exit_code == 1
    assert re.search(r"\b1 capture", done.output)
    assert (tmp_path / "left.wacz").exists()


def test_a_package_is_not_written_to_the_screen(archive: Path) -> None:
    assert export(archive, "-f", "wacz").exit_code == 2


@pytest.mark.needs("chromium")
def test_a_page_of_a_package_replays_in_a_browser(archive: Path, tmp_path: Path) -> None:
    package = tmp_path / "all.wacz"
    export(archive, "-f", "wacz", "-o", package)
    with zipfile.ZipFile(package) as opened:
        opened.extractall(tmp_path / "x")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "config.yaml").write_text("framed_replay: false\n")
    with serving_warcs(tmp_path / "web", sorted((tmp_path / "x" / "archive").glob("*.warc.gz"))) as wayback:
        later = rendered_page(f"{wayback}20240502090000/https://quay.example/1", tmp_path)
        redirected = rendered_page(f"{wayback}20240502080003/https://quay.example/3", tmp_path)
        revisited = rendered_page(f"{wayback}20240502080008/https://quay.example/6", tmp_path)
    assert "<h1>Day 1, corrected</h1>" in later
    assert "<h1>Day 3</h1>" in redirected
    assert "<h1>Day 6</h1>" in revisited


def rendered_page(url: str, folder: Path) -> str:
    """Return a page as rendered by a browser."""
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-proxy-server",
            "--disable-dev-shm-usage",
            f"--user-data-dir={folder / 'browser'}",
            "--dump-dom",
            url,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        env=without_proxies(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
