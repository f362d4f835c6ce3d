"""`archiver status`: shows what was found, what is archived, what is missing, and the health of sites."""

from __future__ import annotations

import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.crawl_output import (
    STYLES,
    accept_findings,
    find_damage,
    format_findings,
    show_deliveries,
    show_health,
    write_metrics,
)
from archiver.cli.shared_options import archive_option, list_options, pass_options_as, tag_option
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import (
    count_noun,
    format_percent,
    format_time,
    print_json,
    print_lines,
    print_table,
    print_values,
    styled_line,
)
from archiver.health.health_report import (
    SiteRow,
    describe_next_run,
    fold_common_causes,
    health_as_json,
    judge_groups,
    read_next_run,
    read_site_table,
    sort_rows,
)
from archiver.health.health_rules import Health, HealthFinding, Level, judge_common_causes, read_common_causes
from archiver.health.stored_health import find_unsafe, read_health
from archiver.model.errors import ArchiveDamaged
from archiver.model.items import SOURCE_NAMES
from archiver.sites.config import load_config
from archiver.storage.completeness import describe_archived, missing_pages, site_completeness
from archiver.storage.database import opened
from archiver.storage.page_forms import untaken_pages
from archiver.storage.sites import find_site, list_sites, read_mute, site_ids_with_tag

if TYPE_CHECKING:
    from archiver.storage import Database

_RUN_COUNTS = ("new", "revised", "unchanged", "aliased", "gone", "held", "refused", "failed")

_OUTCOMES = {
    "found": "URLs",
    "archived": "archived",
    "duplicate": "duplicate",
    "part": "part",
    "not-article": "not article",
    "gone": "gone",
    "held": "held",
    "refused": "refused",
    "out-of-scope": "out of scope",
    "trap": "crawler trap",
    "failed": "failed",
    "due": "due",
}
_ARTICLE_COUNTS = {
    "revised": "revised",
    "duplicates": "duplicate",
    "gone": "gone",
    "paid": "open only to subscribers",
}


@dataclass(frozen=True, slots=True)
class StatusOptions:
    """The options of `archiver status`."""

    site: str | None
    tag: str | None
    long: bool
    missing: bool
    health_only: bool
    prometheus: str | None
    notify: bool
    try_notify: bool
    accept: bool
    form: str | None
    archive: str

    @property
    def as_json(self) -> bool:
        return self.form == "json"

    @property
    def mode(self) -> str:
        """Returns what the command does, by the name of its option; "sites" for one site or --long, "table" for the
        table of sites. Raises UsageError for options that cannot be combined.
        """
        modes = {
            "--missing": self.missing,
            "--health": self.health_only,
            "--accept": self.accept,
            "--prometheus": self.prometheus is not None,
            "--notify": self.notify,
            "--try-notify": self.try_notify,
        }
        given = [name for name, is_given in modes.items() if is_given]
        if len(given) > 1:
            raise click.UsageError(f"Use only one of {', '.join(modes)}.")
        mode = given[0] if given else "sites" if self.site or self.long else "table"
        if self.form == "csv" and mode != "table":
            raise click.UsageError("--csv is only for the table of sites. Use --json.")
        if self.site and self.tag:
            raise click.UsageError("--tag selects several sites: leave out SITE.")
        if mode not in ("table", "sites", "--missing") and self.tag:
            raise click.UsageError("--tag is for the table, --long and --missing.")
        if self.accept and not self.site:
            raise click.UsageError("--accept needs a SITE.")
        return mode


