"""Splits a byline into names, without prefixes, job titles, handles and affiliations, and marks doubtful authors.

The patterns at the beginning are for the words around an author's name, in many languages. All modules of this package
use them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from urllib.parse import urlsplit

from archiver.extraction.metadata import types
from archiver.extraction.page import Page
from archiver.extraction.text_normalization import CaselessPattern, clean_text, fold_text
from archiver.items import Candidate


def word_set(text: str) -> frozenset[str]:
    """Returns the set of the words in a text that are separated by white space."""
    return frozenset(text.split())


# Words before an author's name, one row per language. Prepositions that are common words in their language are in
# _SHORT and are recognized only where a name is expected.
_PHRASES = (
    r"(?:article|story|text|words|report|reporting|analysis|opinion|review|interview|column|essay|post|"
    r"blog\s*post)\s+by",
    r"(?:(?:this\s+)?(?:article|post|story)\s+(?:was|is)\s+)?(?:originally\s+)?(?:posted|published|written|reported|"
    r"submitted|authored|contributed|created|added|penned|told|compiled|blogged)\s+(?:and\s+\w+\s+)?by",
    r"by|author(?:s|\(s\))?\s*:|authored\s+by|(?:post\s+)?author\s*:|writer\s*:|written\s*:|contributors?\s*:|"
    r"words\s*:",
    r"(?:publicado|escrito|redactado|enviado|creado|posteado|elaborado)\s+por|autor(?:a|es|as|\(es\)|/a)?\s*:|"
    r"texto\s*:",
    r"(?:publié|écrit|rédigé|posté|proposé|signé)e?\s+par|(?:auteur|autrice)(?:e|s|es)?\s*:|texte\s*:|"
    r"un\s+article\s+de",
    r"(?:pubblicato|scritto|inserito|postato|redatto)\s+da|autor[ei]\s*:|testo\s*:|(?:a\s+cura|articolo)\s+di",
    r"(?:publicado|postado|escrito|enviado)\s+por|texto\s+de",
    r"(?:veröffentlicht|geschrieben|verfasst|erstellt|gepostet|eingestellt)\s+(?:am\s.{4,30}\s)?von|autor(?:en|"
    r"in)?\s*:|"
    r"verfasser(?:in)?\s*:|(?:ein\s+)?(?:text|beitrag|artikel|gastbeitrag|kommentar|bericht)\s+von",
    r"(?:geplaatst|geschreven|gepubliceerd|gepost)\s+door|tekst\s*:|auteurs?\s*:",
    r"(?:opublikowa(?:ne|ny|ł)|napisa(?:ne|ny|ł)|dodane|dodał)\s+przez|(?:autor|autorka|autorzy|tekst)\s*:",
    r"(?:автор(?:ы)?|опубликовал[аи]?|написал[аи]?|текст|автор\s+(?:статьи|поста|материала|текста)|добавил)\s*:?|"
    r"(?:опубликовано|написано|размещено)\s+пользователем",
    r"автор(?:и)?\s*:?|(?:написав|опублікував|опублікувала)\s*:?|публикувано\s+от",
    r"(?:đăng|viết|gửi|thực\s+hiện)\s+bởi|tác\s+giả\s*:?|người\s+(?:đăng|viết)\s*:?|bài(?:\s+viết)?\s*:|"
    r"bài\s+và\s+ảnh\s*:",
    r"yazar(?:ı)?\s*:?|yazan\s*:?|haber\s*:|(?:ditulis|diposting|diterbitkan|dikirim)\s+oleh|(?:oleh|penulis)\s*:?",
    r"skrevet\s+(?:av|af)|skriven\s+av|publicerad\s+av|publisert\s+av|skribent\s*:|forfatter\s*:|författare\s*:|"
    r"kirjoittanut|kirjoittaja\s*:?|teksti\s*:|írta\s*:?|szerző\s*:?|scris\s+de|publicat\s+de|napsal[a]?\s*:?|piše\s*:|"
    r"συντάκτης\s*:?|γράφει\s+(?:ο|η)|του/της|escrit\s+per|לפי",
    r"(?:文章作者|本文作者|作者|撰文|撰稿|文字|文|记者|記者|本报记者|发布者|發佈者|发布人|投稿者|著者|執筆者?|筆者|ライター|"
    r"取材・文|この記事を書いた人|글쓴이|작성자|글|기자)\s*[:：/／|｜・]?",
    r"(?:بقلم|الكاتب|الكاتبة|كتبه|كتبها|كتب|كتبت|نشر\s+بواسطة|بواسطة|تحرير|نویسنده|نوشته|به\s+قلم)\s*:?",
    r"(?:מאת|כתב(?:ה)?|פורסם\s+על\s+ידי|נכתב\s+על\s+ידי|פורסם\s+ע[\"״]י|נכתב\s+ע[\"״]י)\s*:?",
    r"(?:โดย|เขียนโดย|ผู้เขียน|लेखक|द्वारा)\s*:?",
)
_SHORT = r"por|par|von|di|da|door|przez|bởi|af|av|text(?=\s*[:：])|от"
BY = CaselessPattern(
    rf"^[\s|·•⋅—–\-:✍🖊👤]*(?:(?:{'|'.join(_PHRASES)}|{_SHORT})(?![\w])|by(?=[A-Z]))\s*[:：]?\s*",
)
# Matches the same words except those in _SHORT. The matched words show a byline anywhere on a page.
SIGNED = CaselessPattern(
    rf"^[\s|·•⋅—–\-:✍🖊👤]*(?:(?:{'|'.join(_PHRASES)})(?![\w])|by(?=[A-Z]))\s*[:：]?\s*",
)
# Matches a text that consists only of an introduction of the author's name.
LABEL = re.compile(
    r"(?:the\s+)?(?:authors?|writers?|contributors?|written\s+by|autor(?:in|en|es)?|auteurs?|autor[ei]|автор|作者|"
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
    r"(?:crédits?|photos?|traduit|traduction|relu|propos\s+recueillis)\s*(?:par|de|:)|"
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
    r"sign ?in|sign ?up|register|my account|join|download|listen|watch|play|save|copy link|disclosure|advertisement|"
    r"sponsored|in|on|for|to|of|the|and|a|at|with|is|an|our|we|you|your|this|that|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|mon|tue|tues|wed|thu|thur|thurs|fri|sat|today|yesterday|"
    r"редакция сайта|作者|编辑|記者|记者|管理员|本站|原创|转载|佚名|網站編輯)$",
)
# Names of system accounts, which are shown as authors if nobody has renamed a site's first account.
ACCOUNT = re.compile(r"^(?:admin(?:istrator)?|管理员)$", re.IGNORECASE)
WEAK_ACCOUNTS = re.compile(
    r"^(?:admin\w{0,3}|administrator|webmaster|root|editor|redaktion|wpapi|user\d*|siteadmin|wp-?admin|superuser|"
    r"postmaster|owner|marketing|staff|guest|"
    r"quản trị|quantri|管理员|管理者|관리자|مدير|المدير|yönetici|администратор)$",
    re.IGNORECASE,
)
# Words after which the text names the people or group for whom the author writes, and not another author.
BEHALF = re.compile(
    r"(?:^|\s+|[,(]\s*)(?:on\s+behalf\s+of|for\s+the|im\s+namen\s+(?:von|des?r?)|au\s+nom\s+d(?:e|u|es)|en\s+nombre\s+del?|"
    r"em\s+nome\s+d[aeo]s?|a\s+nome\s+d(?:i|el|ella|ei)|namens|w\s+imieniu|от\s+имени|thay\s+mặt)(?:\s|$)",
    re.IGNORECASE,
)
# Matches the words and signs that separate two names.
AND = re.compile(
    r"\s*(?:[,;/|、，；·⋅•＆&+]|\n)\s*(?:(?:and|und|y|et|e|и|và|ve|with)\s+)?|"
    r"\s+(?:and|und|et|en|och|og|и|и|và|ve|with|with additional reporting by|dan|oraz|と|και|ו)\s+|\s+y\s+|\s+e\s+|"
    r"\s+i\s+(?=[A-ZŁŚŻ])",
    re.IGNORECASE,
)


# Text in brackets belongs to the name ("Mei Tan (May)", "Jon Reed (Acme Labs)"), unless it is a handle, an address, a
# job title or an agency. This pattern matches only these exceptions.
_PAREN = re.compile(
    r"[\[【][^\]】]{0,80}[\]】]|[(（](?=[^)）]*(?:@|https?:|www\.|\d|\b(?:author|editor|writer|reporter|guest|staff|he|"
    r"she|they|him|her|Reuters|AP|AFP|dpa|CNN|BBC)\b))[^)）]{0,80}[)）]|[(（]\s*[)）]",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?<!\w)@[\w.]+|\S+@\S+\.\w+|https?://\S+|www\.\S+")
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
    r"phóng viên|biên tập viên|cộng tác viên|wartawan|记者|編集者|編集部|기자|선임기자"
)
# Matches a piece of a byline that is a job title or a degree.
ROLE = re.compile(
    rf"^(?:(?:{_ADJECTIVE})(?:\s+(?:and|&)\s+(?:{_ADJECTIVE}))?\s+)*(?:{_OFFICE})s?"
    r"(?:\s*(?:\bat\b|\bof\b|\bfor\b|\bin\b|\bund\b|\band\b|\bwith\b|@|,|&|/|-|–|\bbei\b|\bchez\b)\s*.*)?$|"
    r"^(?:head|director|chief|vice president|vp|manager|professor|editor|founder)\s+(?:of|for|in)\b.*$|"
    r"^(?:ph\.?\s?d\.?|m\.?d\.?|m\.?s\.?c?\.?|m\.?a\.?|b\.?a\.?|b\.?s\.?c?|r\.?d\.?n?\.?|r\.?n\.?|j\.?d\.?|"
    r"m\.?b\.?a\.?|m\.?p\.?h\.?|esq\.?|cfa|cpa|cfp®?|d\.?o\.?|d\.?d\.?s\.?|l\.?d\.?n?|cpt|pharm\.?d\.?|lcsw|facs|faap|"
    r"dpt|cissp|dvm|vmd|ll\.?m\.?|ed\.?d\.?|psy\.?d\.?|lmft|lpc|bcba|np|pa-c|fnp(?:-c)?|rdh|cscs|aprn|bsn|msn|dacvb|"
    r"m\.?ed\.?|m\.?eng\.?|dipl\.?(?:-?ing\.?)?|dr\.?|prof\.?|(?-i:[A-Z]{2,6}(?:-[A-Z]{1,3})?))$",
    re.IGNORECASE,
)
_CAPITALS = re.compile(r"[A-Z]{2,6}(?:-[A-Z]{1,3})?")
_ROLE_END = re.compile(
    rf"^(?P<name>.*?\S)\s*[,–—-]?\s+(?:(?:{_ADJECTIVE.removesuffix('|our|the|a|an')})\s+)*"
    rf"(?:{_OFFICE.replace('head|', '').replace('team|', '').replace('staff|', '').replace('host|', '')})$",
    re.IGNORECASE,
)
_TITLE = re.compile(r"^(?:mr|mrs|ms|dr|prof|rev|sir|dame|herr|frau|mme|m)\.?\s+", re.IGNORECASE)
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
_DATEISH = re.compile(r"\d{4}|\d{1,2}[:/.]\d{2}|\b(?:min(?:ute)?s? read|ago)\b", re.IGNORECASE)
_LEAK = re.compile(
    r"[<>{}=\\$%#®©™]|\[object|^[\w-]+(?:\.[\w-]+){3,}$|^\w+_\w+\.\w+$|^\W|\w{4}[.!?]\s|[。！？:：]|[?!]$"
)
_HAN = re.compile(r"^[\u4e00-\u9fff·]{2,4}$")
_SURNAMES = frozenset(
    "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何高林罗羅郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹彭曾肖蕭田董袁潘于於蒋蔣"
    "蔡余杜叶葉程苏蘇魏吕呂丁任沈姚卢盧姜崔钟鐘譚谭陆陸汪范范金石廖贾賈夏韦韋付方白邹鄒孟熊秦邱江尹薛闫閻段雷侯龙龍史陶黎贺賀"
    "顾顧毛郝龚龔邵万萬钱錢严嚴覃武戴莫孔向汤湯"
)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff々・\s]{2,12}")
_CJK_LABEL = re.compile(
    r"[于於在日期时時更新发發布表类類签標阅閱读讀钟鐘前后後评評论論次数數字首页頁档檔的了是]|カテゴリ|タグ|投稿|公開|コメント|"
    r"について|ブログ|ニュース|記事|新闻|新聞"
)
_HANGUL = re.compile(r"[가-힣]{2,4}")
_KANA_OR_SPACE = re.compile(r"[\u3040-\u30ff\s]")
_INNER_PARTICLES = _PARTICLES - {"de", "van", "von", "da", "di", "el", "al", "la", "le", "st", "san"}
"""Particles that occur within names, but with which no name begins."""
_BEFORE_OFFICE = re.compile(r"(.{4,40}?)\s(?:[–—|•⋅-]|for|at)\s")
_MAX_LENGTH, _MAX_COUNT = 400, 25
_TAIL = re.compile(
    r"\s*(?:[|•⋅]|\s[–—-]\s|\s/\s|\son\s(?=\w+,? \d|\d)|\s(?:at|um|à|alle|a las|@|às)\s+\d?\d[:.h]\d\d|"
    r"\blast\s+(?:updated|modified|edited)\b|\bupdated\b|"
    r"\bpublished\b|\bposted\b|\bfor\s+the\b|\bon\s+behalf\s+of\b|\bspecial\s+to\b|\breporting\s+from\b).*$",
    re.IGNORECASE,
)
_SUFFIX = re.compile(r"\s*(?:,\s*)?(?:Ph\.?D|M\.?D|MBA|RD|Esq)\.?$")


@lru_cache(maxsize=4096)
def looks_personal(text: str) -> bool:
    """Returns True if a text has the form of a person's name (one to five capitalized words without digits) or is a
    handle.
    """
    words = re.sub(r"\s*[(（][^)）]*[)）]", "", text).split()
    if not 1 <= len(words) <= 5:
        return False
    if len(words) == 1:
        return len(text) >= 2
    return all(w.lower() in _PARTICLES or not w[0].islower() for w in words) and not any(c.isdigit() for c in text)


@lru_cache(maxsize=4096)
def is_full_name(text: str) -> bool:
    """Returns True if a text is recognizable as a person's name even without markup or words such as "by".

    The text must consist of a first and a last name with capitals, and contain no word that is common in headings. In
    scripts without capitals, the text must be as long as a name.
    """
    if any(c.isdigit() for c in text) or len(text) > 50 or NOT_A_NAME.match(text) or ROLE.match(text):
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


def _is_cjk_name(text: str) -> bool:
    """Returns True if a text in Han or kana is not a label and, in Han alone, begins with a Chinese surname."""
    if _HAN.match(text.replace(" ", "")) and text[0] not in _SURNAMES and not _KANA_OR_SPACE.search(text):
        return False
    return not _CJK_LABEL.search(text)


@lru_cache(maxsize=4096)
def is_name(text: str) -> bool:
    """Returns True if a text can be the name of an author: of a person, a desk or an account."""
    if not 2 <= len(text) <= 70 or not any(c.isalpha() for c in text) or NOT_A_NAME.match(text):
        return False
    if _DATEISH.search(text) or text.startswith(("http", "//", "www.")) or len(text.split()) > 8:
        return False
    if " " in text and any(c.isdigit() for c in text):
        return False
    return not _LEAK.search(text)


_LABEL_WORD = re.compile(r"\s*\w+\s*[:：]\s*")  # a word with a colon, which introduces something other than an author


def split_names(text: str, one: bool = False) -> list[str]:
    """Returns the names in a byline, in order, each once.

    `one` is True if the text is expected to name one author, because it is from a link to a profile or an author
    object. In this case, the text is split only if it clearly names two people, so that "Science and Health" remains
    one name. An account name such as "admin" is also returned, because readers see it.
    """
    text = clean_text(text)
    if not text or len(text) > _MAX_LENGTH or "{{" in text or "${" in text:
        return []
    return list(_names_in(text, one))


@lru_cache(maxsize=4_096)
def _names_in(text: str, one: bool) -> tuple[str, ...]:
    text = _strip_by(text)
    if (behalf := BEHALF.search(text)) and behalf.start() > 0:
        text = text[: behalf.start()]
    text = clean_text(_HANDLE.sub(" , " if not one else " ", _PAREN.sub(" ", text)))
    if not one:
        text = _TAIL.sub("", text)
    elif (m := _BEFORE_OFFICE.match(text)) and is_full_name(m[1]):
        text = m[1]
    out: dict[str, str] = {}
    pieces = (piece for piece in _split_pieces(text, one) if not _LABEL_WORD.fullmatch(piece))
    for piece in map(_bare_name, pieces):
        if piece and (is_name(piece) or (one and ACCOUNT.match(piece))) and not _is_role(piece, follows=bool(out)):
            name = _in_mixed_case(piece)
            out.setdefault(name.casefold(), name)
    return tuple(out.values())[:_MAX_COUNT]


def _is_role(piece: str, follows: bool) -> bool:
    """Returns True if a piece of a byline is a job title or degree. Capitals such as "PHD" are a degree only after a
    name (`follows`).
    """
    return bool(ROLE.match(piece)) and (follows or not _CAPITALS.fullmatch(piece))


def _in_mixed_case(piece: str) -> str:
    """Converts a name that is written in capitals to mixed case: "JANE DOE" to "Jane Doe"."""
    if piece.isupper() and len(piece) > 5 and " " in piece and piece.isascii():
        return " ".join(w.capitalize() if len(w) > 2 else w for w in piece.split())
    return piece


def _bare_name(piece: str) -> str:
    """Returns the name in a piece of a byline, without quotes, a degree, or a job title after a full name."""
    piece = _strip_by(piece).strip(" \t,;:.|/·•⋅–—-*\"“”'’") if piece.strip(" .") else ""
    piece = _SUFFIX.sub("", piece)
    if (m := _ROLE_END.match(piece)) and (is_full_name(m["name"]) or _HANGUL.fullmatch(m["name"])):
        piece = m["name"].rstrip(" ,-–—")
    return piece + "." if re.search(r"\b(?:Jr|Sr)$", piece) else piece


def _strip_by(text: str) -> str:
    for _ in range(2):
        m = BY.match(text)
        if not m or m.end() == len(text) or m.end() == 0:
            break
        text = text[m.end() :]
    return text


def _split_pieces(text: str, one: bool) -> list[str]:
    """Returns the pieces of a byline that may be names."""
    text = re.sub(r",\s*(Jr|Sr|II|III|IV)\b\.?", r" \1", text)
    pieces = [p.strip() for p in AND.split(text) if p and p.strip()]
    if len(pieces) == 1:
        return _chinese_names(text) or pieces
    kept = [p for p in pieces if not ROLE.match(p.strip(" ."))]
    people = all(looks_personal(p) for p in kept)
    if people and (not one or all(len(p.split()) > 1 or _HAN.match(p) for p in kept)):
        return kept
    if one:
        return [kept[0]] if len(kept) == 1 else [text]
    return kept if people else [p for p in re.split(r"\s*[,;、，|/]\s*", text) if p]


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
    return f"{m[2]} {m[1]}" if m and not ROLE.match(m[2]) else clean_text(text)


# Doubtful declared authors: the name of the site or the host, and account names that are not meant for readers.

Names = tuple[str, ...]
DOUBTFUL = 0.3
"""The confidence of a candidate that is kept as evidence but never chosen."""
_DECLARED = ("json-ld", "meta", "microdata", "rdfa")
# Account names that are not meant for readers. Such names contain digits among the letters, or consist of words joined
# by signs.
_RUBBISH_ACCOUNT = re.compile(r"(?=[a-z]*\d)[a-z0-9]{9,}|\d+")
_JOINED_ACCOUNT = re.compile(r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)+")


def downgrade_doubtful_authors(found: list[Candidate[Names]], page: Page, site: set[str]) -> list[Candidate[Names]]:
    """Returns all candidates, with the confidence of doubtful ones lowered to DOUBTFUL. Only declared authors can be
    doubtful.

    `site` are the site's own names, in the form that `fold_text` returns.
    """
    doubts = _Doubts(page, site, found)
    return [
        replace(c, confidence=min(c.confidence, DOUBTFUL)) if c.source in _DECLARED and doubts.is_doubtful(c) else c
        for c in found
    ]


class _Doubts:
    """Decides whether a declared author is doubtful, such as the site's name or a technical account name."""

    def __init__(self, page: Page, site: set[str], found: list[Candidate[Names]]) -> None:
        self.page, self.site = page, site
        self.persons, self.hosts = _declared_persons(page), _host_names(page)
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
        """Returns True if a candidate with only one name comes from a single source on the page, and this source is
        weak.

        A name that only JSON-LD or Dublin Core gives may belong to the person who entered the page into the system. A
        phrase in a meta element may be a job title. WordPress is an exception, because its JSON-LD declares the author
        even if the theme does not show the name.
        """
        is_weak = one.source == "json-ld" or one.locator.startswith("dc") or is_phrase
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


def _host_names(page: Page) -> set[str]:
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
