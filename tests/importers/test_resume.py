"""An import that was killed (SIGKILL) continues with the result of an undisturbed one, with any number of workers."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from archiver.cli.main import cli
from archiver.importers import import_run as runs
from archiver.importers import record_batches
from archiver.warc.warc_records import is_payload_intact, read_record
from archiver.warc.warc_writer import index_of
from tests.importers.files import Rec, http, listing, page, post, warc, whole
from tests.importers.importing import kinds, rows, run, state
from tests.processes import SERVER, Running, descendants, is_alive
from tests.waiting import until

POSTS = 60


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same records as one gzip member each and as a single one: posts with revisions, repetitions, lists,
    damage."""
    folder = tmp_path_factory.mktemp("files")
    records: list[Rec | bytes] = []
    for n in range(POSTS):
        url = f"http://blog-{n % 5}.example/{n}/"
        records += [
            post(url, f"20{10 + n % 3}-05-02T10:00:00Z", title=f"Boats {n}", extra="x" * 2_000),
            post(
                url, f"20{14 + n % 3}-05-02T10:00:00Z", title=f"Boats {n}", text="It was added later." if n % 2 else ""
            ),
            Rec(http(listing(n % 20)), f"http://blog-{n % 5}.example/list/{n}/"),
        ]
        if n % 10 == 0:
            records += [Rec(http(page(), length=99_999), url), Rec(http(b"", "404 No"), url, "2020-01-01T00:00:00Z")]
    one = folder / "whole.warc.gz"
    one.write_bytes(whole(r for r in records if isinstance(r, Rec)))
    return warc(folder / "members.warc.gz", *records), one


@pytest.fixture(scope="module")
def undisturbed(
    files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, Any]]:
    archive = tmp_path_factory.mktemp("undisturbed") / "a.db"
    run(archive, files[0])
    return state(archive), counts(archive)


def counts(archive: Path) -> dict[str, Any]:
    [(text, outcome)] = rows(archive, "select counts, outcome from imports")
    assert outcome == "finished"
    found: dict[str, Any] = json.loads(text)
    return found


def assert_sound(archive: Path) -> None:
    """Check that all captures are intact, all files have an index, and every record has a row."""
    places = rows(archive, "select warc_file, warc_offset, warc_length from captures")
    for file, offset, length in places:
        assert is_payload_intact(read_record(archive.parent / file, offset, length))
    copied = 0
    for file in (archive.parent / "warc").glob("*.warc.gz"):
        assert index_of(file).exists()
        copied += gzip.decompress(file.read_bytes()).count(b"WARC-Type: metadata\r\n")
    assert copied == len(places) == len(set(places))
    assert rows(archive, "pragma integrity_check") == [("ok",)]
    assert rows(archive, "pragma foreign_key_check") == []


def import_in_small_pieces(words: list[str]) -> None:
    """Run a command in another process, which writes after every five pages."""
    record_batches._PAGES = 5
    cli(words)


@pytest.mark.parametrize("which", [0, 1], ids=["members", "whole"])
def test_a_killed_import_continues_with_the_same_result(
    files: tuple[Path, Path], undisturbed: Any, tmp_path: Path, which: int
) -> None:
    archive, dice = tmp_path / "a.db", random.Random(which)
    words = ["import", str(files[which]), "--archive", str(archive), "--workers", "1", "--quiet"]
    kills = 0
    for _ in range(5):
        process = SERVER.Process(target=import_in_small_pieces, args=(words,))
        process.start()
        warcs = archive.parent / "warc"
        before = sum(f.stat().st_size for f in warcs.glob("*.gz")) if warcs.exists() else 0
        target = before + dice.randint(1, 15_000)
        while process.is_alive() and (
            not warcs.exists() or sum(f.stat().st_size for f in warcs.glob("*.gz") if f.exists()) < target
        ):
            time.sleep(0.002)
        process.kill()
        process.join()
        kills += process.exitcode == -signal.SIGKILL
    assert kills >= 2
    run(archive, files[which])
    assert state(archive) == undisturbed[0]
    assert counts(archive) == undisturbed[1]
    assert_sound(archive)


