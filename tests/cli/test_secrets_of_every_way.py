"""Secrets planted by every way into a run: in no file of it, in nothing printed, and not on the Hub after a push."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_secrets import all_content
from tests.hub_client import Client, CommandResult
from tests.hub_server import Server
from tests.server import Fault, RunningServer, serving

pytest_plugins = ("tests.hub_fixtures",)

SECRETS = {
    "user of an address": "plantedUser01",
    "password of an address": "plantedPass02",
    "query of an address": "plantedQuery03",
    "extra_body": "plantedBody04",
    "within extra_body": "plantedInner05",
    "a header": "plantedHeader06",
    "a variable in a label": "plantedLabel07",
    "a variable in a prompt": "plantedDomain08",
    "a variable in an attribute": "plantedTone09",
    "a variable in a model": "plantedModel10",
    "the variable of the key": "plantedKey11",
    "--set of a model": "plantedSet12",
    "user of a proxy": "plantedProxyUser13",
    "password of a proxy": "plantedProxyPass14",
    "a column of a source": "plantedColumn15",
    "the recipe in Python": "plantedPython16",
    "a scripted answer": "plantedAnswer17",
    "the card": "plantedCard18",
    "a variable in a path": "plantedPath19",
}
TOKEN = "hf_anna"
SEEDS = f"""\
text,label,api_key
where is my blue tent,delivery,{SECRETS["a column of a source"]}
who has the letter to my aunt,delivery,{SECRETS["a column of a source"]}
give me back what I paid for it,refund,{SECRETS["a column of a source"]}
I paid for this lamp two times,refund,{SECRETS["a column of a source"]}
"""
RECIPE = """\
name: tickets
labels:
  refund: "wants money back ${{LABEL_MEANING}}"
  delivery: asks where a parcel is
models:
  generator:
    http:
      base_url: "http://{user of an address}:{password of an address}@127.0.0.1:{port}/v1?api-key={query of an address}"
      model: "mock/${{MODEL_NAME}}"
      api_key_env: SHOP_VARIABLE
      extra_body: {{custom: {extra_body}, more: {{deep: [{within extra_body}]}}}}
      max_downtime_seconds: 1
      retries: 1
sources:
  seeds: "./${{SEED_FOLDER}}/seeds.csv"
  test: test.csv
generate:
  - labelled: {{source: seeds, domain: "messages ${{SHOP_DOMAIN}}", attributes: {{tone: ["${{TONE}}", plain]}}}}
filter: [exact_duplicate, leak: {{semantic: 1}}]
select: []
want: {{label: 4}}
export: {{license: cc-by-4.0, description: "${{ABOUT}}"}}
"""
VARIABLES = {
    "LABEL_MEANING": "a variable in a label",
    "SHOP_DOMAIN": "a variable in a prompt",
    "TONE": "a variable in an attribute",
    "MODEL_NAME": "a variable in a model",
    "SHOP_VARIABLE": "the variable of the key",
    "ABOUT": "the card",
    "ANSWER_TOKEN": "a scripted answer",
    "PYTHON_SECRET": "the recipe in Python",
    "SEED_FOLDER": "a variable in a path",
}
PYTHON = """
import json
import textsynth as ts
model = ts.models.Http(
    base_url=f"http://usr:{secret}@127.0.0.1:{port}/v1", model="mock-small", extra_body={"custom": secret + "0"},
    api_key_env="PYTHON_SECRET",
)
recipe = ts.make_recipe(
    base=base, name="made", labels={"refund": "wants money back", "delivery": "asks"}, models={"generator": model},
    generate=[ts.generate.Labelled()], filter=[ts.filter.ExactDuplicate], select=[], want={"label": 3},
)
run = ts.run(recipe, out=f"{base}/made")
result = repr(run) + repr(recipe) + str(run) + recipe.text + repr(model)
"""


def secrets_in(content: bytes) -> list[str]:
    return [way for way, value in SECRETS.items() if value.encode() in content]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def planted(hub_server: Server, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A process in whose environment the secrets are; its caches and log files are below `home`."""
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    variables = {name: SECRETS[way] for name, way in VARIABLES.items()}
    proxy = f"http://{SECRETS['user of a proxy']}:{SECRETS['password of a proxy']}@127.0.0.1:1"
    client = Client(
        hub_server, home, http_proxy=proxy, HTTPS_PROXY=proxy, NO_PROXY="127.0.0.1,localhost", no_proxy="127.0.0.1",
        XDG_CACHE_HOME=str(home / "cache"), **variables,
    )  # fmt: skip
    yield client
    client.close()


