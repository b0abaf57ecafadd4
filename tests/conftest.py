"""What holds for every test: nothing leaves the machine, and nothing is read from or left in the user's caches.

`pytest -m fast` runs all tests but those of SLOW, and those that a mark excludes (slow, vllm, ray, clients).
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

# Modules and collected tests stay until the end: the garbage collector need not look at them again and again.
gc.disable()

# Set before anything imports huggingface_hub or datasets, which read these once.
_caches = tempfile.TemporaryDirectory(prefix="textsynth-tests-")
os.environ.update(
    HF_HOME=_caches.name,
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    HF_DATASETS_DISABLE_PROGRESS_BARS="1",
)

# A shell hands "no Ctrl-C" on to what it starts with `&`, and the processes of tests would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says more of the machine than of the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# Files and folders of tests that start processes or servers, run whole recipes, load a model, train classifiers or
# measure growth: each takes more than two seconds of CPU time, the import of what it needs (torch, scikit-learn)
# included. All other tests are fast; together they must stay under a minute on two cores.
SLOW = (
    "api/test_functions.py",
    "api/test_notebook.py",
    "api/test_run.py",
    "cli/test_completion.py",
    "cli/test_crash.py",
    "cli/test_export.py",
    "cli/test_filter.py",
    "cli/test_foreign_files.py",
    "cli/test_push.py",
    "cli/test_recipes.py",
    "cli/test_review.py",
    "cli/test_runs.py",
    "cli/test_secrets.py",
    "cli/test_secrets_of_every_way.py",
    "cli/test_serve.py",
    "cluster/test_runs.py",
    "evaluate/test_ablation.py",
    "evaluate/test_bootstrap.py",
    "evaluate/test_cache.py",
    "evaluate/test_classifiers.py",
    "evaluate/test_contamination.py",
    "evaluate/test_contributions.py",
    "evaluate/test_cross_validation.py",
    "evaluate/test_discriminator.py",
    "evaluate/test_diversity.py",
    "evaluate/test_domain_shift.py",
    "evaluate/test_evaluate.py",
    "evaluate/test_experiment_arms.py",
    "evaluate/test_learning_curve.py",
    "evaluate/test_load.py",
    "evaluate/test_metrics.py",
    "evaluate/test_nearest_texts.py",
    "evaluate/test_overlap.py",
    "evaluate/test_own_classifier.py",
    "evaluate/test_runner.py",
    "evaluate/test_sample_weight.py",
    "evaluate/test_serialize.py",
    "evaluate/test_several_texts.py",
    "evaluate/test_text_features.py",
    "export/test_dataset.py",
    "export/test_shards.py",
    "filter/test_agreement.py",
    "filter/test_language.py",
    "filter/test_leak.py",
    "filter/test_linear_time.py",
    "filter/test_same_meaning.py",
    "filter/test_semantic_duplicate.py",
    "generate/test_gaps.py",
    "hub/test_commit.py",
    "hub/test_payload.py",
    "hub/test_repository.py",
    "hub/test_source_redaction.py",
    "label/test_calibrated.py",
    "label/test_calibration.py",
    "label/test_judge.py",
    "label/test_judge_panel.py",
    "label/test_label_probabilities.py",
    "models/local",
    "models/openai/test_batch_n.py",
    "models/openai/test_client.py",
    "models/openai/test_probes.py",
    "models/test_local.py",
    "models/test_vllm.py",
    "models/vllm_server/test_environment.py",
    "models/vllm_server/test_install.py",
    "models/vllm_server/test_lease.py",
    "models/vllm_server/test_locks.py",
    "models/vllm_server/test_model.py",
    "models/vllm_server/test_process.py",
    "models/vllm_server/test_readiness.py",
    "models/vllm_server/test_replicas.py",
    "models/vllm_server/test_supervisor.py",
    "parse/test_list.py",
    "parse/test_tagged.py",
    "prompts/test_bounded_filters.py",
    "recipe/test_loader.py",
    "report/test_evaluation.py",
    "review/test_agreement.py",
    "review/test_server.py",
    "runner/test_damaged_journal.py",
    "runner/test_event_loop.py",
    "runner/test_first_answers.py",
    "runner/test_follow_ups.py",
    "runner/test_label_file.py",
    "runner/test_label_sets_run.py",
    "runner/test_large_runs.py",
    "runner/test_max_tokens.py",
    "runner/test_minutes.py",
    "runner/test_monitor.py",
    "runner/test_offline.py",
    "runner/test_plugin_checks.py",
    "runner/test_required_columns.py",
    "runner/test_review_decisions.py",
    "runner/test_scheduler.py",
    "runner/test_unchanged.py",
    "select/test_margin.py",
    "sharded",
    "sharded/test_filter_shards.py",
    "similarity/test_embedder.py",
    "similarity/test_loss_reduction.py",
    "similarity/test_minhash.py",
    "sources/test_hub.py",
    "store/test_record_spool.py",
    "task/test_pairs_run.py",
    "test_api.py",
    "test_cli.py",
    "test_clients.py",
    "test_docs.py",
    "test_golden.py",
    "test_hub.py",
    "test_pages.py",
    "test_real_vllm.py",
    "test_step_contract.py",
    "test_survival.py",
    "test_terminal.py",
    "test_wheel.py",
)
TESTS = Path(__file__).parent
LOOPBACK = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "", None}


class LeavesTheMachine(RuntimeError):
    """A test reached for another host."""


def _refuse_other_hosts(event: str, args: tuple[object, ...]) -> None:
    if event == "socket.getaddrinfo":
        host = args[0].decode() if isinstance(args[0], bytes) else args[0]
    elif event in {"socket.connect", "socket.sendto"} and isinstance(args[-1], tuple):
        host = args[-1][0]
    else:
        return
    if host in LOOPBACK:
        return
    if str(host).endswith(".invalid"):
        # A name that RFC 2606 reserves for never being found: tests of "no such host" use it.
        raise socket.gaierror(socket.EAI_NONAME, "no such host")
    raise LeavesTheMachine(f"tests talk to loopback only, this one reached for {host!r}")


# An audit hook sees every socket of this process, whichever library opens it.
sys.addaudithook(_refuse_other_hosts)


@cache  # there are many tests in a file
def is_slow(path: Path) -> bool:
    return any(path.is_relative_to(TESTS / name) for name in SLOW)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out slow files where only fast tests run: importing them takes as long as many fast tests."""
    return True if config.option.markexpr == "fast" and is_slow(collection_path) else None


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the fast tests."""
    for item in items:
        excluded = any(item.get_closest_marker(mark) for mark in ("slow", "vllm", "ray", "clients"))
        if not excluded and not is_slow(item.path):
            item.add_marker(pytest.mark.fast)
