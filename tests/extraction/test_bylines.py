"""Bylines in many languages and scripts, as lines beside the date and as marked elements, and lines that are none."""

from __future__ import annotations

import pytest
from lxml.html import fromstring

from archiver.extraction.article import extract_page
from archiver.extraction.bylines import names_of_line
from archiver.extraction.page import parse_page
from archiver.extraction.person_names import is_organization, is_plain_name
from archiver.model.items import ORGANIZATIONS, Article

# For each language a title, a text and a date.
TEXTS = {
    "si": ("පාරුව නැවත යයි", "ශීත කාලයෙන් පසු පාරුව නැවත යන බව වරාය අධිපති පැවසීය, මිල ද අඩු වේ.", "2024 මැයි 12"),
    "my": ("ကူးတို့ ပြန်ပြေးပြီ", "ဆောင်းရာသီအပြီးတွင် ကူးတို့သင်္ဘော ပြန်လည်ပြေးဆွဲပြီဟု ဆိပ်ကမ်းမှူးက ပြောသည်။", "၂၀၂၄ မေ ၁၂"),
    "am": ("ጀልባው ተመለሰ", "ጀልባው ከክረምት በኋላ እንደገና መጓዝ መጀመሩን የወደቡ ኃላፊ ተናገሩ፣ ዋጋውም ቀንሷል።", "ሜይ 12, 2024"),
    "hy": ("Լաստանավը վերադարձավ", "Ձմռանից հետո լաստանավը կրկին լողում է, ասաց նավահանգստի պետը։", "12 մայիսի 2024"),
    "mn": (
        "Гарам дахин ажиллав",
        "Өвлийн дараа гарам дахин ажиллаж эхэллээ гэж боомтын дарга хэлэв.",
        "2024 оны 5 сарын 12",
    ),
    "ml": ("കടത്തുവള്ളം വീണ്ടും", "ശൈത്യകാലത്തിനു ശേഷം കടത്തുവള്ളം വീണ്ടും ഓടുന്നുവെന്ന് തുറമുഖ മേധാവി പറഞ്ഞു.", "2024 മേയ് 12"),
    "en": (
        "The ferry runs again",
        "The ferry runs again after a winter in the yard, the harbour master said.",
        "May 12, 2024",
    ),
    "de": (
        "Die Fähre fährt wieder",
        "Die Fähre fährt nach einem Winter in der Werft wieder, sagte der Hafen.",
        "12. Mai 2024",
    ),
    "fr": ("Le bac navigue", "Le bac navigue de nouveau après un hiver au chantier, a dit le port.", "12 mai 2024"),
    "es": (
        "El ferry vuelve",
        "El ferry vuelve a navegar tras un invierno en el astillero, dijo el puerto.",
        "12 de mayo de 2024",
    ),
    "pt": (
        "A balsa voltou",
        "A balsa voltou a navegar depois de um inverno no estaleiro, disse o porto.",
        "12 de maio de 2024",
    ),
    "it": (
        "Il traghetto riparte",
        "Il traghetto riparte dopo un inverno in cantiere, ha detto il porto.",
        "12 maggio 2024",
    ),
    "nl": ("De pont vaart weer", "De pont vaart weer na een winter op de werf, zei de havenmeester.", "12 mei 2024"),
    "pl": (
        "Prom znów pływa",
        "Prom znów pływa po zimie spędzonej w stoczni, powiedział kapitan portu.",
        "12 maja 2024",
    ),
    "cs": (
        "Přívoz opět jezdí",
        "Přívoz opět jezdí po zimě strávené v loděnici, řekl správce přístavu.",
        "12. května 2024",
    ),
    "hu": ("Újra jár a komp", "Újra jár a komp a hajógyárban töltött tél után, mondta a kikötő.", "2024. május 12."),
    "sv": ("Färjan går igen", "Färjan går igen efter en vinter på varvet, sade hamnkaptenen.", "12 maj 2024"),
    "fi": ("Lautta kulkee taas", "Lautta kulkee taas telakalla vietetyn talven jälkeen, satama kertoi.", "12.5.2024"),
    "tr": ("Vapur yeniden yolda", "Vapur tersanede geçen kışın ardından yeniden yolda, dedi liman.", "12 Mayıs 2024"),
    "vi": ("Phà chạy lại", "Phà chạy lại sau một mùa đông ở xưởng, cảng cho biết hôm nay.", "12/05/2024"),
    "ru": ("Паром снова ходит", "Паром снова ходит после зимы на верфи, сообщил начальник порта.", "12 мая 2024"),
    "el": ("Το πορθμείο πλέει ξανά", "Το πορθμείο πλέει ξανά μετά από έναν χειμώνα στο ναυπηγείο.", "12 Μαΐου 2024"),
    "ar": ("العبارة تبحر من جديد", "العبارة تبحر من جديد بعد شتاء في الحوض، قال مدير الميناء.", "12 مايو 2024"),
    "he": ("המעבורת שטה שוב", "המעבורת שטה שוב לאחר חורף במספנה, אמר מנהל הנמל היום.", "12 במאי 2024"),
    "zh": ("渡轮恢复航行", "渡轮在船厂度过一个冬天以后恢复航行，港务局今天这样告诉居民。", "2024-05-12 10:20"),
    "ja": ("渡し船が再開", "渡し船は造船所で冬を過ごした後、運航を再開したと港が発表した。", "2024年5月12日"),
    "ko": ("나룻배 다시 운항", "나룻배가 조선소에서 겨울을 보낸 뒤 다시 운항한다고 항만이 밝혔다.", "2024-05-12 10:20"),
}


