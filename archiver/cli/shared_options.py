"""Options that several commands share: the archive, politeness, the query, JSON output."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import click

from archiver.cli.shell_completion import complete
from archiver.model.errors import ArchiveNotFound, ArchiverError, BadQuery, FileForAddress, UnreadableInput
from archiver.model.fields import EVIDENCE
from archiver.search.geo_areas import parse_box, parse_point
from archiver.search.query_tree import parse_period
from archiver.sites.site_settings import read_tag
from archiver.storage.database import archive_around, watch_clock
from archiver.storage.pages import stamp
from archiver.storage.transactions import environment_error, is_environment_error

if TYPE_CHECKING:
    from archiver.search.query import Query

# Commands whose arguments are a query.

_ONE_LETTER = re.compile("-[A-Za-z0-9]")


_TWICE = {"--archive": " 'archiver merge' makes one archive of several."}


class QueryCommand(click.Command):
    """A click command whose arguments are a search query. Words of the query may begin with "-", which leaves out the
    articles that contain the word.

    `-h` prints the help. Any other single letter that is not an option of the command is an error, because it is
    meant as an option more often than as a word.
    """

    meant: ClassVar[dict[str, str]] = {"-n": "--limit", "-q": "--quiet", "-O": "--output"}
    """Maps options of other programs to the options here that do the same."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {name: one for one in self.params if isinstance(one, click.Option) for name in one.opts}
        takes_value, given = False, set[str]()
        for place, arg in enumerate(args):
            if arg == "--":
                break
            if arg == "-h" and not takes_value:
                args = [*args[:place], "--help"]
                break
            if not takes_value and _ONE_LETTER.fullmatch(arg) and arg not in own:
                raise self._no_such_option(arg)
            option = None if takes_value else own.get(arg)
            takes_value = option is not None and not option.is_flag
            if option is not None and takes_value and not option.multiple:
                if arg in given:
                    raise click.UsageError(f"{arg} is given twice, but takes one value.{_TWICE.get(arg, '')}")
                given.add(arg)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists -h beside --help. The parser does not know -h, because it would read the word "-house" as -h."""
        records = [record for one in self.get_params(ctx) if (record := one.get_help_record(ctx))]
        with formatter.section("Options"):
            formatter.write_dl([("-h, --help" if name == "--help" else name, text) for name, text in records])

    def _no_such_option(self, option: str) -> click.NoSuchOption:
        meant = self.meant.get(option, "")
        if meant.startswith("--") and not any(meant in one.opts for one in self.params):
            meant = ""
        instead = f" Did you mean {meant}?" if meant else ""
        return click.NoSuchOption(
            option,
            f"No such option {option!r}.{instead} To leave out articles that contain the word {option[1]!r}, write "
            f"NOT {option[1]}, or put the words after --.",
        )


DEFAULT_ARCHIVE = "output/archive.db"
DEMO_ARCHIVE = "output/demo.db"
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def pass_options_as(options_class: type[T], **groups: type) -> Callable[[Callable[[T], None]], Callable[..., None]]:
    """Returns a decorator that passes all options of a command to its function as one instance of `options_class`, a
    dataclass whose fields are named like the options. Write it directly above the function, below the options.

    If a field of the dataclass is itself a dataclass of options, `groups` maps the name of the field to that class.
    """

    def decorated(function: Callable[[T], None]) -> Callable[..., None]:
        @wraps(function)
        def called(**options: Any) -> None:
            for name, group in groups.items():
                options[name] = group(
                    **{one.name: options.pop(one.name) for one in fields(group) if one.name in options}
                )
            function(options_class(**options))

        return called

    return decorated


def archive_option(function: F) -> F:
    """Adds the option `--archive PATH` to a command; ARCHIVER_ARCHIVE in the environment is its default."""
    return click.option(
        "--archive",
        metavar="PATH",
        type=click.Path(),
        default=DEFAULT_ARCHIVE,
        envvar="ARCHIVER_ARCHIVE",
        show_default=True,
        show_envvar=True,
        help="The archive's SQLite file.",
    )(report_archive_faults(function))


def report_archive_faults(function: F) -> F:
    """Wraps a command so that a database or disk error becomes an ArchiverError, whose message names the archive, the
    command's parameter `archive`.
    """

    @wraps(function)
    def reporting(*args: Any, **named: Any) -> Any:
        watch_clock()
        try:
            return function(*args, **named)
        except Exception as error:
            if fault := _to_archive_error(error, named["archive"]):
                raise fault from error
            raise

    return cast(F, reporting)


def _to_archive_error(error: Exception, archive: Any) -> ArchiverError | None:
    import sqlite3

    if not archive or isinstance(error, ArchiverError) or not isinstance(error, sqlite3.Error | OSError):
        return None

    path = Path(archive)
    if isinstance(error, OSError):
        # An error in a file outside the archive's folder is not an error of the archive.
        own = isinstance(error.filename, str | bytes) and Path(os.fsdecode(error.filename)).parent == path.parent
    else:
        own = is_environment_error(error)
    return environment_error(error, path) if own else None


def politeness_options(function: F) -> F:
    """Adds the options `--delay` and `--contact` to a command. If an option is not given, the site's setting
    applies.
    """
    delay = click.option(
        "--delay",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="Seconds between two requests to one host; use 0 only for a host you own  [default: the site's setting, "
        "or 0.5; 0 on loopback]",
    )
    contact = click.option(
        "--contact",
        envvar="ARCHIVER_CONTACT",
        show_envvar=True,
        metavar="MAIL|URL",
        help="How a site's owner can reach you; sent in the User-Agent.",
    )
    return delay(contact(function))


def workers_option(description: str) -> Callable[[F], F]:
    """Returns a decorator that adds the option `--workers N` (1 to 64, by default 4) with this help text."""
    return click.option(
        "--workers", type=click.IntRange(1, 64), default=4, show_default=True, metavar="N", help=description
    )


def _check_period(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """click callback for an option that takes a date. Returns the value unchanged (None if the option is not given).
    Raises BadParameter, whose message names the option.
    """
    if value:
        try:
            parse_period(value)
        except BadQuery as error:
            raise click.BadParameter(f"{value!r} is not a date: {error.why}.") from None
    return value


class Day(click.ParamType[str]):
    """The type of an option whose value is a year, month or day. It is converted to the first day of this period, or to
    its last day, as YYYY-MM-DD.
    """

    name = "date"

    def __init__(self, *, is_last: bool = False) -> None:
        self._is_last = is_last

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            period = parse_period(value)
        except BadQuery:
            period = None
        if period is None or period.is_moment:
            self.fail(f"{value!r} is not a date: use 2024, 2024-05 or 2024-05-31.", param, ctx)
        last = date.fromisoformat(period.end[:10]) - timedelta(days=1)
        return last.isoformat() if self._is_last else period.start


def capture_filter_options(function: F) -> F:
    """Adds to a command the options `--field`, `--since` and `--until`, which select what a re-extraction reads, and
    `--forget-page-objects`. The command receives the dates as bounds in the format in which the archive stores times
    (UTC), "" for none.
    """
    field = click.option(
        "--field",
        "fields",
        multiple=True,
        type=click.Choice(EVIDENCE, case_sensitive=False),
        metavar="NAME",
        help="Only this field; may be repeated: " + ", ".join(EVIDENCE) + ".",
    )
    since = click.option(
        "--since",
        metavar="DATE",
        default="",
        callback=_read_bound,
        help="Only captures from this date or later: 2024, 2024-05, 2024-05-31 or a full time.",
    )
    until = click.option(
        "--until",
        metavar="DATE",
        default="",
        callback=_read_bound,
        help="Only captures up to this date (to the end of the year, month or day).",
    )
    forget = click.option(
        "--forget-page-objects",
        is_flag=True,
        help="Replace the values of page objects that no longer read the pages. Without this option they are kept.",
    )
    return forget(field(since(until(function))))


def _read_bound(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not _check_period(context, parameter, value):
        return ""

    bound = parse_period(value)
    is_since = parameter.name == "since"
    if not bound.is_moment:
        return bound.start if is_since else bound.end
    at = datetime.fromisoformat(bound.start)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return stamp(at if is_since else at + timedelta(microseconds=1))


def tag_option(name: str, **how: Any) -> Callable[[F], F]:
    """Returns a click decorator that adds the option `--tag TAG` to a command, to select the sites with that tag. The
    value is normalized like stored tags, and passed to the command's parameter `name`. `how` contains further arguments
    of click.option.
    """
    return click.option("--tag", name, metavar="TAG", callback=_read_tags, shell_complete=complete("site tag"), **how)


def _read_tags(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    return tuple(map(read_tag, value)) if isinstance(value, tuple) else read_tag(value) if value is not None else None


def json_option(function: F) -> F:
    """Adds the option `--json` to a command, for printing one JSON value instead of text."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def list_options(function: F) -> F:
    """Adds the options `--json` and `--csv` to a command that prints a list. The command receives the name
    of the format as `form`, None for text.
    """

    @wraps(function)
    def with_form(*args: Any, **named: Any) -> Any:
        given = [form for form in _LIST_FORMS if named.pop(f"as_{form}_list")]
        if len(given) > 1:
            raise click.UsageError(f"Use only one of {', '.join(f'--{form}' for form in given)}.")
        return function(*args, form=given[0] if given else None, **named)

    for form, what in reversed(_LIST_FORMS.items()):
        with_form = click.option(f"--{form}", f"as_{form}_list", is_flag=True, help=f"Print {what}.")(with_form)
    return cast(F, with_form)


