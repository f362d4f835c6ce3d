"""Decides the language of a post. It is the declared language, unless the text is in a script that this language never
uses, or its words clearly belong to another language.

The tables contain the scripts, frequent words and letters of languages. Scripts are named as in Unicode's character
names. HAN means CJK ideographs, KANA means Hiragana and Katakana.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from archiver.model.lazy_regex import lazy_regex

KANA, HAN, HANGUL, LATIN = "KANA", "HAN", "HANGUL", "LATIN"
SCRIPTS = {
    **dict.fromkeys(("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"), KANA),
    "CJK": HAN,
    **{
        name: name
        for name in (LATIN, HANGUL, "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "THAI", "LAO", "KHMER", "MYANMAR",
                     "TIBETAN", "GEORGIAN", "ARMENIAN", "DEVANAGARI", "BENGALI", "TAMIL", "TELUGU", "KANNADA",
                     "MALAYALAM", "GUJARATI", "GURMUKHI", "ORIYA", "SINHALA", "ETHIOPIC", "MONGOLIAN", "THAANA")
    },
}  # fmt: skip
"""The script of a character, by the first word of the character's name in Unicode."""
LETTERS_A_CHARACTER = {KANA: 2, HAN: 2, HANGUL: 2}
"""For how many letters of an alphabet one character counts, by script. Characters of other scripts count as one."""

SOLE_LANGUAGE = {
    KANA: "ja", HAN: "zh", HANGUL: "ko", "GREEK": "el", "THAI": "th", "LAO": "lo", "KHMER": "km", "MYANMAR": "my",
    "TIBETAN": "bo", "GEORGIAN": "ka", "ARMENIAN": "hy", "TAMIL": "ta", "TELUGU": "te", "KANNADA": "kn",
    "MALAYALAM": "ml", "GUJARATI": "gu", "GURMUKHI": "pa", "ORIYA": "or", "SINHALA": "si", "THAANA": "dv",
}  # fmt: skip
"""Scripts in which today only one language is commonly written, and that language."""

_LATIN = (
    "af br ca ceb co cs cy da de en eo es et eu fi fil fo fr fy ga gd gl haw hr ht hu id ig is it jv la lb lt lv mg mi "
    "mt nb nl nn no oc pl pt rm ro sk sl so sq st su sv sw tl tr vi wo xh yo zu"
)
_OTHERS = {
    "CYRILLIC": "ab ba be bg ce cv kv mk os ru sah tt tyv udm uk",
    "ARABIC": "ar fa ps ur ckb",
    "HEBREW": "he iw yi",
    "DEVANAGARI": "hi mr ne sa bho mai",
    "BENGALI": "as bn",
    "ETHIOPIC": "am ti",
    HAN: "zh cmn yue wuu lzh",
}
WRITTEN_IN: dict[str, frozenset[str]] = {
    **{tag: frozenset({script}) for script, tag in SOLE_LANGUAGE.items() if script not in (KANA, HAN, HANGUL)},
    **{tag: frozenset({script}) for script, tags in _OTHERS.items() for tag in tags.split()},
    **dict.fromkeys(_LATIN.split(), frozenset({LATIN})),
    "ja": frozenset({KANA, HAN}),
    "ko": frozenset({HANGUL, HAN}),
    "pa": frozenset({"GURMUKHI", "ARABIC"}),
    "sr": frozenset({"CYRILLIC", LATIN}),
}
"""The scripts in which a language is written. A language that is not in this table (Kazakh, Uzbek, Kurdish) may be
written in any script."""


@dataclass(frozen=True, slots=True)
class LanguageRow:
    """How a language is distinguished from others in the same script: by its frequent words (`words`), by letters that
    most other languages lack (`letters`), and by letters that it lacks itself (`never`).
    """

    tag: str
    script: str
    words: str
    letters: str = ""
    never: str = ""


