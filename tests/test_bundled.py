from __future__ import annotations

import tomllib
from pathlib import Path

from textsynth.bundled import PACKAGE, bundled

ROOT = Path(__file__).parent.parent


def test_prompts_and_recipes_are_found_beside_the_package() -> None:
    assert sorted(bundled("prompts").glob("*.jinja"))
    assert bundled("recipes").is_dir()


def test_a_wheel_carries_them_where_they_are_looked_for() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    included = build["targets"]["wheel"]["force-include"]
    inside = PACKAGE / "bundled"
    assert {name: PACKAGE.parent / place for name, place in included.items()} == {
        "prompts": inside / "prompts",
        "recipes": inside / "recipes",
    }
