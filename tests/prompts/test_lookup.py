from __future__ import annotations

from pathlib import Path

import pytest

from textsynth.core.errors import PromptError
from textsynth.core.paths import bundled_folder
from textsynth.prompts import find_prompt, prompt_names


def write(path: Path) -> Path:
    """Write a prompt file with the mode of its name."""
    path.parent.mkdir(exist_ok=True)
    mode = "completion" if path.name.endswith(".completion.jinja") else "chat"
    body = "a" if mode == "completion" else '{% chat role="user" %}a{% endchat %}'
    path.write_text(f"---\ndescription: a test\nmode: {mode}\n---\n{body}\n")
    return path


def test_the_folders_are_searched_in_order(tmp_path: Path) -> None:
    paths = [
        tmp_path / "labelled.chat.jinja",
        tmp_path / "labelled.jinja",
        tmp_path / "prompts" / "labelled.chat.jinja",
        tmp_path / "prompts" / "labelled.jinja",
        bundled_folder("prompts") / "labelled.chat.jinja",
    ]
    for path in paths[:-1]:
        write(path)
    for path in paths:
        assert find_prompt("labelled", "chat", tmp_path).path == path
        if tmp_path in path.parents:
            path.unlink()


def test_each_mode_has_its_own_file(tmp_path: Path) -> None:
    write(tmp_path / "it.chat.jinja")
    write(tmp_path / "it.completion.jinja")
    assert find_prompt("it", "chat", tmp_path).mode == "chat"
    assert find_prompt("it", "completion", tmp_path).mode == "completion"
    assert find_prompt("it", "completion", tmp_path).name == "it.completion"


def test_a_path_is_relative_to_the_recipe(tmp_path: Path) -> None:
    path = write(tmp_path / "mine" / "it.jinja")
    assert find_prompt("./mine/it.jinja", "chat", tmp_path).path == path
    assert find_prompt("mine/it.jinja", "completion", tmp_path).path == path
    assert find_prompt("./mine/it", "chat", tmp_path).path == path
    assert find_prompt(str(path), "chat", tmp_path / "elsewhere").path == path


def test_an_unknown_prompt_is_an_error_with_the_nearest_name(tmp_path: Path) -> None:
    write(tmp_path / "greeting.jinja")
    with pytest.raises(PromptError) as caught:
        find_prompt("labeled", "chat", tmp_path)
    assert str(caught.value).startswith("there is no prompt 'labeled' (labeled.chat.jinja or labeled.jinja) in ")
    assert str(caught.value).endswith("; did you mean 'labelled'?")
    with pytest.raises(PromptError, match="did you mean 'greeting'"):
        find_prompt("greetings", "completion", tmp_path)
    with pytest.raises(PromptError, match="there is no prompt ''"):
        find_prompt("", "chat", tmp_path)


def test_a_wrong_path_is_an_error_with_the_name_of_the_prompt(tmp_path: Path) -> None:
    path = write(tmp_path / "prompts" / "mine.jinja")
    write(tmp_path / "prompts" / "two.chat.jinja")
    with pytest.raises(PromptError) as caught:
        find_prompt("mine.jinja", "chat", tmp_path)
    assert str(caught.value) == (
        f"there is no file {tmp_path / 'mine.jinja'} (a prompt that ends with .jinja is a path from the recipe); "
        f"write 'mine', the prompt's name, for {path}"
    )
    with pytest.raises(PromptError, match=r"write 'two', the prompt's name, for .*two\.chat\.jinja$"):
        find_prompt("somewhere/two.jinja", "chat", tmp_path)
    with pytest.raises(PromptError, match=r"write 'labelled', the prompt's name"):
        find_prompt("labelled.chat.jinja", "chat", tmp_path)
    with pytest.raises(PromptError) as caught:
        find_prompt("./mines.jinja", "chat", tmp_path)
    assert f"no prompt 'mines' in {tmp_path}, {tmp_path / 'prompts'}, " in str(caught.value)
    assert str(caught.value).endswith("; did you mean 'mine'?")
    with pytest.raises(PromptError, match="there is no file"):
        find_prompt(".jinja", "chat", tmp_path)
    with pytest.raises(PromptError, match="did you mean 'mine'"):
        find_prompt("elsewhere/mine", "chat", tmp_path)


@pytest.mark.parametrize("text", ["Write a message about {{ label }}.", "Write\na message", "write " * 100])
def test_a_template_in_place_of_a_name_is_an_error_with_the_file_to_write(text: str, tmp_path: Path) -> None:
    with pytest.raises(
        PromptError, match=r"given: '[Ww]rite.*; write the text into .*prompts.mine\.jinja and give the name 'mine'$"
    ):
        find_prompt(text, "chat", tmp_path)


def test_a_file_with_another_suffix_must_be_renamed(tmp_path: Path) -> None:
    (tmp_path / "mine.j2").write_text("hello")
    with pytest.raises(PromptError, match=r"mine\.j2, but a prompt file ends with \.jinja: rename it$"):
        find_prompt("mine.j2", "chat", tmp_path)


def test_a_prompt_that_exists_only_in_the_other_mode_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "it.completion.jinja")
    with pytest.raises(PromptError) as caught:
        find_prompt("it", "chat", tmp_path)
    assert str(caught.value) == f"the prompt 'it' has no chat version, which this model needs, only {path}"


def test_names_are_listed_without_their_modes(tmp_path: Path) -> None:
    write(tmp_path / "it.chat.jinja")
    write(tmp_path / "v1.2.jinja")
    assert prompt_names() == sorted({path.name.split(".")[0] for path in bundled_folder("prompts").glob("*.jinja")})
    assert set(prompt_names(tmp_path)) == {"it", "v1.2", *prompt_names()}
