"""Options that several commands share, so that they read and behave the same everywhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import click

from archiver.errors import ArchiverError, UnreadableInput

if TYPE_CHECKING:
    from archiver.search.query import Query

# Options whose value may be left out, in front of words, too.

Takes = tuple[Callable[[str], bool], str]


class OptionalValues(click.Command):
    """A command of which some options (`optional`) take the next argument only where it can be their value, and else a
    value of their own: `--recent 30 flood`, and `--recent flood`."""

    optional: ClassVar[dict[str, Takes]] = {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(self._whole(args)))

    def _whole(self, args: list[str]) -> Iterator[str]:
        for place, arg in enumerate(args):
            if arg == "--":
                yield from args[place:]
                return
            takes = self.optional.get(arg)
            following = args[place + 1] if place + 1 < len(args) else ""
            yield f"{arg}={takes[1]}" if takes and not takes[0](following) else arg


DEFAULT_ARCHIVE = "output/archive.db"
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def takes(kind: type[T], **groups: type) -> Callable[[Callable[[T], None]], Callable[..., None]]:
    """Has a command take its options as one value: an instance of the dataclass `kind`, whose fields are named as the
    options are. `groups` are fields of it that are dataclasses of options themselves, by field. It stands right above
    the function, below the options."""

    def decorated(function: Callable[[T], None]) -> Callable[..., None]:
        @wraps(function)
        def called(**options: Any) -> None:
            for name, group in groups.items():
                options[name] = group(**{one.name: options.pop(one.name) for one in fields(group)})
            function(kind(**options))

        return called

    return decorated


def archive_option(function: F) -> F:
    """`--archive PATH`, also ARCHIVER_ARCHIVE in the environment."""
    return click.option(
        "--archive",
        metavar="PATH",
        type=click.Path(),
        default=DEFAULT_ARCHIVE,
        envvar="ARCHIVER_ARCHIVE",
        show_default=True,
        show_envvar=True,
        help="The archive's SQLite file.",
    )(telling_faults(function))


def telling_faults(function: F) -> F:
    """A fault of the place where the `archive` lies (or the first of the `archives` that has one) is told in a
    sentence, whatever the command was at."""

    @wraps(function)
    def told(*args: Any, **named: Any) -> Any:
        try:
            return function(*args, **named)
        except Exception as error:
            archives = named.get("archives", [])
            if fault := _fault(error, _damaged(archives) if len(archives) > 1 else named.get("archive", *archives)):
                raise fault from error
            raise

    return cast(F, told)


def _damaged(archives: Sequence[str]) -> str:
    """The first of several archives of which not all can be read; the first, where that is none."""
    import sqlite3
    from contextlib import closing

    for archive in archives:
        try:
            with closing(sqlite3.connect(f"{Path(archive).resolve().as_uri()}?mode=ro", uri=True)) as db:
                if db.execute("pragma quick_check(1)").fetchone() != ("ok",):
                    return archive
        except sqlite3.Error:
            return archive
    return archives[0]


def _fault(error: Exception, archive: Any) -> ArchiverError | None:
    import sqlite3

    if not archive or isinstance(error, ArchiverError) or not isinstance(error, sqlite3.Error | OSError):
        return None
    from archiver.storage.connection import fault_of, is_fault

    path = Path(archive)
    if isinstance(error, OSError):
        # What a command writes elsewhere is none of the archive's.
        own = isinstance(error.filename, str | bytes) and Path(os.fsdecode(error.filename)).parent == path.parent
    else:
        own = is_fault(error)
    return fault_of(error, path) if own else None


def manners_options(function: F) -> F:
    """`--delay` and `--contact`: how a site is asked, and by whom. Of both, None is what its settings say."""
    delay = click.option(
        "--delay",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="Seconds between two requests to one host [default: as set for the site, or 0.5; 0 on loopback]. 0 is for "
        "a host you own.",
    )
    contact = click.option(
        "--contact",
        envvar="ARCHIVER_CONTACT",
        show_envvar=True,
        metavar="MAIL|URL",
        help="How a site's owner reaches you; goes into the User-Agent.",
    )
    return delay(contact(function))


def tag_option(name: str, **how: Any) -> Callable[[F], F]:
    """`--tag TAG` of sites, in the form in which tags are stored; `name` is the keyword that the command gets."""
    return click.option("--tag", name, metavar="TAG", callback=_read_tags, **how)


def _read_tags(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    from archiver.storage.sites import read_tag

    return tuple(map(read_tag, value)) if isinstance(value, tuple) else read_tag(value) if value is not None else None


def json_option(function: F) -> F:
    """`--json`: one JSON value instead of text for people."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


