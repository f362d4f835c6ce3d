"""Re-extraction of a crawled archive: what it corrects, what it leaves, and what it reports."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlite_utils import Database

from archiver import __version__
from archiver.cli.main import cli
from archiver.storage.articles import FULL_CONTENT
from archiver.storage.field_evidence import decode_evidence as entries_of
from archiver.storage.field_evidence import pack_evidence
from tests import processes
from tests.article_columns import CONTENT_COLUMNS
from tests.processes import descendants, is_alive
from tests.runner import Runner, fault
from tests.small_sites import PROMOTION, classic, promoting, sample_posts
from tests.spiders.crawling import crawl, rows
from tests.spiders.site_server import Answer, home, serving
from tests.spiders.test_parts import body_of, post
from tests.waiting import until

ROOT = Path(__file__).parents[2]
POSTS = sample_posts(14)
EDITED, TOLD, STAMPED = POSTS[2], POSTS[5], POSTS[7]
LATER = "The mill was sold after all, and nobody has said to whom."
FEED = '<link rel="alternate" type="application/rss+xml" href="/feed/">'
_VALUES = (*CONTENT_COLUMNS, "revision", "content_digest", "meaning_digest", "post_id", "guid")


def stamped(at: str) -> bytes:
    meta = f'<meta property="article:modified_time" content="{at}">'
    return promoting(STAMPED).replace("</head>", f"{meta}</head>").encode()


def feed(base: str) -> Answer:
    more = "".join(f"<p>{LATER} It was asked {n} times.</p>" for n in range(20))
    whole = "".join(f"<p>{p}</p>" for p in TOLD.paragraphs) + "<!--nextpage-->" + more
    return Answer(
        f"""<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<title>Low Water</title><link>{base}</link><item><title>{TOLD.title}</title><link>{base.rstrip("/")}{TOLD.path}</link>
<pubDate>{TOLD.at:%a, %d %b %Y %H:%M:%S +0000}</pubDate><content:encoded><![CDATA[{whole}]]></content:encoded></item>
</channel></rss>""".encode(),
        headers={"Content-Type": "application/rss+xml"},
    )


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Crawl fourteen posts: one is edited before the second crawl, one has more text in the feed than on its page, and
    one is split over three pages.
    """
    archive = tmp_path_factory.mktemp("crawled") / "archive.db"
    pages: dict[str, Any] = {"/": home("/river/", *(t.path for t in POSTS), head=FEED), **post()}
    pages |= {t.path: Answer(promoting(t).encode()) for t in POSTS} | {
        STAMPED.path: Answer(stamped("2024-03-03T03:03:00+00:00")),
        TOLD.path: Answer(classic(TOLD).encode()),
    }
    with serving(pages) as server:
        pages["/feed/"] = feed(server.url)
        assert crawl(server.url, archive=archive).returncode == 0
        edited = promoting(EDITED).replace(EDITED.paragraphs[-1], LATER)
        pages[EDITED.path] = Answer(edited.encode())
        pages[STAMPED.path] = Answer(stamped("2024-04-04T04:04:00+00:00"))
        assert crawl(server.url, "--full", archive=archive).returncode == 0
    return archive


@pytest.fixture
def archive(crawled: Path, tmp_path: Path) -> Path:
    shutil.copytree(crawled.parent, tmp_path / "own")
    return tmp_path / "own" / "archive.db"


def reextract(archive: Path, *words: str) -> Result:
    return Runner().invoke(cli, ["reextract", *words, "--archive", str(archive)])


def reextracted(archive: Path, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reextract(archive, *words, "--json").stdout)
    return found


def state(archive: Path) -> dict[str, Any]:
    """Return everything that extraction determines, without extractor and time."""
    return {
        "articles": rows(archive, f"select id, {', '.join(_VALUES)} from articles order by id"),
        "revisions": [
            (*row[:-1], json.loads(row[-1]))
            for row in rows(
                archive,
                "select article_id, r.revision, changed, r.title, r.meaning_digest, observed_at, r.capture_id, "
                f"{FULL_CONTENT} from revisions r join articles a on a.id = article_id order by 1, 2",
            )
        ],
        "facets": rows(
            archive,
            "select article_id, name from article_authors join authors on author_id = id "
            "union all select article_id, name from article_tags join tags on tag_id = id "
            "order by 1, 2",
        ),
        "duplicates": rows(archive, "select id, duplicate_of from articles where duplicate_of is not null"),
        "parts": rows(archive, "select urlkey, number, text from article_parts order by 1"),
    }


