"""The pages of docs/ are done as a reader would do them, and the reference is what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.blocks import MARK, RUN, STAND_INS, Block, Session, blocks_of, matches

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.glob("*.md"))
ALL = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md"]
GENERATED = sorted((DOCS / "reference").glob("*.md"))


def name_of(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """May take over ten seconds: a page that trains or scores loads the embedder."""
    monkeypatch.chdir(tmp_path)
    session = Session(tmp_path)
    for block in blocks_of(page.read_text(encoding="utf-8")):
        try:
            session.do(block)
        except Exception as fault:
            fault.add_note(f"in {page.relative_to(ROOT)}:{block.line}")
            raise


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_is_not_run_says_why(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = blocks_of(text)
    assert text.count("\n```") % 2 == 0
    for block in blocks:
        assert block.language in (*RUN, "text", "csv", "jinja", "json", "markdown"), f"{page.name}:{block.line}"
        assert len(block.marks.get("not run", "a good reason").split()) > 1, f"{page.name}:{block.line}: why not?"
        for one in block.marks.get("tested with", "").split(","):
            assert not one.strip() or one.strip() in STAND_INS, f"{page.name}:{block.line}: {one!r}"
    marks = sum(len(block.marks) for block in blocks)
    assert len(MARK.findall(text)) == marks, f"{page.name}: a mark stands above no block"


@pytest.mark.parametrize("page", ALL, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file) if file else page
        assert path.exists(), f"{page.name}: {target}"
        if anchor:
            heads = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            known = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in known, f"{page.name}: {target}"


@pytest.mark.parametrize("page", GENERATED, ids=name_of)
def test_the_reference_is_what_the_code_says(page: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(DOCS / "reference.py"), page.stem], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert page.read_text(encoding="utf-8") == done.stdout, "write it again: python docs/reference.py"


def test_every_page_is_listed() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    for page in (*PAGES, *GENERATED):
        told = str(page.relative_to(DOCS))
        assert page.name == "index.md" or f"({told})" in index, f"docs/index.md does not link {told}"
        assert page.name == "index.md" or re.search(rf"^{told.removesuffix('.md')}$", index, re.MULTILINE), told


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    for module in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(module, reason="the site is built with pip install 'textsynth[docs]'")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "index.html").is_file()


def test_blocks_are_found_with_their_marks() -> None:
    text = "a\n\n<!-- not run: needs a GPU -->\n```bash\nx\n```\n\n```yaml recipe.yaml\nname: x\n```\n"
    assert blocks_of(text) == [
        Block("bash", "", "x\n", {"not run": "needs a GPU"}, 4),
        Block("yaml", "recipe.yaml", "name: x\n", {}, 8),
    ]


def test_an_ellipsis_stands_for_anything() -> None:
    assert matches("3 of … texts\n…", "3 of 7 texts\nand\nmore")
    assert not matches("3 of … texts", "4 of 7 texts")
