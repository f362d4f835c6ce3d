"""The most frequent words of languages, which say nothing about the topic of a text."""

from __future__ import annotations

from functools import cache

from archiver.search.word_splitting import split_into_words

FREQUENT_WORDS = {
    "en": (
        "the of and to in is that it was for with as on be at by this have from are not but they you we which an "
        "or had were there been their would what when who will"
    ),
    "de": (
        "der die und das ist nicht ein eine zu den mit auf für von im dem sich auch es wir ich als wie bei oder "
        "aber aus nach noch nur wird werden war sind einen einer wenn kein keine heute"
    ),
    "fr": (
        "le la les des et est une du dans que qui pour pas sur au avec ce il elle nous vous par plus sont mais ou "
        "où aux cette ces je son ses"
    ),
    "es": (
        "el la los las y en que es un una del por con para se no su al lo como más pero sus este esta ya fue muy "
        "son también hay"
    ),
    "pt": (
        "o os as e em que é um uma do da dos das por com para se não no na ao mais mas como foi são também à pelo "
        "pela isso ele"
    ),
    "it": (
        "il lo la gli le di che è un una del della dei delle per con non si nel nella al alla sono come più ma "
        "anche da questo questa ho"
    ),
    "nl": (
        "de het een en van ik te dat die in is niet op aan met zijn voor er maar om ook als bij nog uit dan naar "
        "wordt worden deze werd hij we"
    ),
    "sv": "och att det som en på är av för med till den inte har om ett men var jag från vi kan så när eller ska också",
    "da": "og at det som en på er af for med til den ikke har om et men var jeg fra vi kan så når eller skal også blev",
    "no": "og at det som en på er av for med til den ikke har om et men var jeg fra vi kan så når eller skal også ble",
    "fi": "ja on ei että se oli ovat hän mutta kun niin joka myös kuin tai jos nyt vain sen ole olen mitä tämä minä",
    "pl": (
        "i w na z do się nie że to jest o jak ale po co od za dla tym już tak przez był była są oraz może które który"
    ),
    "cs": (
        "a je se na že to v s z do ale jako by za pro jsem jsou byl byla bylo když nebo jen také který která ve "
        "si ještě"
    ),
    "sk": "a je sa na že to v s z do ale ako by za pre som sú bol bola bolo keď alebo len tiež ktorý ktorá vo si ešte",
    "sl": "in je se na da to v z za ki so po pa kot bi tudi ne ali ker bil bila bilo sem od pri še smo",
    "hr": "i u je na se da su za od s kao što koji koja ne to ali ili iz bi po sam nije bio bila samo još",
    "hu": "a az és hogy nem egy is van meg ez de csak már volt még mint el ha vagy azt sem olyan kell pedig lehet",
    "ro": "și în de la cu pe nu un o este că din pentru care mai să au ce sau dar fi prin după sunt fost",
    "ca": "el la els les i de que en un una del per amb no es és al dels són com més però aquest aquesta ha seva",
    "tr": "ve bir bu da de için ile çok ne daha gibi ama olan olarak var sonra kadar o ben değil her mi en ki yok",
    "vi": "và của là có không được cho một các những người trong với này đã để khi từ như về tại đến cũng còn",
    "id": (
        "yang dan di ini itu dengan untuk dari tidak dalam akan pada ada juga ke adalah saya oleh atau bisa sudah "
        "karena kami mereka"
    ),
    "et": "ja on ei et see oli ka kui aga ning siis mis oma ta selle ma nii või olid kuid",
    "lv": "un ir ar no uz kas par bet tas ka lai kā vai pie arī nav bija es",
    "lt": "ir yra kad į su iš bet kaip tai ar už apie buvo jau tik dar nuo per",
    "ru": (
        "и в не на что с по это как а но из у за от к о же для так все был была было его мы я он она они бы то вы "
        "ещё уже только нет или если когда до сегодня"
    ),
    "uk": (
        "і в не на що з у та до як це за від а по про але для є був була було ми я він вона вони й чи вже тільки "
        "коли або якщо сьогодні ще"
    ),
    "be": (
        "і ў не на што з у да як гэта за ад а па пра але для быў была было мы я ён яна яны ці ўжо толькі калі або сёння"
    ),
    "bg": (
        "и в не на че с по това как а но от за се да е са който която които до при или ще има бе беше ние той тя "
        "те само още вече със днес"
    ),
    "sr": "и у не на да се је су за од са као што који која али или из би по сам није био била само још ово данас",
    "mk": "и во не на да се е за од со како што кој која но или ќе има беше ние тој таа тие само уште ова денес",
    "kk": "және бұл мен үшін бір да де емес осы сол бар",
    "ky": "жана бул менен үчүн бир да эмес ошол бар болгон",
    "mn": "ба нь энэ байна юм бол гэж тэр байсан болон",
    "tg": "ва дар аз ки ба ин бо барои аст",
    "tt": "һәм бу белән өчен бер да дә түгел бар",
    "ar": "في من على إلى أن هذا هذه التي الذي ما لا عن مع كان كانت هو هي كل بعد قبل أو ثم لم لن قد غير بين اليوم",
    "fa": "در به از که این را با است برای آن های می هم بر تا یا ما شد کرد بود اما یک",
    "ur": "کے میں کی ہے اور سے کا کو اس پر نے کہ ہیں یہ نہیں بھی تھا",
    "ps": "د په او چې له کې دی سره ته هم یو",
    "ckb": "و لە بۆ کە بە ئەو لەگەڵ هەر یان",
    "he": "של את על לא זה הוא היא עם כי גם אני או יש אין היום",
    "yi": "און די דער איז אין צו פֿון האט נישט מיט",
    "hi": "है के में की का और से को हैं यह नहीं पर भी एक था कि इस",
    "mr": "आहे आणि हे या च्या मध्ये नाही आहेत होते व एक तो ती",
    "ne": "छ र मा हो को छन् गर्न यो भएको पनि गरेको",
    "bn": "এবং না এই করে থেকে ও এক যে জন্য হয়",
    "as": "আৰু এই কৰি পৰা হয়",
    "am": "ነው ላይ እና ውስጥ ነበር ግን ይህ",
    "ti": "ኣብ እዩ ናይ ካብ ከም ድማ እዚ",
}
"""Articles, pronouns, prepositions and other frequent words of a language, by its tag (ISO 639)."""

_SHORT = 3


@cache
def frequent_words(tag: str | None) -> frozenset[str]:
    """Returns the frequent words of a language (BCP 47) as the search index has them. Words of up to three letters that
    are frequent in any language are included, because the table leaves out words that many languages share (de).
    """
    own = FREQUENT_WORDS.get((tag or "").replace("_", "-").partition("-")[0].lower(), "")
    return frozenset(split_into_words(own)).union(word for word in FREQUENT_ANYWHERE if len(word) <= _SHORT)


FREQUENT_ANYWHERE = frozenset(split_into_words(" ".join(FREQUENT_WORDS.values())))
"""The words that are frequent in any of the languages, as the search index has them."""
