"""Reads archiver.toml: settings for all sites and for groups of sites, and who is notified about problems.

The file is read from the current directory, or from the path in ARCHIVER_CONFIG. Errors name its line and column.
Secrets come from the environment and are not allowed in the file. A site's own settings override those of its groups,
which override the defaults.
"""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from archiver.model.errors import BadConfig, BadSetting, UnreadableInput
from archiver.model.lazy_regex import lazy_regex
from archiver.model.words import did_you_mean
from archiver.sites.site_settings import SITE_SETTINGS, read_setting, read_tag
from archiver.storage import Database
from archiver.storage.columns import settings_of
from archiver.storage.sites import tags_of_sites

# Positions in a TOML text. Python's parser gives the position of a syntax error, but not of a value.

TOMLPath = tuple[str, ...]
_HEADER = lazy_regex(r"\s*\[\[?(.+?)\]\]?\s*(?:#.*)?$")
_WORD = r"""(?:[\w-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY = lazy_regex(rf"(\s*)({_WORD}(?:\s*\.\s*{_WORD})*)\s*=")


def toml_position(text: str, path: TOMLPath) -> tuple[int, int]:
    """Returns the line and column (from 1) of a key or table in a valid TOML text, or of the nearest table that
    contains it. The position of a table without a header of its own, such as `a` in `[a.b]`, is that of the first
    header that names it.
    """
    best, at = 0, (1, 1)
    for found, line, column in _keys(text):
        shared = next(
            (n for n, (a, b) in enumerate(zip(found, path, strict=False)) if a != b), min(len(found), len(path))
        )
        if shared in (len(found), len(path)) and shared > best:
            best, at = shared, (line, column)
    return at


_BARE_TEXT = lazy_regex(r"""[^\W\d_][^\s"'#,\[\]{}]*|[~./][^\s"'#,\[\]{}]*""")
_CURLY_QUOTES = tuple("\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb")
_TRUTH = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}


def _value_hint(line: str) -> str:
    """Returns what to write in place of the invalid TOML value with which a line begins; "" if that is unclear."""
    if line[:1] in _CURLY_QUOTES:
        return f': write straight quotation marks (") instead of {line[0]}'
    match = _BARE_TEXT.match(line)
    if match is None:
        return ""
    if (truth := _TRUTH.get(match[0].lower())) is not None:
        return f": write {truth}"
    return f': a text needs quotation marks: "{match[0]}"'


def toml_error(error: tomllib.TOMLDecodeError, text: str) -> tuple[str, str]:
    """Returns the position and the reason of a TOML syntax error, as phrases taken from Python's message. The reason
    also says what to write, if the error is a text without quotation marks or a misspelled true or false.
    """
    lines = text.splitlines() or [""]
    match = re.fullmatch(r"(.*) \(at (line \d+, column \d+|end of document)\)", str(error), re.DOTALL)
    where, why = (match[2], match[1]) if match else ("it is not TOML", str(error))
    if (at := re.fullmatch(r"line (\d+), column (\d+)", where)) and why == "Invalid value":
        why += _value_hint(lines[int(at[1]) - 1][int(at[2]) - 1 :])
    where = where.replace("end of document", f"line {len(lines)}, column {len(lines[-1]) + 1}")
    return where, why[:1].lower() + why[1:]


def _keys(text: str) -> Iterator[tuple[TOMLPath, int, int]]:
    """Yields the path, line and column of each table header and of each key at the start of a line. The path of a row
    of an array of tables ends with its number. Lines of multi-line strings that look like a header or a key are
    included.
    """
    table: TOMLPath = ()
    rows: Counter[TOMLPath] = Counter()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _path(header[1]) or table
            if line.lstrip().startswith("[["):
                rows[table] += 1
                table = (*table, str(rows[table] - 1))
            yield table, number, len(line) - len(line.lstrip()) + 1
        elif key := _KEY.match(line):
            yield (*table, *_path(key[2])), number, len(key[1]) + 1


def _path(dotted: str) -> TOMLPath:
    """Splits a dotted TOML key into its parts; returns () if the key is invalid."""
    try:
        value: Any = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    out = []
    while isinstance(value, dict):
        ((name, value),) = value.items()
        out.append(name)
    return tuple(out)


# The content of the file.

