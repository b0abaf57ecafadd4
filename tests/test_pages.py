"""Every block of the pages in docs/ is executed; reference, links, index and site are checked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.blocks import EXECUTED_LANGUAGES, MARK, TEST_OPTIONS, Block, PageSession, blocks_of, matches
from textsynth.core.validation_errors import RENAMED_FIELDS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
OTHER_TEXTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "eval/README.md")]
READ_BY_PARSERS = {"texts"}  # an earlier recipe key that is an option of the `json` answer reader as well
LINKED = [*sorted(DOCS.rglob("*.md")), *OTHER_TEXTS]
GENERATED = sorted((DOCS / "reference").glob("*.md"))


def page_name(path: Path) -> str:
    return path.stem


def relative_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_block_of_a_page_works(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """May take over ten seconds: a page that trains or evaluates loads the embedding model."""
    monkeypatch.chdir(tmp_path)
    session = PageSession(tmp_path)
    for block in blocks_of(page.read_text(encoding="utf-8")):
        try:
            session.execute(block)
        except Exception as error:
            error.add_note(f"in {page.relative_to(ROOT)}:{block.line}")
            raise


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_marks_are_known_and_a_block_that_is_not_run_has_a_reason(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = blocks_of(text)
    assert text.count("\n```") % 2 == 0
    for block in blocks:
        where = f"{page.name}:{block.line}"
        assert block.language in (*EXECUTED_LANGUAGES, "text", "csv", "jinja", "json", "markdown"), where
        assert len(block.marks.get("not run", "a good reason").split()) > 1, f"{where}: the reason is missing"
        for name in block.marks.get("tested with", "").split(","):
            assert not name.strip() or name.strip() in TEST_OPTIONS, f"{where}: {name!r}"
    marks = sum(len(block.marks) for block in blocks)
    assert len(MARK.findall(text)) == marks, f"{page.name}: a mark is above no block"


@pytest.mark.parametrize("page", LINKED, ids=relative_name)
def test_every_relative_link_has_a_target(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file) if file else page
        assert path.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{page.name}: {target}"


@pytest.mark.parametrize("page", [*PAGES, *OTHER_TEXTS[:2], OTHER_TEXTS[3]], ids=relative_name)
def test_no_page_uses_a_renamed_key(page: Path) -> None:
    code = "\n".join(
        re.findall(r"^```yaml.*?^```$|`[^`\n]+`", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    )
    for key in RENAMED_FIELDS.keys() - READ_BY_PARSERS:
        assert not re.search(rf"(?<![\w.]){key}: ", code), f"{page.name} uses {key!r}, now {RENAMED_FIELDS[key]!r}"


@pytest.mark.parametrize("page", GENERATED, ids=page_name)
def test_the_reference_is_generated_from_the_code(page: Path) -> None:
    process = subprocess.run(
        [sys.executable, str(DOCS / "reference.py"), page.stem], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert process.returncode == 0, process.stderr
    assert page.read_text(encoding="utf-8") == process.stdout, "generate it again: python docs/reference.py"


def test_the_index_lists_every_page() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    for page in (*PAGES, *GENERATED):
        path = str(page.relative_to(DOCS))
        assert page.name == "index.md" or f"({path})" in index, f"docs/index.md does not link {path}"
        assert page.name == "index.md" or re.search(rf"^{path.removesuffix('.md')}$", index, re.MULTILINE), path


def test_the_architecture_page_lists_every_package_and_names_existing_files() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    (tree,) = (block.text for block in blocks_of(page) if block.text.startswith("textsynth/"))
    packages = {path.parent.name for path in (ROOT / "textsynth").glob("*/__init__.py")}
    assert set(re.findall(r"^  (\w+)/", tree, re.MULTILINE)) == packages
    for path in re.findall(r"`([\w/]+\.py)`", page):
        assert any((ROOT / "textsynth").rglob(path)) or (ROOT / path).is_file(), path


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    for module in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(module, reason="the site is built with pip install 'textsynth[docs]'")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(tmp_path)]
    process = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "index.html").is_file()


def test_blocks_are_parsed_with_their_marks() -> None:
    text = "a\n\n<!-- not run: needs a GPU -->\n```bash\nx\n```\n\n```yaml recipe.yaml\nname: x\n```\n"
    assert blocks_of(text) == [
        Block("bash", "", "x\n", {"not run": "needs a GPU"}, 4),
        Block("yaml", "recipe.yaml", "name: x\n", {}, 8),
    ]


def test_an_ellipsis_matches_any_text() -> None:
    assert matches("3 of … texts\n…", "3 of 7 texts\nand\nmore")
    assert not matches("3 of … texts", "4 of 7 texts")
