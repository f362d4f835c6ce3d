"""`archiver sites`: lists and changes the sites of the archive, their settings and their extraction rules."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from archiver import __version__
from archiver.cli.shared_options import (
    archive_option,
    json_option,
    list_options,
    read_bytes,
    refuse_file,
    tag_option,
)
from archiver.cli.shell_completion import complete
from archiver.cli.site_commands import check, describe_rules_without_match, export, import_, mute, set_, tag
from archiver.cli.terminal_output import (
    confirm,
    count_noun,
    format_time,
    print_json,
    print_lines,
    print_table,
    print_values,
    styled_line,
)
from archiver.model.due_reasons import DueFor
from archiver.model.errors import LooksLikePost, NothingLearned
from archiver.storage.transactions import writing

if TYPE_CHECKING:
    from archiver.maintenance.site_move import SiteMove

_LEARNING_PAGES = 50
_SHOWN = 50


@click.group(short_help="List and change the sites of the archive.", invoke_without_command=True)
@list_options
@archive_option
@click.pass_context
def sites(context: click.Context, form: str | None, archive: str) -> None:
    """List and change the sites of the archive.

    \b
    Examples:
      archiver sites
      archiver sites add https://blog.example.org
      archiver sites set blog.example.org delay=2 revisit_days=14
      archiver sites import feeds.opml
    """
    if context.invoked_subcommand is None:
        _print_list(None, form, archive)


for command in (check, import_, export, set_, tag, mute):
    sites.add_command(command)


@sites.command()
@click.argument("url")
@click.option("--as-site", is_flag=True, help="Add the site that begins at URL, even if URL looks like one post.")
@json_option
@archive_option
def add(url: str, as_site: bool, as_json: bool, archive: str) -> None:
    """Add a site without crawling it yet. The archive is created if it does not exist.

    A path in the URL limits the site to it: https://example.org/blog/. A URL that looks like one post is refused:
    'archiver add URL' archives single pages.

    \b
    Example:
      archiver sites add https://blog.example.org
    """
    from archiver.discovery.url_patterns import looks_like_post
    from archiver.model.urls import start_address
    from archiver.storage.database import opened
    from archiver.storage.sites import add_site

    start = start_address(refuse_file(url))  # fails for a bad URL before the archive is created
    if not as_site and looks_like_post(start):
        raise LooksLikePost(start, f"{start.partition('://')[0]}://{urlsplit(start).netloc}/")
    with opened(archive, create=True) as db:
        site, new = add_site(db, url, datetime.now(UTC))
    if as_json:
        print_json(site)
    else:
        click.echo(
            f"{site['name']} {'added' if new else 'is already in the archive'}. "
            f"Crawl it with 'archiver crawl {site['name']}'."
        )


@sites.command("list")
@tag_option("label", help="Only the sites with this tag.")
@list_options
@archive_option
def list_(label: str | None, form: str | None, archive: str) -> None:
    """List all sites; the same as 'archiver sites'.

    \b
    Example:
      archiver sites list --tag news --csv
    """
    _print_list(label, form, archive)


def _print_list(label: str | None, form: str | None, archive: str) -> None:
    from archiver.storage.database import opened
    from archiver.storage.sites import list_sites, site_ids_with_tag, tags_of_sites

    with opened(archive, read_only=True) as db:
        tags = tags_of_sites(db)
        chosen = site_ids_with_tag(db, label) if label else None
        rows = [{**row, "tags": list(tags.get(row["id"], ()))} for row in list_sites(db)]
    rows = [row for row in rows if chosen is None or row["id"] in chosen]
    if form:
        print_values(rows if form != "csv" else list(map(_csv_row, rows)), form)
    elif not rows:
        click.echo("The archive has no sites yet. Add one with 'archiver sites add URL'.", err=True)
    else:
        print_table(
            ("site", "articles", "platform", "last run", "outcome"),
            [(row["name"], row["articles"], row["platform"], *_describe_last_run(row)) for row in rows],
            numbers=(1,),
        )


def _csv_row(row: dict[str, Any]) -> dict[str, Any]:
    run = row["last_run"] or {}
    names = ("name", "start_url", "platform", "tags", "articles", "settings", "added_at")
    last = {"last_run_at": run.get("started_at"), "last_run_outcome": run.get("outcome")}
    return {name: row[name] for name in names} | last


def _describe_last_run(site: dict[str, Any]) -> tuple[str, str]:
    run = site["last_run"]
    return (format_time(run["started_at"]), run["outcome"] or "running") if run else ("never", "")


@sites.command()
@click.argument("site", shell_complete=complete("site"))
@json_option
@archive_option
def show(site: str, as_json: bool, archive: str) -> None:
    """Show a site and its settings.

    \b
    Example:
      archiver sites show blog.example.org
    """
    from archiver.sites.config import effective_settings, load_config
    from archiver.sites.site_settings import SITE_SETTINGS
    from archiver.storage.database import opened
    from archiver.storage.sites import find_site, read_mute, tags_of_sites
    from archiver.storage.stored_rules import rule_versions

    with opened(archive, read_only=True) as db:
        row = find_site(db, site)
        history = rule_versions(db, row["id"])
        tags = list(tags_of_sites(db).get(row["id"], ()))
        config = load_config()
        in_force = effective_settings(db, config)(row)
    groups = [name for name in config.groups if name in tags]
    if as_json:
        print_json({**row, "tags": tags, "groups": groups, "settings_in_force": in_force, "rules": history})
        return
    print_lines(styled_line((row["name"], "bold"), "  ", (row["start_url"], "blue")))
    moment, outcome = _describe_last_run(row)
    print_lines(
        styled_line(
            f"{count_noun(row['articles'], 'article')}; added {format_time(row['added_at'])}; "
            f"last run {moment}{' ' + outcome if outcome else ''}",
            indent=2,
        )
    )
    if tags:
        print_lines(styled_line(f"tags: {', '.join(tags)}", indent=2))
    if groups:
        print_lines(styled_line(f"groups of archiver.toml: {', '.join(groups)}", indent=2))
    if (until := row.get("quiet_until") or "") > datetime.now(UTC).isoformat():
        print_lines(styled_line(f"the site asked for a pause until {format_time(until)}", indent=2))
    if muted := read_mute(row, datetime.now(UTC)):
        print_lines(styled_line(str(muted), indent=2))
    print_lines(*(styled_line(text, indent=2) for text in _describe_rules(history, row["name"])), "")
    print_table(
        ("setting", "value", "meaning"),
        [
            (
                s.name,
                _format_setting(s.name, row["settings"], in_force, config.origin_of(s.name, {}, tuple(tags))),
                s.doc,
            )
            for s in SITE_SETTINGS
        ],
    )


def _format_setting(name: str, own: dict[str, Any], in_force: dict[str, Any], group: str) -> str:
    """Formats the value of the setting `name` of a site: the value stored for the site (`own`), or the value from
    archiver.toml (in `in_force`, the effective settings), or "default". A value from archiver.toml is followed by a
    note; `group` is the group that it comes from ("group news"), "" if it is for all sites.
    """
    if name in own:
        return str(own[name])
    origin = f"archiver.toml, {group}" if group else "archiver.toml"
    return f"{in_force[name]} ({origin})" if name in in_force else "default"


def _describe_rules(history: list[dict[str, Any]], name: str) -> list[str]:
    """Describes the extraction rules of a site: a line for the learned rules, and one for the hand-written rules.
    `history` contains all versions of its rules.
    """
    learned = next((v for v in history if not v["by_hand"] and not v["until"]), None)
    hand = next((v for v in history if v["by_hand"]), None)
    out = []
    if learned:
        out.append(
            f"template learned from {learned['pages']} posts on {format_time(learned['learned_at'])}; "
            f"'archiver sites rules {name}' shows the rules"
        )
    if hand:
        out.append(f"hand-written rules since {format_time(hand['learned_at'])}")
    return out or ["template not learned yet"]


@sites.command(short_help="Show or change the extraction rules of a site.")
@click.argument("site", shell_complete=complete("site"))
@click.option(
    "--set",
    "file",
    metavar="FILE|-",
    type=click.Path(),
    help="Use these rules (TOML) in preference to the learned ones.",
)
@click.option("--forget", is_flag=True, help="Delete the hand-written rules.")
@click.option("--learn", "learn", is_flag=True, help="Learn the template again from stored captures.")
@json_option
@archive_option
def rules(site: str, file: str | None, forget: bool, learn: bool, as_json: bool, archive: str) -> None:
    """Show or change the extraction rules of a site: where its posts have title, body, authors, dates, categories and
    tags.

    Without options, the rules in use are printed as TOML; edit them and store them with --set. A hand-written rule
    takes precedence over the learned rule for the same field.

    \b
    Examples:
      archiver sites rules blog.example.org
      archiver sites rules blog.example.org > rules.toml; archiver sites rules blog.example.org --set rules.toml
      archiver sites rules blog.example.org --learn
    """
    from archiver.extraction.site_rules import to_toml
    from archiver.storage.database import opened
    from archiver.storage.held_pages import make_held_due
    from archiver.storage.sites import find_site
    from archiver.storage.stored_rules import (
        forget_rules,
        rule_versions,
        rules_valid_at,
        rules_without_match,
        store_handwritten_rules,
        store_relearned_rules,
    )

    if sum((file is not None, forget, learn)) > 1:
        raise click.UsageError("Use only one of --set, --forget or --learn.")
    text = read_bytes(file).decode("utf-8", errors="replace") if file is not None else ""
    now = datetime.now(UTC)
    with opened(archive, read_only=not (file or forget or learn)) as db:
        row = find_site(db, site)
        if file is not None:
            store_handwritten_rules(
                db, row["id"], text, row["name"] if file == "-" else f"{row['name']} in {file}", now
            )
        elif forget:
            with writing(db):
                forget_rules(db, row["id"], by_hand=True)
        elif learn:
            from archiver.learning.relearning import relearn_site_rules

            found = relearn_site_rules(db, Path(archive).parent, row, _LEARNING_PAGES)
            if found is None:
                raise NothingLearned(row["name"])
            with writing(db):
                store_relearned_rules(db, row["id"], found.rules, now, found.since)
        if file is not None or learn:
            with writing(db):
                make_held_due(db, row["id"], DueFor.NEW_RULES)
        used = rules_valid_at(db, row["id"])
        history = rule_versions(db, row["id"])
        unmatched = rules_without_match(db, row["name"]) if used and used.by_hand() else []
    if as_json:
        rules_in_use = to_toml(used) if used else None
        print_json({"site": row["name"], "rules": rules_in_use, "versions": history, "rules_without_match": unmatched})
    elif used is None:
        click.echo(
            f"No rules for {row['name']} yet: a crawl learns them from 25 posts, or at its end from at least 8.",
            err=True,
        )
    else:
        click.echo(to_toml(used), nl=False)
        for line in describe_rules_without_match(unmatched):
            click.echo(f"The {line}.", err=True)


@sites.command()
@click.argument("site", shell_complete=complete("site"))
@click.option("--with-articles", is_flag=True, help="Also remove its articles. WARC files are kept.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@archive_option
def remove(site: str, with_articles: bool, yes: bool, archive: str) -> None:
    """Remove a site from the archive, with its pages table and runs.

    A site with articles is removed only --with-articles, and after a confirmation.

    \b
    Examples:
      archiver sites remove blog.example.org
      archiver sites remove blog.example.org --with-articles

    Exit code: 0 removed; 1 it has articles, or not confirmed; 2 wrong usage.
    """
    from archiver.storage.database import opened
    from archiver.storage.sites import find_site, remove_site

    with opened(archive) as db:
        row = find_site(db, site)
        if with_articles and row["articles"] and not yes:
            _confirm_removal(row["name"], row["articles"])
        articles = remove_site(db, site, with_articles=with_articles)
    click.echo(f"{site} removed" + (f" with {count_noun(articles, 'article')}" if articles else ""))


def _confirm_removal(site: str, articles: int) -> None:
    """Asks whether to remove a site with its articles. Aborts if the answer is no, or if nobody can be asked."""
    number = count_noun(articles, "article")
    confirm(f"Remove {site} with {number}? The WARC files are kept.", f"Removing {site} with {number}")


@sites.command()
@click.argument("site", shell_complete=complete("site"))
@click.argument("url", required=False, default="")
@click.option("--accept", is_flag=True, help="Store what the pages show, from their captures, without fetching.")
@click.option("--reject", is_flag=True, help="Keep what is stored, as long as the pages show what they show now.")
@json_option
@archive_option
def release(site: str, url: str, accept: bool, reject: bool, as_json: bool, archive: str) -> None:
    """Release the held pages of a site, or the one at URL.

    A page is held if what it shows must not replace the stored post: a maintenance page, a teaser, a text that other
    posts show too, a 404 that no second fetch has confirmed, or the edits of a run in which an unusual share of the
    posts changed. 'archiver status SITE' lists the held pages. With --accept, what they show is stored now: a page that
    shows nothing of its post marks the post as gone. With --reject, the stored posts stay as they are and the pages are
    not reported again until they show something else. Without either, the next crawl fetches them again, and judges
    them as if none had been held.

    \b
    Examples:
      archiver sites release blog.example.org
      archiver sites release blog.example.org --accept
      archiver sites release blog.example.org https://blog.example.org/2024/05/a-post/ --reject

    Exit code: 0 done; 1 a page stays held, because its capture cannot be read, or URL is not held.
    """
    from archiver.maintenance.run_undoing import accept_held, reject_held, release_held
    from archiver.storage.database import opened
    from archiver.storage.sites import find_site

    if accept and reject:
        raise click.UsageError("Use only one of --accept and --reject.")
    with opened(archive) as db:
        row = find_site(db, site)
        if accept:
            done = accept_held(db, Path(archive).parent, row, __version__, datetime.now(UTC), url)
        else:
            done = (reject_held if reject else release_held)(db, row, url)
    if as_json:
        print_json(done.as_dict())
    elif not (done.revised or done.gone or done.due or done.not_posts or done.unchanged or done.rejected or done.left):
        click.echo(f"{row['name']} has no held pages.")
    elif reject:
        is_one = done.rejected == 1
        kept = (
            "1 page keeps its article until it shows"
            if is_one
            else f"{done.rejected:,} pages keep their articles until they show"
        )
        click.echo(f"{row['name']}: {kept} something else")
    elif accept:
        others = ((done.unchanged, "unchanged"), (done.not_posts, "kept because their pages show no post"))
        more = "".join(f", {number:,} {what}" for number, what in others if number)
        click.echo(f"{row['name']}: {count_noun(done.revised, 'article')} revised, {done.gone:,} gone{more}")
        for run in done.runs:
            click.echo(f"'archiver runs undo {run}' takes back what run {run} showed.")
    else:
        click.echo(f"{row['name']}: the next crawl fetches {count_noun(done.due, 'page')} again")
    for line in done.left:
        click.echo(f"Still held: {line}", err=True)
    if done.left:
        click.get_current_context().exit(1)


@sites.command()
@click.argument("old", metavar="OLD", shell_complete=complete("site"))
@click.argument("new", metavar="NEW")
@click.option(
    "--merge",
    is_flag=True,
    help="If NEW is a site of the archive, too, remove it with its articles; its captures can then be imported.",
)
@click.option("--dry-run", is_flag=True, help="Only count what would be moved; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@archive_option
def move(old: str, new: str, merge: bool, dry_run: bool, yes: bool, as_json: bool, archive: str) -> None:
    """Give a site that has moved its new address. OLD is the name of the site, NEW is its new start URL.

    The site keeps its settings, tags, rules, runs and captures. Its posts get addresses below NEW, and keep their
    former addresses as aliases. 'show', 'why', citations and links find them by both addresses, and the next crawl
    recognises them at the new address. A post that is not there under the same path is identified by a redirect from
    its former address, or by its text.

    If the archive already contains NEW as another site, --merge merges the two sites: the articles and runs of NEW
    are removed. Its WARC files stay, so an import of these files brings its posts and edits back.

    The move is one transaction: if it is stopped, nothing has changed. It is refused while a crawl of OLD or NEW is
    running.

    \b
    Examples:
      archiver sites move blog.example.org https://example.net --dry-run
      archiver sites move blog.example.org https://example.net/blog/

    Exit code: 0 moved; 1 not moved; 2 wrong usage.
    """
    from archiver.maintenance.site_move import locked_for_move, move_site
    from archiver.search.search_index import refresh_after_writing
    from archiver.storage.database import opened
    from archiver.storage.sites import find_site

    now = datetime.now(UTC)
    with opened(archive) as db, locked_for_move(Path(archive), find_site(db, old), new):
        planned = move_site(db, old, new, now, merge=merge, dry_run=True)
        if not dry_run:
            if not yes:
                _confirm_move(planned)
            move_site(db, old, new, now, merge=merge)
    if as_json:
        print_json({**planned.as_dict(), "dry_run": dry_run})
    else:
        click.echo(_describe_move(planned, dry_run=dry_run))
        if not dry_run and not planned.crawl:
            click.echo(f"It has crawl=no: 'archiver sites set {planned.new} crawl=' makes it crawled again.")
        elif not dry_run:
            click.echo(f"'archiver crawl {planned.new}' fetches it at its new address.")
        if planned.files:
            _print_files_to_import(Path(archive), planned)
    if not dry_run and (sentence := refresh_after_writing(Path(archive))):
        click.echo(sentence, err=True)


def _print_files_to_import(archive: Path, done: SiteMove) -> None:
    """After a move that has removed another site, prints the command that imports the captures of that site into the
    moved site.
    """
    click.echo(
        f"'archiver import FILE...' of {count_noun(len(done.files), 'WARC file')} brings back the posts and edits "
        f"of the {count_noun(done.removed, 'article')} that {done.new} had:"
    )
    for file in done.files[:_SHOWN]:
        click.echo(f"  {archive.parent / file}")
    if len(done.files) > _SHOWN:
        click.echo(f"  and {len(done.files) - _SHOWN:,} more ('--json' lists them)")


def _confirm_move(planned: SiteMove) -> None:
    """Asks whether to move the site. Aborts if the answer is no, or if there is no terminal on which to ask."""
    click.echo(_describe_move(planned, dry_run=True), err=True)
    confirm(f"Move {planned.old} to {planned.start_url}?", f"Moving {planned.old}")


def _describe_move(done: SiteMove, *, dry_run: bool) -> str:
    parts = [
        count_noun(done.articles, "article"),
        count_noun(done.aliases, "former address", "former addresses") + " as aliases",
        count_noun(done.pages, "page"),
        count_noun(done.runs, "run"),
        count_noun(done.tags, "tag"),
        count_noun(done.settings, "setting"),
        *([f"in place of {count_noun(done.removed, 'article')} of {done.new}"] if done.removed else []),
    ]
    kept = f"; {done.kept:,} without a new address, because another page has it" if done.kept else ""
    return f"{done.old} {'would move' if dry_run else 'moved'} to {done.new}: {', '.join(parts)}{kept}"
