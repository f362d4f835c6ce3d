"""`archiver publish`: a dataset that loads, cites and can be built again."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from archiver.cli.options import (
    DEFAULT_ARCHIVE,
    QueryOptions,
    json_option,
    query_options,
    refuse_unknown_options,
    takes,
)
from archiver.cli.terminal import count_noun, ends_by_signal, print_json

if TYPE_CHECKING:
    from sqlite_utils import Database

    from archiver.datasets.publication_rules import PublicationRules
    from archiver.datasets.snapshot import BuiltSnapshot
    from archiver.datasets.snapshot_request import SnapshotRequest
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from archiver.cli.commands.remove import Takedown, remove_posts
from archiver.cli.options import archive_option

if TYPE_CHECKING:
    from sqlite_utils import Database

_ALONE = {
    "explain": (
        {"explain", "rules", "cutoff", "archives", "as_json"},
        "--explain tells of one article and writes nothing: leave {} out.",
    ),
    "checking": ({"checking", "folder", "archives", "as_json"}, "--check tells of DIR as it is: leave {} out."),
    "rebuild": (
        {"folder", "archives", "key_in", "previous", "replace", "rebuild", "as_json"},
        "--rebuild builds what rebuild.json asks for, and {} would make another dataset: leave it out, or "
        "publish a new version into a folder of its own.",
    ),
}
"""By option with what it goes together; all else could not be heard."""


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """The options of `archiver publish`. `key_in` names the variable of the environment that holds the key of the
    pseudonyms."""

    folder: str | None
    archives: tuple[str, ...]
    query: QueryOptions
    version: str | None
    cutoff: str
    fold: str
    formats: str
    partition: str
    ngrams: int | None
    splits: str
    key_in: str | None
    drop_contacts: bool
    wacz: bool
    rules: str | None
    previous: str | None
    rebuild: bool
    replace: bool
    checking: bool
    explain: str | None
    as_json: bool


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the dataset in a folder was built from: its request, the version that it was compared with ("" for none),
    and its sites."""

    request: SnapshotRequest
    since: str
    sites: list[str]


