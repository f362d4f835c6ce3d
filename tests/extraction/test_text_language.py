"""The language of a post: the declared one, unless the text is recognized to be in another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.extraction.language import choose_language, recognize_language
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
def test_the_language_of_a_text_is_recognized(language: str) -> None:
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
        ("今天沒有麵包，因為爐子是冷的，磨坊也沒有開。", "zh-TW"),
        (TEXTS["sr"], "sr-Cyrl"),
        ("Danas nema hleba, jer je peć hladna.", "sr"),
        ("Segodnya khleba net, potomu chto pech ostyla, a v melnitse nikogo ne bylo.", "ru-Latn"),
        ("iPhone 15 Pro Max", "ru"),  # a name in Latin letters is written so in every language
        ("The word хлеб is bread, and печь is the oven.", "en"),
        ("東京", "en"),  # a title of two characters
        ("", "en"),
        ("El pan de güei fízose ensin sal, y la xente que vieno del molín nun lu quixo.", "ast"),  # never recognized
        (f"{TEXTS['ja']} for item in response.items(): return os.path.join(self.base, item.name, value)" * 2, "ja"),
    ],
)
def test_a_declaration_that_fits_the_text_is_kept(text: str, declared: str) -> None:
    assert chosen(text, declared) == declared


def test_the_first_declaration_that_fits_is_chosen() -> None:
    assert chosen(TEXTS["ru"], "en", "ru-RU", "uk") == "ru-RU"


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_a_language_that_is_not_declared_is_that_of_the_text(language: str) -> None:
    found = choose_language([], TEXTS[language])
    assert (found[:3], 0.9 <= found.confidence <= 1) == ((language, "text", "recognized"), True)


@pytest.mark.parametrize(
    ("text", "declared", "language"),
    [
        (TEXTS["ru"], "kk", "ru"),  # related or neighbouring languages in one script
        (TEXTS["ru"], "bg", "ru"),
        (f"{TEXTS['de'] * 3} “{TEXTS['en']}”", "en", "de"),  # with a quotation
    ],
)
def test_a_declaration_of_a_related_language_is_corrected(text: str, declared: str, language: str) -> None:
    assert chosen(text, declared) == language


def test_an_agreement_of_page_and_text_is_more_certain_than_a_declaration_alone() -> None:
    agreed, untested = (choose_language([ENGLISH], text).confidence for text in (TEXTS["en"], "Nr. 12"))
    assert agreed > untested > 0


def test_a_text_too_short_to_tell_has_no_language() -> None:
    assert choose_language([], "Nr. 12") == ("", "", "", 0.0)


def test_a_language_of_the_text_names_the_text_as_its_source() -> None:
    assert choose_language([ENGLISH], TEXTS["ja"])[1] == "text"


@pytest.mark.parametrize(
    ("declared", "tag"),
    [("pt_br", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW"), ("en, fr", "en"), ("en_US.UTF-8", "en-US"), ("und", ""),
     ("English", ""), ("", ""), (None, "")],
)  # fmt: skip
def test_a_declared_language_becomes_a_tag(declared: str | None, tag: str) -> None:
    assert language_tag(declared) == tag


@given(st.text(max_size=400), st.sampled_from(["en", "ru", "ja", "kk", "sr-Latn", "x-klingon"]))
def test_no_text_is_refused(text: str, declared: str) -> None:
    assert chosen(text, declared)


@pytest.mark.parametrize("noise", ["\x00", "\x0b", "\x85", "\ud800", "\ufdd0", "\uffff", "\U0010fffe"])
def test_characters_that_no_text_should_contain_are_ignored(noise: str) -> None:
    assert recognize_language(noise.join(TEXTS["de"].partition("weil"))) == recognize_language(TEXTS["de"])


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
def test_the_language_of_a_longer_text_is_recognized(language: str) -> None:
    assert recognize_language(LONG_TEXTS[language])[0] == language


@pytest.mark.parametrize("text", ["", "bread " * 3, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "☃" * 50])
def test_a_text_in_no_language_has_none(text: str) -> None:
    assert recognize_language(text) == ("", 0.0)