_LIST_FORMS = {"json": "a JSON array", "csv": "CSV"}


def note_other_archive(archive: str, *, is_needed: bool = False, quiet: bool = False) -> None:
    """Prints a notice if a command that makes an archive is about to make a second one in a wrong folder: this archive
    does not exist, but one in a folder above does. Raises ArchiveNotFound instead if the archive `is_needed`.
    """
    file = Path(archive)
    if file.exists() or not (other := archive_around(file)):
        return
    if is_needed:
        raise ArchiveNotFound(archive, (), other)
    if not quiet:
        click.echo(
            f"A new archive is made at {archive}. There is one at {other} already; --archive {shlex.quote(other)} uses "
            "that.",
            err=True,
        )


def refuse_file(word: str) -> str:
    """Returns the address that a person typed. Raises FileForAddress if it is the name of a file."""
    if "://" not in word and Path(word).is_file():
        raise FileForAddress(word)
    return word


def is_default(name: str) -> bool:
    """Returns True if the parameter with this name was not given, neither on the command line nor in the
    environment.
    """
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.DEFAULT


_FILTER_OPTIONS = (
    click.argument("query", nargs=-1, metavar="[QUERY]..."),
    click.option(
        "--site",
        multiple=True,
        metavar="SITE",
        help="Only articles of this site (its name, or a URL of it).",
        shell_complete=complete("site"),
    ),
    click.option(
        "--author",
        multiple=True,
        metavar="NAME",
        help="Only articles by this author (the name, or words of it; case and accents are ignored).",
        shell_complete=complete("author"),
    ),
    click.option(
        "--category",
        multiple=True,
        metavar="NAME",
        help="Only articles in this category.",
        shell_complete=complete("category"),
    ),
    click.option(
        "--tag", multiple=True, metavar="NAME", help="Only articles with this tag.", shell_complete=complete("tag")
    ),
    click.option(
        "--language",
        multiple=True,
        metavar="TAG",
        help="Only articles in this language; en includes en-GB.",
        shell_complete=complete("language"),
    ),
    click.option(
        "--since",
        metavar="DATE",
        callback=_check_period,
        help="Published on or after this date: 2024, 2024-05, 2024-05-31 or a full time.",
    ),
    click.option(
        "--until",
        metavar="DATE",
        callback=_check_period,
        help="Published on or before this date (to the end of the year, month or day).",
    ),
    click.option("--near", metavar="LAT,LON", help="Only articles with a place near this point (degrees)."),
    click.option("--within", type=float, metavar="KM", help="Radius for --near in kilometres  [default: 25]"),
    click.option(
        "--bbox",
        metavar="W,S,E,N",
        help="Only articles with a place in this box (degrees); W greater than E crosses the antimeridian.",
    ),
    click.option(
        "--like",
        metavar="ID|URL",
        help="Only articles similar to this one, most similar first.",
        shell_complete=complete("article"),
    ),
)
_ORDER_OPTIONS = (
    click.option(
        "--sort",
        metavar="ORDER",
        default="",
        help="Sort by relevance, date, modified, title, site, added or distance; prefix - for descending "
        "[default: relevance; without QUERY, -date]",
    ),
    click.option("--offset", type=click.IntRange(min=0), default=0, metavar="N", help="Skip the first N."),
)