@click.command(
    short_help="Publish a versioned dataset that can be cited, checked and built again.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("folder", metavar="DIR", type=click.Path(), required=False)
@query_options
@click.option("--version", "version", metavar="X.Y.Z", help="Version of the dataset (Semantic Versioning).")
@click.option("--cutoff", metavar="DATE", default="", help="As the archive was at DATE  [default: as it is]")
@click.option(
    "--fold",
    type=click.Choice(("text", "cluster", "none")),
    default="none",
    show_default=True,
    help="Of articles with the same text only one (text), of near copies too (cluster).",
)
@click.option(
    "--formats",
    metavar="LIST",
    default="parquet",
    show_default=True,
    help="Beside Parquet, which is always there: csv, jsonl, geojson.",
)
@click.option(
    "--partition",
    type=click.Choice(("auto", "none", "year", "site")),
    default="auto",
    show_default=True,
    help="Divide the articles into files; auto: by year from 250,000 on.",
)
@click.option(
    "--ngrams",
    type=click.IntRange(0, 5),
    metavar="N",
    help="Count up to N words in a row; 0: none  [default: 2 where texts are withheld, else 0]",
)
@click.option(
    "--splits", metavar="LIST", default="", help="Parts for machine learning, such as train=80,validation=10,test=10."
)
@click.option(
    "--pseudonymise",
    "key_in",
    metavar="VARIABLE",
    help="Name authors by hashes, keyed with what this variable of the environment holds.",
)
@click.option("--drop-contacts", is_flag=True, help="Take e-mail addresses and telephone numbers out of texts.")
@click.option("--wacz", is_flag=True, help="With the captures as WACZ; only where every article may be given in full.")
@click.option(
    "--rules", metavar="FILE", type=click.Path(), help="What may be published, and what the dataset is called (TOML)."
)
@click.option(
    "--previous",
    metavar="DIR",
    type=click.Path(),
    help="The version before, which CHANGES.md tells the differences to.",
)
@click.option(
    "--rebuild",
    is_flag=True,
    help="Build the dataset in DIR again, as its rebuild.json says, without what was withdrawn since.",
)
@click.option("--replace", is_flag=True, help="Write over another build of the same version.")
@click.option("--check", "checking", is_flag=True, help="Tell whether DIR is what it says.")
@click.option("--explain", metavar="ID|URL", help="Tell what of an article may be published, and why; without DIR.")
@json_option
@click.option(
    "--archive",
    "archives",
    metavar="PATH",
    type=click.Path(),
    multiple=True,
    default=(DEFAULT_ARCHIVE,),
    envvar="ARCHIVER_ARCHIVE",
    show_default=True,
    show_envvar=True,
    help="The archive's SQLite file; several times for archives that have no site in common.",
)
@takes(PublishOptions, query=QueryOptions)
def publish(options: PublishOptions) -> None:
    """Write a dataset into the folder DIR: the articles that QUERY and the options of search find, or the whole
    archive.

    It is built beside DIR and appears when it is whole. The same archive makes the same bytes. What of each article is
    in it follows from its site's licence, from what its page says to robots, and from the rules of --rules: without
    any, features and no text. 'archiver publish --explain ID' tells why.

    \b
    Examples:
      archiver publish datasets/harbour-1.0.0 --site blog.example.org --version 1.0.0
      archiver publish datasets/storms storm --since 2023 --version 0.1.0 --formats csv,geojson --rules rights.toml
      archiver publish --check datasets/harbour-1.0.0
      archiver publish --explain 12 --rules rights.toml

    \b
    Exit code: 0 done; 1 the check found something, or nothing could be built; 2 wrong usage.
    """
    refuse_unknown_options(options.query.query)
    _alone(click.get_current_context())
    rules = _rules(options.rules)
    if options.explain:
        _explain(options.archives, options.explain, rules, options.cutoff, options.as_json)
        return
    if options.folder is None:
        raise click.UsageError("Name the folder of the dataset.")
    folder = Path(options.folder)
    if options.checking:
        _check(folder, options.as_json)
        return
    key = _key(options.key_in)
    basis = _earlier(folder) if options.rebuild else Earlier(_request(options, rules.text, key), "", [])
    built = _build(options, folder, basis, key)
    _tell(built, options.as_json)
    if basis.since and not options.previous:
        click.echo(
            f"Its CHANGES.md no longer tells what changed since version {basis.since}: give the folder of that "
            "with --previous to have it again.",
            err=True,
        )


def _rules(file: str | None) -> PublicationRules:
    from archiver.datasets.publication_rules import PublicationRules, parse_publication_rules
    from archiver.errors import BadPublishRules

    if file is None:
        return PublicationRules()
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadPublishRules(file, getattr(error, "strerror", None) or "it is no UTF-8") from error
    return parse_publication_rules(text, file)


def _key(variable: str | None) -> bytes | None:
    from archiver.datasets.pseudonyms import SHORTEST_KEY

    if variable is None:
        return None
    key = os.environb.get(os.fsencode(variable), b"")
    if len(key) < SHORTEST_KEY:
        raise click.UsageError(f"The environment's variable {variable} holds no key of {SHORTEST_KEY} bytes or more.")
    return key


def _request(options: PublishOptions, rules: str, key: bytes | None) -> SnapshotRequest:
    """What the options ask for. Raises UsageError, BadQuery and BadSplits."""
    from archiver.datasets.pseudonyms import fingerprint
    from archiver.datasets.snapshot_request import VERSION, SnapshotRequest, moment, parse_splits, query_values

    if not options.version or not VERSION.fullmatch(options.version):
        raise click.UsageError("Give the dataset a version with --version, such as 1.0.0.")
    formats = _formats(options.formats)
    if options.query.offset:
        raise click.UsageError("A dataset has all that is found: leave out --offset.")
    asked = options.query.as_query(limit=None, duplicates=True, fold=options.fold)
    return SnapshotRequest(
        options.version,
        query_values(asked),
        moment(options.cutoff) if options.cutoff else "",
        formats,
        options.partition,
        options.ngrams,
        parse_splits(options.splits) if options.splits else (),
        fingerprint(key) if key else "",
        options.drop_contacts,
        rules,
        options.wacz,
    )


def _formats(names: str) -> tuple[str, ...]:
    """The formats that a list names, Parquet first. Raises UsageError for an unknown one."""
    from archiver.datasets.snapshot_request import FORMATS

    formats = tuple(dict.fromkeys(("parquet", *(name.strip() for name in names.split(",") if name.strip()))))
    if strange := [name for name in formats if name not in FORMATS]:
        raise click.UsageError(f"There is no format {strange[0]!r}; there are {', '.join(FORMATS)}.")
    return formats


def _alone(context: click.Context) -> None:
    """Raises UsageError where an option is given with what cannot be heard beside it."""
    given = [
        parameter
        for parameter in context.command.get_params(context)
        if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    ]
    for name, (others, why) in _ALONE.items():
        if not context.params.get(name):
            continue
        for parameter in given:
            if parameter.name not in others:
                raise click.UsageError(
                    why.format(
                        parameter.opts[0]
                        if isinstance(parameter, click.Option)
                        else "a query"
                        if parameter.name == "query"
                        else "DIR"
                    )
                )


def _earlier(folder: Path) -> Earlier:
    from archiver.datasets.snapshot import version_of

    told = version_of(folder)
    return Earlier(told["request"], told["since"], told["sites"])


def _build(options: PublishOptions, folder: Path, basis: Earlier, key: bytes | None) -> BuiltSnapshot:
    from archiver import __version__
    from archiver.datasets.snapshot import Building, build_snapshot

    terminal = sys.stderr.isatty()

    def told(what: str, number: int) -> None:
        if terminal:
            click.echo(f"\r\x1b[K{what}: {number:,}", nl=False, err=True)

    how = Building(
        f"archiver/{__version__}",
        told,
        key,
        Path(options.previous) if options.previous else None,
        basis.since,
        [] if options.replace else basis.sites,
        options.replace or options.rebuild,
    )
    with ends_by_signal():
        built = build_snapshot([Path(archive) for archive in options.archives], folder, basis.request, how)
    if terminal:
        click.echo("\r\x1b[K", nl=False, err=True)
    return built


def _tell(built: BuiltSnapshot, as_json: bool) -> None:
    facts = built.facts
    if as_json:
        print_json(
            {
                "folder": str(built.folder),
                "version": facts.request.version,
                "cutoff": f"{facts.cutoff}Z",
                "unchanged": built.same,
                "bytes": built.bytes,
                "rows": dict(sorted(facts.rows.items())),
                "tiers": dict(sorted(facts.tiers.items())),
                "content": facts.digest,
            }
        )
        return
    tiers = ", ".join(f"{number:,} {tier}" for tier, number in facts.tiers.most_common())
    what = "is as it was" if built.same else "written"
    click.echo(
        f"{built.folder} {what}: version {facts.request.version}, {count_noun(facts.rows['articles'], 'article')} "
        f"({tiers}), {built.bytes / 1e6:,.1f} MB",
        err=True,
    )


def _check(folder: Path, as_json: bool) -> None:
    from archiver.datasets.snapshot import check_snapshot, version_of

    found = check_snapshot(folder)
    told = version_of(folder)
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "version": told["request"].version,
                "rows": told.get("rows"),
                "findings": list(found),
            }
        )
    elif found:
        for sentence in found:
            click.echo(sentence)
    else:
        click.echo(f"{folder} is version {told['request'].version}, whole and as it was published.")
    if found:
        click.get_current_context().exit(1)


