"""Decoding: detected and declared encodings, wrong declarations, and mojibake."""

from __future__ import annotations

import gzip
import unicodedata
import zlib
from collections.abc import Callable
from functools import cache
from html import unescape
from html.entities import codepoint2name

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import archiver
from archiver.extraction.page import _codec, decode_page, repair_mojibake, unpack_undeclared

# Few of its bytes are zero in UTF-16, as on a page with little markup.
WIDE = "<p>" + "港の船が遅れた。" * 40 + "</p>"
WORD = "Žluťoučký kůň"
TEXTS = {
    "ru": "Старый мост через реку закрыли на ремонт до осени, пишет местная газета. ",
    "uk": "Старий міст через річку закрили на ремонт до осені, пише місцева газета. ",
    "zh": "这座老桥因维修而关闭至秋天，当地报纸报道说，居民们不得不绕路。",
    "zh-TW": "這座老橋因維修而關閉至秋天，當地報紙報導說，居民們不得不繞路。",
    "ja": "この古い橋は秋まで修理のために閉鎖されると地元の新聞が報じた。",
    "ko": "이 오래된 다리는 가을까지 수리를 위해 폐쇄된다고 지역 신문이 보도했다. ",
    "cs": "Žluťoučký kůň příšerně úpěl ďábelské ódy na starém mostě. ",
    "pl": "Zażółć gęślą jaźń, stary most został zamknięty do jesieni. ",
    "el": "Η παλιά γέφυρα έκλεισε για επισκευή μέχρι το φθινόπωρο. ",
    "tr": "Eski köprü sonbahara kadar onarım için kapatıldı, gazete yazdı, şöyle ğ. ",
    "he": "הגשר הישן נסגר לתיקון עד הסתיו, כך מדווח העיתון המקומי. ",
    "ar": "تم إغلاق الجسر القديم للإصلاح حتى الخريف، حسبما ذكرت الصحيفة. ",
    "th": "สะพานเก่าถูกปิดเพื่อซ่อมแซมจนถึงฤดูใบไม้ร่วง หนังสือพิมพ์รายงาน ",
    "fr": "Le vieux pont a été fermé jusqu'à l'automne, écrit le journal; ça c'est sûr. ",
    "de": "Die alte Brücke wurde für Reparaturen geschlossen, schreibt die größere Zeitung. ",
    "pt": "A velha ponte está fechada até o outono, não há previsão de reabertura. ",
    "en": "It’s a “fine” day — don’t you think it’s so? We’ve been there. ",
}
LEGACY = [
    ("ru", "cp1251"),
    ("ru", "koi8-r"),
    ("uk", "cp1251"),
    ("zh", "gb18030"),
    ("zh-TW", "big5hkscs"),
    ("ja", "cp932"),
    ("ja", "euc_jp"),
    ("ko", "cp949"),
    ("cs", "cp1250"),
    ("cs", "iso8859-2"),
    ("pl", "iso8859-2"),
    ("el", "cp1253"),
    ("tr", "cp1254"),
    ("he", "cp1255"),
    ("ar", "cp1256"),
    ("th", "cp874"),
    ("fr", "cp1252"),
    ("de", "cp1252"),
    ("pt", "cp1252"),
]


def html(text: str, head: str = "") -> str:
    return f"<html><head>{head}<title>x</title></head><body><div class='entry'><p>{text}</p></div></body></html>"


