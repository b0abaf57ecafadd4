"""Licences by the names that the Hub uses, what each asks of data made from it, and where two do not go together.

A plain table of common licences, no legal advice: it knows what a licence asks for in one word (credit, the same
licence again, no commerce, no changes) and compares that with what the data set promises. The list follows the Hub's
documentation as it was when this version was made; nothing here asks the Hub.

Does not catch: conditions of a licence that the table does not know, versions that are not on the list, or what a
licence says about databases, patents or persons.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Literal

LicenseTerms = Literal["nothing", "credit", "same", "no commerce", "no changes", "own terms", "unknown"]

FREE = ("cc0-1.0", "pddl", "unlicense", "wtfpl")
CREDIT = (
    "apache-2.0", "mit", "afl-3.0", "artistic-2.0", "bsl-1.0", "bsd", "bsd-2-clause", "bsd-3-clause",
    "bsd-3-clause-clear", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cdla-permissive-1.0",
    "cdla-permissive-2.0", "ecl-2.0", "etalab-2.0", "isc", "ms-pl", "ncsa", "odc-by", "postgresql", "zlib",
)  # fmt: skip
SAME = (
    "agpl-3.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cdla-sharing-1.0", "epl-1.0", "epl-2.0", "eupl-1.1", "eupl-1.2",
    "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "lgpl", "lgpl-2.1", "lgpl-3.0", "lgpl-lr", "lppl-1.3c", "mpl-2.0", "odbl",
    "ofl-1.1", "osl-3.0",
)  # fmt: skip
NO_COMMERCE = ("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0")
NO_COMMERCE_SAME = ("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0")
NO_CHANGES = ("cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0")
OWN_TERMS = (
    "apple-amlr", "apple-ascl", "bigcode-openrail-m", "bigscience-bloom-rail-1.0", "bigscience-openrail-m", "c-uda",
    "creativeml-openrail-m", "deepfloyd-if-license", "fair-noncommercial-research-license", "gemma", "h-research",
    "intel-research", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4", "open-mdw", "openrail",
    "openrail++",
)  # fmt: skip
UNKNOWN = ("cc", "unknown", "other")
LICENSES = (*FREE, *CREDIT, *SAME, *NO_COMMERCE, *NO_COMMERCE_SAME, *NO_CHANGES, *OWN_TERMS, *UNKNOWN)
# licences under which something may be passed on that came under another one which asks for itself
NEXT = {"cc-by-sa-3.0": ("cc-by-sa-4.0",), "cc-by-sa-4.0": ("gpl-3.0",), "gpl-2.0": ("gpl",), "gpl-3.0": ("agpl-3.0",)}
# beginnings of models' names on the Hub and their licence, as their pages told when this version was made
MODELS = {
    "SmolLM2": "apache-2.0", "HuggingFaceTB/SmolLM2": "apache-2.0", "HuggingFaceTB/SmolLM3": "apache-2.0",
    "Qwen/Qwen3-": "apache-2.0", "mistralai/Mistral-7B": "apache-2.0", "mistralai/Mixtral-8x": "apache-2.0",
    "mistralai/Mistral-Nemo": "apache-2.0", "microsoft/phi-4": "mit", "allenai/OLMo-2": "apache-2.0",
    "google/gemma-2-": "gemma", "google/gemma-3-": "gemma", "meta-llama/Llama-3.1": "llama3.1",
    "meta-llama/Llama-3.2": "llama3.2", "meta-llama/Llama-3.3": "llama3.3", "openai/gpt-oss": "apache-2.0",
    "deepseek-ai/DeepSeek-R1": "mit",
}  # fmt: skip
TOLD: Mapping[str, str] = {
    "nothing": "asks for nothing",
    "credit": "asks for credit",
    "same": "asks for the same licence on what is made from it",
    "no commerce": "allows no commercial use of what is made from it",
    "no changes": "does not allow changed versions to be shared",
    "own terms": "has terms of its own for what is made with it; read them",
    "unknown": "cannot be compared by its name",
}


def check_license(name: str, what: str = "") -> str:
    """Return the name as the Hub writes it.

    Raises ValueError with the nearest name where it is not on the list; `what` begins the sentence, as in
    `the license 'mitt' of 'seeds': `.
    """
    if name in LICENSES:
        return name
    plain = "-".join(name.lower().replace("license", "").replace("licence", "").split())
    if plain in LICENSES:
        raise ValueError(f"{what}the Hub's name for it is {plain!r}")
    versions = [one for one in LICENSES if one.startswith(f"{plain}-") and one[len(plain) + 1 :][:1].isdigit()]
    close = [max(versions)] if versions else difflib.get_close_matches(plain, LICENSES, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]!r}?" if close else "write other, and license_name"
    raise ValueError(f"{what}it is not on the Hub's list ({hint})")


def license_terms(licence: str | None) -> LicenseTerms:
    """Return what a licence asks of what is made from it, in one word of the table."""
    for names, word in (
        (FREE, "nothing"),
        (CREDIT, "credit"),
        (SAME, "same"),
        ((*NO_COMMERCE, *NO_COMMERCE_SAME), "no commerce"),
        (NO_CHANGES, "no changes"),
        (OWN_TERMS, "own terms"),
    ):
        if licence in names:
            return word  # type: ignore[return-value]  # the words of the tuple are those of the Literal
    return "unknown"


def known_model_license(identity: str) -> str | None:
    """Return the licence of a model that the table knows by the beginning of its name, else None."""
    return next((licence for name, licence in MODELS.items() if identity.startswith(name)), None)


def conflicts(licence: str | None, sources: Mapping[str, str | None]) -> list[str]:
    """Return a sentence for each source whose licence does not go with the data set's; [] where all do.

    `sources` maps the names of what the texts were made from to their licences; one without a licence (None) cannot be
    compared and is passed over, and so is one under `unknown`, `other` or terms of its own.
    """
    found = []
    for name, own in sources.items():
        told = _conflict(licence, own) if own is not None else None
        if told is not None:
            found.append(f"the source {name} is under {own}, which {told}")
    return found


def _conflict(licence: str | None, own: str) -> str | None:
    word = license_terms(own)
    here = "this data set names no licence" if licence is None else f"this data set is under {licence}"
    if word == "no changes":
        return f"{TOLD[word]}: {here}, and holds texts made from it"
    if word == "same" and licence not in (own, *NEXT.get(own, ())):
        return f"{TOLD[word]}, and {here}"
    if word == "no commerce":
        fits = (own,) if own in NO_COMMERCE_SAME else (*NO_COMMERCE, *NO_COMMERCE_SAME)
        same = " and the same licence again" if own in NO_COMMERCE_SAME else ""
        return None if licence in fits else f"{TOLD[word]}{same}, and {here}"
    if word == "credit" and licence in FREE:
        return f"{TOLD[word]}, and {here}, which asks for none"
    return None