def spoil(archive: Path, only: str = "1") -> None:
    """Change articles to what an earlier program would have stored: a promotion in the text, names in capitals, no
    tags, no language.
    """
    db = sqlite3.connect(archive)
    named = {
        row["id"]: entries_of(Database(db), row) for row in Database(db).query(f"select * from articles where {only}")
    }
    db.execute(f"update revisions as r set content = (select {FULL_CONTENT} from articles a where a.id = r.article_id)")
    db.execute(
        "update articles set body = body || char(10, 10) || ?, authors = upper(authors), tags = '[]', "
        f"language = null, extractor = '0.0.9' where {only}",
        [PROMOTION],
    )
    for number, entries in named.items():
        db.execute("update articles set evidence = ? where id = ?", [pack_evidence(entries), number])
    db.execute(
        "update revisions set content = json_set(content, '$.body', json_extract(content, '$.body') || "
        "char(10, 10) || ?, '$.tags', json('[]')), changed = case when revision > 1 then '[\"body\", \"tags\"]' "
        "else changed end",
        [PROMOTION],
    )
    db.execute("delete from article_tags")
    db.commit()
    db.close()


def test_re_extraction_by_the_same_version_changes_nothing(archive: Path) -> None:
    before = state(archive)
    result = reextract(archive)
    assert result.exit_code == 0, result.output
    assert re.search(r"\b15\b", result.stdout)
    assert state(archive) == before
    assert rows(archive, "select articles, changed, unreadable, finished_at is not null from reextractions") == [
        (15, 0, 0, 1)
    ]


def test_the_whole_history_is_re_extracted_without_a_new_revision(archive: Path) -> None:
    before = state(archive)
    spoil(archive)
    result = reextract(archive)
    assert result.exit_code == 0, result.output
    after = state(archive)
    split = rows(archive, "select id from articles where url like '%/river/'")[0][0]
    stamped = rows(archive, f"select id from articles where url like '%{STAMPED.path}'")[0][0]  # has two captures
    for name in ("articles", "revisions", "facets", "duplicates", "parts"):
        assert [r for r in after[name] if r[0] != stamped] == [r for r in before[name] if r[0] != stamped], name
    assert dict(rows(archive, "select id, body from articles"))[split] == body_of(1, 2, 3)
    assert rows(archive, "select distinct extractor from articles") == [(f"{__version__} rules-1",), (__version__,)]
    assert len(rows(archive, "select 1 from revisions where revision = 2")) == 1


def test_a_full_text_from_the_feed_stays(archive: Path) -> None:
    body = rows(archive, f"select body from articles where url like '%{TOLD.path}'")
    assert LATER in body[0][0]
    assert rows(
        archive,
        "select source from provenance p join articles a on a.id = p.article_id where field = 'body' "
        f"and a.url like '%{TOLD.path}'",
    ) == [("feed",)]
    assert reextract(archive).exit_code == 0
    assert rows(archive, f"select body from articles where url like '%{TOLD.path}'") == body


def test_a_dry_run_reports_everything_and_writes_nothing(archive: Path) -> None:
    spoil(archive)
    before = state(archive)
    seen = archive.read_bytes()
    found = reextracted(archive, "--dry-run")
    assert state(archive) == before
    assert archive.read_bytes() == seen
    assert found["dry_run"]
    assert found["articles"] == 15
    assert found["changed"] == 15
    assert found["fields"]["authors"] == 15
    assert found["fields"]["body"] == found["fields"]["tags"] + 1 == 16
    changes = {(c["id"], c["revision"]): c["fields"] for c in found["changes"]}
    number = rows(archive, f"select id from articles where url like '%{EDITED.path}'")[0][0]
    assert changes[number, 2]["tags"] == {"before": [], "after": list(EDITED.tags)}
    assert changes[number, 1]["body"]["before"].endswith(PROMOTION)
    plain = reextract(archive, "--dry-run").stdout
    assert PROMOTION.strip().split("?")[0] in plain
    assert " 15 " in f" {plain} "


def test_re_extracting_one_field_keeps_the_extractor_of_the_others(archive: Path) -> None:
    spoil(archive)
    assert reextract(archive, "--field", "authors").exit_code == 0
    assert not rows(archive, "select 1 from articles where authors <> '[]' and authors = upper(authors)")
    assert len(rows(archive, "select 1 from articles where tags = '[]' and language is null")) == 15
    number = rows(archive, f"select id from articles where url like '%{POSTS[0].path}'")[0][0]
    who = dict(rows(archive, f"select field, extractor from provenance where article_id = {number}"))
    assert who["authors"] == f"{__version__} rules-1"
    assert who["title"] == who["body"] == "0.0.9"
    assert rows(archive, f"select extractor from articles where id = {number}") == [("0.0.9",)]
    shown = json.loads(
        CliRunner().invoke(cli, ["show", str(number), "--evidence", "--json", "--archive", str(archive)]).stdout
    )["evidence"]
    assert shown["authors"]["extractor"] == f"{__version__} rules-1"
    assert shown["title"]["extractor"] == "0.0.9"
    assert reextract(archive).exit_code == 0
    assert {row[0] for row in rows(archive, f"select extractor from provenance where article_id = {number}")} == {
        f"{__version__} rules-1"
    }


