"""Licenses by their names on the Hub: what each demands of data made from it, and which two conflict.

A plain table of common licenses, no legal advice: it reduces what a license demands to one word (credit, the same
license, no commerce, no changes) and compares that with the data set's own license. The list follows the Hub's
documentation as it was when this version was made; nothing here asks the Hub.

Does not catch: conditions of a license that the table does not know, versions that are not on the list, or what a
license says about databases, patents or persons.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
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
# The licenses under which material that came under a share-alike license may be passed on.
SUCCESSORS = {
    "cc-by-sa-3.0": ("cc-by-sa-4.0",),
    "cc-by-sa-4.0": ("gpl-3.0",),
    "gpl-2.0": ("gpl",),
    "gpl-3.0": ("agpl-3.0",),
}
# Prefixes of model names on the Hub and their license, as their pages said when this version was made.
MODELS = {
    "SmolLM2": "apache-2.0", "HuggingFaceTB/SmolLM2": "apache-2.0", "HuggingFaceTB/SmolLM3": "apache-2.0",
    "Qwen/Qwen3-": "apache-2.0", "mistralai/Mistral-7B": "apache-2.0", "mistralai/Mixtral-8x": "apache-2.0",
    "mistralai/Mistral-Nemo": "apache-2.0", "microsoft/phi-4": "mit", "allenai/OLMo-2": "apache-2.0",
    "google/gemma-2-": "gemma", "google/gemma-3-": "gemma", "meta-llama/Llama-3.1": "llama3.1",
    "meta-llama/Llama-3.2": "llama3.2", "meta-llama/Llama-3.3": "llama3.3", "openai/gpt-oss": "apache-2.0",
    "deepseek-ai/DeepSeek-R1": "mit",
}  # fmt: skip
DEMANDS: Mapping[str, str] = {
    "nothing": "demands nothing",
    "credit": "demands credit",
    "same": "demands the same license for what is made from it",
    "no commerce": "allows no commercial use of what is made from it",
    "no changes": "does not allow changed versions to be shared",
    "own terms": "has terms of its own for what is made with it; read them",
    "unknown": "cannot be compared by its name",
}


def check_license(name: str, what: str = "") -> str:
    """Return the name, which must be the Hub's.

    Raises ValueError with the nearest name where it is not on the list; `what` starts the sentence, as in
    `the license 'mitt' of 'seeds': `.
    """
    if name in LICENSES:
        return name
    plain = "-".join(name.lower().replace("license", "").replace("licence", "").split())
    if plain in LICENSES:
        raise ValueError(f"{what}the Hub's name for it is {plain!r}")
    versions = [known for known in LICENSES if known.startswith(f"{plain}-") and known[len(plain) + 1 :][:1].isdigit()]
    close = [max(versions)] if versions else difflib.get_close_matches(plain, LICENSES, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]!r}?" if close else "write other, and license_name"
    raise ValueError(f"{what}it is not on the Hub's list ({hint})")


def license_terms(name: str | None) -> LicenseTerms:
    """Return what a license demands of what is made from it, in one word."""
    table: Sequence[tuple[Sequence[str], LicenseTerms]] = (
        (FREE, "nothing"),
        (CREDIT, "credit"),
        (SAME, "same"),
        ((*NO_COMMERCE, *NO_COMMERCE_SAME), "no commerce"),
        (NO_CHANGES, "no changes"),
        (OWN_TERMS, "own terms"),
    )
    return next((terms for names, terms in table if name in names), "unknown")


def known_model_license(identity: str) -> str | None:
    """Return the license of a model that the table knows by the prefix of its name, else None."""
    return next((name for prefix, name in MODELS.items() if identity.startswith(prefix)), None)


def conflicts(name: str | None, sources: Mapping[str, str | None]) -> list[str]:
    """Return a sentence for each source whose license conflicts with the data set's license `name`.

    `sources` maps the names of what the texts were made from to their licenses. A source without a license (None), or
    under `unknown`, `other` or terms of its own, cannot be compared and is skipped.
    """
    sentences = []
    for source, source_license in sources.items():
        conflict = _conflict(name, source_license) if source_license is not None else None
        if conflict is not None:
            sentences.append(f"the source {source} is under {source_license}, which {conflict}")
    return sentences


def _conflict(name: str | None, source_license: str) -> str | None:
    terms = license_terms(source_license)
    own = "this data set names no license" if name is None else f"this data set is under {name}"
    if terms == "no changes":
        return f"{DEMANDS[terms]}: {own}, and holds texts made from it"
    if terms == "same" and name not in (source_license, *SUCCESSORS.get(source_license, ())):
        return f"{DEMANDS[terms]}, and {own}"
    if terms == "no commerce":
        share_alike = source_license in NO_COMMERCE_SAME
        compatible = (source_license,) if share_alike else (*NO_COMMERCE, *NO_COMMERCE_SAME)
        also = " and the same license again" if share_alike else ""
        return None if name in compatible else f"{DEMANDS[terms]}{also}, and {own}"
    if terms == "credit" and name in FREE:
        return f"{DEMANDS[terms]}, and {own}, which demands none"
    return None
