"""numbre-deploy against a real sshd on loopback."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Run
from deploy_boards import answers, current, deploy_board, reach, releases, snapshot
from loopback_board import LoopbackBoard
from numbre_runtime.bundle import MODELS
from numbre_runtime.deploy import release_check


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No wheels: all that the runtime needs is on the board."""
    return tmp_path_factory.mktemp("wheels")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory, run_command: Run, wheels: Path) -> Iterator[LoopbackBoard]:
    """A board on which numbre-int8 was deployed from nothing."""
    with deploy_board(tmp_path_factory.mktemp("board")) as result:
        done = run_command(*_words(result, wheels, "numbre-int8"))
        assert (done.returncode, done.stderr) == (0, "")
        assert " is current, " in done.stdout
        yield result


def _words(board: LoopbackBoard, wheels: Path, bundle: object, *more: object) -> list[object]:
    return ["numbre-deploy", bundle, board.host, *reach(board), "--engine=none", "--wheels", wheels, *more]


def test_a_first_deployment_answers_and_running_it_again_changes_nothing(
    board: LoopbackBoard, run_command: Run, wheels: Path
) -> None:
    assert current(board) == "numbre"
    assert answers(board)
    before = snapshot(releases(board))
    done = run_command(*_words(board, wheels, "numbre-int8"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(" is current, nothing to do\n")
    assert snapshot(releases(board)) == before


def test_a_changed_model_moves_its_own_bytes_and_there_is_a_way_back(
    board: LoopbackBoard, run_command: Run, wheels: Path, tmp_path: Path
) -> None:
    done = run_command(
        *_words(board, wheels, "digits-int8", "--json", tmp_path / "r.json", "--report", tmp_path / "r.html")
    )
    assert (done.returncode, done.stderr) == (0, "")
    (found,) = json.loads((tmp_path / "r.json").read_text())["boards"]
    bundle = sum(path.stat().st_size for path in (MODELS / "digits-int8").iterdir())
    assert 0 < found["sent_bytes"] <= 1.1 * bundle
    assert found["figures"]["backend"].startswith("numpy")
    assert "1 deployed" in (tmp_path / "r.html").read_text()
    first = json.loads(run_command("numbre-deploy", "status", board.host, *reach(board), "--json").stdout)
    assert first["previous"] is not None

    older = run_command(*_words(board, wheels, "numbre-int8"))
    assert older.returncode == 3
    assert "--allow-downgrade" in older.stdout
    back = run_command("numbre-deploy", "rollback", board.host, *reach(board))
    assert (back.returncode, back.stderr) == (0, "")
    assert current(board) == "numbre"
    assert answers(board)
    again = run_command(*_words(board, wheels, "digits-int8", "--allow-downgrade"))
    assert again.returncode == 0
    assert run_command(*_words(board, wheels, "numbre-int8", "--allow-downgrade")).returncode == 0
    history = run_command("numbre-deploy", "history", board.host, *reach(board)).stdout.splitlines()
    assert [line.split()[2] for line in history if line.endswith(": done")] == ["deploy"] * 2 + ["rollback"] + [
        "deploy"
    ] * 2


def test_what_misses_a_bound_is_not_switched_to(
    board: LoopbackBoard, run_command: Run, wheels: Path, tmp_path: Path
) -> None:
    bundle = shutil.copytree(MODELS / "digits-int8", tmp_path / "bundle")
    (bundle / "report.html").unlink()
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"] = [entry for entry in manifest["files"] if entry["file"] != "report.html"]
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    done = run_command(*_words(board, wheels, bundle, "--max-p99=1us"))
    assert (done.returncode, done.stderr) == (3, "")
    assert re.search(rf"{board.host}: missed a bound: p99 is [0-9.,]+ µs, at most 1.0 µs are allowed", done.stdout)
    assert current(board) == "numbre"

    # Its files are there by now; one of them gets damaged, is noticed, and is sent again.
    (refused,) = [path for path in (releases(board) / "releases").iterdir() if not (path / "questions.json").exists()]
    shutil.rmtree(refused)
    (unused,) = [path for path in (releases(board) / "files").iterdir() if path.stat().st_nlink == 1]
    unused.write_bytes(b"damaged")
    done = run_command(*_words(board, wheels, bundle))
    assert done.returncode == 2
    assert "arrived damaged or was altered" in done.stdout
    assert run_command(*_words(board, wheels, bundle)).returncode == 0
    assert answers(board)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--max-p99-us=0.1",), "p99 is "),
        (("--max-rss-bytes=1e6",), "memory is "),
        (("--min-accuracy=1",), "no test data"),
    ],
)
def test_the_check_names_figure_and_bound(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert release_check.main([str(MODELS / "numbre-int8"), "--backend=numpy", *options]) == 3
    printed, errors = capsys.readouterr()
    assert (printed, errors.count("\n")) == ("", 1)
    assert words in errors
