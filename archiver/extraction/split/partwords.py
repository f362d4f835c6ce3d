"""The words of the links between the pages of one post, in the languages that programs are translated into."""

from __future__ import annotations

import re


def _any(*rows: str) -> str:
    """The alternatives in several rows; "_" in a row is a space."""
    return "|".join(word for row in rows for word in row.replace("_", " ").split("|"))


PAGE_WORD = r"pages?|seiten?|trang|página|pagina|strona|strana|sivu|side|sida|sayfa|halaman|страница|стр\.?|part|teil"
_OF = r"of|/|von|de|di|sur|trên|из|van|z"
_NEXT = _any(
    "next(?:_page|_part)?|(?:go_to_|continue_(?:reading_|to_)?(?:on_)?(?:the_)?)next_page",
    "nächste_seite|weiter(?:_zur_nächsten_seite)?|(?:la_)?page_suivante|suivante?|siguiente|seguinte|successiva",
    "(?:la_)?p[áa]gina_(?:siguiente|seguinte|successiva)|trang_(?:sau|tiếp(?:_theo)?|kế)|tiếp_theo",
    "следующая(?:_страница)?|дальше|далее|sonraki(?:_sayfa)?|następna(?:_strona)?|volgende(?:_pagina)?",
    "下一?[页頁]|次の?ページ(?:へ)?|次へ|다음(?:_페이지)?|הבא|לעמוד_הבא|الصفحة_التالية|التالي",
)
_BACK = _any(
    "(?:prev(?:ious)?|first|last)(?:_page)?|zurück|vorherige_seite|(?:page_)?précédente|(?:p[áa]gina_)?anterior",
    "trang_(?:trước|đầu|cuối)|предыдущая(?:_страница)?|önceki(?:_sayfa)?|上一?[页頁]|[首尾末][页頁]",
    "前の?ページ(?:へ)?|前へ|이전(?:_페이지)?",
)
_CONTINUED = _any("(?:continued|more)_on_(?:the_)?next_page", "fortsetzung_auf_der_nächsten_seite",
                  "suite_(?:à|en)_la_page_suivante")
_PAGE_OF = (
    rf"(?:{PAGE_WORD})\s*\d{{1,3}}(?:\s*(?:{_OF})\s*\d{{1,3}})?|\d{{1,3}}\s*/\s*\d{{1,3}}|"
    r"第\s*\d{1,3}\s*[页頁]|\d{1,3}\s*(?:/\s*\d{1,3}\s*)?ページ目?|ページ\s*\d{1,3}")

_WHOLE = _any(
    "(?:single|one)[_-]page|view_(?:as_)?(?:all|full|entire)|show_(?:all|full)|all_pages|(?:entire|full)_(?:article|story)",
    "auf_einer_seite|sur_une_(?:seule_)?page|en_una_(?:sola_)?p[áa]gina|su_una_(?:sola_)?pagina|(?:só|única)_página",
    "op_één_pagina|xem_(?:toàn_bộ|tất_cả|toàn_văn)|trên_một_trang|на_одной_странице|одной_страницей|tek_sayfa",
    "一[页頁](?:显示|顯示|阅读)|(?:单|單)[页頁]|(?:显示|顯示|阅读|閱讀|浏览|余下)全文",
    "1ページで|全文を?(?:表示|読む)|(?:すべて|全て)表示|한_?페이지|전체_?보기",
)
_VIEW = _any("(?:view|read|show)_(?:this_(?:article|story)_)?(?:as|on|in)(?:_an?)?")

NUMBER = re.compile(
    rf"[\W_]*(?:{PAGE_WORD}|第)?[\s:.-]*(\d{{1,3}})\s*(?:页|頁|ページ目?|쪽|페이지)?[\W_]*", re.IGNORECASE)
"""A link that shows only a page's number (group 1)."""

NEXT = re.compile(rf"[\W_]*(?:{_NEXT})[\W_]*", re.IGNORECASE)
BACK = re.compile(rf"[\W_]*(?:{_BACK})[\W_]*", re.IGNORECASE)

WHOLE = re.compile(rf"{_WHOLE}|^全文$", re.IGNORECASE)
"""A link to a view with everything on one page."""

OF_SEVERAL = re.compile(
    rf"(?:{PAGE_WORD}|第)\s*\d{{1,3}}\s*(?:{_OF})\s*[2-9]|共\s*[2-9]\d?\s*[页頁]|"
    r"\d{1,2}\s*/\s*[2-9]\d?\s*(?:ページ|页|頁|페이지)", re.IGNORECASE)
"""A page that says it is one of several."""

MARK = re.compile(rf"[\s\-–—|:,·»(\[（【]*(?:{_PAGE_OF})[)\]）】\s]*$", re.IGNORECASE)
"""The page's number after a title, in words."""

BARE_MARK = re.compile(r"\s*[(\[（【]\d{1,2}[)\]）】]\s*$")
"""The page's number after a title, only in brackets."""

# Possessive, so that a paragraph of many numbers is not tried in every way.
PAGER = re.compile(
    rf"(?:[\W_]|{_CONTINUED}|{_VIEW}|{_WHOLE}|{_NEXT}|{_BACK}|(?:{PAGE_WORD}|of|von|de|из|van)\b|\d{{1,3}}(?!\d)|"
    r"[第共页頁]|ページ目?)++", re.IGNORECASE)
"""A paragraph that consists of page links."""