def _explain(archives: tuple[str, ...], what: str, rules: PublicationRules, cutoff: str, as_json: bool) -> None:
    from archiver.datasets.cross_archive_duplicates import explain
    from archiver.datasets.publication_rules import DOCS
    from archiver.datasets.snapshot_request import moment
    from archiver.storage.connection import opened

    with ExitStack() as stack:
        dbs = [stack.enter_context(opened(archive, read_only=True)) for archive in archives]
        place = _found(dbs, what)
        number = place[1]
        decision = explain(dbs, place, rules, moment(cutoff) if cutoff else "")
    if as_json:
        print_json(
            {
                "article_id": number,
                "tier": decision.tier.label,
                "licence": decision.licence or None,
                "geo": decision.geo,
                "reasons": [
                    {"tier": one.tier.label, "why": one.why, "permits": one.permits} for one in decision.reasons
                ],
            }
        )
        return
    click.echo(f"Article {number} is published as {decision.tier.label}: {DOCS[decision.tier]}.")
    for one in decision.reasons:
        mark = "*" if one in decision.deciding else " "
        click.echo(f" {mark} {'gives' if one.permits else 'leaves'} {one.tier.label}: {one.why}")
    if not decision.geo:
        click.echo("   its places are not given")


def _found(dbs: Sequence[Database], what: str) -> tuple[int, int]:
    """The first archive that has an article, by its place among them, and its number there. Raises ArticleNotFound."""
    from archiver.errors import ArticleNotFound
    from archiver.storage.article_tables.records import find_article

    for place, db in enumerate(dbs):
        with suppress(ArticleNotFound):
            return place, find_article(db, what)
    raise ArticleNotFound(what)


