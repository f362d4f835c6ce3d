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