FILE = "archiver.toml"
SECRETS = {"password": "ARCHIVER_SMTP_PASSWORD", "token": "ARCHIVER_WEBHOOK_TOKEN"}
"""Names of secrets, and the environment variables that hold them."""


@dataclass(frozen=True, slots=True)
class Mail:
    """How to send notifications by mail. `security` is starttls, tls or none; without `user` there is no login."""

    to: tuple[str, ...]
    host: str = "localhost"
    port: int = 0
    security: str = "none"
    user: str = ""
    sender: str = "archiver@localhost"


@dataclass(frozen=True, slots=True)
class Notify:
    """Where notifications go: a command that gets JSON on stdin, a webhook to which JSON is posted, and e-mail
    addresses. `level` is the lowest level of the findings that are sent; green means that information is sent, too.
    """

    command: tuple[str, ...] = ()
    webhook: str = ""
    mail: Mail | None = None
    level: Literal["green", "amber", "red"] = "green"

    @property
    def channels(self) -> list[str]:
        """Returns the names of the configured channels."""
        webhook = os.environ.get("ARCHIVER_WEBHOOK") or self.webhook
        found = (("command", self.command), ("webhook", webhook), ("mail", self.mail))
        return [name for name, value in found if value]


@dataclass(frozen=True, slots=True)
class Maintenance:
    """The settings that keep the archive safe.

    - `backup_days`, `verify_days`: the last backup, and the last check of everything, are reported if they are older
      than this (0: never).
    - `check_at`: the time of day, in UTC, at which `archiver schedule` checks the archive ("": never).
    - `check_days`: the number of days from one of these checks to the next.
    """

    backup_days: int = 7
    verify_days: int = 60
    check_at: str = "03:00"
    check_days: int = 7


@dataclass(frozen=True, slots=True)
class Log:
    """The settings for the log of crawls. `format` is text or json. A file that would grow beyond `max_mb` million
    bytes is renamed to crawl.log.1, the previous crawl.log.1 to crawl.log.2, and so on; `keep` of these files are kept.
    """

    format: str = "text"
    max_mb: int = 10
    keep: int = 5


@dataclass(frozen=True, slots=True)
class Warc:
    """The conditions for continuing the WARC file of the last run: the file was started less than `days` days ago (0:
    each run starts a new file) and is shorter than `max_mb` million bytes.
    """

    days: int = 7
    max_mb: int = 64


@dataclass(frozen=True, slots=True)
class Serve:
    """How the web pages name the archive: its `title`, and one line about it (`description`). Both may be ""."""

    title: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Quota:
    """The number of requests that the scheduled crawls of all sites of a group together may send in a day (UTC), and
    the number of megabytes (1,000,000 bytes) that they may receive. 0 means no limit.
    """

    requests_a_day: int = 0
    megabytes_a_day: float = 0.0


@dataclass(frozen=True, slots=True)
class Config:
    """The content of archiver.toml. `defaults` are the settings of all sites, named as in `archiver sites set`.
    `groups` maps a tag to the settings for the sites with this tag. `quotas` maps a tag to the quota of the group.
    `page_objects` is the folder with page objects, "" if none is named.
    """

    contact: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notify: Notify = Notify()
    maintenance: Maintenance = Maintenance()
    log: Log = Log()
    warc: Warc = Warc()
    serve: Serve = Serve()
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    page_objects: str = ""

    def settings(self, own: Mapping[str, Any], tags: tuple[str, ...]) -> dict[str, Any]:
        """Returns the effective settings of a site from its `own` settings and its tags, which may name groups. Its own
        settings override those of its groups, of which the first in the file wins, and these override the defaults.
        """
        groups = [self.groups[name] for name in self.groups if name in tags]
        out = dict(self.defaults)
        for one in (*reversed(groups), own):
            out |= one
        return out

    def origin_of(self, name: str, own: Mapping[str, Any], tags: tuple[str, ...]) -> str:
        """Returns where the effective value of a setting comes from: "group NAME", or "" for the site's own settings or
        the defaults.
        """
        group = next((tag for tag, settings in self.groups.items() if tag in tags and name in settings), "")
        return "" if name in own or not group else f"group {group}"


def config_file() -> Path:
    return Path(os.environ.get("ARCHIVER_CONFIG") or FILE)


