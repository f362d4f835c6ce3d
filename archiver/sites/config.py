"""archiver.toml: what holds for all sites, for groups of them, and who is told when something is wrong.

It is read where the command is given, or where ARCHIVER_CONFIG says. A mistake is told with its line and column.
Secrets do not stand in it: they come from the environment.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlite_utils import Database

from archiver.errors import BadConfig, BadSetting, UnreadableInput
from archiver.storage.column_values import settings_of
from archiver.storage.sites import read_setting, read_tag, tags_of_sites

# Where in a TOML text a key stands. Python's reader tells of mistakes in the form, not where a value came from.

TOMLPath = tuple[str, ...]
_HEADER = re.compile(r"\s*\[\[?(.+?)\]\]?\s*(?:#.*)?$")
_WORD = r"""(?:[\w-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY = re.compile(rf"(\s*)({_WORD}(?:\s*\.\s*{_WORD})*)\s*=")


def toml_position(text: str, path: TOMLPath) -> tuple[int, int]:
    """Line and column (from 1) of a key or table, or of the nearest thing that holds it. `text` is valid TOML."""
    best, at = 0, (1, 1)
    for found, line, column in _keys(text):
        shared = next(
            (n for n, (a, b) in enumerate(zip(found, path, strict=False)) if a != b), min(len(found), len(path))
        )
        if shared == len(found) and shared > best:
            best, at = shared, (line, column)
    return at


def toml_mistake(error: tomllib.TOMLDecodeError, text: str) -> tuple[str, str]:
    """Where a text is no TOML, and why, from Python's words."""
    lines = text.splitlines() or [""]
    match = re.fullmatch(r"(.*) \(at (line \d+, column \d+|end of document)\)", str(error), re.DOTALL)
    where, why = (match[2], match[1]) if match else ("it is no TOML", str(error))
    where = where.replace("end of document", f"line {len(lines)}, column {len(lines[-1]) + 1}")
    return where, why[:1].lower() + why[1:]


def _keys(text: str) -> Iterator[tuple[TOMLPath, int, int]]:
    """Every header and key at the beginning of a line. A line inside of a string that looks like one may be among them."""
    table: TOMLPath = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _path(header[1]) or table
            yield table, number, len(line) - len(line.lstrip()) + 1
        elif key := _KEY.match(line):
            yield (*table, *_path(key[2])), number, len(key[1]) + 1


def _path(dotted: str) -> TOMLPath:
    """A dotted key as its parts, read as TOML does it."""
    try:
        value: Any = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    out = []
    while isinstance(value, dict):
        ((name, value),) = value.items()
        out.append(name)
    return tuple(out)


FILE = "archiver.toml"
SECRETS = {"password": "ARCHIVER_SMTP_PASSWORD", "token": "ARCHIVER_WEBHOOK_TOKEN"}
"""Names of secrets, and where they are read from."""


@dataclass(frozen=True, slots=True)
class Mail:
    """How mail goes out. `security` is starttls, tls or none; without `user` nobody logs in."""

    to: tuple[str, ...]
    host: str = "localhost"
    port: int = 0
    security: str = "none"
    user: str = ""
    sender: str = "archiver@localhost"


@dataclass(frozen=True, slots=True)
class Notify:
    """Who is told of a change: a command (it gets JSON on its input), an address that JSON is posted to, mail."""

    command: tuple[str, ...] = ()
    webhook: str = ""
    mail: Mail | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """`defaults` are settings of sites as in `sites set`, `groups` those of the sites with a tag."""

    contact: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notify: Notify = Notify()

    def settings(self, own: Mapping[str, Any], tags: tuple[str, ...]) -> dict[str, Any]:
        """What holds for a site: its own settings before those of its groups (the first in this file before others),
        and these before the defaults."""
        groups = [self.groups[name] for name in self.groups if name in tags]
        out = dict(self.defaults)
        for one in (*reversed(groups), own):
            out |= one
        return out


def config_file() -> Path:
    return Path(os.environ.get("ARCHIVER_CONFIG") or FILE)


def load_config() -> Config:
    """The file's content; nothing where there is no file, unless ARCHIVER_CONFIG names it. Raises BadConfig and
    UnreadableInput."""
    file = config_file()
    if not file.exists() and not os.environ.get("ARCHIVER_CONFIG"):
        return Config()
    try:
        text = file.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark of its encoding
    except OSError as error:
        raise UnreadableInput(str(file), error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise BadConfig(str(file), f"line {line}, column {column}", "it is no UTF-8 there: save it as UTF-8") from error
    return parse_config(text, str(file))


def parse_config(text: str, name: str) -> Config:
    """The text of an archiver.toml. Raises BadConfig, which names the line and the column of the first mistake."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(name, *toml_mistake(error, text)) from error
    try:
        return _config(told)
    except _Wrong as wrong:
        line, column = toml_position(text, wrong.path)
        raise BadConfig(name, f"line {line}, column {column}", wrong.why) from wrong


class _Wrong(Exception):
    """Something is wrong with what stands at a path."""

    def __init__(self, path: tuple[str, ...], why: str) -> None:
        super().__init__(why)
        self.path, self.why = path, why


def _config(told: dict[str, Any]) -> Config:
    known = {"contact", "defaults", "groups", "notify"}
    for key in told:
        if key not in known:
            raise _Wrong((key,), f"there is no {key!r} here; there are {', '.join(sorted(known))}")
    return Config(
        _contact(told.get("contact", "")),
        _settings(("defaults",), _table(("defaults",), told.get("defaults", {}))),
        _groups(_table(("groups",), told.get("groups", {}))),
        _notify(_table(("notify",), told.get("notify", {}))),
    )


def _contact(value: Any) -> str:
    text = _text(("contact",), value)
    if text and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+|https?://\S+\.\S+|mailto:\S+@\S+", text):
        raise _Wrong(("contact",), f"{text!r} is no contact: a contact is a mail address or the address of a web page")
    return text


def _settings(path: tuple[str, ...], table: dict[str, Any]) -> dict[str, Any]:
    out = {}
    for key, value in table.items():
        if isinstance(value, list | dict) or not isinstance(value, str | int | float | bool):
            raise _Wrong((*path, key), f"{key!r} is a text, a number, true or false")
        text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
        try:
            out[key] = read_setting(f"{key}={text}")[1]
        except BadSetting as error:
            raise _Wrong((*path, key), str(error).rstrip(".")) from error
    return out


def _groups(table: dict[str, Any]) -> dict[str, Mapping[str, Any]]:
    """By the tag as it is stored, whatever letters the file has."""
    out: dict[str, Mapping[str, Any]] = {}
    for name, group in table.items():
        path = ("groups", name)
        try:
            tag = read_tag(name)
        except BadSetting as error:
            raise _Wrong(path, f"{name!r} is no tag: {error.why}") from error
        if tag in out:
            raise _Wrong(path, f"the group {tag!r} stands here twice: capitals make no difference to a tag")
        out[tag] = _settings(path, _table(path, group))
    return out


def _notify(table: dict[str, Any]) -> Notify:
    path = ("notify",)
    _only(path, table, {"command", "webhook", "mail"})
    command = table.get("command", [])
    if not isinstance(command, list) or not all(isinstance(word, str) and word for word in command):
        raise _Wrong((*path, "command"), 'a command is a list of words, as ["notify-send", "archiver"]')
    webhook = _text((*path, "webhook"), table.get("webhook", ""))
    try:
        parts = urlsplit(webhook)
        fits = not webhook or (parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0)
    except ValueError:  # brackets that do not fit, a port that is none
        fits = False
    if not fits or webhook != "".join(webhook.split()):
        raise _Wrong(
            (*path, "webhook"),
            "it is the address that is told (http or https); one that is a secret itself goes into ARCHIVER_WEBHOOK",
        )
    if "@" in parts.netloc:
        raise _Wrong((*path, "webhook"), "it holds a password: put the whole address into ARCHIVER_WEBHOOK")
    return Notify(tuple(command), webhook, _mail(table["mail"]) if "mail" in table else None)


def _mail(value: Any) -> Mail:
    path = ("notify", "mail")
    table = _table(path, value)
    _only(path, table, {"to", "host", "port", "security", "user", "from"})
    to = table.get("to", [])
    to = [to] if isinstance(to, str) else to
    if (
        not isinstance(to, list)
        or not to
        or not all(isinstance(one, str) and "@" in one and one.isprintable() for one in to)
    ):
        raise _Wrong((*path, "to"), "it is the mail address that is told, or a list of them")
    port = table.get("port", 0)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise _Wrong((*path, "port"), "a port is a number up to 65535")
    security = _text((*path, "security"), table.get("security", "none"))
    if security not in ("none", "starttls", "tls"):
        raise _Wrong((*path, "security"), "it is starttls, tls or none")
    host = _text((*path, "host"), table.get("host", "localhost"))
    if not host.strip():
        raise _Wrong((*path, "host"), "it is the name of the server that takes the mail")
    return Mail(
        tuple(to),
        host,
        port,
        security,
        _text((*path, "user"), table.get("user", "")),
        _text((*path, "from"), table.get("from", "archiver@localhost")),
    )


def _only(path: tuple[str, ...], table: dict[str, Any], known: set[str]) -> None:
    for key in table:
        if key in SECRETS:
            raise _Wrong(
                (*path, key), f"secrets do not stand in this file: give it as {SECRETS[key]} in the environment"
            )
        if key not in known:
            raise _Wrong((*path, key), f"there is no {key!r} here; there are {', '.join(sorted(known))}")


def _table(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong(path, f"{path[-1]!r} is a table: write [{'.'.join(path)}] on a line of its own")
    return value


def _text(path: tuple[str, ...], value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise _Wrong(path, f"{path[-1]!r} is a text of one line, in quotation marks")
    return value


# What holds for a site in the end: its own settings, then those of its groups, then those of all sites.

Settings = Callable[[dict[str, Any]], dict[str, Any]]
"""From a row of `sites` to the settings that hold for it."""


def effective_settings(db: Database, config: Config | None = None) -> Settings:
    """For the sites of an archive, as `config` (without one: archiver.toml) says. Raises what `load_config` does."""
    told = config or load_config()
    tags = tags_of_sites(db) if told.groups else {}

    def settings(site: dict[str, Any]) -> dict[str, Any]:
        return told.settings(settings_of(site["settings"]), tags.get(site["id"], ()))

    return settings
