"""The blocks of an element's text: reads them in reading order, with their lengths, in one walk through its tree, and
recognizes boilerplate by the class, id or role of elements and by phrases in the languages of websites.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, islice

from lxml.etree import _Element as Element

from archiver.extraction.normalization import BREAK, NOT_TEXT, clean_text, has_text
from archiver.markup.text_marks import CELLS
from archiver.model.lazy_regex import lazy_regex

# Classes, ids and roles that mark an element as boilerplate: comments, share buttons, other posts ...

# The names of a list of comments in classes and ids, in the languages of websites. The singular is left out where it is
# also the name of an opinion column.
_COMMENT_NAMES = frozenset(
    {
        "usercomments", "readercomments", "fbcomments", "talkback", "talkbacks",
        "kommentare", "leserkommentare", "lesermeinungen", "leserbeitraege", "commentaires", "comentarios", "commenti",
        "reacties", "kommentarer", "kommentit", "komentarze", "komentare", "komentari", "komentarji", "comentarii",
        "hozzaszolasok", "kommentarii", "otzyvy", "yorumlar", "binhluan", "pinglun", "divforum",
    }
)  # fmt: skip
# The names of a caption in classes and ids, in the languages of websites.
_CAPTION_NAMES = frozenset(
    {
        "imagecaption", "photocaption", "imgcaption", "captiontext", "bildunterschrift", "bildtext", "billedtekst",
        "bildetekst", "kuvateksti", "legende", "legenda", "legendas", "didascalia", "piefoto", "pieimagen",
        "bijschrift", "fotobijschrift", "popisek", "kepalairas", "resimalti", "leadphototext", "phototext", "imgdesc",
        "photodesc",
    }
)  # fmt: skip
# Words and pairs of words that mark boilerplate. Themes write a pair as "author-bio", "AuthorBio" or "author_bio".
_NEVER = frozenset(
    [
        "share",
        "sharing",
        "shares",
        "sharer",
        "sharebar",
        "sharebox",
        "sharethis",
        "sharedaddy",
        "shareaholic",
        "addtoany",
        "addthis",
        "social",
        "socials",
        "socialshare",
        "sociallinks",
        "socialicons",
        "heateor",
        "essb",
        "shariff",
        "wpulike",
        "ulike",
        "likebtn",
        "likebox",
        "nextprev",
        "prevnext",
        "nocomments",
        "related",
        "relatedposts",
        "relatedarticles",
        "relatedcontent",
        "relatedlinks",
        "relatednews",
        "relatedstories",
        "furtherreading",
        "relacionadas",
        "relacionados",
        "correlati",
        "correlate",
        "gerelateerd",
        "relaterade",
        "relaterte",
        "relaterede",
        "powiazane",
        "souvisejici",
        "suvisiace",
        "kapcsolodo",
        "toolbox",
        "toolbar",
        "yarpp",
        "recirc",
        "recirculation",
        "recommended",
        "recommend",
        "recommendation",
        "recommendations",
        "outbrain",
        "taboola",
        "tuijian",
        "mgid",
        "zergnet",
        "nrelate",
        "jp-relatedposts",
        "readmore",
        "seealso",
        "newsletter",
        "newsletters",
        "subscribe",
        "subscription",
        "subscriptions",
        "signup",
        "optin",
        "mailchimp",
        "mailinglist",
        "mc4wp",
        "comments",
        "commentlist",
        "comment",
        "respond",
        "disqus",
        "commenting",
        "livefyre",
        "commentform",
        "replies",
        "breadcrumb",
        "breadcrumbs",
        "sidebar",
        "sidebars",
        "nav",
        "navbar",
        "navbox",
        "navigation",
        "navigate",
        "menu",
        "menus",
        "submenu",
        "pagination",
        "pager",
        "paginator",
        "postnav",
        "advert",
        "adverts",
        "advertisement",
        "advertisements",
        "advertising",
        "adslot",
        "adsense",
        "adsbygoogle",
        "adunit",
        "adbox",
        "adcontainer",
        "sponsor",
        "sponsors",
        "sponsored",
        "promo",
        "promos",
        "promotion",
        "promoted",
        "promotional",
        "cta",
        "ctas",
        "calltoaction",
        "toc",
        "tableofcontents",
        "cookie",
        "cookies",
        "consent",
        "gdpr",
        "onetrust",
        "modal",
        "popup",
        "popups",
        "popover",
        "lightbox",
        "tooltip",
        "tooltips",
        "paywall",
        "regwall",
        "donate",
        "donation",
        "donations",
        "print",
        "printonly",
        "rating",
        "ratings",
        "stars",
        "copyright",
        "colophon",
        "masthead",
        "blogroll",
        "tagcloud",
        "headerlink",
        "anchorlink",
        "permalink",
        "byline",
        "bylines",
        "biography",
        "authorbox",
        "aboutauthor",
        "authorinfo",
        "authorbio",
        "nocontent",
        "login",
        "signin",
        "register",
        "searchform",
        "searchbox",
        "trending",
        "feedback",
        "survey",
        "noprint",
        "offscreen",
        "skiplink",
        "caption",
        "captions",
        *_CAPTION_NAMES,
        "disclaimer",
        "disclaimers",
        "disclosure",
        *_COMMENT_NAMES,
    ]
)
_PAIRS = frozenset(
    [
        "about author",
        "about authors",
        "ad banner",
        "ad block",
        "ad box",
        "ad break",
        "ad container",
        "ad label",
        "ad placeholder",
        "ad slot",
        "ad unit",
        "ad wrapper",
        "ad zone",
        "ads container",
        "also like",
        "also read",
        "article author",
        "article date",
        "article footer",
        "article meta",
        "article tags",
        "article tools",
        "author bio",
        "author block",
        "author box",
        "author card",
        "author content",
        "author description",
        "author details",
        "author info",
        "author meta",
        "author name",
        "author profile",
        "author section",
        "author wrapper",
        "back top",
        "call action",
        "call to",
        "cat links",
        "contact form",
        "copy link",
        "email form",
        "entry author",
        "entry categories",
        "entry date",
        "entry footer",
        "entry info",
        "entry meta",
        "entry tags",
        "follow us",
        "font size",
        "footer widget",
        "form container",
        "further reading",
        "global footer",
        "global header",
        "google ad",
        "grid posts",
        "image credit",
        "image source",
        "inline ad",
        "jump links",
        "jump to",
        "latest news",
        "latest posts",
        "lead form",
        "like box",
        "like button",
        "likes widget",
        "loop item",
        "media credit",
        "meta author",
        "meta data",
        "more articles",
        "more from",
        "more news",
        "more on",
        "more posts",
        "like btn",
        "like count",
        "likes count",
        "more stories",
        "most popular",
        "most read",
        "next post",
        "next prev",
        "next up",
        "of contents",
        "other news",
        "other posts",
        "page footer",
        "photo credit",
        "post author",
        "post card",
        "post cards",
        "post categories",
        "post category",
        "post date",
        "post footer",
        "post grid",
        "post info",
        "post item",
        "post items",
        "post list",
        "post meta",
        "post nav",
        "post navigation",
        "post tags",
        "post teaser",
        "post tools",
        "post views",
        "posted on",
        "posts grid",
        "posts list",
        "prev next",
        "prev post",
        "previous post",
        "product card",
        "publish date",
        "published date",
        "read also",
        "read more",
        "read next",
        "read time",
        "reader text",
        "reading time",
        "recent articles",
        "recent posts",
        "screen reader",
        "search form",
        "similar articles",
        "similar posts",
        "site footer",
        "site header",
        "skip link",
        "social icon",
        "sr only",
        "story tools",
        "table contents",
        "tag cloud",
        "tag links",
        "tag list",
        "tags links",
        "text size",
        "time read",
        "to action",
        "up next",
        "view count",
        "visually hidden",
        "visuallyhidden",
        "widget area",
        "word count",
        "wp ad",
        "you may",
        "you might",
        "baca juga",
        "binh luan",
        "czytaj takze",
        "lea tambien",
        "lees ook",
        "leggi anche",
        "leia mais",
        "leia tambem",
        "lire aussi",
        "xem them",
        "zobacz takze",
    ]
)
# These marks count even if their elements contain most of the text, since comments and other posts may be longer than
# the post.
COMMENT_LISTS = _COMMENT_NAMES | {"comments", "commentlist", "disqus", "replies"}
"""The marks of a list of comments, which may be much longer than the post above it."""
LONG = COMMENT_LISTS | {"comment", "related", "relatedposts", "recommended"}
_PIECES = lazy_regex(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_a-zA-Z]+|\d+")
# A class or id with one of these words describes the layout, not the element: "with-sidebar", "no-comments",
# "sidebar-layout".
_LAYOUT = frozenset(["with", "without", "no", "has", "js", "is", "layout"])
# The names of boxes for pictures in classes, and words that say that such a box has text beside its picture.
_PICTURES = frozenset(
    {
        "image", "img", "photo", "picture", "pic", "figure", "thumbnail", "foto", "fotos", "fotografia", "fotografie",
        "bild", "bilde", "billede", "imagen", "imagem", "immagine", "imatge", "afbeelding", "zdjecie", "obrazek",
        "obrazok", "kuva", "kep", "resim", "gorsel", "gambar", "slika", "poza",
    }
)  # fmt: skip
_NO_PICTURES = frozenset({"text", "body", "content", "with", "has", "no", "without", "and", "list", "grid"})
_FOOTER = lazy_regex(r"(?:^|\s)(?:(?:page|site)?[_-]?footer|colophon|copyright)(?:$|\s)", re.IGNORECASE)


@lru_cache(maxsize=8_192)
def is_footer_name(names: str) -> bool:
    """Returns True if one of the classes and ids in `names` is a name for the footer of a page."""
    return bool(_FOOTER.search(names))


@lru_cache(maxsize=20_000)
def _find_word(names: str) -> str:
    return next((word for name in names.split() if (word := _find_word_in_name(name))), "")


@lru_cache(maxsize=20_000)
def _find_word_in_name(name: str) -> str:
    words: list[str] = [word.lower() for word in _PIECES.findall(name)]
    if not _LAYOUT.isdisjoint(words):
        return ""
    if (low := name.lower()) in _NEVER:
        return low
    before = ""
    for word in words:
        if word in _NEVER:
            return word
        pair = f"{before} {word}"
        if pair in _PAIRS:
            return pair
        before = word
    return ""


@lru_cache(maxsize=8_192)
def is_picture_name(names: str) -> bool:
    """Returns True if the classes `names` contain a name for a box with a picture, such as "article-image"."""
    return any(
        not _PICTURES.isdisjoint(words := {word.lower() for word in _PIECES.findall(name)})
        and _NO_PICTURES.isdisjoint(words)
        for name in names.split()
    )


def boilerplate_word(el: Element) -> str:
    """Returns the word in an element's class or id that marks it as boilerplate, such as "comments"; "" if no word
    does.
    """
    names = el.get("class") or ""
    ident = el.get("id")
    if ident:
        names = f"{names} {ident}"
    return _find_word(names) if names else ""


def _compile_any(*parts: str) -> re.Pattern[str]:
    """Returns a pattern that matches a whole text, apart from punctuation around it, if one of the regular expressions
    `parts` matches.

    The text must be given as `_lower` returns it: the pattern is case-sensitive, because only then does the regex
    engine skip alternatives by their first letter.
    """
    return lazy_regex(r"^[\W_]*(?:" + "|".join(parts).replace("ı", "i") + r")[\W_]*$", re.DOTALL)


def _lower(text: str) -> str:
    """Returns a text in lower case, in which the Turkish dotless and dotted i have become a plain i."""
    low = text.lower()
    return low if low.isascii() else low.replace("i̇", "i").replace("ı", "i")


# A block is not text of the post if its whole text matches one of these.
_LINE = _compile_any(
    r"this page (?:contains|has) geo-?tags?",
    r"advert(?:isement|ising|s)?(?: ?[-–—] .{0,40})?|sponsored(?: content| links?)?|ads? by .{0,30}|anzeige|"
    r"werbung|publicité|"
    r"publicidad(?:e)?|pubblicità|реклама|quảng cáo|广告|廣告|広告|스폰서|광고|إعلان|פרסומת|reklam",
    r"(?:article|story) continues (?:below|after) .{0,40}|continue reading(?: below)?.{0,30}|"
    r"scroll (?:down )?to continue.{0,40}",
    r"(?:click (?:here )?to )?(?:share|tweet|e-?mail|pin)(?: (?:this|on|via|with|to|it|now).{0,50})?|share .{0,20}|"
    r"like this|"
    r"like loading\.*|print(?: (?:this )?(?:page|article|recipe))?|pin (?:it|this).{0,40}|whatsapp|facebook|"
    r"twitter|linkedin|"
    r"pinterest|reddit|telegram|copy(?: link)?|link copied.{0,20}|save|bookmark|follow(?: us)?(?: on .{0,60})?|"
    r"compartir|partager|teilen|condividi|paylaş|chia sẻ|поделиться|分享到?|シェア(?:する)?|공유하기|شارك|שתפו?",
    r"(?:comparte|compartí|compartir|compartilhe|compartilhar|partilhar?|partager?|partagez|teilen?|condividi|deel|dela|"
    r"jaa|udostępnij|sdílet|zdieľať|megosztás|distribuie|podijeli|podeli|сподели|поделиться|поделитесь|поширити|"
    r"κοινοποίηση|paylaş|bagikan|chia sẻ|شارك|साझा करें|শেয়ার করুন|แชร์)(?: .{0,30})? "
    r"(?:facebook|twitter|x|whatsapp|telegram|linkedin|messenger|e-?mail|pinterest)",
    r"分享(?:到|至|给|給).{0,12}|(?:使?用|打开|打開)?微信(?:扫|掃).{0,8}(?:二维码|二維碼)?|(?:扫描|掃描|扫|掃)(?:一扫|一掃)?二[维維][码碼].{0,12}",
    r"(?:jump|skip) to .{0,40}|back to (?:the )?top|(?:top|open|close|menu|search|previous|next|prev|back|expand|"
    r"collapse|"
    r"show (?:more|less)|see (?:more|all)|view (?:more|all)|load more|read more|learn more|more|loading\.*|play|"
    r"watch now)",
    r"(?:read|see|view|learn|find out|discover|check out) (?:the )?(?:more|full (?:story|article|post|bio|profile|"
    r"answer))",
    r"(?:table of contents|contents|in this (?:article|post|story|guide|section)|on this page|jump to section)",
    r"(?:get started|sign ?up|log ?in|sign in|register|subscribe|buy now|shop now|download(?: now)?|contact us|"
    r"book (?:a )?"
    r"(?:demo|call|now)|(?:request|get|schedule|book) a (?:free )?(?:demo|quote|trial|consultation)|"
    r"start (?:your )?(?:a )?free trial|"
    r"try (?:it )?(?:for )?free|join now|apply now|learn more here)",
    r"\d{1,3}\s*(?:-|–)?\s*(?:min(?:ute)?s?)\.?(?: (?:of )?read(?:ing)?(?: time)?)?|(?:estimated )?(?:reading|"
    r"read) time:? .{0,20}|"
    r"\d{1,3} (?:min|хв|мин)(?:\.|ut\w*)? .{0,14}|阅读.{0,10}分钟|\d+ ?分で読めます",
    r"(?:published|posted|updated|last updated|last modified|last reviewed|date)(?: on)?:?",
    r"(?:last |originally )?(?:updated|modified|reviewed|published)(?: on| at)?:? [^.]{0,40}\d{4}[^.]{0,20}",
    r"(?:photo(?:graph)?s?|image|picture|photo credits?|image credits?|credits?|image source|courtesy|foto|"
    r"bild|crédit photo|"
    r"фото|图片?来源|照片|写真)\s*(?:/|:|by|of|©|：) ?.{1,80}",
    r"(?:listen|watch|play) (?:to )?(?:this )?(?:article|story|audio|video|now)",
    r"(?:please )?enable javascript.{0,80}|javascript (?:is|must be) .{0,80}",
)
_MAX_LINE_LENGTH = 160
"""The patterns above are tried only on texts with at most this many characters, since longer texts never match them."""
# The texts of buttons with a count: "Like 12".
_LIKES = (
    r"(?:likes?|i like (?:it|this)|gefällt mir|j['’]aime|me gusta|mi piace|curtir|gosto|vind ik leuk|lubię to|нравится|"
    r"beğen|thích|赞|點讚|いいね!?|좋아요|أعجبني) ?[(:]? ?\d[\d.,]*k?\+?\)?"
)
# What newspapers write below the beginning of a text that only subscribers may read, by language.
_ONLY_FOR_SUBSCRIBERS = {
    "en": r"(?:already a subscriber\?.{0,40}|(?:subscribe|sign in|log in) to (?:continue|keep) reading.{0,60}|"
    r"(?:this|the) (?:article|story) is (?:exclusively |only )?(?:for|available to) subscribers.{0,40})",
    "de": r"(?:jetzt )?(?:weiterlesen|testen) mit .{0,60}|(?:dieser|der) (?:artikel|text) ist (?:nur |exklusiv )?für "
    r"abonnenten.{0,60}|sie haben bereits ein abo.{0,40}",
    "fr": r"(?:il vous reste .{1,30} à lire\. ?)?(?:la suite|cet article) est réservée? (?:aux|à nos) abonnés\.?|"
    r"déjà abonné ?\?.{0,40}",
    "es": r"(?:este|el) (?:artículo|contenido) es (?:exclusivo|solo) para suscriptores.{0,40}|"
    r"(?:suscríbete|suscríbase) para seguir leyendo.{0,40}",
    "pt": r"(?:este|o) conteúdo é exclusivo para assinantes.{0,40}|assine para continuar (?:a ler|lendo).{0,40}",
    "it": r"(?:questo|l['’]) ?(?:articolo|contenuto) è riservato agli abbonati.{0,40}|"
    r"abbonati per continuare a leggere.{0,40}",
    "nl": r"(?:dit artikel is )?(?:exclusief|alleen) voor abonnees.{0,40}|lees verder met .{0,40}",
    "pl": r"(?:dalsza część|ten) artykuł\w* .{0,30}(?:tylko )?dla (?:subskrybentów|prenumeratorów).{0,40}",
    "sv": r"(?:den här )?artikeln är (?:bara )?för prenumeranter.{0,40}",
    "ru": r"(?:продолжение|статья) доступн[аоы] (?:только )?(?:по подписке|подписчикам).{0,40}",
    "ja": r"(?:この記事|続き)は(?:会員|有料会員)(?:限定|登録).{0,30}|残り?:?\s?\d+文字.{0,40}",
}
# What themes write above a comment form, or in place of comments if a post has none or few, in the languages of
# websites.
_NO_COMMENTS = {
    "en": r"(?:\d+ )?comments?(?: »| \(\d+\))?|there are (?:currently )?no comments|new comment|"
    r"(?:\d+|no) (?:comments?|replies|responses?|thoughts)(?: so far| yet| »)?"
    r"(?: (?:on|to) .{1,120})?|(?:leave|add|post|write) an? (?:comment|reply|response)(?: to .{1,60})?|"
    r"comments? (?:are |is )?(?:closed|off|disabled)(?: on .{1,120})?|be the first to (?:comment|reply)|"
    r"you must be logged in to .{1,40}",
    "de": r"(?:noch |bisher )?keine? kommentare?(?: vorhanden)?|\d+ kommentare?|(?:einen? )?kommentar (?:schreiben|"
    r"hinterlassen|abgeben|verfassen)|schreibe? einen kommentar|hinterlasse? eine antwort|kommentare? geschlossen|"
    r"kommentare sind (?:deaktiviert|geschlossen)",
    "fr": r"(?:aucun|pas de|pas encore de|\d+) commentaires?(?: pour le moment)?|laisser un commentaire|"
    r"(?:poster|ajouter|écrire) un commentaire|(?:les )?commentaires (?:sont )?fermés|soyez le premier à commenter",
    "es": r"(?:sin|no hay|ningún|\d+) comentarios?(?: aún| todavía)?|deja(?:r)? un comentario|deja(?:r)? una respuesta|"
    r"publicar un comentario|comentarios cerrados",
    "pt": r"(?:sem|nenhum|não há|\d+) comentários?(?: ainda)?|deixe? um comentário|deixar um comentário|"
    r"deixe uma resposta|postar um comentário|comentários (?:encerrados|fechados)",
    "it": r"(?:nessun|ancora nessun|\d+) comment[oi]|lascia un commento|scrivi un commento|posta un commento|"
    r"commenti (?:chiusi|disabilitati)",
    "nl": r"(?:geen|nog geen|\d+) reacties?|(?:een )?reactie (?:plaatsen|achterlaten)|geef een reactie|"
    r"laat een (?:reactie|antwoord) achter",
    "pl": r"(?:brak|\d+) komentarzy|dodaj komentarz|zostaw komentarz|skomentuj",
    "ru": r"(?:нет|пока нет|\d+) комментари(?:ев|й|я)|комментариев (?:пока )?нет|(?:добавить|оставить|написать) "
    r"комментарий|комментарии (?:закрыты|отключены)|ваш комментарий",
    "tr": r"(?:henüz )?yorum (?:yok|yapılmamış)|\d+ yorum|yorum (?:yap|yaz|bırak)(?:ın)?|bir yanıt yazın",
    "sv": r"(?:inga|\d+) kommentarer(?: än)?|lämna (?:en kommentar|ett svar)|skriv en kommentar",
    "vi": r"(?:không có|chưa có|\d+) (?:bình luận|phản hồi)|(?:viết|gửi|để lại) (?:một )?(?:bình luận|phản hồi)",
    "zh": r"(?:暂无|沒有|没有|尚无|尚無|\d+ ?[条則则]?) ?(?:评论|評論|留言|回复|迴響)|"
    r"(?:发表|發表|添加|留下)(?:评论|評論|回复|留言)",
    "ja": r"コメント(?:は|が)?(?:まだ)?(?:ありません|なし)|コメント(?:を書く|を残す|する|はこちら)|"
    r"コメント ?[（(]?\d+[)）]?件?",
    "ko": r"댓글(?:이)? ?(?:없(?:음|습니다)|\d+개?)|댓글 (?:쓰기|남기기|달기)",
    "ar": r"لا (?:توجد|يوجد) تعليقات|(?:اترك|أضف) (?:تعليقا?ً?|ردا?ً?)",
    "he": r"אין תגובות|(?:הוסף|השאר|כתוב) תגובה",
}
_COMMENTS = lazy_regex(
    "|".join(
        (
            r"comments?|discussion|kommentare?|commentaires?|comentarios|comentários|commenti|reacties|komentarze|"
            r"komentáře|hozzászólások|kommentarer|kommentit|comentarii|yorumlar|komentar|bình luận|комментарии|"
            r"коментарі?|коментари|σχόλια|(?:ال)?تعليقات|תגובות|نظرات|评论|評論|留言|コメント|댓글",
            *_NO_COMMENTS.values(),
        )
    ),
    re.IGNORECASE,
)


def opens_comments(text: str) -> bool:
    """Returns True if a heading introduces the comments on a post, or the form for them."""
    return len(text) <= _MAX_LINE_LENGTH and _COMMENTS.fullmatch(text.strip(" :：()»")) is not None


_LONG_LINE = _compile_any(
    r"(?:[©ⓒ]|\(c\)|copyright).{0,160}|(?:\w{1,10} )?(?:19|20)\d\d ?[©ⓒ].{0,120}|"
    r"all rights reserved.{0,40}|무단 ?전재.{0,60}|"
    r".{0,40}禁止(?:无断|無断)?(?:转载|轉載|転載).{0,20}|[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    r"filed under.{0,200}|tagged (?:with|as|in)?:? .{0,200}|posted (?:in|on|by) .{0,200}|this entry was posted .*|"
    r"bookmark the permalink|" + "|".join((_LIKES, *_NO_COMMENTS.values(), *_ONLY_FOR_SUBSCRIBERS.values())) + "|"
    r"(?:tags?|topics?|categor(?:y|ies)|keywords?|etiquetas|mots-clés|schlagwörter|schlagworte|теги|метки|标签|"
    r"標籤|タグ|từ khóa|"
    r"tag correlati|etiketler|תגיות|الوسوم)\s*[:：].{0,300}",
    r"(?:please )?(?:sign up|subscribe|register|join).{0,80}(?:newsletter|mailing list|e-?mail|inbox|updates).{0,120}",
    r"thank(?:s| you) for (?:subscribing|signing up|completing|your submission).{0,120}|"
    r"your submission has been received.{0,40}|"
    r"(?:something|oops).{0,20} went wrong.{0,80}|(?:enter|your) e-?mail(?: address)?|"
    r"(?:we|by (?:sub|sign)).{0,60}(?:privacy policy|unsubscribe).{0,120}",
    r"follow (?:us|me|him|her|them|@?\w+(?: \w+)?) (?:on|at) .{0,100}",
)

# Patterns for phrases with the decisive words in the middle. _WITHIN_WORDS are searched first, because that is cheap.
_WITHIN = _compile_any(
    r".{0,60}(?:getty images|shutterstock|istock|unsplash|alamy)",
    r".{0,60}\bthis (?:post|article|page|blog|site|website|story) (?:may |might )?contains? .{0,40}(?:affiliate|"
    r"sponsored).{0,400}",
    r".{0,160}\b(?:affiliate (?:links?|commission|disclosure)|(?:may )?earn (?:a|an)?\s?(?:small |"
    r"affiliate )?commissions?).{0,260}",
    r".{0,20}your browser does not support .{0,80}",
    r".{0,80}\bis (?:a |an )?(?:\w+-)*reader-supported (?:publication|newsletter).{0,300}",
    r"thank(?:s| you) for reading.{0,60}subscribe .{0,20}(?:for free|to receive).{0,200}",
)
_WITHIN_WORDS = (
    "getty images", "shutterstock", "istock", "unsplash", "alamy", "affiliate", "sponsored", "commission",
    "your browser", "reader-supported", "subscribe",
)  # fmt: skip

# Words before the title of another post ("Read also: ..."), by language.
_ALSO_WORDS = {
    "en": r"(?:also|further) (?:read|see|check)|read (?:also|more|next|this)|see also|related(?: (?:article|"
    r"story|post|reading|content|video|link|coverage)s?)?|more(?: (?:on this|from|reading|stories))|"
    r"recommended(?: (?:reading|article|for you))?|you (?:may|might) (?:also )?(?:like|enjoy)|don'?t miss|check out|"
    r"watch|must[- ]read|keep reading",
    "de": r"lesen sie (?:auch|hier|dazu)|lies auch|mehr zum thema|mehr dazu|auch interessant|siehe auch",
    "fr": r"lire aussi|à lire(?: aussi)?|lire également|voir aussi|sur le même (?:sujet|thème)",
    "es": r"(?:más|mas) (?:información|noticias)|"
    r"(?:lee|lea|leer|ver|vea) también|también (?:lee|lea)|(?:te|le) puede interesar|leer más|"
    r"noticia relacionada",
    "ca": r"llegeix també|llegiu també",
    "pt": r"(?:leia|veja|lê|vê) (?:também|mais)|saiba mais",
    "it": r"leggi (?:anche|pure)|vedi anche|per approfondire",
    "nl": r"lees (?:ook|verder|meer)|zie ook",
    "sv": r"läs (?:också|även|mer)|se också",
    "da": r"læs (?:også|mere)|se også",
    "no": r"les (?:også|mer)",
    "fi": r"lue (?:myös|lisää)|katso myös",
    "pl": r"(?:czytaj|zobacz|przeczytaj|sprawdź) (?:też|także|również|więcej)",
    "cs": r"(?:čtěte|přečtěte si|čtěte si) (?:také|též|i|více)|mohlo by vás zajímat",
    "sk": r"(?:čítajte|prečítajte si) (?:aj|tiež|viac)|mohlo by vás zaujímať",
    "hu": r"ajánljuk(?: még| figyelmébe| még)?|olvas(?:sa|d) el ezt is|ez is érdekelhet(?:i|né)?|kapcsolódó",
    "ro": r"cit(?:ește|iți|eşte) și|cit(?:ește|eşte) (?:și|şi|mai mult)|vezi (?:și|şi)",
    "hr": r"pročitaj(?:te)? (?:i|još|više)|čitajte još|vidi i",
    "sr": r"прочитајте (?:и|још)|погледајте",
    "bg": r"(?:прочетете|вижте|четете) (?:още|също|и)",
    "ru": r"(?:читайте|читать|смотрите) также|по теме|материалы по теме",
    "uk": r"читайте (?:також|ще)|дивіться також|читати також",
    "el": r"δια(?:βάστε|βαστε) (?:επίσης|ακόμ[αη]|περισσότερα|και)|δείτε (?:επίσης|ακόμ[αη]|και)",
    "tr": r"ayrıca (?:oku|bak).{0,8}|(?:ilgili|benzer) haber(?:ler)?",
    "id": r"(?:baca|simak|lihat|tonton) juga|baca selengkapnya",
    "vi": r"(?:xem|đọc) (?:thêm|tiếp)|tin liên quan",
    "zh": r"延伸阅读|相关(?:阅读|新闻|链接|报道)|推荐阅读|延伸閱讀|相關(?:閱讀|新聞)|更多(?:新闻|新聞)",
    "ja": r"(?:あわせて|合わせて)読みたい|【?関連(?:記事|リンク|ニュース)】?",
    "ko": r"관련 ?(?:기사|뉴스|글)|함께 ?(?:보기|읽기)|많이 본 (?:뉴스|기사)",
    "ar": r"[إا]قرأ (?:أيض|ايض)ا?ً?ا?|[إا]قرأ المزيد|شاهد (?:أيض|ايض)ا?ً?ا?|مواضيع ذات صلة",
    "fa": r"(?:بیشتر|همچنین) بخوانید|مطالب مرتبط",
    "ur": r"یہ بھی پڑھیں|مزید پڑھیں",
    "he": r"קרא(?:ו)? (?:גם|עוד)|עוד בנושא",
    "hi": r"(?:यह|ये|इसे) भी (?:पढ़ें|पढ़ें|पढ़े|देखें)",
    "bn": r"(?:আরও|আরো) পড়ুন",
    "ta": r"(?:மேலும்|இதையும்) (?:படிக்க|படியுங்கள்)",
    "te": r"(?:ఇవి|ఇది) కూడా చదవండి",
    "mr": r"(?:हेही|हे ही|हे सुद्धा) वाचा",
    "th": r"อ่าน(?:เพิ่มเติม|ต่อ|ข่าวอื่น)|ข่าวที่เกี่ยวข้อง",
}
# Labels of lists of other posts ("Related posts"), by language.
_RELATED_WORDS = {
    "en": r"(?:related|similar|recommended|recent|popular|latest|more|other) (?:posts?|articles?|stor(?:y|ies)|"
    r"reading)|related (?:news|content|links|topics)|you (?:may|might)(?: also)? (?:like|enjoy|be interested in)|"
    r"most (?:read|popular|viewed)|(?:up|read|what to read) next|editor['’]?s['’]? picks?",
    "de": r"(?:ähnliche|verwandte|weitere|passende|neueste|aktuelle) (?:beiträge|artikel|themen)|"
    r"das könnte (?:sie|dich|euch) auch interessieren|(?:am )?meist ?gelesen|mehr zu diesem thema",
    "fr": r"(?:articles?|sujets|contenus) (?:similaires|liés|connexes|récents|recommandés)|"
    r"(?:vous aimerez|à lire|cela (?:peut|pourrait) (?:aussi )?vous intéresser)(?: aussi| également)?|les plus lus|"
    r"dans la même (?:rubrique|catégorie)",
    "es": r"(?:artículos|entradas|noticias|notas|contenidos?|posts?) (?:relacionad[oa]s?|similares|recientes|"
    r"recomendad[oa]s)|también te puede (?:interesar|gustar)|lo más (?:leído|visto)|te recomendamos|"
    r"(?:seguí|sigue|siga|seguir|continúa|continuar) leyendo",
    "ca": r"(?:articles|notícies|entrades) (?:relacionats|relacionades|similars)|també et pot interessar|el més llegit",
    "pt": r"(?:posts?|artigos|notícias|matérias|conteúdos?) (?:relacionad[oa]s?|semelhantes|recentes|recomendad[oa]s)|"
    r"(?:você )?(?:também )?pode (?:gostar|interessar)(?: também)?|(?:as )?mais lid[oa]s|ver também|ler também",
    "it": r"(?:articoli|post|notizie|contenuti) (?:correlat[ie]|simili|recenti|consigliat[ie])|"
    r"potrebbe(?:ro)? (?:anche )?interessarti(?: anche)?|(?:i )?più letti|leggi altro",
    "nl": r"(?:gerelateerde|vergelijkbare|andere|recente) (?:berichten|artikelen)|meest gelezen|ook interessant",
    "sv": r"(?:relaterade|liknande|fler) (?:artiklar|inlägg|nyheter)|mest läst[a]?",
    "da": r"(?:relaterede|lignende|flere) (?:artikler|indlæg|nyheder)|mest læste",
    "no": r"(?:relaterte|lignende|flere) (?:artikler|innlegg|nyheter|saker)|mest lest(?:e)?",
    "fi": r"(?:aiheeseen liittyvää|lisää aiheesta|luetuimmat|samankaltaisia artikkeleita)",
    "pl": r"(?:powiązane|podobne|polecane|inne) (?:artykuły|wpisy|posty)|może cię zainteresować|najczęściej czytane",
    "cs": r"(?:související|podobné|další) (?:články|příspěvky)|nejčtenější",
    "sk": r"(?:súvisiace|podobné|ďalšie) (?:články|príspevky)|najčítanejšie",
    "hu": r"kapcsolódó (?:cikkek|bejegyzések|anyagok)|hasonló (?:cikkek|bejegyzések)|legolvasottabb",
    "ro": r"(?:articole|știri|postări) (?:similare|asemănătoare|recomandate)|cele mai citite",
    "hr": r"(?:povezani|slični) (?:članci|postovi)|povezane vijesti|najčitanije",
    "sr": r"(?:повезане|сличне) (?:вести|текстови|објаве)|slični članci|povezane vesti|најчитаније",
    "bg": r"(?:свързани|подобни) (?:статии|публикации|новини)|най-четени",
    "ru": r"похожие (?:записи|статьи|материалы|новости|посты|публикации)|другие (?:новости|статьи|материалы)|"
    r"(?:вам )?может быть интересно|рекомендуем(?: почитать| прочитать)?|самое читаемое",
    "uk": r"(?:схожі|пов['’]язані|інші) (?:записи|статті|матеріали|новини|публікації)|найпопулярніше",
    "el": r"(?:σχετικά|παρόμοια) (?:άρθρα|νέα|θέματα)|σχετικές (?:αναρτήσεις|ειδήσεις)|δημοφιλή",
    "tr": r"(?:benzer|ilgili|diğer) (?:yazılar|haberler|içerikler)|bunlar da ilginizi çekebilir|çok okunanlar",
    "id": r"(?:artikel|berita|posting(?:an)?) (?:terkait|lainnya|serupa|terbaru)|terpopuler",
    "vi": r"bài viết (?:liên quan|cùng chủ đề|khác|mới)|tin (?:cùng chuyên mục|khác|mới)|có thể bạn quan tâm",
    "zh": r"(?:相关|相關|推荐|推薦|热门|熱門|最新|更多)(?:文章|阅读|閱讀|推荐|推薦|新闻|新聞|资讯|報導|报道)|"
    r"(?:为你|为您|為你|為您|编辑|編輯|小编|精彩|今日|热点|熱點)推[荐薦]|推[荐薦](?:给你|给您|給你|給您)?|猜你喜欢|猜你喜歡|"
    r"大家都在看|(?:图片|圖片|精彩)故事|(?:新闻|新聞|热门|熱門|点击|點擊)排行(?:榜)?",
    "ja": r"(?:おすすめ|人気|新着|最新|最近|関連)の?(?:記事|投稿|ニュース)|こちらも(?:おすすめ|お読みください)",
    "ko": r"(?:관련|추천|인기|최신|다른) ?(?:글|기사|뉴스)",
    "ar": r"(?:مقالات|مواضيع|أخبار) (?:ذات صلة|مشابهة|أخرى)|قد يعجبك(?: أيضا)?|الأكثر قراءة",
    "fa": r"(?:مطالب|اخبار|خبرهای|نوشته‌های) (?:مرتبط|مشابه)|پربازدیدترین(?:‌ها)?",
    "ur": r"متعلقہ (?:خبریں|مضامین)",
    "he": r"(?:כתבות|פוסטים|מאמרים) (?:נוספות|נוספים|קשורים|קשורות|דומים)|אולי יעניין אותך|הנקראות ביותר",
    "hi": r"(?:संबंधित|सम्बंधित) (?:खबरें|ख़बरें|लेख|समाचार)|और पढ़ें",
    "bn": r"(?:সম্পর্কিত|আরও) (?:খবর|সংবাদ|পোস্ট)",
    "ta": r"தொடர்புடைய (?:செய்திகள்|பதிவுகள்)",
    "te": r"సంబంధిత (?:వార్తలు|కథనాలు)",
    "mr": r"संबंधित (?:बातम्या|लेख)",
    "th": r"(?:บทความ|ข่าว|เรื่อง)ที่เกี่ยวข้อง",
    "lo": r"(?:ບົດຄວາມ|ຂ່າວ|ເລື່ອງ) ?ທີ່ກ່ຽວຂ້ອງ|ຂ່າວອື່ນໆ?|ອ່ານຫຼາຍທີ່ສຸດ|ຂ່າວຍອດນິຍົມ",
}  # fmt: skip
_ANY_ALSO = "|".join(_ALSO_WORDS.values()).replace("ı", "i")
# For texts in lower case (`_lower`), as the patterns above.
_ALSO = lazy_regex(rf"^[\W_]*(?:{_ANY_ALSO})\s*(?:[:：»>→|]|[-–—] )")
# Matches the whole heading above a list of links to other posts.
_ALSO_HEADING = lazy_regex(rf"^[\W_]*(?:{_ANY_ALSO})[\W_]*$")
# Matches those that are not in _ALSO_HEADING, and the Turkish ones there, whose "." here matches a line break, too.
_RELATED_HEADING = _compile_any(*_RELATED_WORDS.values(), _ALSO_WORDS["tr"])

# Matches a heading that introduces other posts, the author or the comments. The post ends before it.
_END = _compile_any(
    r"(?:you (?:may|might|ll|will|would)(?: also)? (?:like|love|enjoy|be interested).{0,40})",
    r"(?:related|similar|recommended|further|recent|popular|latest|trending|featured|more|other|explore|keep) "
    r"(?:posts?|articles?|stor(?:y|ies)|reading|news|content|resources?|insights?|topics?|blogs?|links?|pages?|"
    r"products?|videos?|"
    r"coverage|guides?|recipes?|publications?|exploring|from (?:the )?(?:blog|author|us|our blog|.{1,30})|"
    r"like this|to explore[r]?|on this topic|"
    r"in .{1,30}|by .{1,30}|stories from .{1,30}|you (?:may|might) like.{0,20})",
    r"related|recommended(?: for you)?|see also|read (?:next|also)|up next|what to read next|next (?:up|"
    r"article|post|story)|"
    r"most (?:read|popular|viewed)|trending(?: now)?|keep reading|continue reading|more (?:stories|news|posts)|"
    r"show me more|"
    r"discover more.{0,30}|explore more.{0,30}|you are here|latest(?: news| posts)?|"
    r"editor'?s? picks?",
    r"(?:about|meet|written by|reviewed by)(?: the)? (?:author|writer|reviewer|contributor|expert)s?.{0,40}|"
    r"author(?:s| bio| information)?|"
    r"written by|our (?:authors?|experts?)|contributors?",
    r"(?:leave|post|write|add|submit) (?:a|your) (?:comment|reply|response|review)s?.{0,30}|(?:\d+ )?(?:comments?|"
    r"responses|replies|thoughts? on)"
    r"(?: .{0,80}| ?\(\d+\))?|join the (?:conversation|discussion).{0,20}|discussion|reader interactions|"
    r"what do you think.{0,10}",
    r"share (?:this|on|via|with)\b.{0,40}|spread the .{0,20}|share your .{0,20}|follow us.{0,30}|stay (?:connected|"
    r"in touch|up to date|"
    r"informed|updated|ahead).{0,60}|"
    r"(?:subscribe|sign up)(?: (?:to|for|now|today|here).{0,60})?|(?:our |free |get (?:the|our) )?(?:weekly |"
    r"daily )?newsletters?.{0,40}|"
    r"get (?:the latest|updates|in touch|email).{0,60}|join (?:our|the|us|over).{0,60}|contact (?:us|"
    r"information)|"
    r"request a (?:demo|quote).{0,40}|tags?|topics?|categor(?:y|ies)|filed under|share|print|feedback|"
    r"was this (?:page|article|content|post|information)? ?(?:helpful|useful).{0,40}|rate this.{0,30}|media contacts?",
    r"artículos relacionados|entradas relacionadas|noticias relacionadas|también te puede (?:interesar|gustar)|"
    r"sobre (?:el autor|la autora)|"
    r"deja (?:un comentario|una respuesta).{0,10}|comentarios|posts? relacionados|artigos relacionados|leia também|"
    r"veja também|sobre o autor",
    r"(?:articles?|sujets) (?:similaires|liés|connexes)|à lire (?:aussi|également)|sur le même (?:sujet|thème)|"
    r"à propos de l['’]auteur|"
    r"laisser un commentaire|commentaires?|articoli (?:correlati|simili)|leggi anche|"
    r"potrebbe(?:ro)? interessarti.{0,20}|lascia un commento|"
    r"commenti|l['’]autore|gerelateerde (?:berichten|artikelen)|lees ook|reacties|powiązane (?:artykuły|wpisy)|"
    r"komentarze|dodaj komentarz",
    r"ähnliche (?:beiträge|artikel|themen)|das könnte (?:sie|dich|euch) auch.{0,20}|weitere (?:beiträge|artikel|"
    r"themen|nachrichten)|mehr zum thema|"
    r"über (?:den autor|die autorin)|schreibe? einen kommentar|kommentare?|kommentar verfassen|"
    r"verwandte (?:beiträge|artikel)|mehr (?:von|aus) .{1,40}",
    r"bài viết (?:liên quan|cùng chủ đề|khác|mới)|tin (?:liên quan|cùng chuyên mục|khác|mới)|xem thêm|"
    r"có thể bạn quan tâm|bình luận|"
    r"(?:viết|để lại|gửi) bình luận|về tác giả|ý kiến.{0,12}",
    r"похожие.{0,20}|читайте также|смотрите также|рекомендуем.{0,12}|комментарии(?: .{0,12})?|(?:добавить|"
    r"оставить) комментарий|об авторе|"
    r"материалы по теме|другие (?:новости|статьи)|схожі.{0,20}|коментарі|по теме",
    r"(?:相关|相關|推荐|推薦|热门|熱門|最新|更多)(?:文章|阅读|閱讀|推荐|推薦|新闻|新聞|资讯|内容|報導|报道)|"
    r"延伸阅读|延伸閱讀|猜你喜欢|上一篇.{0,60}|下一篇.{0,60}|"
    r"(?:发表|發表|添加|最新|全部)?(?:评论|評論|留言|回复|回覆)(?:[（(]\d+[)）])?|关于作者|作者简介|版权声明.{0,80}",
    r"関連(?:記事|リンク|キーワード|投稿)|あわせて読みたい|(?:おすすめ|人気|新着|最新|最近)の?(?:記事|投稿)|"
    r"コメント(?:する|を残す|を書く)?|この記事を(?:書いた人|シェア).{0,10}|"
    r"この記事の(?:著者|執筆者)|前の記事|次の記事|トラックバック|관련 ?(?:글|기사|뉴스)|댓글.{0,10}|다른 글|"
    r"인기 ?기사|최신 ?기사",
    r"مقالات (?:ذات صلة|مشابهة|أخرى)|مواضيع ذات صلة|اقرأ أيضا.?|قد يعجبك.{0,12}|التعليقات|تعليقات|"
    r"اترك (?:تعليقا?ً?|ردا?ً?)|عن الكاتب|المزيد من .{0,30}|"
    r"(?:כתבות|פוסטים|מאמרים) (?:נוספות|נוספים|קשורים|קשורות|דומים)|קראו? עוד|אולי (?:יעניין|תאהבו).{0,20}|תגובות|"
    r"(?:כתיבת|הוספת|השאר[ת]?) תגובה|על (?:המחבר|הכותב).{0,4}",
    r"benzer (?:yazılar|haberler|içerikler)|ilgili (?:yazılar|haberler|içerikler)|bunlar da ilginizi çekebilir|"
    r"yorumlar|yorum (?:yap|yaz|bırak).{0,12}|"
    r"yazar hakkında|bir (?:yanıt|cevap) (?:yazın|bırakın).{0,10}|diğer (?:yazılar|haberler)",
    r"schlagw(?:orte?|örter)|stichw(?:orte?|örter)|themen|mots[- ]clés|étiquettes|etiquetas|temas|palabras clave|"
    r"palavras-chave|assuntos|argomenti|parole chiave|trefwoorden|onderwerpen|taggar|ämnen|emner|emneord|avainsanat|"
    r"tagi|tematy|słowa kluczowe|štítky|témata|címkék|kulcsszavak|etichete|cuvinte cheie|oznake|теги|темы|метки|"
    r"ключевые слова|ключові слова|етикети|ετικέτες|etiketler|konular|kata kunci|topik|từ khóa|"
    r"(?:文章)?(?:关键词|關鍵[詞字]|标签|標籤)|タグ|キーワード|태그|키워드|الوسوم|"
    r"الكلمات (?:المفتاحية|الدلالية)|كلمات دلالية|برچسب.?ها|תגיות|टैग्स?|ট্যাগ|แท็ก|ป้ายกำกับ",
)


def is_notice(text: str) -> bool:
    """Returns True if the text of a block is boilerplate as a whole: a label, a credit, an invitation or a
    disclosure.
    """
    if len(text) >= 420:
        return False
    low = _lower(text.replace("\n", " "))
    if _LONG_LINE.match(low) or (len(low) <= _MAX_LINE_LENGTH and _LINE.match(low)):
        return True
    for word in _WITHIN_WORDS:
        if word in low:
            return _WITHIN.match(low) is not None
    return False


# Matches the words in a link to the next or the previous post, before or after that post's title.
_NEIGHBOUR = lazy_regex(
    r"^[\s←→«»‹›<>⟵⟶◀▶⬅➡|:-]*(?:next|previous|prev|older|newer|nächster?|vorheriger?|weiter|zurück|suivante?|"
    r"précédente?|siguiente|anterior|próxim[oa]|successivo|precedente|volgende|vorige|następny|poprzedni|nästa|"
    r"föregående|sonraki|önceki|следующ(?:ая|ий)|предыдущ(?:ая|ий)|bài (?:sau|trước)|下一[篇页頁]|上一[篇页頁]|"
    r"次の(?:記事|投稿)|前の(?:記事|投稿)|다음 ?글|이전 ?글|التالي|السابق|הבא|הקודם|"
    r"forrige|neste|næste|seuraava|edellinen|předchozí|následující|další|előző|következő|următor(?:ul)?|precedent(?:ul)?|"
    r"наступн(?:а|ий)|попередн(?:я|ій)|επόμεν[οη]|προηγούμεν[οη]|selanjutnya|sebelumnya|अगला|पिछला|بعدی|قبلی|ถัดไป|ก่อนหน้า)"
    r"(?: (?:post|article|entry|story|beitrag|artikel|article|entrada|artículo|post|articolo|wpis|запись|yazı|"
    r"новость|статья|новина|wiadomość|haber|noticia|notícia|notizia|nyhet|bericht|eintrag|berita|άρθρο|खबर|नوशته|خبر))?"
    r"\s*(?:[←→«»‹›<>⟵⟶◀▶⬅➡|:：-]|$)",
    re.IGNORECASE,
)
_NEIGHBOUR_SIGN = lazy_regex(r"^\s*(?:[←→«»‹›⟵⟶⬅➡]|&[lr]arr;)|[←→«»‹›⟵⟶⬅➡]\s*$")


def names_neighbour(text: str) -> bool:
    """Returns True if the text of a link shows that it leads to the next or the previous post ("Next → Title")."""
    return len(text) < 200 and (_NEIGHBOUR.search(text) is not None or _NEIGHBOUR_SIGN.search(text) is not None)


def heads_other_pages(text: str) -> bool:
    """Returns True if a heading, such as "Read also", introduces links to other posts."""
    return len(text) < 60 and _ALSO_HEADING.match(_lower(text)) is not None


def heads_related_posts(text: str) -> bool:
    """Returns True if a text is the label of a list of related posts, such as "Read also" or "Related posts"."""
    if len(text) >= 60:
        return False
    low = _lower(text)
    return _ALSO_HEADING.match(low) is not None or _RELATED_HEADING.match(low) is not None


def points_to_other_page(text: str) -> bool:
    """Returns True if the text of a block, such as "Read also: ...", points to another post."""
    return len(text) < 260 and _ALSO.match(_lower(text)) is not None


def ends_the_post(text: str) -> bool:
    """Returns True if a heading or label introduces other posts, the author or the comments, so that the post has
    ended.
    """
    return len(text) < 100 and _END.match(_lower(clean_text(text))) is not None


UNREAD = NOT_TEXT | {"dialog", "datalist"}
"""The tags of elements that are not read, since their content is not part of the text around them."""
_BLOCK_LINE = frozenset(["li", "tr", "dt", "dd", "option", "tbody", "thead", "tfoot"])
_INLINE = frozenset(
    [
        "a",
        "span",
        "b",
        "i",
        "em",
        "strong",
        "img",
        "u",
        "s",
        "small",
        "sub",
        "sup",
        "font",
        "code",
        "mark",
        "abbr",
        "time",
        "cite",
        "q",
        "label",
        "picture",
        "source",
        "wbr",
        "del",
        "ins",
        "big",
        "strike",
        "tt",
        "kbd",
        "samp",
        "var",
        "dfn",
        "bdi",
        "bdo",
        "ruby",
        "rb",
        "math",
        "data",
        "col",
        "colgroup",
        "path",
        "use",
        "g",
    ]
)
EMBEDS = frozenset(["audio", "embed", "iframe", "video"])
"""The tags of elements that show a recording or a part of another page, and have no text."""
MEDIA = EMBEDS | {"img", "a"}
"""The tags of elements that are read as media: images, recordings, and links (if they are cards with the title of
another page)."""
RULE = "hr"
# How the walk treats elements, by tag. All other elements are treated as divisions.
_KINDS = {
    **dict.fromkeys(BREAK, "break"), **dict.fromkeys(CELLS, "cell"), **dict.fromkeys(_INLINE, "inline"),
    **dict.fromkeys(UNREAD, "unread"),
    **dict.fromkeys([*EMBEDS, "img"], "media"), "input": "shown", "noscript": "shown", RULE: "rule",
}  # fmt: skip
# Elements that mostly contain plain text. They are read in one piece unless they contain one of the elements listed
# below.
_OFTEN_PLAIN = frozenset(["p", "li", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "dt", "dd", "figcaption"])
_NOT_PLAIN = BREAK | CELLS | UNREAD | {"br", "button", "dialog", "img"}
_LISTS = frozenset(["ul", "ol", "dl", "table", "pre", "blockquote"])
_WIDE = lazy_regex("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+")
_PARAGRAPHS = lazy_regex("\x1e\\s*\x1e[\\s\x1e]*")
_NEWLINE, _BLANK = "\x1e", "\n\n"
_AMPERSAND = "\0"
"""Replaces an ampersand in code until the text is cleaned, so that "&lt;" shown as code is not decoded as an entity."""
_CODE_TAGS = ("code", "pre", "tt", "kbd", "samp")
_LISTING_TAGS = frozenset(["pre", "table", "div", "p", "ol"])
# Classes of the elements that syntax highlighters write around line numbers and around lines, and of code in general.
_NUMBER_CLASS = lazy_regex(
    r"line-?_?no(?:s|div)?(?:$|[\s_-])|line-?_?num|(?:^|\s)(?:lnt?|lnum|lno|linenr|gutter|hljs-ln-n\w*|blob-num)(?:$|\s)",
    re.IGNORECASE,
)
_LINE_CLASS = lazy_regex(r"(?:^|[\s_-])line(?:$|\s)", re.IGNORECASE)
_CODE_CLASS = lazy_regex(
    r"(?:^|[\s_-])(?:code|highlight(?:er)?|syntaxhighlighter|crayon|hljs|shiki|prism\w*|blob)(?:$|[\s_-])",
    re.IGNORECASE,
)
_OLD_LIST_CLASS = lazy_regex(r"(?:^|\s)dp-\w")  # the list items are the lines of code
_NOT_SELECTED = lazy_regex(r"user-select:\s*none")
_NUMBERS = lazy_regex(r"\s*\d+(?:\s+\d+)*\s*[.:|]?\s*")
_MAX_WRAPPERS = 3
_EMOJI_SIGN = (
    "[\u2190-\u21ff\u231a-\u23ff\u24c2\u25aa-\u27bf\u2900-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_EMOJI = lazy_regex(
    "[#*0-9]\ufe0f?\u20e3"
    f"|[\U0001f1e6-\U0001f1ff]{{2}}|{_EMOJI_SIGN}\ufe0f?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*"
    f"(?:\u200d{_EMOJI_SIGN}\ufe0f?[\U0001f3fb-\U0001f3ff]?)*"
)
_MAX_EMOJI = 16
_MAX_FRAME = 2
_PARAGRAPHS_OF_CELL = 150  # a shorter cell with blank lines contains data, and is not used for layout
_TASK_CLASS = lazy_regex(r"(?:^|[\s_-])task(?:$|[\s_-])|task-?list", re.IGNORECASE)
Texts = tuple[str, str]


@dataclass(frozen=True, slots=True)
class WholeElement:
    """The origin of a piece of text that is the whole text of one element, including its children."""

    element: Element


@dataclass(frozen=True, slots=True)
class CellPieces:
    """The text of a table cell, with the pieces of which it consists (`texts`) and the places of these pieces on the
    page (`origins`).
    """

    cell: Element
    text: str
    texts: list[str]
    origins: list[Origin]


@dataclass(frozen=True, slots=True)
class RowOfCells:
    """The origin of a line of text that is a table row: the row's cells."""

    cells: tuple[CellPieces, ...]


