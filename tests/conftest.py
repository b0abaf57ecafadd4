"""What holds for every test: nothing leaves the machine, and nothing is read from or left in the user's caches."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile

from hypothesis import settings

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
settings.register_profile("house", deadline=None)
settings.load_profile("house")

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
