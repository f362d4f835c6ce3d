"""The language of a post: the declared one, unless the script or the words of the text contradict it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.datasets.language_recognition import recognize_languages
from archiver.extraction.language import (
    LANGUAGES,
    SCRIPTS,
    SOLE_LANGUAGE,
    LanguageRow,
    choose_language,
    frequent_words,
)
from archiver.extraction.page import language_tag

TEXTS = {
    "ar": "اليوم لا يوجد خبز لأن الفرن بارد.",
    "bg": "Днес няма хляб, защото пещта е студена и мелницата не работи.",
    "de": "Heute gab es kein Brot, weil der Ofen kalt war und die Mühle nicht lief. Das ist bei uns nicht die Regel.",
    "el": "Σήμερα δεν έχει ψωμί.",
    "en": "There was no bread today, for the oven was cold and the people who came to the mill had to go home again.",
    "fa": "امروز نان نداریم چون تنور سرد است.",
    "he": "היום אין לחם כי התנור קר.",
    "hi": "आज रोटी नहीं है क्योंकि तंदूर ठंडा है।",
    "ja": "今日はパンがありません。",
    "ko": "오늘은 빵이 없습니다.",
    "ru": "Сегодня хлеба нет: печь остыла, и мельница стоит.",
    "sr": "Данас нема хлеба, јер је пећ хладна и млин не ради.",
    "th": "วันนี้ไม่มีขนมปัง",
    "uk": "Сьогодні хліба немає, бо піч холодна.",
    "zh": "今天没有面包。",
}
ENGLISH = ("en", "head", "html[lang]")


def chosen(text: str, *tags: str) -> str:
    return choose_language([(tag, "head", "html[lang]") for tag in tags], text)[0]


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_a_text_is_named_by_script_and_words(language: str) -> None:
    assert chosen(TEXTS[language]) == language


@pytest.mark.parametrize("language", sorted(set(TEXTS) - {"en"}))
def test_a_text_overrules_the_language_of_an_english_template(language: str) -> None:
    assert chosen(TEXTS[language], "en-US") == language


@pytest.mark.parametrize("declared", ["ru", "ja", "zh-CN", "ar", "el", "de", "fr"])
def test_an_english_text_overrules_another_language(declared: str) -> None:
    assert chosen(TEXTS["en"], declared) == "en"


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("今天没有面包。", "zh-Hant-TW"),
        ("今天没有面包。", "ja"),  # too short to miss the kana
        (TEXTS["ru"], "bg"),  # one script: the declaration decides between related languages
        (TEXTS["ru"], "kk"),
        (TEXTS["sr"], "sr-Cyrl"),
        ("Danas nema hleba, jer je peć hladna.", "sr"),
        ("Segodnya khleba net, potomu chto pech ostyla, a v melnitse nikogo ne bylo.", "ru-Latn"),
        ("iPhone 15 Pro Max", "ru"),  # a name in Latin letters is written so in every language
        ("The word хлеб is bread, and печь is the oven.", "en"),
        ("東京", "en"),  # a title of two characters
        ("", "en"),
        ("El pan de hoy se hizo sin sal, y la gente que vino del molino no lo quiso.", "gl"),  # no words to compare
    ],
)
def test_a_declaration_that_fits_the_text_is_kept(text: str, declared: str) -> None:
    assert chosen(text, declared) == declared


def test_the_first_declaration_that_fits_is_chosen() -> None:
    assert chosen(TEXTS["ru"], "en", "ru-RU", "uk") == "ru-RU"


def test_a_text_in_an_unknown_language_of_another_script_has_none() -> None:
    assert chosen("Абвгд жзикл мнопр стуфх цчшщ", "en") == ""


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_a_language_that_is_not_declared_is_that_of_the_text(language: str) -> None:
    assert choose_language([], TEXTS[language]) == (language, "text", "script and words")


def test_a_text_too_short_to_tell_has_no_language() -> None:
    assert choose_language([], "Nr. 12") == ("", "", "")


def test_a_language_of_the_text_names_the_text_as_its_source() -> None:
    assert choose_language([ENGLISH], TEXTS["ja"])[1] == "text"


@pytest.mark.parametrize(
    ("declared", "tag"),
    [("pt_br", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW"), ("en, fr", "en"), ("en_US.UTF-8", "en-US"), ("und", ""),
     ("English", ""), ("", ""), (None, "")],
)  # fmt: skip
def test_a_declared_language_becomes_a_tag(declared: str | None, tag: str) -> None:
    assert language_tag(declared) == tag


@pytest.mark.parametrize("row", LANGUAGES, ids=lambda row: row.tag)
def test_a_row_has_each_word_once_and_a_known_script(row: LanguageRow) -> None:
    words = row.words.split()
    assert (len(words), row.script) == (len(set(words)), SCRIPTS[row.script])


@given(st.text(max_size=400), st.sampled_from(["en", "ru", "ja", "kk", "sr-Latn", "x-klingon"]))
def test_a_language_is_declared_or_known(text: str, declared: str) -> None:
    assert chosen(text, declared) in {declared, "", *SOLE_LANGUAGE.values(), *(row.tag for row in LANGUAGES)}


def test_frequent_words_say_nothing_about_a_topic() -> None:
    assert {"the", "which", "would"} <= frequent_words("en-GB")
    assert "nicht" in frequent_words("de")
    assert "nicht" not in frequent_words("en")
    assert {"de", "el"} <= frequent_words("es"), "short words that many languages share"
    assert "ferry" not in frequent_words(None)


LONG_TEXTS = {
    **{tag: " ".join([text] * 4) for tag, text in TEXTS.items() if tag != "sr"},
    "fr": "Il n'y avait pas de pain aujourd'hui, car le four était froid et le moulin ne tournait pas.",
    "pl": "Dzisiaj nie było chleba, ponieważ piec był zimny, a młyn nie działał.",
    "tr": "Bugün ekmek yoktu, çünkü fırın soğuktu ve değirmen çalışmıyordu.",
    "vi": "Hôm nay không có bánh mì vì lò nướng nguội và cối xay không hoạt động.",
    "ta": "இன்று ரொட்டி இல்லை, ஏனெனில் அடுப்பு குளிர்ந்திருந்தது.",
    "ka": "დღეს პური არ იყო, რადგან ღუმელი ცივი იყო.",
}


@pytest.mark.parametrize("language", sorted(LONG_TEXTS))
def test_the_language_of_a_text_is_recognized(language: str) -> None:
    assert recognize_languages([LONG_TEXTS[language]])[0][0] == language


def test_texts_are_recognized_together_as_each_alone_by_py3langid() -> None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    texts = [*LONG_TEXTS.values(), "THERE WAS NO BREAD TODAY, FOR THE OVEN WAS COLD", "a" * 30, "e\u0301" * 40, "☃" * 9]
    found = recognize_languages(texts)
    assert found[-1] == (None, None)
    for text, (language, score) in zip(texts[:-1], found[:-1], strict=True):
        assert (language, score) == (
            model.classify(text[:200])[0],
            pytest.approx(model.classify(text[:200])[1], abs=2e-4),
        )


@pytest.mark.parametrize(("text", "is_long_enough"), [("", False), ("bread " * 3, False), ("bread " * 4, True)])
def test_a_short_text_has_no_recognized_language(text: str, is_long_enough: bool) -> None:
    assert (recognize_languages([text])[0][0] is not None) == is_long_enough


def test_the_score_of_a_text_does_not_depend_on_the_others() -> None:
    texts = list(LONG_TEXTS.values())
    assert recognize_languages(texts) == [recognize_languages([text])[0] for text in texts]
    assert recognize_languages(texts[::-1]) == recognize_languages(texts)[::-1]
