"""status, why, sites, extract."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlite_utils import Database

from archiver.commands.main import cli
from archiver.store.connect import open_archive
from archiver.store.migrations import migrations
from archiver.store.sites import SETTINGS
from tests.commands.conftest import Run


def test_status_sets_the_sources_against_each_other(run: Run) -> None:
    result = run("status", "harbour.example")
    assert result.exit_code == 1
    assert "API 1, sitemap 5, feed 3, links 1: archived 3, gone 1, refused 1, missing 2" in result.stdout
    assert "https://harbour.example/2024/05/broken  HTTP 503" in result.stdout
    assert "interrupted (stopped by Ctrl-C)" in result.stdout


def test_status_of_a_complete_site(run: Run) -> None:
    result = run("status", "notes.example/blog")
    assert result.exit_code == 0 and "sitemap 2: archived 2, missing 0" in result.stdout
    assert "never crawled" in run("status", "quiet.example").stdout


def test_status_as_json(run: Run) -> None:
    states = {state["site"]: state for state in json.loads(run("status", "--json").stdout)}
    state = states["harbour.example"]
    assert state["posts"] == {"found": 7, "archived": 3, "missing": 2, "gone": 1, "refused": 1}
    assert {row["source"]: (row["found"], row["archived"], row["missing"]) for row in state["sources"]} == {
        "api": (1, 0, 1), "sitemap": (5, 3, 1), "feed": (3, 2, 1), "link": (1, 0, 0)}
    assert state["articles"] == {"all": 4, "gone": 1, "duplicates": 1, "revised": 1}
    assert state["failures"] == [
        {"reason": "HTTP 503", "pages": 1, "example": "https://harbour.example/2024/05/broken"}]
    assert [r["id"] for r in state["runs"]] == [2, 1] and not state["complete"]
    assert states["notes.example/blog"]["complete"]


def test_why_tells_who_found_it_and_what_came_of_it(run: Run) -> None:
    told = json.loads(run("why", "http://harbour.example/2024/03/tide-tables?utm_source=x", "--json").stdout)
    assert (told["outcome"], told["rule"], told["site"]) == ("archived", "og:type article", "harbour.example")
    assert [s["source"] for s in told["sources"]] == ["feed", "sitemap"]
    assert told["article"]["id"] == 1 and told["article"]["address_kind"] == "url"
    assert told["captures"][0]["warc_file"] == "warc/harbour-1.warc.gz" and told["lead"]["title"] == "Tide tables"


@pytest.mark.parametrize(("url", "says"), [
    ("https://harbour.example/2024/05/broken", "2 failed attempts in a row"),
    ("https://harbour.example/private", "robots.txt forbids it"),
    ("https://harbour.example/about", "fetched, and no article"),
    ("https://harbour.example/2024/05/new", "waiting to be fetched"),
    ("https://harbour.example/2023/12/light", "gone from the site"),
    ("https://harbour.example/2024/05/light-again", "same text as 3"),
    ("https://harbour.example/?p=7", "an address that leads to it"),
    ("harbour.example/feed", "archived"),
])
def test_why_in_words(run: Run, url: str, says: str) -> None:
    result = run("why", url)
    assert result.exit_code == 0 and says in result.stdout


def on(archive: Path, *args: str) -> Result:
    return CliRunner().invoke(cli, [*args, "--archive", str(archive)])


def test_sites_add_makes_an_archive(tmp_path: Path) -> None:
    file = tmp_path / "new" / "archive.db"
    result = on(file, "sites", "add", "blog.example.org")
    assert result.exit_code == 0 and "blog.example.org added" in result.stdout
    assert "is there already" in on(file, "sites", "add", "http://www.blog.example.org/").stdout
    sites = json.loads(on(file, "sites", "list", "--json").stdout)
    assert [(s["name"], s["start_url"]) for s in sites] == [("blog.example.org", "https://blog.example.org/")]
    assert on(file, "status").exit_code == 0


@pytest.mark.parametrize("address", ["nonsense", "ftp://example.org", "http://", "https://exa mple.org:99999/"])
def test_sites_add_refuses_what_is_no_address(tmp_path: Path, address: str) -> None:
    result = on(tmp_path / "archive.db", "sites", "add", address)
    assert result.exit_code == 2 and "not an address" in result.stderr
    assert not list(tmp_path.iterdir())


def test_sites_list_and_show(run: Run) -> None:
    listed = run("sites", "list").stdout.splitlines()
    assert listed[1].split()[:3] == ["harbour.example", "4", "wordpress"]
    shown = run("sites", "show", "https://harbour.example/2024/").stderr
    assert "no site" in shown  # a path is a site of its own
    assert "2.0" in run("sites", "show", "harbour.example").stdout
    assert all(setting.name in run("sites", "show", "harbour.example").stdout for setting in SETTINGS)


def test_sites_set_and_take_back(own_archive: Path) -> None:
    result = on(own_archive, "sites", "set", "harbour.example", "revisit_days=7", "delay=", "contact=a@b.example")
    assert result.exit_code == 0
    site = json.loads(on(own_archive, "sites", "show", "harbour.example", "--json").stdout)
    assert site["settings"] == {"revisit_days": 7, "contact": "a@b.example"}
    for value, kept in (("Internet-Archive", "internet-archive"), ("http://127.0.0.1:8080/old/cdx",) * 2, ("no", None)):
        assert on(own_archive, "sites", "set", "harbour.example", f"cdx={value}").exit_code == 0
        site = json.loads(on(own_archive, "sites", "show", "harbour.example", "--json").stdout)
        assert site["settings"].get("cdx") == kept


@pytest.mark.parametrize(("setting", "says"), [
    ("delay", "KEY=VALUE"), ("dealy=1", "there are delay, revisit_days"), ("delay=soon", "is no number"),
    ("delay=-1", "must be between"), ("delay=nan", "must be between"), ("revisit_days=0", "must be between"),
    ("max_pages=1.5", "no whole number"), ("contact=me", "mail address"),
    ("cdx=wayback", "give internet-archive"), ("cdx=https://me:pass@x.example/cdx", "without user name"),
])
def test_sites_set_refuses(own_archive: Path, setting: str, says: str) -> None:
    result = on(own_archive, "sites", "set", "harbour.example", "max_pages=5", setting)
    assert result.exit_code == 2 and says in result.stderr
    site = json.loads(on(own_archive, "sites", "show", "harbour.example", "--json").stdout)
    assert site["settings"] == {"delay": 2.0}  # all or nothing


def test_sites_remove(own_archive: Path) -> None:
    refused = on(own_archive, "sites", "remove", "harbour.example")
    assert refused.exit_code == 1 and "4 articles" in refused.stderr
    assert on(own_archive, "sites", "remove", "quiet.example").exit_code == 0
    db = open_archive(own_archive)
    key, other = (next(db.query("select url, urlkey from articles where site = ?", [name]))
                  for name in ("harbour.example", "notes.example/blog"))
    for one in (key, other):
        db["parts"].insert({"urlkey": one["urlkey"] + "/2", "url": one["url"], "post": one["urlkey"], "number": 2})
        db["past_answers"].insert({**one, "kind": "gone", "target": "404", "at": "2009"})
    db.close()
    removed = on(own_archive, "sites", "remove", "harbour.example", "--with-articles")
    assert removed.exit_code == 0, removed.output
    db = open_archive(own_archive)
    assert [r["site"] for r in db["articles"].rows] == ["notes.example/blog"] * 2
    assert {r["site_id"] for r in db["pages"].rows} == {r["site_id"] for r in db["runs"].rows} == {2}
    assert [r["name"] for r in db["authors"].rows] == ["王小明"] and db["captures"].count == 6
    assert [r["post"] for r in db["parts"].rows] == [r["urlkey"] for r in db["past_answers"].rows] == [other["urlkey"]]
    assert not list(db.query("pragma foreign_key_check"))
    db.execute("insert into articles_fts(articles_fts, rank) values ('integrity-check', 1)")
    db.close()
    assert on(own_archive, "search", "tide").stderr == "Nothing found.\n"
    assert on(own_archive, "sites", "remove", "harbour.example").exit_code == 1


def test_removing_an_original_makes_its_duplicate_one(own_archive: Path) -> None:
    db = open_archive(own_archive)
    with db.atomic():
        db.execute("update articles set duplicate_of = 1 where id in (5, 6)")
    db.close()
    assert on(own_archive, "sites", "remove", "harbour.example", "--with-articles").exit_code == 0
    db = open_archive(own_archive, read_only=True)
    assert [tuple(r) for r in db.execute("select id, duplicate_of from articles")] == [(5, None), (6, 5)]
    db.close()


PAGE = """<!doctype html><html lang="en"><head><title>Rope and chain | Quay notes</title>
<meta property="og:type" content="article"><meta property="article:published_time" content="2024-05-01T10:00:00Z">
<meta name="author" content="Ada Berg"></head><body><article><h1>Rope and chain</h1>
<p>A rope is kinder to the hands than a chain, and quieter in the night when the wind turns.</p>
<p>A chain lasts longer, and nobody has ever had to splice one by lamplight in the rain.</p>
<p>Most boats carry both. The old hands use the rope first and keep the chain for the weather that breaks ropes.</p>
<p>In the end it is the knot that holds, and the knot is only as good as the hands that made it that evening.</p>
</article></body></html>"""


def test_extract_from_file_and_pipe(run: Run, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(PAGE)
    result = run("extract", str(tmp_path / "page.html"), "--url", "https://quay.example/rope")
    article = json.loads(result.stdout)
    assert (article["title"], article["authors"]) == ("Rope and chain", ["Ada Berg"])
    assert article["published"] == "2024-05-01T10:00:00+00:00" and article["kind"] == "post"
    assert json.loads(run("extract", "-", "--url", "https://quay.example/rope", stdin=PAGE).stdout) == article
    assert "evidence" not in article
    with_evidence = run("extract", "-", "--url", "https://quay.example/rope", "--evidence", stdin=PAGE)
    assert json.loads(with_evidence.stdout)["evidence"]["authors"] == {
        "chosen": "Ada Berg", "why": "the only candidate", "candidates": [
            {"value": "Ada Berg", "source": "meta", "locator": "author", "confidence": 0.62, "won": True}]}
    text = run("extract", "-", "--url", "https://quay.example/rope", "--text", stdin=PAGE).stdout
    assert text.startswith("Rope and chain\n2024-05-01 10:00+00:00 · Ada Berg\n\nA rope is kinder")


def test_extract_tells_people_why(run: Run) -> None:
    text = run("extract", "-", "--url", "https://quay.example/rope", "--text", "--evidence", stdin=PAGE).stdout
    title = text.index("\ntitle  Rope and chain\n  shown on the page and declared; none says otherwise\n")
    assert "\n*  Rope and chain  heading  article h1   0.85\n   Rope and chain  head " in text[title:]
    assert text.endswith(
        "nothing says: modified, categories, tags, credits, geotags, description, image, canonical_url\n")


RULES = '[title]\nselect = ["p.standfirst", "h1"]\n[authors]\nselect = ["h1"]\n'


def test_extract_by_rules(run: Run, tmp_path: Path) -> None:
    (tmp_path / "quay.toml").write_text(RULES)
    result = run("extract", "-", "--url", "https://quay.example/rope", "--rules", str(tmp_path / "quay.toml"),
                 "--evidence", stdin=PAGE)
    article = json.loads(result.stdout)
    assert article["authors"] == ["Rope", "chain"] and article["published"] == "2024-05-01T10:00:00+00:00"
    assert article["evidence"]["authors"]["why"] == "a rule by hand"


@pytest.mark.parametrize(("rules", "says"), [
    ("[title]\nselect = [\"h1:nth-child(x)\"]", "[title] select"),
    ("[headline]\nselect = \"h1\"", "no field [headline]"),
    ("title = ", "cannot be used"), ("[title]", "has no select"), (None, "cannot be read"), ("", "it is empty"),
])
def test_extract_says_what_is_wrong_with_rules(run: Run, tmp_path: Path, rules: str | None, says: str) -> None:
    file = tmp_path / "quay.toml"
    if rules is not None:
        file.write_text(rules)
    result = run("extract", "-", "--url", "https://quay.example/rope", "--rules", str(file), stdin=PAGE)
    assert result.exit_code == (2 if "The rules of" in result.stderr else 1) and result.stdout == ""
    assert says in result.stderr and str(file) in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize(("args", "stdin", "code", "says"), [
    (["-"], PAGE, 2, "Missing option '--url'"), (["-", "--url", "nonsense"], PAGE, 2, "not an address"),
    (["-", "--url", "https://a.example/"], " \n", 1, "it is empty"),
    (["/nowhere/page.html", "--url", "https://a.example/"], None, 1, "cannot be read"),
    (["/", "--url", "https://a.example/"], None, 1, "cannot be read"),
])
def test_extract_wrong_input(run: Run, args: list[str], stdin: str | None, code: int, says: str) -> None:
    result = run("extract", *args, stdin=stdin)
    assert result.exit_code == code and says in result.stderr and result.stdout == ""


def test_extract_takes_any_bytes(run: Run) -> None:
    result = run("extract", "-", "--url", "https://a.example/x", stdin=bytes(range(256)) * 40)
    assert result.exit_code == 0 and json.loads(result.stdout)["url"] == "https://a.example/x"


@pytest.mark.parametrize(("args", "code", "says"), [
    (["status", "nowhere.example"], 1, "it has: harbour.example"),
    (["why", "https://harbour.example/none"], 1, "No crawl"),
    (["why", "nonsense"], 2, "not an address"), (["why"], 2, "Missing argument"),
    (["sites", "show", "nowhere.example"], 1, "it has: harbour.example"),
    (["sites", "remove", "nowhere"], 1, "no site"),
    (["sites", "set", "harbour.example"], 2, "Missing argument"), (["sites", "fly"], 2, "No such command"),
])
def test_wrong_input(run: Run, args: list[str], code: int, says: str) -> None:
    result = run(*args)
    assert result.exit_code == code and says in result.stderr and result.stdout == ""


@pytest.mark.parametrize("words", [
    ("status",), ("status", "--missing"), ("status", "--json"), ("why", "https://old.example/"), ("sites", "list"),
    ("sites", "show", "old.example"), ("search", "winch"), ("show", "1"), ("export",),
], ids=" ".join)
def test_an_archive_of_the_last_release_is_read_before_a_crawl_brings_it_up_to_date(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    path = tmp_path / "archive.db"
    db = Database(path)
    migrations.apply(db, stop_before="m009_manners_and_rights")
    now = "2026-01-01T00:00:00+00:00"
    db.table("sites").insert({"id": 1, "name": "old.example", "start_url": "https://old.example/",
                              "host": "old.example", "path": "/", "added_at": now})
    db.table("captures").insert({"id": 1, "url": "https://old.example/", "captured_at": now, "status": 200})
    db.table("pages").insert({"id": 1, "site_id": 1, "url": "https://old.example/", "urlkey": "example,old)/",
                              "kind": "listing", "outcome": "not-article", "found_at": now, "capture_id": 1})
    db.table("articles").insert({"id": 1, "url": "https://old.example/a/", "site": "old.example", "title": "The winch",
                                 "body": "It turns.", "revision": 1, "first_seen": now, "last_seen": now,
                                 "urlkey": "example,old)/a", "authors": "[]", "categories": "[]", "tags": "[]",
                                 "geotags": "[]", "credits": "[]"})
    db.close()
    result = CliRunner().invoke(cli, [*words, "--archive", str(path)])
    assert result.exit_code in (0, 1) and (result.exception is None or isinstance(result.exception, SystemExit))
    assert "old.example" in result.output


def test_what_is_not_believed_is_told(own_archive: Path) -> None:
    db = Database(own_archive)
    db.execute("update sites set distrusted = ? where name = 'harbour.example'",
               ['{"sitemap dates": "2026-03-01T12:00:00+00:00"}'])
    db.conn.commit()
    db.close()
    told = CliRunner().invoke(cli, ["status", "harbour.example", "--archive", str(own_archive)]).stdout
    assert "sitemap dates: proved false at 2026-03-01 12:00" in told