_NOT_SLAVIC = "әғқңөұүһҳҷӣӯ"
LANGUAGES = (
    LanguageRow(
        "en",
        LATIN,
        "the of and to in is that it was for with as on be at by this have from are not but they you we which "
        "an or had were there been their would what when who will",
    ),
    LanguageRow(
        "de",
        LATIN,
        "der die und das ist nicht ein eine zu den mit auf für von im dem sich auch es wir ich als wie bei "
        "oder aber aus nach noch nur wird werden war sind einen einer wenn kein keine heute",
        "ßäöü",
    ),
    LanguageRow(
        "fr",
        LATIN,
        "le la les des et est une du dans que qui pour pas sur au avec ce il elle nous vous par plus sont "
        "mais ou où aux cette ces je son ses",
        "çèêàùœ",
    ),
    LanguageRow(
        "es",
        LATIN,
        "el la los las y en que es un una del por con para se no su al lo como más pero sus este esta ya fue "
        "muy son también hay",
        "ñ¿¡óíá",
    ),
    LanguageRow(
        "pt",
        LATIN,
        "o os as e em que é um uma do da dos das por com para se não no na ao mais mas como foi são também à "
        "pelo pela isso ele",
        "ãõçê",
    ),
    LanguageRow(
        "it",
        LATIN,
        "il lo la gli le di che è un una del della dei delle per con non si nel nella al alla sono come più "
        "ma anche da questo questa ho",
        "ìòàùè",
    ),
    LanguageRow(
        "nl",
        LATIN,
        "de het een en van ik te dat die in is niet op aan met zijn voor er maar om ook als bij nog uit dan "
        "naar wordt worden deze werd hij we",
    ),
    LanguageRow(
        "sv",
        LATIN,
        "och att det som en på är av för med till den inte har om ett men var jag från vi kan så när eller ska också",
        "åäö",
    ),
    LanguageRow(
        "da",
        LATIN,
        "og at det som en på er af for med til den ikke har om et men var jeg fra vi kan så når eller skal også blev",
        "åæø",
    ),
    LanguageRow(
        "no",
        LATIN,
        "og at det som en på er av for med til den ikke har om et men var jeg fra vi kan så når eller skal også ble",
        "åæø",
    ),
    LanguageRow(
        "fi",
        LATIN,
        "ja on ei että se oli ovat hän mutta kun niin joka myös kuin tai jos nyt vain sen ole olen mitä tämä minä",
        "äö",
    ),
    LanguageRow(
        "pl",
        LATIN,
        "i w na z do się nie że to jest o jak ale po co od za dla tym już tak przez był była są oraz może które który",
        "ąęłńśźż",
    ),
    LanguageRow(
        "cs",
        LATIN,
        "a je se na že to v s z do ale jako by za pro jsem jsou byl byla bylo když nebo jen také který která "
        "ve si ještě",
        "ěřůč",
    ),
    LanguageRow(
        "sk",
        LATIN,
        "a je sa na že to v s z do ale ako by za pre som sú bol bola bolo keď alebo len tiež ktorý ktorá vo si ešte",
        "ľĺŕôä",
    ),
    LanguageRow(
        "sl",
        LATIN,
        "in je se na da to v z za ki so po pa kot bi tudi ne ali ker bil bila bilo sem od pri še smo",
        "čšž",
    ),
    LanguageRow(
        "hr",
        LATIN,
        "i u je na se da su za od s kao što koji koja ne to ali ili iz bi po sam nije bio bila samo još",
        "čćđšž",
    ),
    LanguageRow(
        "hu",
        LATIN,
        "a az és hogy nem egy is van meg ez de csak már volt még mint el ha vagy azt sem olyan kell pedig lehet",
        "őű",
    ),
    LanguageRow(
        "ro",
        LATIN,
        "și în de la cu pe nu un o este că din pentru care mai să au ce sau dar fi prin după sunt fost",
        "ăâîșțşţ",
    ),
    LanguageRow(
        "ca",
        LATIN,
        "el la els les i de que en un una del per amb no es és al dels són com més però aquest aquesta ha seva",
        "çò·",
    ),
    LanguageRow(
        "tr",
        LATIN,
        "ve bir bu da de için ile çok ne daha gibi ama olan olarak var sonra kadar o ben değil her mi en ki yok",
        "ğışç",
    ),
    LanguageRow(
        "vi",
        LATIN,
        "và của là có không được cho một các những người trong với này đã để khi từ như về tại đến cũng còn",
        "đơưạảấầẩậắằặẹẻếềểệọỏốồổộớờởợụủứừửựỳỷ",
    ),
    LanguageRow(
        "id",
        LATIN,
        "yang dan di ini itu dengan untuk dari tidak dalam akan pada ada juga ke adalah saya oleh atau bisa "
        "sudah karena kami mereka",
    ),
    LanguageRow("et", LATIN, "ja on ei et see oli ka kui aga ning siis mis oma ta selle ma nii või olid kuid", "õäö"),
    LanguageRow("lv", LATIN, "un ir ar no uz kas par bet tas ka lai kā vai pie arī nav bija es", "āēīūķļņģ"),
    LanguageRow("lt", LATIN, "ir yra kad į su iš bet kaip tai ar už apie buvo jau tik dar nuo per", "ėįųąęū"),
    LanguageRow(
        "ru",
        "CYRILLIC",
        "и в не на что с по это как а но из у за от к о же для так все был была было его мы я он она они бы "
        "то вы ещё уже только нет или если когда до сегодня",
        "ыэё",
        "іїєґўјљњћђџѓќѕ" + _NOT_SLAVIC,
    ),
    LanguageRow(
        "uk",
        "CYRILLIC",
        "і в не на що з у та до як це за від а по про але для є був була було ми я він вона вони й чи вже "
        "тільки коли або якщо сьогодні ще",
        "іїєґ",
        "ыэёъјљњћђџѓќѕў" + _NOT_SLAVIC,
    ),
    LanguageRow(
        "be",
        "CYRILLIC",
        "і ў не на што з у да як гэта за ад а па пра але для быў была было мы я ён яна яны ці ўжо толькі калі "
        "або сёння",
        "ўі",
        "ищїєґјљњћђџѓќѕ" + _NOT_SLAVIC,
    ),
    LanguageRow(
        "bg",
        "CYRILLIC",
        "и в не на че с по това как а но от за се да е са който която които до при или ще има бе беше ние той "
        "тя те само още вече със днес",
        "ъ",
        "ыэёіїєґўјљњћђџѓќѕ" + _NOT_SLAVIC,
    ),
    LanguageRow(
        "sr",
        "CYRILLIC",
        "и у не на да се је су за од са као што који која али или из би по сам није био била само још ово данас",
        "јљњћђџ",
        "йщъыьэюяёіїєґўѓќѕ" + _NOT_SLAVIC,
    ),
    LanguageRow(
        "mk",
        "CYRILLIC",
        "и во не на да се е за од со како што кој која но или ќе има беше ние тој таа тие само уште ова денес",
        "јљњџѓќѕ",
        "йщъыьэюяёіїєґўћђ" + _NOT_SLAVIC,
    ),
    LanguageRow("kk", "CYRILLIC", "және бұл мен үшін бір да де емес осы сол бар", "әғқңұһі", "ўјљњћђџѓќѕҳҷӣӯ"),
    LanguageRow("ky", "CYRILLIC", "жана бул менен үчүн бир да эмес ошол бар болгон", "ңөү", "әғқұһіўјљњћђџѓќѕҳҷӣӯ"),
    LanguageRow("mn", "CYRILLIC", "ба нь энэ байна юм бол гэж тэр байсан болон", "өү", "әғқңұһіўјљњћђџѓќѕҳҷӣӯ"),
    LanguageRow("tg", "CYRILLIC", "ва дар аз ки ба ин бо барои аст", "ғқҳҷӣӯ", "әңөұүһіўјљњћђџѓќѕыщ"),
    LanguageRow("tt", "CYRILLIC", "һәм бу белән өчен бер да дә түгел бар", "әңөүһҗ", "ғқұіўјљњћђџѓќѕҳҷӣӯ"),
    LanguageRow(
        "ar",
        "ARABIC",
        "في من على إلى أن هذا هذه التي الذي ما لا عن مع كان كانت هو هي كل بعد قبل أو ثم لم لن قد غير بين اليوم",
        "ةيكىإأ",
        "پچژگیکٹڈڑںےہەۆێڕڵټډړښګې",
    ),
    LanguageRow(
        "fa",
        "ARABIC",
        "در به از که این را با است برای آن های می هم بر تا یا ما شد کرد بود اما یک",
        "پچژگیک",
        "ٹڈڑںےہەۆێڕڵټډړښګېةيك",
    ),
    LanguageRow(
        "ur",
        "ARABIC",
        "کے میں کی ہے اور سے کا کو اس پر نے کہ ہیں یہ نہیں بھی تھا",
        "ٹڈڑںےہ",
        "ەۆێڕڵټډړښګېةيك",
    ),
    LanguageRow("ps", "ARABIC", "د په او چې له کې دی سره ته هم یو", "ټډړښګېۍ", "ٹڈڑےہەۆێڕڵ"),
    LanguageRow("ckb", "ARABIC", "و لە بۆ کە بە ئەو لەگەڵ هەر یان", "ەۆێڕڵ", "ٹڈڑںےہټډښګةيك"),
    LanguageRow("he", "HEBREW", "של את על לא זה הוא היא עם כי גם אני או יש אין היום", "", "װױײ"),
    LanguageRow("yi", "HEBREW", "און די דער איז אין צו פֿון האט נישט מיט", "װױײ"),
    LanguageRow("hi", "DEVANAGARI", "है के में की का और से को हैं यह नहीं पर भी एक था कि इस"),
    LanguageRow("mr", "DEVANAGARI", "आहे आणि हे या च्या मध्ये नाही आहेत होते व एक तो ती", "ळ"),
    LanguageRow("ne", "DEVANAGARI", "छ र मा हो को छन् गर्न यो भएको पनि गरेको"),
    LanguageRow("bn", "BENGALI", "এবং না এই করে থেকে ও এক যে জন্য হয়", "র", "ৰৱ"),
    LanguageRow("as", "BENGALI", "আৰু এই কৰি পৰা হয়", "ৰৱ"),
    LanguageRow("am", "ETHIOPIC", "ነው ላይ እና ውስጥ ነበር ግን ይህ", "ሕ"),
    LanguageRow("ti", "ETHIOPIC", "ኣብ እዩ ናይ ካብ ከም ድማ እዚ", "ኣ"),
)
"""The languages that are recognized: each with its script, its most frequent words and its letters."""
SAME_LANGUAGE = {"nb": "no", "nn": "no", "iw": "he", "cmn": "zh"}
"""Other tags for languages in `LANGUAGES`, each with the tag that `LANGUAGES` uses."""


