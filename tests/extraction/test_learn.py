"""Learning a site's rules, and extraction with them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from archiver.extraction.article import extract_page
from archiver.extraction.page import parse_page
from archiver.extraction.rule_reader import read_field
from archiver.extraction.site_rules import BYLINE, NAME_BESIDE_DATE, Rule, SiteRules, from_toml, to_toml
from archiver.learning.rule_induction import MIN_POSTS, Sample, learn_rules
from archiver.model.items import Article, PageKind, SourceHint
from tests.small_sites import (
    AUTHORS,
    NEWSLETTER,
    PROMOTION,
    SamplePost,
    Theme,
    classic,
    crowded,
    pages,
    promoting,
    sample_posts,
    samples,
    silent,
)

ROOT = Path(__file__).parents[2]
READ = ("title", "body", "authors", "published", "categories", "tags")


def learned_rules(theme: Theme, posts: list[SamplePost]) -> SiteRules:
    rules = learn_rules(samples(theme, posts))
    assert rules is not None
    return replace(rules, version="rules-1")


def read(theme: Theme, post: SamplePost, rules: SiteRules | None, others: list[SamplePost] | None = None) -> Article:
    page = parse_page(theme(post, others or []), f"https://low.example{post.path}")
    return extract_page(page, None, PageKind.POST, rules=rules)


@pytest.mark.parametrize("theme", [classic, silent, crowded])
def test_rules_give_the_known_values_and_those_of_general_extraction(theme: Theme) -> None:
    posts = sample_posts(40)
    rules = learned_rules(theme, posts[:25])
    for post in posts[25:]:
        by_rules, as_any = (read(theme, post, r, posts[:3]) for r in (rules, None))
        assert by_rules.read_by == "rules-1"
        assert by_rules.published is not None
        assert (by_rules.title, by_rules.body, by_rules.authors, by_rules.published.date()) == (
            post.title,
            post.body,
            (post.author,),
            post.at.date(),
        )
        assert {name: getattr(by_rules, name) for name in READ} == {name: getattr(as_any, name) for name in READ}
        assert {e.source for e in by_rules.evidence if e.field in ("title", "body")} == {"learned"}


def test_term_lists_are_found_by_the_names_of_their_containers() -> None:
    posts = sample_posts(40)
    rules = learned_rules(classic, posts[:25])
    assert rules.fields["tags"].agreement == rules.fields["categories"].agreement == 1.0
    article = read(classic, posts[30], rules)
    assert (article.categories, set(article.tags)) == ((posts[30].category,), set(posts[30].tags))


def test_rules_select_the_posts_own_date_and_author() -> None:
    posts = sample_posts(40)
    rules = learned_rules(crowded, posts[:25])
    alone = read(crowded, posts[30], rules)
    beside = read(crowded, posts[30], rules, posts[:6])
    assert beside.published == alone.published is not None
    assert beside.published.date() == posts[30].at.date()
    assert beside.authors == alone.authors == (posts[30].author,)


def test_repeated_paragraphs_are_dropped_but_headings_are_kept() -> None:
    posts = sample_posts(40)
    rules = learned_rules(promoting, posts[:25])
    assert set(rules.fields["body"].lines) == {PROMOTION, NEWSLETTER}
    body = read(promoting, posts[30], rules).body
    assert PROMOTION not in body
    assert NEWSLETTER not in body
    for heading in (
        "Introduction and summary of this",
        "What we found on the way there",
        "More to look up in the library",
        "References",
    ):
        assert heading in body.split("\n\n")
    assert all(p in body for p in posts[30].paragraphs)


def test_white_space_before_a_title_does_not_count_as_its_text() -> None:
    def indented(post: SamplePost, others: Sequence[SamplePost] = ()) -> str:
        return silent(post, others).replace('<h1 class="z9">', f'<h1 class="z9">{" " * 700}')

    assert learned_rules(indented, sample_posts(25)).fields["title"].select == ("h1.z9",)


def test_a_repeated_sentence_that_the_source_reports_is_kept() -> None:
    posts = sample_posts(30)
    leads = [
        SourceHint(
            title=t.title,
            body_html=f"<p>{t.paragraphs[0]}</p><p>{PROMOTION}</p>" + "".join(f"<p>{p}</p>" for p in t.paragraphs[1:]),
            published=t.at,
            from_api=True,
            post_id=str(t.number),
        )
        for t in posts
    ]
    found = samples(promoting, posts, leads)
    # The API's text is that of the post, so the repeated sentence belongs to it.
    taught = [
        replace(s, article=replace(s.article, body="\n\n".join((*t.paragraphs, PROMOTION))))
        for s, t in zip(found, posts, strict=True)
    ]
    rules = learn_rules(taught)
    assert rules is None or PROMOTION not in rules.fields["body"].lines


def test_the_source_wins_over_general_extraction() -> None:
    posts = sample_posts(30)
    leads = [
        SourceHint(
            title=t.title,
            published=t.at - timedelta(days=2),
            authors=("Vera Holm",),
            from_api=True,
            post_id=str(t.number),
        )
        for t in posts
    ]
    rules = learn_rules(samples(classic, posts, leads))
    assert rules is not None
    assert rules.teacher == "api"
    # No element has the API's date, and no rule is better than a wrong one. For the author the byline overrides the
    # API, which names the account that posted.
    assert rules.rule("published") is None
    assert rules.rule("authors") is not None
    page = pages(classic, posts)[3]
    rules = replace(rules, version="rules-1")
    as_any, article = (extract_page(page, leads[3], PageKind.POST, rules=r) for r in (None, rules))
    assert article.read_by == "rules-1"
    assert article.published == as_any.published == posts[3].at - timedelta(days=2)
    assert article.authors == as_any.authors == (posts[3].author,)
    assert ("published", "api") in {(e.field, e.source) for e in article.evidence}
    text = '[published]\nselect = "time.entry-date"\n[title]\nselect = ".site-header a"'
    hand = from_toml(text, "test", by_hand=True)
    article = extract_page(pages(classic, posts)[3], leads[3], PageKind.POST, rules=rules.overruled(hand))
    assert (article.title, article.published) == ("Low Water", posts[3].at)


def test_rules_learned_from_a_full_text_feed_say_so() -> None:
    posts = sample_posts(30)
    leads = [
        SourceHint(title=t.title, body_html="".join(f"<p>{p}</p>" for p in t.paragraphs), published=t.at) for t in posts
    ]
    rules = learn_rules(samples(classic, posts, leads))
    assert rules is not None
    assert rules.teacher == "feed"
    assert rules.fields["title"].agreement == 1.0


def byline_in_body(post: SamplePost, others: object = ()) -> str:
    """Return a page of a template whose byline has no class name and is inside the body's element."""
    signed = f"<p>{post.day} - {post.author} (@{post.author.split()[0].lower()})</p>"
    page = classic(post, (), signed + "".join(f"<p>{p}</p>" for p in post.paragraphs))
    page = page.replace("</head>", f'<meta property="article:published_time" content="{post.at.isoformat()}"></head>')
    return page[: page.index('<p class="entry-meta">')] + page[page.index('<div class="entry-content">') :]


