"""Configuration files that run the scheduler with systemd, cron or Docker, filled in with the paths of this machine."""

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
# Enable either this or archiver-once.timer: systemctl enable --now archiver.service
[Unit]
Description=News and blog archive: crawl sites when they are due
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
{run}Restart=on-failure
RestartSec=60

[Install]
WantedBy=multi-user.target
"""

_ONCE = """# archiver-once.service: crawls the sites that are due now; started by archiver-once.timer.
[Unit]
Description=News and blog archive: crawl the sites that are due now
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
{run}"""

_TIMER = """# archiver-once.timer: starts archiver-once.service every ten minutes.
# Enable either this or archiver.service: systemctl enable --now archiver-once.timer
[Unit]
Description=News and blog archive: check for due sites every ten minutes

[Timer]
OnCalendar=*:0/10
RandomizedDelaySec=60
Persistent=yes

[Install]
WantedBy=timers.target
"""

_CRON = """# Install with: crontab FILE (replaces your crontab), or add the last line to your crontab (crontab -e).
# Crawls the sites that are due, every ten minutes. Cron sends mail about failures. Does nothing while another one runs.
SHELL=/bin/sh
PATH=/usr/local/bin:/usr/bin:/bin
# A backup each night, on another disk (change its path, and remove the #):
# 30 4 * * * cd {folder} && {command} backup /media/disk/archive.db --captures --quiet --archive {archive}
*/10 * * * * cd {folder} && {command} schedule --once --quiet --archive {archive}
"""

_COMPOSE = """# compose.yaml: put it next to a copy of this program with its Dockerfile, then run: docker compose up -d
# Add sites with: docker compose run --rm archiver sites add https://blog.example.org
services:
  archiver:
    build: .
    image: archiver
    init: true
    restart: unless-stopped
    stop_grace_period: 30s
    command: ["schedule"]
    environment:
      # How a site's owner can reach you: a mail address or a web page.
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


def make_service_files(kind: str, archive: str) -> dict[str, str]:
    """Returns the configuration files for this archive and this installation, by file name. `kind` is systemd, cron or
    docker.
    """
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
    """Returns the name of the current user; if the user has no name, as in a container, the user ID. systemd accepts
    both.
    """
    try:
        return getpass.getuser()
    except KeyError:  # the user ID has no name
        return str(os.getuid())


def _command() -> str:
    """Returns the command that starts this program from any folder."""
    script = Path(sys.executable).with_name("archiver")
    words = [str(script)] if script.exists() else [sys.executable, "-m", "archiver"]
    return shlex.join(words)


def _for_systemd(word: str) -> str:
    """Escapes a word for a systemd unit file (systemd.syntax(7)): escapes percent and quotation marks, and puts quotes
    around a word with spaces.
    """
    escaped = word.replace("\\", "\\\\").replace("%", "%%")
    return '"' + escaped.replace('"', '\\"') + '"' if any(c in word for c in " \"';") else escaped