BESIDE_DATE = '<div class="meta">{line} | <time>{date}</time></div>'


def read(language: str, line: str, form: str = BESIDE_DATE, head: str = "") -> Article:
    """Return the article of a page with this line below its heading, beside the date or as `form` shows it."""
    title, text, date = TEXTS[language]
    html = (
        f'<html lang="{language}"><head><title>{title}</title>{head}</head><body>'
        '<header><nav><a href="/x/">Quay</a></nav></header><main>'
        f"<article><h1>{title}</h1>{form.format(line=line, date=date)}"
        f'<div class="text">{f"<p>{text} {text} {text}</p>" * 3}</div></article></main></body></html>'
    )
    return extract_page(parse_page(html, "https://quay.example/ferry"))


BYLINES = [
    ("en", "By Ann Lee and Bo Reed", ["Ann Lee", "Bo Reed"]),
    ("en", "By Ann Lee on behalf of the Ferry Working Group", ["Ann Lee"]),
    ("en", "Ann Lee for the Harbour Team", ["Ann Lee"]),
    ("en", "By ANN LEE, Associated Press", ["Ann Lee"]),
    ("en", "By Ann Lee in Leeds and Bo Reed in Hull", ["Ann Lee", "Bo Reed"]),
    ("en", "Words by Ann Lee. Photographs by Bo Reed", ["Ann Lee"]),
    ("en", "By Ann Lee (@annlee)", ["Ann Lee"]),
    (
        "en",
        "By <a href='/by/ann/'>Ann Lee</a> in Leeds, <a href='/by/bo/'>Bo Reed</a> in Hull and "
        "<a href='/by/eva/'>Eva Hill</a>, North Sea editor",
        ["Ann Lee", "Bo Reed", "Eva Hill"],
    ),
    (
        "en",
        "<a rel=author href='/p/1'>Ann Lee</a> (now) and <a rel=author href='/p/2'>Bo Reed</a> (earlier)",
        ["Ann Lee", "Bo Reed"],
    ),
    (
        "de",
        "Von <a href='/x/1'>Anna Berg</a> und <a href='/x/2'>Jörg Müller</a>, Hamburg",
        ["Anna Berg", "Jörg Müller"],
    ),
    ("el", "Από <a href='/author/ep/'>Ελένη Παππά</a>", ["Ελένη Παππά"]),
    ("en", "Posted by Quay Tools GmbH &amp; Co. KG", ["Quay Tools GmbH & Co. KG"]),
    ("en", "By the Quay Team", ["the Quay Team"]),
    ("de", "Von Anna Berg und Jörg Müller, Hamburg", ["Anna Berg", "Jörg Müller"]),
    ("de", "Von Anna Berg im Namen der Hafengruppe", ["Anna Berg"]),
    ("de", "Text: Anna Berg, Fotos: Jörg Müller", ["Anna Berg"]),
    ("de", "Interview: Anna Berg", ["Anna Berg"]),
    ("de", "Von dpa", ["dpa"]),
    ("fr", "Propos recueillis par Claire Dubois", ["Claire Dubois"]),
    ("fr", "Par Claire Dubois (Brest, correspondante)", ["Claire Dubois"]),
    ("fr", "Par Claire Dubois, avec AFP", ["Claire Dubois"]),
    ("es", "Por Lucía Peña y Juan Gil", ["Lucía Peña", "Juan Gil"]),
    ("es", "Por Lucía Peña en nombre de los vecinos", ["Lucía Peña"]),
    ("es", "Redacción: Lucía Peña", ["Lucía Peña"]),
    ("pt", "Por João da Silva e Ana Souza", ["João da Silva", "Ana Souza"]),
    ("pt", "João da Silva em nome da Associação", ["João da Silva"]),
    ("it", "di Marco Rossi a nome del comitato", ["Marco Rossi"]),
    ("nl", "Tekst: Jan van den Berg Beeld: Piet de Vries", ["Jan van den Berg"]),
    ("pl", "Oprac. Jan Kowalski", ["Jan Kowalski"]),
    ("cs", "Jan Novák, redaktor", ["Jan Novák"]),
    ("cs", "Jan Novák, ČTK", ["Jan Novák"]),
    ("cs", "Autoři: Jan Novák a Eva Malá", ["Jan Novák", "Eva Malá"]),
    ("hu", "Szerző: Nagy László", ["Nagy László"]),
    ("hu", "Írta: Nagy László és Kovács Ilona", ["Nagy László", "Kovács Ilona"]),
    ("fi", "Kirjoittaneet Matti Salo ja Aino Korpi", ["Matti Salo", "Aino Korpi"]),
    ("sv", "Text: Anna Lind Foto: Erik Berg", ["Anna Lind"]),
    ("fi", "Teksti: Matti Salo, kuvat: Aino Korpi", ["Matti Salo"]),
    ("tr", "Ayşe Yılmaz, Muhabir", ["Ayşe Yılmaz"]),
    ("vi", "Bài, ảnh: Nguyễn Văn An", ["Nguyễn Văn An"]),
    ("vi", "Bởi Nguyễn Văn An thay mặt ban tổ chức", ["Nguyễn Văn An"]),
    ("ru", "Текст: Иван Петров, фото: Анна Белова", ["Иван Петров"]),
    ("ru", "Иван Петров от имени жителей", ["Иван Петров"]),
    ("el", "Του Γιώργου Παππά", ["Γιώργου Παππά"]),
    ("ar", "بقلم محمد علي", ["محمد علي"]),
    ("he", "דנה כהן, כתבת", ["דנה כהן"]),
    ("si", "ලියන්නේ නිමල් පෙරේරා", ["නිමල් පෙරේරා"]),
    ("my", "ရေးသူ - မောင်မောင်", ["မောင်မောင်"]),
    ("am", "ጸሐፊ፦ አበበ ቢቂላ", ["አበበ ቢቂላ"]),
    ("hy", "Հեղինակ՝ Արամ Պետրոսյան", ["Արամ Պետրոսյան"]),
    ("mn", "Сэтгүүлч Б. Энхболд", ["Б. Энхболд"]),
    ("ml", "ലേഖകൻ: രാജു നായർ", ["രാജു നായർ"]),
    ("zh", "记者 张三 通讯员 李四", ["张三", "李四"]),
    ("zh", "记者张三 北京报道", ["张三"]),
    ("zh", "文｜李四", ["李四"]),
    ("zh", "来源：新华社 作者：王小明 责任编辑：李大伟", ["王小明"]),
    ("zh", "发布者：王小明 浏览：20", ["王小明"]),
    ("zh", "作者：新华社", ["新华社"]),
    ("ja", "文・山田太郎", ["山田太郎"]),
    ("ja", "取材・文：山田太郎", ["山田太郎"]),
    ("ko", "홍길동 기자", ["홍길동"]),
    ("ko", "홍길동 기자 hong@quay.example", ["홍길동"]),
    ("ko", "[항구신문=홍길동 기자]", ["홍길동"]),
    ("ko", "홍길동·김영희 기자", ["홍길동", "김영희"]),
]


