"""Patterns for the words around an author's name, in many languages."""

from __future__ import annotations

import re

from archiver.extraction.text import CaselessPattern


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
