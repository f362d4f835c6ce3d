"""The command line as a whole: help, lazy loading, exit codes, pipes and terminals."""

from __future__ import annotations

import errno
import os
import pty
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from io import BytesIO, TextIOWrapper
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import archiver
from archiver.cli.crawl_output import suggest_commands
from archiver.cli.main import COMMANDS, cli
from archiver.model.errors import ArchiverError, ContactMissing
from archiver.storage.runs import Counts
from tests.runner import Runner, fault, in_process
from tests.spiders.site_server import home, serving

ROOT = Path(__file__).parents[2]
CALL = [sys.executable, "-c", "from archiver.cli.main import cli; cli(prog_name='archiver')"]


def every_command(command: click.Command = cli, name: str = "archiver") -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            assert found is not None
            yield from every_command(found, f"{name} {sub}")


@pytest.mark.parametrize(("name", "command"), list(every_command()), ids=lambda v: v if isinstance(v, str) else "")
def test_the_help_of_every_command_has_an_example(name: str, command: click.Command) -> None:
    result = CliRunner().invoke(cli, [*name.split()[1:], "--help"], terminal_width=80)
    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert "  archiver " in result.stdout
    options = [p for p in command.params if isinstance(p, click.Option)]
    assert all(option.help for option in options)


def test_the_list_of_commands_matches_their_short_helps() -> None:
    assert {entry.name: entry.load().get_short_help_str(200) for entry in COMMANDS} == {
        entry.name: entry.summary for entry in COMMANDS
    }


@pytest.mark.parametrize("name", ["crawl", "search", "export", "publish", "withdraw"])
def test_h_prints_the_help(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "-h"], prog_name="archiver")
    assert (result.exit_code, result.stdout.split("[")[0]) == (0, f"Usage: archiver {name} ")


def test_the_version_is_printed() -> None:
    assert CliRunner().invoke(cli, ["--version"]).stdout == f"archiver {archiver.__version__}\n"


def test_a_command_imports_no_crawler_that_it_does_not_need(tmp_path: Path) -> None:
    code = (
        "import sys; from archiver.cli.main import cli\n"
        "try: cli(sys.argv[1:])\n"
        "finally: print(*(m for m in ('scrapy', 'twisted', 'rich', 'lxml') if m in sys.modules))"
    )
    none = ["--archive", str(tmp_path / "none.db")]
    for args in (["--help"], ["search", "x", *none], ["sites", "list", *none], ["sites", "set", "x", "delay=1", *none]):
        done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, cwd=ROOT)
        assert done.stdout.splitlines()[-1] == "", args


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (ArchiverError("x", "It broke."), 1, "Error: It broke.\n"),
        (KeyboardInterrupt(), 130, ""),
        (ContactMissing("blog.example.org"), 2, f"Error: {ContactMissing('blog.example.org')}\n"),
    ],
)
def test_each_error_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, says: str
) -> None:
    @click.command()
    def broken() -> None:
        raise error

    monkeypatch.setattr(type(cli), "get_command", lambda self, ctx, name: broken)
    result = CliRunner().invoke(cli, ["broken"])
    assert result.exit_code == code
    assert result.stderr.startswith(says)
    assert result.stdout == ""


def test_an_unknown_command_is_wrong_usage() -> None:
    result = Runner().invoke(cli, ["serach"])
    assert (result.exit_code, fault(result)) == (2, "NoSuchCommand")
    assert "'serach'" in result.stderr


def test_a_closed_pipe_is_quiet(archive: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*CALL, "export", "--archive", str(archive)], stdout=writer, stderr=subprocess.PIPE, cwd=ROOT)
    os.close(writer)
    assert done.stderr == b""


