"""What has systemd, cron or Docker run the scheduler: whole files, with the paths of this machine in them."""

from __future__ import annotations

import getpass
import os
import shlex
import sys
from pathlib import Path

_RUN = """ExecStart={command} schedule{once} --archive {archive}
WorkingDirectory={folder}
User={user}
EnvironmentFile=-{folder}/archiver.env
KillMode=mixed
TimeoutStopSec=30
SuccessExitStatus={success}
Nice=5
UMask=0027
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={data}
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
CapabilityBoundingSet=
"""

_DAEMON = """# archiver.service: crawls each site when it is due.
# systemctl enable --now archiver.service    (this one, or archiver-once.timer)
[Unit]
Description=Archive of news sites and blogs: what is due is crawled
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
{run}Restart=on-failure
RestartSec=60

[Install]
WantedBy=multi-user.target
"""

_ONCE = """# archiver-once.service: crawls what is due now; archiver-once.timer starts it.
[Unit]
Description=Archive of news sites and blogs: what is due now is crawled
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
{run}"""

_TIMER = """# archiver-once.timer: looks every ten minutes what is due.
# systemctl enable --now archiver-once.timer    (this one, or archiver.service)
[Unit]
Description=Archive of news sites and blogs: looks what is due

[Timer]
OnCalendar=*:0/10
RandomizedDelaySec=60
Persistent=yes

[Install]
WantedBy=timers.target
"""

_CRON = """# A crontab: crontab FILE, or add the line to the one that there is (crontab -e).
# Looks every ten minutes what is due. Mail comes where something failed; while an earlier one runs, nothing is done.
SHELL=/bin/sh
PATH=/usr/local/bin:/usr/bin:/bin
*/10 * * * * cd {folder} && {command} schedule --once --quiet --archive {archive}
"""

_COMPOSE = """# compose.yaml: docker compose up -d, beside a copy of this program with its Dockerfile.
# Sites are added with: docker compose run --rm archiver sites add https://blog.example.org
services:
  archiver:
    build: .
    image: archiver
    init: true
    restart: unless-stopped
    stop_grace_period: 30s
    command: ["schedule"]
    environment:
      # How a site's owner reaches you; mail address or page.
      ARCHIVER_CONTACT: ${ARCHIVER_CONTACT:?set ARCHIVER_CONTACT to your mail address}
    volumes:
      - archive:/archive
    read_only: true
    tmpfs:
      - /tmp
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
volumes:
  archive: {}
"""


def service_files(kind: str, archive: str) -> dict[str, str]:
    """The files of a kind (systemd, cron, docker) by name, for this archive and the program that runs now."""
    path = Path(archive).resolve()
    values = {
        "command": _command(),
        "folder": str(Path.cwd()),
        "user": _user(),
        "once": "",
        "success": "143",
        "archive": str(path),
        "data": str(path.parent),
    }
    if kind == "docker":
        return {"compose.yaml": _COMPOSE}
    if kind == "cron":
        quoted = {name: shlex.quote(value).replace("%", r"\%") for name, value in values.items()}
        return {"archiver.cron": _CRON.format(**quoted | {"command": values["command"].replace("%", r"\%")})}
    quoted = {name: _for_systemd(value) for name, value in values.items() if name != "command"} | {
        "command": " ".join(_for_systemd(word) for word in shlex.split(values["command"]))
    }
    return {
        "archiver.service": _DAEMON.format(run=_RUN.format(**quoted)),
        "archiver-once.service": _ONCE.format(run=_RUN.format(**quoted | {"once": " --once", "success": "1 143"})),
        "archiver-once.timer": _TIMER,
    }


def _user() -> str:
    """Who this is, by name or, as in a container, by number: systemd takes both."""
    try:
        return getpass.getuser()
    except KeyError:  # no name is known for the number
        return str(os.getuid())


def _command() -> str:
    """How this program is started from anywhere."""
    script = Path(sys.executable).with_name("archiver")
    words = [str(script)] if script.exists() else [sys.executable, "-m", "archiver"]
    return shlex.join(words)


def _for_systemd(word: str) -> str:
    """A word of a unit (systemd.syntax(7)): specifiers and quotation marks doubled, quoted where it has a blank."""
    escaped = word.replace("\\", "\\\\").replace("%", "%%")
    return '"' + escaped.replace('"', '\\"') + '"' if any(c in word for c in " \"';") else escaped