def test_a_byline_inside_the_body_element_is_not_text() -> None:
    posts = sample_posts(40)
    rules = learned_rules(byline_in_body, posts[:25])
    for post in posts[25:]:
        article = read(byline_in_body, post, rules)
        assert article.read_by == "rules-1"
        assert article.body == post.body
    dated = f"{posts[30].day} was the day on which the ferry to the island did not come back at all."
    kept = replace(posts[30], paragraphs=(dated, *posts[30].paragraphs))
    assert read(classic, kept, learned_rules(classic, posts[:25])).body == kept.body


def test_too_few_posts_or_no_common_template_give_no_rules() -> None:
    assert learn_rules(samples(classic, sample_posts(MIN_POSTS - 1))) is None
    mixed = [s for theme in (classic, silent) for s in samples(theme, sample_posts(6))]
    rules = learn_rules(mixed)
    assert rules is None or rules.rule("body") is not None


def test_other_pages_determine_the_marks_of_a_post() -> None:
    posts = sample_posts(30)
    listing = parse_page(
        "<html><head><title>Low Water</title></head><body class='home blog'><article><h1>Low Water</h1>"
        "</article></body></html>",
        "https://low.example/",
    )
    rules = learn_rules(samples(classic, posts), [listing])
    assert rules is not None
    assert rules.post
    assert listing.index.first(rules.post[0]) is None
    assert all(p.index.first(rules.post[0]) is not None for p in pages(classic, posts))


