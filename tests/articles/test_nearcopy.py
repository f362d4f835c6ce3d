"""Near-duplicates in generated texts of several scripts, and series."""

from __future__ import annotations

import random
from unicodedata import normalize

import pytest
from generated_copies import EDITS, LANGUAGES, Edit, languages, paragraphs
from hypothesis import given
from hypothesis import strategies as st

from archiver.articles.near_duplicates import (
    ALGORITHM,
    HAN,
    SKETCH_VERSION,
    SLOTS,
    SPACED,
    THAI,
    are_series,
    differ_only_in_numbers,
    minhash,
    near_duplicate,
    wording_of,
)

EVERY = pytest.mark.parametrize("name", LANGUAGES)
SENTENCE = "the council met on {} and heard that the bridge would stay closed for some more weeks of work and repair "


@EVERY
@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_copies_with_a_fifth_of_the_words_changed_are_found(name: str, edit: Edit) -> None:
    language, rng = languages()[name], random.Random(7)
    for _ in range(5):
        story = paragraphs(language, rng)
        copy = edit(language, rng, story, 0.2)
        assert near_duplicate(wording_of(language.text(story)), wording_of(language.text(copy)))


@EVERY
def test_other_texts_and_long_quotations_are_not_copies(name: str) -> None:
    language, rng = languages()[name], random.Random(8)
    for _ in range(5):
        one, other = language.some(rng, 300), language.some(rng, 200)
        assert not near_duplicate(wording_of(language.text([one])), wording_of(language.text([other])))
        quoting = [other[:100], one[100:200], other[100:]]
        assert not near_duplicate(wording_of(language.text([one])), wording_of(language.text(quoting)))


def test_the_reason_describes_the_difference() -> None:
    language, rng = languages()["50,000 words"], random.Random(9)
    story, own = paragraphs(language, rng, 200, 200), language.some(rng, 30)

    def reason(*copy: list[str]) -> str:
        found = near_duplicate(wording_of(language.text(story)), wording_of(language.text(list(copy))))
        assert found is not None
        return found.reason

    equal = reason(*story)
    whole = [reason(own, *story), reason(*story, own), reason(*story[:1], own, *story[1:])]
    assert len({equal, *whole}) == 4, "each way to contain a text has its own reason"
    changed = EDITS[0](language, rng, story, 0.1)
    share = near_duplicate(wording_of(language.text(story)), wording_of(language.text(changed)))
    assert share
    assert 0.7 < share.similarity < 0.95
    assert f" {int(share.similarity * 100)} %" in share.reason


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.floats(0, 0.4), st.sampled_from(sorted(LANGUAGES)))
def test_the_order_of_two_texts_makes_no_difference(seed: int, edit: int, share: float, name: str) -> None:
    language, rng = languages()[name], random.Random(seed)
    story = paragraphs(language, rng, 20, 200)
    texts = [wording_of(language.text(t)) for t in (story, EDITS[edit % len(EDITS)](language, rng, story, share))]
    assert near_duplicate(*texts) == near_duplicate(*texts[::-1])
    if not texts[0].is_short:
        same = near_duplicate(texts[0], texts[0])
        assert same is not None
        assert same.similarity == 1


@given(st.text(max_size=400), st.text(max_size=400))
def test_any_text_can_be_compared(one: str, other: str) -> None:
    found = near_duplicate(wording_of(one * 3), wording_of(other + one))
    assert found is None or 0 < found.similarity <= 1
    assert len(minhash(wording_of(one * 3))) in (0, SLOTS)


def test_a_roundup_is_not_a_copy_of_its_parts() -> None:
    language, rng = languages()["50,000 words"], random.Random(10)
    briefs = [language.some(rng, 60) for _ in range(10)]
    assert not near_duplicate(wording_of(language.text([briefs[0]])), wording_of(language.text(briefs)))


def test_other_figures_in_the_same_sentences_are_another_report() -> None:
    rng = random.Random(11)
    report = " ".join(
        f"The town of {t} had {{}} millimetres of rain and winds of {{}} km/h from the west."
        for t in ("Ely", "Bath", "Wells", "Ripon", "Truro")
    )
    one, other = (report.format(*(rng.randint(100, 999) for _ in range(10))) for _ in range(2))
    assert not near_duplicate(wording_of(one), wording_of(other))
    assert near_duplicate(wording_of(one), wording_of(one.replace("the west", "the east coast")))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("Release 1.5.4", "We release 1.5.4 today."), ("Release 1.6.1", "We release 1.6.1."), True),
        (("2017 in review", "What 2017 was."), ("2018 in review", "What 2018 was."), True),
        (("Post 17", "A text."), ("Post 18", "A text."), False),  # a number in the title alone does not count
        (("Release 1.5.4", "We release 1.5.4 today."), ("Release 1.5.4", "We release 1.5.4."), False),
        (("Release 1.5", "We release 1.5.4 today."), ("Release 1.6", "We release 1.6.1."), False),
        (("The bridge", "It was built in 1990."), ("The bridge is closed", "It was built in 1991."), False),
    ],
)
def test_texts_that_differ_only_in_numbers_are_recognised(
    one: tuple[str, str], other: tuple[str, str], expected: bool
) -> None:
    assert differ_only_in_numbers(one, other) is differ_only_in_numbers(other, one) is expected


