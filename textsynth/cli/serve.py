"""The command that serves a model with vLLM, in an environment of its own: serve."""

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

POLL_SECONDS = 0.2


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
@click.argument("vllm_flags", metavar="[-- FLAGS OF VLLM]", nargs=-1, type=click.UNPROCESSED)
@click.option("--install", is_flag=True, help="Install vLLM into an environment in the cache folder, if there is none.")
@click.option("--background", "--keep", is_flag=True, help="Leave it running; textsynth serve --stop stops it.")
@click.option("--stop", is_flag=True, help="Stop the running servers, or those of MODEL.")
@click.option("--port", type=click.IntRange(1, 65535), help="The port.  [default: a free one]")
@click.option("--revision", help="Branch, tag or commit of the model on the Hub.")
@click.option("--python", help="An interpreter with vLLM.  [default: this one, else the installed one]")
@click.option("--log", type=FILE, help="The log file.  [default: in the cache folder]")
@JSON
def serve(model: str | None, vllm_flags: tuple[str, ...], *, install: bool, stop: bool, **options: object) -> None:
    """Serve a model with vLLM, until Ctrl-C.

    Without MODEL, list the running servers. MODEL is a name on the Hub, a folder (./…), or SmolLM2-135M-Instruct, which
    is bundled. The server listens on this machine only, requires a random key, and is restarted when it crashes. Runs
    whose recipe has the same model and flags (models: {generator: {vllm: {model: …}}}) use it too.
    """
    from textsynth.core.paths import cache_folder
    from textsynth.models.vllm_server import lease as leases
    from textsynth.models.vllm_server.install import has_gpu
    from textsynth.models.vllm_server.install import install as install_vllm

    if model is not None and model.startswith("-"):
        raise UsageError(f"flags of vLLM come after a model: textsynth serve MODEL -- {model}")
    root = leases.servers_folder(cache_folder())
    if stop:
        _stop_servers(root, model)
        return
    if install:
        environment = install_vllm(cache_folder(), notify, gpu=has_gpu())
        notify(f"{environment.package} {environment.version} is ready: {environment.python}")
    if model is not None:
        _serve_model(model, vllm_flags, **options)  # type: ignore[arg-type]
    elif not install:
        _list_servers(root, as_json=bool(options["as_json"]))


def _serve_model(
    model: str,
    vllm_flags: tuple[str, ...],
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
    from textsynth.models.vllm_server import lease as leases
    from textsynth.models.vllm_server.command import make_plan, plan_flags

    flags.check_flags(sorted(flags.flag_names(vllm_flags)))
    runtime = ModelRuntime(Path.cwd(), cache_folder(), notify)
    vllm = environment.find_environment(runtime.cache_folder, python)
    root = leases.servers_folder(runtime.cache_folder)
    plan = make_plan(
        vllm,
        model,
        model_source(model, runtime),
        vllm_flags,
        revision=revision,
        port=port,
        log=(log if log is not None else root / log_file_name(model)).absolute(),
    )
    notify(f"vLLM {vllm.version} with {', '.join(plan_flags(plan))}")
    _hold_server(root, plan, background=background, as_json=as_json)


def _hold_server(root: Path, plan: ServerPlan, *, background: bool, as_json: bool) -> None:
    """Start the server, or use the running one, until Ctrl-C; in the background it keeps running."""
    from textsynth.models.vllm_server import lease as leases
    from textsynth.models.vllm_server.readiness import wait_until_ready

    lease = leases.acquire(root, plan, keep_running=background)
    keeps_running = False
    try:
        state = wait_until_ready(lease, notify, timeout=plan.start_timeout_seconds + 60.0)
        emit(_server_json(state, lease, plan) if as_json else _server_text(state, lease, plan))
        keeps_running = background
        if not background:
            _watch_server(lease, state)
    except KeyboardInterrupt:
        notify("stopping the server, unless another run uses it")
    finally:
        if background and not keeps_running:
            leases.stop_when_unused(lease.folder)
        lease.release()
    if keeps_running:
        notify("it keeps running; textsynth serve --stop stops it")


def _watch_server(lease: ServerLease, state: ServerState) -> None:
    """Report changes of the server's state until Ctrl-C. Raises ModelError where it failed for good."""
    while True:
        time.sleep(POLL_SECONDS)
        before, state = state, lease.state()
        if state.stage in ("failed", "lost"):
            reason = state.message or "its supervisor was killed"
            raise ModelError(f"vLLM does not serve {state.name} any more: {reason}")
        if state.stage == "stopped":
            notify("the server was stopped")
            return
        if state.stage != before.stage:
            is_ready = state.stage == "ready"
            notify("the server is ready again" if is_ready else "the server crashed and is being restarted")


def _server_json(state: ServerState, lease: ServerLease, plan: ServerPlan) -> dict[str, object]:
    from textsynth.models.vllm_server.command import plan_flags

    return {
        "model": state.name,
        "base_url": state.url,
        "key_file": str(lease.folder / "key"),
        "version": state.version,
        "flags": plan_flags(plan),
        "log": state.log,
        "started": lease.started,
    }


def _server_text(state: ServerState, lease: ServerLease, plan: ServerPlan) -> str:
    from textsynth.models.vllm_server.command import plan_flags

    http = f'{{base_url: "{state.url}", model: {state.name}, api_key_env: VLLM_API_KEY}}'
    lines = [
        f"{state.name} is served at {state.url}" + ("" if lease.started else ", by a server that was running"),
        f"  flags   {' '.join(plan_flags(plan))}",
        f"  log     {state.log}",
        f'  key     export VLLM_API_KEY="$(cat {lease.folder / "key"})"',
        f"  recipe  models: {{generator: {{http: {http}}}}}",
    ]
    return "\n".join(lines)


def _list_servers(root: Path, *, as_json: bool) -> None:
    from textsynth.models.vllm_server import lease as leases

    servers = leases.running_servers(root)
    if as_json:
        emit(
            [
                {"model": state.name, "base_url": state.url, "stage": state.stage, "key_file": str(folder / "key")}
                for folder, state in servers.items()
            ]
        )
        return
    if not servers:
        notify("no server is running; textsynth serve MODEL starts one")
    for folder, state in servers.items():
        emit(f"{state.name}  {state.url}  {state.stage}  vLLM {state.version}  key in {folder / 'key'}")


def _stop_servers(root: Path, model: str | None) -> None:
    from textsynth.models.vllm_server import lease as leases

    running = leases.running_servers(root)
    servers = {folder: state for folder, state in running.items() if model in (None, state.name)}
    if not servers:
        notify("no server is running" if model is None else f"no server of {model} is running")
    for folder, state in servers.items():
        if not leases.stop_server(folder):
            raise ModelError(
                f"the server of {state.name} did not stop; its supervisor is process {state.supervisor_pid}"
            )
        notify(f"{state.name} at {state.url} is stopped")
