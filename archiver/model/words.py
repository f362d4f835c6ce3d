"""The names of months in many languages, for the dates of pages and of feeds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

# One row per language, with one cell per month. A cell has the month's forms, separated by spaces; _ stands for a space
# within a form.
_MONTH_TABLE = (
    "january jan|february feb|march mar|april apr|may|june jun|july jul|august aug|september sep sept|october oct|"
    "november nov|december dec",
    "enero ene|febrero feb|marzo mar|abril abr|mayo may|junio jun|julio jul|agosto ago|"
    "septiembre setiembre sep set sept|octubre oct|noviembre nov|diciembre dic",
    "janvier janv|février févr fev|mars|avril avr|mai|juin|juillet juil|août aoû|septembre|octobre|novembre|"
    "décembre déc",
    "januar jänner jan jän|februar feber feb|märz maerz mär mrz|april|mai|juni|juli|august|september|oktober okt|"
    "november|dezember dez",
    "janeiro|fevereiro fev|março|abril|maio mai|junho|julho|agosto|setembro|outubro out|novembro|dezembro dez",
    "gennaio gen|febbraio feb|marzo|aprile|maggio mag|giugno giu|luglio lug|agosto|settembre set|ottobre ott|"
    "novembre|dicembre",
    "gener gen|febrer febr|març|abril abr|maig|juny|juliol jul|agost ag|setembre set|octubre oct|novembre nov|"
    "desembre des",
    "januari|februari|maart mrt|april|mei|juni|juli|augustus|september|oktober|november|december",
    "января январь янв|февраля февраль фев февр|марта март мар|апреля апрель апр|мая май|июня июнь июн|"
    "июля июль июл|августа август авг|сентября сентябрь сен сент|октября октябрь окт|ноября ноябрь ноя нояб|"
    "декабря декабрь дек",
    "січня січень січ|лютого лютий лют|березня березень бер|квітня квітень квіт|травня травень трав|"
    "червня червень черв|липня липень лип|серпня серпень серп|вересня вересень вер|жовтня жовтень жовт|"
    "листопада листопад лист|грудня грудень груд",
    "студзеня|лютага|сакавіка|красавіка|траўня|чэрвеня|ліпеня|жніўня|верасня|кастрычніка|лістапада|снежня",
    "януари|февруари|март|април|май|юни|юли|август|септември|октомври|ноември|декември",
    "јануар|фебруар|март|април|мај|јун|јул|август|септембар|октобар|новембар|децембар",
    "stycznia styczeń sty|lutego luty lut|marca marzec|kwietnia kwiecień kwi|maja maj|czerwca czerwiec cze|"
    "lipca lipiec lip|sierpnia sierpień sie|września wrzesień wrz|października październik paź|"
    "listopada listopad lis|grudnia grudzień gru",
    "ledna leden|února únor|března březen|dubna duben|května květen|června červen|července červenec|srpna srpen|"
    "září|října říjen|listopadu|prosince prosinec",
    "januára január|februára február|marca marec|apríla apríl|mája máj|júna jún|júla júl|augusta august|"
    "septembra|októbra|novembra|decembra",
    "januara januar|februara februar|marta mart|aprila april|maja maj|juna jun|jula jul|avgusta avgust avg|"
    "septembra septembar|oktobra oktobar|novembra novembar|decembra decembar",
    "siječnja siječanj sij|veljače veljača velj|ožujka ožujak ožu|travnja travanj tra|svibnja svibanj svi|"
    "lipnja lipanj|srpnja srpanj|kolovoza kolovoz|rujna rujan|listopada_hr|studenoga studenog studeni|"
    "prosinca prosinac",
    "ocak oca|şubat şub|mart|nisan nis|mayıs|haziran haz|temmuz tem|ağustos ağu|eylül eyl|ekim eki|kasım kas|"
    "aralık ara",
    "yanvar|fevral|mart|aprel|may|iyun|iyul|avqust|sentyabr|oktyabr|noyabr|dekabr",
    "januari|februari|mars|april|maj|juni|juli|augusti|september|oktober|november|december",
    "januar|februar|marts|april|maj|juni|juli|august|september|oktober|november|desember",
    "janúar|febrúar|mars|apríl|maí|júní|júlí|ágúst|september|október|nóvember|desember",
    "tammikuuta tammikuu|helmikuuta helmikuu|maaliskuuta maaliskuu|huhtikuuta huhtikuu|toukokuuta toukokuu|"
    "kesäkuuta kesäkuu|heinäkuuta heinäkuu|elokuuta elokuu|syyskuuta syyskuu|lokakuuta lokakuu|"
    "marraskuuta marraskuu|joulukuuta joulukuu",
    "jaanuar|veebruar|märts|aprill|mai|juuni|juuli|august|september|oktoober|november|detsember",
    "sausio|vasario|kovo|balandžio|gegužės|birželio|liepos|rugpjūčio|rugsėjo|spalio|lapkričio|gruodžio",
    "janvāris janvārī|februāris februārī|marts martā|aprīlis aprīlī|maijs maijā|jūnijs jūnijā|jūlijs jūlijā|"
    "augusts augustā|septembris septembrī|oktobris oktobrī|novembris novembrī|decembris decembrī",
    "januari|februari pebruari|maret|april|mei|juni|juli|agustus agu agt|september|oktober|november nopember|"
    "desember des",
    "januari|februari|mac_ms|april|mei|jun|julai|ogos|september|oktober|november|disember dis",
    "يناير جانفي|فبراير فيفري|مارس|أبريل ابريل إبريل أفريل|مايو ماي|يونيو يونيه جوان|يوليو يوليوز يوليه جويلية|"
    "أغسطس اغسطس غشت أوت|سبتمبر شتنبر|أكتوبر اكتوبر|نوفمبر نونبر|ديسمبر دجنبر",
    "كانون_الثاني|شباط|آذار اذار|نيسان|أيار ايار|حزيران|تموز|آب|أيلول ايلول|تشرين_الأول تشرين_الاول|تشرين_الثاني|"
    "كانون_الأول كانون_الاول",
    "ژانویه|فوریه|مارس|آوریل|مه می|ژوئن|ژوئیه جولای|اوت آگوست|سپتامبر|اکتبر|نوامبر|دسامبر",
    "جنوری|فروری|مارچ|اپریل|مئی|جون|جولائی|اگست|ستمبر|اکتوبر|نومبر|دسمبر",
    "ינואר ינו׳|פברואר פבר׳|מרץ מרס|אפריל אפר׳|מאי|יוני|יולי|אוגוסט אוג׳|ספטמבר ספט׳|אוקטובר אוק׳|נובמבר נוב׳|"
    "דצמבר דצמ׳",
    "ianuarie ian|februarie|martie|aprilie|mai|iunie iun|iulie iul|august|septembrie|octombrie|noiembrie|decembrie",
    "január jan|február febr|március márc|április ápr|május máj|június jún|július júl|augusztus|szeptember szept|"
    "október okt|november|december",
    "ιανουαρίου ιανουάριος ιαν|φεβρουαρίου φεβρουάριος φεβ|μαρτίου μάρτιος μαρ|απριλίου απρίλιος απρ|"
    "μαΐου μάιος μαϊ|ιουνίου ιούνιος ιουν|ιουλίου ιούλιος ιουλ|αυγούστου αύγουστος αυγ|"
    "σεπτεμβρίου σεπτέμβριος σεπ|οκτωβρίου οκτώβριος οκτ|νοεμβρίου νοέμβριος νοε|δεκεμβρίου δεκέμβριος δεκ",
    "มกราคม|กุมภาพันธ์|มีนาคม|เมษายน|พฤษภาคม|มิถุนายน|กรกฎาคม|สิงหาคม|กันยายน|ตุลาคม|พฤศจิกายน|ธันวาคม",
    "जनवरी जन|फरवरी फ़रवरी फर|मार्च|अप्रैल|मई|जून|जुलाई|अगस्त|सितंबर सितम्बर|अक्टूबर अक्तूबर|नवंबर नवम्बर|दिसंबर दिसम्बर",
    "জানুয়ারি জানুয়ারী|ফেব্রুয়ারি ফেব্রুয়ারী|মার্চ|এপ্রিল|মে|জুন|জুলাই|আগস্ট|সেপ্টেম্বর|অক্টোবর|নভেম্বর|ডিসেম্বর",
    "ஜனவரி|பிப்ரவரி|மார்ச்|ஏப்ரல்|மே|ஜூன்|ஜூலை|ஆகஸ்ட்|செப்டம்பர்|அக்டோபர்|நவம்பர்|டிசம்பர்",
    "იანვარი|თებერვალი|მარტი|აპრილი|მაისი|ივნისი|ივლისი|აგვისტო|სექტემბერი|ოქტომბერი|ნოემბერი|დეკემბერი",
    "հունվարի հունվար|փետրվարի փետրվար|մարտի մարտ|ապրիլի ապրիլ|մայիսի մայիս|հունիսի հունիս|հուլիսի հուլիս|"
    "օգոստոսի օգոստոս|սեպտեմբերի սեպտեմբեր|հոկտեմբերի հոկտեմբեր|նոյեմբերի նոյեմբեր|դեկտեմբերի դեկտեմբեր",
    "జనవరి|ఫిబ్రవరి|మార్చి|ఏప్రిల్|మే|జూన్|జులై జూలై|ఆగస్టు ఆగష్టు|సెప్టెంబర్ సెప్టెంబరు|అక్టోబర్ అక్టోబరు|నవంబర్ నవంబరు|డిసెంబర్ డిసెంబరు",
    "ജനുവരി|ഫെബ്രുവരി|മാർച്ച്|ഏപ്രിൽ|മേയ് മെയ്|ജൂൺ|ജൂലൈ|ഓഗസ്റ്റ് ആഗസ്റ്റ്|സെപ്റ്റംബർ|ഒക്ടോബർ|നവംബർ|ഡിസംബർ",
    "ಜನವರಿ|ಫೆಬ್ರವರಿ|ಮಾರ್ಚ್|ಏಪ್ರಿಲ್|ಮೇ|ಜೂನ್|ಜುಲೈ|ಆಗಸ್ಟ್|ಸೆಪ್ಟೆಂಬರ್|ಅಕ್ಟೋಬರ್|ನವೆಂಬರ್|ಡಿಸೆಂಬರ್",
    "જાન્યુઆરી|ફેબ્રુઆરી|માર્ચ|એપ્રિલ|મે|જૂન|જુલાઈ|ઑગસ્ટ ઓગસ્ટ|સપ્ટેમ્બર|ઑક્ટોબર ઓક્ટોબર|નવેમ્બર|ડિસેમ્બર",
    "जानेवारी|फेब्रुवारी|मार्च|एप्रिल|मे|जून|जुलै|ऑगस्ट|सप्टेंबर|ऑक्टोबर|नोव्हेंबर|डिसेंबर",
    "ਜਨਵਰੀ|ਫ਼ਰਵਰੀ ਫਰਵਰੀ|ਮਾਰਚ|ਅਪ੍ਰੈਲ|ਮਈ|ਜੂਨ|ਜੁਲਾਈ|ਅਗਸਤ|ਸਤੰਬਰ|ਅਕਤੂਬਰ|ਨਵੰਬਰ|ਦਸੰਬਰ",
    "ජනවාරි|පෙබරවාරි|මාර්තු|අප්‍රේල්|මැයි|ජූනි|ජූලි|අගෝස්තු|සැප්තැම්බර්|ඔක්තෝබර්|නොවැම්බර්|දෙසැම්බර්",
    "ဇန်နဝါရီ ဇန်နဝါရီလ|ဖေဖော်ဝါရီ ဖေဖော်ဝါရီလ|မတ် မတ်လ|ဧပြီ ဧပြီလ|မေ မေလ|ဇွန် ဇွန်လ|ဇူလိုင် ဇူလိုင်လ|"
    "ဩဂုတ် ဩဂုတ်လ သြဂုတ်|စက်တင်ဘာ စက်တင်ဘာလ|အောက်တိုဘာ အောက်တိုဘာလ|နိုဝင်ဘာ နိုဝင်ဘာလ|ဒီဇင်ဘာ ဒီဇင်ဘာလ",
    "មករា|កុម្ភៈ កុម្ភះ|មីនា|មេសា|ឧសភា|មិថុនា|កក្កដា|សីហា|កញ្ញា|តុលា|វិច្ឆិកា|ធ្នូ",
    "ມັງກອນ|ກຸມພາ|ມີນາ|ເມສາ|ພຶດສະພາ|ມິຖຸນາ|ກໍລະກົດ|ສິງຫາ|ກັນຍາ|ຕຸລາ|ພະຈິກ|ທັນວາ",
    "қаңтар|ақпан|наурыз|сәуір|мамыр|маусым|шілде|тамыз|қыркүйек|қазан|қараша|желтоқсан",
    "yanvar|fevral|mart|aprel|may|iyun|iyul|avgust|sentabr|oktabr|noyabr|dekabr",
    "январ|феврал|март|апрел|май|июн|июл|август|сентябр|октябр|ноябр|декабр",
    "ýanwar|fewral|mart|aprel|maý|iýun|iýul|awgust|sentýabr|oktýabr|noýabr|dekabr",
    "ጃንዩወሪ ጃንዋሪ|ፌብሩወሪ ፌብሩዋሪ|ማርች|ኤፕሪል ኣፕሪል|ሜይ|ጁን|ጁላይ|ኦገስት|ሴፕቴምበር ሴፕቴምር|ኦክቶበር ኦክተውበር|ኖቬምበር|ዲሴምበር",
    "جنوري|فبروري|مارچ|اپریل|مۍ|جون|جولای|اګست|سپتمبر سپټمبر|اکتوبر|نومبر|دسمبر ډسمبر",
    "کانوونی_دووەم|شوبات|ئازار|نیسان|ئایار|حوزەیران|تەمووز|ئاب|ئەیلوول|تشرینی_یەکەم|تشرینی_دووەم|کانونی_یەکەم",
    "ଜାନୁଆରୀ ଜାନୁଆରି|ଫେବୃଆରୀ ଫେବ୍ରୁଆରୀ|ମାର୍ଚ୍ଚ|ଅପ୍ରେଲ|ମଇ ମେ|ଜୁନ|ଜୁଲାଇ|ଅଗଷ୍ଟ|ସେପ୍ଟେମ୍ବର|ଅକ୍ଟୋବର|ନଭେମ୍ବର|ଡିସେମ୍ବର",
    "janaayo|febraayo|maarso|abriil|maajo|juun|luuliyo|ogost|sebtembar|oktoobar|nofembar|desembar",
    "janairu|faburairu|maris|afirilu|mayu|yuni|yuli|agusta|satumba|oktoba|nuwamba|disamba",
    "janar|shkurt|mars|prill|maj|qershor|korrik|gusht|shtator|tetor|nëntor|dhjetor",
    "јануари|февруари|март|април|мај|јуни|јули|август|септември|октомври|ноември|декември",
    "xaneiro|febreiro|marzo|abril|maio|xuño|xullo|agosto|setembro|outubro|novembro|decembro",
    "urtarrilaren|otsailaren|martxoaren|apirilaren|maiatzaren|ekainaren|uztailaren|abuztuaren|irailaren|urriaren|"
    "azaroaren|abenduaren",
    "ionawr|chwefror|mawrth|ebrill|mai|mehefin|gorffennaf|awst|medi|hydref|tachwedd|rhagfyr",
    "eanáir|feabhra|márta|aibreán|bealtaine|meitheamh|iúil|lúnasa|meán_fómhair|deireadh_fómhair|samhain|nollaig",
    "januari|februari|machi|aprili|mei|juni|julai|agosti|septemba|oktoba|novemba|desemba",
    "enero|pebrero|marso|abril|mayo|hunyo|hulyo|agosto|setyembre|oktubre|nobyembre|disyembre",
    "januarie|februarie|maart|april|mei|junie|julie|augustus|september|oktober|november|desember",
    "jannar|frar|marzu|april|mejju|ġunju|lulju|awwissu|settembru|ottubru|novembru|diċembru",
    "januar|februar|mäerz|abrëll|mee|juni|juli|august|september|oktober|november|dezember",
    "januaro|februaro|marto|aprilo|majo|junio|julio|aŭgusto|septembro|oktobro|novembro|decembro",
)
# The months of the Persian solar year: their names in Iran, in Afghanistan, and in Latin letters.
_SOLAR_TABLE = (
    "فروردین فروردين|اردیبهشت ارديبهشت|خرداد|تیر تير|مرداد امرداد|شهریور شهريور|مهر|آبان ابان|آذر اذر|دی دي|بهمن|اسفند",
    "حمل|ثور|جوزا|سرطان|اسد|سنبله|میزان|عقرب|قوس|جدی|دلو|حوت",
    "farvardin|ordibehesht|khordad|tir|mordad|shahrivar|mehr|aban|azar|dey|bahman|esfand",
)
# Words that are the name of a month in only one language, or of a different month in that language from other
# languages.
_OF_LANGUAGE = {
    "hr": {"listopad": 10, "listopada": 10, "lis": 10},
    "bs": {"listopad": 10, "listopada": 10},
    "mk": {"листопад": 10},
    "ms": {"mac": 3},
    # Tigrinya calls the months of our calendar as the Ethiopian calendar calls its own, which begin at other days.
    "ti": {
        "ጥሪ": 1,
        "ለካቲት": 2,
        "መጋቢት": 3,
        "ሚያዝያ": 4,
        "ግንቦት": 5,
        "ሰነ": 6,
        "ሓምለ": 7,
        "ነሓሰ": 8,
        "መስከረም": 9,
        "ጥቅምቲ": 10,
        "ሕዳር": 11,
        "ታሕሳስ": 12,
    },
    "sk": {"listopad": 11},
}
_VIETNAMESE = {
    "một": 1, "hai": 2, "ba": 3, "tư": 4, "năm": 5, "sáu": 6, "bảy": 7, "tám": 8, "chín": 9, "mười": 10,
    "mười một": 11, "mười hai": 12, "giêng": 1, "chạp": 12,
}  # fmt: skip
_ACCENTS = re.compile("[\u0300-\u036f]")
_PREFIX = re.compile(r"^(?:[dl]['’]|[בל]-?(?=[א-ת]{3})|ב-)")


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", name.casefold())))


def _month_numbers(rows: tuple[str, ...]) -> dict[str, int]:
    out: dict[str, int] = {}
    for row in rows:
        for number, names in enumerate(row.split("|"), start=1):
            for name in names.split():
                out.setdefault(_fold(name.replace("_", " ")), number)
    return out


MONTHS = _month_numbers(_MONTH_TABLE)
SOLAR_MONTHS = _month_numbers(_SOLAR_TABLE)
VIETNAMESE_MONTHS = {_fold(k): v for k, v in _VIETNAMESE.items()}


@lru_cache(maxsize=4_096)
def month_number(name: str, language: str = "") -> int | None:
    """Returns the number of a month by its name or short name in any language; None if the text is not a month.

    If a name means different months in different languages, returns its meaning in `language`, the page's language.
    """
    folded = _fold(name).strip(" .")
    own = _OF_LANGUAGE.get(language[:2].lower())
    if own and folded in own:
        return own[folded]
    return MONTHS.get(folded) or MONTHS.get(_PREFIX.sub("", folded))


def solar_month_number(name: str) -> int | None:
    """Returns the number (1 to 12) of a month of the Persian solar year by its name; None if the text is no such
    name.
    """
    return SOLAR_MONTHS.get(_fold(name))


def vietnamese_month_number(name: str) -> int | None:
    """Returns the number of a month in Vietnamese, given in digits or as a number word: "3", "ba". None for any other
    text.
    """
    return int(name) if name.isdigit() else VIETNAMESE_MONTHS.get(_fold(" ".join(name.split())))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns a phrase with the most similar of the known words, such as "; did you mean 'news'" (without a question
    mark). Returns "" if no known word is similar.
    """
    found = similar_words(word, known, 1)
    return f"; did you mean {found[0]!r}" if found else ""


def similar_words(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Returns at most `most` of the known words that are similar to a word, most similar first. Case is ignored."""
    from difflib import get_close_matches  # imported late because it is needed only for errors

    by_folded = {one.casefold(): one for one in known}
    return [by_folded[one] for one in get_close_matches(word.casefold(), by_folded, n=most, cutoff=0.7)]


def count_typos(one: str, other: str, most: int) -> int:
    """Returns the edit distance of two words, in which two swapped neighbours count as one edit. If the distance is
    greater than `most`, returns any number greater than `most`.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    above = list(range(len(other) + 1))
    for number, letter in enumerate(one, start=1):
        row = [number]
        for place, against in enumerate(other, start=1):
            cost = min(above[place] + 1, row[-1] + 1, above[place - 1] + (letter != against))
            if before and place > 1 and letter == other[place - 2] and against == one[number - 2]:
                cost = min(cost, before[place - 2] + 1)
            row.append(cost)
        if min(row) > most and min(above) > most:
            return most + 1
        before, above = above, row
    return above[-1]


def count_noun(number: int, one: str, many: str = "") -> str:
    """Formats a number with its noun for a message: "1 article", "2 articles". `many` is the plural if it is
    irregular.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
