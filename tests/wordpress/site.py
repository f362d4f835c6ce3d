"""A real WordPress from Debian's packages: a copy of its code, MariaDB on its own socket, and PHP's web server.

All files are in one folder, and servers listen on loopback only. `control.php` executes commands of tests with
WordPress's own functions.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from archiver.demo.demo_blog import load_posts, paragraphs

HERE = Path(__file__).parent
CODE = Path("/usr/share/wordpress")
PACKAGES = (
    "wordpress",
    "wordpress-theme-twentytwentyfive",
    "php-cli",
    "php-mysql",
    "php-xml",
    "php-mbstring",
    "mariadb-server",
)
ZONE = "Africa/Cairo"
_CONFIG = """<?php
define('DB_NAME', 'wordpress'); define('DB_USER', 'root'); define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:{socket}'); define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
define('WP_HOME', '{base}'); define('WP_SITEURL', '{base}');
define('DISABLE_WP_CRON', true); define('WP_HTTP_BLOCK_EXTERNAL', true); define('AUTOMATIC_UPDATER_DISABLED', true);
foreach (array('AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE') as $k) {{
    define($k . '_KEY', $k); define($k . '_SALT', $k);
}}
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
"""


@dataclass(frozen=True)
class Row:
    """A post in WordPress. `public`: visitors may read it."""

    id: int
    url: str
    title: str
    status: str
    public: bool


class WordPress:
    """A running WordPress. `base` has no trailing slash."""

    def __init__(self, folder: Path, base: str, log: Path) -> None:
        self.folder = folder
        self.base = base
        self.url = f"{base}/"
        self._log = log

    def do(self, command: str, **values: Any) -> Any:
        """Run a command of control.php and return its response."""
        done = subprocess.run(
            ["php", "-d", "display_errors=stderr", str(HERE / "control.php"), str(self.folder)],
            input=json.dumps({"do": command, **values}),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"WordPress could not {command}: {done.stderr[-500:]}{done.stdout[-500:]}")
        return json.loads(done.stdout.splitlines()[-1])

    def rows(self) -> list[Row]:
        return [Row(**row) for row in self.do("rows")]

    def theme(self, name: str) -> None:
        self.do("theme", name=name)

    def add(self, **post: Any) -> Row:
        return Row(**self.do("add", post=post))

    def edit(self, number: int, **values: Any) -> Row:
        """Change a post. `values` are those of wp_update_post (post_content, post_title, post_name, post_status
        ...).
        """
        return Row(**self.do("edit", id=number, values=values))

    def delete(self, number: int) -> None:
        self.do("delete", id=number)

    def requests(self) -> list[str]:
        """Return the requests since the start in order, such as "GET /feed/"."""
        return self._log.read_text(encoding="utf-8").splitlines()


def posts() -> list[dict[str, Any]]:
    """Return the posts of the demonstration blog, and one of each kind that visitors must not see."""
    out: list[dict[str, Any]] = [
        {
            "slug": p.slug,
            "title": p.title,
            "content": "\n\n".join(paragraphs(p)),
            "author": p.author,
            "date": f"{p.published:%Y-%m-%d %H:%M:%S}",
            "categories": p.categories,
            "tags": p.tags,
            "excerpt": p.description,
            "password": "secret" if p.protected else "",
            "place": asdict(p.places[0]) if p.places else None,
        }
        for p in reversed(load_posts(1))
    ]
    hidden = {"author": "Tom Ashdown", "categories": ["Harbour"], "content": "<p>Nobody may read this yet.</p>"}
    return [
        *out,
        {**hidden, "title": "A draft", "status": "draft", "date": "2024-05-01 10:00:00"},
        {**hidden, "title": "For members", "status": "private", "date": "2024-05-02 10:00:00"},
        {**hidden, "title": "From the future", "status": "future", "date": "2094-05-03 10:00:00"},
    ]


@contextmanager
def running(folder: Path) -> Iterator[WordPress]:
    """Run WordPress with `posts()`."""
    with started(folder, [CODE / "wp-content/themes/twentytwentyfive"]) as site:
        shutil.copytree(HERE / "theme", site.folder / "wp-content/themes/classic")
        shutil.copy(HERE / "geo.php", site.folder / "wp-content/mu-plugins/geo.php")
        site.do("install", zone=ZONE, url=site.base)
        site.do("seed", posts=posts())
        yield site


@contextmanager
def started(folder: Path, themes: Iterable[Path]) -> Iterator[WordPress]:
    """Run WordPress with these themes, to be installed and filled by commands."""
    base = f"http://127.0.0.1:{_free_port()}"
    with _mariadb(folder) as database:
        www = folder / "www"
        shutil.copytree(CODE, www, ignore=shutil.ignore_patterns("wp-content", "wp-config.php"))
        for part in ("themes", "mu-plugins", "uploads"):
            (www / "wp-content" / part).mkdir(parents=True)
        for theme in themes:
            shutil.copytree(theme, www / "wp-content/themes" / theme.name)
        (www / "wp-config.php").write_text(_CONFIG.format(socket=database, base=base))
        log = folder / "access.log"
        with _process(
            ["php", "-S", base.removeprefix("http://"), "-t", str(www), str(HERE / "router.php")],
            folder / "php.log",
            PHP_CLI_SERVER_WORKERS="4",
            ACCESS_LOG=str(log),
        ):
            _wait_for(f"{base}/readme.html")
            yield WordPress(www, base, log)


@contextmanager
def _mariadb(folder: Path) -> Iterator[Path]:
    data, server_socket, user = folder / "db", folder / "db.sock", f"--user={_user()}"
    subprocess.run(
        [
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={data}",
            user,
            "--skip-test-db",
            "--auth-root-authentication-method=normal",
        ],
        check=True,
        capture_output=True,
    )
    with _process(
        [
            "mariadbd",
            "--no-defaults",
            f"--datadir={data}",
            f"--socket={server_socket}",
            user,
            "--skip-networking",
            "--skip-log-bin",
            "--innodb-flush-log-at-trx-commit=0",
        ],
        folder / "db.log",
    ):
        for _ in range(120):
            made = subprocess.run(
                [
                    "mariadb",
                    "--no-defaults",
                    "-u",
                    "root",
                    "-S",
                    str(server_socket),
                    "-e",
                    "CREATE DATABASE wordpress CHARACTER SET utf8mb4",
                ],
                capture_output=True,
            )
            if not made.returncode:
                break
            time.sleep(0.25)
        else:
            raise RuntimeError(f"MariaDB did not start: {(folder / 'db.log').read_text()[-500:]}")
        yield server_socket


@contextmanager
def _process(command: list[str], log: Path, **environment: str) -> Iterator[None]:
    """Run a command in its own process group, and end the whole group, because PHP's server has workers."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | environment,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def _wait_for(url: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(100):
        try:
            with opener.open(url, timeout=10):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer")


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _user() -> str:
    return subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