def test_a_rule_gives_nothing_if_its_element_is_missing() -> None:
    posts = sample_posts(40)
    rules = learned_rules(classic, posts[:25])
    redesigned = read(silent, posts[30], rules)
    assert redesigned.read_by == ""
    assert (redesigned.title, redesigned.published) == (posts[30].title, posts[30].at)
    nameless = classic(posts[30]).replace('class="author" rel="author"', 'class="writer" itemprop="author"')
    article = extract_page(
        parse_page(nameless, f"https://low.example{posts[30].path}"), None, PageKind.POST, rules=rules
    )
    assert article.read_by == ""
    assert article.authors == (posts[30].author,)
    assert not [e for e in article.evidence if e.source == "learned"]


def signed_below_title(post: SamplePost, author: str) -> str:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in post.paragraphs)
    return (
        f'<html lang="de"><head><title>{post.title}</title></head><body class="single"><h1>{post.title}</h1>'
        f'<p class="meta">{post.at:%d/%m/%Y} &middot; <span class="author">{author} &middot; <span>Thema: '
        f'<a rel="category tag" href="/category/boats/">Boats</a></span></span></p><div class="entry">{text}</div>'
        "</body></html>"
    )


def test_first_names_before_a_separator_are_learned_and_another_word_there_is_no_strange_page() -> None:
    posts, names = sample_posts(30), ("Ada", "Bo", "Cleo")
    found = []
    for n, post in enumerate(posts[:25]):
        html = signed_below_title(post, names[n % 3])
        made = (parse_page(html, f"https://low.example{post.path}") for _ in range(2))
        found.append(Sample(next(made), extract_page(next(made), None, PageKind.POST)))
    rules = learn_rules(found)
    assert rules is not None
    assert rules.fields["authors"].select == ("span.author",)

    def authors(author: str) -> tuple[bool, tuple[str, ...]]:
        page = parse_page(signed_below_title(posts[28], author), f"https://low.example{posts[28].path}")
        article = extract_page(page, None, PageKind.POST, rules=replace(rules, version="rules-1"))
        return article.read_by == "rules-1", article.authors

    assert authors("Dora") == (True, ("Dora",))
    assert authors("Redaktion") == (True, ())


def test_a_hand_rule_wins_and_general_extraction_fills_in() -> None:
    posts = sample_posts(40)
    rules = learned_rules(classic, posts[:25])
    text = '[title]\nselect = "header.site-header"\n[authors]\nselect = "span.nobody"\n'
    hand = from_toml(text, "test", by_hand=True, version="rules-2")
    article = read(classic, posts[30], rules.overruled(hand))
    assert (article.title, article.authors) == ("Low Water", (posts[30].author,))
    assert ("title", "rule by hand") in {(e.field, e.source) for e in article.evidence}
    alone = read(classic, posts[30], SiteRules().overruled(hand))
    assert (alone.title, alone.authors, alone.body) == ("Low Water", (posts[30].author,), posts[30].body)
    assert alone.read_by == "rules-2 in part"


