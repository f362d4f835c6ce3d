"""Values that are equal on many posts are the site's, and are read as no post's title, image, description or text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.extraction.article import extract_page
from archiver.extraction.page import parse_page
from archiver.extraction.site_rules import ReadPost, SiteConstants, SiteRules, find_constants, from_toml, to_toml
from archiver.learning.rule_induction import Sample, learn_rules
from archiver.learning.site_constants import learn_with_constants, read_without_constants
from archiver.model.items import OTHER_HEADING, Article, Evidence, PageKind

TITLES = ("Hemp", "Tar and pitch", "Nine knots", "The long splice", "Rigging a yawl", "Blocks", "Marline", "Oakum",
          "A bosun's chair", "Ratlines", "Whipping ends", "Catgut")  # fmt: skip
CARD = "https://quay.example/card.png"


def page(title: str, *, text: str = "", image: str = CARD, about: str = "Rope and more rope.") -> str:
    body = text or f"<p>{title} takes an afternoon and two people, and a third for {title.lower()} in the rain.</p>" * 3
    return f"""<html><head><title>{title}</title><meta property="og:image" content="{image}">
<meta name="description" content="{about}"><meta property="article:published_time" content="2024-05-01T08:00:00Z">
</head><body><div class="topp"><h1 class="mast">The Ropewalk</h1></div><div class="sheet"><h2 class="what">{title}</h2>
<div class="article-body">{body}</div><p class="day">May 1, 2024</p></div></body></html>"""


def read(html: str, rules: SiteRules | None = None) -> Article:
    return extract_page(parse_page(html, "https://quay.example/a/"), rules=rules)


def posts(titles: tuple[str, ...] = TITLES, **more: str) -> list[ReadPost]:
    return [ReadPost(read(page(title, **more)), title) for title in titles]


def test_an_image_and_a_description_of_all_posts_are_the_sites() -> None:
    found = find_constants(posts())
    assert (found.images, found.descriptions) == ((CARD,), ("Rope and more rope.",))


def test_values_of_four_posts_are_nobodys_constants() -> None:
    own = [ReadPost(read(page(t, image=f"https://quay.example/{n}.png", about=t)), t) for n, t in enumerate(TITLES)]
    assert not find_constants([*posts(TITLES[:4]), *own])


def sectioned(section: str, page_of: str) -> list[Sample]:
    declared = f'<meta property="article:section" content="{section}">'
    pages = [parse_page(page(t).replace("</head>", f"{declared}</head>{page_of}"), f"https://quay.example/{n}/a/")
             for n, t in enumerate(TITLES)]  # fmt: skip
    return [Sample(one, extract_page(one)) for one in pages]


def learn_sections(section: str, page_of: str = "") -> SiteRules:
    rules = learn_with_constants(
        sectioned(section, page_of),
        lambda constants: [read_without_constants(s, None, constants) for s in sectioned(section, page_of)],
        [],
        SiteConstants(),
    )
    assert rules is not None
    return rules


def test_a_section_that_all_posts_declare_is_no_category() -> None:
    [first, *_] = sectioned("Default", "")
    assert first.article.categories == ("Default",)
    rules = learn_sections("Default")
    assert rules.constants.sections == ("Default",)
    assert extract_page(first.page, rules=rules).categories == ()


def test_a_section_that_the_site_links_to_is_a_category_even_if_all_posts_seen_are_in_it() -> None:
    assert learn_sections("Tides", '<nav><a href="/tides/">Tides</a></nav>').constants.sections == ()


def test_a_section_named_like_a_kind_of_page_is_none_although_a_menu_has_it() -> None:
    assert learn_sections("Articles", '<nav><a href="/all/">Articles</a></nav>').constants.sections == ("Articles",)


CLOUD = ("hemp", "tar", "pitch", "oakum", "jute")


def tagged(*tags: tuple[str, ...]) -> list[Sample]:
    """Returns posts with these tags, all of which also have links to the tags in `CLOUD` below the text."""
    out = []
    for n, own in enumerate(tags):
        links = "".join(f'<a rel="tag" href="/tag/{t}/">{t}</a> ' for t in dict.fromkeys((*own, *CLOUD)))
        html = page(TITLES[n]).replace('<p class="day">', f'<p class="tags">{links}</p><p class="day">')
        one = parse_page(html, f"https://quay.example/{n}/a/")
        out.append(Sample(one, extract_page(one)))
    return out


def test_tags_that_all_posts_have_are_the_sites() -> None:
    constants = find_constants([ReadPost(s.article) for s in tagged(*[()] * 10)]).tags
    [first] = tagged(())
    assert set(first.article.tags) == set(constants) == set(CLOUD)
    assert read_without_constants(first, None, SiteConstants(tags=constants)).article.tags == ()


def test_tags_that_differ_by_one_are_the_posts() -> None:
    assert find_constants([ReadPost(s.article) for s in tagged(*[(t,) for t in TITLES])]).tags == ()


def test_sections_that_differ_are_categories() -> None:
    assert find_constants(
        [ReadPost(Article("u", t, "x", evidence=(Evidence("categories", t[:1], "meta"),))) for t in TITLES]
    ).sections == ()  # fmt: skip


def titled(*titles: tuple[str, str]) -> list[ReadPost]:
    """Return posts with these titles, each with the other candidate that its page has."""
    return [
        ReadPost(
            Article(
                "u", shown, "text", evidence=(Evidence("title", shown, "heading"), Evidence("title", other, "head"))
            )
        )
        for shown, other in titles
    ]


def test_a_title_above_different_declared_titles_is_the_sites() -> None:
    assert find_constants(titled(*(("The Ropewalk", title) for title in TITLES))).titles == ("The Ropewalk",)


def test_the_title_of_a_series_is_the_posts() -> None:
    weekly = [("Links of the week", "Links of the week")] * 6
    assert find_constants(titled(*weekly, *((t, t) for t in TITLES))).titles == ()


def shown_titles(*posts: tuple[str, ...]) -> list[ReadPost]:
    """Return posts with these texts in the place of a title, the first as the title and the others as headings."""
    return [
        ReadPost(
            Article(
                "u",
                first,
                "text",
                evidence=(
                    Evidence("title", first, "heading"),
                    *(Evidence("title", other, OTHER_HEADING) for other in others),
                ),
            )
        )
        for first, *others in posts
    ]


def test_a_banner_above_headings_that_differ_is_the_sites() -> None:
    found = find_constants(shown_titles(*(("The Ropewalk", title, "Leave a reply") for title in TITLES)))
    assert found.titles == ("Leave a reply", "The Ropewalk")


def test_a_banner_is_the_sites_although_half_of_the_posts_have_no_title() -> None:
    untitled = [("The Ropewalk", "Leave a reply")] * 6
    found = find_constants(shown_titles(*(("The Ropewalk", t, "Leave a reply") for t in TITLES), *untitled))
    assert found.titles == ("Leave a reply", "The Ropewalk")


def test_a_title_above_equal_headings_is_the_posts() -> None:
    assert find_constants(shown_titles(*(("Links of the day", "Boats", "Bread") for _ in TITLES))).titles == ()


def test_a_title_of_some_posts_above_headings_of_their_text_is_the_posts() -> None:
    weekly = [("Links of the week", f"Of {title}") for title in TITLES[:6]]
    assert find_constants(shown_titles(*weekly, *((t, "Leave a reply") for t in TITLES))).titles == ()


@pytest.mark.parametrize(
    ("heads", "names"),
    [
        ([f"{t} - Ropewalk Press" for t in TITLES], ("Ropewalk Press",)),
        ([f"Ropewalk Press | {t}" for t in TITLES], ("Ropewalk Press",)),
        ([f"{t} - Part of {t}" for t in TITLES], ()),
        (list(TITLES), ()),
    ],
)
def test_a_part_of_title_that_the_headings_lack_is_a_name_of_the_site(heads: list[str], names: tuple[str, ...]) -> None:
    found = [ReadPost(one.article, head) for one, head in zip(titled(*((t, t) for t in TITLES)), heads, strict=True)]
    assert find_constants(found).names == names


def test_a_part_of_title_that_the_headings_have_is_the_series() -> None:
    found = [
        ReadPost(one.article, f"Notes - {t}")
        for one, t in zip(titled(*((f"Notes - {t}", t) for t in TITLES)), TITLES, strict=True)
    ]
    assert find_constants(found).names == ()


def test_the_text_of_a_button_is_no_body_whatever_it_counts() -> None:
    found = find_constants(
        [ReadPost(Article("u", t, f"Cheers {n}" if n % 2 else f"{t} {'is long ' * 9}")) for n, t in enumerate(TITLES)]
    )
    assert found.refuses_body("Cheers 4")
    assert not found.refuses_body("Cheers to all of you")


def test_constants_are_refused_in_favour_of_what_the_page_has_beside_them() -> None:
    rules = SiteRules(
        constants=SiteConstants(("The Ropewalk",), (), (CARD,), ("Rope and more rope.",)), version="rules-1"
    )
    picture = '<p>Hemp takes an afternoon.</p><img src="/own.jpg"><p>And two people, as everybody knows.</p>'
    article = read(page("Hemp", text=picture), rules)
    assert (article.title, article.image, article.description) == ("Hemp", "https://quay.example/own.jpg", "")
    assert article.read_by == "rules-1 in part"


def test_a_post_whose_only_title_is_the_sites_has_none() -> None:
    rules = SiteRules(constants=SiteConstants(titles=("Hemp",)))
    html = page("Hemp").replace("The Ropewalk", "Hemp")
    assert (read(html).title, read(html, rules).title) == ("Hemp", "")


def test_a_heading_that_differs_is_the_title_where_the_others_are_the_sites() -> None:
    html = page("Hemp").replace("<title>Hemp", "<title>The Ropewalk")
    rules = SiteRules(constants=SiteConstants(titles=("The Ropewalk",)))
    assert (read(html).title, read(html, rules).title) == ("The Ropewalk", "Hemp")


def test_a_name_of_the_site_is_cut_from_the_title() -> None:
    html = page("Hemp").replace("<title>Hemp", "<title>Hemp - Old Yarn").replace('<h2 class="what">Hemp</h2>', "")
    html = html.replace('<h1 class="mast">The Ropewalk</h1>', "")
    rules = SiteRules(constants=SiteConstants(names=("Old Yarn",)))
    assert (read(html).title, read(html, rules).title) == ("Hemp - Old Yarn", "Hemp")


def test_constants_are_written_and_read_as_toml() -> None:
    constants = SiteConstants(("A",), ("B",), (CARD,), ("D",), ("like",))
    assert from_toml(to_toml(SiteRules(constants=constants)), "test").constants == constants


@given(st.lists(st.sampled_from(["Ropes", "Tar", "Knots"]), max_size=40))
def test_a_constant_has_enough_posts_in_any_order(names: list[str]) -> None:
    found = [ReadPost(Article("u", "t", "b", description=name)) for name in names]
    expected = {n for n in set(names) if names.count(n) >= max(5, 0.2 * len(names))}
    assert set(find_constants(found).descriptions) == expected
    assert find_constants(found[::-1]) == find_constants(found)


def samples(shown: str) -> list[Sample]:
    """Return posts whose articles have the text of this element as their title."""
    found = []
    for title in TITLES:
        parsed = parse_page(page(title), "https://quay.example/a/")
        article = extract_page(parsed, decided=(PageKind.POST, "test"))
        value = parsed.css(shown).xpath("string()").get("")
        found.append(Sample(parsed, Article(**{**_values(article), "title": value})))
    return found


def _values(article: Article) -> dict[str, object]:
    return {name: getattr(article, name) for name in Article.__slots__}


def test_a_rule_whose_titles_are_all_the_same_is_not_learned() -> None:
    assert learn_rules(samples("h1.mast")) is None


def test_a_rule_whose_titles_differ_is_learned() -> None:
    rules = learn_rules(samples("h2.what"))
    assert rules is not None
    assert rules.fields["title"].select[0] in ("h2.what", "div.sheet > h2", "h2")


def test_a_rule_that_other_sources_contradict_is_not_learned() -> None:
    wrong = [
        Sample(
            parse_page(page(t).replace("The Ropewalk", f"Visitor {n:x}{n:x} of today"), "https://q.example/a/"),
            s.article,
        )
        for n, (t, s) in enumerate(zip(TITLES, samples("h2.what"), strict=True))
    ]
    wrong = [Sample(s.page, Article(**{**_values(s.article), "title": s.page.css("h1::text").get("")})) for s in wrong]
    assert learn_rules(wrong) is None


def test_a_page_without_rules_is_read_as_if_it_were_parsed_again() -> None:
    html = page(TITLES[0])
    one = parse_page(html, "https://quay.example/a/")
    constants = SiteConstants(images=(CARD,), titles=("The Ropewalk",), names=("Ropes",))
    rules = SiteRules(platform="wordpress", constants=constants)
    ruled = extract_page(one, rules=rules)
    one.assume("wordpress")
    assert (extract_page(one.without_rules()), extract_page(one.without_rules(), rules=rules)) == (read(html), ruled)
    assert one.constants is constants


def dated(title: str, day: str, declared: str = "") -> ReadPost:
    found = [Evidence("title", f"{title} - The Ropewalk", "heading"), Evidence("title", title, "meta")]
    found += [Evidence("published", day, "shown")] if day else []
    found += [Evidence("published", declared, "json-ld")] if declared else []
    return ReadPost(Article(url="https://quay.example/a/", title=title, evidence=tuple(found)))


def test_a_tail_of_all_headings_that_no_declared_title_has_is_the_sites() -> None:
    found = find_constants([dated(title, "") for title in TITLES])
    assert found.names == ("The Ropewalk",)
    html = page("Hemp").replace("</h2>", " - The Ropewalk</h2>")
    assert read(html, SiteRules(constants=found)).title == "Hemp"


def test_a_word_that_the_heading_continues_without_a_sign_is_no_tail() -> None:
    posts = [ReadPost(Article(url="", evidence=(Evidence("title", f"{t}s", "heading"), Evidence("title", t, "meta"))))
             for t in TITLES]  # fmt: skip
    assert find_constants(posts).names == ()


def test_a_day_that_nearly_all_posts_show_is_the_sites_unless_they_declare_it() -> None:
    assert find_constants([dated(title, "2024-05-01T00:00:00+00:00") for title in TITLES]).days == ("2024-05-01",)
    assert find_constants([dated(title, "2024-05-01", "2024-05-01T08:00:00Z") for title in TITLES]).days == ()
    assert find_constants([dated(title, f"2024-05-{n:02}") for n, title in enumerate(TITLES, 1)]).days == ()


def test_a_constant_day_is_no_date_of_a_post() -> None:
    html = page("Hemp").replace('<meta property="article:published_time" content="2024-05-01T08:00:00Z">', "")
    assert read(html).published is not None
    assert read(html, SiteRules(constants=SiteConstants(days=("2024-05-01",)))).published is None


GIVEN, FAMILY = ("Ann", "Bo", "Cy", "Dora", "Eli"), ("Rowe", "Poe", "Lind", "Tern")
PEOPLE = tuple(f"{given} {family}" for given in GIVEN for family in FAMILY)


def about(names: tuple[str, ...], line: str, head: str = "") -> list[ReadPost]:
    text = f"<p>{line}</p><p>Two people and a third take an afternoon for this in the rain, and so did we.</p>"
    pages = (page(f"{name} at sea", text=text.format(name)).replace("</head>", f"{head}</head>") for name in names)
    return [ReadPost(read(html)) for html in pages]


def test_a_label_that_names_somebody_else_in_each_post_names_no_authors() -> None:
    constants = find_constants(about(PEOPLE, "Author: {}"))
    assert constants.bylines == ("author",)
    html = page("Ann Rowe at sea", text="<p>Author: Ann Rowe</p><p>Two people take an afternoon for this.</p>")
    assert (read(html).authors, read(html, SiteRules(constants=constants)).authors) == (("Ann Rowe",), ())


@pytest.mark.parametrize(
    ("names", "line", "head"),
    [
        (PEOPLE, "By {}", ""),
        (PEOPLE[:10] * 2, "Author: {}", ""),
        (PEOPLE[:19], "Author: {}", ""),
        (PEOPLE, "Author: {}", '<meta name="author" content="Fay Sand">'),
    ],
    ids=["no label", "some again", "few posts", "declared authors"],
)
def test_bylines_of_a_magazine_name_its_authors(names: tuple[str, ...], line: str, head: str) -> None:
    assert not find_constants(about(names, line, head)).bylines
