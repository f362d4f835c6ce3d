"""Crawls a site with the archiver and with other programs in turns, and compares them by the articles they stored."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

import measure_crawl
import process
from generated_site import Site
from measure_sites import start_of
from process import CONTACT, Ran, archiver, export, run
from progress import with_progress
from table import Column, hundredths, tenths, whole

LOCK = Path(__file__).with_name("peers.lock")
OURS, NAME = "archiver", "news.example.org"
LIMIT = 900
"""Seconds after which a peer is killed and counts as failed."""
COLUMNS = (
    Column("asked", "requests", form=whole),
    Column("articles", "articles", form=whole),
    Column("recall", "recall", form=hundredths),
    Column("seconds", "seconds", form=tenths),
    Column("pages_per_second", "pages/s", form=tenths),
    Column("articles_per_second", "articles/s", form=tenths),
    Column("ratio", "ours/theirs", 10, form=hundredths),
    Column("cpu_ms", "CPU ms an article", form=tenths),
    Column("cpu_ratio", "theirs/ours", form=hundredths),
    Column("cores", "cores", form=hundredths),
    Column("peak_mb", "peak MB", form=whole),
)


@dataclass(frozen=True)
class Peer:
    """A way of using a package: a function of run_peer.py, and the packages that pip installs for it."""

    title: str
    way: str
    packages: tuple[str, ...]


_NEWSPAPER, _NEWSPLEASE = ("newspaper4k", "lxml_html_clean"), ("news-please",)
_TRAFILATURA = ("trafilatura", "lxml_html_clean")
PEERS = (
    Peer("newspaper4k, build", "newspaper_build", _NEWSPAPER),
    Peer("newspaper4k, given addresses", "newspaper_addresses", _NEWSPAPER),
    Peer("trafilatura, sitemap", "trafilatura_sitemap", _TRAFILATURA),
    Peer("trafilatura, spider", "trafilatura_spider", _TRAFILATURA),
    Peer("news-please, given addresses", "newsplease_urls", _NEWSPLEASE),
    Peer("news-please, SitemapCrawler", "newsplease_crawler", _NEWSPLEASE),
)


@dataclass(frozen=True)
class Target:
    """A site with the seed `start`, served through `proxy`. `urls` are its posts. `log` gets a line per request."""

    start: str
    proxy: str
    urls: tuple[str, ...]
    log: Path


@contextmanager
def generated(posts: int, kilobytes: int, work: Path) -> Iterator[Target]:
    """Serve the generated site of bench/crawl."""
    site, log = Site(f"http://{NAME}", posts, kilobytes), work / "access.log"
    with measure_crawl.served(posts, kilobytes, 1, work, NAME, log) as [here]:
        yield Target(f"{site.origin}/", here, tuple(site.origin + site.path_of(n) for n in range(posts)), log)


@contextmanager
def real(shared: Path, name: str, work: Path) -> Iterator[Target]:
    """Serve one of the shared sites. The peers cannot crawl a site with https URLs."""
    [site] = [s for s in json.loads((shared / "sites" / "sites.json").read_text(encoding="utf-8")) if s["name"] == name]
    truth = (shared / "sites" / f"{name}.truth.jsonl").read_text(encoding="utf-8").splitlines()
    log = work / f"{name}.access.jsonl"
    with process.served(shared, None, log) as proxy:
        start = start_of(site)
        yield Target(
            start, proxy, tuple(urljoin(start, quote(json.loads(line)["url"], safe="/:%")) for line in truth), log
        )


def environments(peers: Sequence[Peer], folder: Path) -> dict[tuple[str, ...], Path | str]:
    """Return the Python of each package's virtual environment, which is created if needed, or the reason why it could
    not be."""
    made: dict[tuple[str, ...], Path | str] = {}
    for packages in with_progress(dict.fromkeys(p.packages for p in peers), "installing"):
        home = folder / packages[0]
        python, done = home / "bin" / "python", home / "installed"
        made[packages] = python
        if done.exists() and done.read_text(encoding="utf-8") == LOCK.read_text(encoding="utf-8"):
            continue
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(home)],
            [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", str(LOCK), *packages],
        ):
            ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if ran.returncode:
                made[packages] = f"cannot be installed: {_last(ran.stderr)}"
                break
        else:
            done.write_text(LOCK.read_text(encoding="utf-8"), encoding="utf-8")
    return made


def measure(
    target: Target,
    rounds: int,
    threads: int,
    work: Path,
    peers: Sequence[Peer],
    pythons: dict[tuple[str, ...], Path | str],
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return a row of figures for each program, the archiver first, and notes on what could not be measured."""
    found: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in (OURS, *(p.title for p in peers))}
    notes: list[str] = []
    (work / "urls.txt").write_text("\n".join(target.urls), encoding="utf-8")
    for number in with_progress(range(rounds), "round"):
        for peer in (None, *peers):
            title, folder = (peer.title if peer else OURS), work / f"{number}-{peer.way if peer else OURS}"
            python = pythons[peer.packages] if peer else ""
            if isinstance(python, str) and peer:
                notes += [] if number else [f"{title} {python}"]
                continue
            folder.mkdir()
            figures = _once(target, folder, peer, str(python), threads)
            if isinstance(figures, str):
                notes.append(f"{title} could not be run: {figures}")
            else:
                found[title][number] = figures
    rows: dict[str, dict[str, Any]] = {}
    for title, each in found.items():
        kinds = next(iter(each.values()), {})
        rows[title] = {kind: median(f[kind] for f in each.values()) for kind in kinds}
        pairs = [(found[OURS][n], theirs) for n, theirs in each.items() if n in found[OURS] and title != OURS]
        if pairs:
            rows[title] |= {
                "ratio": median(o["articles_per_second"] / t["articles_per_second"] for o, t in pairs),
                "cpu_ratio": median(t["cpu_ms"] / o["cpu_ms"] for o, t in pairs),
            }
    return rows, notes


