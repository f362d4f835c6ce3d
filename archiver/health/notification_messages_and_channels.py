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
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from html import escape
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryFile
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from w3lib.url import safe_url_string

from archiver.errors import ArchiveDamaged, ArchiverError
from archiver.health.health_report_metrics_and_probe import OverallHealth, judge_all, look_at_archive, read_looks
from archiver.health.notification_policy import (
    HealthChange,
    Look,
    SeenFinding,
    hours_as_runs,
    is_in_digest,
    observe,
    release,
)
from archiver.health.notification_records import (
    Notification,
    drop_faults_of_removed_sites,
    enter_notification,
    last_notification,
    read_digest,
    read_due_notifications,
    read_faults,
    record_delivery,
    write_faults,
)
from archiver.health.site_health_rules import LEVELS, HealthFinding
from archiver.health.stored_health_inputs_and_accepted_findings import (
    drop_obsolete_acceptances,
    has_accepted_findings,
    record_health,
)
from archiver.sites.archiver_toml import CHANNELS, Mail, NotificationPolicy, Notify, effective_settings, load_config
from archiver.storage import Database
from archiver.storage.archive_opening import open_archive
from archiver.storage.disk_and_database_errors import environment_error
from archiver.storage.locks import lock_notifications, scheduler_process
from archiver.storage.site_records import read_mute
from archiver.storage.site_tags import tags_of_sites
from archiver.storage.transactions import writing

_MOST_ROWS = 200
_COLORS = {"green": "#1a7f37", "amber": "#9a6700", "red": "#cf222e", "unknown": "#57606a"}
_STATES = {"unknown": "not crawled"}


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


def compose_message(archive: str, notice: Notification) -> HealthMessage:
    changes = sorted(notice.changes, key=_rank, reverse=True)
    worst = max((one["state"] for one in changes), key=LEVELS.index)
    what = _name_most_urgent(changes[0])
    sites = list(dict.fromkeys(_name(one) for one in changes))
    more = f" and {len(sites) - 1} more" if len(sites) > 1 else ""
    lines = [f"{_head(one)}: {_name(one)}: {one['sentence']}" for one in changes]
    last = f"'archiver status --health --archive {archive}' shows the health of all."
    data = {"archive": archive, "state": worst, "changes": changes}
    if notice.digest is None:
        text = "\n\n".join([*lines, last]) + "\n"
        return HealthMessage(f"archiver: {what}: {sites[0]}{more}", text, worst, {**data, "text": text})
    day, rows = notice.digest["at"][:10], notice.digest["sites"]
    text = "\n\n".join([*lines, "\n".join(_format_rows(rows)), last]) + "\n"
    count = f"{len(changes)} change{'' if len(changes) == 1 else 's'}"
    return HealthMessage(
        f"archiver: {what}: {count}, {sites[0]}{more} (digest of {day})",
        text,
        worst,
        {**data, "text": text, "digest": notice.digest},
        _as_page(f"{count} in {archive}, {day}", changes, rows, last),
    )


def _name(change: Mapping[str, Any]) -> str:
    return change["site"] or "the archive"


_HEADS = {"ends": "over", "passed": "over", "noted": "noted", "flapping": "flapping"}


def _head(change: Mapping[str, Any]) -> str:
    """Returns the first words of a line about a change: what happened or, if a finding begins, its level."""
    if change["event"] == "worse":
        return f"worse, {change['level']}"
    return _HEADS.get(change["event"]) or str(change["level"])


def _rank(change: Mapping[str, Any]) -> int:
    """Returns the sort key of a change by urgency: beginnings come first, by level, then information, then ends."""
    if change["event"] in ("ends", "passed"):
        return -1
    return 0 if change["event"] == "noted" else LEVELS.index(change["level"])


def _name_most_urgent(change: Mapping[str, Any]) -> str:
    """Returns the word for the most urgent change in a message's subject: the level of a finding that begins, otherwise
    "noted" or "over".
    """
    return str(change["level"]) if _rank(change) > 0 else _HEADS.get(change["event"], str(change["level"]))


def _color(change: Mapping[str, Any]) -> str:
    return "green" if change["event"] in ("ends", "passed") else str(change["level"])


def _format_rows(rows: list[dict[str, Any]]) -> list[str]:
    """Formats the sites of a digest as a table of plain text."""
    shown = rows[:_MOST_ROWS]
    wide = max((len(row["site"]) for row in shown), default=0)
    lines = [
        f"{_state(row):11}  {row['site']:{wide}}  {row['articles']:>9,} articles  {_remark(row)}".rstrip()
        for row in shown
    ]
    return [*lines, *_rest(rows)]


def _state(row: Mapping[str, Any]) -> str:
    return _STATES.get(row["state"]) or str(row["state"])


def _remark(row: Mapping[str, Any]) -> str:
    muted = f"muted until {row['muted_until'][:16].replace('T', ' ')} UTC. " if row["muted_until"] else ""
    return f"{muted}{row['sentence']}"


