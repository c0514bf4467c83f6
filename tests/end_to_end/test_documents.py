"""README and docs as a reader uses them: every code block in order, on each page from its first line on.

What takes minutes, other machines or the reader's own files is not run; its options are read by the command's own
parser, and its functions are looked up.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from documents import PAGES, Step, same_output, steps
from PIL import Image

from conftest import ROOT
from numbre_runtime.cli.umbrella import GROUPS, Command
from running import running

_NOT_RUN = {
    r"numbre-teach|mine-int8": "teaches for a minute; tests/teach does it with less",
    r"numbre-train|numbre_train\.": "takes minutes; tests/train does as much with less",
    r"numbre-export .*--(int8|all)\b": "trains no model first; tests/export exports",
    r"numbre-(check|predict) .*(meter/|fashion)": "needs files that do not ship",
    r"numbre-export .*--sign": "needs the reader's key; tests/runtime/test_signature.py signs",
    r"numbre-bench": "measures for minutes",
    r"numbre-score|numbre\.score": "starts Daft anew for each command; tests/scoring runs every kind of source",
    r"numbre-serve": "serves until it is stopped; the service of the tests answers the page's requests",
    r"numbre-deploy": "needs a board",
    r"ray://|--camera": "needs other machines",
    r"numbre --print-completion": "writes into the home directory",
    r"numbre-export --c --model model.tflite": "as the line before it",
}
_OTHER_MACHINE = {"numbre-doctor"}
"""Commands whose output a page shows as another machine gave it."""
_COMMANDS = {f"numbre-{item.name}": item for group in GROUPS.values() for item in group}
_LINK = re.compile(r"\]\(([^)#:\s]+)(#[^)\s]*)?\)")


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with running() as service:
        yield service.host


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with the samples and the files that the pages speak of."""
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    for name in ("digit.png", "digit.jpg"):
        Image.open(ROOT / "samples" / "paper_3.png").convert("RGB").save(tmp_path / name)
    page = np.full((300, 800), 230, np.uint8)
    for row, number in enumerate(("720", "27")):
        for column, digit in enumerate(number):
            ink = np.asarray(Image.open(ROOT / "samples" / f"mnist_{digit}.png").convert("L").resize((84, 84)))
            region = page[30 + 120 * row :, 40 + 70 * column :][:84, :84]
            np.minimum(region, 230 - (ink * 0.8).astype(np.uint8), out=region)
    Image.fromarray(page).save(tmp_path / "page.png")
    monkeypatch.chdir(tmp_path)


def _command(words: list[str]) -> tuple[Command, str]:
    """A command of NUMBRE's and where its parser is made."""
    command = _COMMANDS[words[0]]
    return command, command.words.get(words[1] if len(words) > 1 else "", command.parser)


def _run(step: Step, host: str, capfd: pytest.CaptureFixture[str]) -> str:
    """Types a step; gives what it prints to standard output."""
    capfd.readouterr()
    text = step.text.replace("127.0.0.1:8000", host)
    if step.words[0] in ("curl", "make"):
        done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{step.page}:{step.line}: {done.stderr}"
        return done.stdout
    command, _ = _command(step.words)
    package, _, name = command.parser.split(":")[0].partition(".")
    module = {"numbre_train": "numbre_train.cli", "numbre_export": "numbre_export.cli"}.get(
        package, f"{package}.{name}"
    )
    code = importlib.import_module(module).main(step.words[1:])
    printed = capfd.readouterr()
    assert code == 0, f"{step.page}:{step.line}: {printed.err}"
    return printed.out


def _reason_not_to_run(step: Step) -> str | None:
    text = step.text if step.python else " ".join(step.words)
    if not step.python and not step.numbre:
        wanted = step.words[0] == "curl" or text.startswith("make -C")
        return None if wanted else "is no command of NUMBRE's"
    return next((reason for pattern, reason in _NOT_RUN.items() if re.search(pattern, text)), None)


def _check(step: Step) -> None:
    """Checks a step that is not run: the options, targets, extras and functions that it names are there."""
    if step.python:
        compile(step.text, f"{step.page}:{step.line}", "exec")
        for module, name in re.findall(r"^[^#\n]*\b(numbre_\w+)\.(\w+)\(", step.text, re.MULTILINE):
            assert name in importlib.import_module(module).__all__, f"{step.page}:{step.line}: {name}"
        return
    words = step.words
    if step.numbre and words[1:2] != ["--print-completion"]:
        command, parser = _command(words)
        module, _, function = parser.partition(":")
        given = words[2:] if len(words) > 1 and words[1] in command.words else words[1:]
        getattr(importlib.import_module(module), function)().parse_args(given)
    if words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert words[1] in targets, f"{step.page}:{step.line}"
    for extras in re.findall(r"(?:numbre-runtime|/runtime)\[([\w,]+)\]", step.text):
        project = tomllib.loads((ROOT / "runtime" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert set(extras.split(",")) <= set(project["optional-dependencies"]), f"{step.page}:{step.line}"


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs_in_order_and_prints_what_is_shown(
    page: str, served: str, capfd: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, object] = {}
    printed, block = "", 0
    for step in steps(page):
        if step.block != block:
            printed, block = "", step.block
        if _reason_not_to_run(step) is not None:
            _check(step)
            continue
        if step.python:
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile(step.text.replace("127.0.0.1:8000", served), f"{page}:{step.line}", "exec"), names)  # noqa: S102
            printed += output.getvalue()
        else:
            printed += _run(step, served, capfd)
        if step.shown and not (not step.python and step.words[0] in _OTHER_MACHINE):
            assert same_output(step.shown, printed), f"{page}:{step.line} shows\n{step.shown}\nand prints\n{printed}"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target, anchor in _LINK.findall(text):
        path = (ROOT / page).parent / target
        assert path.exists(), f"{page} links to {target}"
        if anchor:
            heads = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor[1:] in slugs, f"{page} links to {target}{anchor}"


@pytest.mark.parametrize("project", ["pyproject.toml", "runtime/pyproject.toml"])
def test_what_a_package_index_shows_has_no_relative_links(project: str) -> None:
    readme = tomllib.loads((ROOT / project).read_text(encoding="utf-8"))["project"]["readme"]
    assert _LINK.findall(((ROOT / project).parent / readme).read_text(encoding="utf-8")) == []


def test_different_outputs_are_told_apart() -> None:
    assert same_output("a.png: 3 (99.9%)\n", "a.png: 3 (98.0%)\n")
    assert not same_output("a.png: 3 (99.9%)\n", "a.png: 8 (99.9%)\n")
    assert not same_output("a.png: 3 (99.9%)\n", "a.png: 3 (62.0%)\n")
    assert same_output("first\n…\nlast\n", "first\nmore\nand more\nlast\n")
    assert not same_output("first\nlast\n", "first\nmore\nlast\n")
