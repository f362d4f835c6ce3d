"""The words around bylines, dates and sources in many languages: tables that the field rules walk."""

from __future__ import annotations

import re

# "by", "written by", "posted by" ... as they stand before a name.
BY = re.compile(
    r"^[\s|·•—–\-:]*(?:(?:(?:article|story|text|words|report|reporting|analysis|opinion|review|interview)\s+by|"
    r"(?:posted|published|written|reported|submitted|authored|contributed|created|added)\s+by|by|"
    r"author(?:\(?s\)?)?\s*:|authored\s+by|"
    r"(?:publicado|escrito|redactado|enviado|creado)\s+por|por|autor(?:a|es)?\s*:|autor(?:en)?\s*:|"
    r"(?:publié|écrit|rédigé|posté|proposé)e?\s+par|par|auteure?s?\s*:|"
    r"(?:pubblicato|scritto|inserito|postato)\s+da|di|autore\s*:|"
    r"(?:veröffentlicht|geschrieben|verfasst|erstellt|gepostet|eingestellt)\s+von|von|verfasser\s*:|"
    r"(?:geplaatst|geschreven|gepubliceerd)\s+door|door|"
    r"(?:opublikowa(?:ne|ny)|napisa(?:ne|ny)|dodane)\s+przez|przez|"
    r"(?:автор(?:ы)?|опубликовал[аи]?|написал[аи]?|текст|автор\s+статьи)\s*:?|"
    r"(?:đăng|viết|gửi|thực\s+hiện)\s+bởi|bởi|tác\s+giả\s*:?|người\s+(?:đăng|viết)\s*:?|bài(?:\s+viết)?\s*:|"
    r"yazar(?:ı)?\s*:?|yazan\s*:?|(?:oleh|penulis)\s*:?|af|av|skrevet\s+av|skriven\s+av|kirjoittanut|"
    r"(?:作者|文|撰文|记者|記者|编辑|編輯|发布者|發佈者|投稿者|著者|執筆者?|筆者|ライター|글|글쓴이|작성자|기자)\s*[:：/／|｜]?|"
    r"(?:بقلم|الكاتب|كتبه|كتب|نشر بواسطة|بواسطة|تحرير)\s*:?|(?:מאת|כתב|פורסם על ידי|נכתב על ידי)\s*:?)(?![\w])|"
    r"by(?=[A-Z]))\s*[:：]?\s*",
    re.IGNORECASE,
)
# The same words written after a name, or labels that are no name.
NOT_A_NAME = re.compile(
    r"^(?:admin(?:istrator)?s?|(?:written|posted|published|authored|reviewed|edited|fact[- ]checked|"
    r"medically reviewed)(?: by)?|by|the authors?|author|authors|editor|editors|posted|published|unknown|anonymous|"
    r"guest|none|null|undefined|n/?a|"
    r"webmaster|root|user|default|view all posts.*|all posts.*|see all.*|read more.*|follow|twitter|facebook|email|"
    r"share|home|"
    r"contributors?|about the authors?|updated|written|profile|website|contact|comments?|\d+ comments?|more|rss|"
    r"unbekannt|anonyme|anónimo|anonimo|аноним|匿名|未知|"
    r"author profile|leave a comment|print|subscribe|log ?in|sign ?in)$",
    re.IGNORECASE,
)
WEAK_ACCOUNTS = re.compile(
    r"^(?:admin\w{0,3}|administrator|webmaster|root|editor|redaktion|wpapi|user\d*|siteadmin|wp-?admin|superuser|"
    r"postmaster|owner|"
    r"quản trị|quantri|管理员|管理者|관리자|مدير|المدير|yönetici|администратор)$",
    re.IGNORECASE,
)
# Between two names.
AND = re.compile(
    r"\s*(?:[,;/|、，；·•＆&+]|\n)\s*(?:(?:and|und|y|et|e|и|và|ve|with)\s+)?|"
    r"\s+(?:and|und|et|en|och|og|и|и|và|ve|with|with additional reporting by|dan|oraz|と)\s+|\s+y\s+|\s+e\s+|"
    r"\s+i\s+(?=[A-ZŁŚŻ])",
    re.IGNORECASE,
)
MONTHS: dict[str, int] = {}
_MONTH_TABLE = (
    "january jan|february feb|march mar|april apr|may|june jun|july jul|august aug|september sep sept|october oct|"
    "november nov|december dec",
    "enero ene|febrero feb|marzo mar|abril abr|mayo may|junio jun|julio jul|agosto ago|"
    "septiembre setiembre sep set sept|"
    "octubre oct|noviembre nov|diciembre dic",
    "janvier janv|février fevrier févr fev|mars|avril avr|mai|juin|juillet juil|août aout|septembre|octobre|"
    "novembre|décembre decembre déc",
    "januar jänner jan|februar feber|märz maerz mär mrz|april|mai|juni|juli|august|september|oktober okt|november|"
    "dezember dez",
    "janeiro|fevereiro fev|março marco|abril|maio mai|junho|julho|agosto|setembro|outubro out|novembro|dezembro dez",
    "gennaio gen|febbraio feb|marzo|aprile|maggio mag|giugno giu|luglio lug|agosto|settembre set|ottobre ott|"
    "novembre|dicembre",
    "januari|februari|maart mrt|april|mei|juni|juli|augustus|september|oktober|november|december",
    "января январь янв|февраля февраль фев февр|марта март мар|апреля апрель апр|мая май|июня июнь июн|"
    "июля июль июл|августа август авг|"
    "сентября сентябрь сен сент|октября октябрь окт|ноября ноябрь ноя нояб|декабря декабрь дек",
    "січня|лютого|березня|квітня|травня|червня|липня|серпня|вересня|жовтня|листопада|грудня",
    "stycznia styczeń sty|lutego luty lut|marca marzec|kwietnia kwiecień kwi|maja maj|czerwca czerwiec cze|"
    "lipca lipiec lip|"
    "sierpnia sierpień sie|września wrzesień wrz|października październik paź|listopada listopad lis|"
    "grudnia grudzień gru",
    "ledna leden|února únor|března březen|dubna duben|května květen|června červen|července červenec|srpna srpen|"
    "září|října říjen|"
    "listopadu|prosince prosinec",
    "ocak oca|şubat subat şub|mart|nisan nis|mayıs mayis|haziran haz|temmuz tem|ağustos agustos ağu|eylül eylul eyl|"
    "ekim eki|kasım kasim kas|"
    "aralık aralik ara",
    "januari|februari|mars|april|maj|juni|juli|augusti|september|oktober|november|december",
    "januar|februar|marts|april|maj|juni|juli|august|september|oktober|november|december",
    "tammikuuta tammikuu|helmikuuta helmikuu|maaliskuuta maaliskuu|huhtikuuta huhtikuu|toukokuuta toukokuu|"
    "kesäkuuta kesäkuu|"
    "heinäkuuta heinäkuu|elokuuta elokuu|syyskuuta syyskuu|lokakuuta lokakuu|marraskuuta marraskuu|joulukuuta joulukuu",
    "januari|februari pebruari|maret|april|mei|juni|juli|agustus agu|september|oktober|november nopember|desember des",
    "يناير جانفي|فبراير فيفري|مارس|أبريل ابريل إبريل أفريل|مايو ماي|يونيو يونيه جوان|يوليو يوليوز جويلية|"
    "أغسطس اغسطس أوت|سبتمبر شتنبر|أكتوبر اكتوبر|"
    "نوفمبر نونبر|ديسمبر دجنبر",
    "كانون_الثاني|شباط|آذار|نيسان|أيار|حزيران|تموز|آب|أيلول|تشرين_الأول|تشرين_الثاني|كانون_الأول",
    "ינואר|פברואר|מרץ מרס|אפריל|מאי|יוני|יולי|אוגוסט|ספטמבר|אוקטובר|נובמבר|דצמבר",
    "ianuarie|februarie|martie|aprilie|mai|iunie|iulie|august|septembrie|octombrie|noiembrie|decembrie",
    "január|február|március|április|május|június|július|augusztus|szeptember|október|november|december",
    "ιανουαρίου|φεβρουαρίου|μαρτίου|απριλίου|μαΐου|ιουνίου|ιουλίου|αυγούστου|σεπτεμβρίου|οκτωβρίου|νοεμβρίου|δεκεμβρίου",
    "มกราคม|กุมภาพันธ์|มีนาคม|เมษายน|พฤษภาคม|มิถุนายน|กรกฎาคม|สิงหาคม|กันยายน|ตุลาคม|พฤศจิกายน|ธันวาคม",
    "जनवरी|फरवरी फ़रवरी|मार्च|अप्रैल|मई|जून|जुलाई|अगस्त|सितंबर सितम्बर|अक्टूबर अक्तूबर|नवंबर नवम्बर|दिसंबर दिसम्बर",
)
for _row in _MONTH_TABLE:
    for _number, _names in enumerate(_row.split("|"), start=1):
        for _name in _names.split():
            MONTHS.setdefault(_name.replace("_", " "), _number)
# Words that say a time is of the last change.
MODIFIED = re.compile(
    r"(?:last\s+)?(?:updat|modif|edited|revis)|last\s+changed?\b|"
    r"aktualisiert|geändert|mis à jour|modifié|actualizad|aggiornat|"
    r"atualizad|обновлен|изменен|"
    r"cập nhật|更新于|更新時間|"
    r"更新时间|最后更新|最終更新|更新日|수정|güncelle|zaktualizowan|bijgewerkt|تحديث|עודכן|diperbarui",
    re.IGNORECASE,
)
