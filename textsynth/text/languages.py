"""Names of languages by their ISO 639-1 code, as prompts say them and as the card's metadata has them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

LANGUAGE_NAMES = {
    "af": "Afrikaans", "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech",
    "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian",
    "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French", "ga": "Irish", "gl": "Galician",
    "gu": "Gujarati", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "hy": "Armenian",
    "id": "Indonesian", "is": "Icelandic", "it": "Italian", "ja": "Japanese", "ka": "Georgian", "kk": "Kazakh",
    "kn": "Kannada", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "mk": "Macedonian", "ml": "Malayalam",
    "mr": "Marathi", "ms": "Malay", "nb": "Norwegian Bokmål", "nl": "Dutch", "nn": "Norwegian Nynorsk",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak",
    "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil",
    "te": "Telugu", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese",
    "zh": "Chinese",
}  # fmt: skip

# the other codes of ISO 639-1; prompts name these languages by their code
OTHER_LANGUAGES = {
    "aa": "Afar", "ab": "Abkhazian", "ae": "Avestan", "ak": "Akan", "am": "Amharic", "an": "Aragonese",
    "as": "Assamese", "av": "Avaric", "ay": "Aymara", "az": "Azerbaijani", "ba": "Bashkir", "be": "Belarusian",
    "bi": "Bislama", "bm": "Bambara", "bo": "Tibetan", "br": "Breton", "bs": "Bosnian", "ce": "Chechen",
    "ch": "Chamorro", "co": "Corsican", "cr": "Cree", "cu": "Church Slavic", "cv": "Chuvash", "dv": "Divehi",
    "dz": "Dzongkha", "ee": "Ewe", "eo": "Esperanto", "ff": "Fulah", "fj": "Fijian", "fo": "Faroese",
    "fy": "Western Frisian", "gd": "Scottish Gaelic", "gn": "Guarani", "gv": "Manx", "ha": "Hausa", "ho": "Hiri Motu",
    "ht": "Haitian", "hz": "Herero", "ia": "Interlingua", "ie": "Interlingue", "ig": "Igbo", "ii": "Sichuan Yi",
    "ik": "Inupiaq", "io": "Ido", "iu": "Inuktitut", "jv": "Javanese", "kg": "Kongo", "ki": "Kikuyu",
    "kj": "Kuanyama", "kl": "Kalaallisut", "km": "Khmer", "kr": "Kanuri", "ks": "Kashmiri", "ku": "Kurdish",
    "kv": "Komi", "kw": "Cornish", "ky": "Kyrgyz", "la": "Latin", "lb": "Luxembourgish", "lg": "Ganda",
    "li": "Limburgish", "ln": "Lingala", "lo": "Lao", "lu": "Luba-Katanga", "mg": "Malagasy", "mh": "Marshallese",
    "mi": "Maori", "mn": "Mongolian", "mt": "Maltese", "my": "Burmese", "na": "Nauru", "nd": "North Ndebele",
    "ne": "Nepali", "ng": "Ndonga", "nr": "South Ndebele", "nv": "Navajo", "ny": "Chichewa", "oc": "Occitan",
    "oj": "Ojibwa", "om": "Oromo", "or": "Odia", "os": "Ossetian", "pa": "Punjabi", "pi": "Pali", "ps": "Pashto",
    "qu": "Quechua", "rm": "Romansh", "rn": "Rundi", "rw": "Kinyarwanda", "sa": "Sanskrit", "sc": "Sardinian",
    "sd": "Sindhi", "se": "Northern Sami", "sg": "Sango", "sh": "Serbo-Croatian", "si": "Sinhala", "sm": "Samoan",
    "sn": "Shona", "so": "Somali", "ss": "Swati", "st": "Southern Sotho", "su": "Sundanese", "tg": "Tajik",
    "ti": "Tigrinya", "tk": "Turkmen", "tl": "Tagalog", "tn": "Tswana", "to": "Tonga", "ts": "Tsonga", "tt": "Tatar",
    "tw": "Twi", "ty": "Tahitian", "ug": "Uyghur", "uz": "Uzbek", "ve": "Venda", "vo": "Volapük", "wa": "Walloon",
    "wo": "Wolof", "xh": "Xhosa", "yi": "Yiddish", "yo": "Yoruba", "za": "Zhuang", "zu": "Zulu",
}  # fmt: skip
# codes of countries that are taken for those of their languages
COUNTRY_LANGUAGES = {
    "jp": "ja", "cn": "zh", "gr": "el", "cz": "cs", "dk": "da", "ua": "uk", "gb": "en", "us": "en",
    "at": "de", "vn": "vi", "ir": "fa", "il": "he", "rs": "sr", "by": "be", "al": "sq", "mx": "es",
}  # fmt: skip
CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def check_language(code: str) -> str:
    """Return the code as it is. Raises ValueError with the nearest one where it is none.

    A code of two letters must be one of ISO 639-1; those of three letters, and what follows a hyphen, are taken as
    they are, as there are thousands of them.
    """
    by_name = {name.casefold(): short for short, name in (LANGUAGE_NAMES | OTHER_LANGUAGES).items()}
    meant = by_name.get(code.casefold()) or COUNTRY_LANGUAGES.get(code.casefold())
    if CODE.fullmatch(code) and (
        len(code.split("-")[0]) == 3 or code.split("-")[0] in LANGUAGE_NAMES | OTHER_LANGUAGES
    ):
        return code
    if meant is None and code.casefold() in LANGUAGE_NAMES | OTHER_LANGUAGES:
        meant = code.casefold()
    hint = f" (did you mean {meant!r}?)" if meant else _nearest_name(code, by_name)
    raise ValueError(f"a language is given by its code, such as en, de or pt-BR{hint}")


def language_name(code: str) -> str:
    """Return the English name of a language, or the code itself where it is not in the list."""
    return LANGUAGE_NAMES.get(code, code)


def _nearest_name(code: str, by_name: Mapping[str, str]) -> str:
    close = difflib.get_close_matches(code.casefold(), by_name, n=1, cutoff=0.7)
    return f" (did you mean {by_name[close[0]]!r}, {close[0]}?)" if close else ""