@pytest.mark.parametrize(("language", "line", "names"), BYLINES, ids=[line for _, line, _ in BYLINES])
def test_names_of_a_byline_beside_the_date(language: str, line: str, names: list[str]) -> None:
    assert list(read(language, line).authors) == names


@pytest.mark.parametrize(("language", "line", "names"), BYLINES, ids=[line for _, line, _ in BYLINES])
def test_names_of_an_element_marked_as_byline(language: str, line: str, names: list[str]) -> None:
    marked = '<div class="byline">{line}</div><div class="date">{date}</div>'
    assert list(read(language, line, marked).authors) == names


NO_BYLINES = [
    ("en", "Middle East"), ("en", "Hong Kong | Markets"), ("en", "City Hall, Quay Street"), ("en", "Category: Boats"),
    ("en", "Sponsored by Acme Boats Inc."), ("en", "Copyright Quay Media Ltd."), ("en", "Follow @quay"),
    ("de", "Lokalsport Nord"), ("de", "Landkreis Hafenberg"), ("de", "Quelle: Polizei"), ("de", "Foto: Jörg Müller"),
    ("fr", "Vie Politique"), ("es", "Ciudad de México"), ("pt", "São Paulo"), ("pt", "Foto: João da Silva"),
    ("it", "Cronaca Locale"), ("nl", "Binnenlands Nieuws"), ("pl", "Wiadomości Lokalne"), ("cs", "Hradec Králové"),
    ("hu", "Belföldi Hírek"), ("sv", "Lokala Nyheter"), ("fi", "Kotimaan Uutiset"), ("tr", "Son Dakika"),
    ("vi", "Đời Sống Xã Hội"), ("ru", "Новости Региона"), ("el", "Τοπικά Νέα"), ("ar", "أخبار محلية"),
    ("he", "חדשות מקומיות"), ("zh", "责任编辑：李大伟"), ("zh", "作者： 来源：港口日报"), ("zh", "高清大图"),
    ("zh", "作者：佚名"), ("zh", "记者了解到，渡船下周停航。"), ("zh", "记者注意到，从港口的数据来看，渡船较少"),
    ("ja", "社会"), ("ja", "写真：山田太郎"), ("ko", "경제"), ("ko", "작성자: 관리자"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "line"), NO_BYLINES, ids=[line for _, line in NO_BYLINES])
