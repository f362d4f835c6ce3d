"""The archive's health as numbers, in the text format of Prometheus (version 0.0.4), for a scrape or node_exporter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlite_utils import Database

from archiver.store.health.judge import Level
from archiver.store.health.overall import Overall
from archiver.store.ledger import moment
from archiver.store.run_measures import Measured
from archiver.store.runs import last_run

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
VALUES: dict[Level, int] = {"green": 0, "amber": 1, "red": 2, "unknown": 3}
_COUNTS = (("new_articles", "new", "New articles of"), ("requests", "requests", "Requests of"),
           ("received_bytes", "bytes", "Bytes received by"), ("failed", "failed", "Pages failed in"))
Labels = dict[str, str]
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class Metric:
    """A family of values; a counter's name ends in _total."""

    name: str
    doc: str
    values: list[tuple[Labels, float]]

    def lines(self) -> Iterator[str]:
        if self.values:
            yield f"# HELP {self.name} {self.doc}"
            yield f"# TYPE {self.name} {'counter' if self.name.endswith('_total') else 'gauge'}"
            yield from (f"{self.name}{_labels(labels)} {value:.10g}" for labels, value in self.values)


def metrics(db: Database, found: Overall, version: str) -> str:
    """All of it; `version` is the program's. Times are seconds since 1970, in UTC."""
    articles = dict(db.execute("select site, count(*) from articles group by 1").fetchall())
    requests, received, runs = db.execute("select total(requests), total(bytes), count(*) from runs").fetchone()
    told = [Metric("archiver_info", "The program that tells this.", [({"version": version}, 1)]),
            Metric("archiver_health", "The archive and all its sites: 0 green, 1 amber, 2 red.",
                   [({}, VALUES[found.state])]),
            Metric("archiver_disk_free_bytes", "Free on the archive's disk.", [({}, found.free)]),
            Metric("archiver_sites", "Sites of the archive.", [({}, len(found.sites))]),
            Metric("archiver_runs_total", "Runs in the ledger.", [({}, runs)]),
            Metric("archiver_requests_total", "Requests of all runs.", [({}, requests)]),
            Metric("archiver_received_bytes_total", "Bytes that all runs received.", [({}, received)]),
            *_of_sites(db, found, articles)]
    return "".join(f"{line}\n" for metric in told for line in metric.lines())


def _of_sites(db: Database, found: Overall, articles: dict[str, int]) -> Iterator[Metric]:
    names = [site["name"] for site, _ in found.sites]
    yield Metric("archiver_site_articles", "Articles of the site.",
                 [({"site": name}, articles.get(name, 0)) for name in names])
    yield Metric("archiver_site_health", "0 green, 1 amber, 2 red, 3 never crawled.",
                 [({"site": site["name"]}, VALUES[health.state]) for site, health in found.sites])
    yield Metric("archiver_finding", "What is wrong: 1 amber, 2 red; without a site, with the archive.", [
        ({"site": name, "code": one.code, "about": one.about}, VALUES[one.level])
        for name, health in (("", found.place), *((site["name"], health) for site, health in found.sites))
        for one in health.findings])
    yield Metric("archiver_site_due_timestamp_seconds", "When the site is due.",
                 [({"site": one.site["name"]}, one.turn.at.timestamp()) for one in found.turns])
    rows = [(site["name"], row) for site, _ in found.sites if (row := last_run(db, site["id"]))]
    for name, column, doc in _COUNTS:
        yield Metric(f"archiver_site_run_{name}", f"{doc} the site's last run.",
                     [({"site": site}, row[column] or 0) for site, row in rows])
    yield Metric("archiver_site_run_timestamp_seconds", "When the site's last run ended, and how.", [
        ({"site": site, "outcome": row["outcome"]}, ended.timestamp()) for site, row in rows
        if (ended := moment(row["finished_at"]))])
    measured = [(site, Measured.from_json(row.get("statistics"))) for site, row in rows]
    yield Metric("archiver_site_answer_seconds", "Seconds to an answer in the site's last run.", [
        ({"site": site, "quantile": quantile}, value) for site, one in measured
        for quantile, value in (("0.5", one.latency), ("0.95", one.latency_95)) if value is not None])
    yield Metric("archiver_site_field_ratio", "Share of the articles read by the last run that have a field.", [
        ({"site": site, "field": field}, share) for site, one in measured for field, share in one.coverage().items()])


def _labels(labels: Labels) -> str:
    """As the format escapes them: backslash, quotation mark and line feed."""
    told = [f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels.items()]
    return f"{{{','.join(told)}}}" if told else ""
