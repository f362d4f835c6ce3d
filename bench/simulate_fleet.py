"""simulate_fleet.py [OPTIONS]: simulate days of a fleet of a hundred thousand sites in minutes, with the real schedule.

Sites, their posts and failures are random with a seed. `frontier.site_cadence.next_crawl` decides from the simulated
past when a site is due. A run takes the time of its requests at the host's delay, and a fixed overhead. Prints the
results for each number of slots, and draws how many sites wait over time. Times are seconds since the beginning.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from archiver.frontier.cadence import REMEMBERED_RUNS, Adaptive, Cadence, Every, PastRun, next_crawl, parse_cadence

_START = datetime(2026, 1, 1, tzinfo=UTC)
_DAY = 86_400.0
_HOUR = 3_600.0
_DELAY = 0.5
"""Seconds between two requests to a host."""
_AROUND = 4.0
"""Overhead of a run in seconds: leasing, fetching the shard, starting, storing (docs/performance.md)."""
_CPU_RUN, _CPU_PAGE = 1.5, 0.009
"""CPU seconds of a run with its checkpoint, and of a page."""
_FIXED = 6
"""Requests of a run that finds nothing new: robots.txt, home page, feed, sitemaps."""
_REVISIT = 30 * _DAY
_UNCHANGED = 0.7
"""Share of the pages that need no revisit because a sitemap or API shows that they are unchanged."""
_BYTES_POST, _BYTES_RUN = 26_000, 9_000
"""Bytes that a new post adds to a shard (WARC record and rows, compressed), and bytes that a run adds."""
_CADENCES: tuple[tuple[str, float], ...] = (("adaptive", 0.85), ("6h", 0.05), ("1d", 0.07), ("1h", 0.02), ("7d", 0.01))


_LINES = (("#d55e00", "6 3"), ("#0072b2", ""), ("#009e73", "2 3"), ("#cc79a7", "8 3 2 3"))


@dataclass(slots=True)
class Site:
    """A simulated site: `news` new posts per day, `posts` in total, `broken` the probability that a run fails. `due`
    and `last` are the times of its next and last crawl."""

    name: str
    cadence: Cadence
    news: float
    posts: float
    broken: float
    due: float = 0.0
    last: float = 0.0
    past: deque[PastRun] = field(default_factory=lambda: deque(maxlen=REMEMBERED_RUNS))


@dataclass
class Hour:
    waiting: int = 0
    busy: float = 0.0
    late: int = 0
    runs: int = 0
    requests: int = 0
    new: int = 0
    bytes: float = 0.0
    failed: int = 0
    latest: float = 0.0


def made(count: int, dice: Random) -> list[Site]:
    """Make sites. Posts per day are log-normal: half of the sites have a post every five days or less often, one in a
    hundred has about 20 a day."""
    kinds = [(parse_cadence(text), weight) for text, weight in _CADENCES]
    out = []
    for number in range(count):
        news = min(400.0, math.exp(dice.gauss(math.log(0.2), 2.0)))
        years = dice.uniform(0.5, 15)
        # One in fifty is down for long, the others occasionally.
        broken = 0.9 if dice.random() < 0.02 else 0.01
        cadence = dice.choices([k for k, _ in kinds], [w for _, w in kinds])[0]
        site = Site(f"site-{number}.example", cadence, news, max(5.0, news * 365 * years * 0.6), broken)
        # The site has been crawled for a while, so its adaptive period matches its posts within the bounds.
        period = _settled(site)
        site.last = -dice.random() * period
        site.due = site.last + period
        for back in range(6, -1, -1):
            site.past.appendleft(
                PastRun(_at(site.last - back * period), "finished", _poisson(dice, news * period / _DAY), 10)
            )
        out.append(site)
    return out


def simulate(sites: list[Site], slots: int, days: float, outage: tuple[float, float], dice: Random) -> list[Hour]:
    """Simulate the sites and return a record for each hour. No worker runs from the beginning to the end of
    `outage`."""
    end = days * _DAY
    hours = [Hour() for _ in range(math.ceil(days * 24))]
    waiting = [(site.due, index) for index, site in enumerate(sites)]
    heapq.heapify(waiting)
    running: list[tuple[float, int]] = []
    ready: list[tuple[float, int]] = []
    now, next_look = 0.0, 0.0
    while now < end:
        while running and running[0][0] <= now:
            _, index = heapq.heappop(running)
            heapq.heappush(waiting, (sites[index].due, index))
        while waiting and waiting[0][0] <= now:
            heapq.heappush(ready, heapq.heappop(waiting))
        away = outage[0] <= now < outage[1]
        while ready and len(running) < slots and not away:
            due, index = heapq.heappop(ready)
            took = _run(sites[index], now, due, hours, dice)
            heapq.heappush(running, (now + took, index))
        if now >= next_look:
            hour = hours[min(int(now / _HOUR), len(hours) - 1)]
            hour.waiting, hour.busy = len(ready), len(running) / slots
            hour.late = sum(now - due > _period(sites[index]) / 10 for due, index in ready)
            hour.latest = max((now - due for due, _ in ready), default=0.0)
            next_look += _HOUR
        times = [
            next_look,
            *([running[0][0]] if running else []),
            *([waiting[0][0]] if waiting else []),
            *([outage[1]] if away else []),
            *([now + 0.01] if ready and len(running) < slots and not away else []),
        ]
        now = max(now, min(times))
    return hours


def _run(site: Site, now: float, due: float, hours: list[Hour], dice: Random) -> float:
    """Simulate the crawl of a site and set when it is due again. Returns the seconds it takes."""
    hour = hours[min(int(now / _HOUR), len(hours) - 1)]
    hour.runs += 1
    if dice.random() < site.broken:
        outcome, new, requests, took = "failed", 0, 8, 90.0
        hour.failed += 1
    else:
        outcome, gone = "finished", now - site.last
        new = _poisson(dice, site.news * gone / _DAY)
        again = site.posts * min(1.0, gone / _REVISIT) * (1 - _UNCHANGED)
        requests = _FIXED + 2 * new + int(again)
        took = requests * _DELAY + _AROUND
        site.last, site.posts = now, site.posts + new
    if outcome == "finished" and dice.random() < 0.002:  # its worker died; another takes over after the lease ends
        took += 30 + took / 2
    hour.requests += requests
    hour.new += new
    hour.bytes += new * _BYTES_POST + _BYTES_RUN
    site.past.appendleft(PastRun(_at(now), outcome, new, 10))
    turn = next_crawl(site.cadence, site.past, site.name, _at(now + took))
    site.due = (turn.at - _START).total_seconds()
    return took


def _period(site: Site) -> float:
    match site.cadence:
        case Every(period):
            return period.total_seconds()
        case _:
            return max(site.due - site.last, _HOUR)


def _settled(site: Site) -> float:
    if isinstance(site.cadence, Adaptive):
        ideal = _DAY / max(site.news, 1e-3)  # about one new post per run
        return min(max(ideal, site.cadence.shortest.total_seconds()), site.cadence.longest.total_seconds())
    return _period(site)


def _at(seconds: float) -> datetime:
    return _START + timedelta(seconds=seconds)


def _poisson(dice: Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), dice.random(), 0
    while product > limit:
        product *= dice.random()
        count += 1
    return count


def summary(hours: list[Hour], count: int, slots: int, outage: tuple[float, float]) -> dict[str, float]:
    """Return the figures of a simulation without its first day, in which the periods of the sites settle."""
    calm = [h for n, h in enumerate(hours) if n >= 24 and not outage[0] / _HOUR <= n < outage[1] / _HOUR + 12]
    seconds = len(calm) * _HOUR
    runs, requests = sum(h.runs for h in calm), sum(h.requests for h in calm)
    after = [n for n, h in enumerate(hours) if n * _HOUR >= outage[1] and h.late > count / 100]
    return {
        "sites": count,
        "slots": slots,
        "runs_per_second": runs / seconds,
        "requests_per_second": requests / seconds,
        "slots_needed": (requests * _DELAY + runs * _AROUND) / seconds,
        "cores_needed": (runs * _CPU_RUN + requests * _CPU_PAGE) / seconds,
        "busy": sum(h.busy for h in calm) / len(calm),
        "late_share": sum(h.late for h in calm) / len(calm) / count,
        "latest_minutes": max(h.latest for h in calm) / 60,
        "failed_share": sum(h.failed for h in calm) / max(runs, 1),
        "new_per_day": sum(h.new for h in calm) / seconds * _DAY,
        "gigabytes_per_day": sum(h.bytes for h in calm) / seconds * _DAY / 1e9,
        "most_waiting": max(h.waiting for h in hours),
        "hours_to_catch_up": (max(after) + 1 - outage[1] / _HOUR) if after else 0.0,
    }


def drawn(series: dict[int, list[Hour]], count: int, outage: tuple[float, float]) -> str:
    """Draw the share of sites that wait for a worker by day as SVG 1.1, one line for each number of slots."""
    width, height, left, top, bottom = 760, 300, 60, 30, 40
    hours = max(len(one) for one in series.values())
    most = max(max(h.waiting for h in one) for one in series.values()) / count or 0.01

    def at(n: float, share: float) -> str:
        x, y = left + n / hours * (width - left - 20), height - bottom - share / most * (height - top - bottom)
        return f"{x:.1f},{y:.1f}"

    x0, x1 = (at(t / _HOUR, 0).split(",")[0] for t in outage)
    parts = [
        f'<rect x="{x0}" y="{top}" width="{float(x1) - float(x0):.1f}" height="{height - top - bottom}" '
        'fill="#eeeeee"/>',
        f'<text x="{x0}" y="{top - 8}">no worker</text>',
        f'<text x="4" y="{top + 4}">{most:.0%}</text><text x="4" y="{height - bottom}">0 %</text>',
    ]
    parts += [
        f'<text x="{at(n, 0).split(",")[0]}" y="{height - bottom + 16}">{n // 24}</text>'
        for n in range(0, hours + 1, 24)
    ]
    for number, (slots, one) in enumerate(series.items()):
        colour, dash = _LINES[number % len(_LINES)]
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}" points="'
            f'{" ".join(at(n, h.waiting / count) for n, h in enumerate(one))}"/>'
        )
        parts.append(f'<text x="{width - 150}" y="{top + 16 * number}" fill="{colour}">{slots:,} slots</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12" role="img"><title>Share of {count:,} sites that wait for a worker, by day</title>'
        f'<rect width="{width}" height="{height}" fill="white"/>{"".join(parts)}</svg>\n'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=100_000)
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument(
        "--slots", type=int, nargs="*", default=[], help="slots (default: 0.9, 1.2 and 2 times the number needed)"
    )
    parser.add_argument("--outage", type=float, nargs=2, default=[96, 102], metavar=("FROM", "TO"), help="hours")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    words = parser.parse_args()
    outage = words.outage[0] * _HOUR, words.outage[1] * _HOUR
    slots = words.slots
    if not slots:
        never = math.inf, math.inf
        first = simulate(made(words.sites, Random(words.seed)), words.sites, 2, never, Random(words.seed))
        need = summary(first, words.sites, words.sites, never)["slots_needed"]
        slots = [max(1, round(need * factor)) for factor in (0.9, 1.2, 2)]
    series = {}
    for number in slots:
        series[number] = simulate(made(words.sites, Random(words.seed)), number, words.days, outage, Random(words.seed))
        print(
            json.dumps({k: round(v, 4) for k, v in summary(series[number], words.sites, number, outage).items()}),
            flush=True,
        )
    if words.plot:
        words.plot.write_text(drawn(series, words.sites, outage), encoding="utf-8")


if __name__ == "__main__":
    main()
