from __future__ import annotations

from textsynth.api.results import Preview, Score
from textsynth.runner.preview import PreviewSample, PreviewText


def test_a_preview_is_shown_with_every_text_escaped() -> None:
    seen = Preview(
        [PreviewSample("labelled", (("user", "write"),), "1. <b>hi</b>", None, (PreviewText("<b>hi</b>", ("a",)),))]
    )
    assert "✓ <b>hi</b>  [a]" in str(seen)
    assert "✓ &lt;b&gt;hi&lt;/b&gt;  [a]" in seen._repr_html_()


def test_a_score_gives_its_verdict() -> None:
    score = Score({"verdict": {"effect": "helps", "sentences": ["They help."]}})
    assert (score.effect, list(score.sentences)) == ("helps", ["They help."])
