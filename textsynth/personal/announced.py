"""What the words before a number say of it: `call 0161 …` announces a phone number, `order no. 0161 …` another one."""

from __future__ import annotations

import re

LOOK_BACK = 40
FARTHEST = 20  # characters between the word and the number

_PHONE = (
    r"call(?:s|ed|ing|back)?|ring|rang|dial|phone[ds]?|telephone|tele?|mob(?:ile)?|cell|sms|te?xt|whats ?app|fax|ph"
    r"|contact|reach(?:ed)?|hot ?line|help ?(?:line|desk)|(?:services?|care|support)(?=\W{1,2}(?:on |at )?\Z)"
    r"|(?:my|his|her|our|their|your)(?: (?:new|old|own|private|work|home|office|phone))? (?:number|no)"
    r"|telefon\w*|handy|rufnummer|rufen|ruf|anrufen|mobil\w*|nummer (?:ist|lautet)|t[ée]l[ée]phone|t[ée]l|portable"
    r"|appele[rz]|joindre|num[ée]ro est|tel[ée]fono|m[óo]vil|celular|cellulare|llam\w{1,3}|chiam\w{1,3}|telefone"
    r"|ligue|bel|bellen|tlf"
)
_ANOTHER = (
    r"orders?|invoice|ref|reference|ticket|track(?:ing)?|account|acct|a/c|booking|reservation|transaction|serial|isbn"
    r"|issn|ean|upc|sku|imei|doi|arxiv|pmid|case|claim (?:no|number|id)|policy|customer|member(?:ship)?|patient"
    r"|student|employee|parcel|package|shipment|article|product|item|part|model|(?<!area )code|pin|id|confirmation"
    r"|receipt|contract|flight|train|version|patent|grant|bestell\w*|rechnung\w*|kunden\w*|auftrag\w*|vertrag\w*"
    r"|sendung\w*|konto\w*|commande|facture|dossier|client|pedido|factura|ordine|fattura|bestelling|zam[óo]wieni\w+"
)
# A word may be glued to its number (`call0161 …`).
_WORD = re.compile(rf"(?P<phone>\b(?:{_PHONE})\b|(?:call|help|tel|ph)\Z)|\b(?:{_ANOTHER})\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?]\s+[A-Z]|[!?\n]")
_PART_OF_A_NAME = re.compile(r"[\w/=@#&?]\Z")


def announced(text: str, start: int) -> bool | None:
    """Whether the last such word before `start`, near it and in its sentence, announces a phone number.

    False where it announces another number, and where the number is part of a name or a URL (`sms.example/u/anna0161`);
    None where there is no such word.
    """
    before = text[max(0, start - LOOK_BACK) : start]
    words = list(_WORD.finditer(before))
    if words and words[-1].end() != len(before) and _PART_OF_A_NAME.search(before) is not None:
        return False
    if not words or len(before) - words[-1].end() > FARTHEST or _SENTENCE_END.search(before, words[-1].end()):
        return None
    return words[-1]["phone"] is not None
