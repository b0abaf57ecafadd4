"""Secrets that reach a recipe in any way stand in no file of the run, in no message, and not on the Hub."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.run_cli import run_cli
from tests.server import serving
from textsynth.hub.payload import read_payload

SECRETS = {
    "user": "plantedUserOne",
    "password": "plantedPassTwo",
    "query": "plantedQueryThree",
    "body": "plantedBodyFour",
    "nested body": "plantedNestedFive",
    "label": "plantedLabelSix",
    "domain": "plantedDomainSeven",
    "key": "plantedKeyEight88",
    "set": "plantedSetNine",
    "set of a key": "plantedSetTen",
    "card": "plantedCardEleven",
    "attribute": "plantedToneTwelve",
}
RECIPE = """\
name: tickets
labels:
  refund: "wants money back ${{MEANING}}"
  delivery: asks where a parcel is
models:
  generator:
    http:
      base_url: "http://{user}:{password}@127.0.0.1:{port}/v1?api-key={query}"
      model: mock-small
      api_key_env: MY_SERVER_VARIABLE
      extra_body: {{custom: {body}, more: {{deep: [{nested body}]}}}}
generate:
  - labelled: {{domain: "messages ${{SHOP_DOMAIN}}", attributes: {{tone: ["${{TONE}}", plain]}}}}
filter: [exact_duplicate]
select: []
want: {{label: 4}}
export: {{license: cc-by-4.0, description: "${{ABOUT}}"}}
"""


def secrets_in(content: bytes) -> list[str]:
    return [name for name, value in SECRETS.items() if value.encode() in content]


def all_content(path: Path) -> bytes:
    """Return everything that a file holds: cells of a table, rows of a database, bytes of anything else."""
    if path.suffix == ".parquet":
        return json.dumps(pq.read_table(path).to_pylist(), default=str).encode()
    if path.suffix == ".sqlite":
        with sqlite3.connect(path) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            rows = [row for (table,) in tables for row in connection.execute(f"SELECT * FROM {table}")]
        connection.close()
        return path.read_bytes() + repr(rows).encode()
    return path.read_bytes()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, secret in (
        ("MEANING", "label"), ("SHOP_DOMAIN", "domain"), ("MY_SERVER_VARIABLE", "key"), ("ABOUT", "card"),
        ("TONE", "attribute"),
    ):  # fmt: skip
        monkeypatch.setenv(name, SECRETS[secret])


@pytest.mark.usefixtures("environment")
def test_twelve_planted_secrets_are_in_no_file_no_message_and_not_on_the_hub(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with serving() as server:
        port = server.url.rsplit(":", 1)[1].split("/")[0]
        (tmp_path / "recipe.yaml").write_text(RECIPE.format(**SECRETS, port=port))
        command = [
            "run", tmp_path / "recipe.yaml", "--out", out,
            "--set", f"models.generator.http.extra_body.added={SECRETS['set']}",
            "--set", f"models.generator.http.extra_body.api_key={SECRETS['set of a key']}",
        ]  # fmt: skip
        printed = [run_cli(capsys, *command) for _ in range(2)]
        assert [result.code for result in printed] == [0, 0], printed
    printed += [
        run_cli(capsys, "report", out),
        run_cli(capsys, "report", out, "--json"),
        run_cli(capsys, "validate", *command[1:2], *command[4:]),
        run_cli(
            capsys,
            "run",
            tmp_path / "recipe.yaml",
            "--out",
            tmp_path / "down",
            "--set",
            "models.generator.http.max_downtime_seconds=1",
        ),
        run_cli(
            capsys, "run", tmp_path / "recipe.yaml", "--set", f"models.generator.htp.api_key={SECRETS['set of a key']}"
        ),
        run_cli(capsys, "validate", tmp_path / "recipe.yaml", "--json", "--set", f"nothing.token={SECRETS['set']}"),
    ]
    for result in printed:
        assert not secrets_in((result.out + result.err).encode()), result
    assert printed[-3].code != 0
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) > 7
    assert {path.name: secrets_in(all_content(path)) for path in files if secrets_in(all_content(path))} == {}
    payload = read_payload(out)
    for name, file in payload.files.items():
        content = file.content if isinstance(file.content, bytes) else all_content(file.content)
        assert not secrets_in(content), name
    card = (out / "dataset" / "README.md").read_text()
    assert "${ABOUT}" in card
    manifest = json.loads((out / "manifest.json").read_text())
    assert "http://***@127.0.0.1" in manifest["recipe"]["text"]


def test_an_error_repeats_no_password_of_an_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = RECIPE.format(**SECRETS, port=1).replace("http://plantedUserOne", "htp://plantedUserOne").replace("${", "{")
    (tmp_path / "recipe.yaml").write_text(text)
    result = run_cli(capsys, "validate", tmp_path / "recipe.yaml")
    assert result.code == 2
    assert "base_url must start with" in result.err
    assert not secrets_in(result.err.encode())
