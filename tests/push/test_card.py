from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import DatasetCard

from tests.export.outcomes import outcome
from textsynth.export.card.metadata import read_card
from textsynth.export.dataset import write_dataset
from textsynth.push.card import pushed_card

ASIDE = ("passports", "dropped")


@pytest.fixture
def card(tmp_path: Path) -> str:
    write_dataset(tmp_path / "dataset", outcome())
    return (tmp_path / "dataset" / "README.md").read_text(encoding="utf-8")


def test_configs_that_stay_at_home_are_not_in_the_metadata(card: str) -> None:
    pushed = pushed_card(card, ASIDE)
    before, after = DatasetCard(card).data.to_dict(), DatasetCard(pushed).data.to_dict()
    assert [one["config_name"] for one in after["configs"]] == ["default"]
    assert {**after, "configs": None} == {**before, "configs": None}
    assert list(read_card(pushed).metadata) == list(read_card(card).metadata)


def test_and_not_in_the_table_of_the_configs(card: str) -> None:
    pushed = pushed_card(card, ASIDE)
    assert "| `passports` |" in card
    assert "| `passports` |" not in pushed
    assert "| `default` |" in pushed
    assert pushed.count("were not published: they stay with the run") == 1


def test_a_card_that_names_none_of_them_keeps_its_words() -> None:
    card = "---\nlicense: mit\n---\n\n# x\n\n| a | b |\n"
    assert pushed_card(card, ASIDE) == card
    assert pushed_card("# no metadata\n", ASIDE) == "# no metadata\n"


def test_a_config_of_the_data_set_info_goes_too() -> None:
    card = "---\ndataset_info:\n- config_name: default\n- config_name: dropped\n---\n"
    assert read_card(pushed_card(card, ASIDE)).metadata == {"dataset_info": [{"config_name": "default"}]}