@click.command(short_help="Show what was found and archived, and what is missing.")
@click.argument("site", required=False, shell_complete=complete("site"))
@tag_option("tag", help="Only the sites with this tag.")
@click.option("--long", is_flag=True, help="Show all details of each site.")
@click.option("--missing", is_flag=True, help="List everything that is missing, and nothing else.")
@click.option("--health", "health_only", is_flag=True, help="Show only problems, with exit codes for monitoring.")
@click.option(
    "--prometheus",
    metavar="FILE|-",
    type=click.Path(),
    help="Write metrics for Prometheus, to a file that node_exporter reads.",
)
@click.option(
    "--notify", is_flag=True, help="Notify the recipients in archiver.toml of changes since the last notification."
)
@click.option("--try-notify", is_flag=True, help="Send a test notification.")
@click.option(
    "--accept",
    is_flag=True,
    help="Acknowledge the current problems of SITE; they are hidden unless they get worse, or end and come back.",
)
@list_options
@archive_option
@pass_options_as(StatusOptions)
def status(options: StatusOptions) -> None:
    """Show a table of all sites, or one site with its history: what each source lists compared to what is archived,
    and any problems.

    For each site, the table shows its articles, those of them first seen in the last seven days (new), its last and
    next run, the share of the known posts that is archived (coverage), and the worst problem. 'status SITE' and --long
    show everything about a site.

    A post is missing if a feed, sitemap, API or page lists it, but it is not archived and not known to be gone or
    refused. 'archiver crawl SITE --missing' fetches only what is missing.

    The health of each site is green, amber or red, judged by its own history; each finding says what to do. See
    docs/trouble.md.

    \b
    Examples:
      archiver status
      archiver status --tag news
      archiver status --health
      archiver status --prometheus /var/lib/node_exporter/archiver.prom
      archiver status blog.example.org --json
      archiver status blog.example.org --missing --json

    Exit code: 0 complete; 1 posts are missing, a site's last run was interrupted or failed, or the database is damaged;
    2 wrong usage. With --health: 0 green; 1 amber; 2 red, or the archive cannot be read.
    """
    mode = options.mode
    if options.prometheus is not None:
        write_metrics(options.archive, options.prometheus)
    elif options.notify or options.try_notify:
        sys.exit(show_deliveries(options.archive, trial=options.try_notify))
    elif options.health_only:
        sys.exit(show_health(options.archive, options.site, options.as_json))
    else:
        printers = {"--missing": _print_all_missing, "--accept": _accept_findings, "sites": _print_sites}
        _print_with_damage(options, printers.get(mode, _print_table))


def _print_with_damage(options: StatusOptions, print_rest: Callable[[StatusOptions], None]) -> None:
    """Prints the damage of the database and what was asked for, as far as it can be read. Exits with code 1 if there is
    damage.
    """
    damage = find_damage(options.archive)
    if damage:
        line = styled_line((damage.level, STYLES[damage.level]), f": {damage.sentence}")
        click.echo(line.plain, err=True) if options.form else print_lines(line, "")
    try:
        print_rest(options)
    except (sqlite3.Error, ArchiveDamaged):
        if damage is None:
            raise
    if damage:
        sys.exit(1)


def _leave_out_damage(findings: Sequence[HealthFinding]) -> list[HealthFinding]:
    """Returns the findings without those of a damaged database, which `_print_with_damage` prints."""
    return [one for one in findings if (one.code, one.level) != ("damage", "red")]


@contextmanager
def _open_sites(options: StatusOptions) -> Iterator[tuple[Database, list[dict[str, Any]]]]:
    """Opens the archive read-only for the duration of the `with` block. Yields the archive and the rows of the selected
    sites.
    """
    with opened(options.archive, read_only=True) as db:
        sites = [find_site(db, options.site)] if options.site else list_sites(db)
        if options.tag:
            tagged = site_ids_with_tag(db, options.tag)
            sites = [row for row in sites if row["id"] in tagged]
        yield db, sites


def _accept_findings(options: StatusOptions) -> None:
    with _open_sites(options) as (db, (site,)):
        health = read_health(db, site, datetime.now(UTC))
    accept_findings(options.archive, site["name"], health, datetime.now(UTC))


def _print_table(options: StatusOptions) -> None:
    """Prints the table of the selected sites. Exits with code 1 if a crawled site is not complete."""
    config, now = load_config(), datetime.now(UTC)
    with opened(options.archive, read_only=True) as db:
        if options.tag:
            site_ids_with_tag(db, options.tag)
        rows = read_site_table(db, config, now)
        causes = read_common_causes(db, now)
        unsafe = _leave_out_damage(find_unsafe(db, config.maintenance, now))
        findings = (*judge_common_causes(causes), *unsafe, *judge_groups(db, config))
    rows = sort_rows([row for row in rows if not options.tag or options.tag in row.tags], "health")
    if options.form:
        print_values([row.as_json() for row in rows], options.form)
    elif not rows:
        click.echo(_NO_SITES, err=True)
    else:
        print_lines(_summarize_rows(rows), "")
        print_table(
            ("site", "health", "articles", "new", "last", "next", "coverage", "reason"),
            [_format_row(row, now) for row in fold_common_causes(rows, causes)],
            numbers=(2, 3, 6),
            styles={str(level): style for level, style in STYLES.items()},
        )
    if findings and rows and not options.form:
        print_lines("", styled_line(("the archive", "bold")), *format_findings(Health("amber", findings)))
    if any(row.last_run and not row.complete for row in rows):
        sys.exit(1)


