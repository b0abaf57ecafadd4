"""Checksums of the journal's rows: a flipped bit gives no wrong answer, the damaged row is requested again."""

from __future__ import annotations

from zlib import crc32

MISSING = "\0"


def answer_checksum(
    key: str,
    answer: str,
    finish: str,
    prompt_tokens: int,
    completion_tokens: int,
    failure: str | None,
    scores: str | None,
    engine: str,
) -> int:
    """Return the CRC-32 of everything that a run reads of an answer. Raises TypeError where a text is none."""
    parts = (
        key,
        answer,
        finish,
        str(prompt_tokens),
        str(completion_tokens),
        MISSING if failure is None else failure,
        MISSING if scores is None else scores,
        engine,
    )
    return crc32("\x1f".join(parts).encode("utf-8", "surrogatepass"))


def vector_checksum(key: bytes, vector: bytes) -> int:
    """Return the CRC-32 of an embedding, or another value, and its key."""
    return crc32(vector, crc32(key))