def test_several_processes_give_the_result_of_one(
    files: tuple[Path, Path], undisturbed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_SMALL", 0)
    archive = tmp_path / "a.db"
    found = run(archive, files[0], workers=2)
    assert state(archive) == undisturbed[0]
    assert counts(archive) == undisturbed[1]
    assert kinds(found) == {"cut-off": POSTS // 10}
    assert_sound(archive)


DEADLY = """
import os, sys
from archiver.importers import import_run, record_batches as record_batches

def read(pairs):
    if any("deadly" in pair.record.url for pair in pairs):
        os._exit(11)
    return list(record_batches._reader.read(pairs))

if __name__ == "__main__":
    from archiver.cli.main import cli
    import_run._SMALL, record_batches._read = 0, read
    cli(sys.argv[1:])
"""


def test_record_that_kills_its_reader_is_reported(tmp_path: Path) -> None:
    """The readers are real processes, and the one that reads the record exits."""
    (tmp_path / "deadly.py").write_text(DEADLY)
    file = warc(
        tmp_path / "a.warc.gz", *(post(f"http://blog.example/{n}/", title=f"Boats {n}") for n in ("a", "deadly", "c"))
    )
    done = subprocess.run(
        [
            sys.executable,
            tmp_path / "deadly.py",
            "import",
            file,
            "--archive",
            tmp_path / "a.db",
            "--workers",
            "2",
            "--json",
        ],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    found = json.loads(done.stdout)
    assert found["problems"] == {"reader": 1}
    assert found["new"] == 2
    assert found["files"][0]["listed"][0]["url"] == "http://blog.example/deadly/"


def test_readers_end_with_the_process_that_started_them(files: tuple[Path, Path], tmp_path: Path) -> None:
    code = (
        "import sys; from archiver.importers import import_run; "
        "from archiver.importers import record_batches; "
        "import_run._SMALL = 0; record_batches._PAGES = 2; "
        "from archiver.cli.main import cli; cli(sys.argv[1:])"
    )
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            code,
            "import",
            str(files[0]),
            "--archive",
            str(tmp_path / "a.db"),
            "--workers",
            "2",
            "--quiet",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # Two readers, the fork server that started them, and multiprocessing's resource tracker.
    until(lambda: process.poll() is not None or len(descendants(process.pid)) >= 4, every=0.005)
    started = descendants(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(started) >= 4
    until(lambda: not any(map(is_alive, started)))


def test_sigterm_ends_an_import_cleanly(files: tuple[Path, Path], tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    code = "import sys; from archiver.importers import record_batches; "
    code += "record_batches._PAGES = 2; "
    code += "from archiver.cli.main import cli; cli(sys.argv[1:])"
    process = Running("-c", code, "import", str(files[0]), "--archive", str(archive), "--workers", "1")
    while process.lives and not any(f.stat().st_size > 9_000 for f in (tmp_path / "warc").glob("*.warc.gz")):
        time.sleep(0.005)
    process.send(signal.SIGTERM)
    done = process.end()
    assert done.returncode == 143, (done.stdout, done.stderr)
    assert all(index_of(f).exists() for f in (tmp_path / "warc").glob("*.warc.gz"))
    run(archive, files[0])
    assert_sound(archive)


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A record of 400 MB and the lists and posts of a hundred hosts need hardly more memory than the readers."""
    file = tmp_path / "big.warc"
    with file.open("wb") as handle:
        handle.write(post().data())
        size = 400 << 20
        handle.write(
            Rec(
                b"", "http://blog.example/film", fields={"Content-Type": "video/mp4"}, kind="resource", declared=size
            ).data()[:-4]
        )
        handle.truncate(handle.tell() + size)
        handle.seek(0, os.SEEK_END)
        handle.write(b"\r\n\r\n")
        handle.write(b"".join(post(f"http://h{n}.example/", title=f"B {n}").data() for n in range(3)))
    code = (
        # The peak of this program alone: getrusage would include that of the process that started it.
        "import re, sys, pathlib; from archiver.cli.main import cli\n"
        "try: cli(sys.argv[1:])\n"
        "finally:\n    status = pathlib.Path('/proc/self/status').read_text()\n"
        "    print(re.search('VmHWM:\\\\s+(.*) kB', status)[1], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "import", str(file), "--archive", str(tmp_path / "a.db"), "--workers", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "5 records: 1 post" in done.stdout
    assert int(done.stderr.split()[-1]) < 200 * 1024
