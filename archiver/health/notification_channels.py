"""Notifies people of changes in health through channels: a command, a webhook that receives JSON, or mail.

A channel gives up after 15 seconds. It returns why sending failed, or "". Secrets come from the environment and never
appear in the reason of a failure. Notifications are first stored in the archive, then sent, and the result is stored.
"""

from __future__ import annotations

import json
import os
import smtplib
import sqlite3
import ssl
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
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

from w3lib.url import safe_url_string

from archiver.health.health_report import judge_all, look_at_archive, read_looks
from archiver.health.health_rules import LEVELS, HealthFinding, Level
from archiver.health.notification import (
    HealthChange,
    Look,
    SeenFinding,
    drop_faults_of_removed_sites,
    enter_notification,
    hours_as_runs,
    last_notification,
    observe,
    read_due_notifications,
    read_faults,
    record_delivery,
    write_faults,
)
from archiver.health.stored_health import drop_obsolete_acceptances, has_accepted_findings, record_health
from archiver.model.errors import ArchiveDamaged, ArchiverError
from archiver.sites.config import Mail, Notify, effective_settings, load_config
from archiver.storage import Database
from archiver.storage.database import open_archive
from archiver.storage.transactions import environment_error, lock_notifications, scheduler_process, writing


@dataclass(frozen=True, slots=True)
class HealthMessage:
    """A message about changes in health. `state` is the worst level in it; `data` is the JSON object that commands and
    webhooks receive. `html` is the text as an HTML page for mail, or "".
    """

    subject: str
    text: str
    state: str
    data: Mapping[str, Any]
    html: str = ""


def compose_message(archive: str, changes: Sequence[Mapping[str, Any]]) -> HealthMessage:
    """Returns the message about changes, each as `HealthChange.as_json` returns it; the most urgent comes first."""
    changes = sorted(changes, key=_rank, reverse=True)
    worst = max((one["state"] for one in changes), key=LEVELS.index)
    sites = list(dict.fromkeys(_name(one) for one in changes))
    more = f" and {len(sites) - 1} more" if len(sites) > 1 else ""
    lines = [f"{_head(one)}: {_name(one)}: {one['sentence']}" for one in changes]
    last = f"'archiver status --health --archive {archive}' shows the health of all."
    text = "\n\n".join([*lines, last]) + "\n"
    data = {"archive": archive, "state": worst, "changes": changes, "text": text}
    return HealthMessage(f"archiver: {_name_most_urgent(changes[0])}: {sites[0]}{more}", text, worst, data)


def _name(change: Mapping[str, Any]) -> str:
    return change["site"] or "the archive"


_HEADS = {"ends": "over", "noted": "noted"}


def _head(change: Mapping[str, Any]) -> str:
    """Returns the first words of a line about a change: what happened or, if a finding begins, its level."""
    if change["event"] == "worse":
        return f"worse, {change['level']}"
    return _HEADS.get(change["event"]) or str(change["level"])


def _rank(change: Mapping[str, Any]) -> int:
    """Returns the sort key of a change by urgency: beginnings come first, by level, then information, then ends."""
    if change["event"] == "ends":
        return -1
    return 0 if change["event"] == "noted" else LEVELS.index(change["level"])


def _name_most_urgent(change: Mapping[str, Any]) -> str:
    """Returns the word for the most urgent change in a message's subject: the level of a finding that begins, otherwise
    "noted" or "over".
    """
    return str(change["level"]) if _rank(change) > 0 else _HEADS.get(change["event"], str(change["level"]))


_SECONDS = 15
_MAX_VARIABLE = 8_000  # at most this many characters, or 32 KB in UTF-8
_PORTS = {"none": 25, "starttls": 587, "tls": 465}


Channel = Callable[[HealthMessage], str]
"""A function that sends a message, and returns why sending failed, or ""."""


def make_channels(notify: Notify) -> dict[str, Channel]:
    """Returns the notification channels that [notify] in archiver.toml and the environment configure: a dict from name
    to a function that sends a message.
    """
    channels: dict[str, Channel] = {}
    if command := notify.command:
        channels["command"] = lambda message: _send_to_command(command, message)
    if webhook := os.environ.get("ARCHIVER_WEBHOOK") or notify.webhook:
        channels["webhook"] = _with_deadline("the webhook", lambda message: _send_to_webhook(webhook, message))
    if mail := notify.mail:
        channels["mail"] = _with_deadline(mail.host, lambda message: _send_mail(mail, message))
    return channels