def test_posts_of_one_site_must_share_more() -> None:
    language, rng = languages()["50,000 words"], random.Random(15)
    story = paragraphs(language, rng, 400, 400)
    pair = wording_of(language.text(story)), wording_of(language.text(EDITS[0](language, rng, story, 0.3)))
    assert near_duplicate(*pair)
    assert not near_duplicate(*pair, one_site=True)
    pair = pair[0], wording_of(language.text(EDITS[0](language, rng, story, 0.2)))
    assert near_duplicate(*pair) == near_duplicate(*pair, one_site=True) is not None


def test_lists_of_the_same_items_are_not_copies() -> None:
    language, rng = languages()["50,000 words"], random.Random(12)
    things = sorted(" ".join(language.some(rng, 2)) for _ in range(60))
    assert not near_duplicate(wording_of("\n".join(things[:50])), wording_of("\n".join(things[10:])))
    assert near_duplicate(wording_of("\n".join(things)), wording_of("\n".join(things[:-2])))


def _series(rng: random.Random, count: int) -> list[str]:
    language = languages()["50,000 words"]
    frame = [word if rng.random() < 0.75 else "" for word in language.some(rng, 150)]
    return [" ".join(word or language.some(rng, 1)[0] for word in frame) for _ in range(count)]


def test_posts_from_one_template_are_a_series_but_copies_are_not() -> None:
    language, rng = languages()["50,000 words"], random.Random(13)
    for _ in range(10):
        a, b, c = map(wording_of, _series(rng, 3))
        assert are_series(a, b, c, one_site=True)
        assert are_series(a, b, c, one_site=False)
        story = paragraphs(language, rng, 150, 400)
        for share in (0.05, 0.1, 0.2):
            copies = [wording_of(language.text(EDITS[0](language, rng, story, share))) for _ in range(3)]
            assert not are_series(*copies, one_site=True)
            assert not are_series(wording_of(language.text(story)), *copies[:2], one_site=True)


def test_shared_boilerplate_is_a_series_only_on_one_site() -> None:
    language, rng = languages()["50,000 words"], random.Random(14)
    shared = language.some(rng, 100)
    texts = [wording_of(language.text([language.some(rng, 40), shared])) for _ in range(3)]
    assert are_series(*texts, one_site=True)
    assert not are_series(*texts, one_site=False)


@pytest.mark.parametrize(
    ("text", "script", "words"),
    [
        ("O'Brien’s  AT&T, (twice) snake_case", SPACED, "o brien s at t twice snake case"),
        ("ＦＵＬＬ width, Straße", SPACED, "full width strasse"),
        ("हिन्दी में लिखा।", SPACED, "हिन्दी में लिखा"),
        ("新华社北京5月4日电", HAN, "新 华 社 北 京 5 月 4 日 电"),
        ("テレビ GPT を見た", HAN, "テ レ ビ gpt を 見 た"),
        ("ภาษาไทย", THAI, "ภ า ษ า ไ ท ย"),
        ("한국어 기사 문장", SPACED, "한국어 기사 문장"),
    ],
)
def test_words_of_scripts_with_and_without_spaces(text: str, script: object, words: str) -> None:
    found = wording_of(text)
    assert found.script is script
    assert " ".join(found.words) == words


@given(st.text(st.sampled_from("學習ひらカナสวัสดีကမြ\u093f\u0301deé7 .-_\n\U00020000"), max_size=60))
def test_letters_of_scripts_without_spaces_are_words_of_their_own(text: str) -> None:
    wording = wording_of(text)
    unspaced = "學習ひらカナสวัสดีကမြ\U00020000"
    expected = "".join(f" {c} " if c in unspaced else " " if c in ".-_\n" else c for c in normalize("NFKC", text))
    assert list(wording.words) == expected.split()


def test_a_signature_is_the_same_in_every_release() -> None:
    """Stored signatures were made by this function. If this test fails, raise SKETCH_VERSION."""
    from rensa import RMinHash

    keys = minhash(wording_of(SENTENCE.format("Monday") * 3))
    assert RMinHash.ALGORITHM_VERSION == ALGORITHM == 2
    assert SKETCH_VERSION == 1
    assert keys[:3] == PINNED
    assert minhash(wording_of(SENTENCE)) == ()
    assert all(-(2**31) <= key < 2**31 for key in keys)


PINNED = (1773519578, 1591662393, -1574993637)
