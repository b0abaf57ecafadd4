"""Stops a run early whose first answers all bring nothing for one reason, whatever the budget and its patience allow.

The decision depends on committed answers in plan order only, so a run that is repeated from its journal stops at the
same place. As soon as one answer differs, `patience` decides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from textsynth.core.records import Completion, GenerationRequest, Record, reason_category

MIN_ANSWERS = 16
FAILING = "failing"
SAME = "dry"


class FirstAnswers:
    """What the answers of a run have in common so far, as long as they have anything in common.

    `stop` is why the run must stop, in one word and in a sentence; None while it goes on.
    """

    def __init__(self) -> None:
        self.stop: tuple[str, str] | None = None
        self._is_decided = False  # the answers have nothing in common any more
        self._answers = 0
        self._reasons: set[str] = set()
        self._reason = ""
        self._is_completion_failure = False
        self._texts: set[str] = set()
        self._accepting_answers = 0

    @property
    def are_alike(self) -> bool:
        """Whether there are answers, and they all failed for one reason or are all the same so far."""
        return self._answers > 0 and not self._is_decided

    def observe(
        self,
        requests: Sequence[GenerationRequest],
        completions: Sequence[Completion | None],
        failures: Mapping[int, str],
        accepted: Mapping[int, Sequence[Record]],
        stale: Collection[int],
    ) -> None:
        """Take a committed window: its requests and their answers in plan order.

        `failures` has the reason for each index whose answer gave no text, `accepted` the accepted records by index.
        Answers that were cut off at the indexes in `stale` do not count, as later requests have a higher limit of
        tokens; a model that is still thinking there does count, as a higher limit rarely helps there.
        """
        if self.stop is not None or self._is_decided:
            return
        for index, (request, completion) in enumerate(zip(requests, completions, strict=True)):
            if request.prompt is None or completion is None or (index in stale and completion.failure is None):
                continue
            self._answers += 1
            reason = failures.get(index, "")
            if not self._reasons:
                self._reason, self._is_completion_failure = reason, completion.failure is not None
            self._reasons.add(reason_category(reason))
            self._texts.add(completion.text)
            self._accepting_answers += bool(accepted.get(index))
        fails_differently = len(self._reasons) > 1 or "" in self._reasons
        self._is_decided = fails_differently and (len(self._texts) > 1 or self._accepting_answers > 1)
        self.stop = self._decide()

    def _decide(self) -> tuple[str, str] | None:
        if self._answers < MIN_ANSWERS:
            return None
        if len(self._reasons) == 1 and self._reason:
            cure = (
                "; run with --fresh once that is corrected"
                if self._is_completion_failure
                else "; look at some answers with `textsynth preview`, and change the prompt, the model or its options"
            )
            return FAILING, (
                f"stopped early, as each of the first {self._answers} answers failed for the same reason:"
                f" {self._reason}{cure}"
            )
        if len(self._texts) == 1 and self._accepting_answers <= 1:
            return SAME, (
                f"stopped early, as the first {self._answers} answers are all the same: raise sampling.temperature,"
                " vary the prompts with attributes, or look at the model with `textsynth preview`"
            )
        return None