def filter_options(function: F) -> F:
    """Adds the argument QUERY and its filter options to a command, which receives them as the fields of
    `QueryOptions`.
    """
    for option in reversed(_FILTER_OPTIONS):
        function = option(function)
    return function


def query_options(function: F) -> F:
    """Adds what `filter_options` adds, and the options for the order of the results."""
    for option in reversed(_ORDER_OPTIONS):
        function = option(function)
    return filter_options(function)


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """The argument QUERY and the options that filter and sort its results, as added by `query_options`."""

    query: tuple[str, ...]
    site: tuple[str, ...]
    author: tuple[str, ...]
    category: tuple[str, ...]
    tag: tuple[str, ...]
    language: tuple[str, ...]
    since: str | None
    until: str | None
    near: str | None
    within: float | None
    bbox: str | None
    like: str | None
    sort: str = ""
    offset: int = 0

    def as_query(self, *, limit: int | None, duplicates: bool, fold: str) -> Query:
        """Builds the query from these options. `limit`, `duplicates` and `fold` are attributes of the Query that
        each command sets itself. The words of QUERY are joined with spaces. Raises BadQuery for a malformed place.
        """
        from archiver.search.query import Query  # loads Tantivy, which few commands need

        values = {one.name: getattr(self, one.name) for one in fields(self)} | {
            "near": parse_point(self.near) if self.near else None,
            "bbox": parse_box(self.bbox) if self.bbox else None,
        }
        return Query(" ".join(values.pop("query")), limit=limit, duplicates=duplicates, fold=fold, **values)