def _rest(rows: list[dict[str, Any]]) -> list[str]:
    left = rows[_MOST_ROWS:]
    if not left:
        return []
    counts = [
        f"{number:,} {_STATES.get(level, level)}"
        for level in reversed(LEVELS)
        if (number := sum(row["state"] == level for row in left))
    ]
    return [f"and {len(left):,} more sites: {', '.join(counts)}"]


def _as_page(title: str, changes: list[dict[str, Any]], rows: list[dict[str, Any]], last: str) -> str:
    items = "".join(
        f"<li>{_colored(_color(one), _head(one))} <b>{escape(_name(one))}</b>: {escape(one['sentence'])}</li>\n"
        for one in changes
    )
    table = "".join(
        f"<tr><td>{_colored(row['state'], _state(row))}</td><td>{escape(row['site'])}</td>"
        f'<td align="right">{row["articles"]:,}</td><td>{escape(_remark(row))}</td></tr>\n'
        for row in rows[:_MOST_ROWS]
    )
    rest = "".join(f"<p>{escape(line)}</p>\n" for line in _rest(rows))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>\n'
        f'<body style="font-family: sans-serif">\n<h1>{escape(title)}</h1>\n<ul>\n{items}</ul>\n'
        '<table cellpadding="4">\n<thead align="left"><tr><th>health</th><th>site</th><th>articles</th>'
        f"<th>finding</th></tr></thead>\n<tbody>\n{table}</tbody>\n</table>\n{rest}<p>{escape(last)}</p>\n</body></html>\n"
    )


def _colored(level: str, text: str) -> str:
    return f'<span style="color: {_COLORS[level]}">{escape(text)}</span>'


_SECONDS = 15
_MAX_VARIABLE = 8_000  # at most this many characters, or 32 KB in UTF-8
_PORTS = {"none": 25, "starttls": 587, "tls": 465}


Channel = Callable[[HealthMessage], str]
"""A function that sends a message, and returns why sending failed, or ""."""

Recipients = tuple[str, str]
"""The recipients of a message: the name of a channel, and the name of the policy whose recipients get it ("" for those
of [notify]).
"""


def make_channels(notify: Notify) -> dict[str, Channel]:
    """Returns the notification channels that [notify] in archiver.toml and the environment configure: a dict from name
    to a function that sends a message.
    """
    return _make_channels(notify.command, os.environ.get("ARCHIVER_WEBHOOK") or notify.webhook, notify.mail)


def make_all_channels(notify: Notify) -> dict[Recipients, Channel]:
    """Returns all notification channels, including those with the recipients of a policy."""
    out = {(name, ""): channel for name, channel in make_channels(notify).items()}
    for policy in notify.policies:
        mail = replace(notify.mail, to=policy.to) if notify.mail and policy.to else None
        for name, channel in _make_channels(policy.command, policy.webhook, mail).items():
            out[name, policy.name] = channel
    return out


def name_recipients(recipients: Recipients) -> str:
    """Formats recipients for display: the channel's name, followed by the policy's name if the policy has its own
    recipients.
    """
    channel, policy = recipients
    return f"{channel} ({policy})" if policy else channel


def _make_channels(command: tuple[str, ...], webhook: str, mail: Mail | None) -> dict[str, Channel]:
    channels: dict[str, Channel] = {}
    if command:
        channels["command"] = lambda message: _send_to_command(command, message)
    if webhook:
        channels["webhook"] = _with_deadline("the webhook", lambda message: _send_to_webhook(webhook, message))
    if mail:
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
    """Judges the sites, and sends the notifications that are due under the policies in archiver.toml. Returns, for each
    message, its channel and why sending it failed ("" if it was sent).

    - `only`: the names of the sites to judge; None means all. Notifications that were held back earlier are sent for
      all sites.
    - `catching_up`: True if the scheduler has just started, so that late sites are not reported.
    - `now`: the time at which the sites are judged; None means the current time.

    Deletes acceptances of findings that no longer exist or have got worse, even if no channel is configured. Does
    nothing if another process is notifying. Raises BadConfig if archiver.toml is invalid, and the errors of
    `open_archive`.
    """
    loaded = load_config().notify
    channels = make_all_channels(loaded)
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
                        _enter_notifications(db, loaded, channels, found, catching_up=catching_up)
            except sqlite3.Error as error:
                damage = environment_error(error, archive)
                if not isinstance(damage, ArchiveDamaged):
                    raise
                with writing(db):
                    _enter_damage(db, loaded, channels, damage, at)
            return [*earlier, *_deliver(db, archive, channels, after=last)]
        except sqlite3.Error as error:
            raise environment_error(error, archive) from error
        finally:
            db.close()


