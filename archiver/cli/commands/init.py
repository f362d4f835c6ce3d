"""`archiver init`: sets up an archive with five questions: contact, sites, archive file, cadence, start of crawls."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click

from archiver.cli.shared_options import DEFAULT_ARCHIVE, pass_options_as
from archiver.cli.terminal_output import open_output
from archiver.model.errors import ArchiverError, BadContact

STARTERS = ("hand", "systemd", "cron", "docker")
"""How crawls are started: by hand, or by files that `archiver schedule --print` prints."""
_HOW_TO_START = {
    "systemd": "Start it with: sudo cp {folder}/* /etc/systemd/system/ && sudo systemctl daemon-reload && "
    "sudo systemctl enable --now archiver.service",
    "cron": "Install it with: crontab -l | cat - {folder}/* | crontab -",
    "docker": "Start it with: docker compose -f {folder}/compose.yaml up -d",
}
_FILE = """\
# Settings of archiver. Commands read this file in the folder where they are started, or at ARCHIVER_CONFIG.
# A site's own settings ('archiver sites set') override those of its groups, and these override the defaults.

# Sent with every request, so that the owner of a site can reach you: an e-mail address or a web page.
{contact}

# For all sites. 'archiver sites show SITE' lists the settings.
[defaults]
# How often 'archiver schedule' crawls a site: 6h, 1d, 1w, adaptive, or a cron expression in UTC (cron:30 6 * * *).
cadence = {cadence}
# Seconds between two requests to a host.
# delay = 0.5
# What else to capture of a post: none, lead (its lead image), or all (images, stylesheets and fonts).
# requisites = "lead"

# For the sites with a tag: 'archiver sites tag news SITE' adds it.
# [groups.news]
# cadence = "1h"

# Who is notified when something is wrong with a site or the archive, and gets the digests of saved searches.
# [notify.mail]
# to = ["you@example.org"]
# host = "localhost"

