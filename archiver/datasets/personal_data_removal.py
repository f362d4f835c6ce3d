"""Removes personal data from records: replaces authors by pseudonyms, and removes e-mail addresses and telephone
numbers from texts.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import sys
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

from archiver.api.texts import fold_words, unpack_marks
from archiver.datasets.withheld_text import AUTHOR_FIELDS
from archiver.datasets.word_counts import SEPARATORS, UNSPACED
from archiver.model.errors import ExtraMissing
from archiver.model.fields import PERSONS, WRITTEN
from archiver.model.lazy_regex import lazy_regex

SHORTEST_KEY = 16
"""The minimum length of a key in bytes. Shorter keys could be found by brute force."""
_UNSPACED, _HANGUL = re.compile(f"[{UNSPACED}]"), re.compile("[\uac00-\ud7a3]{2}")


def pseudonym(key: bytes, name: str) -> str:
    """Returns the pseudonym of an author: "author-" and 64 bits of the HMAC-SHA-256 (RFC 2104) of the name. Case and
    spacing of the name do not matter.
    """
    return f"author-{hmac.new(key, fold_words(name).encode(), hashlib.sha256).hexdigest()[:16]}"


def key_fingerprint(key: bytes) -> str:
    """Returns a value that identifies a pseudonym key without revealing it."""
    return hmac.new(key, b"archiver publish: fingerprint of a key", hashlib.sha256).hexdigest()[:16]


class Pseudonymizer:
    """Removes personal data from records of `articles` and `revisions`, before anything else is withheld or counted."""

    def __init__(self, key: bytes | None, *, contacts: bool) -> None:
        """Sets which data are replaced or removed. If `key` is given, authors that are persons are replaced by
        pseudonyms made with this key. If `contacts` is True, e-mail addresses and telephone numbers are removed. Raises
        ExtraMissing.
        """
        self._key, self._contacts = key, contacts
        self._names: dict[str, str] = {}
        self._others: dict[str, list[str]] = {}
        self._organizations: dict[str, frozenset[str]] = {}
        if contacts:
            _library()

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        if self._key is None and not self._contacts:
            return record
        out = dict(record)
        if self._contacts:
            self._remove_contacts(record, out)
        if self._key is not None:
            self._replace_authors(record, out)
        return out

    def _remove_contacts(self, record: Mapping[str, Any], out: dict[str, Any]) -> None:
        where = phone_regions(record)
        _change_fields(out, _BESIDE_BODY, lambda text: remove_contacts(text, where))
        if record.get("body"):
            out["body"] = remove_contacts(record["body"], where, *_marked_ranges(record, where))
        if record.get("markup"):
            out["markup"] = [row for row in record["markup"] if not (row[2] == "a" and _is_contact_link(*row[3:4]))]

    def _replace_authors(self, record: Mapping[str, Any], out: dict[str, Any]) -> None:
        organizations = {*(record.get("author_organizations") or ()), *self._organizations.get(record["id"], ())}
        names = {*(record["authors"] or ()), *self._others.get(record["id"], ())} - organizations
        longest = tuple(sorted(names, key=lambda name: (-len(name), name)))
        _change_fields(out, WRITTEN, lambda text: self._replace_names(text, longest))
        published = zip(record["authors"] or (), out["authors"] or (), strict=True)
        out["authors"] = list(
            dict.fromkeys(shown if name in organizations else self._pseudonym(name) for name, shown in published)
        )

    @property
    def hides_names(self) -> bool:
        return self._key is not None

    def add_names(self, written: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Adds author names that are to be hidden in all revisions of a record. `written` contains pairs of the
        record's identifier and names. The author of one revision may be mentioned in the text of another.
        """
        for identifier, names in written:
            self._others.setdefault(identifier, []).extend(names)

    def add_organizations(self, written: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Adds the authors of a record, in any of its revisions, that are organizations. Their names are not
        replaced. `written` contains pairs of the record's identifier and names.
        """
        self._organizations.update((identifier, frozenset(names)) for identifier, names in written)

    def _replace_names(self, text: str, names: tuple[str, ...]) -> str:
        """Replaces the names in a text by their pseudonyms. If several names match at one position, the first in
        `names` is used.
        """
        if not names:
            return text
        return _names_pattern(names).sub(lambda found: self._pseudonym(names[(found.lastindex or 1) - 1]), text)

    def _pseudonym(self, name: str) -> str:
        assert self._key is not None
        if name not in self._names:
            self._names[name] = pseudonym(self._key, name)
        return self._names[name]


_WITH_CONTACTS = tuple(dict.fromkeys((*WRITTEN, *PERSONS, *sorted(AUTHOR_FIELDS))))
_BESIDE_BODY = tuple(name for name in _WITH_CONTACTS if name != "body")


def count_replacements(record: Mapping[str, Any], published: Mapping[str, Any]) -> Counter[str]:
    """Counts the e-mail addresses and telephone numbers (EMAIL, TELEPHONE) that were replaced in the published values
    of a record, compared with `record` as archived.
    """
    counts: Counter[str] = Counter()
    for name in (*_WITH_CONTACTS, "excerpt"):
        before, after = (_as_text(one.get(name)) for one in (record, published))
        if after and after != before:
            for kind in (EMAIL, TELEPHONE):
                counts[kind] += max(after.count(kind) - before.count(kind), 0)
    return +counts


def _as_text(value: Any) -> str:
    return "\n".join(value) if isinstance(value, list) else value or ""


def _marked_ranges(record: Mapping[str, Any], where: tuple[str | None, ...]) -> tuple[Ranges, Ranges]:
    """Returns the ranges of a record's body that are code, and those that link to a telephone number. Code in a line
    that is nothing but a contact is left out. `where` are the regions (ISO 3166 codes) whose national telephone numbers
    are recognized; None stands for numbers in international form.
    """
    body = record.get("body") or ""
    marks = unpack_marks(record.get("markup"), len(body))
    code = [
        (m.offset, m.end)
        for m in marks
        if m.kind == "pre" or (m.kind == "code" and not _is_only_contact(body[m.offset : m.end].strip(), where))
    ]
    return code, [(m.offset, m.end) for m in marks if m.kind == "a" and _DIALLED.match(m.value)]


def _is_only_contact(text: str, where: tuple[str | None, ...]) -> bool:
    return any((one.start, one.end) == (0, len(text)) for one in find_contacts(text, where))


_DIALLED = re.compile(
    r"(?:tel|sms|callto|whatsapp):|(?:https?://)?(?:wa\.me/|(?:\w+\.)?whatsapp\.com/send|signal\.me/)", re.I
)
"""Matches the beginning of a link to a telephone number."""


def _is_contact_link(url: object = "") -> bool:
    return isinstance(url, str) and (is_contact(url) or _DIALLED.match(url) is not None)


def _change_fields(record: dict[str, Any], names: Iterable[str], change: Callable[[str], str]) -> None:
    """Applies the function `change` to the fields `names` of a record in place; in lists, to each item."""
    for name in names:
        value = record.get(name)
        if value:
            record[name] = list(map(change, value)) if isinstance(value, list) else change(value)


@lru_cache(maxsize=256)  # the cache may be small because most sites have few authors
def _names_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """Returns a regular expression that matches any of the names and contains one group for each name."""
    return re.compile("|".join(f"({_name_pattern(name)})" for name in names), re.IGNORECASE)


def _name_pattern(name: str) -> str:
    """Returns a regular expression for a name as it may be written in texts.

    Any punctuation and spaces may separate its words (O'Neil, Jean-Luc), and it may be inflected (Ada Bergs). In
    scripts without spaces, other words may directly precede and follow the name. In Korean, particles may directly
    follow it.
    """
    words = [word for word in SEPARATORS.split(name) if word]
    if len("".join(words)) < 2:  # the name is too short, so return a pattern that matches nothing
        return "(?!)"
    written = r"[\W_]{1,3}".join(map(re.escape, words))
    if _UNSPACED.search(name):
        return written
    inflected = r"\w{0,3}" if len(words) > 1 or _HANGUL.search(name) else "s?" if len(name) > 2 else ""
    return rf"(?<!\w){written}{inflected}(?!\w)"


def has_name(text: str, names: Iterable[str]) -> bool:
    """Returns True if a text has one of the names, in a form that `Pseudonymizer` replaces."""
    folded = text.casefold()
    for name in names:
        first = next(filter(None, SEPARATORS.split(name)), "")
        if first and first.casefold() in folded and re.search(_name_pattern(name), text, re.IGNORECASE):
            return True
    return False


# E-mail addresses and telephone numbers in texts.

EMAIL, TELEPHONE = "[e-mail]", "[telephone]"
MEASURED = (
    "On 273 invented lines from eighteen countries, with telephone numbers beside names of persons and with numbers "
    "that only look like telephone numbers, every replaced number was a telephone number (precision 1.00), and 97 of "
    "100 telephone numbers were replaced (recall 0.97)"
)
"""How well telephone numbers beside names are found, as dataset cards state it."""
# E-mail addresses, including the forms in which pages hide them from robots: "name (at) example.org", "name [at]
# example [dot] org".
_AT = r"(?:[@＠]|\s?[\[({]\s?(?:at|ät|arroba|@)\s?[\])}]\s?)"
_DOT = r"(?:\.|\s?[\[({]\s?(?:dot|punkt|punto|point|\.)\s?[\])}]\s?)"
# Letters of scripts without spaces, and Korean particles, stand directly beside an address and are not part of it.
_OF_ADDRESS = rf"[^\W{UNSPACED}\uac00-\ud7a3]"
_EMAIL = re.compile(
    rf"(?<![.+@-])(?<!{_OF_ADDRESS})(?:{_OF_ADDRESS}|[.+%-]){{1,64}}{_AT}(?:(?:{_OF_ADDRESS}|-){{1,63}}{_DOT}){{1,8}}"
    rf"(?:(?![\d_]){_OF_ADDRESS}){{2,24}}(?!{_OF_ADDRESS}|-)",
    re.IGNORECASE,
)
# Texts that look like an e-mail address but are not one: the remote of a repository (git@host:owner/name), a login in a
# command or a URL, the name of an image file (logo@2x.png), and the examples of manuals (user@example.com, RFC 2606).
_REMOTE_PATH = re.compile(r":[\w~./-]*/[\w~.-]")
_LOGIN = re.compile(r"(?:://\S*|\b(?:ssh|scp|sftp|rsync|mosh)\s(?:-\S+\s+(?:\d+\s+)?)*)\Z")
_IMAGE_FILE = re.compile(r"@\d(?:\.\d)?x\.[a-z]{3,4}\Z", re.IGNORECASE)
_EXAMPLE = re.compile(
    r"(?:x+|foo|bar|me|you|your[\w.-]*|user(?:name)?|name|someone|somebody|test|email|mail|example)\s?\S?(?:@|at)\S?\s?"
    r"(?:[\w-]+\.)*(?:example\.(?:com|net|org)|(?:example|test|invalid|localhost))\Z",
    re.IGNORECASE,
)

_LABELS = {
    "ar": (
        "*هاتف*, *تلفون*, *جوال*, *موبايل*, *فاكس*, *واتساب*, *واتس اب*",
        "*اتصل*, *اتصال*, *للتواصل*, رقم, *للاستفسار*, *للحجز*",
    ),
    "bg": (
        "тел, телефон*, моб, мобилен, факс*, gsm",
        "обадете се, обаждайте се, звъннете, справки, контакти, информация",
    ),
    "bn": ("ফোন, মোবাইল, টেলিফোন, ফ্যাক্স, হোয়াটসঅ্যাপ", "কল করুন, যোগাযোগ"),
    "ca": ("telèfon*, mòbil", "truqueu, trucar, truca, informació, reserves, contacte"),
    "cs": (
        "tel, telefon*, mobil*, fax*, infolinka, linka",
        "volejte, zavolejte, volat, informace, info, rezervace, kontakt*, objednávky",
    ),
    "da": ("tlf, tlf.nr, telefon*, mobil*, fax*", "ring, ringe, kontakt, tilmelding, information, info"),
    "de": (
        (
            "tel, telefon*, *telefon, fon, mobil*, handy*, *hotline, fax*, telefax*, festnetz, funk, rufnummer*, "
            "durchwahl"
        ),
        (
            "anruf*, rufen, ruf, erreichen, erreichbar, wählen, melden, auskunft, auskünfte, anmeldung*, info, "
            "infos, information*, kontakt*, reservierung*, rückfragen"
        ),
    ),
    "el": (
        "τηλ, τηλέφων*, τηλεφων*, κιν, κινητό, φαξ",
        "καλέστε, καλεστε, τηλεφωνήστε, επικοινων*, πληροφορίες, πληροφοριες, κρατήσεις, επικοινωνία",
    ),
    "en": (
        (
            "tel, tels, telephone*, phone*, cellphone*, ph, mobile, mob, cell, fax, landline, hotline*, helpline*, "
            "infoline, whatsapp, viber, sms, toll-free, freephone, tollfree, switchboard, voicemail, reception, "
            "dial"
        ),
        (
            "call, calls, calling, ring, text, contact, reach, reached, reachable, signal, message, rsvp, info, "
            "information, enquiries, inquiries, bookings, booking, reservations, contacts, helplines"
        ),
    ),
    "es": (
        "teléfono*, telefono*, tfno, tlf, tlfno, telf, móvil, movil, celular, cel, fax, fono, conmutador",
        (
            "llame*, llámenos, llamar, llamando, marque, contacto, información, informacion, informes, reservas, "
            "reservaciones, inscripciones, comunicarse, comuníquese, contactar"
        ),
    ),
    "et": ("telefon*, tel, mob, faks", "helista*, info, kontakt*, broneeri*"),
    "fa": ("*تلفن*, *موبایل*, *همراه*, *فکس*, نمابر, واتساپ", "*تماس*, شماره, اطلاعات"),
    "fi": (
        "puh, puhelin*, gsm, matkapuhelin*, faksi",
        (
            "soita, soittaa, soittamalla, numeroon, lisätiedo*, tiedustelut, yhteystiedot, yhteydenotot, "
            "ilmoittautumi*, varaukset, info"
        ),
    ),
    "fr": (
        "tél, tel, téléphone*, telephone*, portable, mobile, mob, fax, télécopie",
        (
            "appel*, joindre, contact, joignable*, contacter, contactez, rens, renseignement*, info, infos, "
            "informations, réservation*, réserver, inscription*"
        ),
    ),
    "he": ("טל, *טלפון*, *נייד*, *פקס*, *וואטסאפ*", "*התקשרו*, *חייגו*, *לפרטים*, *להזמנות*, *לבירורים*"),
    "hi": (
        "फ़ोन, फोन, टेलीफोन, टेलीफ़ोन, दूरभाष, मोबाइल, फैक्स, व्हाट्सएप, व्हाट्सऐप",
        "कॉल, संपर्क, सम्पर्क, जानकारी",
    ),
    "hr": (
        "tel, telefon*, mob, mobitel*, mobilni, fax, faks",
        "nazovite, zvati, pozovite, kontakt, informacije, info, rezervacije",
    ),
    "hu": ("tel, telefon*, mobil*, fax*", "hívj*, hívható, hívás, információ*, jelentkez*, kapcsolat, érdeklőd*"),
    "hy": ("հեռ, հեռախոս*, բջջ, ֆաքս", "զանգահարե*"),
    "id": (
        "telp, tlp, telepon, telpon, no. hp, ponsel, faks, wa",
        "hubungi, menghubungi, kontak, informasi, info, pemesanan, reservasi",
    ),
    "it": (
        "tel, telefono*, cell, cellulare, fax, numero verde, centralino",
        "chiama*, telefonare, telefonate, contatt*, info, informazioni, prenotazion*, prenotare, rivolgersi",
    ),
    "ja": (
        "電話, ＴＥＬ, 携帯, 代表, ＦＡＸ, ファックス, ファクス, フリーダイヤル, 内線",
        "お問い合わせ, 問い合わせ先, 連絡先, まで, 予約, 問合せ, 問い合せ, 申し込み, 申込",
    ),
    "ka": ("ტელ*, მობ*, ფაქსი", "დარეკ*, დაგვირეკ*"),
    "kn": ("ಫೋನ್, ದೂರವಾಣಿ, ಮೊಬೈಲ್", "ಕರೆ, ಸಂಪರ್ಕ"),
    "ko": ("전화, 휴대폰, 휴대전화, 핸드폰, 팩스, 연락처", "문의, 연락, 예약, 상담, 신청"),
    "lt": ("tel, telefon*, mob, faks*", "skambin*, informacija, registracija, kontaktai"),
    "lv": ("tālr, tālrun*, tel, mob, fakss", "zvan*, informācija, pieteikšan*, kontakti"),
    "ml": ("ഫോൺ, മൊബൈൽ", "വിളിക്കുക, ബന്ധപ്പെടുക"),
    "mr": ("दूरध्वनी, मोबाईल, भ्रमणध्वनी", "संपर्क"),
    "ms": ("tel, telefon, faks", "hubungi"),
    "nl": (
        "tel, telefoon*, mobiel, gsm, fax, telefoonnummer",
        "bel, bellen, belt, info, informatie, reserver*, aanmeld*, contact, inlichtingen",
    ),
    "no": ("tlf, telefon*, mob, mobil*, faks", "ring, ringe, påmelding, informasjon, kontakt"),
    "pl": (
        "tel, telefon*, kom., komórk*, infolini*, faks*",
        "dzwoń*, zadzwoń*, dzwonić, zadzwonić, pod numer*, informacj*, info, zapisy, rezerwacj*, kontakt*",
    ),
    "pt": (
        "tel, telefone*, tlm, telemóvel, telemovel, celular, fone*, fax",
        (
            "ligue, ligar, liga, ligando, contato, contacto, contate, contacte, informações, info, reservas, "
            "inscrições, contatos, contactos"
        ),
    ),
    "ro": ("tel, telefon*, mobil, fax", "suna*, apela*, sunați, informații, rezervări, contact, programări"),
    "ru": (
        "тел, телефон*, моб, мобильный, сот, факс*, ватсап, вотсап, вацап",
        "звони*, позвони*, звонок, набери*, справк*, запись, контакт*, информация, бронирован*, по номеру",
    ),
    "sk": ("tel, telefón*, mobil*, fax", "volajte, zavolajte, informácie, info, rezervácie, kontakt*"),
    "sl": ("tel, telefon*, gsm, mobi*, faks", "pokličite, kličite, informacije, info, prijave, rezervacije"),
    "sr": (
        "тел, телефон*, моб, мобилни, факс",
        "позовите, pozovite, информације, контакт, informacije, kontakt, rezervacije",
    ),
    "sv": (
        "tel, tfn, telefon*, mobil*, mobilnr, fax, växel*",
        "ring, ringa, sms:a, kontakta, info, information, bokning*, boka, anmälan, upplysningar",
    ),
    "sw": ("simu", "piga, wasiliana"),
    "ta": ("தொலைபேசி, போன், கைபேசி, மொபைல்", "அழைக்க, தொடர்பு"),
    "te": ("ఫోన్, మొబైల్", "సంప్రదించ, కాల్"),
    "th": ("โทรศัพท์, โทร, มือถือ, แฟกซ์, โทรสาร", "ติดต่อ, สอบถาม, จอง"),
    "tr": (
        "tel, telefon*, gsm, cep, faks, numaralı hat*",
        "arayın*, arayabilir*, arayarak, ulaşabilir*, çağrı merkezi, bilgi, rezervasyon, iletişim, irtibat",
    ),
    "uk": (
        "тел, телефон*, моб, мобільний, факс*",
        "телефонуйте, дзвоні*, зателефону*, довідк*, контакт*, запис, бронювання, за номером",
    ),
    "ur": ("*فون*, *موبائل*, *فیکس*", "*رابطہ*, *کال*"),
    "vi": ("điện thoại, đường dây nóng, đt, đtdđ, sđt, di động, fax", "gọi, liên hệ, đặt chỗ, thông tin"),
    "zh": (
        ("电话, 電話, 手机, 手機, 传真, 傳真, 热线, 熱線, 座机, 联系方式, 微信同号, 专线, 致电, 致電, 拨打, 撥打"),
        "联系, 聯絡, 咨询, 预约, 預約, 报名, 報名, 查询, 查詢",
    ),
}
"""Words before or after a telephone number, by language: names of telephones, and words for calling, which prove less.
`*` stands for further letters. The languages are not told apart, since pages mix them."""
_OTHER_NUMBERS = (
    "isbn*, issn, ismn, iban, bic, blz, doi, pmid, pmcid, arxiv, oclc, ean, upc, gtin*, sku, asin, orcid, vat, "
    "ust-id*, ust-idnr, ustid*, uid, steuernummer, st.-nr, hrb, hra, siren, siret, tva, nif, cif, nip, regon, krs, "
    "pesel, cnpj, cpf, rut, инн, огрн*, кпп, окпо, бик, ein, abn, acn, gst, pan, cin, order, orders, invoice, "
    "account*, acct, konto*, bestell*, artikel*, art.-nr, model*, modell*, serial*, seriennummer, part, item, "
    "version, ver, build, commit, rev, revision, rfc, cve, cas, ticket, case, issue, bug, pull request, ref, "
    "reference, référence, id, uid, pid, tid, pin, zip, plz, postcode, icq, qq, port, error, code, license, "
    "licence, patent*, registration, reg, matrikel*, commande, facture, pedido, factura, fattura, ordine, p.iva, "
    "partita iva, compte, cuenta, cuit, zamówieni*, faktur*, заказа, счёт*, счет*, р/с, артикул, договор*, 订单*, "
    "訂單*, 编号*, 編號*, 账号*, 帳號*, 单号*, 統一編號, 邮编, 备案*, 许可证*, 口座*, 登録番号, 注文番号, 品番, "
    "型番, 郵便番号, 계좌*, 주문번호, 등록번호*, 사업자*, 운송장*, 우편번호, seed, checksum, hash, timestamp, "
    "size, total, sum, batch, lot, tracking, sendungsnummer, wallet, block, isrc, nct, gene, vin, imei, سفارش, "
    "حساب, הזמנה, ח.פ, ऑर्डर, sipariş*, objednávk*, ičo, ico, dič, adószám*, cégjegyzék*, y-tunnus, org.nr, orgnr, "
    "organisationsnummer, cvr*, kvk*, btw*, bsn, afm, αφμ, α.φ.μ, edrpou, єдрпоу, бин, иин, npwp, mst"
)
"""Words before a number that is not a telephone number."""
_FILLERS = (
    "no, nos, nr, nro, n°, nº, num, number, numbers, nummer, nummern, numéro, numéros, número, números, numero, "
    "numeri, numer, numerem, číslo, číslom, čísle, broj, број, номер, номеру, номера, номером, szám, számon, "
    "numara, numarası, số, nomor, nombor, αριθμός, αριθμό, αριθμο, رقم, الرقم, على, شماره, מספר, במספר, नंबर, "
    "नम्बर, संख्या, নম্বর, எண், หมายเลข, เบอร์, 번호, 番号, 番, 号码, 號碼, 号, 是, 为, 為, 至, 到, は, 는, 은, "
    "at, on, us, me, him, her, them, is, the, now, today, our, my, or, and, by, via, to, free, line, office, work, "
    "home, direct, unter, der, dem, die, uns, mich, an, bei, sie, bitte, auf, und, oder, au, aux, le, la, les, du, "
    "nous, ou, al, el, los, nos, a, en, para, o, pelo, ao, lo, allo, il, ci, op, met, naar, het, ons, på, til, "
    "till, pod, na, nam, nás, do, po, по, на, нам, или, в, στο, στον, στα, +, pe, la, az, tel, phone, telefon, "
    "telefone, telefono, teléfono, mobile, fax, व, पर, में, है, को"
)
"""Words that may stand between a label and its telephone number."""


def _alternatives(words: Iterable[str]) -> str:
    """Returns a regular expression for words; `*` stands for further letters. Words of scripts without spaces, and of
    Indic scripts, may be part of a longer run of letters.
    """
    found = []
    for word in sorted({word.strip() for one in words for word in one.split(", ")}, key=lambda one: (-len(one), one)):
        pattern = re.escape(word).replace(r"\*", r"[^\W\d_]{0,12}").replace(r"\ ", r"\s")
        if word.strip("*")[0] < "\u0900":
            pattern = rf"(?<![^\W\d_]){pattern}(?![^\W\d_])"
        found.append(pattern)
    return "|".join(found)


@dataclass(frozen=True, slots=True)
class Contact:
    """An e-mail address or telephone number in a text: its range, and EMAIL or TELEPHONE."""

    start: int
    end: int
    kind: str


Ranges = Sequence[tuple[int, int]]


class _Evidence(IntEnum):
    """How strongly the surroundings of a number show that it is a telephone number.

    - AGAINST: a label names it as another number ("Order 12345678").
    - NEAR: a word for telephones or calling is a few words away.
    - CALLED: a word for calling, or another contact, is beside it.
    - NEXT: a word for telephones is beside it.
    - MARKED: a label ("Tel.:", ☎) or a link names it as one.
    """

    AGAINST = -1
    NONE = 0
    NEAR = 1
    CALLED = 2
    NEXT = 3
    MARKED = 4


_NAMES, _CALLS = (_alternatives(words[n] for words in _LABELS.values()) for n in (0, 1))
_FILLER_WORDS = _alternatives([_FILLERS])
# A single letter is a label at the start of a line or after a separator: "T: 020 ...", "M. 06 ...".
_LABEL = lazy_regex(
    rf"{_NAMES}|(?:^|[\n|•·,;/(–—])\s*[TtFfMmPpHh]\s?[:.]|"
    r"[\u260e\u260f\u2706\u2121\U0001f4de\U0001f4f1\U0001f4e0\U0001f57f\U0001f581]",
    re.I,
)
_CALL = lazy_regex(_CALLS, re.I)
_OTHER = lazy_regex(_alternatives([_OTHER_NUMBERS]), re.I)
_FILLER = lazy_regex(rf"(?:[\s:：.,()\[\]/|*_#\"'“„«\ufe0f\u200e\u200f-]|{_FILLER_WORDS})*+", re.I)
_FILLER_END = lazy_regex(rf"(?:[\s,:：(（–—-]|(?<=\s)(?:{_FILLER_WORDS})(?=\s))*\Z", re.I)
_LABEL_AFTER = lazy_regex(
    rf"\s{{0,2}}[(（\[]?\s?(?:{_NAMES})|[^\d,;:.!?\n\[|]{{0,24}}?(?:{_NAMES}|{_CALLS})(?!\s?[:：.]?\s?[\d+(])", re.I
)
_JOINT = lazy_regex(
    r"\s*(?:[,;/|&·、，]|(?:or|oder|ou|o|ó|y|und|and|et|e|i|и|или|або|veya|ve|och|eller|og|en|of|lub|nebo|alebo|sau|vagy|"
    r"tai|ή|või|arba|vai|hoặc|atau|או|یا|أو|या|বা)(?!\w)|หรือ|또는|または|或)?\s*(?:e-?mail:?\s)?",
    re.I,
)
"""Matches what may stand between two contacts."""


# A copy of the text in which numbers are searched: digits of all scripts are ASCII digits, and spaces, dashes, brackets
# and invisible characters that occur in numbers have one form. Each character keeps its place.
_SAME = {
    **dict.fromkeys(map(ord, "\u00a0\u2000\u2002\u2003\u2005\u2007\u2008\u2009\u200a\u202f\u3000\t"), " "),
    **dict.fromkeys(map(ord, "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069"), " "),
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc\uff0d"), "-"),
    ord("（"): "(",
    ord("）"): ")",
    ord("＋"): "+",
    ord("／"): "/",
    ord("．"): ".",
    ord("："): ":",
}


@cache
def _plain_characters() -> dict[int, str]:
    digits = ((n, chr(n)) for n in range(128, sys.maxunicode + 1))
    return {**{n: str(unicodedata.decimal(one)) for n, one in digits if one.isdecimal()}, **_SAME}


_RUN = re.compile(r"(?:\(?\+ ?\(?|\()?\d(?:(?: ?[-./] ?| ?\(| ?\) ?[-./]? ?\(?| )?\d){5,}")
"""Matches a run of at least six digits with the separators of telephone numbers."""
_EXTENSION = re.compile(
    r"[ ,]{0,2}(?:ext|extn|extension|x|durchwahl|dw|poste|int|interno|anexo|ramal|доб|вн|wew|klapka|toestel|内線|"
    r"分机|轉|转|내선)\.?:? ?\d{1,6}(?!\w)",
    re.IGNORECASE,
)
_PROTECTED = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,15}://\S+|\bwww\.\S+|(?<![\w/])~?/(?:[\w.-]{1,80}+/)++[\w.-]*|"
    r"\b[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,8}+/\S*",
    re.IGNORECASE,
)
"""Matches URLs and paths."""
_DIALLING = re.compile(
    r"(?:\btel:|\bsms:|\bcallto:|wa\.me/|whatsapp\.com/send/?\?phone=|signal\.me/#p/|\bwhatsapp:[^\s\d]*)(?=\+?\d)",
    re.IGNORECASE,
)
"""The parts of URLs that a telephone number follows."""
_DATE = re.compile(
    r"(?:1[5-9]|20)\d\d ?[-./] ?[01]?\d ?[-./] ?[0-3]?\d(?!\d)|"
    r"[0-3]?\d ?[-./] ?[0-3]?\d ?[-./] ?(?:1[5-9]|20)\d\d(?!\d)|"
    r"(?:1[5-9]|20)\d\d ?[-/] ?(?:1[5-9]|20)\d\d\Z|(?:19|20)\d\d[01]\d[0-3]\d(?:\d{4}|\d{6})?\Z|"
    r"[0-3]?\d([./-])[01]?\d\1\d\d\Z|\d\d([./-])[01]\d\2[0-3]\d\Z"
)
_DECIMAL = re.compile(r"[+(]*\d+\.\d+\Z")
_VERSION = re.compile(r"\d+(?:\.\d+)*\.\d(?:\.\d+)*\Z")
_UNIT = re.compile(
    r" ?(?:[%‰°€$£¥₹₽₩₺₴₫฿×*^]|(?:"
    r"eur|euros?|usd|dollars?|gbp|chf|jpy|cny|rub|inr|pln|czk|sek|nok|dkk|huf|km²?|m²|mm|cm|kg|mg|ms|"
    r"ns|µs|sec|seconds?|min|hz|khz|mhz|ghz|[kmgt]i?b|bytes?|bits?|px|pixels?|dpi|fps|kwh?|mw|rows?|lines?|users?|people|"
    r"million|times|points?|votes?|views|copies|units|items|records|requests|руб\w*|грн|тыс\w*|млн|zł|kč|kr|元|円|人|次|万|萬|億|亿|件|"
    r"個|个|名|원|명|개)(?![^\W\d_]))",
    re.IGNORECASE,
)
_LOG_LINE = re.compile(r"\d\d:\d\d:\d\d|^\[?\d{4}/\d{6}|\b(?:DEBUG|INFO|WARN|WARNING|ERROR|FATAL|TRACE)\b")
_LIMITS = frozenset(str(n) for bits in (31, 32, 63, 64) for n in (2**bits - 1, 2**bits))
_NUMBER_WORD = re.compile(
    r"[\s:：.,#№()\[\]=\"'*_-]*(?:(?:no|nos|nr|num|number|nummer|numéro|número|numero|numer|číslo|broj|номер|szám|numara|"
    r"numarası|n[°º]|رقم|شماره|מספר|番号|号码|號碼|号|번호)(?![^\W\d_])[\s:：.,#()-]*)?",
    re.IGNORECASE,
)
"""What may stand between the name of another kind of number and the number."""
_STREET = (
    r"\b(?:st|street|ave|avenue|road|rd|blvd|dr|drive|lane|suite|square|way|rue|place|quai|calle|avenida|av|rua|travessa|"
    r"via|piazza|viale|plaza|ulica|ul|ulice|utca|str|strada|улица|ул|вул|просп|cad|cd|sok)\b|(?:stra(?:ße|sse|at)|str\.|"
    r"platz|weg|gata?n|vägen|gade|vej|veien|katu)(?!\w)|丁目|番地|[路街](?=[\d０-９])"
)
_BLOCK = re.compile(
    rf"^(?=.*\d).*(?:{_STREET})|@|\[e-mail\]|\[telephone\]|\+\d|https?://|www\.|\b\d{{4,6}} [^\W\d_]{{3,}}",
    re.IGNORECASE,
)
"""Matches the other lines of a block of contacts: a street, an e-mail address, a URL, a number, a postal code with its
town."""
_WINDOW, _NEARBY = 48, 300
"""How many characters before and after a number are read for labels, and for its line and block."""
_LONGEST = 40
"""The greatest length of a telephone number with its separators."""


def find_contacts(
    text: str, where: Iterable[str | None] = (None,), code: Ranges = (), linked: Ranges = ()
) -> list[Contact]:
    """Returns the e-mail addresses and telephone numbers in a text, in order.

    - `where`: regions (ISO 3166 codes) whose national telephone numbers the text may contain; None for no region.
    - `code`: ranges of the text that are code; they have no contacts.
    - `linked`: ranges of the text that link to a telephone number.
    """
    code = _in_order(code)
    found = [
        Contact(m.start(), m.end(), EMAIL)
        for m in (_EMAIL.finditer(text) if _MAYBE_EMAIL.search(text) else ())
        if not _overlaps(m.span(), code) and _is_email(text, m)
    ]
    if not _MAYBE_NUMBER.search(text):
        return found
    plain = text if text.isascii() and "\t" not in text else text.translate(_plain_characters())
    if _RUN.search(plain):
        found += _TelephoneFinder(text, plain, tuple(where), code, linked, found).find()
    return sorted(found, key=lambda one: one.start)


_MAYBE_EMAIL = re.compile(r"[@＠]|[\[({]\s?(?:[aAäÄ][tT]|[aA][rR]{2})")
_MAYBE_NUMBER = re.compile(r"\d(?:\D{0,6}\d){5}")


def remove_contacts(text: str, where: Iterable[str | None] = (None,), code: Ranges = (), linked: Ranges = ()) -> str:
    """Replaces the e-mail addresses and telephone numbers in a text by EMAIL and TELEPHONE. The parameters are those of
    `find_contacts`.
    """
    for one in reversed(find_contacts(text, where, code, linked)):
        text = f"{text[: one.start]}{one.kind}{text[one.end :]}"
    return text


def _overlaps(span: tuple[int, int], ranges: Ranges) -> bool:
    """Returns True if a range overlaps one of the others, which are in order and apart (`_in_order`)."""
    n = bisect_left(ranges, span[1], key=lambda one: one[0])
    return n > 0 and ranges[n - 1][1] > span[0]


def _in_order(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Returns the ranges in order, with those that overlap as one."""
    out: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


def _is_email(text: str, found: re.Match[str]) -> bool:
    before = text[max(found.start() - _WINDOW, 0) : found.start()]
    return not (
        _REMOTE_PATH.match(text, found.end())
        or _LOGIN.search(before)
        or _IMAGE_FILE.search(found[0])
        or _EXAMPLE.fullmatch(found[0])
    )


class _TelephoneFinder:
    """Finds the telephone numbers of one text. `plain` is the text with all digits written as 0 to 9 and all kinds of
    spaces and hyphens written alike, of the same length. `where`, `code` and `linked` are as in `find_contacts`;
    `emails` are the e-mail addresses in the text.
    """

    def __init__(
        self, text: str, plain: str, where: tuple[str | None, ...], code: Ranges, linked: Ranges, emails: list[Contact]
    ) -> None:
        self._text, self._plain = text, plain
        self._regions = tuple(region for region in where if region)
        self._linked = _in_order(linked)
        addresses = (m.span() for m in _PROTECTED.finditer(plain))
        self._never = _in_order([*code, *((one.start, one.end) for one in emails), *addresses])
        self._dialled = {m.end() for m in _DIALLING.finditer(plain)}
        # A placeholder in the text was a telephone number, so that removing numbers twice changes nothing.
        self._ends = {m.end() for m in re.finditer(re.escape(TELEPHONE), text)}
        written = [*((one.start, one.end) for one in emails), *(m.span() for m in re.finditer(re.escape(EMAIL), text))]
        self._email_ends = {end for _, end in written}

    def find(self) -> list[Contact]:
        found: dict[int, Contact] = {}
        self._known = sorted(self._ends | self._email_ends)
        while more := [one for one in self._pass() if one.start not in found]:
            found |= {one.start: one for one in more}
            self._ends |= {one.end for one in more}
            self._known = sorted(self._ends | self._email_ends)
        return list(found.values())

    def _pass(self) -> Iterator[Contact]:
        at = 0
        while run := _RUN.search(self._plain, at):
            end = self._number_end(run)
            if end:
                start = run.start() + (
                    run[0][0] == "(" and run[0].count("(") > self._plain.count(")", run.start(), end)
                )
                yield Contact(start, end, TELEPHONE)
            at = end or run.end()

    def _number_end(self, run: re.Match[str]) -> int:
        """Returns where the telephone number at the start of a run ends; 0 if the run does not start with one."""
        start, written = run.start(), run[0]
        is_dialled = start in self._dialled
        if not is_dialled and (_overlaps(run.span(), self._never) or not self._can_start(start)):
            return 0
        evidence = _Evidence.MARKED if is_dialled or _overlaps(run.span(), self._linked) else self._evidence(run)
        is_international = "+" in written[:2]
        if (evidence is _Evidence.AGAINST and not is_international) or (
            evidence < _Evidence.MARKED and _LOG_LINE.search(self._text[slice(*self._line(start))])
        ):
            return 0
        names, is_apart = self._names_beside(start, run.end()) if evidence < _Evidence.CALLED else (0, False)
        is_listed = written[0] == "(" or (evidence is _Evidence.NONE and self._is_in_contact_block(start, run.end()))
        ends = [start + m.end() for m in re.finditer(r"\d(?= |\Z)", written) if m.end() < _LONGEST][::-1]
        if evidence < _Evidence.MARKED and not is_international:  # digits that follow are not of another number
            ends = [end for end in ends if not re.match(r" \d", self._plain[end : end + 2])]
        for is_strict in (True, False):
            for end in ends:
                number = self._plain[start:end]
                if _is_other_number(number, evidence) or not (is_dialled or self._can_end(start, end)):
                    continue
                digits = sum(map(str.isdigit, number))
                if is_international:
                    before = self._plain[max(start - 3, 0) : start].rstrip(" ")
                    is_sum = re.search(r"\+ ", number[:3]) or (before[-1:].isdigit() and number[1:].isdigit())
                    is_found = (
                        (evidence >= _Evidence.CALLED or not (is_sum or _DECIMAL.match(number)))
                        and (is_valid_telephone(number, None) or _has_international_form(number))
                        if is_strict
                        else evidence is _Evidence.MARKED and 8 <= digits <= 15
                    )
                elif is_strict:
                    is_found = (digits > 6 or evidence is _Evidence.MARKED) and any(
                        is_valid_telephone(number, region)
                        and _is_used(number, region, evidence, names, is_apart=is_apart, is_listed=is_listed)
                        for region in self._regions
                    )
                else:
                    is_usual = number[0] in "0(" and 9 <= digits <= 11 and digits < len(number)
                    is_found = (evidence >= _Evidence.CALLED and is_usual) or (
                        evidence is _Evidence.MARKED and 6 <= digits <= 15
                    )
                if is_found:
                    more = _EXTENSION.match(self._plain, end)
                    return more.end() if more else end
        return 0

    def _names_beside(self, start: int, run_end: int) -> tuple[int, bool]:
        """Returns how many words of a name are beside a number ("Jane Doe (08x)", "08x Jane Doe"), and whether the
        number is set apart from the text before it.
        """
        first, last = self._line(start)
        before = self._text[max(first, start - _WINDOW) : start]
        before = before if before.strip() else self._line_before(first)
        words = _without_fillers(before).split()
        names = _words_of_name(words)
        if after := _NAME_AFTER.match(self._text, run_end, last):
            names = max(names, _words_of_name(after[1].split()[::-1]))
        if _OTHER.search(" ".join(words[-names - 1 :])):
            return 0, False
        return names, before.rstrip(" ").endswith(tuple(",:：(（–—-")) or self._plain[start] == "("

    # The surroundings of a number.

    def _line(self, at: int) -> tuple[int, int]:
        """Returns the range of the line at an offset, or of its part near the offset if it is long."""
        near, far = max(at - _NEARBY, 0), min(at + _NEARBY, len(self._text))
        start, end = self._text.rfind("\n", near, at) + 1, self._text.find("\n", at, far)
        return start or near, far if end < 0 else end

    def _can_start(self, start: int) -> bool:
        """Returns True if the character before a number may precede a telephone number."""
        before = self._plain[max(start - 2, 0) : start]
        if not before or before[-1].isspace() or start in self._ends:
            return True
        last, one_before = before[-1], before[:-1]
        if last.isalpha():
            return last >= "\u0600"
        if last in ".,:-/":
            return (last == ":" and not one_before.isdigit()) or one_before.isspace()
        return last in "([{\"'|*;=!" or (last > "\u00a0" and not last.isalnum() and last not in "€£¥₹₽₩₺₴×÷−§№µ")

    def _can_end(self, start: int, end: int) -> bool:
        """Returns True if the text after a number may follow a telephone number."""
        after = self._plain[end : end + 2]
        if after[:1].isalnum() and (after[0] < "\u0600" or after[0].isdigit()):
            return _EXTENSION.match(self._plain, end) is not None
        if after[:1] == "_" or (after[:1] in ".,:-/×*+=@\\" and after[1:].isalnum() and after[1:] < "\u0600"):
            return False
        is_international = self._plain[start] == "+" and any(one in self._plain[start:end] for one in " -./")
        return is_international or not _UNIT.match(self._plain, end)

    def _evidence(self, run: re.Match[str]) -> _Evidence:
        """Returns how strongly the words before and after a run of digits show that it is a telephone number."""
        start = run.start()
        first, last = self._line(start)
        place = bisect_right(self._known, start)
        known = max(first, self._known[place - 1] if place else first)
        window_start = max(known, start - _WINDOW)
        before = self._text[window_start:start]
        if known > first and window_start == known and _JOINT.fullmatch(before):
            return _Evidence.CALLED
        label = _last_match(_LABEL, before)
        call = _last_match(_CALL, before)
        other = _last_match(_OTHER, before)
        best = max((m for m in (label, call) if m), key=lambda m: m.end(), default=None)
        if other and (best is None or other.end() > best.end()) and _NUMBER_WORD.fullmatch(before, other.end()):
            return _Evidence.AGAINST
        if best is None or "=" in before[best.end() :]:
            return _Evidence.NEAR if self._is_label_after(run, last) else _Evidence.NONE
        gap = before[best.end() :]
        called = [word for word in _without_fillers(gap).split() if not _FILLER.fullmatch(word)]
        if called and _words_of_name(called) == len(called):
            return _Evidence.CALLED
        if _FILLER.fullmatch(gap):
            is_marked = re.search(r"[:：.#)]|\w|\n", gap) or not best[0][-1].isalnum() or not gap
            return _Evidence.CALLED if best is call else _Evidence.MARKED if is_marked else _Evidence.NEXT
        is_near = not before.endswith("\n") and len(gap.split()) <= 5 and not re.search(r"\d|[.!?。！？]\s", gap)
        return _Evidence.NEAR if is_near or self._is_label_after(run, last) else _Evidence.NONE

    def _line_before(self, first: int) -> str:
        """Returns the line before the line that begins at `first` with its line end, if it is as short as a label;
        otherwise "".
        """
        line = self._text[max(first - _WINDOW, 0) : first].rstrip().rpartition("\n")[2]
        return f"{line}\n" if line and len(line) < 24 and self._text[max(first - 3, 0) : first].count("\n") < 3 else ""

    def _is_label_after(self, run: re.Match[str], last: int) -> bool:
        return _LABEL_AFTER.match(self._text[run.end() : min(run.end() + _WINDOW, last)]) is not None

    def _is_in_contact_block(self, start: int, end: int) -> bool:
        """Returns True if a number is alone on its line, and the lines beside it have other contacts."""
        first, last = self._line(start)
        before, after = self._text[first:start].strip(" \t•*·-–—|>"), self._text[end:last].strip(" \t•*·-–—|.")
        if (before and not before.endswith((":", "："))) or after:  # "City office: 030 ..."
            return False
        above = self._text[max(first - _NEARBY, 0) : first].rstrip("\n").rsplit("\n", 3)[-3:]
        below = self._text[last : last + _NEARBY].lstrip("\n").split("\n", 3)[:3]
        lines = [line for line in (*above, *below) if line.strip() and len(line) < 100]
        return any(_BLOCK.search(line) or _LABEL.search(line) for line in lines)


_NAME_WORD = r"[^\W\d_](?:[^\W\d_]|['’.-](?=[^\W\d_]))*\.?"
_NAME_AFTER = re.compile(rf"[ ]?[)）,:–—-]?[ ]?[(（]?({_NAME_WORD}(?: {_NAME_WORD}){{0,2}})(?![\w-])")


def _without_fillers(text: str) -> str:
    """Returns a text without the separators and fillers ("at", "unter") at its end."""
    end = _FILLER_END.search(text)
    return text[: end.start()] if end else text


def _words_of_name(words: Sequence[str]) -> int:
    """Returns how many words at the end of a text are a name: words with a capital letter, or of a script without
    capital letters; 0 if they are more than five.
    """
    count = 0
    for word in reversed(words):
        if not re.fullmatch(_NAME_WORD, word) or word[0].islower():
            break
        count += 1
    return count if count <= 5 else 0


def _last_match(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = list(pattern.finditer(text))
    return found[-1] if found else None


def _is_used(written: str, region: str, evidence: _Evidence, names: int, *, is_apart: bool, is_listed: bool) -> bool:
    """Returns True if a valid number of a region (ISO 3166 code) is a telephone number. Without a label, its form must
    be usual. Beside a name of one word (`names`), it must be a mobile number. `is_apart`: it is set apart from the text
    before it; `is_listed`: it is in brackets, or in a block of contacts.
    """
    if evidence >= _Evidence.NEXT:
        return True
    is_grouped = re.search(r"\D", written) is not None
    if evidence is _Evidence.CALLED:
        return is_grouped or written[0] == "0"
    is_typical = _is_typical_form(written, region)
    is_usual = is_typical or written[0] in "0("
    if evidence is _Evidence.NEAR and (is_usual or written.count(" ") > 1):
        return True
    if is_listed and is_grouped and is_typical:
        return True
    library = _library()
    # The matcher refuses dates, and numbers without a national prefix that they need.
    if not names or not library.PhoneNumberMatcher(written, region, library.Leniency.VALID, 1).has_next():
        return False
    kinds, kind = library.PhoneNumberType, library.number_type(library.parse(written, region))
    is_clear = is_typical if is_grouped else is_apart and names > 1
    if kind == kinds.MOBILE or (kind == kinds.FIXED_LINE_OR_MOBILE and is_clear):
        return is_usual or names > 1 or is_apart
    return names > 1 and is_grouped and is_usual


def _is_other_number(written: str, evidence: _Evidence) -> bool:
    """Returns True for a number that looks like an IP address, a date, a decimal or a version. A label for telephones
    outweighs the form of a decimal.
    """
    if len(set(re.sub(r"\D", "", written))) == 1 or written in _LIMITS or _DATE.match(written):
        return True
    return written[0].isdigit() and (
        (_DECIMAL.match(written) is not None and evidence < _Evidence.MARKED)
        or (_VERSION.match(written) is not None and not written.startswith("0"))
    )


def _is_typical_form(written: str, region: str) -> bool:
    """Returns True if a national number is grouped as usual in `region` (ISO 3166 code), or if its first group is its
    area code.
    """
    library = _library()
    number = library.parse(written, region)
    groups, usual = (
        re.findall(r"\d+", one) for one in (written, library.format_number(number, library.PhoneNumberFormat.NATIONAL))
    )
    trunk = library.ndd_prefix_for_region(region, False) or ""
    if groups == usual or (groups[0] == trunk and groups[1:] == usual):
        return True
    area = library.national_significant_number(number)[: library.length_of_geographical_area_code(number)]
    return bool(area) and groups[0].removeprefix("0") == area and all(len(group) > 1 for group in groups)


def _has_international_form(written: str) -> bool:
    """Returns True for a number of possible length with its calling code as a group of its own, such as "+44 7700
    900123", which is reserved for fiction.
    """
    library = _library()
    try:
        number = library.parse(written, None)
    except library.NumberParseException:
        return False
    groups = re.findall(r"\d+", written)
    return len(groups) > 2 and groups[0] == str(number.country_code) and library.is_possible_number(number)


@lru_cache(maxsize=4096)
def is_valid_telephone(written: str, region: str | None) -> bool:
    """Returns True for a telephone number that may be in use: international if `region` is None, otherwise of that
    region (ISO 3166 code).
    """
    library = _library()
    for form in dict.fromkeys((written, written.replace("(0)", ""))):
        try:
            number = library.parse(form, region)
        except library.NumberParseException:
            continue
        if library.is_valid_number(number):
            return True
    return False


def phone_regions(record: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Returns the regions whose national telephone numbers a record may contain, guessed from its language and its
    site's domain. The first item is None, for numbers in international form.
    """
    supported = _library().SUPPORTED_REGIONS
    return (None, *dict.fromkeys(name for name in _region_hints(record) if name in supported))


def _region_hints(record: Mapping[str, Any]) -> Iterator[str]:
    language, *subtags = (record.get("language") or "").split("-")
    host = urlsplit(record["url"]).hostname if record.get("url") else record.get("site", "").partition("/")[0]
    ending = (host or "").rpartition(".")[2].upper()
    named = [part.upper() for part in subtags]
    if ending not in _GENERIC_ENDINGS:
        named.append({"UK": "GB"}.get(ending, ending))
    spoken = _REGIONS.get(language.lower(), language.upper()).split()
    yield from named
    yield from spoken[:1] if any(one in _library().SUPPORTED_REGIONS for one in named) else spoken


_GENERIC_ENDINGS = frozenset(
    {"AC", "AI", "CC", "CO", "DJ", "FM", "GG", "IM", "IO", "LA", "LY", "ME", "NU", "SH", "TO", "TV", "VC", "WS"}
)
"""Top-level domains of countries that sites of all countries use."""
_REGIONS = {
    "ar": "EG SA AE MA DZ IQ JO LB",
    "be": "BY",
    "bn": "BD IN",
    "bs": "BA",
    "ca": "ES",
    "cs": "CZ",
    "da": "DK",
    "de": "DE AT CH",
    "el": "GR CY",
    "en": "US GB CA AU IN IE NZ ZA",
    "es": "ES MX AR CO CL PE",
    "et": "EE",
    "eu": "ES",
    "fa": "IR",
    "fr": "FR BE CH CA",
    "ga": "IE",
    "gl": "ES",
    "he": "IL",
    "hi": "IN",
    "hy": "AM",
    "it": "IT CH",
    "ja": "JP",
    "ka": "GE",
    "kk": "KZ",
    "kn": "IN",
    "ko": "KR",
    "ml": "IN",
    "mr": "IN",
    "ms": "MY",
    "nb": "NO",
    "ne": "NP",
    "nl": "NL BE",
    "nn": "NO",
    "pt": "BR PT",
    "ru": "RU BY KZ",
    "sl": "SI",
    "sq": "AL",
    "sr": "RS",
    "sv": "SE FI",
    "sw": "KE TZ",
    "ta": "IN LK",
    "te": "IN",
    "uk": "UA",
    "ur": "PK IN",
    "vi": "VN",
    "zh": "CN TW HK SG",
}
"""Regions whose telephone numbers are expected in a language whose code is not the region's."""


def _library() -> Any:
    try:
        import phonenumbers
    except ImportError as error:
        raise ExtraMissing("Removing telephone numbers", "datasets") from error
    return phonenumbers


def is_contact(url: str) -> bool:
    """Returns True for a link to an e-mail address or a telephone number."""
    return url[:7].lower() == "mailto:" or url[:4].lower() == "tel:"