SAMPLE = 1_500
"""At most this many characters of a text are examined."""
_LETTERS, _LATIN_LETTERS = 8, 40
"""A text can be in a script only if it contains at least `_LETTERS` letters of the script, or `_LATIN_LETTERS` if the
script is Latin, since texts in all scripts contain names and code in Latin letters."""
_OTHER_SCRIPT, _OWN_SCRIPT = 0.4, 0.05
"""A language in the Latin script is contradicted if at least `_OTHER_SCRIPT` of the text is in another script. Any
other language is contradicted if at most `_OWN_SCRIPT` of the text is in its own script."""
_KANA = 0.05
"""In a Japanese text, at least this share of the characters is kana."""
_LONG_WITHOUT_KANA = 60
_FOREIGN = 0.01
"""A text may be in a language if at most this share of its letters is missing from that language's alphabet. Such
letters may occur in names of people and places."""
_LEAST_HITS, _LEAST_SHARE, _MARGIN = 2, 0.06, 1.25
_SURE_HITS, _SURE_SHARE, _SURE_MARGIN, _SURE_AGAINST = 8, 0.2, 1.4, 6
"""The words of a text contradict the declared language if another language in the same script is clearly more likely.
At least `_SURE_HITS` words, and at least `_SURE_SHARE` of all words, must be frequent words of that language. There
must be at least `_SURE_MARGIN` times as many of them as of frequent words of the next language, and `_SURE_AGAINST`
times as many as of frequent words of the declared language."""
_MAX_MARKS = 3