Origin = Element | WholeElement | RowOfCells
"""The place of a piece of text on the page. If it is an element, the piece is directly inside it and in none of its
children. An empty piece stands for the image or recording that the element shows."""


@dataclass(frozen=True, slots=True)
class MediaPosition:
    """The position of an image, a recording or a rule between two blocks. `before` is the index of the block that
    follows it.
    """

    element: Element
    before: int


class TextBlock:
    """A block of text, such as a paragraph: a run of text between two breaks.

    - `gap`: the white space before it, "" or one or two line ends.
    - `size`: the length of the text in Latin letters; a Han character counts as two and a half of these.
    - `linked`: the part of `size` that is inside links.
    - `element`: the block-level element that contains the text.
    - `is_code`: True if the text is a block of code.
    - `texts`, `origins`: the pieces of text on the page from which the block was made, and their places. If line breaks
      split one run of text into several blocks, each of these has the pieces of the whole run.
    """

    __slots__ = ("element", "gap", "is_code", "linked", "origins", "size", "text", "texts")

    def __init__(
        self, text: str, gap: str, element: Element, size: float, linked: float, pieces: tuple[list[str], list[Origin]]
    ) -> None:
        self.is_code = False
        self.text, self.gap, self.element, self.size, self.linked = text, gap, element, size, linked
        self.texts, self.origins = pieces

    def __repr__(self) -> str:
        return f"Block({self.element.tag}, {self.text[:60]!r}, {self.size:.0f}, {self.linked:.0f})"