def _format_row(row: SiteRow, now: datetime) -> tuple[object, ...]:
    """Returns the cells of the table for one site."""
    last, turn, coverage = row.last_run, row.next_run, row.posts.coverage
    begun = datetime.fromisoformat(last["started_at"]) if last else now
    if turn is None:
        due = "crawl=no"
    elif turn.at <= now:
        due = "due"
    elif turn.postponed_by:
        due = f"{turn.at.astimezone(UTC):%H:%M} UTC" if turn.at - now < timedelta(days=1) else f"{turn.at:%Y-%m-%d}"
    else:
        due = f"in {_format_span(turn.at - now)}"
    return (
        row.site,
        "" if row.health.state == "unknown" else row.health.state,
        row.articles,
        row.new,
        "never" if last is None else f"{_format_span(now - begun)} ago" if last["outcome"] else "running",
        due,
        "" if coverage is None else format_percent(coverage),
        row.reason,
    )


def _format_span(span: timedelta) -> str:
    """Formats a duration in its largest unit: 40s, 5m, 3h, 12d."""
    seconds = max(span.total_seconds(), 0)
    for unit, size, most in (("s", 1, 90), ("m", 60, 90 * 60), ("h", 3600, 48 * 3600)):
        if seconds < most:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds / 86400:,.0f}d"


def _summarize_rows(rows: Sequence[SiteRow]) -> str:
    """Summarizes the table in a line: "2 sites (1 red, 1 green), 140 articles, 3 new this week"."""
    states = Counter(row.health.state for row in rows)
    names: dict[Level, str] = {"red": "red", "amber": "amber", "unknown": "never crawled", "green": "green"}
    counts = ", ".join(f"{states[level]:,} {name}" for level, name in names.items() if states[level])
    articles, new = sum(row.articles for row in rows), sum(row.new for row in rows)
    if len(states) == 1:
        counts = counts.partition(" ")[2]
    return f"{count_noun(len(rows), 'site')} ({counts}), {count_noun(articles, 'article')}, {new:,} new this week"


_NO_SITES = "The archive has no sites yet. Run 'archiver crawl URL'."


def _print_sites(options: StatusOptions) -> None:
    """Prints the completeness and health of each selected site. Exits with code 1 if a crawled site is not complete."""
    config, now = load_config(), datetime.now(UTC)
    with _open_sites(options) as (db, sites):
        healths = [read_health(db, row, now) for row in sites]
        states = [
            {
                **site_completeness(db, row),
                "health": health_as_json(health, read_mute(row, now)),
                "next_run": describe_next_run(*read_next_run(db, row, config, now)),
            }
            for row, health in zip(sites, healths, strict=True)
        ]
        unsafe = [] if options.site else _leave_out_damage(find_unsafe(db, config.maintenance, now))
    if options.as_json:
        print_json(states)
    elif not states:
        click.echo(_NO_SITES, err=True)
    for index, state in enumerate([] if options.as_json else states):
        if index:
            print_lines("")
        _print_site(state, healths[index])
    if unsafe and not options.as_json:
        print_lines("", styled_line(("the archive", "bold")), *format_findings(Health("amber", tuple(unsafe))))
    if any(state["runs"] and not state["complete"] for state in states):
        sys.exit(1)


