"""`sites check`: a trial crawl that stores nothing."""

from __future__ import annotations

import json
from pathlib import Path

from archiver.cli.commands.site_check import format_report
from tests.processes import run
from tests.spiders.crawling import text
from tests.spiders.site_server import Pages, home, page, serving


def blog(posts: int) -> Pages:
    paths = [f"/post-{n}/" for n in range(posts)]
    pages: Pages = {
        path: page(f"Number {n}", f"Words of {n} stand here for a while. " * 9) for n, path in enumerate(paths)
    }
    return pages | {
        "/": home(*paths),
        "/robots.txt": text("User-agent: *\nCrawl-delay: 7\n"),
        "/sitemap.xml": text(
            "<urlset>" + "".join(f"<url><loc>{{base}}{path[1:]}</loc></url>" for path in paths) + "</urlset>",
            Content_Type="application/xml",
        ),
    }


def test_check_reports_an_open_a_forbidden_an_absent_and_a_broken_site(tmp_path: Path) -> None:
    with (
        serving(blog(200)) as open_,
        serving({"/robots.txt": text("User-agent: *\nDisallow: /\n")}) as closed,
        serving({"/robots.txt": text("", 500)}) as broken,
    ):
        sitemap = open_.pages["/sitemap.xml"]
        sitemap.body = sitemap.body.replace(b"{base}", open_.url.encode())  # type: ignore[union-attr]
        done = run(
            "archiver",
            "sites",
            "check",
            open_.url,
            closed.url,
            "http://127.0.0.1:9/",
            broken.url,
            "--json",
            "--workers",
            "1",
            "--archive",
            str(tmp_path / "none.db"),
        )
        good, shut, none, later = json.loads(done.stdout)
        assert done.returncode == 1
        assert list(tmp_path.iterdir()) == []
        assert good["outcome"] == "finished"
        assert good["posts"] == 200
        assert good["sampled"] == 10
        assert good["robots"]["crawl_delay"] == 7
        assert good["hours"] == round(200 * 7 / 3600, 2)
        assert good["fields"]["title"] == good["fields"]["published"] == 1
        assert "image" in good["missing"]
        assert any(source["kind"] == "sitemap" and source["outcome"] == "not-article" for source in good["sources"])
        assert sum(path.startswith("/post-") for path in open_.requests) == 10
        assert len(open_.requests) <= 60
        assert shut["robots"]["forbids_home"] == "Disallow: /"
        assert shut["outcome"] == "failed"
        assert not shut["sampled"]
        assert set(closed.requests) <= {"/robots.txt", "/.well-known/tdmrep.json"}
        assert none["outcome"] == "failed"
        assert none["reason"] not in ("", shut["reason"])
        assert good["posts"] > none["posts"] == shut["posts"] == 0
        assert later["outcome"] == "waiting"
        assert "robots.txt" in later["reason"]
        assert not later["posts"]
        for one, more in ((none, ""), (later, ""), (shut, "(Disallow: /)")):
            lines = [line.plain for line in format_report(one)]
            assert lines[1] == f"  {one['outcome']}: {one['reason']}"
            assert "".join(lines[2:]).endswith(more)
            assert len(lines[2:]) == bool(more)


def test_check_tries_rules_without_storing_them(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[title]\nselect = ["h1"]\n[tags]\nselect = [".no-such-class"]\n')
    with serving(blog(12)) as server:
        sitemap = server.pages["/sitemap.xml"]
        sitemap.body = sitemap.body.replace(b"{base}", server.url.encode())  # type: ignore[union-attr]
        words = ("archiver", "sites", "check", server.url, "--delay", "0", "--json")
        done = run(*words, "--rules", str(file), "--archive", str(tmp_path / "none.db"))
    (report,) = json.loads(done.stdout)
    assert report["rules_without_match"] == [
        {"field": "tags", "select": ".no-such-class", "without": 10, "articles": 10}
    ]
    assert [found.name for found in tmp_path.iterdir()] == ["rules.toml"]