@pytest.fixture
def model() -> Iterator[RunningServer]:
    models = (f"mock/{SECRETS['a variable in a model']}", "mock-small")
    with serving(models=models) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, model: RunningServer) -> Path:
    folder = tmp_path / "project"
    seeds = folder / SECRETS["a variable in a path"]
    seeds.mkdir(parents=True)
    (seeds / "seeds.csv").write_text(SEEDS)
    (folder / "test.csv").write_text(
        "text,label\nthe van has left without me,delivery\nno money has come back,refund\n"
    )
    (folder / "recipe.yaml").write_text(RECIPE.format(**SECRETS, port=model.port))
    return folder


def written_files(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def assert_clean(printed: list[CommandResult], files: list[Path], codes: tuple[int, ...] = (0,)) -> None:
    for result in printed:
        assert result.code in codes, result
        assert secrets_in((result.out + result.err).encode()) == [], result
        assert TOKEN not in result.out + result.err
    # In this order, because the files beside a database are gone once it was read.
    contents = {path: all_content(path) for path in sorted(files, reverse=True)}
    found = {str(path): secrets_in(content) for path, content in contents.items()}
    assert {path: ways for path, ways in found.items() if ways} == {}
    assert [path for path, content in contents.items() if TOKEN.encode() in content] == []


def test_no_verb_writes_prints_or_pushes_a_secret_of_any_way(
    planted: Client, server: Server, repo: str, folder: Path, home: Path
) -> None:
    out, recipe = folder / "run", folder / "recipe.yaml"
    more = ["--set", f"models.generator.http.extra_body.api_key={SECRETS['--set of a model']}"]
    evaluated = ["evaluate", out, "--train", out.parent / SECRETS["a variable in a path"] / "seeds.csv"]
    printed = [
        planted.textsynth("validate", recipe, *more),
        planted.textsynth("validate", recipe, *more, "--json"),
        planted.textsynth("preview", recipe, *more, "-n", 1),
        planted.textsynth("preview", recipe, *more, "-n", 1, "--json"),
        planted.textsynth("run", recipe, "--out", out, *more),
        planted.textsynth("run", recipe, "--out", out, *more, "--json"),
        planted.textsynth("report", out),
        planted.textsynth("report", out, "--json"),
        planted.textsynth(*evaluated, "--test", folder / "test.csv"),
        planted.textsynth(*evaluated, "--test", folder / "test.csv", "--json"),
        planted.textsynth("export", out, "--as", "argilla"),
        planted.textsynth("export", out, "--as", "csv", "--config", "provenance", "--json"),
        planted.textsynth("export", out, "--as", "messages", "--instruction", "Label it."),
    ]
    ids = planted.python(
        """
        import pyarrow.parquet as pq
        from pathlib import Path
        result = [str(id_) for path in sorted(Path(out, "dataset/data").glob("*")) for id_ in pq.read_table(path)["id"]]
        """,
        out=out,
    )
    printed += [planted.textsynth("why", out, ids[0]), planted.textsynth("why", out, ids[0], "--json")]
    options = ("--with-provenance", "--waive", "leak")
    printed += [
        planted.textsynth("push", out, repo, *options, "--dry-run"),
        planted.textsynth("push", out, repo, *options),
        planted.textsynth("push", out, repo, *options, "--json"),
    ]
    files = written_files(out, home)
    assert len(written_files(out)) > 15
    assert_clean(printed, files)
    pushed = {name: blob for name, blob in server.store.files(repo).items()}
    assert {"README.md", "manifest.json", "recipe.yaml"} < set(pushed)
    for name, content in pushed.items():
        (home / "pushed").mkdir(exist_ok=True)
        local = home / "pushed" / name.replace("/", "-")
        local.write_bytes(content)
        assert secrets_in(all_content(local)) == [], name
    for path in (out, *out.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("kind", ["400", "401", "404", "500"])
def test_a_server_that_repeats_a_secret_in_its_error(
    kind: str, planted: Client, folder: Path, home: Path, model: RunningServer
) -> None:
    ways = (
        "the variable of the key",
        "query of an address",
        "extra_body",
        "password of an address",
        "--set of a model",
    )
    model.mock.faults = [Fault(kind, message=f"refused: {' '.join(SECRETS[way] for way in ways)}")]
    command = (folder / "recipe.yaml", "--set", f"models.generator.http.extra_body.token={SECRETS['--set of a model']}")
    printed = [
        planted.textsynth("run", *command, "--out", folder / "run"),
        planted.textsynth("run", *command, "--out", folder / "run", "--json"),
        planted.textsynth("preview", *command),
    ]
    written = written_files(folder / "run") if (folder / "run").exists() else []
    assert_clean(printed, written + written_files(home), (1, 3, 0))


def test_mistakes_repeat_no_secret(planted: Client, folder: Path, home: Path) -> None:
    text = (folder / "recipe.yaml").read_text()
    header = SECRETS["a header"]
    changes = {
        "headers": text.replace("      retries: 1\n", f"      headers: {{Authorization: Bearer {header}}}\n"),
        "a key of the user's own": text.replace("      retries: 1\n", f"      api_key: {header}\n"),
        "the key in place of its variable": text.replace("SHOP_VARIABLE", header),
        "a path": text.replace("/seeds.csv", "/nothing.csv"),
        "a number": text.replace("retries: 1", "retries: ${SHOP_VARIABLE}"),
        "a label": text.replace("want: {label: 4}", 'want: {"${LABEL_MEANING}": 4}'),
        "a model": text.replace("domain:", 'model: "${SHOP_DOMAIN}", domain:'),
        "no recipe": f"{text}\n  {{: [{header}",
    }
    printed = []
    for name, content in changes.items():
        assert content != text, name
        (folder / "wrong.yaml").write_text(content)
        printed += [planted.textsynth(verb, folder / "wrong.yaml", *more) for verb, more in
                    (("validate", ()), ("validate", ("--json",)), ("run", ("--out", folder / "wrong")))]  # fmt: skip
    elsewhere = "models.generator.http.base_url=http://shop.invalid/v1"
    printed.append(planted.textsynth("run", folder / "recipe.yaml", "--out", folder / "down", "--set", elsewhere))
    assert_clean(printed, written_files(home), (0, 1, 2, 3))  # `validate` takes any name of a variable
    assert all(result.code for result in printed[2::3])
    assert "proxy" in printed[-1].err


def test_a_recipe_made_in_python_and_a_scripted_answer(
    planted: Client, folder: Path, home: Path, model: RunningServer
) -> None:
    shown = planted.python(PYTHON, base=folder, port=model.port, secret=SECRETS["the recipe in Python"])
    assert secrets_in(shown.encode()) == []
    text = (
        "name: scripted\nlabels: {refund: a, delivery: b}\nselect: []\nwant: {label: 2}\nfilter: [exact_duplicate]\n"
        'models: {generator: {scripted: {pattern: "1. my {word} is {n} ${ANSWER_TOKEN}\\n2. a {word} of {n}"}}}\n'
    )
    (folder / "scripted.yaml").write_text(text)
    printed = [planted.textsynth("run", folder / "scripted.yaml", "--out", folder / "scripted")]
    printed.append(planted.textsynth("report", folder / "scripted"))
    assert_clean(printed, written_files(folder / "made", folder / "scripted", home))


def test_a_text_of_a_model_that_looks_like_a_key_is_not_pushed(planted: Client, repo: str, folder: Path) -> None:
    key = "sk-" + "a1B2" * 8
    text = (
        "name: scripted\nlabels: {refund: a, delivery: b}\nselect: []\nwant: {label: 2}\nfilter: [exact_duplicate]\n"
        f'models: {{generator: {{scripted: {{pattern: "1. my {{word}} is {{n}} {key}\\n2. a {{word}} of {{n}}"}}}}}}\n'
        "export: {license: cc-by-4.0}\n"
    )
    (folder / "scripted.yaml").write_text(text.replace(key, "${WORDS}"))
    out = folder / "scripted"
    assert planted.textsynth("run", folder / "scripted.yaml", "--out", out, WORDS=f"of {key}").code == 0
    result = planted.textsynth("push", out, repo, "--waive", "leak", WORDS=None)
    assert result.code == 2
    assert "looks like a key" in result.err
    assert key not in result.err