@pytest.mark.parametrize("theme", [classic, silent, promoting])
def test_the_same_posts_give_the_same_rules(theme: Theme) -> None:
    posts = sample_posts(25)
    assert to_toml(learned_rules(theme, posts)) == to_toml(learned_rules(theme, posts))


def test_rules_do_not_depend_on_the_seed_of_hashes() -> None:
    code = (
        "from archiver.learning.rule_induction import learn_rules; "
        "from archiver.extraction.site_rules import to_toml; "
        "from tests.small_sites import *; import sys; "
        "rules = [learn_rules(samples(t, sample_posts(25))) for t in (classic, silent, crowded)]; "
        "sys.stdout.write(''.join(map(to_toml, rules)))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        ).stdout
        for seed in ("1", "4711")
    }
    assert len(said) == 1
    assert "[body]" in said.pop()


def test_learning_never_raises() -> None:
    odd = [parse_page(f"<html><body><h1>{n}</h1><p>{'x ' * n}", f"https://low.example/{n}") for n in range(MIN_POSTS)]
    assert (
        learn_rules([replace(s, page=p) for s, p in zip(samples(classic, sample_posts(MIN_POSTS)), odd, strict=True)])
        is None
    )


def test_places_on_every_page_are_the_publishers() -> None:
    rules = SiteRules({"title": Rule(("h1",))}, places=("Low Water Quay 1",))
    assert from_toml(to_toml(rules), "test").places == ("Low Water Quay 1",)


def test_a_rule_for_a_list_reads_the_links_and_not_their_box() -> None:
    box = "<header class='filed'><a href='/c/notes/'>Field Notes</a> <a href='/c/tools/'>Tools</a></header>"
    page = parse_page(f"<html><body>{box}</body></html>", "https://low.example/a/")
    assert read_field(page, "categories", Rule(("header.filed",))) == ("Field Notes", "Tools")
    assert read_field(page, "tags", Rule(("header.filed a",))) == ("Field Notes", "Tools")


def repeated_in_text(post: SamplePost, others: object = ()) -> str:
    """Return the post's page in a theme whose heading has typographic dashes, and whose texts mostly begin with the
    title in plain ones.
    """
    title = f"{post.title} - notes"
    shown = title.replace(" - ", " – ")
    own = "<h1>Second part</h1>" if post.number >= 36 else f"<h1>{title}</h1>" if post.number % 9 else ""
    body = "".join(f"<p>{paragraph}</p>" for paragraph in post.body.split("\n\n"))
    return (
        f"<html><head><title>{shown} – Meadow</title></head><body><header><h1 class='entry-title'>{shown}</h1></header>"
        f"<p>{post.at:%B %d, %Y}</p><article class='section'>{own}{body}</article></body></html>"
    )


def test_the_heading_of_every_page_is_the_title_though_it_prints_dashes_for_hyphens() -> None:
    posts = sample_posts(40)
    known = [
        replace(s, article=replace(s.article, title=f"{p.title} - notes")) if p.number % 5 == 1 else s
        for s, p in zip(samples(repeated_in_text, posts[:25]), posts, strict=False)
    ]
    rules = learn_rules(known)
    assert rules is not None
    assert (rules.fields["title"].coverage, rules.fields["title"].agreement) == (1.0, 1.0)
    found = [read(repeated_in_text, post, replace(rules, version="rules-1")).title for post in posts[25:]]
    assert found == [f"{post.title} – notes" for post in posts[25:]]


def unnamed(post: SamplePost, others: object = (), *, author: str = "") -> str:
    """Return the post's page in a theme that names its authors in a place without a name, some by one word."""
    page = silent(replace(post, author=author or ("nils" if post.number % 3 == 1 else post.author)))
    return page.replace('<meta name="author"', '<meta name="keywords"')


