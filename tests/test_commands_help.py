"""What every command has alike: --version, a help with two examples, a name after `numbre`, a completion script."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from conftest import ROOT, Run
from numbre_runtime import __version__
from numbre_runtime.cli.common import Parser
from numbre_runtime.cli.umbrella import GROUPS, main

COMMANDS = {command.name: command for commands in GROUPS.values() for command in commands}
PARSERS = {f"numbre-{command.name}": command.parser for command in COMMANDS.values()} | {
    f"numbre-{command.name} {word}": where for command in COMMANDS.values() for word, where in command.words.items()
}
"""A command as it is typed, to where its parser is made."""


def _scripts(*files: str) -> set[str]:
    """The commands that these pyproject files declare."""
    return {
        name
        for file in files
        for name in tomllib.loads((ROOT / file).read_text(encoding="utf-8"))["project"]["scripts"]
    }


def _parser(typed: str) -> Parser:
    module, function = PARSERS[typed].split(":")
    result = getattr(import_module(module), function)()
    assert isinstance(result, Parser)
    return result


def test_the_umbrella_knows_every_command() -> None:
    declared = _scripts("pyproject.toml", "runtime/pyproject.toml")
    assert declared == {"numbre", *(f"numbre-{name}" for name in COMMANDS)}
    toolkit = _scripts("pyproject.toml")
    assert {f"numbre-{name}" for name, command in COMMANDS.items() if command.distribution == "numbre"} == toolkit


@pytest.mark.parametrize("typed", PARSERS)
def test_every_help_ends_with_examples_that_parse(typed: str) -> None:
    parser = _parser(typed)
    assert len(parser.examples) >= 2
    assert parser.format_help().splitlines()[-len(parser.examples) - 1 :] == [
        "examples:",
        *(f"  {line}" for line in parser.examples),
    ]
    for line in parser.examples:
        words = shlex.split(line, comments=True)
        name = shlex.split(typed)
        assert words[: len(name)] == name
        parser.parse_args(words[len(name) :])


@pytest.mark.parametrize("command", sorted(_scripts("pyproject.toml", "runtime/pyproject.toml")))
def test_every_command_tells_its_version(command: str, run_command: Run) -> None:
    done = run_command(command, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{command} {__version__}\n", "")


def test_both_distributions_have_the_version_of_the_package() -> None:
    for file in ("pyproject.toml", "runtime/pyproject.toml"):
        project = tomllib.loads((ROOT / file).read_text(encoding="utf-8"))["project"]
        assert project["version"] == __version__


def test_the_help_of_numbre_lists_the_commands_in_groups(run_command: Run) -> None:
    for words in ((), ("--help",)):
        done = run_command("numbre", *words)
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        for title, commands in GROUPS.items():
            start = lines.index(f"{title}:")
            below = lines[start + 1 : lines.index("", start)]
            listed = [line.split()[0] for line in below if line[:2] == "  " and line[2] != " "]
            assert listed == [command.name for command in commands]


@pytest.mark.parametrize("front", [("numbre",), ("python", "-m", "numbre_runtime")])
def test_numbre_predict_is_numbre_predict(front: tuple[str, ...], run_command: Run) -> None:
    sample = ROOT / "samples" / "chalk_4.png"
    direct = run_command("numbre-predict", "--json", sample)
    through = run_command(*front, "predict", "--json", sample)
    assert (through.returncode, through.stdout, through.stderr) == (0, direct.stdout, "")
    assert direct.stdout
    missing = run_command(*front, "predict", "nothing.png")
    assert (missing.returncode, missing.stderr) == (2, "numbre-predict: nothing.png: no such file\n")


@pytest.mark.parametrize(
    ("word", "reason"),
    [("predit", "no command 'predit'; did you mean predict?"), ("quux", "no command 'quux' (see numbre --help)")],
)
def test_an_unknown_command_ends_in_one_line(word: str, reason: str, run_command: Run) -> None:
    done = run_command("numbre", word)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_command_of_the_toolkit_names_the_pip_line_where_the_toolkit_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("numbre_runtime.cli.umbrella.entry_points", lambda **_: ())
    with pytest.raises(SystemExit) as ended:
        main(["train"])
    assert ended.value.code == 2
    assert "train is not installed here; run: pip install numbre" in capsys.readouterr().err


_TAB = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
name=${1//-/_}
"_shtab_$name"
echo "${COMPREPLY[@]}"
"""
"""What bash does when the tabulator key is pressed after these words."""


def test_bash_completes_commands_and_options(run_command: Run, tmp_path: Path) -> None:
    done = run_command("numbre", "--print-completion", "bash")
    assert (done.returncode, done.stderr) == (0, "")
    script = tmp_path / "numbre.bash"
    script.write_text(done.stdout)
    for words, expected in (
        (("numbre", "pre"), "predict"),
        (("numbre", "predict", "--backend", "o"), "onnxruntime"),
        (("numbre", "train", "comp"), "compare"),
        (("numbre", "train", "search", "--tri"), "--trials"),
        (("numbre-read", "--overl"), "--overlay"),
    ):
        tab = subprocess.run(
            ["bash", "-c", _TAB, "bash", script, *words], capture_output=True, text=True, timeout=60, check=True
        )
        assert (tab.stdout.strip(), tab.stderr) == (expected, "")


def test_zsh_gets_a_script_of_its_own(run_command: Run) -> None:
    done = run_command("numbre", "--print-completion", "zsh")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("#compdef numbre\n")


def test_completion_without_shtab_names_the_pip_line() -> None:
    code = "import sys; sys.modules['shtab'] = None; from numbre_runtime.cli.umbrella import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "--print-completion", "bash"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith("run: pip install 'numbre-runtime[completion]'\n")
    assert len(done.stderr.splitlines()) == 1