class BlockLayout:
    """The text blocks in the element `top`.

    - `spans`: maps each block-level element to the range of its blocks, as (first, end).
    - `media`: the images and recordings outside of the blocks, in reading order.
    - `code`: the elements that are blocks of code.
    - `overlays`: the links without text, in reading order.
    """

    __slots__ = ("_boilerplate_words", "blocks", "code", "media", "overlays", "spans", "top")

    def __init__(
        self,
        top: Element,
        blocks: list[TextBlock],
        spans: dict[Element, tuple[int, int]],
        media: list[MediaPosition],
        code: frozenset[Element] = frozenset(),
        overlays: Sequence[Element] = (),
    ) -> None:
        self.top, self.blocks, self.spans, self.media, self.code = top, blocks, spans, media, code
        self.overlays = overlays
        self._boilerplate_words: dict[Element, str] = {}

    def boilerplate_word(self, el: Element) -> str:
        """Returns the word in an element's class or id that marks it as boilerplate; "" if no word does. The result is
        cached.
        """
        found = self._boilerplate_words.get(el)
        if found is None:
            found = self._boilerplate_words[el] = boilerplate_word(el)
        return found

    def prefix_sums(self, of: list[float]) -> list[float]:
        """Returns the prefix sums of `of`, which contains one number for each block. If `s` is the result, the sum for
        the blocks from `lo` up to but not including `hi` is `s[hi] - s[lo]`.
        """
        return [0.0, *accumulate(of)]


