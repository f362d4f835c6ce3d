"""The ways by which people are told: a command, an address that JSON is posted to, mail. Each ends within 15 seconds.

A way returns why it failed, or "". Secrets come from the environment, and stand in no reason.
"""

from __future__ import annotations

import json
import os
import smtplib
import sqlite3
import ssl
import subprocess
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryFile
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from sqlite_utils import Database
from w3lib.url import safe_url_string

from archiver.errors import ArchiverError
from archiver.health.health_report import overall
from archiver.health.health_rules import LEVELS
from archiver.health.health_state import (
    HealthChange,
    Notification,
    any_accepted,
    due_notifications,
    enter_notifications,
    forget_what_passed,
    place_change,
    record_delivery,
    record_health,
)
from archiver.sites.config import Mail, Notify, effective_settings, load_config
from archiver.storage.connection import fault_of, open_archive, writing
from archiver.storage.locks import lock_notifications, scheduler

_SECONDS = 15
_PORTS = {"none": 25, "starttls": 587, "tls": 465}


@dataclass(frozen=True, slots=True)
class HealthMessage:
    """`state` is the worst that is told; `data` is what programs get."""

    subject: str
    text: str
    state: str
    data: Mapping[str, Any]


Way = Callable[[HealthMessage], str]


def channels_of(notify: Notify) -> dict[str, Way]:
    """The ways that archiver.toml and the environment name, by their names."""
    webhook = os.environ.get("ARCHIVER_WEBHOOK") or notify.webhook
    ways: dict[str, Way] = {}
    if notify.command:
        ways["command"] = lambda message: _command(notify.command, message)
    if webhook:
        ways["webhook"] = _in_time("the webhook", lambda message: _webhook(webhook, message))
    if notify.mail:
        mail = notify.mail
        ways["mail"] = _in_time(mail.host, lambda message: _mail(mail, message))
    return ways


def _in_time(who: str, way: Way) -> Way:
    """A way that is given up once its time is over. A timeout of a socket is for each read anew: a server that sends a
    byte now and then outlasts it, and so does a search for its address. What is given up ends with the process."""

    def told(message: HealthMessage) -> str:
        reason: Future[str] = Future()

        def go() -> None:
            try:
                reason.set_result(way(message))
            except BaseException as error:
                reason.set_exception(error)

        Thread(target=go, daemon=True, name=f"telling {who}").start()
        try:
            return reason.result(_SECONDS)
        except TimeoutError:
            return f"{who} took longer than {_SECONDS} seconds"

    return told


def _command(words: tuple[str, ...], message: HealthMessage) -> str:
    told = {"ARCHIVER_STATE": message.state, "ARCHIVER_SUBJECT": message.subject, "ARCHIVER_TEXT": message.text}
    try:  # its words go to a file: what it leaves running may hold a pipe open long after it has ended
        with TemporaryFile() as words_of_it:
            done = subprocess.run(
                words,
                input=_json(message),
                stdout=subprocess.DEVNULL,
                stderr=words_of_it,
                timeout=_SECONDS,
                check=False,
                env=os.environ | told,
            )
            words_of_it.seek(0)
            said = words_of_it.read(1000).decode(errors="replace").strip()[:200]
    except subprocess.TimeoutExpired:
        return f"{words[0]} took longer than {_SECONDS} seconds"
    except (OSError, ValueError) as error:
        return f"{words[0]} cannot be run ({getattr(error, 'strerror', None) or error})"
    return f"{words[0]} ended with exit code {done.returncode}{f': {said}' if said else ''}" if done.returncode else ""