@pytest.mark.parametrize(
    ("body", "header", "encoding", "how"),
    [
        (f"<p>{WORD}".encode(), "", "utf-8", "utf-8"),
        (f"<p>{WORD}".encode(), "text/html; charset=iso-8859-1", "utf-8", "utf-8"),
        (f'<meta charset="latin1"><p>{WORD}'.encode(), "", "utf-8", "utf-8"),
        (b"\xef\xbb\xbf" + f"<p>{WORD}".encode(), "text/html; charset=windows-1250", "utf-8", "bom"),
        (f"<p>{WORD}".encode("cp1250"), "text/html; charset=windows-1250", "cp1250", "header"),
        (
            f'<meta http-equiv="Content-Type" content="text/html; charset=windows-1250"><p>{WORD}'.encode("cp1250"),
            "",
            "cp1250",
            "meta",
        ),
        (f'<?xml version="1.0" encoding="windows-1250"?><p>{WORD}'.encode("cp1250"), "", "cp1250", "xml"),
        (f"<p>{WORD}".encode("utf-16"), "", "utf-16-le", "bom"),
        (f"<html><p>{WORD}".encode("utf-16-le"), "", "utf-16-le", "zeros"),
        (f"<html><p>{WORD}".encode("utf-16-be"), "text/html; charset=utf-8", "utf-16-be", "zeros"),
        (f"<meta charset=utf-16><p>{WORD}".encode(), "", "utf-8", "utf-8"),
        (f"<html><p>{WORD}".encode(), "text/html; charset=utf-16le", "utf-8", "utf-8"),
    ],
)
def test_declarations_decide_the_encoding(body: bytes, header: str, encoding: str, how: str) -> None:
    page = decode_page(body, header)
    assert WORD in page.text
    assert (page.encoding, page.how) == (encoding, how)


@pytest.mark.parametrize(("language", "encoding"), LEGACY)
@pytest.mark.parametrize("times", [2, 300])
def test_an_undeclared_old_encoding_is_guessed(language: str, encoding: str, times: int) -> None:
    text = TEXTS[language] * times
    page = decode_page(html(text).encode(encoding))
    assert text in page.text
    assert page.how == "detected"


@pytest.mark.parametrize(("language", "encoding"), [row for row in LEGACY if row[0] in ("ru", "zh", "ja", "el", "ar")])
@pytest.mark.parametrize("declared", ["iso-8859-1", "utf-8"])
def test_an_impossible_declaration_is_ignored(language: str, encoding: str, declared: str) -> None:
    text = TEXTS[language] * 3
    assert text in decode_page(html(text).encode(encoding), f"text/html; charset={declared}").text


@pytest.mark.parametrize(
    ("language", "encoding", "text"),
    [
        ("fr", "cp1252", "déjà vu à l'été"),
        ("ru", "cp1251", "Новости дня"),
        ("cs", "cp1250", WORD),
        ("hu", "iso8859-2", "őszi árvíztűrő"),
        ("en", "cp1252", "Café déjà vu"),
    ],
)
def test_the_language_of_the_page_decides_the_encoding(language: str, encoding: str, text: str) -> None:
    source = f'<html lang="{language}"><head><meta charset="utf-8"></head><body><p>{text}</p></body></html>'
    page = decode_page(source.encode(encoding), "text/html; charset=utf-8")
    assert (text in page.text, page.encoding, page.how) == (True, encoding, "language")


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("iso-8859-1", "cp1252"),
        ("latin1", "cp1252"),
        ("US-ASCII", "cp1252"),
        ("ISO-8859-9", "cp1254"),
        ("gb2312", "gb18030"),
        ("GBK", "gb18030"),
        ("x-gbk", "gb18030"),
        ("Shift_JIS", "cp932"),
        ("x-sjis", "cp932"),
        ("ks_c_5601-1987", "cp949"),
        ("EUC-KR", "cp949"),
        ("big5", "big5hkscs"),
        ("windows-874", "cp874"),
        ("TIS-620", "cp874"),
        ("x-cp1251", "cp1251"),
        ("iso-8859-8-i", "iso8859-8"),
        ("utf8", "utf-8"),
        ("UTF-16LE", "utf-8"),
        ("utf-7", ""),
        ("rot13", ""),
        ("base64", ""),
        ("nonsense", ""),
    ],
)
def test_encoding_labels_are_those_of_browsers(label: str, name: str) -> None:
    assert _codec(label) == name


@pytest.mark.parametrize(
    ("encoding", "header", "how"),
    [
        ("utf-16-le", "text/html; charset=utf-16le", "header"),
        ("utf-16-le", 'text/html; charset="UTF-16"', "header"),
        ("utf-16-be", "text/html;charset=utf-16be", "header"),
        ("iso2022_jp", "", "detected"),
        ("iso2022_jp", "text/html; charset=utf-8", "detected"),
    ],
)
def test_text_with_little_markup_is_read_in_its_encoding(encoding: str, header: str, how: str) -> None:
    found = decode_page(WIDE.encode(encoding), header)
    assert (found.text, found.encoding, found.how) == (WIDE, encoding, how)