def covered_total(spans: list[tuple[int, int]], sums: list[float]) -> float:
    """Returns the sum of one number for each block, over several block ranges (`spans`). A block in several ranges
    counts once. `sums` are the prefix sums of the numbers, from `BlockLayout.prefix_sums`.
    """
    total, done = 0.0, 0
    for lo, hi in sorted(spans):
        if hi > done:
            total += sums[hi] - sums[max(lo, done)]
            done = hi
    return total


def text_width(text: str) -> float:
    """Returns the length of a text, counted in Latin letters. A wide character, such as a Han character,
    counts as 2.5.
    """
    if text.isascii() or _WIDE.search(text) is None:
        return float(len(text))
    return len(text) + 1.5 * sum(map(len, _WIDE.findall(text)))


class _LayoutReader:
    """Walks through the tree of an element, and collects its text blocks and the block range of each block-level
    element.

    - `at`: the block-level element that is being read.
    - `pre`, `links`, `in_cell`: how many <pre>, <a> and table cells are open.
    - `buffer`, `origins`: the pieces of the current run of text, and their places.
    - `cells`: the cells of the current row that have been read.
    """

    __slots__ = (
        "at", "blocks", "buffer", "cells", "code", "gap", "in_cell", "linked", "links", "media", "origins",
        "overlays", "pre", "skip", "spans", "texts", "top", "touched",
    )  # fmt: skip

    def __init__(self, top: Element, skip: Collection[Element], texts: Mapping[Element, Texts]) -> None:
        self.top, self.skip, self.texts = top, skip, texts
        self.touched = _ancestors_of(skip)
        self.blocks: list[TextBlock] = []
        self.spans: dict[Element, tuple[int, int]] = {}
        self.media: list[MediaPosition] = []
        self.buffer: list[str] = []
        self.origins: list[Origin] = []
        self.cells: list[CellPieces] = []
        self.code: set[Element] = set()
        self.overlays: list[Element] = []
        self.at = top
        self.gap, self.linked = "", 0.0
        self.pre = self.links = self.in_cell = 0

    def read_inside(self, el: Element) -> None:
        """Reads the text of an element and of its descendants."""
        texts, skip, in_figure = self.texts, self.skip, el.tag == "figure"
        if text := texts[el][0]:
            self.take_text(text, el)
        for child in el[:]:  # type: ignore[index]  # a list is faster to walk through than an element
            tag = child.tag
            kind = _KINDS.get(tag, "")
            if kind != "unread" and child not in skip:
                if kind == "break" and not self.in_cell and not self.pre:
                    self.read_block(child, tag)
                elif kind == "inline":
                    self.links += tag == "a"
                    if in_figure:
                        self.take_card(child)
                    if len(child):
                        self.read_inside(child)
                    elif text := texts[child][0]:
                        self.take_text(text, child)
                    else:
                        self.take_empty_link(child)
                    self.links -= tag == "a"
                else:
                    self.read_other(child, tag, kind)
            if text := texts[child][1]:
                if not text.isspace() or self.pre:
                    self.take_text(text, el)
                elif self.buffer:
                    self.take_piece(" ", el)

    def take_text(self, text: str, origin: Element) -> None:
        if self.pre or not text.isspace():
            if "&" in text and not self.pre and _is_code(origin, self.at):
                text = text.replace("&", _AMPERSAND)
            self.buffer.append(text)
            self.origins.append(origin)
            if self.links:
                self.linked += text_width(text)
        elif self.buffer:
            self.buffer.append(" ")
            self.origins.append(origin)

    def take_shown(self, el: Element, tag: str) -> None:
        """Adds what is shown for an element without text: "[ ]" or "[x]" for the checkbox of a task, or the image in a
        <noscript>.
        """
        if tag == "input":
            if _is_task_box(el) and "".join(self.buffer).strip() == "":
                self.take_piece("[ ] " if el.get("checked") is None else "[x] ", el)
        elif (img := _image_without_script(el)) is not None:
            self.take_piece("", img)

    def take_empty_link(self, el: Element) -> None:
        """Records a link without text, which may be laid over a whole card. `el` is an empty element. If it is not the
        link itself, it must be the only element in the link; otherwise, nothing is recorded.
        """
        if not self.links:
            return
        parent = el.getparent()
        link = el if el.tag == "a" or parent is None else parent
        if link.tag == "a" and link.get("href") and (link is el or (len(link) == 1 and not _has_own_text(link))):
            self.overlays.append(link)

    def take_card(self, link: Element) -> None:
        if link.tag == "a" and not self.in_cell and not self.pre and is_card(link):
            self.take_piece("", link)

    def take_piece(self, text: str, origin: Origin) -> None:
        self.buffer.append(text)
        self.origins.append(origin)

    def read_block(self, el: Element, tag: str) -> None:
        """Reads a block-level element, which begins and ends a line."""
        if tag == "tr":
            self.end_row()
        elif tag in _LISTING_TAGS and el not in self.touched and (code := code_in(el, tag)):
            self.read_code(el, code)
            return
        gap = ""
        if self.buffer or self.gap != _BLANK:  # otherwise, ending the line would change nothing
            gap = _gap_before(el, tag, self.top)
            self.end_line(gap)
        outer, first = self.at, len(self.blocks)
        self.at = el
        if tag in _OFTEN_PLAIN and len(el) > 1 and not self.links and el not in self.touched and _is_plain(el):
            self.take_piece("".join(el.itertext()), WholeElement(el))  # type: ignore[arg-type]
            for link in el.iter("a"):
                self.linked += text_width("".join(link.itertext()))  # type: ignore[arg-type]
            self.pre += tag == "pre"
        else:
            self.pre += tag == "pre"
            self.read_inside(el)
            if tag == "tr":
                self.end_row()
        if self.buffer or self.gap != _BLANK:
            self.end_line(gap or _gap_before(el, tag, self.top))
        self.pre -= tag == "pre"
        self.spans[el] = (first, len(self.blocks))
        self.at = outer

    def read_rule(self, el: Element, tag: str) -> None:
        """Reads a line across the page, which separates two parts of the text."""
        self.read_block(el, tag)
        self.media.append(MediaPosition(el, len(self.blocks)))

    def read_code(self, el: Element, code: str) -> None:
        """Reads an element that is a block of code, given its text."""
        if self.buffer or self.gap != _BLANK:
            self.end_line(_gap_before(el, "pre", self.top))
        outer, first = self.at, len(self.blocks)
        self.at = el
        self.code.add(el)
        self.take_piece(code, WholeElement(el))
        for link in el.iter("a"):
            self.linked += text_width("".join(link.itertext()))  # type: ignore[arg-type]
        self.pre += 1
        self.end_line(_gap_before(el, "pre", self.top))
        self.pre -= 1
        self.spans[el] = (first, len(self.blocks))
        self.at = outer

    def read_cell(self, el: Element) -> None:
        """Reads a table cell as a part of its row's line or, if the table is used for layout, as a separate block.
        Skips a cell that contains the line numbers of the code in the next cell.
        """
        if not self.in_cell and _numbers_lines(el):
            return
        if self.in_cell or not _is_division(el):
            self.in_cell += 1
            self.read_inside(el)
            self.in_cell -= 1
            if not self.in_cell:
                text = clean_line("".join(self.buffer).replace(_NEWLINE, " "))
                self.cells.append(CellPieces(el, text, self.buffer, self.origins))
                self.buffer, self.origins = [], []
            return
        self.end_row()
        self.end_line(_BLANK)
        outer, first = self.at, len(self.blocks)
        self.at = el
        self.read_inside(el)
        self.end_line(_BLANK)
        self.spans[el] = (first, len(self.blocks))
        self.at = outer

    def read_other(self, el: Element, tag: str, kind: str) -> None:
        """Reads an element of any kind in any context, except the commonest cases, which `read_inside` handles
        itself.
        """
        if kind == "media":
            if not self.pre:
                self.take_piece(_emoji_in(el), el)
        elif kind == "shown":
            if not self.pre:
                self.take_shown(el, tag)
        elif kind == "inline":
            self.links += tag == "a"
            self.read_inside(el)
            self.links -= tag == "a"
        elif kind == "cell" and not self.pre:
            self.read_cell(el)
        elif self.in_cell and not self.pre:
            self.take_piece(" ", el)
            self.read_inside(el)
            self.take_piece(" ", el)
        elif tag == "br":
            self.take_piece("\n" if self.pre else _NEWLINE, el)
            self.read_inside(el)
        elif self.pre and tag != "pre":
            self.read_inside(el)
            if kind in _BLOCK_READERS and self.buffer and not self.buffer[-1].endswith("\n"):
                self.take_piece("\n", el)
        elif kind in _BLOCK_READERS:
            _BLOCK_READERS[kind](self, el, tag)
        else:
            first = len(self.blocks)
            self.read_inside(el)
            self.spans[el] = (first, len(self.blocks))

    def end_row(self) -> None:
        """Adds the cells of a table row to the text as one line."""
        if self.cells:
            text = " | ".join(c.text for c in self.cells if c.text)
            self.take_piece(text.replace("&", _AMPERSAND), RowOfCells(tuple(self.cells)))
            self.cells.clear()

    def end_line(self, gap: str) -> None:
        """Ends the current run of text and turns it into blocks. The gap before the next block is at least `gap`."""
        if self.buffer:
            text = "".join(self.buffer)
            pieces, found = (self.buffer, self.origins), len(self.blocks)
            self.buffer, self.origins = [], []
            if text.isspace():
                parts = []
            elif self.pre:
                parts = [text.strip("\n").rstrip()]
            elif _NEWLINE in text:
                parts = [
                    "\n".join(line for line in map(clean_line, part.split(_NEWLINE)) if line)
                    for part in _PARAGRAPHS.split(text)
                ]
            else:
                parts = [clean_line(text)]
            for part in parts:
                if part and not part.isspace():
                    size = float(len(part)) if part.isascii() else text_width(part)
                    linked = min(self.linked, size) if self.linked else 0.0
                    self.blocks.append(TextBlock(part, self.gap, self.at, size, linked, pieces))
                    self.linked -= linked
                    self.gap = _BLANK if len(parts) > 1 else ""
            self.linked = 0.0
            if self.pre and len(self.blocks) > found:
                self.blocks[-1].is_code = True
            if len(self.blocks) == found:
                self.media += (MediaPosition(el, found) for el in media_of(*pieces))
        if gap > self.gap:
            self.gap = gap


