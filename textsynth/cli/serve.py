"""`textsynth serve`: a vLLM server with the right settings, in its own environment."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from textsynth.cli.common import FILE, JSON, emit, example, notify
from textsynth.core.errors import ModelError, UsageError

if TYPE_CHECKING:
    from textsynth.models.vllm_server.lease import ServerLease
    from textsynth.models.vllm_server.state import ServerPlan, ServerState

LOOK_SECONDS = 0.2


@click.command(
    epilog=example(
        "textsynth serve --install",
        "textsynth serve Qwen/Qwen3-8B",
        "textsynth serve Qwen/Qwen3-8B --background -- --max-model-len 8192",
        "textsynth serve",
        "textsynth serve --stop",
    )
)
@click.argument("model", required=False)
@click.argument("words", metavar="[-- FLAGS OF VLLM]", nargs=-1, type=click.UNPROCESSED)
@click.option("--install", is_flag=True, help="Make an environment with vLLM in the cache folder, if there is none.")
@click.option("--background", "--keep", is_flag=True, help="Leave it running; textsynth serve --stop ends it.")
@click.option("--stop", is_flag=True, help="End the servers that run, or those of MODEL.")
@click.option("--port", type=click.IntRange(1, 65535), help="The port.  [default: a free one]")
@click.option("--revision", help="Branch, tag or commit of the model on the Hub.")
@click.option("--python", help="An interpreter that has vLLM.  [default: this one, else the installed one]")
@click.option("--log", type=FILE, help="The log file.  [default: in the cache folder]")
@JSON
def serve(model: str | None, words: tuple[str, ...], *, install: bool, stop: bool, **given: object) -> None:
    """Serve a model with vLLM, until Ctrl-C.

    Without MODEL, list the servers that run. MODEL is a name on the Hub, a folder (./…), or SmolLM2-135M-Instruct,
    which comes along. The server listens on this machine only, asks for a random key, and is restarted when it dies.
    Runs whose recipe has the same model and flags (models: {generator: {vllm: {model: …}}}) use it too.
    """
    from textsynth.core.paths import cache_folder
    from textsynth.models.vllm_server import lease as shared
    from textsynth.models.vllm_server.install import has_gpu
    from textsynth.models.vllm_server.install import install as make

    if model is not None and model.startswith("-"):
        raise UsageError(f"flags of vLLM come after a model: textsynth serve MODEL -- {model}")
    root = shared.servers_folder(cache_folder())
    if stop:
        _stop(root, model)
        return
    if install:
        found = make(cache_folder(), notify, gpu=has_gpu())
        notify(f"{found.package} {found.version} is ready: {found.python}")
    if model is not None:
        _serve(model, words, **given)  # type: ignore[arg-type]
    elif not install:
        _list(root, as_json=bool(given["as_json"]))


def _serve(
    model: str,
    words: tuple[str, ...],
    *,
    background: bool,
    port: int | None,
    revision: str | None,
    python: str | None,
    log: Path | None,
    as_json: bool,
) -> None:
    from textsynth.core.paths import cache_folder
    from textsynth.models import ModelRuntime
    from textsynth.models.vllm import log_file_name, model_source
    from textsynth.models.vllm_server import environment, flags
    from textsynth.models.vllm_server import lease as shared
    from textsynth.models.vllm_server.command import make_plan, plan_flags

    flags.check_flags(sorted(flags.flag_names(words)))
    place = ModelRuntime(Path.cwd(), cache_folder(), notify)
    found = environment.find_environment(place.cache_folder, python)
    root = shared.servers_folder(place.cache_folder)
    plan = make_plan(
        found,
        model,
        model_source(model, place),
        words,
        revision=revision,
        port=port,
        log=(log if log is not None else root / log_file_name(model)).absolute(),
    )
    notify(f"vLLM {found.version} with {', '.join(plan_flags(plan))}")
    _hold(root, plan, background=background, as_json=as_json)


def _hold(root: Path, plan: ServerPlan, *, background: bool, as_json: bool) -> None:
    """Start the server, or take hold of the one that runs, until Ctrl-C; in the background it stays."""
    from textsynth.models.vllm_server import lease as shared
    from textsynth.models.vllm_server.readiness import wait_until_ready

    held = shared.acquire(root, plan, keep_running=background)
    stays = False
    try:
        state = wait_until_ready(held, notify, timeout=plan.start_timeout_seconds + 60.0)
        emit(_told(state, held, plan) if as_json else _text(state, held, plan))
        stays = background
        if not background:
            _watch(held, state)
    except KeyboardInterrupt:
        notify("ending the server, unless somebody else uses it")
    finally:
        if background and not stays:
            shared.stop_when_unused(held.folder)
        held.release()
    if stays:
        notify("it runs on; textsynth serve --stop ends it")


def _watch(held: ServerLease, state: ServerState) -> None:
    """Say what becomes of the server until Ctrl-C. Raises ModelError when it failed for good."""
    while True:
        time.sleep(LOOK_SECONDS)
        before, state = state, held.state()
        if state.stage in ("failed", "lost"):
            reason = state.message or "its supervisor was killed"
            raise ModelError(f"vLLM does not serve {state.name} any more: {reason}")
        if state.stage == "stopped":
            notify("the server was stopped")
            return
        if state.stage != before.stage:
            is_ready = state.stage == "ready"
            notify("the server is ready again" if is_ready else "the server crashed and is being restarted")


def _told(state: ServerState, held: ServerLease, plan: ServerPlan) -> dict[str, object]:
    from textsynth.models.vllm_server.command import plan_flags

    return {
        "model": state.name,
        "base_url": state.url,
        "key_file": str(held.folder / "key"),
        "version": state.version,
        "flags": plan_flags(plan),
        "log": state.log,
        "started": held.started,
    }


def _text(state: ServerState, held: ServerLease, plan: ServerPlan) -> str:
    from textsynth.models.vllm_server.command import plan_flags

    http = f'{{base_url: "{state.url}", model: {state.name}, api_key_env: VLLM_API_KEY}}'
    lines = [
        f"{state.name} is served at {state.url}" + ("" if held.started else ", as before"),
        f"  flags   {' '.join(plan_flags(plan))}",
        f"  log     {state.log}",
        f'  key     export VLLM_API_KEY="$(cat {held.folder / "key"})"',
        f"  recipe  models: {{generator: {{http: {http}}}}}",
    ]
    return "\n".join(lines)


def _list(root: Path, *, as_json: bool) -> None:
    from textsynth.models.vllm_server import lease as shared

    found = shared.running_servers(root)
    if as_json:
        told = [
            {"model": state.name, "base_url": state.url, "stage": state.stage, "key_file": str(folder / "key")}
            for folder, state in found.items()
        ]
        emit(told)
        return
    if not found:
        notify("no server runs; textsynth serve MODEL starts one")
    for folder, state in found.items():
        emit(f"{state.name}  {state.url}  {state.stage}  vLLM {state.version}  key in {folder / 'key'}")


def _stop(root: Path, model: str | None) -> None:
    from textsynth.models.vllm_server import lease as shared

    found = {folder: state for folder, state in shared.running_servers(root).items() if model in (None, state.name)}
    if not found:
        notify("no server runs" if model is None else f"no server of {model} runs")
    for folder, state in found.items():
        if not shared.stop_server(folder):
            raise ModelError(
                f"the server of {state.name} did not stop; its supervisor is process {state.supervisor_pid}"
            )
        notify(f"{state.name} at {state.url} is ended")