@pytest.mark.parametrize("body", [WIDE.encode(), b"<html><p>\x1b[31mred\x1b[0m"], ids=["utf-8", "escape sequences"])
def test_a_header_that_does_not_fit_is_ignored(body: bytes) -> None:
    assert decode_page(body, "text/html; charset=utf-16le").encoding == "utf-8"


def test_a_few_broken_bytes_do_not_change_the_encoding() -> None:
    page = decode_page(("<p>" + WORD * 200).encode() + b"\xff\xfe<p>end")
    assert page.encoding == "utf-8"
    assert WORD in page.text
    assert page.text.endswith("end")


def test_a_character_cut_at_the_end_is_left_out() -> None:
    page = decode_page("<p>žž".encode()[:-1])
    assert (page.text, page.encoding) == ("<p>ž", "utf-8")


def test_marks_pasted_from_windows_into_utf_8_are_read() -> None:
    body = ("<p>" + "Ärger " * 80).encode() + b"don\x92t \x93so\x94 caf\xc3 x</p>"
    assert "don’t “so” caf\ufffd x" in decode_page(body).text


def test_c1_controls_are_read_as_windows_1252() -> None:
    for body in ("<p>We\x92re \x93so\x94\x85", "<p>We\x92re \x93so\x94\x85".encode()):
        assert decode_page(body).text == "<p>We’re “so”…"
    twice = TEXTS["en"].encode().decode("latin-1") * 3
    assert decode_page(f"<p>{twice}</p>".encode()).text == f"<p>{TEXTS['en'] * 3}</p>"


def test_characters_invalid_in_xml_are_removed() -> None:
    assert decode_page("a\0b\x1b\ufffe\ud800c").text == decode_page(b"a\0b\x1b\xef\xbf\xbec").text == "abc"


@given(st.sampled_from(LEGACY), st.data())
def test_text_in_a_declared_encoding_round_trips(row: tuple[str, str], data: st.DataObject) -> None:
    encoding = row[1]
    text = data.draw(st.text(st.sampled_from(_characters(encoding)), max_size=40))
    body = f"<p>{text}".encode(encoding)
    assume(body.decode(encoding) == f"<p>{text}" and not _is_utf8(body) and repair_mojibake(text)[0] == text)
    page = decode_page(body, f"text/html; charset={encoding}")
    # Text with so few ASCII characters is unlikely in a western encoding.
    assert page.text == f"<p>{text}" or (encoding == "cp1252" and page.how != "header")


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")), max_size=200))
def test_utf_8_round_trips(text: str) -> None:
    assume(repair_mojibake(text)[0] == text)
    assert decode_page(text.encode()).text == text.removeprefix("\ufeff")


@given(st.binary(max_size=300), st.text(max_size=40))
def test_any_bytes_are_decoded_without_an_error(body: bytes, header: str) -> None:
    page = decode_page(body, header)
    assert page == decode_page(body, header)
    page.text.encode("utf-8")


@cache
def _characters(encoding: str) -> list[str]:
    """Return the characters of an encoding, without those that two tables decode differently."""
    return [
        c
        for c in map(chr, range(0x10000))
        if unicodedata.category(c) not in ("Cc", "Cs", "Cn", "Co")
        and c not in "¢£¬¥‖‾−〜"
        and c.encode(encoding, "ignore")
    ]


def _is_utf8(body: bytes) -> bool:
    try:
        return not body.isascii() and bool(body.decode())
    except UnicodeDecodeError:
        return False


def misread(text: str, codec: str) -> str:
    """Return the text as it looks when its UTF-8 is decoded with a single-byte encoding."""
    return "".join(bytes([b]).decode(codec, errors="ignore") or chr(b) for b in text.encode())


@pytest.mark.parametrize("codec", ["cp1252", "latin-1", "cp1251"])
@pytest.mark.parametrize("language", TEXTS)
def test_text_that_was_encoded_twice_is_repaired(codec: str, language: str) -> None:
    text = TEXTS[language] * 4
    assert repair_mojibake(f"<p>{misread(text, codec)}</p>") == (f"<p>{text}</p>", 1)