def test_the_place_of_the_author_is_read_where_general_extraction_finds_no_name() -> None:
    posts = sample_posts()
    read_generally = [s.article.authors for s in samples(unnamed, posts)]
    assert {bool(names) for names in read_generally} == {True, False}
    rules = learned_rules(unnamed, posts)
    assert rules.fields["authors"].agreement == 1.0
    found = [read(unnamed, post, rules).authors for post in posts]
    assert found == [("nils",) if post.number % 3 == 1 else (post.author,) for post in posts]


def unmarked(post: SamplePost, others: object = ()) -> str:
    """Return the post's page in a theme whose byline is not in an element of its own."""
    body = "".join(f"<p>{paragraph}</p>" for paragraph in post.body.split("\n\n"))
    line = f"{post.at:%B %d, %Y} · {post.author}"
    return (
        f"<html><head><title>{post.title}</title></head><body class='day'><div class='z1'><h1>{post.title}</h1>{line}"
        f"<div class='text'>{body}</div></div></body></html>"
    )


def test_authors_in_the_line_below_the_heading_are_read_there() -> None:
    posts = sample_posts(40)
    rules = learned_rules(unmarked, posts[:25])
    assert rules.fields["authors"].select == (BYLINE,)
    assert from_toml(to_toml(rules), "rules").fields["authors"].select == (BYLINE,)
    for post in posts[25:]:
        article = read(unmarked, post, rules)
        assert article.authors == (post.author,)
        assert {e.source for e in article.evidence if e.field == "authors"} == {"learned"}


NAMES = {
    "Amharic": ("አበበ ቢቂላ", "ሰላማዊት ተስፋዬ"),
    "Arabic": ("أحمد", "سعاد حسني"),
    "Burmese": ("မောင်မောင်", "ဒေါ်ခင်စိုး"),
    "Georgian": ("ნინო", "გია ლომიძე"),
    "Hebrew": ("דוד", "מירי כהן"),
    "Hindi": ("सुनीता", "राम शर्मा"),
    "Khmer": ("សុខា", "ចាន់ ដារ៉ា"),
    "Lao": ("ສົມພອນ", "ບຸນມີ ວົງສາ"),
    "Thai": ("สมชาย", "มาลี ใจดี"),
    "Tibetan": ("བསོད་ནམས་", "སྐྱིད་པ་"),
}


