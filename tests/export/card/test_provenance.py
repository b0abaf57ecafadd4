from __future__ import annotations

from tests.export.outcomes import HOSTILE, run_result
from textsynth.export.card.provenance import generation_process, reproduction
from textsynth.export.run_result import CheckInfo, RequestInfo, SourceInfo


def test_prompts_are_shown_in_full_and_cannot_close_their_code_block() -> None:
    text = generation_process(run_result(prompt_texts={"labelled": f"{HOSTILE}\n```\n</details>\n# forged"}))
    assert "<details><summary>The prompt labelled, in full</summary>\n\n````jinja\n" in text
    assert text.endswith("\n````\n\n</details>")


def test_models_and_sources_have_licenses_and_revisions_and_checks_their_order() -> None:
    result = run_result(
        model_licenses={"SmolLM2@abc": "apache-2.0"},
        sources={
            "seeds": SourceInfo("PolyAI/banking77", hub="PolyAI/banking77", revision="90d4e2e", license="cc-by-4.0"),
            "test": SourceInfo("test.csv", made_from=False),
        },
        checks=[CheckInfo("filter", "near_duplicate"), CheckInfo("label", "choice")],
    )
    text = generation_process(result)
    assert "- Model: SmolLM2@abc (apache\\-2.0)" in text
    assert "- Source: seeds, PolyAI/banking77 at 90d4e2e (cc\\-by\\-4.0)" in text
    assert "- Source: test, test.csv, only compared with the texts" in text
    assert "- Checks, in order: near\\_duplicate, choice" in text


def test_the_engine_of_a_model_is_named_where_it_was_reported() -> None:
    requests = {
        f"key{n}": RequestInfo("labelled", "f00d", "SmolLM2@abc", engine="vllm 0.32.0" if n else "") for n in range(3)
    }
    assert "- Model: SmolLM2@abc, on vllm 0.32.0\n" in generation_process(run_result(requests=requests))


def test_the_command_has_every_set_option_without_the_folders_of_this_machine() -> None:
    text = reproduction(run_result(overrides=("seed=8", "sources.seeds=/home/someone/it's mine.csv")))
    assert "textsynth run recipe.yaml --set seed=8 --set 'sources.seeds=it'\"'\"'s mine.csv'" in text
    assert "someone" not in text
