from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from textsynth.core.paths import PACKAGE, bundled_folder, cache_folder, recipe_names, recipe_path
from textsynth.recipe import read_recipe

ROOT = Path(__file__).parents[2]


def test_bundled_prompts_and_recipes_are_found_beside_the_package() -> None:
    assert sorted(bundled_folder("prompts").glob("*.jinja"))
    assert bundled_folder("recipes").is_dir()


def test_a_wheel_has_them_in_the_folder_in_which_they_are_looked_for() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    included = build["targets"]["wheel"]["force-include"]
    bundled = PACKAGE / "bundled"
    assert {name: PACKAGE.parent / target for name, target in included.items()} == {
        "prompts": bundled / "prompts",
        "recipes": bundled / "recipes",
    }


def test_a_bare_name_is_a_bundled_recipe_unless_a_file_of_that_name_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert recipe_path(Path("quickstart")) == bundled_folder("recipes") / "quickstart.yaml"
    for name in ("quickstart.yaml", "folder/quickstart", "no_such"):
        assert recipe_path(Path(name)) == Path(name)
    (tmp_path / "quickstart").write_text("mine", encoding="utf-8")
    assert recipe_path(Path("quickstart")) == Path("quickstart")


@pytest.mark.parametrize("name", recipe_names())
def test_every_bundled_recipe_is_read_by_its_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_recipe(Path(name)).name == name


def test_the_cache_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "textsynth"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "textsynth"