@pytest.mark.parametrize("words", [["--help"], ["export"], ["search", "tide"], ["status", "--json"]])
def test_a_full_disk_is_reported_in_one_sentence(
    words: list[str], archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARCHIVER_ARCHIVE", str(archive))
    with monkeypatch.context() as patch, suppress(OSError), Path("/dev/full").open("w", encoding="utf-8") as full:
        patch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            cli(words)
    error = capsys.readouterr().err
    assert ended.value.code == 1
    assert error.startswith("Error: ")
    assert os.strerror(errno.ENOSPC) in error
    assert error.count("\n") == 1


def test_characters_that_the_terminal_cannot_encode_are_replaced(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = TextIOWrapper(BytesIO(), "ascii")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit) as ended:
            cli(["search", "tide", "--archive", str(archive)])
    assert ended.value.code == 0
    assert rb"Tide tables for the caf\xe9 quay" in out.buffer.getvalue()  # type: ignore[attr-defined]


def on_terminal(*args: str, **environment: str) -> str:
    """Return what a command writes to a terminal of 80 columns."""
    leader, follower = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    process = subprocess.Popen(
        [*CALL, *args],
        stdout=follower,
        stderr=follower,
        stdin=follower,
        cwd=ROOT,
        env={**env, "TERM": "xterm-256color", "COLUMNS": "80", **environment},
    )
    os.close(follower)
    out = b""
    while True:
        try:
            data = os.read(leader, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
    process.wait()
    os.close(leader)
    return out.decode()


def test_a_terminal_gets_bold_and_colour_unless_no_color_is_set(archive: Path) -> None:
    shown = on_terminal("search", "tide", "--archive", str(archive))
    assert "\x1b[1mTide tables for the café quay" in shown
    assert "\x1b[1;33mtide" in shown
    plain = on_terminal("search", "tide", "--archive", str(archive), NO_COLOR="1")
    assert "\x1b[33m" not in plain
    assert "\x1b[1;33m" not in plain
    assert "\x1b[34m" not in plain
    assert "{+maths+}" in on_terminal("diff", "1", "--archive", str(archive), TERM="dumb")
    for line in on_terminal("status", "--archive", str(archive), NO_COLOR="1", TERM="dumb").splitlines():
        assert len(line) <= 80


def test_a_crawl_imports_no_telnet_console_and_no_web_server(tmp_path: Path) -> None:
    code = (
        "import sys; from archiver.cli.main import cli\n"
        "try: cli(sys.argv[1:])\n"
        "finally: print(*(m for m in ('aiohttp', 'scrapy.extensions.remote_control', 'scrapy.extensions.telnet', "
        "'scrapy.extensions.feedexport') if m in sys.modules))"
    )
    with serving({"/": home()}) as site:
        words = ["crawl", site.url, "--archive", str(tmp_path / "a.db"), "--quiet"]
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "scrapy.extensions.feedexport", done.stderr


def test_a_day_that_cannot_be_read_is_refused_in_one_sentence() -> None:
    done = in_process("crawl", "--since", "yesterday", "https://low.example")
    assert done.exit_code == 2
    assert "'yesterday' is not a date: use 2024, 2024-05 or 2024-05-31." in done.stderr


def suggested_after(archive: Path, **counts: int) -> list[str]:
    return suggest_commands(str(archive), "harbour.example", Counts(**counts))


def test_a_first_crawl_suggests_searches(own_archive: Path) -> None:
    with closing(sqlite3.connect(own_archive)) as db, db:
        db.execute("delete from runs where id > 1")
    assert suggested_after(own_archive, new=2)[1].startswith("  archiver search ")


def test_a_later_crawl_suggests_the_command_that_shows_its_changes(archive: Path) -> None:
    assert suggested_after(archive, revised=1) == ["Try:", f"  archiver runs show 2 --archive {archive}"]


def test_a_crawl_that_changed_nothing_suggests_nothing(archive: Path) -> None:
    assert suggested_after(archive, unchanged=3) == []


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_a_run_that_has_not_ended_is_shown_in_any_time_zone(
    zone: str, own_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(own_archive)) as db, db:
        db.execute("update runs set finished_at = null where id = 2")
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        done = Runner().invoke(cli, ["runs", "show", "2", "--json", "--archive", str(own_archive)])
    finally:
        monkeypatch.undo()
        time.tzset()
    assert done.exit_code == 0, done.output
