"""The citation of a data set: the author's own BibTeX, else an entry made from what the recipe tells.

It names no year: a card holds no time, so that the same recipe gives the same bytes.
"""

from __future__ import annotations

import re

from textsynth.core.version import __version__
from textsynth.export.card.markdown import fenced
from textsynth.export.outcome import Outcome

_SPECIAL = str.maketrans({"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "$": r"\$",
    "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"})  # fmt: skip


def citation(outcome: Outcome) -> str:
    """Return a block of BibTeX."""
    about = outcome.about
    if about.citation is not None:
        return fenced(about.citation.strip(), "bibtex")
    key = re.sub(r"[^A-Za-z0-9]+", "_", outcome.name).strip("_") or "dataset"
    authors = " and ".join(f"{{{_plain(one)}}}" for one in about.authors)
    lines = [
        f"  title = {{{_plain(about.pretty_name or outcome.name)}}},",
        *([f"  author = {authors if len(about.authors) > 1 else '{' + authors + '}'},"] if authors else []),
        f"  note = {{Synthetic data set made with TextSynth {__version__}}}," if outcome.written else
        f"  note = {{Data set curated with TextSynth {__version__}}},",
    ]  # fmt: skip
    return fenced("\n".join([f"@misc{{{key},", *lines, "}"]), "bibtex")


def _plain(text: str) -> str:
    return " ".join(text.split()).translate(_SPECIAL)