_BLOCK_READERS = {"break": _LayoutReader.read_block, "rule": _LayoutReader.read_rule}


def clean_line(text: str) -> str:
    """Returns a text as one clean line (see `clean_text`). Entities in code are not decoded, because code shows them as
    text.
    """
    cleaned = clean_text(text)
    return cleaned.replace(_AMPERSAND, "&") if _AMPERSAND in cleaned else cleaned


def _has_own_text(el: Element) -> bool:
    """Returns True if an element has text before or after its only child."""
    return any(text and not text.isspace() for text in (el.text, el[0].tail))


def is_card(link: Element) -> bool:
    """Returns True if a link in a <figure> is a card for another page: it contains blocks of text, and not only a
    picture.
    """
    parent = link.getparent()
    if parent is None or parent.tag != "figure":
        return False
    return any(el.text and not el.text.isspace() for el in link.iter("div", "p", "h2", "h3", "h4"))


def _emoji_in(img: Element) -> str:
    """Returns the emoji that an image stands for; "" if the image is something else."""
    alt = img.get("alt") or ""
    if not alt or len(alt) > _MAX_EMOJI or alt.isascii():
        return ""
    return alt if _EMOJI.fullmatch(alt) else ""


def _is_task_box(box: Element) -> bool:
    """Returns True if an <input> is the checkbox before an item of a task list, which readers cannot change."""
    return (
        box.get("type") == "checkbox"
        and (box.get("disabled") is not None or _TASK_CLASS.search(box.get("class") or "") is not None)
        and next(box.iterancestors("li"), None) is not None
    )


