"""`archiver init`: writes the settings of an archive, and adds its first sites."""

from __future__ import annotations

import os
import shlex
from datetime import UTC, datetime

import click

from archiver.cli.shared_options import DEFAULT_ARCHIVE, archive_option
from archiver.cli.terminal_output import open_output
from archiver.model.errors import ArchiverError, BadContact
from archiver.model.urls import start_address
from archiver.sites.config import config_file, parse_config
from archiver.storage.database import opened
from archiver.storage.sites import add_site

_FILE = """\
# Settings of archiver. Commands read this file in the folder where they are started, or at ARCHIVER_CONFIG.
# A site's own settings ('archiver sites set') override those of its groups, and these override the defaults.

# Sent with every request, so that the owner of a site can reach you: an e-mail address or a web page.
{contact}

# For all sites. 'archiver sites show SITE' lists the settings.
[defaults]
# How often 'archiver schedule' crawls a site: 6h, 1d, 1w, adaptive, or a cron expression in UTC (cron:30 6 * * *).
cadence = "adaptive"
# Seconds between two requests to a host.
# delay = 0.5
# What else to capture of a post: none, lead (its lead image), or all (images, stylesheets and fonts).
# requisites = "lead"

# For the sites with a tag: 'archiver sites tag news SITE' adds it.
# [groups.news]
# cadence = "1h"

# Who is notified when something is wrong with a site or the archive.
# [notify.mail]
# to = ["you@example.org"]
# host = "localhost"

# When an old backup or check is reported, and when 'archiver schedule' checks a part of the archive (UTC).
# [maintenance]
# backup_days = 7
# check_at = "03:00"
"""


@click.command(short_help="Set up an archive: settings and sites.")
@click.argument("sites", metavar="[URL]...", nargs=-1)
@click.option("--contact", metavar="MAIL|URL", envvar="ARCHIVER_CONTACT", help="How the owners of sites can reach you.")
@archive_option
def init(sites: tuple[str, ...], contact: str | None, archive: str) -> None:
    """Set up an archive in this folder: write archiver.toml with the settings to choose from, and add the sites.

    Nothing is requested: 'archiver sites check' probes the sites, and 'archiver crawl' crawls them. archiver.toml is
    never overwritten.

    \b
    Examples:
      archiver init --contact me@example.org
      archiver init https://blog.example.org --contact me@example.org --archive news/archive.db

    Exit code: 0 done; 2 wrong usage.
    """
    import tomli_w

    file = config_file()
    if file.exists():
        raise click.UsageError(
            f"{file} exists, and is not overwritten. Change it with an editor, and add sites with 'archiver sites add'."
        )
    urls = list(dict.fromkeys(map(start_address, sites)))
    text = _FILE.format(contact=tomli_w.dumps({"contact": contact}).strip() if contact else '# contact = "you@x.org"')
    try:
        parse_config(text, str(file))
    except ArchiverError as error:
        raise BadContact(contact or "") from error
    with open_output(str(file)) as out:
        out.write(text.encode())
    click.echo(f"{file} written")
    if urls:
        with opened(archive, create=True) as db:
            for url in urls:
                add_site(db, url, datetime.now(UTC))
                click.echo(f"{url} added")
    click.echo(
        f"Next: archiver crawl{'' if urls else ' URL'}, archiver schedule, archiver search WORDS, archiver serve"
    )
    if archive != DEFAULT_ARCHIVE and not os.environ.get("ARCHIVER_ARCHIVE"):
        click.echo(f"The commands find the archive with: export ARCHIVER_ARCHIVE={shlex.quote(archive)}")
