"""Notifies people of changes in health through channels: a command, a webhook that receives JSON, or mail.

A channel takes at most 15 seconds and returns why it failed, or "". Secrets come from the environment and never
appear in a failure. Notifications are first stored in the archive, then sent, and their outcome is stored.
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
from archiver.health.health_report import judge_all
from archiver.health.health_rules import LEVELS
from archiver.health.health_state import (
    HealthChange,
    Notification,
    drop_obsolete_acceptances,
    enter_notifications,
    find_archive_change,
    has_accepted_findings,
    read_due_notifications,
    record_delivery,
    record_health,
)
from archiver.sites.archiver_toml import Mail, Notify, effective_settings, load_config
from archiver.storage.connection import environment_error, open_archive, writing
from archiver.storage.locks import lock_notifications, scheduler_process

_SECONDS = 15
_MAX_VARIABLE = 8_000  # characters, at most 32 KB in UTF-8
_PORTS = {"none": 25, "starttls": 587, "tls": 465}


@dataclass(frozen=True, slots=True)
class HealthMessage:
    """A message about changes in health. `state` is the worst state in it; `data` is the JSON object that commands and
    webhooks receive.
    """

    subject: str
    text: str
    state: str
    data: Mapping[str, Any]


Channel = Callable[[HealthMessage], str]
"""Sends a message; returns why that failed, or ""."""


def make_channels(notify: Notify) -> dict[str, Channel]:
    """Returns the notification channels that archiver.toml and the environment configure: a dict from name to a
    function that sends a message.
    """
    webhook = os.environ.get("ARCHIVER_WEBHOOK") or notify.webhook
    channels: dict[str, Channel] = {}
    if notify.command:
        channels["command"] = lambda message: _send_to_command(notify.command, message)
    if webhook:
        channels["webhook"] = _with_deadline("the webhook", lambda message: _send_to_webhook(webhook, message))
    if notify.mail:
        mail = notify.mail
        channels["mail"] = _with_deadline(mail.host, lambda message: _send_mail(mail, message))
    return channels


def _with_deadline(who: str, channel: Channel) -> Channel:
    """Returns a channel that gives up after 15 seconds in all. A socket timeout is not enough, because it starts again
    with each read and does not cover the DNS lookup. An abandoned attempt continues in its thread until the process
    ends.
    """

    def send(message: HealthMessage) -> str:
        reason: Future[str] = Future()

        def go() -> None:
            try:
                reason.set_result(channel(message))
            except BaseException as error:
                reason.set_exception(error)

        Thread(target=go, daemon=True, name=f"notifying {who}").start()
        try:
            return reason.result(_SECONDS)
        except TimeoutError:
            return f"{who} took longer than {_SECONDS} seconds"

    return send


def _send_to_command(words: tuple[str, ...], message: HealthMessage) -> str:
    variables = {
        "ARCHIVER_STATE": message.state,
        "ARCHIVER_SUBJECT": message.subject,
        "ARCHIVER_TEXT": _shorten(message.text),
    }
    try:  # stderr goes to a file: a child that the command leaves running would keep a pipe open
        with TemporaryFile() as errors:
            done = subprocess.run(
                words,
                input=_json(message),
                stdout=subprocess.DEVNULL,
                stderr=errors,
                timeout=_SECONDS,
                check=False,
                env=os.environ | variables,
            )
            errors.seek(0)
            output = errors.read(1000).decode(errors="replace").strip()[:200]
    except subprocess.TimeoutExpired:
        return f"{words[0]} took longer than {_SECONDS} seconds"
    except (OSError, ValueError) as error:
        return f"{words[0]} cannot be run ({getattr(error, 'strerror', None) or error})"
    return (
        f"{words[0]} ended with exit code {done.returncode}{f': {output}' if output else ''}" if done.returncode else ""
    )


def _shorten(text: str) -> str:
    """Returns a text that fits into an environment variable: Linux refuses to start a program with one of more than
    128 KiB (execve(2)). The whole text is in the JSON on standard input.
    """
    if len(text) <= _MAX_VARIABLE:
        return text
    return f"{text[:_MAX_VARIABLE].rpartition(chr(10))[0] or text[:_MAX_VARIABLE]}\n... the rest is on standard input"


def _send_to_webhook(address: str, message: HealthMessage) -> str:
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "archiver"}
    if token := os.environ.get("ARCHIVER_WEBHOOK_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    try:
        request = Request(safe_url_string(address), _json(message), headers, method="POST")
        with build_opener(_NoRedirects).open(request, timeout=_SECONDS):
            return ""
    except HTTPError as error:
        moved = ": it redirects; use the address that it redirects to" if error.code in _NoRedirects.MOVED else ""
        return f"the webhook answers {error.code}{moved}"
    except (OSError, HTTPException, ValueError) as error:
        return f"the webhook cannot be reached ({getattr(error, 'reason', None) or type(error).__name__})"


class _NoRedirects(HTTPRedirectHandler):
    """Makes urllib treat redirects as errors. It would follow them with a GET request that has the token but not the
    message.
    """

    MOVED = (301, 302, 303, 307, 308)

    def redirect_request(self, *args: Any) -> None:
        return None


def _send_mail(mail: Mail, message: HealthMessage) -> str:
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
        return f"{mail.host} rejects the login of {mail.user} ({error.smtp_code}); check ARCHIVER_SMTP_PASSWORD"
    except smtplib.SMTPException as error:
        return f"{mail.host} rejects the mail ({type(error).__name__})"
    except (OSError, ValueError) as error:
        return f"{mail.host}:{port} cannot be reached ({getattr(error, 'strerror', None) or type(error).__name__})"
    return ""


def _json(message: HealthMessage) -> bytes:
    return json.dumps(message.data, ensure_ascii=False).encode()


# Notifying people of changes.

Sent = list[tuple[str, str]]
"""For each message its channel and why sending failed ("" if it was sent)."""


def notify(archive: Path, only: Collection[str] | None = None, *, place: bool = True) -> Sent:
    """Determines the health of sites, and sends what has changed since the last notification. Returns, for each
    message, its channel and why sending it failed.

    `only`: names of the sites to include, None for all; `place`: also include the archive itself. Deletes
    acceptances of findings that no longer exist, even if no channel is configured. Does nothing if another process
    is notifying. Raises what `open_archive` and `load_config` raise.
    """
    channels = make_channels(load_config().notify)
    lock = lock_notifications(archive)
    if lock is None:
        return []
    with lock:
        db = open_archive(archive)
        try:
            at = datetime.now(UTC)
            if not channels and not has_accepted_findings(db):
                return []
            with writing(db):
                drop_obsolete_acceptances(db, at)
                if channels:
                    enter_notifications(db, _find_changes(db, archive, only, place, at), channels, datetime.now(UTC))
            return [
                (notice.channel, _send(db, archive, notice, channels))
                for notice in read_due_notifications(db)
                if notice.channel in channels
            ]
        except sqlite3.Error as error:
            raise environment_error(error, archive) from error
        finally:
            db.close()


def notify_after_runs(
    archive: Path, sites: Collection[str] | None, say: Callable[[str], None], *, place: bool = True
) -> None:
    """Sends notifications after crawls, as `notify` does, but raises no ArchiverError: `say` is called with a sentence
    about the failure, and the next crawl tries again.
    """
    try:
        for channel, failure in notify(archive, sites, place=place):
            if failure:
                say(f"The notification through {channel} could not be sent: {failure}.")
    except ArchiverError as error:
        say(f"Nobody could be notified: {error}")


def send_test_messages(archive: str) -> Sent:
    """Sends a test message through each configured channel. Returns each channel's name and why sending failed ("" if
    the message was sent).
    """
    text = f"This is a test of the notifications of {archive}: nothing has changed."
    message = HealthMessage("archiver: test message", text, "green", {"archive": archive, "text": text, "changes": []})
    return [(name, channel(message)) for name, channel in make_channels(load_config().notify).items()]


def _find_changes(
    db: Database, archive: Path, only: Collection[str] | None, place: bool, now: datetime
) -> list[HealthChange]:
    found = judge_all(db, archive, scheduler_process(archive), now, effective_settings(db), only)
    folded = found.folded_sites
    changes = [record_health(db, site, health, now) for site, health in found.sites if site["name"] not in folded]
    if place and (only is None or found.common_causes):
        changes.append(find_archive_change(db, found.place, now))
    return [change for change in changes if change]


def _send(db: Database, archive: Path, notice: Notification, channels: dict[str, Channel]) -> str:
    failure = channels[notice.channel](_compose_message(str(archive), notice.changes))
    with writing(db):
        record_delivery(db, notice, failure, datetime.now(UTC))
    return failure


def _compose_message(archive: str, changes: list[dict[str, Any]]) -> HealthMessage:
    by_level = sorted(changes, key=lambda one: -LEVELS.index(one["state"]))
    worst = by_level[0]["state"]
    who = by_level[0]["site"] or "the archive"
    more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
    lines = [
        f"{one['state']} (was {one['before']}): {one['site'] or 'the archive'}: {one['sentence']}" for one in by_level
    ]
    text = "\n\n".join([*lines, f"'archiver status --health --archive {archive}' shows the health of all."]) + "\n"
    return HealthMessage(
        f"archiver: {worst}: {who}{more}",
        text,
        worst,
        {"archive": archive, "state": worst, "text": text, "changes": by_level},
    )