def _webhook(address: str, message: HealthMessage) -> str:
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "archiver"}
    if token := os.environ.get("ARCHIVER_WEBHOOK_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    try:
        request = Request(safe_url_string(address), _json(message), headers, method="POST")
        with build_opener(_Stays).open(request, timeout=_SECONDS):
            return ""
    except HTTPError as error:
        leads = ": it has moved, give the address that it leads to" if error.code in _Stays.MOVED else ""
        return f"the webhook answers {error.code}{leads}"
    except (OSError, HTTPException, ValueError) as error:
        return f"the webhook cannot be reached ({getattr(error, 'reason', None) or type(error).__name__})"


class _Stays(HTTPRedirectHandler):
    """Follows no redirect: what was posted would be asked for there, with the token, and nobody told."""

    MOVED = (301, 302, 303, 307, 308)

    def redirect_request(self, *args: Any) -> None:
        return None


def _mail(mail: Mail, message: HealthMessage) -> str:
    letter = EmailMessage()
    letter["Subject"], letter["From"], letter["To"] = message.subject, mail.sender, ", ".join(mail.to)
    letter["Date"], letter["Message-ID"] = formatdate(), make_msgid(domain="archiver")
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(message.text)
    port = mail.port or _PORTS[mail.security]
    try:
        with (
            smtplib.SMTP_SSL(mail.host, port, timeout=_SECONDS, context=ssl.create_default_context())
            if mail.security == "tls"
            else smtplib.SMTP(mail.host, port, timeout=_SECONDS)
        ) as server:
            if mail.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if mail.user:
                server.login(mail.user, os.environ.get("ARCHIVER_SMTP_PASSWORD", ""))
            server.send_message(letter)
    except smtplib.SMTPAuthenticationError as error:
        return f"{mail.host} takes no mail of {mail.user} ({error.smtp_code}; the password is ARCHIVER_SMTP_PASSWORD)"
    except smtplib.SMTPException as error:
        return f"{mail.host} does not take the mail ({type(error).__name__})"
    except (OSError, ValueError) as error:
        return f"{mail.host}:{port} cannot be reached ({getattr(error, 'strerror', None) or type(error).__name__})"
    return ""


def _json(message: HealthMessage) -> bytes:
    return json.dumps(message.data, ensure_ascii=False).encode()


# Telling people of sites whose state has changed: kept in the archive first, then sent, with what came of it.

Sent = list[tuple[str, str]]
"""Each message by the way it went, and why it failed ("": it was sent)."""


def notify(archive: Path, only: Collection[str] | None = None, *, place: bool = True) -> Sent:
    """Look how sites do (those named in `only`, or all and with `place` the archive itself), and tell of what has
    changed since it was told last. What was accepted and has passed is forgotten, even where nobody is to be told.

    Raises what `open_archive` and `load_config` do. What is under way in another process is left to it.
    """
    ways = channels_of(load_config().notify)
    lock = lock_notifications(archive)
    if lock is None:
        return []
    with lock:
        db = open_archive(archive)
        try:
            at = datetime.now(UTC)
            if not ways and not any_accepted(db):
                return []
            with writing(db):
                forget_what_passed(db, at)
                if ways:
                    enter_notifications(db, _changes(db, archive, only, place, at), ways, datetime.now(UTC))
            return [
                (notice.channel, _send(db, archive, notice, ways))
                for notice in due_notifications(db)
                if notice.channel in ways
            ]
        except sqlite3.Error as error:
            raise fault_of(error, archive) from error
        finally:
            db.close()


def notify_after_runs(
    archive: Path, sites: Collection[str] | None, say: Callable[[str], None], *, place: bool = True
) -> None:
    """Does the same after crawls. A failure does not fail the crawl: `say` gets a sentence, and the next crawl tries
    again."""
    try:
        for channel, failure in notify(archive, sites, place=place):
            if failure:
                say(f"Nobody was told by {channel} of what has changed: {failure}.")
    except ArchiverError as error:
        say(f"Nobody was told of what may have changed: {error}")


def try_channels(archive: str) -> Sent:
    """Send a message that says that it is a trial, by each way."""
    text = f"This is a trial of the notices of {archive}: nothing has changed."
    message = HealthMessage("archiver: a trial", text, "green", {"archive": archive, "text": text, "changes": []})
    return [(channel, way(message)) for channel, way in channels_of(load_config().notify).items()]


def _changes(
    db: Database, archive: Path, only: Collection[str] | None, place: bool, now: datetime
) -> list[HealthChange]:
    found = overall(db, archive, scheduler(archive), now, effective_settings(db), only)
    changes = [record_health(db, site, health, now) for site, health in found.sites]
    if only is None and place:
        changes.append(place_change(db, found.place, now))
    return [change for change in changes if change]


def _send(db: Database, archive: Path, notice: Notification, ways: dict[str, Way]) -> str:
    failure = ways[notice.channel](_message(str(archive), notice.changes))
    with writing(db):
        record_delivery(db, notice, failure, datetime.now(UTC))
    return failure


def _message(archive: str, changes: list[dict[str, Any]]) -> HealthMessage:
    by_level = sorted(changes, key=lambda one: -LEVELS.index(one["state"]))
    worst = by_level[0]["state"]
    who = by_level[0]["site"] or "the archive"
    more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
    lines = [
        f"{one['state']} (was {one['before']}): {one['site'] or 'the archive'}: {one['sentence']}" for one in by_level
    ]
    text = "\n\n".join([*lines, f"'archiver status --health --archive {archive}' tells how all of it does."]) + "\n"
    return HealthMessage(
        f"archiver: {worst}: {who}{more}",
        text,
        worst,
        {"archive": archive, "state": worst, "text": text, "changes": by_level},
    )