def _print_site(state: dict[str, Any], health: Health) -> None:
    platform = f" ({state['platform']})" if state["platform"] else ""
    next_run = f"next: {_describe_next(state['next_run'])}"
    print_lines(styled_line((state["site"], "bold"), platform, "  ", (state["start_url"], "blue")))
    if muted := state["health"].get("muted"):
        print_lines(styled_line(f"muted until {format_time(muted['until'])}: {muted['why']}", indent=2))
    if not state["runs"]:
        print_lines(
            *([styled_line(f"imported: {_count_articles(state)}", indent=2)] if state["articles"]["all"] else []),
            styled_line("never crawled", indent=2),
            styled_line(next_run, indent=2),
        )
        return
    print_lines(
        *format_findings(health),
        styled_line(_summarize_completeness(state), indent=2),
        styled_line(_count_articles(state), indent=2),
        *([styled_line(state["edits"]["sentence"], indent=2)] if state["edits"] else []),
        *_format_judged(state),
        styled_line(next_run, indent=2),
    )
    if state["sources"]:
        print_lines("", styled_line(("URLs by source and outcome", "bold"), " (of posts and of all other pages)"))
        _print_source_table(state)
        if guesses := state["wrong_guesses"]:
            words = f"{count_noun(guesses, 'guessed URL')} of feeds and sitemaps not found, not counted"
            print_lines(styled_line(words, indent=2))
    if state["traps"]:
        print_lines("", styled_line(("skipped: crawler traps or set aside", "bold")))
        rows = [
            (
                row["rule"],
                f"{row['pages']:,}" + (f" + {row['unrecorded']:,} more links" if row["unrecorded"] else ""),
                "yes" if row["asked"] else "no",
                "" if row["sampled"] is None else f"{row['sampled']:,} read, {row['hits']:,} led to an unknown post",
                row["example"],
            )
            for row in state["traps"]
        ]
        print_table(("rule", "URLs", "fetched", "sample", "example"), rows, numbers=(1,))
    for heading, about, lines in _list_sections(state):
        print_lines("", styled_line((heading, "bold"), about), *(styled_line(line, indent=2) for line in lines))
    print_lines(
        "", styled_line(("runs", "bold")), *(styled_line(_describe_run(run), indent=2) for run in state["runs"])
    )