Declared = tuple[str, str, str]
"""A BCP 47 tag, the source that declares it, and the locator of the tag in that source."""


class _ScriptOf(dict[int, str | None]):
    """A table for `str.translate` that replaces each letter by a sign for its script, and removes all other characters.
    A character is added to the table when it first occurs.
    """

    def __missing__(self, code: int) -> str | None:
        name = unicodedata.name(chr(code), "")
        script = SCRIPTS.get(name.partition(" ")[0], "") if chr(code).isalpha() else ""
        self[code] = found = _SIGNS.get(script)
        return found


def _languages_of_words() -> dict[str, tuple[str, ...]]:
    """Returns, for each frequent word, the languages in which it is frequent, in the order of the table."""
    found: dict[str, dict[str, None]] = {}
    for row in LANGUAGES:
        for word in row.words.split():
            found.setdefault(word, {})[row.tag] = None
    return {word: tuple(tags) for word, tags in found.items()}


_NAMES = tuple(dict.fromkeys(SCRIPTS.values()))
_SIGNS = {name: chr(ord("A") + n) for n, name in enumerate(_NAMES)}
_SCRIPT_OF = _ScriptOf()
_BY_SCRIPT: dict[str, tuple[LanguageRow, ...]] = {
    script: tuple(row for row in LANGUAGES if row.script == script) for script in {row.script for row in LANGUAGES}
}
_LANGUAGES_OF_WORD = _languages_of_words()
_WORDS_OF: dict[str, frozenset[str]] = {
    tag: frozenset(word for row in LANGUAGES if row.tag == tag for word in row.words.split())
    for tag in {row.tag for row in LANGUAGES}
}
_ASCII = lazy_regex(r"[\x00-\x7f]+")
_NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha())
_PUNCTUATION = ".,;:!?\"'()[]«»“”„‘’–—…-،؛؟।"