def _once(target: Target, folder: Path, peer: Peer | None, python: str, threads: int) -> dict[str, Any] | str:
    target.log.write_text("", encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = folder / "articles.jsonl"
    ran = _theirs(target, out, peer.way, python, threads) if peer else _ours(target, folder / "archive.db")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    asked = len(target.log.read_text(encoding="utf-8", errors="replace").splitlines())
    if ran.code:
        return f"it did not finish within {LIMIT} seconds" if ran.seconds > LIMIT else _last(ran.err)
    if not peer:
        export(folder / "archive.db", out)
    stored = len(_stored(out, target.urls))
    if not stored:
        return f"it stored none of the posts ({asked} requests). {_last(ran.err)}"
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "asked": asked,
        "articles": stored,
        "recall": stored / len(target.urls),
        "seconds": ran.seconds,
        "pages_per_second": asked / ran.seconds,
        "articles_per_second": stored / ran.seconds,
        "cpu_ms": 1000 * cpu / stored,
        "cores": cpu / ran.seconds,
        "peak_mb": ran.peak_mb,
    }


def _ours(target: Target, archive: Path) -> Ran:
    return archiver(
        "crawl",
        target.start,
        "--archive",
        str(archive),
        "--delay",
        "0",
        "--contact",
        CONTACT,
        "--json",
        "--requisites",
        "none",
        http_proxy=target.proxy,
        https_proxy=target.proxy,
    )


def _theirs(target: Target, out: Path, way: str, python: str, threads: int) -> Ran:
    """Run a peer. Its home is its own folder, which is removed with its caches. It cannot import our modules."""
    script = Path(__file__).with_name("run_peer.py")
    return run(
        [
            python,
            "-P",
            str(script),
            way,
            target.start,
            target.proxy,
            str(out.parent.parent / "urls.txt"),
            str(out),
            str(threads),
        ],
        LIMIT,
        PYTHONPATH="",
        HOME=str(out.parent),
        XDG_CACHE_HOME=str(out.parent / "cache"),
    )


def _stored(articles: Path, urls: Sequence[str]) -> set[str]:
    """Return the posts whose title and text were stored, regardless of the spelling of their URLs."""
    posts, stored = {_path(url) for url in urls}, set()
    for line in articles.read_text(encoding="utf-8").splitlines():
        article = json.loads(line)
        if article["title"] and len(article.get("text") or article.get("body") or "") >= 20:
            stored.add(_path(article["url"]))
    return posts & stored


def _path(url: str) -> str:
    return unquote(urlsplit(url).path).rstrip("/")


def _last(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no message")