def test_sections_places_and_other_credits_beside_the_date_are_no_authors(language: str, line: str) -> None:
    assert read(language, line).authors == ()


def test_a_plain_name_that_a_menu_links_to_is_a_section() -> None:
    menu = '<div class="meta">{line} | <time>{date}</time></div><nav><a href="/mary-river/">Mary River</a></nav>'
    assert read("en", "Mary River").authors == ("Mary River",)
    assert read("en", "Mary River", menu).authors == ()


def test_the_one_who_checked_the_facts_is_no_author() -> None:
    form = (
        '<div class="byline"><a href="/author/ann/">Ann Lee</a> <time>{date}</time><br>{line} '
        '<a href="/author/bo/">Bo Reed</a></div>'
    )
    assert read("en", "Fact checked by:", form).authors == ("Ann Lee",)


def test_a_class_for_the_foot_of_the_header_is_no_footer() -> None:
    form = '<div class="art_header_footer"><span class="art_header_footer_author">{line}</span> <b>{date}</b></div>'
    assert read("he", "דנה כהן", form).authors == ("דנה כהן",)


@pytest.mark.parametrize(
    ("host", "names"), [("quay.example", ("Ann Lee", "Bo Reed")), ("the-quay.example", ("Ann Lee",))]
)
def test_the_outlet_after_its_authors_in_a_meta_element_is_none(host: str, names: tuple[str, ...]) -> None:
    last = names[-1] if len(names) > 1 else "The Quay"
    title, text, date = TEXTS["en"]
    head = f'<title>{title}</title><meta name="author" content="Ann Lee, {last}">'
    html = f"<head>{head}</head><article><h1>{title}</h1><time>{date}</time><p>{text} {text}</p></article>"
    assert extract_page(parse_page(html, f"https://{host}/ferry")).authors == names


