"""`archiver publish`: builds and checks datasets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
from click.core import ParameterSource

from archiver import __version__
from archiver.cli.shared_options import (
    DEFAULT_ARCHIVE,
    QueryOptions,
    filter_options,
    json_option,
    pass_options_as,
    refuse_unknown_options,
)
from archiver.cli.terminal_output import count_noun, exit_on_sigterm, print_json
from archiver.datasets.personal_data_removal import SHORTEST_KEY, key_fingerprint
from archiver.datasets.publication_rules import (
    DISAGREEMENT,
    DOCS,
    PublicationRules,
    licence_url,
    parse_publication_rules,
)
from archiver.datasets.snapshot_builder import BuildOptions, BuiltSnapshot, build_snapshot, check_snapshot, read_rebuild
from archiver.datasets.snapshot_changes import compare_snapshots, differences_text, hiding_difference
from archiver.datasets.snapshot_request import (
    VERSION,
    SnapshotRequest,
    SnapshotStatistics,
    explain_decision,
    parse_cutoff,
    parse_split_dates,
    parse_splits,
    query_values,
)
from archiver.model.errors import BadPublishRules, BadQuery
from archiver.search.export_formats import DATASET_FORMATS
from archiver.storage.article_records import find_article
from archiver.storage.database import opened

_COMPATIBLE = {
    "explain": (
        {"explain", "rules", "cutoff", "archives", "as_json"},
        "--explain cannot be combined with {}: it explains one article and writes nothing.",
    ),
    "checking": (
        {"checking", "folder", "archives", "as_json"},
        "--check cannot be combined with {}: it checks DIR as it is.",
    ),
    "compared": (
        {"compared", "as_json"},
        "--diff cannot be combined with {}: it compares two datasets and writes nothing.",
    ),
    "rebuild": (
        {"folder", "archives", "key_in", "previous", "replace", "rebuild", "as_json"},
        "--rebuild cannot be combined with {}: it builds what rebuild.json describes. To change the dataset, "
        "publish a new version into another folder.",
    ),
}
"""Maps an option to the parameters that may be given together with it, and to the message for any other parameter."""


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """The options of `archiver publish`. `key_in` is the name of the environment variable that holds the key for
    pseudonyms.
    """

    folder: str | None
    archives: tuple[str, ...]
    query: QueryOptions
    version: str | None
    cutoff: str
    fold: str
    formats: str
    splits: str
    key_in: str | None
    drop_contacts: bool
    rules: str | None
    previous: str | None
    rebuild: bool
    replace: bool
    checking: bool
    compared: tuple[str, str] | None
    explain: str | None
    as_json: bool


@dataclass(frozen=True, slots=True)
class DatasetBasis:
    """What an existing dataset was built from: the request, the earlier version with which the dataset was compared
    (`since`, "" for none), and the names of its sites.
    """

    request: SnapshotRequest
    since: str
    sites: list[str]


@click.command(
    short_help="Publish a versioned dataset that can be cited, checked and rebuilt.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("folder", metavar="DIR", type=click.Path(), required=False)
@filter_options
@click.option("--version", "version", metavar="X.Y.Z", help="Version of the dataset (Semantic Versioning).")
@click.option(
    "--cutoff",
    metavar="DATE",
    default="",
    help="Use the archive as it was at DATE  [default: the time of its newest entry]",
)
@click.option(
    "--fold",
    type=click.Choice(("text", "cluster", "none"), case_sensitive=False),
    default="none",
    show_default=True,
    help="Include only one of several articles with the same text (text) or of near-duplicates (cluster).",
)
@click.option(
    "--formats",
    metavar="LIST",
    default="parquet",
    show_default=True,
    help="Formats in addition to Parquet: csv, jsonl, geojson.",
)
@click.option(
    "--splits",
    metavar="LIST",
    default="",
    help="Splits for machine learning: train=80,validation=10,test=10, or by date: time:2023-01,2024-01.",
)
@click.option(
    "--pseudonymise",
    "key_in",
    metavar="VARIABLE",
    help="Replace author names by hashes, keyed with the value of this environment variable.",
)
@click.option("--drop-contacts", is_flag=True, help="Remove e-mail addresses and telephone numbers from texts.")
@click.option(
    "--rules",
    metavar="FILE",
    type=click.Path(),
    help="Rules on what may be published, and the name of the dataset (TOML).",
)
@click.option(
    "--previous",
    metavar="DIR",
    type=click.Path(),
    help="The previous version; CHANGES.md lists the differences.",
)
@click.option(
    "--rebuild",
    is_flag=True,
    help="Rebuild the dataset in DIR from its rebuild.json, without posts that were withdrawn since.",
)
@click.option("--replace", is_flag=True, help="Overwrite another build of the same version.")
@click.option(
    "--check",
    "checking",
    is_flag=True,
    help="Check that the dataset in DIR is complete and unchanged; with --archive, also that none of its articles was "
    "withdrawn since.",
)
@click.option(
    "--diff",
    "compared",
    nargs=2,
    metavar="OLD NEW",
    type=click.Path(),
    help="List the differences between two datasets, as CHANGES.md does; with --json, one row a change.",
)
@click.option("--explain", metavar="ID|URL", help="Explain what of an article may be published, and why (without DIR).")
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
    help="The archive's SQLite file.",
)
@pass_options_as(PublishOptions, query=QueryOptions)
def publish(options: PublishOptions) -> None:
    """Publish a dataset in the folder DIR: the articles that match QUERY and the options of search, or the whole
    archive.

    DIR appears when the dataset is complete. Builds are reproducible: the same archive gives the same bytes. How much
    of an article is published depends on its site's licence, on the page's robots directives, and on --rules; by
    default only features (such as word counts), not the text. 'archiver publish --explain ID' explains the decision.

    \b
    Examples:
      archiver publish datasets/harbour-1.0.0 --site blog.example.org --version 1.0.0
      archiver publish datasets/storms storm --since 2023 --version 0.1.0 --formats csv,geojson --rules rights.toml
      archiver publish --check datasets/harbour-1.0.0
      archiver publish --explain 12 --rules rights.toml

    Exit code: 0 done; 1 the check found problems, or the build failed; 2 wrong usage.
    """
    refuse_unknown_options((*([options.folder] if options.folder else []), *options.query.query))
    _reject_combinations(click.get_current_context())
    if len(options.archives) > 1:
        raise click.UsageError(
            "A dataset is published from one archive. Merge them first: archiver merge A B --archive all.db"
        )
    archive = Path(options.archives[0])
    rules = _read_rules(options.rules)
    if options.explain:
        _explain_decision(archive, options.explain, rules, options.cutoff, options.as_json)
        return
    if options.compared:
        _print_differences(*map(Path, options.compared), as_json=options.as_json)
        return
    if options.folder is None:
        raise click.UsageError("Give the folder DIR of the dataset.")
    folder = Path(options.folder)
    if options.checking:
        _check_dataset(folder, archive if _is_given("archives") else None, options.as_json)
        return
    key = _read_pseudonym_key(options.key_in)
    basis = (
        _read_dataset_basis(folder)
        if options.rebuild
        else DatasetBasis(_build_request(options, rules.text, key), "", [])
    )
    built = _build_dataset(options, archive, folder, basis, key)
    _print_summary(built, options.as_json)
    for sentence in _warnings(built.facts):
        click.echo(f"Warning: {sentence}", err=True)
    if basis.since and not built.facts.is_compared:
        click.echo(
            f"CHANGES.md no longer lists the changes since version {basis.since}. To keep them, give the folder of "
            "that version with --previous.",
            err=True,
        )


def _read_rules(file: str | None) -> PublicationRules:
    if file is None:
        return PublicationRules()
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadPublishRules(file, getattr(error, "strerror", None) or "it is not UTF-8") from error
    return parse_publication_rules(text, file)


def _read_pseudonym_key(variable: str | None) -> bytes | None:
    if variable is None:
        return None
    key = os.environb.get(os.fsencode(variable), b"")
    if len(key) < SHORTEST_KEY:
        raise click.UsageError(f"The environment variable {variable} must have a key of at least {SHORTEST_KEY} bytes.")
    return key


def _build_request(options: PublishOptions, rules: str, key: bytes | None) -> SnapshotRequest:
    """Builds the request for a dataset from the options; `rules` is the text of the publication rules, and `key` the
    key for pseudonyms, None if names are not replaced. Raises UsageError, BadQuery and BadSplits.
    """
    if not options.version:
        raise click.UsageError("Give the version of the dataset with --version, such as 1.0.0.")
    if not VERSION.fullmatch(options.version):
        raise click.UsageError(
            f"Invalid value for --version: {options.version!r}. Use three numbers, such as 2.0.0 (Semantic Versioning)."
        )
    formats = _parse_formats(options.formats)
    query = options.query.as_query(limit=None, duplicates=True, fold=options.fold)
    return SnapshotRequest(
        options.version,
        query_values(query),
        _parse_past_cutoff(options.cutoff) if options.cutoff else "",
        formats,
        parse_splits(options.splits) if options.splits else (),
        parse_split_dates(options.splits),
        key_fingerprint(key) if key else "",
        options.drop_contacts,
        rules,
    )


def _parse_past_cutoff(text: str) -> str:
    """Parses a cut-off. Raises UsageError if it is no date or time, or is in the future, because the archive may change
    until then.
    """
    cutoff = _parse_given_cutoff(text)
    if cutoff > datetime.now(UTC).isoformat():
        raise click.UsageError(f"--cutoff {text} ends in the future, and the archive may change until then.")
    return cutoff


def _parse_given_cutoff(text: str) -> str:
    try:
        return parse_cutoff(text)
    except BadQuery as error:
        raise click.UsageError(f"Invalid value for --cutoff: {text!r}; {error.why}.") from error


def _parse_formats(names: str) -> tuple[str, ...]:
    """Parses a comma-separated list of dataset formats; Parquet is always included and comes first. Raises UsageError
    for an unknown format.
    """
    formats = tuple(dict.fromkeys(("parquet", *(name.strip() for name in names.split(",") if name.strip()))))
    if unknown := [name for name in formats if name not in DATASET_FORMATS]:
        raise click.UsageError(f"Unknown format {unknown[0]!r}. Formats are {', '.join(DATASET_FORMATS)}.")
    return formats


def _reject_combinations(context: click.Context) -> None:
    """Raises UsageError for options of `archiver publish` that cannot be combined."""
    given = [
        parameter
        for parameter in context.command.get_params(context)
        if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    ]
    for name, (compatible, message) in _COMPATIBLE.items():
        if not context.params.get(name):
            continue
        for parameter in given:
            if parameter.name not in compatible:
                raise click.UsageError(
                    message.format(
                        parameter.opts[0]
                        if isinstance(parameter, click.Option)
                        else "a query"
                        if parameter.name == "query"
                        else "DIR"
                    )
                )


def _read_dataset_basis(folder: Path) -> DatasetBasis:
    version = read_rebuild(folder)
    return DatasetBasis(version["request"], version["since"], version["sites"])


def _build_dataset(
    options: PublishOptions, archive: Path, folder: Path, basis: DatasetBasis, key: bytes | None
) -> BuiltSnapshot:
    terminal = sys.stderr.isatty()

    def report(stage: str, number: int) -> None:
        if terminal:
            click.echo(f"\r\x1b[K{stage}: {number:,}", nl=False, err=True)

    how = BuildOptions(
        f"archiver/{__version__}",
        report,
        key,
        Path(options.previous) if options.previous else None,
        basis.since,
        [] if options.replace else basis.sites,
        options.replace or options.rebuild,
        options.rebuild,
    )
    with exit_on_sigterm():
        built = build_snapshot(archive, folder, basis.request, how)
    if terminal:
        click.echo("\r\x1b[K", nl=False, err=True)
    return built


def _warnings(facts: SnapshotStatistics) -> Iterator[str]:
    """Yields a sentence about each property of a written dataset that its user may not expect."""
    for what in facts.unmatched:
        yield f"{what} fits no article of this dataset."
    for name in facts.empty_splits:
        yield f"the split {name} has no article and no file."
    if facts.paid:
        yield (
            f"{count_noun(facts.paid, 'article')} of which the page says that it is paid "
            f"{'is' if facts.paid == 1 else 'are'} published in full; 'access:paid' finds them."
        )
    for licence, number in sorted(facts.licences.items()):
        if licence not in ("", DISAGREEMENT) and not licence_url(licence):
            yield f"the licence {licence!r} of {count_noun(number, 'article')} is no SPDX identifier and no URL."
    for rule in facts.revealing:
        yield (
            f"the permission of {rule} names an author whose name is replaced. tier_reason and rebuild.json have its "
            "text; write it without the name."
        )


def _print_summary(built: BuiltSnapshot, as_json: bool) -> None:
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
                "unmatched": facts.unmatched,
                "warnings": list(_warnings(facts)),
                "content": facts.digest,
            }
        )
        return
    tiers = ", ".join(f"{number:,} {tier}" for tier, number in facts.tiers.most_common())
    state = "unchanged" if built.same else "written"
    click.echo(
        f"{built.folder} {state}: version {facts.request.version}, {count_noun(facts.rows['articles'], 'article')} "
        f"({tiers}), {built.bytes / 1e6:,.1f} MB",
        err=True,
    )


def _print_differences(old: Path, new: Path, *, as_json: bool) -> None:
    before, now = (read_rebuild(folder)["request"] for folder in (old, new))
    changes = compare_snapshots(new, old, hiding=hiding_difference(before, now))
    if as_json:
        print_json(list(changes))
    else:
        click.echo(differences_text(changes), nl=False)


def _is_given(name: str) -> bool:
    """Returns True if a parameter of the command is given on the command line or in the environment."""
    source = click.get_current_context().get_parameter_source(name)
    return source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


def _check_dataset(folder: Path, archive: Path | None, as_json: bool) -> None:
    found = check_snapshot(folder, archive)
    version = read_rebuild(folder)
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "version": version["request"].version,
                "rows": version.get("rows"),
                "findings": list(found),
            }
        )
    elif found:
        for sentence in found:
            click.echo(sentence)
    else:
        click.echo(f"{folder} is version {version['request'].version}, complete and unchanged since its publication.")
    if found:
        click.get_current_context().exit(1)


def _explain_decision(archive: Path, what: str, rules: PublicationRules, cutoff: str, as_json: bool) -> None:
    with opened(archive, read_only=True) as db:
        number = find_article(db, what)
        decision = explain_decision(db, number, rules, _parse_given_cutoff(cutoff) if cutoff else "")
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
                "ignored": decision.ignored,
            }
        )
        return
    click.echo(f"Article {number} is published as {decision.tier.label}: {DOCS[decision.tier]}.")
    for one in decision.reasons:
        mark = "*" if one in decision.deciding else " "
        click.echo(f" {mark} {'permits' if one.permits else 'limits to'} {one.tier.label}: {one.why}")
    for licence in decision.ignored:
        click.echo(f"   does not count: {licence}")
    if not decision.geo:
        click.echo("   its places are not published")
