from __future__ import annotations

from tests.export.outcomes import outcome
from textsynth.export.card.citation import citation
from textsynth.export.outcome import About


def test_an_entry_is_made_of_what_is_known_and_names_no_year() -> None:
    text = citation(outcome(about=About(pretty_name="50 % {off}", authors=("Ann Lee", "ACME & Sons"))))
    assert text.startswith("```bibtex\n@misc{parcels,\n")
    assert "  title = {50 \\% \\{off\\}}," in text
    assert "  author = {Ann Lee} and {ACME \\& Sons}," in text
    assert "year" not in text
    assert "author" not in citation(outcome())
    assert "curated with" in citation(outcome(selected=()))


def test_the_author_s_own_stands_as_it_is() -> None:
    own = "@article{a,\n  title = {``` tricks}\n}"
    assert citation(outcome(about=About(citation=own))) == f"````bibtex\n{own}\n````"