@pytest.mark.parametrize(
    ("author", "names"),
    [
        ("Quay Online, Hamburg, Germany", ()),
        ("Sailmaker GmbH, Hamburg", ("Sailmaker GmbH",)),
        ("Quay Online, Ann Lee", ("Ann Lee",)),
        ("Sailmaker d.o.o. - www.sailmaker.example", ()),
        ("Ann Lee - www.quay.example", ("Ann Lee",)),
    ],
)
def test_the_place_of_an_outlet_and_the_builder_of_its_site_in_a_meta_element_are_none(
    author: str, names: tuple[str, ...]
) -> None:
    title, text, date = TEXTS["en"]
    head = f'<title>{title}</title><meta name="author" content="{author}">'
    html = f"<head>{head}</head><article><h1>{title}</h1><time>{date}</time><p>{text} {text}</p></article>"
    assert extract_page(parse_page(html, "https://quay.example/ferry")).authors == names


@pytest.mark.parametrize(("title", "names"), [("Come Together", ()), ("The ferry", ("Come Together",))])
def test_the_title_beside_the_date_is_no_author(title: str, names: tuple[str, ...]) -> None:
    _, text, date = TEXTS["en"]
    html = f"<title>{title}</title><h1>{title}</h1><p>{date}</p><p>Come Together</p><div><p>{text} {text}</p></div>"
    assert extract_page(parse_page(html, "https://quay.example/ferry")).authors == names


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("/author/ann/", ("Mary River",)),
        ("/mary-river/", ("Mary River",)),
        ("https://maryriver.example/", ("Mary River",)),
        ("mailto:mr@quay.example", ("Mary River",)),
        ("/about/", ("Mary River",)),
        ("/offers#all", ()),
        ("https://builder.example/", ()),
    ],
)
def test_a_plain_name_beside_the_date_is_no_author_if_its_link_leads_elsewhere(
    address: str, names: tuple[str, ...]
) -> None:
    form = f'<div>{{date}}</div><div><a href="{address}">{{line}}</a></div>'
    assert read("en", "Mary River", form).authors == names


def test_a_name_after_a_heading_that_is_a_label() -> None:
    facts = "<p>{date}</p><aside><h3>{line}</h3><ul><li><a href='/x?p=1'>Ann Lee</a></li><li>Bo Reed</li></ul></aside>"
    assert read("en", "Author(s)", facts.replace("aside", "section")).authors == ("Ann Lee", "Bo Reed")


def test_a_plain_name_after_a_standfirst() -> None:
    standfirst = f"<p>{TEXTS['en'][1] * 4}</p><p>{{line}}</p><p>{{date}}</p>"
    assert read("en", "Ann Lee", standfirst).authors == ("Ann Lee",)