def dated(post: SamplePost, line: str, texts: tuple[str, ...], head: str = "") -> str:
    """Return the post's page with `line` below the heading, and in it one of the texts, in an irregular order."""
    text = texts[(post.number * post.number + post.number // 4) % len(texts)]
    body = "".join(f"<p>{paragraph}</p>" for paragraph in post.body.split("\n\n"))
    line = line.format(date=f"{post.at:%Y-%m-%d}", time=f"{post.at:%H:%M}", text=text)
    return (
        f"<html><head><title>{post.title}</title></head><body class='day'>{head}<div class='z1'><h1>{post.title}</h1>"
        f"<div>{line}</div><div class='text'>{body}</div></div></body></html>"
    )


def names_read(line: str, texts: tuple[str, ...], head: str = "") -> set[tuple[str, ...]]:
    """Return the authors that learned rules find on the posts of a site with this line below the heading."""

    def theme(post: SamplePost, others: object = ()) -> str:
        return dated(post, line, texts, head)

    posts = sample_posts(40)
    rules = learned_rules(theme, posts[:25])
    return {read(theme, post, rules).authors for post in posts[25:]}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize(
    "line", ["{text} · {date}", "{date} | {text}", "{date} – {text}", "{date} {text}", "{text} · {date} {time}"]
)
def test_a_name_without_letter_case_beside_the_date_is_read_if_it_differs_from_post_to_post(
    line: str, names: tuple[str, ...]
) -> None:
    assert names_read(line, names) == {(name,) for name in names}


def test_a_name_of_two_words_may_be_separated_from_the_date_by_a_comma() -> None:
    names = ("अनिता राणा", "राम शर्मा")
    assert names_read("{text}, {date}", names) == {(name,) for name in names}


def test_the_rule_for_the_name_beside_the_date_is_written_and_read() -> None:
    rules = SiteRules({"authors": Rule((NAME_BESIDE_DATE,))}, "generic", version="rules-1")
    assert from_toml(to_toml(rules), "rules").fields["authors"].select == (NAME_BESIDE_DATE,)


@pytest.mark.parametrize(
    ("line", "texts", "head"),
    [
        ("{text}, {date}", ("काठमाडौं", "पोखरा"), ""),  # places
        ("{text} · {date}", ("समाचार",), ""),  # the same text on all posts
        ("{text} · {date}", ("राजनीति", "खेलकुद"), "<ul><li><a href='/p/'>राजनीति</a><li><a href='/k/'>खेलकुद</a></ul>"),
        ("{date} {time} {text}", ("सुबह", "शाम"), ""),  # the part of the day
        ("{text} · {date}", ("Курултай", "Наурыз"), ""),
        ("{text} · {date} · 5 min", ("አበበ ቢቂላ", "ሰላማዊት ተስፋዬ"), ""),
        ("{date} · እዚህ · {text}", ("አበበ ቢቂላ", "ሰላማዊት ተስፋዬ"), ""),
    ],
)
def test_another_text_beside_the_date_is_no_author(line: str, texts: tuple[str, ...], head: str) -> None:
    assert names_read(line, texts, head) == {()}


PERSONS, GROUPS = ("Ida Brandt", "Nils Holm", "Omar Reyes"), ("The Harbour Crew", "Tide working group", "Types Team")


def read_with_known_authors(texts: tuple[str, ...], *, known: bool) -> set[tuple[str, tuple[str, ...]]]:
    """Return text and authors of posts with "DATE · TEXT" below the heading. If `known`, a feed names the persons."""

    def theme(post: SamplePost, others: object = ()) -> str:
        return dated(post, "{date} · {text}", texts)

    def text(post: SamplePost) -> str:
        return next(text for text in texts if f"· {text}<" in theme(post))

    posts = sample_posts(40)
    learned_from = [
        replace(s, article=replace(s.article, authors=(text(post),))) if known and text(post) in PERSONS else s
        for s, post in zip(samples(theme, posts[:25]), posts, strict=False)
    ]
    rules = learn_rules(learned_from)
    return {(text(post), read(theme, post, rules).authors) for post in posts[25:]}


def test_what_stands_in_the_place_of_known_authors_is_an_author_though_it_looks_like_no_name() -> None:
    texts = (*PERSONS, *GROUPS)
    assert read_with_known_authors(texts, known=True) == {(text, (text,)) for text in texts}
    assert read_with_known_authors(GROUPS, known=False) == {(text, ()) for text in GROUPS}


@pytest.mark.parametrize("number", ["%w", "%m"])
def test_a_weekday_or_month_beside_the_date_is_no_author(number: str) -> None:
    words = ("रविवार", "सोमवार", "मंगलवार", "बुधवार", "गुरुवार", "शुक्रवार", "शनिवार", "कार्तिक", "मंसिर")

    def theme(post: SamplePost, others: object = ()) -> str:
        return dated(post, "{text} · {date}", (words[int(post.at.strftime(number))],))

    posts = sample_posts(40)
    rules = learned_rules(theme, posts[:25])
    assert {read(theme, post, rules).authors for post in posts[25:]} == {()}


def test_a_post_without_the_line_below_the_heading_is_searched_for_its_author() -> None:
    posts = sample_posts(26)
    rules = learned_rules(unmarked, posts[:25])
    html = unmarked(posts[25]).replace(f" · {posts[25].author}", "")
    signed = html.replace("</h1>", "</h1><a rel='author' href='/people/ida/'>Ida Brandt</a> ")
    for source, names in ((html, ()), (signed, ("Ida Brandt",))):
        article = extract_page(parse_page(source, "https://low.example/a/"), None, PageKind.POST, rules=rules)
        assert (article.read_by, article.authors) == ("rules-1", names)


def test_the_line_below_the_heading_is_no_answer_if_the_page_declares_more_authors() -> None:
    posts = sample_posts(26)
    rules = learned_rules(unmarked, posts[:25])
    both = f"{posts[25].author}, Ida Brandt"
    html = unmarked(posts[25]).replace("</head>", f'<meta name="author" content="{both}"></head>')
    article = extract_page(parse_page(html, "https://low.example/a/"), None, PageKind.POST, rules=rules)
    assert article.authors == (posts[25].author, "Ida Brandt")


def test_a_place_that_contradicts_general_extraction_is_not_read() -> None:
    def contradicted(post: SamplePost, others: object = ()) -> str:
        page = silent(post).replace(f'<span class="z5">{post.author}</span>', "")
        page = page.replace(
            "</body>", f'<div class="g1"><span class="g2">{AUTHORS[post.number % 2]}</span></div></body>'
        )
        return page.replace('<meta name="author"', '<meta name="keywords"') if post.number % 3 == 1 else page

    rule = learned_rules(contradicted, sample_posts()).fields.get("authors")
    assert rule is None or "g2" not in " ".join(rule.select)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("By Ida Brandt on behalf of the Harbour Board", ("Ida Brandt",)),
        ("Von Ida Brandt im Namen der Hafengruppe", ("Ida Brandt",)),
        ("May 3, 2024 - Ida Brandt on behalf of <a href='/g/'>the harbour working group</a>", ("Ida Brandt",)),
    ],
)
def test_whom_an_author_writes_for_is_no_author(line: str, names: tuple[str, ...]) -> None:
    html = f"<html><head><title>Ropes</title></head><body><article><h1>Ropes</h1><div class='m'>{line}</div>"
    html += f"<p>{'Hemp rope is good rope. ' * 20}</p></article></body></html>"
    assert extract_page(parse_page(html, "https://low.example/ropes/")).authors == names


