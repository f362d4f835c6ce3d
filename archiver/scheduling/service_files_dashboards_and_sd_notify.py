"""Makes the files that run the scheduler as a service (systemd, cron or Docker, with the paths of this machine) and
monitor it (alert rules and a dashboard for Prometheus and Grafana), and reports to systemd.

A running scheduler reports to systemd that it is ready, what it is doing, and that its loop is still running
(sd_notify(3)).
"""

from __future__ import annotations

import getpass
import os
import shlex
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import archiver

_RUN = """ExecStart={command} schedule{once} --archive {archive}
WorkingDirectory={folder}
User={user}
EnvironmentFile=-{folder}/archiver.env
KillMode=mixed
TimeoutStopSec=30
SuccessExitStatus={success}
# If memory runs short, only the crawl that uses most of it is killed, and its site continues in its next run.
MemoryHigh=60%
MemoryMax=75%
OOMPolicy=continue
Nice=5
UMask=0027
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={data}
ReadOnlyPaths={code}
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
Type=notify
# The scheduler's loop reports every 20 seconds; a loop that hangs is ended and started again.
WatchdogSec=5min
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
# 30 4 * * * cd {folder} && {command} backup /media/disk/archive.db --quiet --archive {archive}
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
    # The scheduler is healthy while its loop runs: it sets the time of this file every 20 seconds.
    healthcheck:
      test: ["CMD-SHELL", "find /archive/.archive.db.scheduler -mmin -3 | grep -q ."]
      interval: 1m
      timeout: 10s
      start_period: 2m
    environment:
      # How a site's owner can reach you: an e-mail address or a web page.
      ARCHIVER_CONTACT: ${ARCHIVER_CONTACT:?set ARCHIVER_CONTACT to your e-mail address}
    volumes:
      - archive:/archive
    mem_limit: ${ARCHIVER_MEMORY:-4g}
    read_only: true
    tmpfs:
      - /tmp
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
  # The web pages, at http://127.0.0.1:8001: docker compose --profile web up -d
  web:
    profiles: [web]
    image: archiver
    init: true
    restart: unless-stopped
    command: ["serve", "--host", "0.0.0.0"]
    ports:
      - "127.0.0.1:8001:8001"
    healthcheck:
      test: ["CMD", "python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8001/-/health?only=reading')"]
      interval: 10s
      timeout: 5s
      start_period: 30s
    volumes:
      - archive:/archive
    mem_limit: ${ARCHIVER_WEB_MEMORY:-2g}
    read_only: true
    tmpfs:
      - /tmp
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
volumes:
  archive: {}
"""


_MONITORING = ("archiver.rules.yml", "archiver-dashboard.json")
"""The files of `archiver/health/monitoring`: alert rules for Prometheus, and a dashboard for Grafana."""


def make_service_files(kind: str, archive: str) -> dict[str, str]:
    """Returns the configuration files for this archive and this installation, by file name. `kind` is systemd, cron,
    docker or monitoring.
    """
    if kind == "monitoring":
        folder = files("archiver.health") / "monitoring"
        return {name: (folder / name).read_text(encoding="utf-8") for name in _MONITORING}
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
        "command": " ".join(_for_systemd(word) for word in shlex.split(values["command"])),
        "code": " ".join(_for_systemd(str(folder)) for folder in _code_folders()),
    }
    return {
        "archiver.service": _DAEMON.format(run=_RUN.format(**quoted)),
        "archiver-once.service": _ONCE.format(run=_RUN.format(**quoted | {"once": " --once", "success": "1 143"})),
        "archiver-once.timer": _TIMER,
    }


def runs_as_root() -> bool:
    """Returns True if the service would run as root."""
    return os.getuid() == 0


def _code_folders() -> list[Path]:
    """Returns the folders of this program and its Python environment. A crawl must not be able to change them, even if
    they are below the archive's folder.
    """
    package, environment = Path(archiver.__file__).resolve().parent, Path(sys.prefix).resolve()
    return [environment] if package.is_relative_to(environment) else [environment, package]


def _user() -> str:
    """Returns the name of the current user, or the user ID if there is no name, as in a container. systemd accepts
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


_ADDRESS = "NOTIFY_SOCKET"


class ServiceManager:
    """Sends reports to the service manager that started this process; without a service manager, does nothing.

    `environment` contains the environment variables of the process. NOTIFY_SOCKET is the address of a Unix datagram
    socket; a leading "@" stands for the null byte of an abstract address.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get(_ADDRESS, "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._status = ""

    def ready(self) -> None:
        """Reports that the service has started."""
        self._send("READY=1")

    def alive(self, status: str) -> None:
        """Resets the watchdog (WatchdogSec), and reports `status` if it has changed."""
        changed = f"STATUS={status}\n" if status != self._status else ""
        self._status = status
        self._send(f"{changed}WATCHDOG=1")

    def stopping(self) -> None:
        """Reports that the service is ending."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A failure is ignored: if the manager hears nothing, its watchdog restarts the service anyway.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
            link.setblocking(False)
            link.sendto(message.encode(), self._address)
