"""One Hub and one client process for all tests that need them; each test has its own repository, and no faults."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.runs import make_run
from tests.hub_client import Client
from tests.hub_server import Server, hub


@pytest.fixture(scope="session")
def hub_server() -> Iterator[Server]:
    with hub(part_bytes=1_500) as server:
        yield server


@pytest.fixture(scope="session")
def client(hub_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    client = Client(hub_server, tmp_path_factory.mktemp("hf"))
    yield client
    client.close()


@pytest.fixture
def server(hub_server: Server) -> Server:
    hub_server.faults.clear()
    hub_server.requests.clear()
    hub_server.store.objects.clear()
    return hub_server


@pytest.fixture
def repo(request: pytest.FixtureRequest) -> str:
    """A repository of the user anna that no other test uses."""
    name = request.node.name
    slug = re.sub(r"\W+", "-", name.removeprefix("test_"))[:60].strip("-_")
    return f"anna/{slug}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run that tests share and must not change."""
    return make_run(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    """The folder of a finished run that the test may change."""
    return make_run(tmp_path / "own")
