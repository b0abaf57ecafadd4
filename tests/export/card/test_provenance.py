from __future__ import annotations

from tests.export.outcomes import HOSTILE, outcome
from textsynth.export.card.provenance import generation_process, license_section, reproduction
from textsynth.export.run_result import RequestInfo, SourceInfo


def test_prompts_stand_in_full_and_cannot_end_their_block() -> None:
    text = generation_process(outcome(prompt_texts={"labelled": f"{HOSTILE}\n```\n</details>\n# forged"}))
    assert "<details><summary>The prompt labelled, in full</summary>\n\n````jinja\n" in text
    assert text.endswith("\n````\n\n</details>")


def test_models_and_sources_have_their_licences_and_revisions() -> None:
    told = outcome(
        model_licenses={"SmolLM2@abc": "apache-2.0"},
        sources={
            "seeds": SourceInfo("PolyAI/banking77", hub="PolyAI/banking77", revision="90d4e2e", license="cc-by-4.0"),
            "test": SourceInfo("test.csv", made_from=False),
        },
        checks=[("filter", "near_duplicate"), ("label", "choice")],
    )
    text = generation_process(told)
    assert "- Model: SmolLM2@abc (apache\\-2.0)" in text
    assert "- Source: seeds, PolyAI/banking77 at 90d4e2e (cc\\-by\\-4.0)" in text
    assert "- Source: test, test.csv, only compared with" in text
    assert "- Checks, in order: near\\_duplicate, choice" in text


def test_the_engine_behind_a_model_is_named_where_it_told_itself() -> None:
    asked = {
        f"key{n}": RequestInfo("labelled", "f00d", "SmolLM2@abc", engine="vllm 0.32.0" if n else "") for n in range(3)
    }
    assert "- Model: SmolLM2@abc, on vllm 0.32.0\n" in generation_process(outcome(requests=asked))


def test_a_conflict_is_said_first_and_what_is_not_known_too() -> None:
    sources = {"seeds": SourceInfo("seeds.csv", license="cc-by-sa-4.0"), "more": SourceInfo("more.csv")}
    lines = license_section(outcome(license="mit", sources=sources)).split("\n")
    assert lines[0].startswith("- **Conflict**: the source seeds is under cc\\-by\\-sa\\-4.0, which asks for the same")
    assert lines[1] == "- The data set is under mit, as its author says."
    assert "The licence of the source more was not given" in "\n".join(lines)
    assert "The licence of the model SmolLM2@abc was not given" in "\n".join(lines)
    own = license_section(outcome(model_licenses={"SmolLM2@abc": "llama3.1"}, sources={}))
    assert "under llama3.1, which has terms of its own" in own


def test_the_command_has_every_set_option_and_no_folder_of_this_machine() -> None:
    text = reproduction(outcome(overrides=("seed=8", "sources.seeds=/home/someone/it's mine.csv")))
    assert "textsynth run recipe.yaml --set seed=8 --set 'sources.seeds=it'\"'\"'s mine.csv'" in text
    assert "someone" not in text