@pytest.mark.parametrize("language", ["fr", "ru", "zh"])
def test_entities_of_text_that_was_encoded_twice_are_repaired(language: str) -> None:
    """A program that took UTF-8 for Latin-1 replaced each byte by its entity."""
    text = TEXTS[language] * 4
    named = {code: f"&{name};" for code, name in codepoint2name.items() if code > 127}
    page = f"<p>{misread(text, 'cp1252').translate(named)} 1 &lt; 2 &amp;&lt;</p>"
    assert decode_page(page.encode()).text == f"<p>{text} 1 &lt; 2 &amp;&lt;</p>"


@pytest.mark.parametrize(
    "text", ["S&Atilde;&Otilde; caf&eacute;", "&acirc;&euro; is &euro;", "&Atilde;&copy; &#195;&#169;"]
)
def test_correct_entities_mean_the_same(text: str) -> None:
    assert unescape(decode_page(f"<p>{text}</p>").text) == f"<p>{unescape(text)}</p>"


@pytest.mark.parametrize("language", TEXTS)
def test_correct_text_is_not_changed(language: str) -> None:
    page = "".join(f"<p>{TEXTS[language] * 3}<b>{text}</b>" for text in TEXTS.values())
    assert repair_mojibake(page) == (page, 0)


@pytest.mark.parametrize(
    "text",
    [
        "“IRMÔ e «CAFÉ» … MANHÔ É… Â»",
        "À «à»",
        "naïve façade",
        "A â€™ is what ’ became, and Ã© is é.",
        "<code>Ã©</code> <code>Ã¨</code> <code>â€™</code> <code>Ã¼</code>",
        "СССР Р° Рё С‚",
        "10 × 20 ° ± ½",
    ],
)
def test_uncertain_mojibake_is_not_changed(text: str) -> None:
    assert repair_mojibake(text * 3)[0] == text * 3


WESTERN = st.text(
    st.sampled_from("abcdefgh ABCDE .,éèàçôêüöäßñáíóúãõåøæÉÈÀÇÔÊÜÖÄÑÁÍÓÚÃÕÅØÆœ’“”«»–—…°·©®€"), max_size=300
).filter(lambda t: "Ã©" not in t and "â€" not in t)


@given(WESTERN, st.sampled_from(sorted(TEXTS)))
def test_correct_runs_are_kept_when_others_are_repaired(good: str, language: str) -> None:
    """A run of text with a correct non-ASCII letter is kept, also in a page in which other runs are repaired."""
    bad = misread(TEXTS["fr"] * 4, "cp1252")
    text, count = repair_mojibake(f"<p>{bad}</p><p>é {good} é</p><p>{TEXTS[language]}</p>")
    assert text == f"<p>{TEXTS['fr'] * 4}</p><p>é {good} é</p><p>{TEXTS[language]}</p>"
    assert count == 1


def test_the_encoding_is_evidence() -> None:
    body = html(TEXTS["ru"] * 3).encode("cp1251")
    evidence = next(e for e in archiver.extract(body, "https://example.org/a").evidence if e.field == "encoding")
    assert (evidence.value, evidence.source) == ("cp1251", "detected")
    body = html(misread(TEXTS["en"], "cp1252")).encode()
    evidence = next(e for e in archiver.extract(body, "https://example.org/a").evidence if e.field == "encoding")
    assert (evidence.value, evidence.source) == ("utf-8", "utf-8")
    assert evidence.locator.startswith("1 run")


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_page_compressed_without_a_header_is_read(pack: Callable[[bytes], bytes]) -> None:
    page = decode_page(pack(html("Die Fähre fährt größere Umwege").encode()), "text/html")
    assert "Die Fähre fährt größere Umwege" in page.text
    assert page.packed in page.evidence().locator


@pytest.mark.parametrize("body", [b"x^2 is a square", gzip.compress(b"<html>" * 99, mtime=0)[:20], b"\x1f\x8b"])
def test_bytes_that_cannot_be_decompressed_are_unchanged(body: bytes) -> None:
    assert unpack_undeclared(body) == (body, "")


def test_decompression_is_bounded() -> None:
    text, _ = unpack_undeclared(gzip.compress(b"a" * 100_000, mtime=0), 1_000)
    assert len(text) == 1_000