_QUERY_OPTIONS = (
    click.argument("query", nargs=-1, metavar="[QUERY]..."),
    click.option("--site", multiple=True, metavar="SITE", help="Only of this site, by its name or an address in it."),
    click.option(
        "--author",
        multiple=True,
        metavar="NAME",
        help="Only by this author (whole name; case and accents make no difference).",
    ),
    click.option("--category", multiple=True, metavar="NAME", help="Only in this category."),
    click.option("--tag", multiple=True, metavar="NAME", help="Only with this tag."),
    click.option("--language", multiple=True, metavar="TAG", help="Only in this language; en includes en-GB."),
    click.option("--since", metavar="DATE", help="Published on or after: 2024, 2024-05, 2024-05-31 or a full time."),
    click.option("--until", metavar="DATE", help="Published on or before, to the end of that year, month or day."),
    click.option("--near", metavar="LAT,LON", help="With a place near this one (degrees)."),
    click.option("--within", type=float, metavar="KM", help="How near, in kilometres  [default: 25]"),
    click.option(
        "--bbox",
        metavar="W,S,E,N",
        help="With a place in this box (degrees); W greater than E crosses the antimeridian.",
    ),
    click.option("--like", metavar="ID|URL", help="Only about the same thing as this article, the most alike first."),
    click.option(
        "--stem",
        is_flag=True,
        help="Find English words in their other forms, too (report, reports, "
        "reporting), but for those in quotation marks.",
    ),
    click.option(
        "--sort",
        metavar="ORDER",
        default="",
        help="relevance, date, modified, title, site, added or distance; with - before it downwards "
        "[default: relevance, without QUERY -date]",
    ),
    click.option("--offset", type=click.IntRange(min=0), default=0, metavar="N", help="Leave out the first N."),
)


def query_options(function: F) -> F:
    """QUERY and what narrows it; the command gets them as the keywords of `QueryOptions`."""
    for option in reversed(_QUERY_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """QUERY and the options that narrow and sort what it finds, as `query_options` declares them."""

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
    stem: bool
    sort: str
    offset: int

    def as_query(self, *, limit: int | None, duplicates: bool, fold: str, recent: float | None = None) -> Query:
        """Several words of QUERY are one query. Raises BadQuery for a malformed place."""
        from archiver.search.query import Query
        from archiver.search.query_tree import box, parse_point

        values = {one.name: getattr(self, one.name) for one in fields(self)} | {
            "near": parse_point(self.near) if self.near else None,
            "bbox": box(self.bbox) if self.bbox else None,
        }
        return Query(
            " ".join(values.pop("query")), limit=limit, duplicates=duplicates, fold=fold, recent=recent, **values
        )


def refuse_unknown_options(words: tuple[str, ...]) -> None:
    """A word may begin with "-" (as "-rain"). Raises NoSuchOption for one that begins with "--"."""
    if unknown := next((word for word in words if word.startswith("--")), None):
        raise click.NoSuchOption(unknown)


def read_bytes(file: str) -> bytes:
    """What a file holds, "-" being the standard input. Raises UnreadableInput, also where it is empty."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UnreadableInput(file, error.strerror or str(error)) from error
    if not data.strip():
        raise UnreadableInput("The standard input" if file == "-" else file, "it is empty")
    return data


# Which archives a command reads: one, several that are named, or all in a folder.

MOST = 250
"""Archives that are open at a time: each takes some of the files that a process may have open."""


class _Whole(click.Path):
    def split_envvar_value(self, rv: str) -> Sequence[str]:
        return [rv]


def archives_option(function: F) -> F:
    """`--archive PATH`, which may be given several times, and `--shards DIR|GLOB`: the command gets `archives`, each of
    which is there once."""

    @wraps(function)
    def resolved(*args: Any, archives: tuple[str, ...], shards: str | None, **named: Any) -> Any:
        return telling_faults(function)(*args, archives=archives_of(archives, shards), **named)

    one = click.option(
        "--archive",
        "archives",
        metavar="PATH",
        type=_Whole(),
        multiple=True,
        default=(DEFAULT_ARCHIVE,),
        envvar="ARCHIVER_ARCHIVE",
        show_default=True,
        show_envvar=True,
        help="The archive's SQLite file. Given several times, all are searched as one.",
    )
    many = click.option(
        "--shards",
        metavar="DIR|GLOB",
        help="Search all archives that the pattern names, or each archive.db below the folder, as one.",
    )
    return one(many(cast(F, resolved)))


def archives_of(archives: tuple[str, ...], shards: str | None) -> list[str]:
    """The paths that were asked for, each once, those of --shards in the order of their names."""
    if not shards:
        return _each("--archive", archives)
    if click.get_current_context().get_parameter_source("archives") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--archive names archives, --shards finds them: leave out one of them.")
    path = Path(shards)
    found = sorted(
        str(file)
        for file in (
            path.rglob("archive.db")
            if path.is_dir()
            else Path(path.anchor or ".").glob(str(path.relative_to(path.anchor)))
        )
        if file.is_file()
    )
    if not found:
        raise click.UsageError(
            f"--shards {shards} names no archive: give a folder that has some below it, or a "
            "pattern in quotation marks."
        )
    return _each(f"--shards {shards}", found)


def _each(asked: str, named: Sequence[str]) -> list[str]:
    """Each file once, by the first of its names."""
    each: dict[Path, str] = {}
    for name in named:
        each.setdefault(Path(name).resolve(), name)
    found = list(each.values())
    if len(found) > MOST:
        raise click.UsageError(
            f"{asked} names {len(found):,} archives, and {MOST} can be asked together: "
            "name fewer, or merge some ('archiver merge')."
        )
    return found