_SHORT = 3


def frequent_words(tag: str | None) -> frozenset[str]:
    """Returns the frequent words of a language (BCP 47): articles, pronouns, prepositions and the like, which say
    nothing about the topic of a text. Words of up to three letters that are frequent in any language are included,
    because the table leaves out words that many languages share (de).
    """
    own = _WORDS_OF.get((tag or "").replace("_", "-").partition("-")[0].lower(), frozenset())
    return own | {word for word in _LANGUAGES_OF_WORD if len(word) <= _SHORT}


@dataclass(frozen=True)
class _Text:
    """A text of which the language is sought, with the counts of its letters and words."""

    text: str

    @cached_property
    def scripts(self) -> Mapping[str, int]:
        """The number of letters in each script. In a Japanese text, Han characters count as kana; in a Chinese text, a
        few kana count as Han.
        """
        signs = Counter(_ASCII.sub("", self.text).translate(_SCRIPT_OF))
        signs[_SIGNS[LATIN]] += len(self.text.encode("ascii", "ignore").translate(None, delete=_NO_LETTERS))
        found = {name: signs[sign] * LETTERS_A_CHARACTER.get(name, 1) for name, sign in _SIGNS.items() if signs[sign]}
        if KANA in found:
            both = found.pop(KANA) + (han := found.pop(HAN, 0))
            found[KANA if both - han >= _KANA * both else HAN] = both
        return found

    @cached_property
    def length(self) -> int:
        return sum(self.scripts.values())

    @cached_property
    def words(self) -> list[str]:
        return [word for w in self.text.casefold().split() if (word := w.strip(_PUNCTUATION)) and not word.isdigit()]

    @cached_property
    def hits(self) -> Counter[str]:
        """For each language, the number of words in the text that are frequent in this language."""
        known = _LANGUAGES_OF_WORD
        return Counter(tag for word in self.words if word in known for tag in known[word])

    def main_script(self) -> str:
        """The script to which most letters of the text belong; "" if the text has too few letters to decide."""
        name = max(self.scripts, key=self.scripts.__getitem__, default="")
        return name if name and self.scripts[name] >= max(_LETTERS, _OTHER_SCRIPT * self.length) else ""


