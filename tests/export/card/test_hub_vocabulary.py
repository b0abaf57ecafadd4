from __future__ import annotations

import pytest

from textsynth.export.card.hub_vocabulary import check_category, check_task_id, matching_task_ids, size_category


def test_sizes_have_the_hub_s_names() -> None:
    sizes = {0: "n<1K", 999: "n<1K", 1000: "1K<n<10K", 99_999: "10K<n<100K", 100_000: "100K<n<1M", 10**6: "1M<n<10M"}
    assert {rows: size_category(rows) for rows in sizes} == sizes


def test_names_of_the_hub_pass_and_slips_get_the_nearest() -> None:
    assert check_category("text-classification") == "text-classification"
    assert check_task_id("intent-classification") == "intent-classification"
    with pytest.raises(ValueError, match="did you mean 'text-classification'"):
        check_category("text-clasification")
    with pytest.raises(ValueError, match="did you mean 'sentiment-classification'"):
        check_task_id("sentiment-classificatoin")


def test_a_name_of_the_other_list_is_sent_there() -> None:
    with pytest.raises(ValueError, match="of the category 'text-classification': write it under task_ids"):
        check_category("intent-classification")
    with pytest.raises(ValueError, match="write it under task_categories"):
        check_task_id("summarization")


def test_kinds_belong_to_categories() -> None:
    kinds = ["intent-classification", "news-articles-summarization"]
    assert matching_task_ids(kinds, ["summarization"]) == ["news-articles-summarization"]