def test_a_declared_person_comes_before_the_organization_that_is_shown() -> None:
    form = '<p class="author">{line}</p><time>{date}</time>'
    declared = '<meta name="author" content="Ann Lee">'
    assert read("en", "Quay Media Group", form).authors == ("Quay Media Group",)
    assert read("en", "Quay Media Group", form, declared).authors == ("Ann Lee",)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dpa", True), ("新华社", True), ("The Associated Press", True), ("Quay Tools GmbH & Co. KG", True),
        ("Redaktion Wirtschaft", True), ("港口日报", True), ("연합뉴스", True), ("Quay Editorial Team", True),
        ("Министерство обороны", True), ("株式会社港", True), ("University of Leeds", True),
        ("Ann Lee", False), ("Jan van den Berg", False), ("张三", False), ("Qi Zhu (Systems Group)", False),
        ("Ann Post", False), ("홍길동", False),
    ],
)  # fmt: skip
def test_an_organization_is_recognized_by_its_name(name: str, expected: bool) -> None:
    assert is_organization(name) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ann Lee", True), ("Zhilong Hong", True), ("Yumin Zhou (Brian)", True), ("Nguyễn Thành Công", True),
        ("Иван Петров", True), ("王小明", True), ("山田 太郎", True),
        ("Hong Kong", False), ("Press Release", False), ("Новости региона", False), ("أخبار محلية", False),
        ("高清大图", False), ("Quay Media Group", False),
    ],
)  # fmt: skip
def test_a_plain_name_cannot_be_the_name_of_a_section(name: str, expected: bool) -> None:
    assert is_plain_name(name) is expected


def organizations(article: Article) -> dict[str, str]:
    return {e.value: e.source for e in article.evidence if e.field == ORGANIZATIONS}


def test_evidence_marks_the_authors_that_are_organizations() -> None:
    assert organizations(read("de", "Von dpa")) == {"dpa": "name"}
    assert organizations(read("en", "By Ann Lee")) == {}


@pytest.mark.parametrize(("kind", "expected"), [("NewsMediaOrganization", {"Quay Notes": "json-ld"}), ("Person", {})])
def test_json_ld_declares_which_authors_are_organizations(kind: str, expected: dict[str, str]) -> None:
    author = f'{{"@type": "{kind}", "name": "Quay Notes"}}'
    declared = f'{{"@type": "Article", "datePublished": "2024-05-12", "author": {author}}}'
    head = f'<script type="application/ld+json">{declared}</script>'
    assert organizations(read("en", "By Quay Notes", head=head)) == expected


def test_a_name_with_another_in_brackets_is_read_in_an_element_known_as_byline() -> None:
    line = fromstring("<p>May 12, 2024 - <span>Yu Cao (Kevin)</span> &amp; Ann Lee</p>")
    assert names_of_line(line) == ["Yu Cao (Kevin)", "Ann Lee"]


COMMENTS = [
    ("en", "2 comments", "Bo Reed"), ("de", "2 Kommentare", "Hans Meier"), ("fr", "2 commentaires", "Jean Petit"),
    ("es", "Comentarios", "Juan Gil"), ("it", "2 commenti", "Marco Rossi"), ("nl", "Reacties", "Piet de Vries"),
    ("pl", "Komentarze", "Jan Kowalski"), ("tr", "2 yorum", "Ahmet Kaya"), ("vi", "2 bình luận", "Nguyễn Văn An"),
    ("ru", "Комментарии", "Иван Петров"), ("zh", "评论", "王小明"),
]  # fmt: skip


