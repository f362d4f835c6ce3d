"""Splits a byline into names, without prefixes, job titles, handles and affiliations, and recognizes doubtful authors.

The patterns at the beginning match the words around an author's name in many languages. The whole package uses them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from urllib.parse import urlsplit

from archiver.extraction.metadata import types
from archiver.extraction.normalization import CaselessPattern, clean_text, fold_text
from archiver.extraction.page import Page
from archiver.model.items import Candidate
from archiver.model.lazy_regex import lazy_regex


def word_set(text: str) -> frozenset[str]:
    """Returns the words of a text, which are separated by white space."""
    return frozenset(text.split())


# Words before an author's name, one row per language. Prepositions that are common words in their language are in
# _SHORT and are recognized only where a name is expected.
_PHRASES = (
    r"(?:article|story|text|words|report|reporting|analysis|opinion|review|interview|column|essay|post|"
    r"blog\s*post)\s+by",
    r"(?:(?:this\s+)?(?:article|post|story)\s+(?:was|is)\s+)?(?:originally\s+)?(?:posted|published|written|reported|"
    r"submitted|authored|contributed|created|added|penned|told|compiled|blogged)\s+(?:and\s+\w+\s+)?by",
    r"by|author(?:s|\(s\))?\s*:|authored\s+by|(?:post\s+)?author\s*:|writer\s*:|written\s*:|contributors?\s*:|"
    r"words\s*:|interview\s*:",
    r"(?:publicado|escrito|redactado|enviado|creado|posteado|elaborado)\s+por|autor(?:a|es|as|\(es\)|/a)?\s*:|"
    r"texto\s*:|entrevista\s*:|redacción\s*:",
    r"(?:publié|écrit|rédigé|posté|proposé|signé)e?\s+par|(?:auteur|autrice)(?:e|s|es)?\s*:|texte\s*:|"
    r"un\s+article\s+de|propos\s+recueillis\s+par|entretien\s*:",
    r"(?:pubblicato|scritto|inserito|postato|redatto)\s+da|autor[ei]\s*:|testo\s*:|intervista\s*:|"
    r"(?:a\s+cura|articolo)\s+di",
    r"(?:publicado|postado|escrito|enviado)\s+por|texto\s+de",
    r"(?:veröffentlicht|geschrieben|verfasst|erstellt|gepostet|eingestellt)\s+(?:am\s.{4,30}?\s)?von|autor(?:en|"
    r"in)?\s*:|"
    r"verfasser(?:in)?\s*:|(?:ein\s+)?(?:text|beitrag|artikel|gastbeitrag|kommentar|bericht)\s+von",
    r"(?:geplaatst|geschreven|gepubliceerd|gepost)\s+door|tekst\s*:|auteurs?\s*:",
    r"(?:opublikowa(?:ne|ny|ł)|napisa(?:ne|ny|ł)|dodane|dodał)\s+przez|(?:autor|autorka|autorzy|tekst|rozmawia(?:ł|ła)?|"
    r"(?:opracował[ai]?|opracowanie))\s*:|oprac\.(?=\s)",
    r"(?:автор(?:ы)?|опубликовал[аи]?|написал[аи]?|текст|автор\s+(?:статьи|поста|материала|текста)|добавил)\s*:?|"
    r"(?:опубликовано|написано|размещено)\s+пользователем",
    r"автор(?:и)?\s*:?|(?:написав|опублікував|опублікувала)\s*:?|публикувано\s+от",
    r"(?:đăng|viết|gửi|thực\s+hiện)\s+bởi|tác\s+giả\s*:?|người\s+(?:đăng|viết)\s*:?|bài(?:\s+viết)?\s*:|"
    r"(?:tin\s*(?:,|-)\s*)?bài\s*(?:,|và|-|&)\s*(?:ảnh|clip|video)\s*:",
    r"yazar(?:ı)?\s*:?|yazan\s*:?|haber\s*:|(?:ditulis|diposting|diterbitkan|dikirim)\s+oleh|(?:oleh|penulis)\s*:?",
    r"skrevet\s+(?:av|af)|skriven\s+av|publicerad\s+av|publisert\s+av|skribent\s*:|forfatter\s*:|författare\s*:|"
    r"kirjoittan(?:ut|eet)|kirjoittaja\s*:?|teksti\s*:|írta\s*:?|szerző\s*:?|scris\s+de|publicat\s+de|napsal[ai]?\s*:?|autoři\s*:|piše\s*:|"
    r"συντάκτης\s*:?|συντάκτρια\s*:?|γράφ(?:ει|ουν)\s*(?:ο|η|οι|:)|του/της|escrit\s+per|לפי",
    r"(?:文章作者|本文作者|作者|撰文|撰稿|文字|文|记者|記者|本报记者|通讯员|通訊員|发布者|發佈者|发布人|投稿者|著者|執筆者?|筆者|ライター|"
    r"取材・文|この記事を書いた人|글쓴이|작성자|글|기자)\s*[:：/／|｜・]?",
    r"(?:بقلم|الكاتب|الكاتبة|كتبه|كتبها|كتب|كتبت|نشر\s+بواسطة|بواسطة|تحرير|نویسنده|نوشته|به\s+قلم)\s*:?",
    r"(?:מאת|כתב(?:ה)?|פורסם\s+על\s+ידי|נכתב\s+על\s+ידי|פורסם\s+ע[\"״]י|נכתב\s+ע[\"״]י)\s*:?",
    r"(?:ໂດຍ|ຂຽນໂດຍ|ຜູ້ຂຽນ)\s*:?|ຂ່າວ\s*(?:[-–,/&]|ແລະ)?\s*(?:ພາບ)?\s*:|(?:ບົດ|ຂຽນ)\s*:",
    r"(?:โดย|เขียนโดย|โพสต์โดย|ผู้เขียน|लेखक|द्वारा|प्रस्तुतकर्ता|इनके\s+द्वारा\s+पोस्ट\s+किया\s+गया)\s*:?",
    r"(?:ලියන්නේ|ලියුවේ|රචනය|ရေးသားသူ|ရေးသူ|စာရေးသူ|អត្ថបទដោយ|និពន្ធដោយ|សរសេរដោយ|អ្នកនិពន្ធ|"
    r"རྩོམ་པ་པོ[་།]?|འབྲི་མཁན[་།]?)\s*[:៖]?|(?:ጸሐፊ|ፀሐፊ|ዘጋቢ|በጋዜጠኛ)\s*[:፡፦]?|(?:бичсэн|нийтэлсэн|сурвалжилсан|сэтгүүлч)\s*:?|"
    r"зохиогч\s*:|հեղինակ(?:ը)?\s*՝|(?:लेखिका|संवाददाता|రచయిత|రచన|ಲೇಖಕರು|ಬರಹ|ലേഖകൻ|ലേഖിക|എഴുതിയത്|લેખક|લેખિકા|ਲੇਖਕ|"
    r"ਲੇਖਿਕਾ|ଲେଖକ|تحریر|مصنف|نووسەر|نووسینی|لیکوال|muallif(?:i)?|müəllif|awtory|mwandishi|autorius|autors|avtor(?:ica)?|"
    r"autori|höfundur|egilea)\s*:|imeandikwa\s+na|isinulat\s+ni|shkruar\s+nga|skrifað\s+af",
    # How Blogger introduces the author, in languages that the rows above lack.
    r"(?:postad|publicad)a\s+por|publicat\s+per|gepostet\s+von|upplagd\s+av|(?:indsendt|sendt)\s+af|lagt\s+inn\s+av|"
    r"birt\s+af|lähettänyt|postitas|vystavil[a]?|přidala?(?:\(a\))?\s*:?|z?verejnil[a]?|objavil[ao]?\s*:|objavio|"
    r"bejegyezte|közzétette|postat\s+de|gönderen|dicatat\s+oleh|αναρτήθηκε\s+από|објавио|објавила",
    r"(?:இடுகையிட்டது|பதிவிட்டது|പോസ്റ്റ്\s+ചെയ്തത്|వీరిచే\s+పోస్ట్\s+చెయ్యబడింది|ಇವರಿಂದ\s+ಪೋಸ್ಟ್\s+ಮಾಡಲಾಗಿದೆ|"
    r"આના\s+દ્વારા\s+પોસ્ટ\s+કરેલું|द्वारा\s+पोस्ट\s+केलेले|এর\s+দ্বারা\s+পোস্ট\s+করা|পোস্ট\s+করেছেন|مرسلة\s+بواسطة|"
    r"(?:ارسال|نوشته)\s+شده\s+توسط|張貼者)\s*:?|(?:লেখক|எழுதியவர்|ავტორი|հեղինակ)\s*:",
)
_SHORT = r"por|par|von|di|da|door|przez|bởi|af|av|text(?=\s*[:：])|от|από|του|της|των|de(?=\s\w+\s\w+(?:\s\w+)?\W*$)"
# The Chinese word for a reporter or author is often written without a space before the name: 记者张三. The word for a
# reporter also begins sentences: 记者了解到. So only a common family name may follow it, and no word that begins like
# one.
_SURNAME_CHARACTERS = (
    "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何高林罗羅郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹彭曾肖蕭田董袁潘于於蒋蔣"
    "蔡余杜叶葉程苏蘇魏吕呂丁任沈姚卢盧姜崔钟鐘譚谭陆陸汪范范金石廖贾賈夏韦韋付方白邹鄒孟熊秦邱江尹薛闫閻段雷侯龙龍史陶黎贺賀"
    "顾顧毛郝龚龔邵万萬钱錢严嚴覃武戴莫孔向汤湯"
)
_HAN_LABEL = (
    r"(?:本报|本報|本网|本站|本刊|特约|特約|见习|實習|实习|首席)*"
    rf"(?:(?:记者|記者|通讯员|通訊員)(?=[{_SURNAME_CHARACTERS}欧歐司诸諸上皇东東令慕宇尤聂聶甘常傅康倪霍俞章柳洪梅盛童詹关關柯戚阮柴翁申祁])"
    r"(?!从|從|向(?:其|他|她|该|該|有)|于是|任何|高度|方面|金融)|作者|撰文)"
    r"(?=[\u4e00-\u9fff]{2,4}(?:$|[\s,，、;；|/／（(]))"
)
_SIGNS = r"[\s|·•⋅—–\-:✍🖊👤]*"
_LABEL_END = r"(?:(?<=[:：])|(?!\w))\s*[:：/／|｜・＝=]?\s*"
BY = CaselessPattern(
    rf"^{_SIGNS}(?:(?:{'|'.join(_PHRASES)}|(?P<short>{_SHORT})){_LABEL_END}|"
    rf"(?:by(?=[A-Z])|{_HAN_LABEL})\s*[:：]?\s*)",
)
# Matches a text that consists only of an introduction of the author's name.
LABEL = lazy_regex(
    r"(?:the\s+)?(?:authors?|author\(s\)|writers?|contributors?|written\s+by|(?:article|post|story)\s+by|autor(?:in|en|es)?|auteurs?|autor[ei]|автор|作者|"
    r"about\s+the\s+authors?|meet\s+the\s+authors?|über\s+den\s+autor|à\s+propos\s+de\s+l['’]auteur|sobre\s+el\s+autor|"
    r"об\s+авторе|この記事を書いた人|关于作者|關於作者|yazar\s+hakkında|về\s+tác\s+giả)\s*[:：]?",
    re.IGNORECASE,
)
# Words before the name of a person who did something other than write the post.
OTHER_PART = CaselessPattern(
    r"^[\s|·•⋅(\[—–-]*(?:(?:(?:medically|clinically|legally|technically|expert|scientifically|factually|originally|"
    r"last|"
    r"first|peer|also)[\s-]+)*(?:reviewed|edited|fact[- ]?check(?:ed|er|ing)?|checked|verified|approved|vetted|"
    r"translated|"
    r"narrated|illustrated|photograph(?:ed|s|y)?|photos?|images?|pictures?|videos?|graphics?|artwork|illustrations?|"
    r"sponsored|presented|powered|curated|produced|recommended|hosted|updated|modified|submitted\s+to|designed|"
    r"developed|"
    r"directed|interviewed|tested|endorsed|supported|funded)(?:\s+(?:and\s+\w+\s+)?by|\s+courtesy|\s*:|\s+credit)|"
    r"(?:medical|expert|technical|clinical)?\s*(?:reviewers?|editors?|translators?|photographers?|illustrators?|"
    r"producers?|sources?|credits?|via|media\s+contact|contact|guests?|hosts?|speakers?|moderators?|sponsors?)\s*:|"
    r"(?:[\w-]+\s+)?(?:web\s?sites?|site|theme|hosting|software|platform|template|solution)\s+by|"
    r"(?:additional|with)\s+(?:reporting|contributions?|research)|contributions?\s+(?:by|from)|"
    r"(?:photo|foto|fotos|bild(?:er)?|fotografie|titelbild|übersetz(?:t|ung)|redaktion|lektorat)\s*(?:von|:|/)|"
    r"(?:crédits?|photos?|traduit|traduction|relu)\s*(?:par|de|:)|"
    r"(?:foto(?:grafías?|s)?|imagen|imágenes|traducido|traducción|editado|revisado|edición)\s*(?:por|de|:)|"
    r"(?:traduzione|foto(?:grafie)?|a\s+cura\s+della)\s*(?:di|:)|(?:vertaald|foto'?s?|beeld)\s*(?:door|:)|"
    r"(?:фото|перевод|перевела?|редактор|иллюстрации?|источник|корректор)\s*:?\s|"
    r"(?:ảnh|dịch|biên\s+tập|biên\s+dịch|nguồn|theo)\s*:|(?:fotoğraf|çeviri|editör|kaynak)\s*:|"
    r"(?:责任编辑|責任編輯|编辑|編輯|校对|译者|譯者|翻译|翻譯|摄影|攝影|来源|來源|审核|審核|出品|排版|編集|写真|撮影|監修|翻訳|출처|"
    r"사진|편집|번역)\s*(?:者)?\s*[:：/／|｜]|"
    r"(?:ترجمة|تصوير|مراجعة|المصدر|صورة)\s*:|(?:צילום|תרגום|עריכה|עורך|מקור)\s*:)",
)
# Matches a text that consists only of a label, a system account or a command, so that it is not a person's name.
NOT_A_NAME = CaselessPattern(
    r"^(?:admin(?:istrator)?s?|(?:written|posted|published|authored|reviewed|edited|fact[- ]checked|"
    r"medically reviewed)(?: by)?|by|the authors?|author|authors|editors?|posted|published|unknown|anonymous|"
    r"guest|none|null|undefined|n/?a|nan|false|true|object|test|name|by line|byline|"
    r"webmaster|root|user|default|(?:view|see|read|show|all|more)\b.*\b(?:posts?|articles?|stories|bio|profile|by|from|"
    r"more|authors?)\b.*|see all.*|read more.*|read (?:full )?bio|full bio|learn more.*|find out more|follow(?: us|"
    r" me)?|"
    r"twitter|facebook|linkedin|instagram|youtube|github|pinterest|x|email|e-mail|website|web|blog|medium|threads|"
    r"tiktok|"
    r"whats\s?app|telegram|reddit|bluesky|mastodon|vimeo|flickr|tumblr|discord|slack|snapchat|spotify|weibo|wechat|"
    r"line|vk|"
    r"recent posts?|latest posts?|"
    r"share|home|news|article|articles|posts?|back|close|open|next|previous|menu|search|"
    r"contributors?|about(?: the)?(?: authors?| us| me)?|meet the .*|updated|written|profile|contact(?: us)?|comments?|"
    r"\d+ comments?|more|rss|unbekannt|anonyme|anónimo|anonimo|аноним|匿名|未知|"
    r"(?:author|user) (?:profile|bio|page|photo|image|avatar)|leave a (?:comment|reply)|print|subscribe|log ?in|"
    r"log ?out|"
    r"submitted(?: (?:by|on))?|eingereicht(?: von)?|soumis(?: (?:par|le))?|inviato(?: (?:da|il))?|ingediend(?: door)?|"
    r"(?:ein|aus)loggen|anmelden|abmelden|registrieren|connexion|se connecter|s['’]inscrire|iniciar sesión|"
    r"inicia sesión|regístrate|acceder|accedi|registrati|iniciar sessão|entrar|cadastre-se|inloggen|registreren|"
    r"logga in|log ind|logg inn|kirjaudu|zaloguj(?: się)?|zarejestruj(?: się)?|přihlásit(?: se)?|prihlásiť(?: sa)?|"
    r"bejelentkezés|autentificare|prijava|войти|вход|регистрация|увійти|вхід|реєстрація|σύνδεση|εγγραφή|"
    r"giriş(?: yap)?|kayıt ol|üye ol|masuk|daftar|đăng nhập|đăng ký|登录|登錄|登入|注册|註冊|ログイン|会員登録|"
    r"新規登録|로그인|회원가입|"
    r"تسجيل الدخول|ورود|התחברות|הרשמה|लॉग ?इन|เข้าสู่ระบบ|"
    r"sign ?in|sign ?up|register|my account|join|download|listen|watch|play|save|copy link|disclosure|advertisement|"
    r"sponsored|in|on|for|to|of|the|and|a|at|with|is|an|our|we|you|your|this|that|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|mon|tue|tues|wed|thu|thur|thurs|fri|sat|today|yesterday|"
    r"редакция сайта|作者|编辑|記者|记者|管理员|管理者|管理人|本站|本网|网络|網絡|網路|互联网|原创|转载|佚名|網站編輯|"
    r"(?:网络|網絡|网上|本站|综合)整理|(?:版权|版權|免责|免責)(?:声明|聲明)|"
    r"字[号體体].*|"
    r"관리자|운영자|기사입력|최종수정|입력|수정|最終更新日?|更新日|公開日|会員限定|有料記事|"
    r"leer más|ver más|lire (?:aussi|plus|la suite)|lesen sie auch|leggi (?:anche|tutto)|leia (?:mais|também)|"
    r"lees (?:ook|meer)|"
    r"mis à jour|publié le|artikel vom|uhr|stand|thứ (?:hai|ba|tư|năm|sáu|bảy)|chủ nhật|ban quản trị|"
    r"آخر تحديث|تم النشر(?: في)?|تاریخ انتشار|کد خبر|עודכן לאחרונה|अपडेटेड|อัปเดตล่าสุด)$",
)
# Names of system accounts, which are shown as authors if nobody has renamed a site's first account.
ACCOUNT = lazy_regex(r"^(?:admin(?:istrator)?|管理员)$", re.IGNORECASE)
WEAK_ACCOUNTS = lazy_regex(
    r"^(?:admin\w{0,3}|administrator|webmaster|root|editor|redaktion|wpapi|user\d*|siteadmin|wp-?admin|superuser|"
    r"postmaster|owner|marketing|staff|guest|"
    r"quản trị|quantri|管理员|管理者|관리자|مدير|المدير|yönetici|администратор)$",
    re.IGNORECASE,
)
# Words after which the text names the people or group for whom the author writes, and not another author.
BEHALF = lazy_regex(
    r"(?:^|\s+|[,(]\s*)(?:on\s+behalf\s+of|for\s+the|im\s+namen\s+(?:von|des?r?)|au\s+nom\s+d(?:e|u|es)|en\s+nombre\s+del?|"
    r"em\s+nome\s+d[aeo]s?|a\s+nome\s+d(?:i|el|ella|ei)|namens|w\s+imieniu|от\s+имени|thay\s+mặt)(?:\s|$)",
    re.IGNORECASE,
)
# Matches the words and signs that separate two names.
AND = lazy_regex(
    r"\s*(?:[,;/|、，；·⋅•＆&+]|\n)\s*(?:(?:and|und|y|et|e|и|và|ve|with)\s+)?|"
    r"\s+(?:and|und|et|en|och|og|и|и|và|ve|with|with additional reporting by|dan|oraz|és|ja|ແລະ|และ|と|και|ו)\s+|"
    r"\s+(?-i:y|e)\s+|\s+(?-i:i)\s+(?=[A-ZŁŚŻ])|\s+(?-i:a)\s+(?-i:(?=[A-ZÁČĎÉĚÍĽŇÓŘŠŤÚŮÝŽ][^\W\d_]))",
    re.IGNORECASE,
)

# Organizations that sign posts: news agencies, desks, companies, outlets and institutions.

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
KNOWN_AGENCIES = {fold_text(a) for a in AGENCIES.replace("\n", " ").split(",")}
_AMBIGUOUS = "AA, AP, TT, SID, ANI, APA, ATS, PAP, SDA, DHA, CNA, UNI, PA, SPA, VNA, APP, BTA, NAN, QNA, 共同, 時事"
AMBIGUOUS = {fold_text(a) for a in _AMBIGUOUS.split(",")}
"""Short names of agencies that, in brackets, may also mean something else. They are given as `fold_text` returns
them."""

_LEGAL_FORM = (
    r"GmbH|mbH|AG|KGaA|KG|OHG|UG|e\.?\s?V|Inc|LLC|LLP|Ltd|Limited|PLC|Corp|Corporation|Pty|Pvt|S\.?A\.?S|S\.A|S\.L|"
    r"S\.?r\.?l|S\.?p\.?A|Ltda|S\.?à\.?r\.?l|B\.?V|N\.?V|A/S|ApS|AB|Oyj?|s\.\s?r\.\s?o|a\.\s?s|sp\.\s?z\s?o\.\s?o|"
    r"Kft|Zrt|Nyrt|d\.o\.o|ООО|ЗАО|ОАО|ПАО|АО|ТОВ|ЕООД|A\.Ş|Ltd\.\s?Şti|Tbk"
)
_ENDS_IN_LEGAL_FORM = lazy_regex(
    rf".*\s(?:{_LEGAL_FORM})\.?(?:\s(?:&|and|und|et)\sCo\.?(?:\s(?:KGaA|KG|OHG))?)?$|.*(?:有限公司|株式会社|주식회사)$|"
    r"^(?:株式会社|주식회사|ООО|ЗАО|ОАО|ПАО|ТОВ|PT)\s?\S",
)
_ONLY_LEGAL_FORM = lazy_regex(rf"(?:Co\.?\s*)?(?:{_LEGAL_FORM}|Co)\.?", re.IGNORECASE)
_COMPANY_JOINT = lazy_regex(r"(?<=\w)\s*(?:&|\band\b|\bund\b|\bet\b)\s*(?=Co\b)")
BRACKETS = lazy_regex(r"\s*[(（][^)）]*[)）]")
_JOINED = "\ue000"  # stands for "&" within the name of a company while a byline is split
_COMMA_BEFORE_FORM = lazy_regex(rf",\s*(?=(?:{_LEGAL_FORM})\b\.?\s*(?:$|[,;|]))")
# Words that end or begin the name of a desk, an outlet or an institution, one row per group of languages.
_ORGANIZATION_WORDS = word_set(
    "desk team staff bureau newsroom editors editorial agency agencies service services wire news times gazette "
    "tribune herald radio tv television magazine media network newspaper review board committee council association "
    "foundation institute university college department ministry office union society company group party museum "
    "federation alliance coalition commission authority administration government police redaktion zeitung "
    "nachrichten verlag verein ministerium universität agentur gesellschaft verband stiftung rédaction presse "
    "agence université ministère fondation mairie collectif syndicat comité redacción agencia prensa universidad "
    "ministerio fundación asociación ayuntamiento noticias diario periódico redação agência imprensa universidade "
    "ministério fundação associação prefeitura notícias jornal redazione agenzia università ministero fondazione "
    "associazione comune notizie giornale comitato redactie stichting vereniging universiteit gemeente nieuws krant "
    "persbureau redakcja redakcji agencja fundacja stowarzyszenie uniwersytet urząd ministerstwo redakce agentura "
    "nadace univerzita szerkesztőség ügynökség alapítvány egyetem redaktionen nyheter universitet toimitus uutiset "
    "yliopisto redacția redacţia agenția universitatea fundația redakcija редакция агентство газета министерство "
    "университет фонд пресс-служба комитет редакція агенція міністерство σύνταξη εφημερίδα πανεπιστήμιο υπουργείο "
    "ajansı gazetesi üniversitesi bakanlığı derneği belediyesi haberleri redaksi universitas kementerian yayasan "
    "báo hãng tòa đài وكالة صحيفة جامعة وزارة مؤسسة جمعية موقع قناة שירות מערכת סוכנות אוניברסיטה משרד עמותת "
    "خبرگزاری روزنامه"
)
_ORGANIZATION_ENDING = lazy_regex(
    r".*(?:日报|日報|晚报|晚報|时报|時報|新闻网|新聞網|电视台|電視台|通讯社|通訊社|编辑部|編輯部|記者|报社|報社|杂志社|大学|大學|"
    r"委员会|委員會|协会|協會|研究院|研究所|集团|公司|新聞社|新聞|通信社|通信|編集部|出版社|協会|委員会|통신|신문|뉴스|일보|방송|"
    r"편집부|편집국|대학교)$"
)


@lru_cache(maxsize=4096)
def is_organization(text: str) -> bool:
    """Returns True if a name is recognizably that of an organization: a news agency, a desk, an outlet, an institution
    or a company.
    """
    text = BRACKETS.sub("", text)
    if fold_text(text) in KNOWN_AGENCIES or _ENDS_IN_LEGAL_FORM.match(text) or _ORGANIZATION_ENDING.match(text):
        return True
    words = [w.strip(".,:'’\"()").lower() for w in text.split()]
    return len(words) > 1 and (
        words[-1] in _ORGANIZATION_WORDS
        or words[0] in _ORGANIZATION_WORDS
        or (len(words) > 2 and not _ORGANIZATION_WORDS.isdisjoint(words) and not is_full_name(text))
        or any(fold_text(w) in KNOWN_AGENCIES - AMBIGUOUS for w in words)
    )


# Text in brackets belongs to the name ("Mei Tan (May)", "Jon Reed (Acme Labs)"), unless it is a handle, an address, a
# job title, an agency or the initials of an editor. This pattern matches only these exceptions.
_PAREN = lazy_regex(
    r"[\[【][^\]】]{0,80}[\]】]|[(（](?=[^)）]*(?:@|https?:|www\.|\d|\b(?:author|editor|writer|reporter|guest|staff|he|"
    r"she|they|him|her|Reuters|AP|AFP|dpa|CNN|BBC|now|earlier|jetzt|zuvor|vorher|früher|maintenant|plus tôt|ahora|"
    r"antes|adesso|prima|agora|nu|eerder|tidigare|tidligere|teraz|wcześniej|сейчас|ранее)\b))[^)）]{0,80}[)）]|[(（]\s*[)）]|"
    r"\((?-i:[a-zäöü]{2,3})\)",
    re.IGNORECASE,
)
_HANDLE = lazy_regex(r"(?<!\w)@[\w.]+|\S+@\S+\.\w+|https?://\S+|www\.\S+")
_ADJECTIVE = (
    r"senior|junior|chief|deputy|managing|associate|assistant|contributing|guest|staff|executive|lead|principal|"
    r"special|"
    r"freelance|former|certified|licensed|registered|award-winning|political|business|science|health|technology|tech|"
    r"national|foreign|news|sports?|world|features?|digital|data|investigative|medical|legal|opinion|content|web|"
    r"global|"
    r"social media|marketing|product|brand|software|creative|communications?|commerce|finance|financial|travel|food|"
    r"wellness|fitness|culture|lifestyle|career|education|climate|environment|economics?|policy|research|technical|seo|"
    r"b2b|growth|customer|community|editorial|copy|founding|our|the|a|an"
)
_OFFICE = (
    r"writer|reporter|editor|correspondent|contributor|columnist|author|blogger|journalist|intern|producer|publisher|"
    r"photographer|analyst|director|manager|president|founder|co-?founder|owner|partner|ceo|cto|coo|cmo|cfo|vp|"
    r"vice president|professor|lecturer|fellow|researcher|scientist|strategist|specialist|consultant|advisor|adviser|"
    r"attorney|lawyer|engineer|developer|designer|marketer|copywriter|expert|coach|therapist|dietitian|nutritionist|"
    r"physician|nurse|teacher|instructor|executive|officer|coordinator|evangelist|advocate|architect|administrator|"
    r"chair|chairman|head|editor[- ]in[- ]chief|staff|team|freelancer|critic|host|"
    r"redakteur(?:in)?|redaktion|autorin|journalistin?|journaliste|rédacteur|rédactrice|rédaction|redactora?|redacción|"
    r"periodista|giornalista|redattore|redazione|redacteur|redaktör|редактор|журналист|корреспондент|muhabir|yazar|"
    r"phóng viên|biên tập viên|cộng tác viên|wartawan|记者|編集者|기자|선임기자|"
    r"(?:chef)?(?:korrespondent|reporter|kolumnist|volontär|gastautor|ressortleiter)(?:in)?|chefredakteur(?:in)?|"
    r"correspondante?|envoyée? spéciale?|chroniqueu(?:r|se)|éditorialiste|reportrice|rédact(?:eur|rice) en chef|"
    r"corresponsal|enviad[oa] especial|reportera|repórter|jornalista|colunista|redatora?|estagiári[oa]|"
    r"corrispondente|inviat[oa]|caporedattore|editorialista|verslaggever|verslaggeefster|redactrice|hoofdredacteur|"
    r"journalista|journaliste|dziennikar(?:z|ka)|korespondent(?:ka)?|publicyst(?:a|ka)|"
    r"(?:šéf)?redaktor(?:ka)?|zpravodaj(?:ka)?|komentátor(?:ka)?|novinář(?:ka)?|novinar(?:ka)?|"
    r"újságíró|szerkesztő|főszerkesztő|tudósító|krönikör|debattör|korrespondent|journalist|redaktør|toimittaja|"
    r"päätoimittaja|kolumnisti|corespondent|jurnalist[ăa]?|muhabiri|gazeteci|editör|jurnalis|kontributor|redaktur|"
    r"koresponden|nhà báo|thông tín viên|журналистка|корреспондентка|обозреватель|спецкор|репорт[её]р|колумнист|"
    r"журналіст(?:ка)?|кореспондент(?:ка)?|оглядач(?:ка)?|δημοσιογράφος|ανταποκριτής|ανταποκρίτρια|αρθρογράφος|"
    r"مراسلة?|صحفية?|صحافية?|محررة?|خبرنگار|روزنامه‌نگار|כתבת?|עיתונאית?|פרשנית?|עורכת?|"
    r"記者|通讯员|通訊員|主编|主編|评论员|評論員|特派员|特派員|編集委員|論説委員|論說委員|ジャーナリスト|ライター|논설위원|특파원|"
    r"인턴기자|객원기자|전문기자|편집위원|ผู้สื่อข่าว|นักข่าว|संवाददाता|पत्रकार"
)
_ROLE = CaselessPattern(
    rf"^(?:(?:{_ADJECTIVE})(?:\s+(?:and|&)\s+(?:{_ADJECTIVE}))?\s+)*(?:{_OFFICE})s?"
    r"(?:\s*(?:\bat\b|\bof\b|\bfor\b|\bin\b|\bund\b|\band\b|\bwith\b|@|,|&|/|-|–|\bbei\b|\bchez\b)\s*.*)?$|"
    r"^(?:head|director|chief|vice president|vp|manager|professor|editor|founder)\s+(?:of|for|in)\b.*$|"
    r"^(?:ph\.?\s?d\.?|m\.?d\.?|m\.?s\.?c?\.?|m\.?a\.?|b\.?a\.?|b\.?s\.?c?|r\.?d\.?n?\.?|r\.?n\.?|j\.?d\.?|"
    r"m\.?b\.?a\.?|m\.?p\.?h\.?|esq\.?|cfa|cpa|cfp®?|d\.?o\.?|d\.?d\.?s\.?|l\.?d\.?n?|cpt|pharm\.?d\.?|lcsw|facs|faap|"
    r"dpt|cissp|dvm|vmd|ll\.?m\.?|ed\.?d\.?|psy\.?d\.?|lmft|lpc|bcba|np|pa-c|fnp(?:-c)?|rdh|cscs|aprn|bsn|msn|dacvb|"
    r"m\.?ed\.?|m\.?eng\.?|dipl\.?(?:-?ing\.?)?|dr\.?|prof\.?)$",
)
_CAPITALS = lazy_regex(r"[A-Z]{2,6}(?:-[A-Z]{1,3})?")


@lru_cache(maxsize=4096)
def is_role(text: str) -> bool:
    """Returns True if a piece of a byline is a job title or a degree, and not a name."""
    return _CAPITALS.fullmatch(text) is not None or _ROLE.match(text) is not None


_ROLE_END = lazy_regex(
    rf"^(?P<name>.*?\S)\s*[,–—-]?\s+(?:(?:{_ADJECTIVE.removesuffix('|our|the|a|an')})\s+)*"
    rf"(?:{_OFFICE.replace('head|', '').replace('team|', '').replace('staff|', '').replace('host|', '')})$",
    re.IGNORECASE,
)
_DESK_ROLE = lazy_regex(rf"(?:[^\W\d_][\w’'-]*\s+){{1,4}}(?=[^\W\d_])(?!(?-i:[^\Wa-z]))(?:{_OFFICE})s?", re.IGNORECASE)
_TITLE = lazy_regex(r"^(?:mr|mrs|ms|dr|prof|rev|sir|dame|herr|frau|mme|m)\.?\s+", re.IGNORECASE)
_PARTICLES = word_set(
    "de del della di da dos das do van von der den zu zum la le les el al bin ibn ben bint binti y e du ter ten af "
    "ap 't "
    "of san st d' i"
)
# Words that are common in headings, menus and topics, but in hardly any name.
_COMMON = word_set(
    "a an and are at be by for from has have how in is it its more new news not now of on or our out over read see "
    "share "
    "than that the their then this to top up us was we what when where which who why will with you your about all also "
    "after before best better big blog books business buy career careers case center choose click college community "
    "company contact content customer daily data day days design development digital download education email events "
    "expert experts faq features finance find first fitness food free full get gear go guide guides health help "
    "home hour "
    "hours ideas industry insights international investing latest learn learning lifestyle link list live local love "
    "make management market marketing media medicine minute minutes month months next nutrition online opinion part "
    "people "
    "podcast policy politics popular post posts press privacy product products program reading real recipes related "
    "report reports research resources review reviews school science search security series service services shop "
    "shopping site skip social software solutions special sports start startup stories story strategy subscribe "
    "success support table team tech technology terms tips today tools topics training travel trends updated "
    "updates use "
    "video videos view watch week weekly welcome wellness work world year years yes joined article articles tags "
    "tag date "
    "last updated reviewed written loading player care vision estimated author editorial living healthy family kids "
    "car cars "
    "home house garden web site pages page number phone address department office city street road park south north "
    "west "
    "east new united states county state national american english group inc ltd llc corp university institute college "
    "foundation association society council committee agency bank hotel hotels restaurant museum church press magazine "
    "journal times post herald gazette tribune radio tv television studio studios labs lab partners capital ventures "
    "january february march april june july august september october november december monday tuesday wednesday "
    "thursday "
    "friday saturday sunday artificial intelligence machine social cloud open source mobile app apps game games gaming "
    "real estate personal financial health mental small large high low top ten one two three introduction overview "
    "summary "
    "contents conclusion key takeaways table quick links case studies white paper press release"
)
# Words of buttons and of notes on updates, readers and subscribers, which are in no name.
_INTERFACE_WORDS = word_set(
    "teilen merken drucken aktualisiert zuletzt kommentare deaktiviert symbolbild partager abonnés réservé "
    "commentaires compartir actualizado suscriptores comentarios condividi aggiornato abbonati commenti compartilhe "
    "atualizado assinantes comentários laatste bijgewerkt delen deel reacties tylko aktualizacja abonentów "
    "udostępnij komentarze sdílet aktualizováno čtení uppdaterad publicerad opdateret artikkeli päivitetty "
    "güncelleme tarihi abone paylaş yorumlar bagikan diperbarui sẻ xem phút поделиться читать обновлено комментарии "
    "просмотров διαβάστε επίσης ενημέρωση kommentar kommentarer artikel comment images subscriber subscribers "
    "updates exclusive whatsapp"
)
_COPYRIGHT = lazy_regex(r"copyright\b|\(c\)\s", re.IGNORECASE)
# Words that are common in the names of sections, places and labels, by language, and rare in names of people.
_SECTION_WORDS = word_set(
    "middle far gulf coast beach creek heights island islands valley hills springs mountain mountains zealand delhi "
    "janeiro são cidade ciudad nuevo nueva arabia republic kingdom league championship station airport breaking "
    "exclusive latest explainer factbox gallery election elections weather traffic markets stocks economy economics "
    "movies arts theater theatre fashion obituaries columns columnists sponsored promoted politik wirtschaft kultur "
    "sport lokales lokal lokalsport regional region panorama wissen feuilleton ausland inland stadt landkreis kreis "
    "sankt neue neues deutsche aktuelles veröffentlicht lesezeit meldung meldungen meinung ratgeber reise "
    "gesundheit bildung nord süd actualité actualités actu locale locales vie politique économie société sports "
    "monde régions région publié publiée temps lecture santé éducation environnement opinions faits sciences "
    "actualidad internacional nacional nacionales política economía sociedad cultura deportes publicado actualizado "
    "tiempo lectura salud educación opinión sucesos últimas última estados unidos notícia notícias economia "
    "sociedade desporto esportes esporte saúde educação atualizado tempo leitura alerta cotidiano polícia attualità "
    "cronaca locali politica società spettacoli esteri pubblicato aggiornato salute ultime reggio provincia "
    "binnenland buitenland binnenlands buitenlands lokale regio politiek economie wetenschap gepubliceerd leestijd "
    "wiadomości lokalne świat polityka gospodarka opublikowano aktualności nowy wielka fot foto zprávy domácí "
    "zahraniční ekonomika publikováno aktualizováno hradec králové hírek belföldi külföldi belföld külföld gazdaság "
    "frissítve helyi friss lokala inrikes utrikes ekonomi publicerad uppdaterad udland indland kotimaan ulkomaat "
    "kotimaa talous kulttuuri urheilu julkaistu päivitetty știri actualitate societate publicat dakika haberler "
    "yerel gündem spor ekonomi kültür güncelleme yayınlanma siyaset sağlık eğitim berita terkini nasional daerah "
    "olahraga jakarta selatan utara barat tengah đời sống xã hội thời sự thể thao sức khỏe phố tỉnh quận tức nghệ "
    "lịch sản новости новость политика экономика общество культура спорт регион региона россия россии происшествия "
    "наука опубликовано обновлено нижний новгород великий санкт республика область город здоровье образование "
    "мнения новини україни україна політика економіка суспільство світ оновлено події икономика общество νέα τοπικά "
    "πολιτική οικονομία κοινωνία πολιτισμός αθλητικά κόσμος ελλάδα δημοσιεύτηκε ενημέρωση ειδήσεις"
)
_PLACES = lazy_regex(
    r"\b(?:hong kong|san (?:francisco|diego|jose|josé|antonio|juan|luis|salvador|sebastián|marino)|los angeles|"
    r"las vegas|buenos aires|rio de|costa rica|sri lanka|new (?:york|delhi|jersey|zealand)|"
    r"middle east|far east|den haag|the hague|cape town|grand rapids|salt lake|premier league|zielona góra|hà nội|"
    r"bad [^\W\d_]+)\b",
    re.IGNORECASE,
)
_FAMILY_NAMES_JA = tuple(
    word_set(
        "佐藤 鈴木 高橋 田中 伊藤 渡辺 渡邊 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本 井上 木村 林 斎藤 斉藤 "
        "清水 山崎 森 池田 橋本 阿部 石川 山下 中島 石井 小川 前田 岡田 長谷川 藤田 後藤 近藤 村上 遠藤 青木 坂本 "
        "福田 太田 西村 藤井 岡本 三浦 金子 藤原 中野 中川 原田 松田 竹内 小野 田村 中山 和田 石田 森田 上田 原 "
        "内田 柴田 酒井 宮崎 横山 高木 安藤 宮本 大野 小島 谷口 今井 工藤 高田 増田 丸山 杉山 村田 大塚 新井 藤本 "
        "平野 河野 上野 武田 野口 松井 千葉 菅原 岩崎 木下 佐野 久保 野村 松尾 菊地 市川 山根 古川 島田 水野 桜井 "
        "高野 吉川 西田 菊池 北村 服部 川口 岩田 五十嵐 福島 安田 中田 川崎 樋口"
    )
)
_DATEISH = lazy_regex(r"\d{4}|\d{1,2}[:/.]\d{2}|\b(?:min(?:ute)?s? read|ago)\b", re.IGNORECASE)
_LEAK = lazy_regex(
    r"[<>{}=\\$%#®©™]|\[object|^[\w-]+(?:\.[\w-]+){3,}$|^\w+_\w+\.\w+$|^\W|\w{4}[.!?]\s|[。！？:：]|[?!]$"
)
_HAN = lazy_regex(r"^[\u4e00-\u9fff·]{2,4}$")
_SURNAMES = frozenset(_SURNAME_CHARACTERS)
_CJK = lazy_regex(r"[\u3040-\u30ff\u3400-\u9fff々・\s]{2,12}")
_CJK_LABEL = lazy_regex(
    r"[于於在日期时時更新发發布表类類签標阅閱读讀钟鐘前后後评評论論次数數字首页頁档檔的了是]|カテゴリ|タグ|投稿|公開|コメント|"
    r"について|ブログ|ニュース|記事|新闻|新聞"
)
_REPORTERS_KO = lazy_regex(
    r"[\[(]?(?:[^=\]]{1,16}=)?\s*[가-힣]{2,4}(?:\s*[·,]\s*[가-힣]{2,4}){0,4}\s*(?:선임|인턴|객원|전문)?\s?기자(?![가-힣])"
)
_HANGUL = lazy_regex(r"[가-힣]{2,4}")
_KANA_OR_SPACE = lazy_regex(r"[\u3040-\u30ff\s]")
_INNER_PARTICLES = _PARTICLES - {"ben", "de", "van", "von", "da", "di", "el", "al", "la", "le", "st", "san"}
"""Particles such as "der" that occur within names, but never at the beginning of one."""
_BEFORE_OFFICE = lazy_regex(r"(.{4,40}?)\s(?:[–—|•⋅-]|for|at)\s")
_MAX_LENGTH, _MAX_COUNT = 400, 25
_TAIL = lazy_regex(
    r"\s*(?:[|•⋅]|\s[–—-]\s|\s/\s|\son\s(?=\w+,? \d|\d)|\s(?:at|um|à|alle|a las|@|às)\s+\d?\d[:.h]\d\d|"
    r"\blast\s+(?:updated|modified|edited)\b|\bupdated\b|"
    r"\bpublished\b|\bposted\b|\bfor\s+the\b|\bon\s+behalf\s+of\b|\bspecial\s+to\b|\breporting\s+from\b).*$",
    re.IGNORECASE,
)
# A part of a byline that begins with a label: "Text: Jane Doe Photos: John Roe".
_LABELLED_PART = lazy_regex(r"(?:^|[\s.,;，。、|/·•(（]+)(?=(?P<label>[^\W\d_]{1,16})\s*[:：])")
# Words after which another person is named who did something other than write the post.
_OTHER_WITHIN = lazy_regex(
    r"[\s.,;|/]+(?:photo\w*|pictures?|images?|illustrat\w+|graphics|edited|translated|reviewed|fact[- ]checked|updated|"
    r"fotos?|fotografías?|fotografie|bilder|bild|beeld|zdjęcia|snímky)\s+(?:by|von|de|par|di|door|courtesy)\b.*$|"
    r"\s*(?:摄影|攝影|供图|供圖|写真|撮影|编辑|編輯)[\s/：:・].*$|\s+(?-i:[\u4e00-\u9fff]){0,6}(?:报道|報道|报导|報導|专电|電|电|讯|訊)$",
    re.IGNORECASE,
)
# Titles of reporters that stand before each name of a Chinese byline: "记者 张三 通讯员 李四".
_HAN_TITLE = lazy_regex(
    r"(?<=[\u4e00-\u9fff])\s+(?:本报|特约|见习|实习)?(?:记者|記者|通讯员|通訊員|实习生|實習生)\s*(?=[\u4e00-\u9fff])"
)
_BRACKETED = lazy_regex(r"(?:[\[【(（][^=\]】)）]{1,16}=|【)\s*(?P<who>[^\[\]【】()（）=]{2,60})[\]】)）]")
_ASIDE = lazy_regex(r"\s*[(（][^()（）]*[,，;/][^()（）]*[)）]")
_IN_PLACE = lazy_regex(
    r"(?P<name>.{4,40}?)\s(?:reporting\s)?(?:in|from|aus|à|desde|из|в)\s(?:the\s)?(?-i:[^\W\d_a-z])", re.IGNORECASE
)
# Not \w, which leaves out the vowel signs of Indic scripts.
_LAST_WORD = lazy_regex(r"(?P<names>.*[^\s,])\s*,\s*[^\s,_]+\s*$")
_SIGNS_AROUND = " \t,;:.|/·•⋅–—-*\"“”'’"
_GERESH = lazy_regex(r"(?<=[\u05d0-\u05ea])['’](?=[^\w'’]*$)")
_SUFFIX = lazy_regex(r"\s*(?:,\s*)?(?:Ph\.?D|M\.?D|MBA|RD|Esq)\.?$")


@lru_cache(maxsize=4096)
def looks_personal(text: str) -> bool:
    """Returns True if a text has the form of a person's name (one to five capitalized words without digits) or is a
    handle.
    """
    words = BRACKETS.sub("", text).split()
    if not 1 <= len(words) <= 5:
        return False
    if len(words) == 1:
        return len(text) >= 2
    return all(w.lower() in _PARTICLES or not w[0].islower() for w in words) and not any(c.isdigit() for c in text)


def is_person(text: str) -> bool:
    """Returns True if a text is the full name of a person and not of an organization."""
    return is_full_name(text) and not is_organization(text)


def may_sign(text: str) -> bool:
    """Returns True if a text looks like the name of a person or of an organization, and so may be the author in a
    byline.
    """
    return looks_personal(text) or (is_organization(text) and not text.islower())


@lru_cache(maxsize=4096)
def is_full_name(text: str) -> bool:
    """Returns True if a text is recognizable as a person's name even without markup or words such as "by".

    The text must consist of a first and a last name with capitals, and contain no word that is common in headings. In
    scripts without capitals, the text must be as long as a name.
    """
    if any(c.isdigit() for c in text) or len(text) > 50 or NOT_A_NAME.match(text) or is_role(text):
        return False
    if _CJK.fullmatch(text):
        return _is_cjk_name(text)
    if _HANGUL.fullmatch(text):
        return True
    bare = _TITLE.sub("", text)
    words = bare.split()
    if not 2 <= len(words) <= 4 or not looks_personal(bare) or words[0].lower() in _INNER_PARTICLES:
        return False
    if any(w.strip(".,'’").lower() in _COMMON or len(w) > 18 for w in words):
        return False
    return not (text.isupper() and len(text) < 6)


@lru_cache(maxsize=4096)
def is_plain_name(text: str) -> bool:
    """Returns True if a text is recognizable as a person's name by its form alone, without a word such as "by", a link
    or a class.

    Names of sections and places look the same, so the text must contain none of their usual words. In scripts without
    capitals, only names that begin with a common family name are recognizable.
    """
    if not is_full_name(text) or is_organization(text):
        return False
    if _CJK.fullmatch(text):
        bare = text.replace(" ", "")
        return bare.startswith(_FAMILY_NAMES_JA) if len(bare) > 3 or " " in text else text[0] in _SURNAMES
    words = BRACKETS.sub("", text).split()
    if not words or _PLACES.search(text):
        return False
    has_capitals = words[0][0].isupper() and words[-1][0].isupper()
    return has_capitals and not any(w.strip(".,'’").lower() in _SECTION_WORDS for w in words)


def match_signature(text: str) -> re.Match[str] | None:
    """Returns the match of BY, unless it is that of _SHORT. All other words show a byline anywhere on a page."""
    m = BY.match(text)
    return m if m is not None and m["short"] is None else None


def names_korean_reporters(text: str) -> bool:
    """Returns True if a text begins with Korean names before the title of a reporter, which marks them as well as "by"
    does: "홍길동·김영희 기자".
    """
    return "기자" in text and _REPORTERS_KO.match(text) is not None


def _is_cjk_name(text: str) -> bool:
    """Returns True if a text in Han or kana may be a name: it is no label and, if it has no kana, begins with a Chinese
    surname.
    """
    if _HAN.match(text.replace(" ", "")) and text[0] not in _SURNAMES and not _KANA_OR_SPACE.search(text):
        return False
    return not _CJK_LABEL.search(text)


@lru_cache(maxsize=4096)
def is_name(text: str) -> bool:
    """Returns True if a text can be the name of an author: a person, a desk or an account. Nearly every text can be,
    except labels, dates and addresses.
    """
    if not 2 <= len(text) <= 70 or not any(c.isalpha() for c in text) or NOT_A_NAME.match(text):
        return False
    if _DATEISH.search(text) or text.startswith(("http", "//", "www.")) or len(text.split()) > 8:
        return False
    if _ONLY_LEGAL_FORM.fullmatch(text) or _COPYRIGHT.match(text):
        return False
    if not _INTERFACE_WORDS.isdisjoint(text.lower().split()):
        return False
    if " " in text and any(c.isdigit() for c in text):
        return False
    return not _LEAK.search(text)


def split_names(text: str, one: bool = False) -> list[str]:
    """Returns the names in a byline, in order, each once. Account names such as "admin" are included, because readers
    see them.

    `one` is True if the text is expected to name one author, because it is from a link to a profile or an author
    object. It is then split only if it clearly names two people, so that "Science and Health" remains one name.
    """
    text = clean_text(text)
    if not text or len(text) > _MAX_LENGTH or "{{" in text or "${" in text:
        return []
    return list(_names_in(text, one))


@lru_cache(maxsize=4_096)
def _names_in(text: str, one: bool) -> tuple[str, ...]:
    if m := _BRACKETED.fullmatch(text):
        text = m["who"]
    text = _without_behalf(_strip_by(text))
    text = clean_text(_HANDLE.sub(" , " if not one else " ", _ASIDE.sub(" ", _PAREN.sub(" ", text))))
    if not one:
        text = _HAN_TITLE.sub("、", _OTHER_WITHIN.sub("", _unlabelled(_TAIL.sub("", text))))
    elif (m := _BEFORE_OFFICE.match(text)) and is_full_name(m[1]):
        text = m[1]
    out: dict[str, str] = {}
    for piece in map(_bare_name, _split_pieces(text, one)):
        if piece and (is_name(piece) or (one and ACCOUNT.match(piece))) and not _is_role(piece, follows=bool(out)):
            name = _in_mixed_case(piece)
            out.setdefault(name.casefold(), name)
    return tuple(out.values() if one else _without_affiliations(text, list(out.values())))[:_MAX_COUNT]


def _without_behalf(text: str) -> str:
    """Returns a byline without the words that say for whom the author writes, such as "for the Harbour Team", and
    without the text after them.
    """
    behalf = BEHALF.search(text)
    return text[: behalf.start()] if behalf and behalf.start() > 0 else text


def _unlabelled(text: str) -> str:
    """Returns a byline without the parts whose label says that they are not authors, as in "Jane Doe Photos: John Roe"
    or "Category: Boats". Parts with a label for authors are kept without the label.
    """
    first = _LABELLED_PART.search(text)
    if first is None:
        return text
    begins = [m.end() for m in _LABELLED_PART.finditer(text)]
    before = text[: first.start()]
    if before and " " not in before and not (_CJK.fullmatch(before) or _HANGUL.fullmatch(before)):
        return ""  # a sentence such as "Doe: how I built it"
    parts = [text[a:b] for a, b in zip(begins, [*begins[1:], len(text)], strict=True)]
    return " , ".join(filter(None, [before, *(p[m.end() :] for p in parts if (m := BY.match(p)))]))


def _without_affiliations(text: str, names: list[str]) -> list[str]:
    """Returns the names of a byline without the place, agency or outlet after a person's name: ["Jane Doe"] for "Jane
    Doe, Berlin" or "Jane Doe, Reuters". If none of the names is that of a person, all are returned.
    """
    people = [n for n in names if not is_organization(n)]
    if not any(map(is_full_name, people)):
        return names
    last = _LAST_WORD.match(text)
    if len(people) == len(names) > 1 and last and not _CJK.fullmatch(names[-1]) and all(map(is_full_name, names[:-1])):
        return names[:-1] if " " not in names[-1] and last["names"] else names
    return people


def _is_role(piece: str, follows: bool) -> bool:
    """Returns True if a piece of a byline is a job title or degree. `follows` is True if it follows a name: only then
    are capitals such as "PHD" a degree, and "South Asia editor" a job title.
    """
    return (follows and _DESK_ROLE.fullmatch(piece) is not None) or (
        is_role(piece) and (follows or not _CAPITALS.fullmatch(piece))
    )


def _in_mixed_case(piece: str) -> str:
    """Converts a name that is written in capitals to mixed case: "JANE DOE" to "Jane Doe"."""
    if piece.isupper() and len(piece) > 5 and " " in piece and piece.isascii():
        return " ".join(w.capitalize() if len(w) > 2 else w for w in piece.split())
    return piece


def _bare_name(piece: str) -> str:
    """Returns the name in a piece of a byline, without quotes, a degree, or an agency or job title after a full
    name.
    """
    piece = _without_signs(_strip_by(piece)) if piece.strip(" .") else ""
    piece = _SUFFIX.sub("", piece).replace(_JOINED, " & ")
    name, _, agency = piece.rpartition(" ")
    if fold_text(agency) in KNOWN_AGENCIES - AMBIGUOUS and _FULL_WORDS.fullmatch(name) and is_full_name(name):
        piece = name
    if (m := _ROLE_END.match(piece)) and (is_full_name(m["name"]) or _HANGUL.fullmatch(m["name"])):
        piece = m["name"].rstrip(" ,-–—")
    return piece + "." if re.search(r"\b(?:Jr|Sr)$", piece) else piece


_FULL_WORDS = lazy_regex(r"\S{3,} (?:\S+ )*\S{3,}")


def _without_signs(piece: str) -> str:
    """Returns a piece of a byline without quotes and separators at its ends, and without a closing bracket that was
    never opened. An apostrophe after a Hebrew letter is kept, since it is part of the name (a geresh).
    """
    bare = piece.strip(_SIGNS_AROUND)
    if bare.endswith(")") and "(" not in bare:
        bare = bare.rstrip(")").rstrip(_SIGNS_AROUND)
    m = _GERESH.search(piece) if bare and piece[0] not in "'’" else None
    return bare + m[0] if m else bare


def _strip_by(text: str) -> str:
    for _ in range(2):
        m = BY.match(text)
        if not m or m.end() == len(text) or m.end() == 0:
            break
        text = text[m.end() :]
    return text


def _split_pieces(text: str, one: bool) -> list[str]:
    """Splits a byline at commas and at words such as "and". Returns the pieces that may be names. If `one` is True, the
    byline comes from a place that names one author, and is split only if each piece is a full name.
    """
    text = re.sub(r",\s*(Jr|Sr|II|III|IV)\b\.?", r" \1", text)
    text = _COMPANY_JOINT.sub(_JOINED, _COMMA_BEFORE_FORM.sub(" ", text))
    pieces = [_without_place(p.strip()) for p in AND.split(_without_long_roles(text)) if p and p.strip()]
    if len(pieces) == 1:
        return _chinese_names(text) or pieces
    kept = [p for p in pieces if not is_role(p.strip(" ."))]
    people = all(looks_personal(p) for p in kept)
    if people and (not one or all(len(p.split()) > 1 or _HAN.match(p) for p in kept)):
        return kept
    if one:
        return [kept[0]] if len(kept) == 1 else [text]
    return (
        kept if people else [p for part in re.split(r"\s*[,;、，|/]\s*", text) if part for p in _people_of_part(part)]
    )


def _without_long_roles(text: str) -> str:
    """Returns a byline without the job titles between its commas that contain "and", such as "Professor of European and
    Global Governance".
    """
    parts = re.split(r"\s*[,;|]\s*", text)
    kept = [p for p in parts if not (is_role(p) and len(AND.split(p)) > 1)]
    return ", ".join(kept) if kept and len(kept) < len(parts) else text


def _people_of_part(part: str) -> list[str]:
    """Splits a part of a byline, which contains no comma, at words such as "and". Returns the pieces if all of them are
    full names, as in "Jane Doe and John Roe"; otherwise the whole part, as for "Science and Health".
    """
    pieces = [_without_place(p.strip()) for p in AND.split(part) if p.strip()]
    return pieces if all(map(is_full_name, pieces)) else [part]


def _without_place(piece: str) -> str:
    """Returns a piece of a byline without the place from which the author reports: "Jane Doe" for "Jane Doe
    in London".
    """
    m = _IN_PLACE.match(piece)
    return m["name"] if m and is_full_name(m["name"]) else piece


def _chinese_names(text: str) -> list[str]:
    """Returns the names in a text that consists of Chinese names separated by spaces; [] for any other text.

    Two words may also be the family name and the given name of one Japanese person. So if there are only two words,
    each must begin with a Chinese surname.
    """
    words = text.split()
    if len(words) < 2 or not all(_HAN.match(w) for w in words):
        return []
    return words if len(words) > 2 or all(w[0] in _SURNAMES for w in words) else []


def given_name_first(text: str) -> str:
    """Converts "Doe, Jane" to "Jane Doe". In citation_author and dc.creator the family name comes first."""
    m = re.fullmatch(r"([^,\s]+(?:\s[^,\s]+)?),\s*([^,]+)", clean_text(text))
    return f"{m[2]} {m[1]}" if m and not is_role(m[2]) else clean_text(text)


# Doubtful declared authors: the name of the site or the host, and account names that are not meant for readers.

Names = tuple[str, ...]
DOUBTFUL = 0.3
"""The confidence of a candidate that is kept as evidence but never chosen."""
_DECLARED = ("json-ld", "meta", "microdata", "rdfa", "script")
# Account names that are not meant for readers. Such names contain digits among the letters, or consist of words joined
# by signs.
_RUBBISH_ACCOUNT = lazy_regex(r"(?=[a-z]*\d)[a-z0-9]{9,}|\d+")
_MUCH_LONGER = 2  # a text more than this many times as long as the text on the page comes from its data
_JOINED_ACCOUNT = lazy_regex(r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)+")


def downgrade_doubtful_authors(
    found: list[Candidate[Names]], page: Page, site: set[str], text: str = ""
) -> list[Candidate[Names]]:
    """Returns all candidates, but lowers the confidence of the doubtful ones to DOUBTFUL. Only candidates that the page
    declares in its metadata can be doubtful.

    `site` are the site's own names, as returned by `fold_text`. `text` is the body of the post.
    """
    doubts = _Doubts(page, site, found, text)
    return [
        replace(c, confidence=min(c.confidence, DOUBTFUL)) if c.source in _DECLARED and doubts.is_doubtful(c) else c
        for c in found
    ]


class _Doubts:
    """Decides for each author in a page's metadata whether it is doubtful, because it may be the site's name or a
    technical account name.
    """

    def __init__(self, page: Page, site: set[str], found: list[Candidate[Names]], text: str) -> None:
        self.page, self.site = page, site
        self.shows_text = len(text) <= _MUCH_LONGER * page.text_length
        self.persons, self.hosts = _declared_persons(page), host_names(page)
        self.declared = Counter(_keys(c) for c in found if c.source in _DECLARED)
        self.is_only_source = len({c.source for c in found}) == 1

    def is_doubtful(self, one: Candidate[Names]) -> bool:
        keys = _keys(one)
        once = self.declared[keys] == 1
        full = all(map(is_full_name, one.value))
        if keys <= self.site and not (keys <= self.persons or (full and one.source == "meta")):
            return True
        if keys <= self.hosts and not full and once:
            return True
        if all(_RUBBISH_ACCOUNT.fullmatch(n) or (once and _JOINED_ACCOUNT.fullmatch(n)) for n in one.value):
            return not is_shown_on_page(self.page, one.value)
        is_phrase = one.source == "meta" and not full and once and " " in one.value[0]
        return self._is_single_weak_source(one, is_phrase) and not is_shown_on_page(self.page, one.value)

    def _is_single_weak_source(self, one: Candidate[Names], is_phrase: bool) -> bool:
        """Returns True if a candidate with only one name comes from the only source on the page, and this source is
        weak. `is_phrase` is True if the name is a phrase in a meta element.

        - A phrase in a meta element is weak, since it may be a job title.
        - JSON-LD or Dublin Core is weak, since the name may be that of the person who entered the page into the system.
          But JSON-LD counts on a page that does not show the text of its post, and hence no author.

        WordPress is an exception: its JSON-LD declares the author even if the theme does not show the name.
        """
        is_weak = (one.source == "json-ld" and self.shows_text) or one.locator.startswith("dc") or is_phrase
        is_single = len(_keys(one)) == 1
        return self.is_only_source and is_weak and is_single and "single-post" not in self.page.body_classes


def _keys(one: Candidate[Names]) -> frozenset[str]:
    return frozenset(map(fold_text, one.value))


def _declared_persons(page: Page) -> set[str]:
    """Returns the names of the authors that JSON-LD declares as persons, as `fold_text` returns them."""
    node = page.data.article(page.addresses) or {}
    return {
        fold_text(name)
        for value in page.data.resolve(node.get("author"))
        if isinstance(value, dict) and "person" in types(value)
        for name in page.data.texts(value, "name")
    }


def host_names(page: Page) -> set[str]:
    """Returns the labels of a page's host that may be the site's name, such as "example" in www.example.co.uk."""
    labels = (urlsplit(page.url).hostname or "").removeprefix("www.").split(".")
    return {fold_text(label) for label in labels[:2] if len(label) > 3}


def is_shown_on_page(page: Page, found: Names) -> bool:
    """Returns True if at least one of the names is in the visible text of the page."""
    folded = [n.casefold() for n in found]
    return any(
        n in text.casefold()
        for el in page.index.order
        if el.tag not in ("script", "style", "head", "title", "meta", "link")
        for text in (el.text, el.tail)
        if text
        for n in folded
    )
