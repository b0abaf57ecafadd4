"""Language codes (ISO 639-1) and their English names, for prompts and for the metadata of the data set card."""

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

# The other codes of ISO 639-1; prompts use the code of these languages.
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
# Country codes that are often mistaken for language codes, with the language that is probably meant.
COUNTRY_LANGUAGES = {
    "jp": "ja", "cn": "zh", "gr": "el", "cz": "cs", "dk": "da", "ua": "uk", "gb": "en", "us": "en",
    "at": "de", "vn": "vi", "ir": "fa", "il": "he", "rs": "sr", "by": "be", "al": "sq", "mx": "es",
}  # fmt: skip
LANGUAGE_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def check_language(code: str) -> str:
    """Return the language code unchanged. Raises ValueError, with the nearest valid code, where it is not valid.

    A two-letter code must be in ISO 639-1. Three-letter codes, and subtags after a hyphen, are only checked for their
    form, as there are thousands of them.
    """
    code_by_name = {name.casefold(): valid for valid, name in (LANGUAGE_NAMES | OTHER_LANGUAGES).items()}
    base = code.split("-")[0]
    if LANGUAGE_CODE.fullmatch(code) and (len(base) == 3 or base in LANGUAGE_NAMES | OTHER_LANGUAGES):
        return code
    suggestion = code_by_name.get(code.casefold()) or COUNTRY_LANGUAGES.get(code.casefold())
    if suggestion is None and code.casefold() in LANGUAGE_NAMES | OTHER_LANGUAGES:
        suggestion = code.casefold()
    hint = f" (did you mean {suggestion!r}?)" if suggestion else _nearest_name(code, code_by_name)
    raise ValueError(f"a language is given by its code, such as en, de or pt-BR{hint}")


def language_name(code: str) -> str:
    """Return the English name of a language, or the code itself where `LANGUAGE_NAMES` does not list it."""
    return LANGUAGE_NAMES.get(code, code)


def _nearest_name(code: str, code_by_name: Mapping[str, str]) -> str:
    close = difflib.get_close_matches(code.casefold(), code_by_name, n=1, cutoff=0.7)
    return f" (did you mean {code_by_name[close[0]]!r}, {close[0]}?)" if close else ""