def _image_without_script(noscript: Element) -> Element | None:
    """Returns the only image in a <noscript>; None if there is not exactly one, or if another image beside the
    <noscript> is shown in its place when scripts run.
    """
    images = list(islice(noscript.iter("img"), 2))
    if len(images) != 1 or not images[0].get("src"):
        return None
    beside = (noscript.getprevious(), noscript.getnext())
    is_shown = any(one is not None and next(one.iter("img"), None) is not None for one in beside)
    return None if is_shown else images[0]


def _is_code(origin: Element, block: Element) -> bool:
    """Returns True if a piece of text is in code: there is a <code> or the like between it and its block, or its block
    is one. `origin` is the element of the text.
    """
    at: Element | None = origin
    while at is not None and at is not block:
        if at.tag in _CODE_TAGS:
            return True
        at = at.getparent()
    return at is not None and at.tag in _CODE_TAGS


# Blocks of code.


def code_in(el: Element, tag: str) -> str:
    """Returns the text of an element that is a block of code: its lines with their indentation, without line numbers.
    Returns "" for any other element.

    A block of code may be a `pre`, a table or list with one line in each row or item, a `div` that contains a `div` for
    each line, or a paragraph of `code` elements with line breaks.
    """
    if tag == "pre":
        return _code_text(el)
    if tag == "table":
        return _code_of_rows(el)
    if tag == "ol":
        is_code = _OLD_LIST_CLASS.search(el.get("class") or "") is not None
        return _code_text(el) if is_code else ""
    if tag == "p":
        return _code_of_paragraph(el)
    return _code_text(el) if _has_line_divisions(el) else ""


