"""`archiver add` archives single pages of real servers, and nothing else of their sites; `extract URL` prints one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.processes import run, without_proxies
from tests.spiders.crawling import archiver, crawl, rows, successive
from tests.spiders.site_server import Answer, Pages, home, page, serving

ROBOTS = Answer(b"User-agent: *\nDisallow: /private/\n", headers={"Content-Type": "text/plain"})
PDF = Answer(b"%PDF-1.4 x", headers={"Content-Type": "application/pdf"})


def blog(**more: Any) -> Pages:
    return {
        "/": home("/2024/a-post/", "/2024/b-post/"),
        "/robots.txt": ROBOTS,
        "/2024/a-post/": page("A post", tail='<a href="/2024/c-post/">next</a>'),
        "/2024/b-post/": page("B post", "Another text is told here. " * 12),
        "/2024/c-post/": page("C post", "A third text is told here. " * 12),
        "/moved/": Answer(b"", 301, {"Location": "/2024/a-post/"}),
        "/private/x": page("Secret"),
        "/file.pdf": PDF,
        **more,
    }


def add(*words: str, archive: Path) -> tuple[int, dict[str, dict[str, Any]]]:
    """Add pages; return the exit code and what came of each, by its address."""
    done = archiver("add", *words, "--json", archive=archive)
    return done.returncode, {one["asked"]: one for one in json.loads(done.stdout)}


def outcomes(found: dict[str, dict[str, Any]], base: str) -> dict[str, str]:
    return {asked.removeprefix(base): one["outcome"] for asked, one in found.items()}


def test_each_page_has_its_outcome_and_only_it_is_requested(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    names = ("2024/a-post/", "moved/", "private/x", "nope", "file.pdf")
    with serving(blog()) as site:
        code, found = add(*(site.url + name for name in names), "not-a-url", archive=archive)
        requested = set(site.requests)
    assert code == 1
    assert outcomes(found, site.url) == {
        "2024/a-post/": "new",
        "moved/": "unchanged",
        "private/x": "refused",
        "nope": "gone",
        "file.pdf": "not-article",
        "not-a-url": "invalid",
    }
    assert found[site.url + "2024/a-post/"]["title"] == "A post"
    probes = {one for one in requested if re.fullmatch("/[0-9a-f]{20}/", one)}
    assert len(probes) == 1
    assert requested - probes <= {
        "/robots.txt",
        "/.well-known/tdmrep.json",
        "/2024/a-post/",
        "/moved/",
        "/nope",
        "/file.pdf",
    }
    assert rows(archive, "select count(*) from captures where status = 200 and url like '%a-post%'") == [(1,)]
    assert rows(archive, "select url from pages where url like '%nope' or url like '%c-post%'") == []


def test_a_new_site_keeps_single_pages_until_it_is_named(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(blog()) as site:
        assert add(site.url + "2024/a-post/", archive=archive)[0] == 0
        (listed,) = json.loads(archiver("sites", "list", "--json", archive=archive).stdout)
        assert listed["settings"] == {"crawl": False}
        assert json.loads(archiver("status", listed["name"], "--json", archive=archive).stdout)[0]["missing_total"] == 0
        named = crawl(site.url, archive=archive)
        assert named.returncode == 0
        assert f"'archiver sites set {listed['name']} crawl=yes'" in named.stderr
    assert rows(archive, "select title from articles order by title") == [("A post",), ("B post",), ("C post",)]


def test_known_pages_are_fetched_again_only_when_asked(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages = blog()
    pages["/2024/a-post/"] = successive(page("A post"), page("A post", "It was rewritten in full. " * 12))
    with serving(pages) as site:
        url = site.url + "2024/a-post/"
        assert outcomes(add(url, archive=archive)[1], site.url) == {"2024/a-post/": "new"}
        before = len(site.requests)
        known = add(url, archive=archive)
        assert (known[0], known[1][url]["outcome"], len(site.requests)) == (0, "known", before)
        again = add(url, "--again", archive=archive)[1][url]
        assert (again["outcome"], again["revision"], again["id"]) == ("revised", 2, known[1][url]["id"])


def test_a_page_of_a_crawled_site_belongs_to_it(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages = blog()
    with serving(pages) as site:
        assert crawl(site.url, archive=archive).returncode == 0
        pages["/2024/d-post/"] = page("D post", "A hidden text is told here. " * 12)
        code, found = add(site.url + "2024/d-post/", archive=archive)
        again = crawl(site.url, "--json", archive=archive)
    assert (code, found[site.url + "2024/d-post/"]["outcome"]) == (0, "new")
    assert rows(archive, "select count(*) from sites") == [(1,)]
    assert rows(archive, "select mode from runs order by id") == [("incremental",), ("pages",), ("incremental",)]
    assert json.loads(again.stdout)[0]["health"]["state"] != "red"


def test_a_page_that_moved_to_another_host_is_archived_there(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(blog()) as new, serving({}) as old:
        old.pages["/x/"] = Answer(b"", 301, {"Location": new.url + "2024/b-post/"})
        # A process of its own, because the fork server of the tests cannot run Scrapy twice for one command.
        words = [sys.executable, "-m", "archiver", "add", old.url + "x/", "--json", "--archive", str(archive)]
        done = subprocess.run(words, env=without_proxies(), capture_output=True, text=True, check=False)
    (one,) = json.loads(done.stdout)
    assert (done.returncode, one["outcome"], one["url"]) == (0, "new", new.url + "2024/b-post/")
    assert one["site"] == new.url.split("/")[2]


def test_lists_come_from_files_and_standard_input(tmp_path: Path) -> None:
    archive, listed = tmp_path / "a.db", tmp_path / "list.txt"
    with serving(blog()) as site:
        listed.write_text(f"# my list\n\n{site.url}2024/a-post/\n{site.url}2024/a-post/\n")
        typed = tmp_path / "typed.txt"
        typed.write_text(f"{site.url}2024/b-post/\n")
        done = run("archiver", "add", "-", "--from", str(listed), "--json", "--archive", str(archive), stdin=typed)
    assert done.returncode == 0
    assert [one["title"] for one in json.loads(done.stdout)] == ["B post", "A post"]


def test_what_a_site_shows_for_any_address_is_no_article(tmp_path: Path) -> None:
    class Everywhere(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            return super().get(key, page("Here you find our posts about the sea and the people who live from it"))

    with serving(Everywhere(blog())) as site:
        code, found = add(site.url + "2024/a-post/", site.url + "2023/mistyped-post/", archive=tmp_path / "a.db")
    assert (code, outcomes(found, site.url)) == (1, {"2024/a-post/": "new", "2023/mistyped-post/": "gone"})
    assert "a page that does not exist" in found[site.url + "2023/mistyped-post/"]["reason"]


def test_a_mistyped_address_leaves_no_capture_beside_other_sites(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(blog()) as site, serving(blog()) as other:
        add(site.url + "2024/a-post/", archive=archive)
        before = rows(archive, "select count(*) from captures")
        assert add(other.url + "nope/", archive=archive)[1][other.url + "nope/"]["outcome"] == "gone"
    assert rows(archive, "select count(*) from captures") == before
    assert rows(archive, "select count(*) from sites") == [(1,)]


def test_a_mistyped_address_leaves_no_site(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    archive.touch()  # as a full disk leaves it
    with serving(blog()) as site:
        assert add(site.url + "nope/", archive=archive)[1][site.url + "nope/"]["outcome"] == "gone"
    closed = add(site.url + "nope/", archive=archive)  # the server is down by now
    assert (closed[0], closed[1][site.url + "nope/"]["outcome"]) == (1, "failed")
    assert [file.name for file in tmp_path.iterdir() if file.name != "log"] == []


def test_a_foreign_site_needs_a_contact_before_anything_is_made(tmp_path: Path) -> None:
    done = archiver("add", "http://192.0.2.1/a-post", archive=tmp_path / "a.db", environment={"ARCHIVER_CONTACT": ""})
    assert done.returncode == 2
    assert not (tmp_path / "a.db").exists()


def test_extract_fetches_one_page_and_keeps_nothing(tmp_path: Path) -> None:
    with serving(blog()) as site:
        done, refused, missing = (
            run("archiver", "extract", site.url + name, folder=tmp_path) for name in ("moved/", "private/x", "nope")
        )
    assert done.returncode == 0
    article = json.loads(done.stdout)
    assert (article["title"], article["url"]) == ("A post", site.url + "2024/a-post/")
    assert (refused.returncode, missing.returncode) == (1, 1)
    assert "robots.txt" in refused.stderr
    assert "404" in missing.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_crawl_of_one_post_adds_no_site(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(blog()) as site:
        refused = crawl(site.url + "2024/a-post/", archive=archive)
        assert not archive.exists()
        assert crawl(site.url, archive=archive).returncode == 0
        requests = len(site.requests)
        again = crawl(site.url + "2024/b-post/", archive=archive)
        assert (again.returncode, len(site.requests)) == (2, requests)
        insisted = crawl(site.url + "2024/a-post/", "--as-site", archive=tmp_path / "b.db")
    assert refused.returncode == 2
    assert f"archiver add {site.url}2024/a-post/" in refused.stderr
    assert f"archiver crawl {site.url}" in refused.stderr
    assert rows(archive, "select count(*) from sites") == [(1,)]
    assert insisted.returncode == 0


def test_a_removed_post_does_not_come_back(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(blog()) as site:
        url = site.url + "2024/a-post/"
        add(url, site.url + "2024/b-post/", archive=archive)
        assert archiver("remove", url, "--reason", "its author asked", "--yes", archive=archive).returncode == 0
        again = add(url, "--again", archive=archive)
        moved = add(site.url + "moved/", archive=archive)
    assert (again[0], again[1][url]["outcome"]) == (1, "removed")
    assert (moved[0], moved[1][site.url + "moved/"]["id"]) == (1, None)
    assert rows(archive, "select title from articles") == [("B post",)]