def _with_deadline(who: str, channel: Channel) -> Channel:
    """Returns a channel that does the same as `channel`, but gives up after 15 seconds in all. `who` names the
    recipient in the reason. A socket timeout is not enough, because it starts again with each read and does not cover
    the DNS lookup. An abandoned attempt continues in its thread until the process ends.
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
    """Cuts a text so that it fits into an environment variable, because Linux does not start a program with a variable
    of more than 128 KiB (execve(2)). The program also gets the whole text, in the JSON on its standard input.
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
    """Makes urllib treat redirects as errors. Otherwise it would follow them with a GET request that contains the token
    but not the message.
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
    if message.html:
        letter.add_alternative(message.html, subtype="html")
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
"""For each message: its channel, and why sending failed ("" if it was sent)."""


def notify(
    archive: Path, only: Collection[str] | None = None, *, catching_up: bool = False, now: datetime | None = None
) -> Sent:
    """Judges the sites, and sends notifications about what has changed. Returns, for each message, its channel and why
    sending it failed ("" if it was sent).

    - `only`: the names of the sites to judge; None means all.
    - `catching_up`: True if the scheduler has just started, so that late sites are not reported.
    - `now`: the time at which the sites are judged; None means the current time.

    Deletes acceptances of findings that no longer exist or have got worse, even if no channel is configured. Does
    nothing if another process is notifying. Raises BadConfig if archiver.toml is invalid, and the errors of
    `open_archive`.
    """
    loaded = load_config().notify
    channels = make_channels(loaded)
    lock = lock_notifications(archive)
    if lock is None:
        return []
    with lock:
        db = open_archive(archive)
        try:
            at = now or datetime.now(UTC)
            if not channels and not has_accepted_findings(db):
                return []
            earlier = _deliver(db, archive, channels, after=0)
            last = last_notification(db)
            try:
                with writing(db):
                    drop_obsolete_acceptances(db, at)
                    if channels:
                        found = judge_all(db, archive, scheduler_process(archive), at, effective_settings(db), only)
                        looks = read_looks(db, found)
                        looks[""] = look_at_archive(found, catching_up=catching_up)
                        for site, health in found.sites:
                            record_health(db, site, health, found.at)
                        drop_faults_of_removed_sites(db)
                        _enter_changes(db, channels, looks, at, loaded.level)
            except sqlite3.Error as error:
                damage = environment_error(error, archive)
                if not isinstance(damage, ArchiveDamaged):
                    raise
                # The damage makes it impossible to determine the health, so it is all that can be reported.
                finding = HealthFinding("damage", "red", str(damage), "database")
                look = Look("", at, (SeenFinding(finding),), hours_as_runs(at), is_conclusive=False)
                with writing(db):
                    _enter_changes(db, channels, {"": look}, at, loaded.level)
            return [*earlier, *_deliver(db, archive, channels, after=last)]
        except sqlite3.Error as error:
            raise environment_error(error, archive) from error
        finally:
            db.close()


def _enter_changes(
    db: Database, channels: Collection[str], looks: Mapping[str, Look], at: datetime, level: Level
) -> None:
    """Updates the faults of the sites in `looks`, and stores a notification about what has changed for each channel.
    That a channel fails is told to the others only, because it could not deliver the message.
    """
    changes: list[HealthChange] = []
    known = read_faults(db, looks)
    for name in sorted(looks):
        after, found = observe(known[name], looks[name], level)
        write_faults(db, name, after)
        changes += found
    for channel in channels:
        told = [one for one in changes if (one.site, one.code, one.about) != ("", "notify", channel)]
        if told:
            enter_notification(db, channel, told, at)


def _deliver(db: Database, archive: Path, channels: Mapping[str, Channel], after: int) -> Sent:
    """Sends the stored notifications that are due and have a higher number than `after`. Returns, for each of them, its
    channel and why sending it failed ("" if it was sent).
    """
    sent = []
    for notice in read_due_notifications(db):
        if notice.id > after and notice.channel in channels:
            failure = channels[notice.channel](compose_message(str(archive), notice.changes))
            with writing(db):
                record_delivery(db, notice, failure, datetime.now(UTC))
            sent.append((notice.channel, failure))
    return sent


def notify_after_runs(
    archive: Path, sites: Collection[str] | None, say: Callable[[str], None], *, catching_up: bool = False
) -> bool:
    """Sends notifications after crawls of these sites (None: all), as `notify` does, but raises no ArchiverError. If
    sending fails, passes a sentence about it to `say`; the next crawl tries again. Returns False if the health could
    not be determined. `catching_up` means that late sites are not reported.
    """
    try:
        for channel, failure in notify(archive, sites, catching_up=catching_up):
            if failure:
                say(f"The notification through {channel} could not be sent: {failure}.")
    except ArchiverError as error:
        say(f"Nobody could be notified: {error}")
        return False
    return True


def send_test_messages(archive: str) -> Sent:
    """Sends a test message through each configured channel. Returns each channel's name and why sending failed ("" if
    the message was sent).
    """
    text = f"This is a test of the notifications of {archive}: nothing has changed."
    message = HealthMessage("archiver: test message", text, "green", {"archive": archive, "text": text, "changes": []})
    return [(name, channel(message)) for name, channel in make_channels(load_config().notify).items()]