def _code_text(el: Element) -> str:
    out: list[str] = []
    _take_code(el, out)
    return "".join(out).replace("\xa0", " ")


def _take_code(el: Element, out: list[str]) -> None:
    """Appends the text of an element with code to `out`, as pieces of text. Each block-level element in it is
    a line.
    """
    if el.text:
        out.append(el.text)
    for child in el:
        tag = child.tag
        tail = child.tail or ""
        if not isinstance(tag, str) or tag in UNREAD or tag == "button" or _is_line_number(child, out):
            pass
        elif tag == "br":
            out.append("\n")
        else:
            is_line = tag in BREAK
            if is_line and not _ends_line(out):
                out.append("\n")
            before = len(out)
            _take_code(child, out)
            is_blank = is_line and not any(out[before:]) and next(child.iterdescendants(*BREAK), None) is None
            if is_blank or (is_line and not _ends_line(out)) or _is_unfinished_line(child, tail, out):
                out.append("\n")
            if is_line and tail.isspace():
                tail = ""  # the line ends already
        if tail:
            out.append(tail)


def _ends_line(out: list[str]) -> bool:
    last = next((text for text in reversed(out) if text), "\n")
    return last.endswith("\n")


def _is_unfinished_line(el: Element, tail: str, out: list[str]) -> bool:
    """Returns True if an inline element is a line of code without a line end, because its style displays it as a block.
    `tail` is the text after it, and `out` is the code before it.
    """
    following = el.getnext()
    if following is None or following.tag != el.tag or tail or _ends_line(out):
        return False
    if el.tag == "code":
        parent = el.getparent()
        return parent is not None and parent.tag == "pre"
    classes, next_classes = el.get("class") or "", following.get("class") or ""
    return _LINE_CLASS.search(classes) is not None and _LINE_CLASS.search(next_classes) is not None