@pytest.mark.parametrize(
    "markup",
    [
        '<span class="author vcard">By <a class="url fn" href="/author/admin/">admin</a></span>',
        '<a rel="author" href="/author/admin/">admin</a>',
    ],
)
def test_an_account_that_the_page_names_as_its_author_is_kept_and_doubted(markup: str) -> None:
    html = f"<html><head><title>Ropes</title></head><body><article><h1>Ropes</h1><p>{markup}</p>"
    html += f"<p>{'Hemp rope is good rope. ' * 20}</p></article></body></html>"
    page = "https://low.example/ropes/"
    for hint in (None, SourceHint(authors=("admin",)), SourceHint(authors=("admin",), from_api=True)):
        article = extract_page(parse_page(html, page), hint)
        assert article.authors == ("admin",)
        assert max(e.confidence for e in article.evidence if e.field == "authors") <= 0.4
    person = extract_page(parse_page(html.replace("<h1>", '<meta name="author" content="Ida Brandt"><h1>'), page))
    assert person.authors == ("Ida Brandt",)


TERMS = """<p>Filed under <a rel="category tag" href="/category/ropes/">Ropes</a></p>
<p>Marked <a rel="tag" href="/tag/hemp/">hemp</a> <a rel="tag" href="/tag/quay/">quay</a></p>"""


@pytest.mark.parametrize(
    ("name", "by_hand", "terms"),
    [
        ("categories", False, ("Ropes",)),
        ("tags", False, ("hemp", "quay")),
        ("categories", True, ("Ropes", "hemp", "quay")),
    ],
)
def test_a_rule_that_finds_categories_and_tags_takes_those_of_its_field(
    name: str, by_hand: bool, terms: tuple[str, ...]
) -> None:
    page = parse_page(f"<html><body><article><h1>Ropes</h1>{TERMS}</article></body></html>", "https://low.example/a/")
    assert read_field(page, name, Rule(("a[rel~=tag]",), by_hand=by_hand)) == terms