def load_config() -> Config:
    """Reads archiver.toml. Returns an empty Config if there is no file, unless ARCHIVER_CONFIG names it. Raises
    BadConfig or UnreadableInput.
    """
    file = config_file()
    if not file.exists() and not os.environ.get("ARCHIVER_CONFIG"):
        return Config()
    try:
        text = file.read_text(encoding="utf-8-sig")  # some editors write a byte order mark
    except OSError as error:
        source = " (it is named by ARCHIVER_CONFIG)" if os.environ.get("ARCHIVER_CONFIG") else ""
        raise UnreadableInput(str(file), f"{error.strerror or error}{source}") from error
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise BadConfig(
            str(file), f"line {line}, column {column}", "it is not UTF-8: save the file as UTF-8"
        ) from error
    return parse_config(text, str(file))


def parse_config(text: str, name: str) -> Config:
    """Parses the text of an archiver.toml. Raises BadConfig, whose message contains the line and column of the first
    error and the file's `name`.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(name, *toml_error(error, text)) from error
    try:
        config = _config(values)
    except _InvalidValue as error:
        line, column = toml_position(text, error.path)
        raise BadConfig(name, f"line {line}, column {column}", error.why) from error
    if config.page_objects:  # a relative path begins at the file
        config = replace(config, page_objects=str(Path(name).parent / config.page_objects))
    return config


class _InvalidValue(Exception):
    """Raised if the key or value at a path of archiver.toml is invalid."""

    def __init__(self, path: tuple[str, ...], why: str) -> None:
        super().__init__(why)
        self.path, self.why = path, why


def _config(values: dict[str, Any]) -> Config:
    known = {"contact", "page_objects", "defaults", "groups", "notify", "maintenance", "log", "warc", "serve"}
    _only((), values, known)
    groups = _groups(_table(("groups",), values.get("groups", {})))
    return Config(
        _contact(values.get("contact", "")),
        _settings(("defaults",), _table(("defaults",), values.get("defaults", {}))),
        {tag: _settings(("groups", name), group) for tag, (name, group, _) in groups.items()},
        _notify(_table(("notify",), values.get("notify", {}))),
        _maintenance(_table(("maintenance",), values.get("maintenance", {}))),
        _log(_table(("log",), values.get("log", {}))),
        _warc(_table(("warc",), values.get("warc", {}))),
        _serve(_table(("serve",), values.get("serve", {}))),
        {tag: _quota(("groups", name), quota) for tag, (name, _, quota) in groups.items() if quota},
        _text(("page_objects",), values.get("page_objects", "")),
    )


def _contact(value: Any) -> str:
    text = _text(("contact",), value)
    if text and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+|https?://\S+\.\S+|mailto:\S+@\S+", text):
        raise _InvalidValue(("contact",), f"{text!r} is not a contact: use an e-mail address or the URL of a web page")
    return text


def _settings(path: tuple[str, ...], table: dict[str, Any]) -> dict[str, Any]:
    out = {}
    for key, value in table.items():
        _refuse_key_of_top(path, key)
        if isinstance(value, list | dict) or not isinstance(value, str | int | float | bool):
            raise _InvalidValue((*path, key), f"{key!r} must be a string, a number, true or false")
        text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
        try:
            out[key] = read_setting(f"{key}={text}")[1]
        except BadSetting as error:
            raise _InvalidValue((*path, key), str(error).rstrip(".")) from error
    return out


_Group = tuple[str, dict[str, Any], dict[str, Any]]
"""The name of a group as written, its settings, and its quota."""
_QUOTAS = tuple(one.name for one in fields(Quota))


def _groups(table: dict[str, Any]) -> dict[str, _Group]:
    """Splits the table [groups] by tag. Tags are converted to lower case."""
    out: dict[str, _Group] = {}
    for name, group in table.items():
        path = ("groups", name)
        try:
            tag = read_tag(name)
        except BadSetting as error:
            raise _InvalidValue(path, f"{name!r} is not a tag: {error.why}") from error
        if tag in out:
            raise _InvalidValue(path, f"the group {tag!r} is defined twice: tags are not case-sensitive")
        values = _table(path, group)
        quota = {key: value for key, value in values.items() if key in _QUOTAS}
        out[tag] = (name, {key: value for key, value in values.items() if key not in quota}, quota)
    return out


def _quota(path: tuple[str, ...], table: dict[str, Any]) -> Quota:
    for key, value in table.items():
        whole = key == "requests_a_day"
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not 0 < value <= 1e9:
            raise _InvalidValue((*path, key), f"{key!r} must be a {'whole ' if whole else ''}number greater than 0")
    return Quota(**table)


_FORMER_NOTIFY_KEYS = (
    "policy",
    "after_runs",
    "flapping",
    "steady_runs",
    "recovery",
    "timezone",
    "quiet_hours",
    "digest",
    "red_at_once",
)


def _notify(table: dict[str, Any]) -> Notify:
    path = ("notify",)
    if former := next((key for key in _FORMER_NOTIFY_KEYS if key in table), None):
        raise _InvalidValue(
            (*path, former),
            f"{former!r} is no longer supported: each finding is sent once, at once, to all recipients in [notify]; "
            "delete this key (a command in [notify] gets the findings as JSON and can filter or delay them)",
        )
    _only(path, table, {"command", "webhook", "mail", "level"})
    level = table.get("level", "green")
    if level not in ("green", "amber", "red"):
        raise _InvalidValue((*path, "level"), 'a level must be "green", "amber" or "red"')
    return Notify(
        _command((*path, "command"), table.get("command", [])),
        _webhook((*path, "webhook"), table.get("webhook", "")),
        _mail(table["mail"]) if "mail" in table else None,
        level,
    )


def _command(path: TOMLPath, command: Any) -> tuple[str, ...]:
    if not isinstance(command, list) or not all(isinstance(word, str) and word for word in command):
        raise _InvalidValue(path, 'a command must be a list of words, such as ["notify-send", "archiver"]')
    return tuple(command)


def _webhook(path: TOMLPath, value: Any) -> str:
    webhook = _text(path, value)
    try:
        parts = urlsplit(webhook)
        is_valid = not webhook or (parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0)
    except ValueError:  # unbalanced brackets, an invalid port
        is_valid = False
    if not is_valid or webhook != "".join(webhook.split()):
        raise _InvalidValue(
            path, "a webhook must be an http or https URL; put a URL that is itself a secret into ARCHIVER_WEBHOOK"
        )
    if "@" in parts.netloc:
        raise _InvalidValue(path, "it contains a password: put the whole URL into ARCHIVER_WEBHOOK")
    return webhook


def _whole_number(path: TOMLPath, value: Any, least: int, most: int = 100_000) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _InvalidValue(path, f"{path[-1]!r} must be a whole number from {least} to {most:,}")
    return value


def _addresses(path: TOMLPath, value: Any) -> tuple[str, ...]:
    to = [value] if isinstance(value, str) else value
    if (
        not isinstance(to, list)
        or not to
        or not all(isinstance(one, str) and "@" in one and one.isprintable() for one in to)
    ):
        raise _InvalidValue(path, "it must be an e-mail address or a list of e-mail addresses")
    return tuple(to)


def _mail(value: Any) -> Mail:
    path = ("notify", "mail")
    table = _table(path, value)
    _only(path, table, {"to", "host", "port", "security", "user", "from"})
    to = _addresses((*path, "to"), table.get("to", []))
    port = table.get("port", 0)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise _InvalidValue((*path, "port"), "a port must be a number up to 65535")
    security = _text((*path, "security"), table.get("security", "none"))
    if security not in ("none", "starttls", "tls"):
        raise _InvalidValue((*path, "security"), "it must be starttls, tls or none")
    host = _text((*path, "host"), table.get("host", "localhost"))
    if not host.strip():
        raise _InvalidValue((*path, "host"), "it must be the host name of the mail server")
    return Mail(
        to,
        host,
        port,
        security,
        _text((*path, "user"), table.get("user", "")),
        _text((*path, "from"), table.get("from", "archiver@localhost")),
    )


_LEAST = {"backup_days": 0, "verify_days": 0, "check_days": 1}
"""The keys of [maintenance] that are whole numbers, with the lowest value allowed for each."""


def _maintenance(table: dict[str, Any]) -> Maintenance:
    path = ("maintenance",)
    if "check_minutes" in table:
        raise _InvalidValue((*path, "check_minutes"), "it is gone: the whole archive is read every check_days days")
    _only(path, table, {*_LEAST, "check_at"})
    numbers = {
        key: _whole_number((*path, key), table.get(key, getattr(Maintenance(), key)), least)
        for key, least in _LEAST.items()
    }
    at = _text((*path, "check_at"), table.get("check_at", Maintenance().check_at))
    if at and not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", at):
        raise _InvalidValue((*path, "check_at"), 'it must be a time of day in UTC, such as "03:00", or "" for never')
    return Maintenance(check_at=at, **numbers)


def _log(table: dict[str, Any]) -> Log:
    path, usual = ("log",), Log()
    _only(path, table, {"format", "max_mb", "keep"})
    form = _text((*path, "format"), table.get("format", usual.format))
    if form not in ("text", "json"):
        raise _InvalidValue((*path, "format"), "it must be text or json")
    return Log(
        form,
        _whole_number((*path, "max_mb"), table.get("max_mb", usual.max_mb), 1),
        _whole_number((*path, "keep"), table.get("keep", usual.keep), 0),
    )


def _warc(table: dict[str, Any]) -> Warc:
    path, usual = ("warc",), Warc()
    _only(path, table, {"days", "max_mb"})
    return Warc(
        _whole_number((*path, "days"), table.get("days", usual.days), 0),
        _whole_number((*path, "max_mb"), table.get("max_mb", usual.max_mb), 1),
    )


def _serve(table: dict[str, Any]) -> Serve:
    path = ("serve",)
    _only(path, table, {one.name for one in fields(Serve)})
    return Serve(**{name: _text((*path, name), value).strip() for name, value in table.items()})


def _refuse_key_of_top(path: TOMLPath, key: str) -> None:
    """Raises _InvalidValue for two keys in the wrong place: `page_objects` below the header of a table, although it
    belongs at the beginning of the file; and a setting of sites at the beginning, although it belongs below a header.
    """
    if path and key == "page_objects":
        raise _InvalidValue(
            (*path, key),
            f"{key!r} is not a key of [{'.'.join(path)}]: move it to the top of the file, before the first table",
        )
    if not path and any(key == one.name for one in SITE_SETTINGS):
        raise _InvalidValue((key,), f"{key!r} is a setting of sites: write it below the line [defaults]")


def _only(path: tuple[str, ...], table: dict[str, Any], known: set[str]) -> None:
    for key in table:
        if key in SECRETS:
            raise _InvalidValue(
                (*path, key), f"secrets are not allowed in this file: set {SECRETS[key]} in the environment"
            )
        if key not in known:
            _refuse_key_of_top(path, key)
            question = did_you_mean(key, known)
            end = "? Known" if question else "; known"
            raise _InvalidValue((*path, key), f"unknown key {key!r}{question}{end} keys are {', '.join(sorted(known))}")


def _table(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _InvalidValue(path, f"{path[-1]!r} must be a table: write [{'.'.join(path)}] on a line of its own")
    return value


def _text(path: tuple[str, ...], value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise _InvalidValue(path, f"{path[-1]!r} must be a string on one line, in quotation marks")
    return value


# The effective settings of a site.

Settings = Callable[[dict[str, Any]], dict[str, Any]]
"""A function from a row of `sites` to its effective settings."""


def effective_settings(db: Database, config: Config | None = None) -> Settings:
    """Returns a function from a row of `sites` to its effective settings. Uses `config`, or archiver.toml if it is
    None.

    Raises BadConfig if archiver.toml is invalid, and UnreadableInput.
    """
    loaded = config or load_config()
    tags = tags_of_sites(db) if loaded.groups else {}

    def settings(site: dict[str, Any]) -> dict[str, Any]:
        return loaded.settings(settings_of(site["settings"]), tags.get(site["id"], ()))

    return settings


def unused_groups(config: Config, tags: Iterable[str]) -> dict[str, str]:
    """Returns the groups of archiver.toml whose tag no site has, each with a sentence that says so and suggests the
    most similar of the `tags` in use.
    """
    known = set(tags)
    return {name: _describe_unused_group(name, known) for name in config.groups if name not in known}


def _describe_unused_group(name: str, tags: set[str]) -> str:
    question = did_you_mean(name, tags)
    return (
        f"{config_file()} has settings for the group {name!r}, but no site has this tag{question}"
        f"{'?' if question else '.'} 'archiver sites tag {shlex.quote(name)} SITE' adds it to a site."
    )
