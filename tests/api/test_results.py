from __future__ import annotations

from textsynth.api.results import Preview, Score
from textsynth.runner.preview import PreviewSample, PreviewText


def test_the_texts_of_a_preview_are_escaped() -> None:
    preview = Preview(
        [PreviewSample("labelled", (("user", "write"),), "1. <b>hi</b>", None, (PreviewText("<b>hi</b>", ("a",)),))]
    )
    assert "✓ <b>hi</b>  [a]" in str(preview)
    assert "✓ &lt;b&gt;hi&lt;/b&gt;  [a]" in preview._repr_html_()


def test_a_score_has_the_verdict() -> None:
    score = Score({"verdict": {"effect": "helps", "sentences": ["They help."]}})
    assert (score.effect, list(score.sentences)) == ("helps", ["They help."])