def test_every_value_has_a_source(archive: Path) -> None:
    assert not rows(
        archive, "select * from provenance where extractor is null or capture_id is null or read_at is null"
    )
    assert not rows(
        archive,
        "select a.id from articles a where not exists (select 1 from provenance p where "
        "p.article_id = a.id and p.field = 'title' and p.value = a.title and p.source <> '')",
    )
    assert rows(archive, "select field, source from revision_provenance where field = 'body' and revision = 1") == [
        ("body", "learned")
    ]
    before = rows(
        archive,
        "select article_id, field, value, source, locator, extractor, capture_id from provenance "
        "order by 1, 2, 3, 4, 5",
    )
    assert reextract(archive).exit_code == 0
    assert before == rows(
        archive,
        "select article_id, field, value, source, locator, extractor, capture_id "
        "from provenance order by 1, 2, 3, 4, 5",
    )


def test_a_modified_time_from_a_later_capture_is_read_from_that_capture(archive: Path) -> None:
    of = f"articles where url like '%{STAMPED.path}'"
    query = (
        f"select p.capture_id > a.capture_id, p.value from provenance p join (select * from {of}) a "
        "on a.id = p.article_id where p.field = 'modified'"
    )
    late = "2024-04-04T04:04:00+00:00"
    assert rows(archive, query) == [(1, late)]
    assert rows(archive, f"select revision from {of}") == [(1,)]
    for statement in ("update articles set modified = '2024-01-01T00:00:00+00:00'", "select 1"):
        db = sqlite3.connect(archive)
        db.execute(statement)
        db.commit()
        db.close()
        assert reextract(archive).exit_code == 0
        assert rows(archive, query) == [(1, late)]


def test_articles_can_be_selected(archive: Path) -> None:
    spoil(archive)
    number, url = rows(archive, "select id, url from articles order by id limit 1")[0]
    assert reextracted(archive, str(number))["articles"] == reextracted(archive, url)["articles"] == 1
    site = rows(archive, "select name from sites")[0][0]
    assert reextracted(archive, site, "--dry-run")["articles"] == 15
    assert reextracted(archive, "--since", "2999", "--dry-run")["articles"] == 0
    assert reextracted(archive, "--until", "2999", "--dry-run")["articles"] == 15
    for words, error in (
        (["nowhere.example"], "SiteNotFound nowhere.example"),
        (["99"], "ArticleNotFound 99"),
        (["--since", "soon"], "BadParameter --since"),
    ):
        assert fault(reextract(archive, *words)) == error


def test_unreadable_captures_are_reported_and_the_others_processed(archive: Path) -> None:
    spoil(archive)
    [(number, file, offset)] = rows(
        archive,
        "select a.id, warc_file, warc_offset from articles a join captures c on c.id = capture_id where a.revision = 1 "
        "order by a.id limit 1 offset 3",
    )
    with (archive.parent / file).open("r+b") as handle:
        handle.seek(offset + 40)
        handle.write(b"\0" * 60)
    before = rows(archive, f"select body, extractor from articles where id = {number}")
    result = reextract(archive)
    assert result.exit_code == 1
    assert f"article {number}, revision 1:" in result.stderr
    assert file in result.stderr
    assert "14 changed" in result.stdout
    assert rows(archive, f"select body, extractor from articles where id = {number}") == before
    shutil.rmtree(archive.parent / "warc")
    found = reextracted(archive, "--dry-run")
    assert len(found["unreadable"]) >= 15
    assert found["changed"] == 0


def test_a_capture_with_a_wrong_digest_is_not_read(archive: Path) -> None:
    db = sqlite3.connect(archive)
    db.execute("update captures set digest = 'sha1:AAAA' where id = (select capture_id from articles where id = 1)")
    db.commit()
    db.close()
    result = reextract(archive, "1")
    assert result.exit_code == 1
    assert rows(archive, "select unreadable from reextractions order by id desc limit 1") == [(1,)]