def choose_language(declared: Sequence[Declared], text: str) -> Declared:
    """Returns the language of a post: the first declared language that its text does not contradict, or else the
    language of the text.

    `declared` contains the declared languages, most trusted first; `text` is the title and body. Returns ("", "", "")
    if no declaration fits the text and its own language is not certain.
    """
    sample = _Text(text[:SAMPLE])
    fitting = next((one for one in declared if not _is_contradicted(one[0], sample)), None)
    if fitting is not None:
        return fitting
    own = _language_of(sample)
    return (own, "text", "script and words") if own else ("", "", "")


def _is_contradicted(tag: str, sample: _Text) -> bool:
    """Returns True if a text cannot be in the language of the BCP 47 tag `tag`. A tag with a script ("sr-Latn") is
    always believed.
    """
    primary, *rest = tag.lower().split("-")
    if any(len(part) == 4 and part.isalpha() for part in rest):
        return False
    own = WRITTEN_IN.get(primary)
    if own is None:
        return False
    return _is_in_other_script(primary, own, sample) or _is_in_other_words(SAME_LANGUAGE.get(primary, primary), sample)


def _is_in_other_script(primary: str, own: frozenset[str], sample: _Text) -> bool:
    found = sample.scripts
    if primary == "ja" and KANA not in found and found.get(HAN, 0) >= max(_LONG_WITHOUT_KANA, 0.5 * sample.length):
        return True
    others = {name: n for name, n in found.items() if name not in own}
    if not others:
        return False
    name = max(others, key=others.__getitem__)
    if others[name] < (_LATIN_LETTERS if name == LATIN else _LETTERS):
        return False
    if LATIN in own:
        return others[name] >= _OTHER_SCRIPT * sample.length
    return sample.length - sum(others.values()) <= _OWN_SCRIPT * sample.length


def _is_in_other_words(tag: str, sample: _Text) -> bool:
    """Returns True if the words of a text clearly belong to another language, and hardly any of them to the language of
    `tag`.
    """
    if tag not in _WORDS_OF or _is_plainly_in(tag, sample.text) or len(sample.words) < _SURE_HITS:
        return False
    best = _most_hits(sample.hits)
    if best is None or best[0] == tag:
        return False
    name, hits, second = best
    return (
        hits >= max(_SURE_HITS, _SURE_SHARE * len(sample.words), _SURE_MARGIN * second)
        and hits >= _SURE_AGAINST * sample.hits[tag]
        and _language_of(sample) == name
    )


def _is_plainly_in(tag: str, text: str) -> bool:
    """Returns True if a text contains so many frequent words of the language `tag` that no other language can have
    _SURE_AGAINST times as many.

    This is a quick test: words next to punctuation are not counted, so that the result may be wrongly False, but never
    wrongly True.
    """
    words = text.casefold().split()
    return _SURE_AGAINST * sum(map(_WORDS_OF[tag].__contains__, words)) > len(words)


def _most_hits(hits: Mapping[str, float]) -> tuple[str, float, float] | None:
    """Returns the language with the most frequent words in a text, the number of these words, and the highest number
    for another language. `hits` are the numbers by language. Returns None if the text contains no frequent words.
    """
    if not hits:
        return None
    name = max(hits, key=hits.__getitem__)
    return name, hits[name], max((n for tag, n in hits.items() if tag != name), default=0)


def _language_of(sample: _Text) -> str:
    script = sample.main_script()
    if not script or script in SOLE_LANGUAGE:
        return SOLE_LANGUAGE.get(script, "")
    best = _most_hits(dict(_scores(script, sample)))
    if best is None:
        return ""
    name, score, second = best
    enough = score >= _LEAST_HITS or not second
    return name if enough and score >= max(_LEAST_SHARE * len(sample.words), _MARGIN * second) else ""


def _scores(script: str, sample: _Text) -> Iterator[tuple[str, float]]:
    """Yields the languages in which a text in this script may be, each with its score: the number of frequent words in
    the text plus the number of distinctive letters (at most _MAX_MARKS).
    """
    letters = Counter(sample.text.casefold())
    for row in _BY_SCRIPT.get(script, ()):
        if sum(letters[c] for c in row.never) <= _FOREIGN * sample.length:
            yield row.tag, sample.hits[row.tag] + min(_MAX_MARKS, sum(letters[c] for c in row.letters))