# `archiver withdraw`: a takedown that reaches datasets, too, of one post or of all that a search finds.


@click.command(
    short_help="Take posts out of the archive and of every dataset that is built from now on.",
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@click.argument("what", nargs=-1, required=True, metavar="ID|URL|QUERY...")
@click.option("--reason", metavar="TEXT", required=True, help="Why; datasets tell this and the identifier alone.")
@click.option("--by", "requested_by", default="", metavar="TEXT", help="Who asked for it; it stays in the archive.")
@click.option("--dry-run", is_flag=True, help="Tell what would go, and take out nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@archive_option
def withdraw(
    what: tuple[str, ...], reason: str, requested_by: str, dry_run: bool, yes: bool, as_json: bool, archive: str
) -> None:
    """Withdraw posts: as 'archiver remove' does, from database, search index and captures, and so from every dataset
    that is built afterwards, of whatever version.

    Numbers and addresses name posts, or identifiers that datasets have; anything else is a query of 'archiver search',
    and all that it finds is withdrawn. A dataset that is there already is built again with 'archiver publish DIR
    --rebuild': it then lists the identifier and the reason, and has nothing else of the post.

    \b
    Examples:
      archiver withdraw 12 --reason "its author asked for it"
      archiver withdraw site:blog.example.org author:"Ada Berg" --reason "right to erasure" --dry-run
      archiver publish datasets/harbour-1.0.0 --rebuild

    \b
    Exit code: 0 done; 1 refused, not confirmed, or nothing found; 2 wrong usage.
    """
    said = " ".join(reason.split())
    if not said:
        raise click.UsageError("Give a reason with --reason: it is what stays of the post.")
    refuse_unknown_options(what)
    remove_posts(Path(archive), Takedown(_named(Path(archive), what), said, requested_by, dry_run, yes, as_json))


def _named(archive: Path, what: tuple[str, ...]) -> tuple[str, ...]:
    """The posts as numbers and addresses: of a query all that it finds. Raises ArticleNotFound, what a query does."""
    from archiver.errors import ArticleNotFound
    from archiver.search.engine import matching_ids
    from archiver.search.query import Query
    from archiver.storage.connection import opened

    if all((word.isascii() and word.isdigit() and len(word) < 19) or "://" in word for word in what):
        return what
    with opened(archive, read_only=True) as db:
        if all(re.fullmatch(r"[0-9a-f]{20}", word) for word in what):
            found = dict(_identified(db, frozenset(what)))
            if lost := next((word for word in what if word not in found), None):
                raise ArticleNotFound(lost)
            return tuple(str(found[word]) for word in what)
        ids = sorted(matching_ids(db, Query(" ".join(what), limit=None, duplicates=True)))
    if not ids:
        raise ArticleNotFound(" ".join(what))
    return tuple(map(str, ids))


def _identified(db: Database, names: frozenset[str]) -> Iterator[tuple[str, int]]:
    from archiver.storage.article_tables.records import FIRST_ADDRESS, of_first

    for number, first in db.execute(f"select a.id, {FIRST_ADDRESS} from articles a"):
        if (name := of_first(first)) in names:
            yield name, number
