"""The captures of an archive as jobs, a WARC file each; and what is found in them, with the articles it concerns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from sqlite_utils import Database

from archiver.capture.index import index_of
from archiver.store.checks.finding import Finding, counted
from archiver.store.checks.warcs import Examined, Flaw, Job, Row, is_written
from archiver.store.requisite_reports import captures_of

_MOST_NAMED = 5
_SUFFIXES = (".warc.gz", ".cdxj", ".cdxj.open", ".cdxj.new")


def files_at(folder: Path) -> dict[str, bool]:
    """The WARC files below folder/warc, relative to `folder`, each with whether it is finished: it has an index, and
    nobody holds its lock. To be asked before the rows are read: what is finished then has all of its rows."""
    return {f"warc/{file.relative_to(folder / 'warc')}": index_of(file).exists() or not is_written(file)
            for file in sorted((folder / "warc").rglob("*.warc.gz"))}


def jobs(db: Database, folder: Path, files: dict[str, bool]) -> Iterator[Job]:
    """Every WARC file that there is or that rows point to, with its rows, one after the other."""
    seen = set()
    rows = db.execute("select warc_file, id, url, captured_at, status, digest, warc_offset, warc_length, record_type "
                      "from captures where warc_file is not null order by warc_file")
    for name, group in groupby(rows, key=lambda row: str(row[0])):
        seen.add(name)
        yield Job(folder, name, tuple(Row(*row[1:]) for row in group if all(isinstance(row[i], int) for i in (6, 7))),
                  written=not files.get(name, False))
    for name in sorted(set(files) - seen):
        yield Job(folder, name, (), written=not files[name])


def jobs_of(db: Database, folder: Path, ids: Sequence[int]) -> Iterator[Job]:
    """The captures of some articles, of their versions, and of what their pages need to be shown."""
    rows = db.execute(
        "select warc_file, id, url, captured_at, status, digest, warc_offset, warc_length, record_type from captures "
        "where id in (select capture_id from articles where id in (select value from json_each(?)) union "
        "select capture_id from revisions where article_id in (select value from json_each(?)) union "
        "select value from json_each(?)) order by warc_file, warc_offset",
        [json.dumps(ids), json.dumps(ids), json.dumps(captures_of(db, ids))])
    for name, group in groupby(rows, key=lambda row: str(row[0])):
        yield Job(folder, name, tuple(Row(*row[1:]) for row in group), whole=False)


def told(db: Database, examined: Iterable[Examined]) -> Iterator[Finding]:
    """What was found in the files, with the articles whose current text or versions rest on what is lost."""
    done = list(examined)
    lost = sorted({number for one in done for flaw in one.flaws for number in flaw.captures})
    rests: dict[int, list[int]] = {}
    if lost:
        numbers = json.dumps(lost)
        for table, column in (("articles", "id"), ("revisions", "article_id")):
            for capture, article in db.execute(
                    f"select capture_id, {column} from {table} where capture_id in (select value from json_each(?)) "
                    "order by 2", [numbers]):
                rests.setdefault(capture, []).append(article)
    for one in done:
        for flaw in one.flaws:
            yield Finding(flaw.kind, flaw.subject, flaw.sentence + _resting(flaw, rests), flaw.remedy, flaw.mend)
        for url, offset in one.unknown:
            if _should_have_row(db, url):
                yield Finding("record-unknown", f"{one.warc_file} at {offset}",
                              f"The record of {url} at byte {offset:,} of {one.warc_file} has no row in 'captures', "
                              "and no other record of this page has",
                              "Another program deleted it: take it back from a backup, or crawl the site again.")


def _resting(flaw: Flaw, rests: dict[int, list[int]]) -> str:
    articles = sorted({number for capture in flaw.captures for number in rests.get(capture, ())})
    if not articles:
        return ""
    if len(articles) > _MOST_NAMED:
        return f"; {counted(len(articles), 'article')} rest on it, the first are {_listed(articles[:_MOST_NAMED])}"
    if len(articles) == 1:
        return f"; article {articles[0]} rests on it"
    return f"; articles {_listed(articles)} rest on it"


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def _should_have_row(db: Database, url: str) -> bool:
    """Files about a host, probes, and batches that a kill has lost have none; a page of the ledger has."""
    return bool(db.execute(
        "select 1 from pages where url = ? and fetched_at is not null and rule is not 'not-stored' "
        "and not exists (select 1 from captures where url = ?)", [url, url]).fetchone())


def strangers(db: Database, folder: Path, files: dict[str, bool]) -> Iterator[Finding]:
    """Files of other sites than the archive's, and indexes without their file."""
    known = {row[0] for row in db.execute("select distinct warc_file from captures")}
    if not (folder / "warc").is_dir():
        return
    for file in sorted((folder / "warc").rglob("*.cdxj")):
        warc = file.with_name(file.name.removesuffix(".cdxj") + ".warc.gz")
        name = f"warc/{warc.relative_to(folder / 'warc')}"
        if not warc.exists() and name not in known:
            yield Finding("index-alone", f"warc/{file.name}", f"warc/{file.name} is the index of a file that is "
                          "not there",
                          "Put the WARC file back, or take the index away.")
    for name, finished in files.items():
        if finished and name not in known and not _of_site(db, Path(name).name):
            yield Finding("file-unknown", name, f"{name} is of no site of this archive, and no capture points to it",
                          "Move it out of the folder, or enter it with 'archiver import'.")


def _of_site(db: Database, name: str) -> bool:
    from slugify import slugify

    return any(name.startswith(f"{slugify(row[0])}-") for row in db.execute("select name from sites"))
