"""bench/built_sites: the blog, its formats and the scorer. Software is neither installed nor run."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from built_sites import blog as blogs
from built_sites.blog import Blog, Change, Code, Post
from built_sites.builder import Builder, Shown, write_sources
from built_sites.installation import BuildError, NotInstalledError, debian, run
from built_sites.measure import Failed, Measured, after_change, measure
from built_sites.report import print_json, print_tables
from built_sites.score import plain_path, score
from built_sites.sites import BUILDERS
from built_sites.web_server import serving
from table import Column, show


class Plain(Builder):
    """A site whose pages show everything."""

    name = "plain"
    needs = "nothing"

    def install(self) -> str:
        return "Plain 1"

    def build(self, blog: Blog, folder: Path, base: str) -> Path:
        for post in blog.posts:
            (folder / f"{post.slug}.html").write_text(post.html, encoding="utf-8")
        return folder

    def path(self, post: Post) -> str:
        return f"/{post.slug}.html"


class Bare(Plain):
    shown = Shown(time=False, author=False, categories=False, tags=False)


class Nameless(Plain):
    shown = Shown(code_language=False)


class NotToBeHad(Plain):
    def install(self) -> str:
        raise NotInstalledError("no such package")


class Broken(Plain):
    def build(self, blog: Blog, folder: Path, base: str) -> Path:
        raise BuildError("no such template")


class Elsewhere(Plain):
    """Its pages lie at other paths than it says."""

    def path(self, post: Post) -> str:
        return f"/2022/{post.slug}.html"


SITE = Plain(Path("cache"))
BLOG, CHANGE = blogs.load()


def article(post: Post, **values: Any) -> dict[str, Any]:
    """A record that has every field of the post."""
    return {
        "url": f"http://127.0.0.1:1/{post.slug}.html",
        "canonical_url": None,
        "aliases": [],
        "title": post.title,
        "published": post.published.isoformat(),
        "published_precision": "minute",
        "authors": [post.author],
        "categories": list(post.categories),
        "tags": list(post.tags),
        "language": post.language,
        "body": post.plain,
        "markdown": post.markdown,
        "revision": 1,
        "gone_at": None,
    } | values


def articles(slug: str = "", blog: Blog = BLOG, **values: Any) -> list[dict[str, Any]]:
    """The records of all posts, of which that of `slug` has other values."""
    return [article(post, **(values if post.slug == slug else {})) for post in blog.posts]


def named(slug: str) -> Post:
    return next(post for post in BLOG.posts if post.slug == slug)


def test_the_blog_has_thirty_posts() -> None:
    assert len({post.slug for post in BLOG.posts}) == 30


def test_the_blog_has_three_languages() -> None:
    assert {post.language for post in BLOG.posts} == {"en", "ru", "ja"}


@pytest.mark.parametrize("kind", [blogs.Text, blogs.Heading, blogs.Items, blogs.Table, blogs.Code, blogs.Images])
def test_the_blog_has_a_post_with_each_kind_of_block(kind: type) -> None:
    assert any(isinstance(block, kind) for post in BLOG.posts for block in post.body)


def test_the_blog_has_a_post_without_title_and_one_without_text() -> None:
    assert [post.slug for post in BLOG.posts if not post.title] == ["note-of-19-may"]
    assert [post.slug for post in BLOG.posts if not post.plain] == ["picture-of-the-flood-mark"]


def test_a_change_names_posts_of_the_blog() -> None:
    slugs = {post.slug for post in BLOG.posts}
    assert {CHANGE.edited, CHANGE.deleted} < slugs
    assert CHANGE.new.slug not in slugs


def test_a_changed_blog_differs_in_three_posts() -> None:
    now = blogs.changed(BLOG, CHANGE)
    assert {post.slug for post in set(now.posts) ^ set(BLOG.posts)} == {CHANGE.edited, CHANGE.deleted, CHANGE.new.slug}


def test_code_is_escaped_in_html() -> None:
    assert Code("go", "a < b\n").html == (
        '<pre class="wp-block-code"><code class="language-go">a &lt; b\n</code></pre>'
    )


def test_inline_marks_are_no_words_of_a_text() -> None:
    text = blogs.Text("An *iron* [collar](https://example.org/)")
    assert text.plain == "An iron collar"
    assert text.html == '<p>An <em>iron</em> <a href="https://example.org/">collar</a></p>'


def test_a_table_in_markdown_has_a_rule_below_its_head() -> None:
    assert blogs.Table((("a", "b"), ("1", "2"))).markdown == "| a | b |\n|---|---|\n| 1 | 2 |"


def test_a_block_of_unknown_kind_is_an_error(tmp_path: Path) -> None:
    source = tmp_path / "posts.yaml"
    source.write_text(blogs.SOURCE.read_text(encoding="utf-8").replace("      - items:", "      - itmes:"), "utf-8")
    with pytest.raises(ValueError, match="unknown kind"):
        blogs.load(source)


def test_perfect_articles_have_no_mistakes() -> None:
    figures = score(BLOG, articles(), SITE)
    assert figures.mistakes == ()
    assert (figures.recall, figures.precision, figures.code) == (1, 1, 4)


def test_a_missing_post_lowers_the_recall() -> None:
    figures = score(BLOG, articles()[3:], SITE)
    assert (figures.recall, figures.precision) == (0.9, 1)


def test_a_page_and_a_second_article_of_a_post_lower_the_precision() -> None:
    extra = [article(BLOG.posts[0]), article(BLOG.posts[0], url="http://127.0.0.1:1/about/")]
    figures = score(BLOG, [*articles(), *extra], SITE)
    assert (figures.recall, figures.false) == (1, 2)


def test_an_article_is_matched_by_an_alias() -> None:
    slug = BLOG.posts[0].slug
    moved = articles(slug, url="http://127.0.0.1:1/?p=7", aliases=[f"http://127.0.0.1:1/{slug}.html"])
    assert score(BLOG, moved, SITE).recall == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://host/a/index.html", "/a/"),
        ("http://host/%D0%B0/", "/а"),
        ("http://host/a#top", "/a"),
    ],
)
def test_forms_of_an_address_are_equal(one: str, other: str) -> None:
    assert plain_path(one) == plain_path(other)


def test_addresses_with_another_query_differ() -> None:
    assert plain_path("/?p=1") != plain_path("/?p=2")


PROSE, CODE = "closed-on-monday", "reading-the-gauge-with-a-script"
TEXT = named(PROSE).plain


@pytest.mark.parametrize(
    ("field", "slug", "values"),
    [
        ("title", PROSE, {"title": "The Millrace Journal"}),
        ("title", "note-of-19-may", {"title": "Entry - The Millrace Journal"}),
        ("title", "note-of-19-may", {"title": "Closed on Monday"}),
        ("day", PROSE, {"published": None}),
        ("day", PROSE, {"published": "2022-05-09T00:00:00+00:00", "published_precision": "day"}),
        ("time", PROSE, {"published": "2022-05-08T00:00:00+00:00", "published_precision": "day"}),
        ("time", PROSE, {"published": "2022-05-08T01:30:00+04:00"}),
        ("author", PROSE, {"authors": []}),
        ("category", PROSE, {"categories": ["Field Notes", "bakery"]}),
        ("category", PROSE, {"categories": ["field notes"]}),
        ("tag", PROSE, {"tags": []}),
        ("language", "mizu-no-oto", {"language": "en"}),
        ("whole", PROSE, {"body": "The oven rests."}),
        ("clean", PROSE, {"body": f"{TEXT}\n\nNext: Harvest supper"}),
        ("code", CODE, {"body": named(CODE).plain.replace("    ", " ")}),
    ],
)
def test_a_wrong_field_is_a_mistake_of_that_field(field: str, slug: str, values: dict[str, Any]) -> None:
    mistakes = score(BLOG, articles(slug, **values), SITE).mistakes
    assert any(mistake.startswith(f"{field}: {slug}: ") for mistake in mistakes)


@pytest.mark.parametrize(
    ("slug", "values"),
    [
        ("why-stone-and-not-steel", {"body": named("why-stone-and-not-steel").plain.replace("'", "’")}),
        ("note-of-19-may", {"title": "A kingfisher sat on the sluice handle"}),
        ("note-of-19-may", {"title": None}),
        (PROSE, {"published": "2022-05-07T20:30:00+00:00"}),
        ("picture-of-the-flood-mark", {"body": "A line cut into the doorpost"}),
        ("picture-of-the-flood-mark", {"body": None}),
        ("counting-turns-in-go", {"body": named("counting-turns-in-go").plain.replace("\t", "    ")}),
    ],
)
def test_what_differs_in_form_only_is_no_mistake(slug: str, values: dict[str, Any]) -> None:
    assert score(BLOG, articles(slug, **values), SITE).mistakes == ()


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Next: Harvest supper", "another title"),
        ("Closed on Monday", "its title"),
        ("Tagged: bakery", "row of tags"),
        ("Leave a comment", "line"),
    ],
)
def test_a_foreign_line_is_named_by_its_kind(line: str, kind: str) -> None:
    [mistake] = score(BLOG, articles(PROSE, body=f"{TEXT}\n\n{line}"), SITE).mistakes
    assert mistake.startswith(f"clean: {PROSE}: {kind} ")


def test_a_comment_in_a_body_is_named() -> None:
    post = named("harvest-supper")
    [mistake] = score(BLOG, articles(post.slug, body=f"{post.plain}\n\n{post.comments[0].text}"), SITE).mistakes
    assert mistake.startswith("clean: harvest-supper: comment ")


@pytest.mark.parametrize(
    ("values", "right"),
    [
        ({"categories": [], "tags": [], "authors": []}, 30),
        ({"categories": ["field notes"]}, 30),
        ({"categories": ["bakery"]}, 29),
    ],
)
def test_a_field_that_is_not_shown_may_be_missing_but_not_false(values: dict[str, Any], right: int) -> None:
    figures = score(BLOG, articles(PROSE, **values), Bare(Path("cache")))
    assert figures.category == right


LISTS, CODE = "frequently-asked-at-the-counter", "counting-turns-in-go"


@pytest.mark.parametrize(
    ("slug", "kind", "old", "new"),
    [
        (CODE, "code_lines", "\n  .map(", "\n.map("),
        (CODE, "code_lines", "\n  <button>Open</button>", ""),
        (CODE, "languages", "```yaml", "```"),
        (LISTS, "list_items", "    - branches", "- branches"),
        (LISTS, "list_items", "3. Lift", "1. Lift"),
        (LISTS, "table_cells", "| pine |", "|"),
        (LISTS, "table_cells", "`bell`", "bell"),
    ],
)
def test_a_difference_of_structure_is_counted(slug: str, kind: str, old: str, new: str) -> None:
    markdown = named(slug).markdown
    assert markdown.count(old) == 1
    figures = score(BLOG, articles(slug, markdown=markdown.replace(old, new)), SITE)
    assert getattr(figures, kind) < 1
    assert [mistake.split(":")[0] for mistake in figures.mistakes] == [kind]


def test_equal_texts_have_the_whole_structure() -> None:
    figures = score(BLOG, articles(), SITE)
    assert (figures.code_lines, figures.languages, figures.list_items, figures.table_cells) == (1, 1, 1, 1)


def test_the_language_of_code_is_not_judged_where_pages_do_not_have_it() -> None:
    assert score(BLOG, articles(), Nameless(Path("cache"))).languages is None


def test_a_time_that_is_not_shown_is_not_judged() -> None:
    assert score(BLOG, articles(), Bare(Path("cache"))).time is None


def seen(change: Change = CHANGE, **values: Any) -> dict[str, Any]:
    """What the second crawl saw, if it read all pages; `values` are others for the deleted post."""
    now = blogs.changed(BLOG, change)
    deleted = article(named(change.deleted), gone_at="2026-01-01T00:00:00+00:00") | values
    return after_change(BLOG, change, [*articles(change.edited, now, revision=2), deleted], SITE)


def test_all_changes_are_seen() -> None:
    assert seen() == {"edit": "yes", "new": "yes", "deleted": "yes", "revised": 0, "false": 0}


def test_a_deletion_that_is_not_seen_is_reported() -> None:
    assert seen(gone_at=None)["deleted"] == "no"


def test_an_unchanged_archive_has_seen_nothing() -> None:
    found = after_change(BLOG, CHANGE, articles(), SITE)
    assert (found["edit"], found["new"], found["deleted"]) == ("no", "no", "no")


def test_a_post_that_was_never_found_cannot_be_deleted() -> None:
    kept = [record for record in articles() if CHANGE.deleted not in record["url"]]
    assert after_change(BLOG, CHANGE, kept, SITE)["deleted"] == "never had it"


def test_revisions_of_posts_that_were_not_edited_are_counted() -> None:
    assert after_change(BLOG, CHANGE, articles(PROSE, revision=2), SITE)["revised"] == 1


@pytest.mark.parametrize(
    ("builder", "reason"),
    [
        (NotToBeHad, "cannot be installed: no such package"),
        (Broken, "cannot be built with Plain 1: no such template"),
        (Elsewhere, "cannot be built with Plain 1: posts without a page, or drafts with one: the-wheel-turns-again, "),
    ],
)
def test_what_cannot_be_measured_has_failed_for_a_reason(builder: type[Builder], reason: str, tmp_path: Path) -> None:
    failed = measure(builder(tmp_path), tmp_path / "work")
    assert isinstance(failed, Failed)
    assert failed.reason.startswith(reason)


def test_a_crawl_without_a_summary_fails_its_site_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crawl(start: str, archive: Path, *options: str) -> None:
        raise SystemExit("no summary")

    monkeypatch.setattr("built_sites.measure.crawl", crawl)
    assert measure(Plain(tmp_path), tmp_path / "work") == Failed("cannot be crawled: no summary")


def test_a_program_that_fails_is_an_error_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="line of its own"):
        run(["sh", "-c", "echo a line of its own; exit 3"], tmp_path)


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="no Debian system")
def test_an_installed_package_of_debian_is_not_installed_again() -> None:
    assert list(debian("dpkg")) == ["dpkg"]


ROW = {"posts": 30, "recall": 1.0, "precision": 1.0, "requests": 40, "per_post": 1.3, "category": 7}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (Measured("Plain 1", ROW, Shown()), 0),
        (Measured("Plain 1", ROW | {"recall": 0.9}, Shown()), 1),
        (Measured("Plain 1", {"articles": 0, "exit_code": 1, "red": 1, "named": 1}, Shown()), 0),
        (Measured("Plain 1", {"articles": 0, "exit_code": 0, "red": 1, "named": 1}, Shown()), 1),
        (Failed("cannot be installed"), 1),
    ],
)
def test_the_exit_code_says_whether_all_bars_are_met(row: Measured | Failed, code: int) -> None:
    assert print_tables({"plain": row}) == code
    assert print_json({"plain": row}) == code


def test_a_site_that_was_not_built_is_named_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"plain": Failed("no npm here")})
    assert json.loads(capsys.readouterr().out)["sites"] == {"plain": {"reason": "no npm here"}}


def test_a_figure_of_a_field_that_is_not_shown_is_in_parentheses(capsys: pytest.CaptureFixture[str]) -> None:
    print_tables({"plain": Measured("Plain 1", ROW, Shown(categories=False))})
    assert " (7) " in capsys.readouterr().out


@pytest.mark.parametrize("builder", BUILDERS.values(), ids=BUILDERS)
def test_posts_of_a_site_have_paths_of_their_own(builder: type[Builder], tmp_path: Path) -> None:
    site = builder(tmp_path)
    assert len({plain_path(site.path(post)) for post in BLOG.posts}) == 30


def test_sources_are_removed_and_unchanged_ones_keep_their_time(tmp_path: Path) -> None:
    write_sources(tmp_path, {"posts/a.md": "a", "posts/b.md": "b"}, ["posts"])
    before = (tmp_path / "posts/a.md").stat().st_mtime_ns
    write_sources(tmp_path, {"posts/a.md": "a", "posts/c.md": "c"}, ["posts"])
    assert sorted(path.name for path in (tmp_path / "posts").iterdir()) == ["a.md", "c.md"]
    assert (tmp_path / "posts/a.md").stat().st_mtime_ns == before


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "blog").mkdir()
    (tmp_path / "blog" / "index.html").write_text("<p>home</p>", encoding="utf-8")
    with serving() as folder:
        folder.root = tmp_path
        yield folder.base


def get(url: str, **headers: str) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=20) as answer:
            return answer.status, answer.headers["ETag"]
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_a_folder_is_served_by_its_index(site: str) -> None:
    assert get(f"{site}/blog/")[0] == 200


def test_an_unchanged_page_is_not_sent_again(site: str) -> None:
    _, tag = get(f"{site}/blog/")
    assert get(f"{site}/blog/", **{"If-None-Match": tag})[0] == 304


@pytest.mark.parametrize("path", ["/missing/", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd"])
def test_what_is_not_in_the_folder_is_not_found(site: str, path: str) -> None:
    assert get(f"{site}{path}")[0] == 404


def test_a_shell_is_served_for_every_page(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<div id=root></div>", encoding="utf-8")
    with serving("index.html") as folder:
        folder.root = tmp_path
        assert [get(f"{folder.base}{path}")[0] for path in ("/any/page", "/missing.js")] == [200, 404]


def test_a_table_without_bars_does_not_claim_that_they_are_met(capsys: pytest.CaptureFixture[str]) -> None:
    assert show([Column("requests", "requests")], {"plain": ROW}) == 0
    assert "bar" not in capsys.readouterr().out