def refuse_unknown_options(words: tuple[str, ...]) -> None:
    """Raises NoSuchOption if a word of the query begins with "--". A single "-" is allowed; it excludes the word."""
    if unknown := next((word for word in words if word.startswith("--")), None):
        known = [name for one in click.get_current_context().command.params for name in one.opts]
        raise click.NoSuchOption(unknown, possibilities=[name for name in known if name.startswith("--")])


def format_of_file(file: str, form: str | None, formats: Mapping[str, Sequence[str]], default: str) -> str:
    """Returns the format in which to write a file: `form` or, if that is None, the format that the extension of the
    file stands for. `formats` maps extensions (".csv") to the formats that have them, the usual one first. Without an
    extension, or for standard output ("-"), the format is `default`.

    Raises UsageError if `form` and the extension do not match, and without `form` if the extension is not known.
    """
    extension = Path(file).suffix.lower()
    possible = formats.get(extension, ())
    if form is not None:
        if possible and form not in possible:
            raise click.UsageError(f"{file} would be named {extension}, but contain {form}. Change -f or the name.")
        return form
    if not extension or file == "-":
        return default
    if not possible:
        raise click.UsageError(
            f"{file} has the extension {extension}, which stands for no format. Name the format with -f, or use one "
            f"of the extensions {', '.join(formats)}."
        )
    return possible[0]


def read_bytes(file: str) -> bytes:
    """Reads a file, or standard input for "-". Raises UnreadableInput if it cannot be read or is empty."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UnreadableInput(file, error.strerror or str(error)) from error
    if not data.strip():
        raise UnreadableInput("The standard input" if file == "-" else file, "it is empty")
    return data
