"""`archiver status`, `why`, `sites` and `extract`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import Result
from sqlite_utils import Database

from archiver.cli.main import cli
from archiver.sites.site_settings import SITE_SETTINGS
from archiver.storage.database import open_archive
from tests.cli.conftest import Run
from tests.runner import Runner, fault


def test_status_compares_the_sources(run: Run) -> None:
    result = run("status", "harbour.example")
    assert result.exit_code == 1
    assert "https://harbour.example/2024/05/broken  HTTP 503" in result.stdout
    assert "(stopped by Ctrl-C)" in result.stdout, "the reason of a run, as it is stored"


def test_status_of_a_complete_site(run: Run) -> None:
    assert run("status", "notes.example/blog").exit_code == 0
    [state] = json.loads(run("status", "notes.example/blog", "--json").stdout)
    assert (state["complete"], state["posts"]["archived"], state["posts"]["missing"]) == (True, 2, 0)
    [quiet] = json.loads(run("status", "quiet.example", "--json").stdout)
    assert quiet["runs"] == []


def test_status_prints_json(run: Run) -> None:
    states = {state["site"]: state for state in json.loads(run("status", "--long", "--json").stdout)}
    state = states["harbour.example"]
    assert state["posts"] == {"found": 7, "archived": 3, "missing": 2, "gone": 1, "refused": 1}
    assert {row["source"]: (row["found"], row["archived"], row["missing"]) for row in state["sources"]} == {
        "api": (1, 0, 1),
        "sitemap": (4, 2, 1),
        "feed": (3, 2, 1),
        "link": (1, 0, 0),
    }
    assert state["articles"] == {"all": 4, "gone": 1, "duplicates": 1, "revised": 1, "new_this_week": 0, "paid": 0}
    assert state["failures"] == [
        {"reason": "HTTP 503", "pages": 1, "example": "https://harbour.example/2024/05/broken"}
    ]
    assert [r["id"] for r in state["runs"]] == [2, 1]
    assert not state["complete"]
    assert states["notes.example/blog"]["complete"]


def test_why_shows_sources_and_outcome(run: Run) -> None:
    found = json.loads(run("why", "http://harbour.example/2024/03/tide-tables?utm_source=x", "--json").stdout)
    assert (found["outcome"], found["rule"], found["site"]) == ("archived", "og:type article", "harbour.example")
    assert [s["source"] for s in found["sources"]] == ["feed", "sitemap"]
    assert found["article"]["id"] == 1
    assert found["article"]["address_kind"] == "url"
    assert found["captures"][0]["warc_file"] == "warc/harbour-1.warc.gz"
    assert found["source_hints"]["title"] == "Tide tables"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://harbour.example/2024/05/broken", {"outcome": "failed", "reason": "HTTP 503", "attempts": 2}),
        ("https://harbour.example/private", {"outcome": "refused", "reason": "robots.txt forbids it"}),
        ("https://harbour.example/about", {"outcome": "not-article"}),
        ("https://harbour.example/2024/05/new", {"outcome": "due"}),
        ("https://harbour.example/2023/12/light", {"outcome": "gone"}),
        ("https://harbour.example/2024/05/light-again", {"article.duplicate_of": 3}),
        ("https://harbour.example/?p=7", {"article.address_kind": "redirect"}),
        ("harbour.example/feed", {"outcome": "archived"}),
    ],
)
def test_why_shows_the_outcome_of_a_url(run: Run, url: str, expected: dict[str, object]) -> None:
    found = json.loads(run("why", url, "--json").stdout)
    flat = {**found, **{f"article.{key}": value for key, value in (found["article"] or {}).items()}}
    assert {key: flat[key] for key in expected} == expected
    assert run("why", url).exit_code == 0


def run_on(archive: Path, *args: str) -> Result:
    return Runner().invoke(cli, [*args, "--archive", str(archive)])


def test_sites_add_creates_an_archive(tmp_path: Path) -> None:
    file = tmp_path / "new" / "archive.db"
    result = run_on(file, "sites", "add", "blog.example.org")
    assert result.exit_code == 0
    assert run_on(file, "sites", "add", "http://www.blog.example.org/").exit_code == 0
    sites = json.loads(run_on(file, "sites", "list", "--json").stdout)
    assert [(s["name"], s["start_url"]) for s in sites] == [("blog.example.org", "http://www.blog.example.org/")]
    assert run_on(file, "status").exit_code == 0


@pytest.mark.parametrize("address", ["nonsense", "ftp://example.org", "http://", "https://exa mple.org:99999/"])
def test_sites_add_refuses_bad_urls(tmp_path: Path, address: str) -> None:
    result = run_on(tmp_path / "archive.db", "sites", "add", address)
    assert (result.exit_code, fault(result)) == (2, f"BadAddress {address}")
    assert not list(tmp_path.iterdir())


def test_sites_are_listed_and_shown(run: Run) -> None:
    listed = run("sites", "list").stdout.splitlines()
    assert listed[1].split()[:3] == ["harbour.example", "4", "wordpress"]
    below = "https://harbour.example/2024/"  # a URL with a path is a separate site
    assert fault(run("sites", "show", below)) == f"SiteNotFound {below}"
    assert "2.0" in run("sites", "show", "harbour.example").stdout
    assert all(setting.name in run("sites", "show", "harbour.example").stdout for setting in SITE_SETTINGS)


def test_a_setting_can_be_set_and_reset(own_archive: Path) -> None:
    result = run_on(own_archive, "sites", "set", "harbour.example", "revisit_days=7", "delay=", "contact=a@b.example")
    assert result.exit_code == 0
    site = json.loads(run_on(own_archive, "sites", "show", "harbour.example", "--json").stdout)
    assert site["settings"] == {"revisit_days": 7, "contact": "a@b.example"}
    for value, kept in (("Internet-Archive", "internet-archive"), ("http://127.0.0.1:8080/old/cdx",) * 2, ("no", None)):
        assert run_on(own_archive, "sites", "set", "harbour.example", f"cdx={value}").exit_code == 0
        site = json.loads(run_on(own_archive, "sites", "show", "harbour.example", "--json").stdout)
        assert site["settings"].get("cdx") == kept


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ("delay", "BadSetting delay"),
        ("dealy=1", "BadSetting dealy=1"),
        ("delay=soon", "BadSetting delay=soon"),
        ("delay=-1", "BadSetting delay=-1"),
        ("delay=nan", "BadSetting delay=nan"),
        ("revisit_days=0", "BadSetting revisit_days=0"),
        ("max_pages=1.5", "BadSetting max_pages=1.5"),
        ("contact=me", "BadSetting contact=me"),
        ("cdx=wayback", "BadSetting cdx=wayback"),
        ("cdx=https://me:pass@x.example/cdx", "BadSetting cdx=https://me:pass@x.example/cdx"),
    ],
)
def test_invalid_settings_are_refused(own_archive: Path, setting: str, error: str) -> None:
    result = run_on(own_archive, "sites", "set", "harbour.example", "max_pages=5", setting)
    assert (result.exit_code, fault(result)) == (2, error)
    site = json.loads(run_on(own_archive, "sites", "show", "harbour.example", "--json").stdout)
    assert site["settings"] == {"delay": 2.0}  # all or nothing


def test_a_site_can_be_removed(own_archive: Path) -> None:
    refused = run_on(own_archive, "sites", "remove", "harbour.example")
    assert (refused.exit_code, fault(refused)) == (1, "SiteNotEmpty harbour.example")
    assert " 4 " in refused.stderr
    assert run_on(own_archive, "sites", "remove", "quiet.example").exit_code == 0
    db = open_archive(own_archive)
    key, other = (
        next(db.query("select url, urlkey from articles where site = ?", [name]))
        for name in ("harbour.example", "notes.example/blog")
    )
    for one in (key, other):
        db["article_parts"].insert(
            {"urlkey": one["urlkey"] + "/2", "url": one["url"], "post_urlkey": one["urlkey"], "number": 2}
        )
        db["historical_responses"].insert({**one, "kind": "gone", "target": "404", "captured_at": "2009"})
    db.close()
    unasked = run_on(own_archive, "sites", "remove", "harbour.example", "--with-articles")
    assert unasked.exit_code == 2
    assert "--yes" in unasked.stderr
    removed = run_on(own_archive, "sites", "remove", "harbour.example", "--with-articles", "--yes")
    assert removed.exit_code == 0, removed.output
    db = open_archive(own_archive)
    assert [r["site"] for r in db["articles"].rows] == ["notes.example/blog"] * 2
    assert {r["site_id"] for r in db["pages"].rows} == {r["site_id"] for r in db["runs"].rows} == {2}
    assert [r["name"] for r in db["authors"].rows] == ["王小明"]
    assert db["captures"].count == 6
    assert [r["post_urlkey"] for r in db["article_parts"].rows] == [other["urlkey"]]
    assert [r["urlkey"] for r in db["historical_responses"].rows] == [other["urlkey"]]
    assert not list(db.query("pragma foreign_key_check"))
    db.close()
    assert json.loads(run_on(own_archive, "search", "tide", "--json").stdout) == []
    assert run_on(own_archive, "sites", "remove", "harbour.example").exit_code == 1


def test_removing_an_original_promotes_its_duplicate(own_archive: Path) -> None:
    db = open_archive(own_archive)
    with db.atomic():
        db.execute("update articles set duplicate_of = 1 where id in (5, 6)")
    db.close()
    assert run_on(own_archive, "sites", "remove", "harbour.example", "--with-articles", "--yes").exit_code == 0
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
    assert article["published"] == "2024-05-01T10:00:00+00:00"
    assert article["kind"] == "post"
    assert json.loads(run("extract", "-", "--url", "https://quay.example/rope", stdin=PAGE).stdout) == article
    assert "evidence" not in article
    with_evidence = run("extract", "-", "--url", "https://quay.example/rope", "--evidence", stdin=PAGE)
    authors = json.loads(with_evidence.stdout)["evidence"]["authors"]
    assert authors["why"]
    assert {key: authors[key] for key in ("chosen", "candidates")} == {
        "chosen": "Ada Berg",
        "candidates": [{"value": "Ada Berg", "source": "meta", "locator": "author", "confidence": 0.62, "won": True}],
    }
    text = run("extract", "-", "--url", "https://quay.example/rope", "-f", "text", stdin=PAGE).stdout
    assert text.startswith("Rope and chain\n2024-05-01 10:00+00:00 · Ada Berg\n\nA rope is kinder")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a binary file"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "a binary file"),
        (bytes(range(256)) * 8, "a binary file"),
        (b"SQLite format 3\0" + b"\x10\0\1\1\0\x40\x20\x20" + b"\0" * 84 + b"<html>", "a binary file"),
        (b'{"html": "<p>The rope</p>"}', "it is JSON"),
        (b"Kein Markup, nur Text.", "no HTML tags"),
    ],
)
def test_a_file_that_is_no_page_is_refused(run: Run, tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "file").write_bytes(data)
    refused = run("extract", str(tmp_path / "file"), "--url", "https://quay.example/rope")
    assert refused.exit_code == 1
    assert says in refused.stderr


def test_a_page_in_utf_16_is_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes("<p>The rope is wet.</p>".encode("utf-16-le"))
    found = run("extract", str(tmp_path / "file"), "--url", "https://quay.example/rope")
    assert json.loads(found.stdout)["body"] == "The rope is wet."


def test_extract_prints_the_candidates_of_each_field(run: Run) -> None:
    command = ("extract", "-", "--url", "https://quay.example/rope", "--evidence")
    text = run(*command, "-f", "text", stdin=PAGE).stdout
    why = json.loads(run(*command, stdin=PAGE).stdout)["evidence"]["title"]["why"]
    title = text.index(f"\ntitle  Rope and chain\n  {why}\n")
    assert re.search(r"\n\*  Rope and chain  heading  article h1 +0\.85\n   Rope and chain  head ", text[title:])
    assert text.endswith("modified, categories, tags, credits, geotags, access, description, image, canonical_url\n")


RULES = '[title]\nselect = ["p.standfirst", "h1"]\n[authors]\nselect = ["h1"]\n'


def test_extract_applies_rules(run: Run, tmp_path: Path) -> None:
    (tmp_path / "quay.toml").write_text(RULES)
    result = run(
        "extract",
        "-",
        "--url",
        "https://quay.example/rope",
        "--rules",
        str(tmp_path / "quay.toml"),
        "--evidence",
        stdin=PAGE,
    )
    article = json.loads(result.stdout)
    assert article["authors"] == ["Rope", "chain"]
    assert article["published"] == "2024-05-01T10:00:00+00:00"
    assert ["rule" in c["source"] for c in article["evidence"]["authors"]["candidates"] if c["won"]] == [True]


def test_extract_names_the_rules_that_find_nothing(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "quay.toml"
    file.write_text('[site]\npost = ["body.quay"]\n[title]\nselect = ["h1.nmae"]\n[authors]\nselect = ["h1"]\n')
    command = ("extract", "-", "--url", "https://quay.example/rope")
    plain = run(*command, stdin=PAGE)
    result = run(*command, "--rules", str(file), stdin=PAGE)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["title"] == json.loads(plain.stdout)["title"]
    for part in ("[title] select: h1.nmae", "[site] post: body.quay"):
        assert part in result.stderr
    assert "[authors]" not in result.stderr
    assert plain.stderr == ""


@pytest.mark.parametrize(
    ("rules", "kind", "names"),
    [
        ('[title]\nselect = ["h1:nth-child(x)"]', "BadRules", "[title] select"),
        ('[headline]\nselect = "h1"', "BadRules", "[headline]"),
        ("title = ", "BadRules", ""),
        ("[title]", "BadRules", "[title]"),
        (None, "UnreadableInput", ""),
        ("", "UnreadableInput", ""),
    ],
)
def test_extract_reports_errors_in_rules(run: Run, tmp_path: Path, rules: str | None, kind: str, names: str) -> None:
    file = tmp_path / "quay.toml"
    if rules is not None:
        file.write_text(rules)
    result = run("extract", "-", "--url", "https://quay.example/rope", "--rules", str(file), stdin=PAGE)
    assert (result.exit_code, result.stdout) == (2 if kind == "BadRules" else 1, "")
    assert fault(result).split()[0] == kind
    assert names in result.stderr
    assert str(file) in result.stderr


@pytest.mark.parametrize(
    ("args", "stdin", "code", "error"),
    [
        (["-"], PAGE, 2, "MissingParameter --url"),
        (["-", "--url", "nonsense"], PAGE, 2, "BadAddress nonsense"),
        (["-", "--url", "https://a.example/"], " \n", 1, "UnreadableInput The standard input"),
        (["/nowhere/page.html", "--url", "https://a.example/"], None, 1, "UnreadableInput /nowhere/page.html"),
        (["/", "--url", "https://a.example/"], None, 1, "UnreadableInput /"),
    ],
)
def test_wrong_input_of_extract_is_an_error(
    run: Run, args: list[str], stdin: str | None, code: int, error: str
) -> None:
    result = run("extract", *args, stdin=stdin)
    assert (result.exit_code, result.stdout) == (code, "")
    assert fault(result).startswith(error)


def test_extract_takes_any_bytes(run: Run) -> None:
    result = run("extract", "-", "--url", "https://a.example/x", stdin=b"<p>" + bytes(range(1, 256)) * 40)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["url"] == "https://a.example/x"


@pytest.mark.parametrize(
    ("args", "code", "error"),
    [
        (["status", "nowhere.example"], 1, "SiteNotFound nowhere.example"),
        (["why", "https://harbour.example/none"], 1, "URLNotFound https://harbour.example/none"),
        (["why", "nonsense"], 2, "BadAddress nonsense"),
        (["why"], 2, "MissingParameter URL|ID..."),
        (["sites", "show", "nowhere.example"], 1, "SiteNotFound nowhere.example"),
        (["sites", "remove", "nowhere"], 1, "SiteNotFound nowhere"),
        (["sites", "set", "harbour.example"], 2, "UsageError"),
        (["sites", "fly"], 2, "NoSuchCommand"),
    ],
)
def test_wrong_input_is_an_error(run: Run, args: list[str], code: int, error: str) -> None:
    result = run(*args)
    assert (result.exit_code, fault(result), result.stdout) == (code, error, "")


def test_untrusted_claims_are_listed(own_archive: Path) -> None:
    db = Database(own_archive)
    db.execute(
        "update sites set untrusted = ? where name = 'harbour.example'",
        ['{"sitemap dates": "2026-03-01T12:00:00+00:00"}'],
    )
    db.conn.commit()
    db.close()
    [state] = json.loads(run_on(own_archive, "status", "harbour.example", "--json").stdout)
    assert state["untrusted"] == {"sitemap dates": "2026-03-01T12:00:00+00:00"}
    shown = run_on(own_archive, "status", "harbour.example").stdout
    assert [line for line in shown.splitlines() if "sitemap dates" in line and "2026-03-01 12:00" in line]
