"""The vocabulary of the Hub's metadata for text data sets: task categories, their task ids, and sizes.

The lists follow the Hub's own (huggingface.js, `pipelines.ts`) as they were when this version was made; nothing here
asks the Hub.
"""

from __future__ import annotations

from collections.abc import Collection

from textsynth.core.errors import did_you_mean

TASKS: dict[str, tuple[str, ...]] = {
    "text-classification": (
        "acceptability-classification", "entity-linking-classification", "fact-checking", "intent-classification",
        "language-identification", "multi-class-classification", "multi-label-classification",
        "multi-input-text-classification", "natural-language-inference", "semantic-similarity-classification",
        "sentiment-classification", "topic-classification", "semantic-similarity-scoring", "sentiment-scoring",
        "sentiment-analysis", "hate-speech-detection", "text-scoring",
    ),
    "text-generation": ("dialogue-modeling", "dialogue-generation", "conversational", "language-modeling"),
    "summarization": ("news-articles-summarization", "news-articles-headline-generation"),
    "text2text-generation": (
        "text-simplification", "explanation-generation", "abstractive-qa", "open-domain-abstractive-qa",
        "closed-domain-qa", "open-book-qa", "closed-book-qa",
    ),
    "token-classification": (
        "named-entity-recognition", "part-of-speech", "parsing", "lemmatization", "word-sense-disambiguation",
        "coreference-resolution",
    ),
    "question-answering": ("extractive-qa", "open-domain-qa", "closed-domain-qa"),
    "text-retrieval": (
        "document-retrieval", "utterance-retrieval", "entity-linking-retrieval", "fact-checking-retrieval",
    ),
    "fill-mask": ("slot-filling", "masked-language-modeling"),
    "multiple-choice": ("multiple-choice-qa", "multiple-choice-coreference-resolution"),
    "zero-shot-classification": (), "translation": (), "feature-extraction": (), "sentence-similarity": (),
    "text-ranking": (), "table-question-answering": (), "table-to-text": (), "other": (),
}  # fmt: skip
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def check_category(name: str) -> str:
    """Return the name of a task category. Raises ValueError with the nearest one where it is not on the list."""
    if name in TASKS:
        return name
    owner = next((category for category, task_ids in TASKS.items() if name in task_ids), None)
    if owner is not None:
        raise ValueError(f"{name!r} is a task id of the category {owner!r}: write it under task_ids")
    raise ValueError(f"the Hub has no task category {name!r}{did_you_mean(name, TASKS)}")


def check_task_id(name: str) -> str:
    """Return the name of a task id. Raises ValueError with the nearest one where it is not on the list."""
    task_ids = [task_id for group in TASKS.values() for task_id in group]
    if name in task_ids:
        return name
    if name in TASKS:
        raise ValueError(f"{name!r} is a task category: write it under task_categories")
    raise ValueError(f"the Hub has no task id {name!r}{did_you_mean(name, task_ids)}")


def matching_task_ids(task_ids: Collection[str], categories: Collection[str]) -> list[str]:
    """Return those of `task_ids` that belong to one of `categories`, in their order."""
    return [task_id for task_id in task_ids if any(task_id in TASKS.get(category, ()) for category in categories)]


def size_category(rows: int) -> str:
    """Return the Hub's name for a number of rows."""
    return next((name for limit, name in SIZES if rows < limit), "1M<n<10M")