@pytest.mark.parametrize("mark", ['<a rel="author" href="/user/7">{}</a>', '<p class="author">{}</p>', "<p>{}</p>"])
@pytest.mark.parametrize(("language", "heading", "name"), COMMENTS, ids=[language for language, _, _ in COMMENTS])
def test_who_comments_is_no_author(language: str, heading: str, name: str, mark: str) -> None:
    title, text, date = TEXTS[language]
    html = (
        f'<html lang="{language}"><title>{title}</title><main><article><h1>{title}</h1><p>{date}</p><div><p>{text}</p>'
        f"<p>{text} {text}</p></div></article><div><h3>{heading}</h3><div>{mark.format(name)}<p>{date}</p>"
        f"<p>{text}</p></div></div></main></html>"
    )
    assert extract_page(parse_page(html, "https://quay.example/ferry")).authors == ()


BOOKS = [
    ("en", "<p>Author: Ann Lee<br>Publisher: Quay Press<br>Pages: 312</p>", ()),
    ("en", "<ul><li>Author: Ann Lee</li><li>ISBN: 9780000000001</li><li>Published: May 3, 2019</li></ul>", ()),
    ("ja", "<dl><dt>著者</dt><dd>山田太郎</dd><dt>出版社</dt><dd>青空書房</dd><dt>定価</dt><dd>千円</dd></dl>", ()),
    ("en", "<table><tr><th>Author</th><td>Ann Lee</td></tr><tr><th>Publisher</th><td>Quay</td></tr>"
     "<tr><th>Price</th><td>10</td></tr></table>", ()),
    ("en", "<aside><cite>The Quay</cite> by <span class='author'>Ann Lee</span></aside>", ()),
    ("en", "<p>“The Quay” by <b>Ann Lee</b></p>", ()),
    ("en", "<ul><li>Author: Ann Lee</li><li>Posted: May 12, 2024</li><li>Source: Quay</li><li>Views: many</li></ul>",
     ("Ann Lee",)),
    ("en", "<p>Author: Ann Lee<br>Tags: boats, ferries<br>Category: News</p>", ("Ann Lee",)),
    ("en", "<p>The Boats<br>These Are Songs: The Singles<br>Quay Records<br>By: Ann Lee<br>Tags: boats</p>",
     ("Ann Lee",)),
    ("en", "<p><cite class='author'>By <b>Ann Lee</b></cite></p>", ("Ann Lee",)),
]  # fmt: skip


@pytest.mark.parametrize("place", ["<p>{date}</p>{line}<div>{text}</div>", "<p>{date}</p><div>{line}{text}</div>"])
@pytest.mark.parametrize(("language", "line", "names"), BOOKS, ids=[line[:40] for _, line, _ in BOOKS])
def test_the_author_of_a_book_is_not_that_of_the_post(
    language: str, line: str, names: tuple[str, ...], place: str
) -> None:
    title, text, date = TEXTS[language]
    shown = place.format(date=date, line=line, text=f"<p>{text}</p><p>{text} {text} {text}</p>")
    html = f'<html lang="{language}"><title>{title}</title><main><article><h1>{title}</h1>{shown}</article></main>'
    assert extract_page(parse_page(html, "https://quay.example/ferry")).authors == names


@pytest.mark.parametrize("head", ["", '<meta name="generator" content="WordPress 6.1">'])
@pytest.mark.parametrize(
    "mark", ['<a class="author">{}</a>', '<a rel="author" href="/a/7">{}</a>', '<b class="fn">{}</b>']
)
@pytest.mark.parametrize("part", ["Fact checked by", "Reviewed by", "Edited by", "Translated by"])
def test_who_did_something_else_is_no_author_though_marked_as_one(part: str, mark: str, head: str) -> None:
    title, text, date = TEXTS["en"]
    line = f"<p>{part} {mark.format('Jane Doe')}</p>"
    html = (
        f'<html lang="en"><head>{head}<title>{title}</title></head><main><article><h1>{title}</h1><p>{date}</p>{line}'
        f"<p>{text} {text}</p><p>{text} {text} {text}</p></article></main></html>"
    )
    assert extract_page(parse_page(html, "https://quay.example/ferry")).authors == ()