# When an old backup or check is reported, and when 'archiver schedule' checks a part of the archive (UTC).
# [maintenance]
# backup_days = 7
# check_at = "03:00"
"""


@dataclass(frozen=True, slots=True)
class InitOptions:
    """The options of `archiver init`. If an option is None, its question is asked, or its default is used."""

    sites: tuple[str, ...]
    contact: str | None
    archive: str | None
    cadence: str | None
    starter: str | None
    crawl: bool | None
    check: bool
    yes: bool


@dataclass(frozen=True, slots=True)
class _Answers:
    contact: str
    sites: tuple[str, ...]
    archive: str
    cadence: str
    starter: str


@click.command(short_help="Set up an archive: settings, sites, and how they are crawled.")
@click.argument("sites", metavar="[URL]...", nargs=-1)
@click.option("--contact", metavar="MAIL|URL", envvar="ARCHIVER_CONTACT", help="How the owners of sites can reach you.")
@click.option(
    "--archive",
    metavar="PATH",
    type=click.Path(),
    envvar="ARCHIVER_ARCHIVE",
    help=f"The archive's SQLite file  [default: {DEFAULT_ARCHIVE}]",
)
@click.option("--cadence", metavar="PERIOD", help="How often sites are crawled: 6h, 1d, 1w  [default: adaptive]")
@click.option(
    "--run",
    "starter",
    type=click.Choice(STARTERS, case_sensitive=False),
    help="How crawls are started: by hand, or by files that are written for systemd, cron or Docker  [default: hand]",
)
@click.option("--crawl/--no-crawl", default=None, help="Crawl the sites at the end, or not, without asking.")
@click.option("--no-check", "check", flag_value=False, default=True, help="Add the sites without checking them.")
@click.option("--yes", is_flag=True, help="Ask nothing: take the defaults for what is not given.")
@pass_options_as(InitOptions)
def init(options: InitOptions) -> None:
    """Set up an archive in this folder: ask five questions, write archiver.toml, check the sites and add them.

    The questions are: your contact, the first sites, where the archive is, how often sites are crawled, and how crawls
    are started. Each can be answered by an option. Each site is checked as 'archiver sites check' does; one that cannot
    be crawled is not added. Then the files for systemd, cron or Docker are written, and the first crawl is offered.
    archiver.toml is never overwritten.

    \b
    Examples:
      archiver init
      archiver init https://blog.example.org --contact me@example.org --run cron --yes
      archiver init https://blog.example.org --yes --crawl --archive news/archive.db

    Exit code: 0 done; 1 a site cannot be crawled, or the first crawl failed; 2 wrong usage.
    """
    from archiver.sites.config import config_file, parse_config

    file = config_file()
    if file.exists():
        raise click.UsageError(
            f"{file} exists, and is not overwritten. Change it with an editor, and add sites with 'archiver sites add'."
        )
    if not options.yes and not _has_terminal():
        raise click.UsageError(
            "There is no terminal to ask questions on. Give --yes, and answers as options: "
            "archiver init URL --contact MAIL --yes"
        )
    answers = _ask(options)
    text = _FILE.format(
        contact=f"contact = {_quoted(answers.contact)}" if answers.contact else '# contact = "you@example.org"',
        cadence=_quoted(answers.cadence),
    )
    parse_config(text, str(file))
    with open_output(str(file)) as out:
        out.write(text.encode())
    click.echo(f"{file} written")
    added, refused = _add_sites(answers, check=options.check)
    _write_starter(answers)
    is_crawled = bool(added) and (
        options.crawl
        if options.crawl is not None
        else not options.yes and click.confirm(f"Crawl {'it' if len(added) == 1 else 'them'} now?", default=True)
    )
    failed = is_crawled and bool(_run("crawl", *added, archive=answers.archive))
    _print_next_steps(answers, added, is_crawled=is_crawled)
    if refused or failed:
        sys.exit(1)


def _has_terminal() -> bool:
    return sys.stdin.isatty()


def _quoted(text: str) -> str:
    import tomli_w

    return tomli_w.dumps({"x": text}).partition("= ")[2].strip()


def _ask(options: InitOptions) -> _Answers:
    """Returns the answers to the five questions. Raises BadAddress and BadSetting."""
    from archiver.model.urls import start_address
    from archiver.sites.site_settings import read_setting

    contact = options.contact
    if contact is None and not options.yes:
        question = "1. Your e-mail address or web page, for the owners of sites"
        contact = str(click.prompt(question, default="", value_proc=_valid(_check_contact))).strip()
    sites = options.sites
    if not sites and not options.yes:
        question = "2. The first sites (URLs, with spaces between them)"
        typed = click.prompt(question, default="", value_proc=_valid(_check_sites))
        sites = tuple(str(typed).split())
    archive = options.archive
    if archive is None:
        archive = DEFAULT_ARCHIVE if options.yes else str(click.prompt("3. Where to archive", default=DEFAULT_ARCHIVE))
    cadence = options.cadence
    if cadence is None:
        question = "4. How often to crawl (6h, 1d, 1w, adaptive)"
        cadence = (
            "adaptive"
            if options.yes
            else str(
                click.prompt(
                    question,
                    default="adaptive",
                    value_proc=_valid(lambda text: read_setting(f"cadence={text.strip()}")),
                )
            ).strip()
        )
    starter = options.starter
    if starter is None:
        question = "5. What starts the crawls"
        starter = (
            "hand"
            if options.yes
            else click.prompt(question, type=click.Choice(STARTERS, case_sensitive=False), default="hand")
        )
    read_setting(f"cadence={cadence}")
    if contact:
        _check_contact(contact)
    answers = _Answers(contact or "", sites, archive, cadence, str(starter))
    return replace(answers, sites=tuple(dict.fromkeys(map(start_address, sites))))


def _valid(check: Callable[[str], object]) -> Callable[[str], str]:
    """Returns a function that checks an answer for click: it returns the answer unchanged if this is empty or `check`
    accepts it, and otherwise raises UsageError, so that click asks again.
    """

    def convert(text: str) -> str:
        if text.strip():
            try:
                check(text.strip())
            except ArchiverError as error:
                raise click.UsageError(str(error)) from error
        return text

    return convert


def _check_sites(text: str) -> None:
    """Raises BadAddress if one of the URLs in a text, with spaces between them, cannot be crawled."""
    from archiver.model.urls import start_address

    for url in text.split():
        start_address(url)


def _check_contact(contact: str) -> None:
    """Raises BadContact if the contact is not valid in archiver.toml."""
    from archiver.sites.config import parse_config

    try:
        parse_config(f"contact = {_quoted(contact)}", "archiver.toml")
    except ArchiverError as error:
        raise BadContact(contact) from error


def _add_sites(answers: _Answers, *, check: bool) -> tuple[list[str], list[str]]:
    """Checks the sites and adds them to the archive. Returns the start URLs of those that were added, and of those that
    cannot be crawled.
    """
    from archiver.storage.database import opened
    from archiver.storage.sites import add_site

    refused = [url for url in answers.sites if check and _run("sites", "check", url, archive=answers.archive)]
    added = [url for url in answers.sites if url not in refused]
    if added:
        with opened(answers.archive, create=True) as db:
            for url in added:
                add_site(db, url, datetime.now(UTC))
                click.echo(f"{url} added")
    for url in refused:
        click.echo(f"{url} was not added. 'archiver sites add {shlex.quote(url)}' adds it nevertheless.", err=True)
    return added, refused


def _run(*words: str, archive: str) -> int:
    """Shows and runs another command of this program, and returns its exit code."""
    shown = [*words] if archive == DEFAULT_ARCHIVE else [*words, "--archive", archive]
    click.echo(f"$ archiver {shlex.join(shown)}")
    sys.stdout.flush()
    return subprocess.run([sys.executable, "-m", "archiver", *words, "--archive", archive], check=False).returncode


def _write_starter(answers: _Answers) -> None:
    """Writes the file that starts the crawls into a folder, and says how to use it."""
    from archiver.scheduling.service import FILES, service_file

    if answers.starter == "hand":
        return
    folder = Path(f"archiver-{answers.starter}")
    folder.mkdir(exist_ok=True)
    file = folder / Path(FILES[answers.starter]).name
    with open_output(str(file)) as out:
        out.write(service_file(answers.starter, answers.archive).encode())
    if answers.starter == "systemd":  # the unit may only write to a folder that exists
        Path(answers.archive).resolve().parent.mkdir(parents=True, exist_ok=True)
    click.echo(str(file))
    click.echo(_HOW_TO_START[answers.starter].format(folder=folder))


def _print_next_steps(answers: _Answers, added: Sequence[str], *, is_crawled: bool) -> None:
    steps = [] if is_crawled else ["archiver crawl" if added else "archiver crawl URL"]
    if answers.starter == "hand":
        steps.append("archiver schedule")
    steps += ["archiver search WORDS", "archiver serve --open"]
    click.echo("Next: " + ", ".join(steps))
    if answers.archive != DEFAULT_ARCHIVE and not os.environ.get("ARCHIVER_ARCHIVE"):
        click.echo(f"The commands find the archive with: export ARCHIVER_ARCHIVE={shlex.quote(answers.archive)}")