def test_a_killed_run_is_continued(archive: Path, tmp_path: Path) -> None:
    spoil(archive)
    shutil.copytree(archive.parent, tmp_path / "whole")
    whole = tmp_path / "whole" / "archive.db"
    assert reextract(whole).exit_code == 0
    kill = (
        "import os, archiver.maintenance.reextraction_run as w\n"
        "w._BATCH = w._CHUNK = 4\nreal = w.write_reextraction\n"
        "def write(db, outcomes, begun):\n    out = real(db, outcomes, begun)\n"
        "    if db.execute('select count(*) from articles where reextraction_id is not null').fetchone()[0] >= 7:\n"
        "        os.kill(os.getpid(), 9)\n    return out\n"
        "w.write_reextraction = write\nfrom archiver.cli.main import cli\ncli()\n"
    )
    ran = processes.run("-c", kill, "reextract", "--archive", str(archive))
    assert ran.returncode == -signal.SIGKILL
    result = reextract(archive)
    assert result.exit_code == 0
    assert len(rows(archive, "select 1 from reextractions")) == 1, "it goes on with the one that was stopped"
    assert "15 articles" not in result.stdout
    assert state(archive) == state(whole)
    assert len(rows(archive, "select 1 from reextractions")) == 1


def test_several_processes_give_the_same_result(archive: Path, tmp_path: Path) -> None:
    spoil(archive)
    shutil.copytree(archive.parent, tmp_path / "alone")
    alone = tmp_path / "alone" / "archive.db"
    assert reextract(alone, "--workers", "1").exit_code == 0
    start = (
        "from archiver.maintenance import reextraction_run\n"
        "reextraction_run._FEW_ARTICLES = 1\nreextraction_run._CHUNK = 4\n"
        "from archiver.cli.main import cli\ncli()\n"
    )
    script = tmp_path / "start.py"
    script.write_text("if __name__ == '__main__':\n" + "".join(f"    {line}\n" for line in start.splitlines()))
    words = [sys.executable, str(script), "reextract", "--workers", "2", "--archive", str(archive)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert state(archive) == state(alone)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="it is seen in /proc that processes end")
def test_no_worker_outlives_a_killed_parent(archive: Path, tmp_path: Path) -> None:
    script = tmp_path / "start.py"
    script.write_text(
        "if __name__ == '__main__':\n    import time\n    from archiver.maintenance import reextraction_run\n"
        "    reextraction_run._FEW_ARTICLES = reextraction_run._CHUNK = 1\n"
        "    reextraction_run.write_reextraction = lambda *a: time.sleep(60)\n"
        "    from archiver.cli.main import cli\n    cli()\n"
    )
    words = [sys.executable, str(script), "reextract", "--workers", "2", "--archive", str(archive)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    # Two workers, the fork server that started them, and multiprocessing's resource tracker.
    until(lambda: len(descendants(ran.pid)) >= 4)
    left = descendants(ran.pid)
    ran.kill()
    ran.wait()
    until(lambda: not any(map(is_alive, left)))


def test_the_rules_valid_at_the_capture_are_used(archive: Path) -> None:
    db = sqlite3.connect(archive)
    db.execute(
        "insert into site_rules (site_id, toml, by_hand, pages, learned_at, since) "
        "select site_id, replace(toml, 'h1', 'h6'), 0, pages, learned_at, '2999-01-01T00:00:00+00:00' "
        "from site_rules"
    )
    db.commit()
    db.close()
    assert "0 changed" in reextract(archive).stdout
    assert (f"{__version__} rules-1",) in rows(archive, "select distinct extractor from articles")


def test_articles_written_by_a_concurrent_crawl_are_read_again(archive: Path) -> None:
    from archiver.maintenance import reextraction_run
    from archiver.maintenance.reextraction_reader import ReextractionReader
    from archiver.maintenance.reextraction_request import ReextractionRequest
    from archiver.storage.database import open_archive

    spoil(archive)
    db = open_archive(archive)
    begun = reextraction_run.StartedReextraction(1, "2030-01-01T00:00:00+00:00", 0)
    outcome = ReextractionReader(db, archive.parent, __version__, begun.started_at, ReextractionRequest()).read(1)
    with db.atomic():
        db.execute("update articles set meaning_digest = 'of a crawl' where id = 1")
    assert reextraction_run.write_reextraction(db, [outcome], begun) == [outcome]
    assert db.execute("select extractor from articles where id = 1").fetchone() == ("0.0.9",)
    db.close()


def test_a_later_crawl_finds_no_edits(tmp_path: Path) -> None:
    """After a complete or partial re-extraction, a crawl of the same pages extracts the same articles."""
    archive = tmp_path / "archive.db"
    crawled = POSTS[:9]
    pages: dict[str, Any] = {t.path: Answer(promoting(t).encode()) for t in crawled}
    pages["/"] = home(*(t.path for t in crawled))
    with serving(pages) as server:
        assert crawl(server.url, archive=archive).returncode == 0
        spoil(archive)
        assert reextract(archive, "--field", "tags").exit_code == reextract(archive, "1", "2").exit_code == 0
        assert crawl(server.url, "--full", archive=archive).returncode == 0
    assert rows(archive, "select count(*), max(revision) from revisions") == [(9, 1)]
    assert not rows(archive, "select 1 from articles where tags = '[]' or authors = upper(authors)")
