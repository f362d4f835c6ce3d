"""Agencies known by their name alone, and the words around a named source: one row per language and form."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from archiver.extraction.text import folded

Form = Literal["label", "note", "origin"]


class Row(NamedTuple):
    """How a language names a source. `label`: "Source: X"; `note`: "with material from X"; `origin`: where the text
    first appeared, "Originally published in X". `words` is a regular expression that precedes X."""

    language: str
    form: Form
    words: str


ROWS = (
    Row("en", "label", r"(?:news |story |original |article )?sources?(?: of the (?:news|article))?|source article|via"),
    Row("en", "note", r"(?:based|compiled)\s+(?:on|from)\s+(?:news\s+)?(?:reports?|reporting|information|material|"
                      r"coverage|dispatches|articles?)\s*(?:sourced|taken|obtained|gathered|compiled|published)?\s*"
                      r"(?:from|by|of|in)"),
    Row("en", "note", r"(?:information|reports?|material)\s+(?:is\s+|was\s+|are\s+)?(?:sourced|taken|compiled|"
                      r"drawn)\s+from"),
    Row("en", "note", r"(?:sourced|compiled|adapted|translated)\s+from"),
    Row("en", "note", r"with\s+(?:additional\s+)?(?:reporting|information|material|files?|inputs?|agency\s+inputs?|"
                      r"reports?|contributions?)\s+from|(?:agency\s+)?inputs?\s+from"),
    Row("en", "origin", r"(?:re-?(?:printed|published|posted)|syndicated|cross-?posted)\s+(?:here\s+)?(?:with\s+"
                        r"(?:the\s+)?(?:kind\s+)?permission\s+)?(?:from|of|by)"),
    Row("en", "origin", r"(?:this|the)\s+(?:\w+\s+)?(?:article|story|post|piece|essay|report|column|interview|content)"
                        r"\s+(?:was\s+|has\s+been\s+|is\s+)?(?:(?:originally|first|previously|initially)\s+"
                        r"(?:appeared|published|posted|ran|produced)|(?:appeared|published|posted|ran)\s+"
                        r"(?:originally|first)|appeared|re-?published|re-?printed|re-?posted|syndicated|"
                        r"produced\s+in\s+(?:partnership|collaboration))\s+(?:here\s+)?(?:in|on|at|by|for|from|with)"),
    Row("en", "origin", r"(?:originally|first|previously)\s+(?:appeared|published|posted)\s+(?:in|on|at|by)"),
    Row("de", "label", r"quellen?"),
    Row("de", "note", r"mit\s+(?:Material|Informationen|Agenturmaterial)\s+(?:von|der|des)|"
                      r"unter\s+Verwendung\s+von\s+(?:Material|Informationen)\s+(?:von|der|des)"),
    Row("de", "origin", r"(?:dieser|der)\s+(?:Artikel|Beitrag|Text)\s+(?:erschien|ist|wurde)\s+(?:zuerst|zunächst|"
                        r"ursprünglich)\s+(?:(?:bei|in|im|auf)\s+)?(?:der\s+|dem\s+)?|"
                        r"zuerst\s+erschienen\s+(?:bei|in|auf)"),
    Row("fr", "label", r"sources?"),
    Row("fr", "note", r"avec"),
    Row("fr", "origin", r"cet\s+article\s+(?:est\s+paru|a\s+été\s+publié|est\s+republié|est\s+initialement\s+paru)\s+"
                        r"(?:initialement\s+)?(?:dans|sur|par|à\s+partir\s+de)|"
                        r"(?:publié|paru)\s+initialement\s+(?:dans|sur|par)"),
    Row("es", "label", r"fuentes?"),
    Row("es", "note", r"con\s+informaci[oó]n(?:es)?\s+de(?:l)?|basado\s+en\s+informaci[oó]n\s+de"),
    Row("es", "origin", r"(?:este\s+art[ií]culo\s+(?:fue\s+|se\s+)?)?(?:publicado|public[oó]|apareci[oó])\s+"
                        r"originalmente\s+(?:en|por)"),
    Row("pt", "label", r"fontes?"),
    Row("pt", "note", r"com\s+informaç(?:ão|ões)\s+d[aeo]s?"),
    Row("pt", "origin", r"(?:este\s+artigo\s+foi\s+)?publicad[oa]\s+originalmente\s+(?:em|n[ao]|por)"),
    Row("it", "label", r"font[ei]"),
    Row("it", "origin", r"(?:questo\s+articolo\s+è\s+(?:stato\s+)?)?(?:pubblicato|apparso)\s+(?:originariamente|"
                        r"originalmente|per\s+la\s+prima\s+volta)\s+(?:su|in|da)"),
    Row("nl", "label", r"bron(?:nen)?"),
    Row("nl", "origin", r"(?:dit\s+artikel\s+)?(?:verscheen|is)\s+(?:eerder|oorspronkelijk)\s+"
                        r"(?:verschenen\s+)?(?:in|op|bij)"),
    Row("pl", "label", r"źródł[oa]"),
    Row("cs", "label", r"zdroj"),
    Row("sv", "label", r"källa|källor"),
    Row("da", "label", r"kilder?"),
    Row("fi", "label", r"lähde|lähteet"),
    Row("hu", "label", r"forrás(?:ok)?"),
    Row("ro", "label", r"surs[ae]"),
    Row("ru", "label", r"источник(?:и)?|первоисточник"),
    Row("ru", "note", r"по\s+материалам|с\s+использованием\s+материалов"),
    Row("ru", "origin", r"(?:впервые|первоначально)\s+опубликован[оа]?\s+(?:в|на)"),
    Row("uk", "label", r"джерел[оа]"),
    Row("uk", "note", r"за\s+матеріалами"),
    Row("tr", "label", r"kaynak(?:lar)?"),
    Row("id", "label", r"sumber"),
    Row("vi", "label", r"nguồn(?:\s+(?:tin|bài(?:\s+viết)?))?|theo"),
    Row("vi", "note", r"(?:dựa\s+(?:trên|theo)\s+(?:thông\s+tin|tin|nguồn)\s+(?:từ|của)|tổng\s+hợp\s+(?:từ|theo))"),
    Row("zh", "label", r"(?:文章|新闻|新聞|消息|信息|稿件|资料|資料|本文|内容)?(?:来源|來源|出处|出處)|稿源|转自|轉自|"
                       r"(?:本文)?(?:转载|轉載|转自|摘自)(?:自|于)?"),
    Row("zh", "origin", r"(?:本文)?(?:首发于|首發於|原载于?|原載於?|原文(?:发表|刊登|载)于|转载自|轉載自|转自|摘自)"),
    Row("ja", "label", r"出典|出所|引用元|情報源|提供|ソース|配信"),
    Row("ko", "label", r"출처|자료"),
    Row("ar", "label", r"(?:ال)?مصادر|(?:ال)?مصدر|نقل[اً]*\s+عن"),
    Row("he", "label", r"מקור(?:ות)?"),
    Row("fa", "label", r"منبع"),
)

AGENCIES = """
Reuters, Thomson Reuters, Associated Press, The Associated Press, AP, AFP, Agence France-Presse, AFP-JIJI, dpa, dpa-AFX,
EFE, ANSA, AGI, Adnkronos, TASS, ITAR-TASS, RIA Novosti, Interfax, Interfax-Ukraine, Ukrinform, Xinhua, Kyodo,
Kyodo News, JIJI, Jiji Press,
Yonhap, Bloomberg, Bloomberg News, UPI, PTI, ANI, IANS, UNI, APA, ATS, SDA, Keystone-SDA, Belga, ANP,
PAP, ČTK, TASR, MTI, AGERPRES, Tanjug, Hina, BTA, Anadolu, Anadolu Agency, Anadolu Ajansı, AA, DHA, İHA, IHA, ANKA, NTB,
TT, STT, Ritzau, Lusa, Agência Brasil, Agência Lusa, Estadão Conteúdo, Folhapress, Europa Press, Notimex, Télam, Andina,
KNA, epd, SID, CNN, BBC, CNBC, CNA, Central News Agency, TTXVN, VNA, VietnamPlus, Bernama, Antara, MENA, WAM, SPA, QNA,
KUNA, IRNA, ISNA, PA Media, Press Association, PA, Canadian Press, The Canadian Press, AAP, NAN, GNA, APP, BSS, UNB,
新华社, 新華社, 新华网, 中新社, 中新网, 中国新闻网, 人民网, 央视新闻, 央视网, 中央社, 法新社, 路透社, 路透,
美联社, 美聯社, 塔斯社, 韩联社, 共同社, 共同, 共同通信, 時事, 時事通信, ロイター, AP通信, AFP時事,
연합뉴스, 뉴시스, 뉴스1, 로이터, AP연합뉴스,
ТАСС, ИТАР-ТАСС, Интерфакс, РИА Новости, РИА, Укринформ, Рейтер, УНИАН, УНН, БЕЛТА, Казинформ, Синьхуа,
رويترز, أ ف ب, د ب أ, أ ب, وكالات, الأناضول, واس, وام, وفا, كونا, شينخوا, סוכנויות, רויטרס, agencies, agencias,
agências, agenzie, Agenturen, agences, ajanslar
"""
KNOWN = {folded(a) for a in AGENCIES.replace("\n", " ").split(",")}
_AMBIGUOUS = "AA, AP, TT, SID, ANI, APA, ATS, PAP, SDA, DHA, CNA, UNI, PA, SPA, VNA, APP, BTA, NAN, QNA, 共同, 時事"
AMBIGUOUS = {folded(a) for a in _AMBIGUOUS.split(",")}
"""Short names that also have other meanings in brackets."""

NO_OUTLET = re.compile(
    r"^(?:the\s+author|author|own|image|photo|internet|web|online|unknown|anonymous|this|that|these|it|he|she|they|here|"
    r"there|various|many|several|others?|staff|editorial|company|official|press\s+release|"
    r"(?:\w+\.)*(?:pixabay|unsplash|pexels|flickr|wikimedia|getty|gettyimages|shutterstock|i?stock|istockphoto|canva|"
    r"freepik|youtube|facebook|instagram|twitter|x|t|midjourney|chatgpt)(?:\.(?:com|org|co|net))?(?:\s.*)?|wikipedia\s+commons|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september|october|"
    r"november|december|\d+|\S+(?:\s+de)?\s+(?:19|20)\d\d|"
    r"ảnh|hình|tổng\s*hợp|sưu\s*tầm|nhiều\s+nguồn|ngu[oồ]n\s+khác|mạng|eigene.*|redaktion|foto|propia|"
    r"elaboración.*|divulgação|redazione|собственн.*|открытые\s+источники|интернет|网络|網路|網絡|互联网|互聯網|本站|"
    r"原创|原創|整理|综合|綜合|未知|作者|网友|網友|自己|図|写真|저자|본인|الإنترنت|إنترنت|חדשות|אינטרנט|derleme|internet.*)$",
    re.IGNORECASE,
)
PHOTO = re.compile(
    r"photo|image|picture|graphic|chart|map\b|cover|illustration|foto|ảnh|hình|imagen|imagem|immagin|bild|grafik|"
    r"görsel|图|圖|写真|画像|صورة|الصورة|фото|изображени|иллюстраци|צילום|תמונ|사진|video|видео|vidéo",
    re.IGNORECASE,
)


def of_form(form: Form) -> str:
    """All words of a form as one regular expression, longest rows first, since languages share beginnings."""
    return "|".join(row.words for row in ROWS if row.form == form)