def _deliver(db: Database, archive: Path, channels: Mapping[Recipients, Channel], after: int) -> Sent:
    """Sends the stored notifications that are due and have a higher number than `after`. Returns, for each of them, its
    channel and why sending it failed ("" if it was sent).
    """
    return [
        (name_recipients(recipients), _send(db, archive, notice, channels[recipients]))
        for notice in read_due_notifications(db)
        if notice.id > after and (recipients := (notice.channel, notice.policy)) in channels
    ]


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
    """Sends a test message to all recipients of each configured channel. Returns each channel's name and why sending
    failed ("" if the message was sent).
    """
    text = f"This is a test of the notifications of {archive}: nothing has changed."
    message = HealthMessage("archiver: test message", text, "green", {"archive": archive, "text": text, "changes": []})
    channels = make_all_channels(load_config().notify)
    return [(name_recipients(recipients), channel(message)) for recipients, channel in channels.items()]


def find_unused_tags(db: Database, notify: Notify) -> list[tuple[str, str]]:
    """Returns the tags in the policies of archiver.toml that no site has: pairs of the policy's name and the tag."""
    used = {tag for tags in tags_of_sites(db).values() for tag in tags}
    return [(one.name, tag) for one in notify.policies for tag in one.tags if tag not in used]


def _enter_notifications(
    db: Database, notify: Notify, channels: Collection[Recipients], found: OverallHealth, *, catching_up: bool
) -> None:
    """Stores the health of the sites, and the notifications that are due. Runs inside the caller's transaction.
    `catching_up` means that late sites are not reported.
    """
    looks = read_looks(db, found)
    looks[""] = look_at_archive(found, catching_up=catching_up)
    for site, health in found.sites:
        record_health(db, site, health, found.at)
    drop_faults_of_removed_sites(db)
    _enter_looks(db, notify, channels, looks, _read_sites(db, found.at), found.at)


def _enter_damage(
    db: Database, notify: Notify, channels: Collection[Recipients], damage: ArchiveDamaged, at: datetime
) -> None:
    """Stores notifications that the archive is damaged, if the damage makes it impossible to determine its health. `at`
    is the current time.
    """
    finding = HealthFinding("damage", "red", str(damage), "database")
    look = Look("", at, (SeenFinding(finding),), hours_as_runs(at), is_conclusive=False)
    _enter_looks(db, notify, channels, {"": look}, {"": _NotifiedSite()}, at)


def _enter_looks(
    db: Database,
    notify: Notify,
    channels: Collection[Recipients],
    looks: Mapping[str, Look],
    sites: Mapping[str, _NotifiedSite],
    at: datetime,
) -> None:
    """Updates the faults of the sites in `looks`, and stores the notifications that are due at the time `at`. For other
    sites, sends only what was held back earlier. `sites` are all sites by name.
    """
    for channel in CHANNELS:
        messages: dict[tuple[Recipients, NotificationPolicy | None], list[HealthChange]] = {}
        known = read_faults(db, channel, looks)
        for name in sorted({*known, *looks} & sites.keys()):
            policy = notify.policy(channel, name, sites[name].tags)
            recipients = (channel, policy.name if policy.has_target(channel) else "")
            if recipients not in channels:
                continue
            before = known.get(name, [])
            after = observe(before, _without_own_failure(looks[name], recipients), policy) if name in looks else before
            after, changes = release(after, policy, at, muted=sites[name].muted)
            write_faults(db, channel, before, after)
            for change in changes:
                messages.setdefault((recipients, policy if is_in_digest(change, changes, policy) else None), []).append(
                    change
                )
        for (recipients, digest), changes in messages.items():
            names = [name for name, site in sites.items() if notify.policy(channel, name, site.tags) == digest]
            enter_notification(db, recipients, changes, read_digest(db, names, at) if digest else None, at)


@dataclass(frozen=True, slots=True)
class _NotifiedSite:
    """The data of a site that determine who is notified about it."""

    tags: tuple[str, ...] = ()
    muted: bool = False


def _read_sites(db: Database, now: datetime) -> dict[str, _NotifiedSite]:
    """Returns all sites by name, and the archive itself, whose name is ""."""
    tags = tags_of_sites(db)
    rows = list(db.query("select id, name, muted_until, muted_why from sites"))
    return {"": _NotifiedSite()} | {
        row["name"]: _NotifiedSite(tags.get(row["id"], ()), read_mute(row, now) is not None) for row in rows
    }


def _without_own_failure(look: Look, recipients: Recipients) -> Look:
    """Returns the look without the finding that the channel of `recipients` is failing, because the channel could not
    deliver it.
    """
    own = ("notify", name_recipients(recipients))
    left = tuple(one for one in look.findings if (one.finding.code, one.finding.about) != own)
    return look if look.site else replace(look, findings=left)


def _send(db: Database, archive: Path, notice: Notification, channel: Channel) -> str:
    failure = channel(compose_message(str(archive), notice))
    with writing(db):
        record_delivery(db, notice, failure, datetime.now(UTC))
    return failure
