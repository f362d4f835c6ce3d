"""Abbreviated months and the labels of dates in many languages, for `date_text`, `dates` and `visible_dates`."""

from __future__ import annotations

import re

# Thai abbreviations of months. They contain dots, so they are replaced before a date is parsed.
THAI_SHORT = {
    "ม.ค.": 1, "ก.พ.": 2, "มี.ค.": 3, "เม.ย.": 4, "พ.ค.": 5, "มิ.ย.": 6,
    "ก.ค.": 7, "ส.ค.": 8, "ก.ย.": 9, "ต.ค.": 10, "พ.ย.": 11, "ธ.ค.": 12,
}  # fmt: skip

# Words that label the date of the last change.
MODIFIED = re.compile(
    r"(?:last\s+)?(?:updat|modif|edited|revis|reviewed)|last\s+changed?\b|"
    r"aktualisiert|geändert|stand\s*:|mis(?:e)? à jour|modifié|actualizad|aggiornat|"
    r"atualizad|modificad|обновлен|изменен|оновлено|"
    r"cập nhật|更新|最后修改|最後修改|最終更新|수정|업데이트|güncelle|zaktualizowan|bijgewerkt|تحديث|"
    r"آخرین ویرایش|به‌روزرسانی|بروزرسانی|עודכן|diperbarui|uppdatera|oppdatert|opdateret|päivitetty|aktualizov|frissít|"
    r"ενημερώθηκε|แก้ไขล่าสุด|อัปเดต|अपडेट",
    re.IGNORECASE,
)
# Words that label the date of publication.
PUBLISHED = re.compile(
    r"\b(?:publi(?:shed|sh\s+date|cation\s+date|ée?|cado|cada|cerad)|date\s+of\s+publication|posted|post\s+(?:date|time)|"
    r"created|released?|written\s+on|originally|"
    r"veröffentlicht|erschienen|erstellt|pubblicato|pubblicata|data\s+di\s+pubblicazione|fecha\s+de\s+publicaci[oó]n|"
    r"date\s+de\s+publication|mis\s+en\s+ligne|geplaatst|gepubliceerd|opublikowan|dodano|udgivet|publisert|julkaistu|"
    r"опубликован\w*|опубліковано|дата\s+публикации|дата\s+публікації|"
    r"yayın(?:lanma|landı)?|yayımlan\w*|ngày\s+đăng|đăng\s+(?:ngày|lúc)|diterbitkan|dipublikasikan|közzétéve|publikováno|"
    r"zveřejněno|δημοσιεύ\w*)|"
    r"发布|發布|发表|發表|发佈|刊登|投稿日|公開日|掲載|配信|作成日|작성일|입력|등록|게시|نشر|تاريخ|انتشار|פורסם|פורסמה|תאריך|"
    r"เผยแพร่|โพสต์|प्रकाशित",
    re.IGNORECASE,
)
# Words that, right before a date, label it as the day on which a journal received or accepted a paper. "Submitted" is
# not among them, since some systems write it in the sense of "posted".
SENT = re.compile(
    r"(?:\b(?:received|accepted|eingegangen|angenommen|reçue?|acceptée?|recibido|aceptado|recebido|aceite|aceito|ricevuto|"
    r"accettato|поступила(?:\s+в\s+редакцию)?|принята\s+к\s+(?:публикации|печати))(?:\s+(?:on|am|le|el|em|il))?|"
    r"收稿日?期?|录用日?期?|接受日期|受付日?|受理日?|접수일?|게재확정일?)[\s:：]*$",
    re.IGNORECASE,
)
# Words that label the date of first publication if there is also another date.
FIRST = re.compile(
    r"\b(?:originally|first)\s+(?:published|posted|appeared)|\b(?:ursprünglich|erstmals|initialement|originalmente|"
    r"originariamente|oorspronkelijk|первоначально|впервые\s+опубликован)",
    re.IGNORECASE,
)
