"""The model `local` on a cluster: requests are divided into the batches of one process, so that answers are the same.

Slow: each of two workers loads torch and a tiny model, and again after it was killed.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.kills import SEEDS_CSV, dataset_bytes, journal_answers, journal_keys, worker_processes
from tests.models import tiny
from textsynth.recipe import read_recipe
from textsynth.runner import run

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning"),
]
RECIPE = """\
name: local
labels: {delivery: asks where a parcel is, refund: asks for money back}
models: {generator: {local: {model: ./tiny, batch: 4, mode: completion}}}
sources: {seeds: seeds.csv}
generate: [labelled: {source: seeds, per_request: 1, sampling: {max_tokens: 24}}]
filter: []
select: []
want: {label: 20}
budget: {requests: 60}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pytest.importorskip("transformers", reason="needs textsynth[local]")
    tiny.save_model(tmp_path / "tiny", context=2048)
    (tmp_path / "seeds.csv").write_text(SEEDS_CSV)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path


def test_the_answers_are_those_of_one_process_though_a_worker_is_killed(two_nodes: Any, folder: Path) -> None:
    recipe = read_recipe(folder / "recipe.yaml")
    run(recipe, out=folder / "plain")

    def kill() -> None:
        while len(journal_keys(folder / "ray")) < 8:
            time.sleep(0.01)
        os.kill(worker_processes(int(path.name) for path in Path("/proc").glob("[0-9]*"))[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    lines: list[str] = []
    run(recipe, out=folder / "ray", on="ray", workers=2, log=lines.append)
    killer.join()
    assert any("has ended" in line and "it is started again" in line for line in lines)
    assert len(journal_answers(folder / "plain")) == 60
    assert journal_answers(folder / "ray") == journal_answers(folder / "plain")
    assert dataset_bytes(folder / "ray") == dataset_bytes(folder / "plain")