def _is_line_number(el: Element, out: list[str]) -> bool:
    """Returns True if an element at the start of a line of code contains only line numbers. `out` is the code before
    it.
    """
    if el.tag in CELLS and _numbers_lines(el):
        return True
    if not (
        (el.get("data-line-number") and el.getnext() is not None)
        or ((classes := el.get("class")) and _names_line_number(classes))
        or ((style := el.get("style")) and _NOT_SELECTED.search(style))
    ):
        return False
    text = "".join(el.itertext())  # type: ignore[arg-type]
    return (not text or text.isspace() or _NUMBERS.fullmatch(text) is not None) and _ends_line(out)


@lru_cache(maxsize=1_024)  # each word of highlighted code has a class
def _names_line_number(classes: str) -> bool:
    return _NUMBER_CLASS.search(classes) is not None


def _code_of_rows(table: Element) -> str:
    """Returns the text of a table that has one line of code in each row, beside its number; "" for any other table."""
    first = next(table.iter("tr"), None)
    if first is None or len(first) < 2 or not _CODE_CLASS.search(first[-1].get("class") or ""):
        return ""
    lines: list[str] = []
    number = 0
    for row in table.iter("tr"):
        cells = list(row)
        if len(cells) < 2 or cells[-1].tag != "td" or not _CODE_CLASS.search(cells[-1].get("class") or ""):
            return ""
        text = "".join(cells[0].itertext()).strip()  # type: ignore[arg-type]
        shown = text or cells[0].get("data-line-number") or ""
        if not shown.isdecimal() or (lines and int(shown) <= number):
            return ""
        number = int(shown)
        lines.append(_code_text(cells[-1]).removesuffix("\n"))
    is_list = len(lines) > 1 or next(table.iter("pre"), None) is None
    return "\n".join(lines) if is_list and not any("\n" in line for line in lines) else ""


def _code_of_paragraph(el: Element) -> str:
    """Returns the text of a paragraph that consists of code with line breaks; "" for any other paragraph."""
    if len(el) == 0 or (el.text and not el.text.isspace()) or next(el.iter("br"), None) is None:
        return ""
    for child in el:
        if child.tag not in ("code", "tt", "samp", "br") or (child.tail and not child.tail.isspace()):
            return ""
    out: list[str] = []
    _take_code_lines(el, out)
    lines = "".join(out).split(_NEWLINE)
    text = "\n".join(" ".join(re.split("[ \t\r\n]+", line)).strip(" ").replace("\xa0", " ") for line in lines)
    return text if "\n" in text.strip("\n") else ""


def _take_code_lines(el: Element, out: list[str]) -> None:
    out.append(el.text or "")
    for child in el:
        if child.tag == "br":
            out.append(_NEWLINE)
        elif isinstance(child.tag, str) and child.tag not in UNREAD:
            _take_code_lines(child, out)
        out.append(child.tail or "")


def _has_line_divisions(el: Element) -> bool:
    """Returns True if each child of a `div` is a line of code. The children are then also `div` elements."""
    if len(el) < 2 or (first := el[0]).tag != "div" or (el.text and not el.text.isspace()):
        return False
    if "line" not in (first.get("class") or "").lower() and (len(first) == 0 or first[0].tag != "code"):
        return False  # quick test
    if not all(child.tag == "div" and not (child.tail and not child.tail.isspace()) for child in el):
        return False
    if all(_has_only_code(child) for child in el):
        return True
    if not all(_LINE_CLASS.search(child.get("class") or "") for child in el):
        return False
    around = [el, *islice(el.iterancestors(), _MAX_WRAPPERS)]
    return any(_CODE_CLASS.search(at.get("class") or "") for at in around)


def _has_only_code(el: Element) -> bool:
    """Returns True if all text of an element is in `code` elements directly inside it."""
    texts = (el.text, *(child.tail for child in el))
    return len(el) > 0 and all(c.tag == "code" for c in el) and not any(t and t.strip(" \t\r\n\xa0") for t in texts)


def media_of(texts: Iterable[str], origins: Iterable[Origin]) -> Iterator[Element]:
    """Yields the elements of the images and recordings among some pieces of text, given with their origins. An image or
    recording is a piece with an empty text.
    """
    for text, origin in zip(texts, origins, strict=True):
        if isinstance(origin, RowOfCells):
            for cell in origin.cells:
                yield from media_of(cell.texts, cell.origins)
        elif not text and not isinstance(origin, WholeElement) and origin.tag in MEDIA:
            yield origin


def _ancestors_of(skip: Collection[Element]) -> set[Element]:
    """Returns all ancestors of the elements in `skip`. They cannot be read at once, since a part of them is left
    out.
    """
    found: set[Element] = set()
    for el in skip:
        for at in el.iterancestors():
            if at in found:
                break
            found.add(at)
    return found


def _is_plain(el: Element) -> bool:
    """Returns True if an element contains only text and inline elements, so that its text can be read at once."""
    return _has_no_breaks(el) and not any("&" in "".join(at.itertext()) for at in el.iter(*_CODE_TAGS))  # type: ignore[arg-type]


def _has_no_breaks(el: Element) -> bool:
    return all(child.tag not in _NOT_PLAIN and (not len(child) or _has_no_breaks(child)) for child in el)


def lay_out(
    top: Element, skip: Collection[Element] = frozenset(), texts: Mapping[Element, Texts] | None = None
) -> BlockLayout:
    """Returns the text of the element `top` as blocks.

    Paragraphs, headings and the like are blocks after a blank line. List items and table rows (with cells joined by " |
    ") are blocks after a line end. Two consecutive <br> separate paragraphs. `pre` keeps its lines.

    `skip` are elements to leave out. `texts` maps elements to their text and tail, if these are already known. Time and
    memory are linear in the size of the element. Recurses once or twice per level of nesting, which is safe because a
    `Page` is no deeper than `page.MAX_DEPTH`.
    """
    if texts is None:
        texts = {e: (e.text or "", e.tail or "") for e in top.iter("*")}
    reader = _LayoutReader(top, skip, texts)
    tag, kind = top.tag, _KINDS.get(top.tag, "")
    if kind != "unread" and top not in skip:
        reader.read_other(top, tag, kind)
    reader.end_row()
    reader.end_line("")
    reader.spans[top] = (0, len(reader.blocks))
    return BlockLayout(top, reader.blocks, reader.spans, reader.media, frozenset(reader.code), reader.overlays)


def _is_division(cell: Element) -> bool:
    """Returns True if a table cell is used for layout, because it contains a table, headings, several paragraphs or
    lines of code, several boxes with a paragraph, or a text with blank lines.
    """
    if next(cell.iter("table", "h1", "h2", "h3", "article"), None) is not None or _is_in_picture_frame(cell):
        return True
    if len(list(islice(cell.iter("div"), 3))) > 2 and cell.find(".//div//p") is not None:
        return True
    return len(list(islice(cell.iter("p"), 3))) > 2 or _has_blank_line(cell) or _has_lines(cell)


def _has_blank_line(cell: Element) -> bool:
    """Returns True if a table cell has two consecutive line breaks between texts, as old pages separate paragraphs."""
    for br in cell.iter("br"):
        following = br.getnext()
        if following is not None and following.tag == "br" and not (br.tail or "").strip():
            return has_text(cell, _PARAGRAPHS_OF_CELL)
    return False


def _is_in_picture_frame(cell: Element) -> bool:
    """Returns True if a cell is in a table around one picture, which may have a caption below it."""
    row = cell.getparent()
    if row is None or len(row) > 1:
        return False
    table = next(cell.iterancestors("table"), None)
    rows = list(islice(table.iter("tr"), _MAX_FRAME + 1)) if table is not None else []
    if not rows or len(rows) > _MAX_FRAME or any(len(one) != 1 for one in rows):
        return False
    return next(rows[0].iter("img"), None) is not None


def _has_lines(cell: Element) -> bool:
    """Returns True if a table cell has preformatted text of several lines, or code whose lines have numbers."""
    pre = next(cell.iter("pre"), None)
    before = cell.getprevious()
    if before is not None and before.tag == cell.tag and _numbers_lines(before):
        return True
    if pre is None:
        return any(map(_has_line_divisions, cell.iter("div")))
    return next(pre.iter("br"), None) is not None or "\n" in "".join(pre.itertext()).strip("\n")  # type: ignore[arg-type]


def _numbers_lines(cell: Element) -> bool:
    """Returns True if a table cell contains only the line numbers of the code in the next cell, as syntax highlighters
    write them.
    """
    beside = cell.getnext()
    if beside is None or beside.tag != "td":
        return False
    if next(beside.iter("pre"), None) is None and not any(map(_has_line_divisions, beside.iter("div"))):
        return False
    numbers = " ".join(cell.itertext()).split()  # type: ignore[arg-type]
    is_marked = cell.find(".//pre") is not None or _NUMBER_CLASS.search(cell.get("class") or "") is not None
    if not numbers or not numbers[0].isdecimal() or (len(numbers) == 1 and not is_marked):
        return False
    first = int(numbers[0])
    return numbers == [str(n) for n in range(first, first + len(numbers))]


def _gap_before(el: Element, tag: str, top: Element) -> str:
    if tag in _BLOCK_LINE:
        return "\n"
    if tag not in _LISTS and el is not top:
        parent = el.getparent()
        if parent is not None and parent is not top and parent.tag in ("li", "dd", "dt"):
            return "\n"
    return "\n\n"


def written_text(blocks: Sequence[TextBlock], layout: BlockLayout) -> str:
    """Returns some of the blocks of a layout, given in reading order, as plain text. Two blocks are separated by white
    space: the widest `gap` of the second block and of the blocks between them that are not in `blocks`.
    """
    chosen = iter(blocks)
    following = next(chosen, None)
    out: list[str] = []
    gap = ""
    for block in layout.blocks:
        gap = max(gap, block.gap)
        if block is following:
            out += (gap, block.text)
            gap, following = "", next(chosen, None)
    return "".join(out).strip("\n")