def _list_sections(state: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Yields the sections about a site that are lists, as (heading, words after it, lines)."""
    if missing := state["missing"]:
        more = "" if state["missing_total"] <= len(missing) else f", the first {len(missing)}"
        advice = f"'archiver crawl {state['site']} --missing' fetches them"
        lines = [f"{row['url']}  {row['reason'] or 'not fetched yet'}" for row in missing]
        yield "missing", f" ({count_noun(state['missing_total'], 'URL')}{more}; {advice})", lines
    if failures := state["failures"]:
        lines = [f"{count_noun(r['pages'], 'page')}: {r['reason']}, for example {r['example']}" for r in failures]
        yield "failures", "", lines
    requisites = state["requisites"]
    if requisites["outcomes"]:
        captured = ", ".join(count_noun(number, kind) for kind, number in requisites["captured"].items()) or "nothing"
        due = requisites["outcomes"].get("due", 0)
        about = f" (requisites={requisites['mode']}): {captured} captured{f', {due:,} to fetch' if due else ''}"
        lines = [
            f"{row['number']:,} {row['outcome']}: {row['reason']}, for example {row['example']}"
            for row in requisites["lacking"]
        ]
        yield "images and other files", about, lines
    if untrusted := state["untrusted"]:
        lines = [f"{claim}: since {format_time(since)}" for claim, since in untrusted.items()]
        yield "ignored, because they proved wrong", " (see docs/crawl.md)", lines


def _describe_next(turn: dict[str, Any] | None) -> str:
    """Describes when the scheduler crawls a site next: "after 18:00 UTC (blackout of group news)". `turn` is from
    `describe_next_run`; None if the scheduler does not crawl the site.
    """
    if turn is None:
        return "only if it is named (crawl=no)"
    if turn["postponed_by"]:
        return f"after {format_time(turn['at'])[:16]} UTC ({turn['why']})"
    due = datetime.fromisoformat(turn["at"]) <= datetime.now(UTC)
    return f"{'due now' if due else format_time(turn['at'])} ({turn['why']})"


def _summarize_completeness(state: dict[str, Any]) -> str:
    """Summarizes the completeness of a site in one line: "posts: 691 found, 690 archived (2 of them held), 1 gone, 0
    missing".
    """
    posts, notes = state["posts"], {"archived": describe_archived(state)}
    unread = f"; {count_noun(state['unread'], 'URL')} not read may be posts" if state["unread"] else ""
    shown = [name for name in ("found", "archived", "gone", "refused", "missing") if posts[name] or name == "missing"]
    return "posts: " + ", ".join(f"{posts[name]:,} {name}{notes.get(name, '')}" for name in shown) + unread


def _print_source_table(state: dict[str, Any]) -> None:
    """Prints a table with the number of a site's posts and URLs for each discovery source and of its URLs for each
    outcome, without empty columns.
    """
    shown = [name for name in _OUTCOMES if state["balance"][name]]
    rows = [
        [SOURCE_NAMES.get(row["source"], row["source"]), row["found"], *(row["balance"][name] for name in shown)]
        for row in state["sources"]
    ]
    total = ["total", state["posts"]["found"], *(state["balance"][name] for name in shown)]
    headers = ("source", "posts", *(_OUTCOMES[name] for name in shown))
    print_table(headers, [*rows, total], numbers=range(1, len(shown) + 2))


def _print_all_missing(options: StatusOptions) -> None:
    """Prints all missing URLs of the selected sites, by site. Exits with code 1 if there are any.

    Pages that look like posts but were not stored are named, too. They are not missing, since they were fetched.
    """
    with _open_sites(options) as (db, sites):
        lists = [
            {
                "site": row["name"],
                "missing": missing_pages(db, row["id"]),
                "untaken": [asdict(one) for one in untaken_pages(db, row["id"])],
            }
            for row in sites
        ]
    if options.as_json:
        print_json(lists)
    elif not lists:
        click.echo(_NO_SITES, err=True)
    for one in [] if options.as_json else lists:
        print_lines(styled_line((one["site"], "bold"), f": {count_noun(len(one['missing']), 'URL')} missing"))
        print_lines(
            *(
                styled_line(
                    f"{row['url']}  {row['reason'] or 'not fetched yet'} ({', '.join(row['sources'])})", indent=2
                )
                for row in one["missing"]
            ),
            *(
                styled_line(f"fetched, so not missing: {line} ('archiver why URL' explains it)", indent=2)
                for line in _describe_untaken(one["untaken"])
            ),
        )
    if any(one["missing"] for one in lists):
        sys.exit(1)


def _describe_untaken(untaken: Sequence[Mapping[str, Any]]) -> list[str]:
    """Describes the pages that look like posts but were not stored, in one line for each rule that decided it."""
    return [
        count_noun(
            one["pages"], "page looks like a post but was not stored", "pages look like posts but were not stored"
        )
        + f" ({one['rule']}): {one['example']}"
        for one in untaken
    ]


def _format_judged(state: dict[str, Any]) -> list[Any]:
    """Returns lines about pages whose status is in doubt: withdrawn articles, pages that look like posts but were not
    stored, held pages, and posts that are no longer listed.
    """
    lines = _describe_untaken(state["untaken"])
    if held := state["held"]:
        rules = Counter(one["reason"] for one in held)
        lines.append(
            f"{count_noun(len(held), 'page')} held since {held[0]['since'][:10]}, not replaced: "
            + "; ".join(f"{number:,}: {reason}" for reason, number in rules.most_common())
            + "".join(f". Gained alike: {gain!r}" for gain in {one["gained"]: 0 for one in held if one["gained"]})
            + f". Example: {held[0]['url']}; 'archiver sites release {state['site']}'"
        )
    if withdrawn := state["withdrawn"]:
        lines.append(
            f"{count_noun(withdrawn, 'article')} withdrawn, left out of searches and datasets: "
            + "; ".join(f"{number:,}: {reason}" for reason, number in state["withdrawn_because"].items())
        )
    if unlisted := state["unlisted"]["posts"]:
        lines.append(
            f"{count_noun(unlisted, 'post')} no longer listed; the site does not show which of its posts still exist: "
            f"{state['unlisted']['example']}"
        )
    if delisted := state["delisted"]["posts"]:
        lines.append(
            f"{count_noun(delisted, 'post')} no longer listed but still online: {state['delisted']['example']}"
        )
    return [styled_line((line, "yellow"), indent=2) for line in lines]


def _count_articles(state: dict[str, Any]) -> str:
    articles, removed = state["articles"], state["removed"]
    parts = [f"{articles[name]:,} {what}" for name, what in _ARTICLE_COUNTS.items() if articles[name]]
    details = f" ({', '.join(parts)})" if parts else ""
    return count_noun(articles["all"], "article") + details + (f"; {removed:,} removed" if removed else "")


def _describe_run(run: dict[str, Any]) -> str:
    changes = ", ".join(f"{run[name]:,} {name}" for name in _RUN_COUNTS if run[name])
    outcome = "undone" if run["undone_at"] else run["outcome"] or "running"
    reason = f" ({run['reason']})" if run["reason"] else ""
    others = run.get("requisite_requests") or 0
    more = f" and {others:,} for images and other files" if others else ""
    return (
        f"{format_time(run['started_at'])}  {outcome}{reason}: {changes or 'no changes'}; "
        f"{count_noun(run['requests'] or 0, 'request')}{more}"
    )
