"""The search: several processes on one study, a kill, going on, and what is saved in the end."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest

from conftest import Run
from numbre_train import plots
from numbre_train.cli import main
from numbre_train.data import Mnist
from numbre_train.networks import DenseNetwork
from numbre_train.recipes import MODELS
from numbre_train.search.space import suggest
from numbre_train.search.study import Search, _identity, is_done, safe_url

_WAIT_SECONDS = 300


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("digits") / "digits.csv"
    assert main(["sample", "--rows", "400", "-o", str(path)]) == 0
    return path


def _finished(url: str) -> dict[int, tuple[str, float | None, str]]:
    """Number to state, value and process of every finished trial, read by Optuna alone."""
    study = optuna.load_study(study_name="linear", storage=url)
    return {
        trial.number: (trial.state.name, trial.value, trial.user_attrs["process"])
        for trial in study.trials
        if trial.state.name in ("COMPLETE", "PRUNED")
    }


def _processes(database: Path) -> set[str]:
    """Which processes have finished a trial, by SQL, as it is asked for often."""
    query = (
        "select distinct value_json from trial_user_attributes join trials using (trial_id) "
        "where key = 'process' and state in ('COMPLETE', 'PRUNED')"
    )
    try:
        with closing(sqlite3.connect(database)) as connection:
            return {json.loads(text).rpartition(":")[2] for (text,) in connection.execute(query)}
    except sqlite3.OperationalError:  # not there yet
        return set()


def test_two_processes_share_a_study_that_survives_a_kill(digits: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"

    def words(name: str, trials: int) -> list[str]:
        options = ["--model", "linear", "--epochs", "1", "--data", str(digits), "--storage", url]
        return ["search", *options, "--trials", str(trials), "--out", str(tmp_path / name)]

    command = str(Path(sys.executable).parent / "numbre-train")
    settings = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1"}
    first, second = (
        subprocess.Popen([command, *words(name, 1000)], env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for name in ("first", "second")
    )
    try:
        deadline = time.monotonic() + _WAIT_SECONDS
        while not {str(first.pid), str(second.pid)} <= _processes(tmp_path / "shared.db"):
            assert time.monotonic() < deadline
            assert first.poll() is None
            assert second.poll() is None
            time.sleep(0.2)
        second.kill()
        first.send_signal(signal.SIGINT)
        assert first.wait(60) == 130
    finally:
        for child in (first, second):
            child.kill()
            child.communicate()

    before = _finished(url)
    assert main(words("third", len(before) + 1)) == 0
    after = _finished(url)
    assert {number: after[number] for number in before} == before
    assert len(after) == len(before) + 1
    own = {process for number, (_, _, process) in after.items() if number not in before}
    assert [process.rpartition(":")[2] for process in own] == [str(os.getpid())]

    report = json.loads((tmp_path / "third" / "report.json").read_text())
    best = max(value for state, value, _ in after.values() if state == "COMPLETE" and value is not None)
    assert report["best"]["validation_accuracy"] == best
    assert report["model"]["validation_accuracy"] == best, "the best model trained again is the same model"
    assert report["model"]["recipe"]["rate"] == report["best"]["learning_rate"]
    assert len(report["trials"]) == len(after)
    page = (tmp_path / "third" / "report.html").read_text()
    assert page.count('src="data:image/png;base64,') >= 1
    assert "http" not in page
    assert (tmp_path / "third" / "model.keras").is_file()


def test_target_ends_the_search_or_is_reported_as_missed(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["search", "--model", "linear", "--epochs", "1", "--data", str(digits), "--out", str(tmp_path)]
    assert main([*options, "--trials", "1", "--target", "0.9999"]) == 3
    assert "no trial of 1 reached 99.99%" in capsys.readouterr().err
    assert (tmp_path / "model.keras").is_file()
    study = optuna.load_study(study_name="linear", storage=f"sqlite:///{tmp_path / 'study.db'}")
    search = Search(MODELS["linear"], (), 0, trials=9, target=study.best_value, storage="", study="")
    assert is_done(study, search)
    assert not is_done(study, replace(search, target=study.best_value + 0.01))
    assert is_done(study, replace(search, target=None, trials=1))
    assert main([*options, "--trials", "2", "--seed", "1"]) == 2
    assert "begun with other rows, options or seed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "no usable database"),
        ("postgresql+pg8000://me:secret@localhost/x", "pip install pg8000"),
    ],
)
def test_unusable_storage_is_one_line_without_the_password(
    run_command: Run, digits: Path, tmp_path: Path, url: str, message: str
) -> None:
    done = run_command("numbre-train", "search", "--data", digits, "--storage", url, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "secret" not in done.stderr


def test_password_is_hidden() -> None:
    assert "secret" not in safe_url("postgresql://me:secret@host/study")


@pytest.mark.parametrize("classes", [3, 12])
def test_other_numbers_of_classes_are_searched_as_they_are_trained(classes: int, mnist: Mnist, tmp_path: Path) -> None:
    kept = np.flatnonzero(mnist.train_labels < classes)[:600]
    labels = mnist.train_labels[kept].astype(np.int64)
    if classes > 10:
        # Upside-down ones and sevens become classes of their own.
        images = mnist.train_images[kept].copy()
        for digit, number in ((1, 10), (7, 11)):
            turned = np.flatnonzero(labels == digit)[::2]
            images[turned], labels[turned] = images[turned, ::-1], number
    else:
        images = mnist.train_images[kept]
    np.savez(tmp_path / "data.npz", x=images, y=labels)
    words = ["search", "--model", "linear", "--epochs", "2", "--trials", "1", "--data", str(tmp_path / "data.npz")]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["model"]["network"] == f"784-{classes}"
    assert report["model"]["validation_accuracy"] == report["best"]["validation_accuracy"]


def test_a_study_is_known_by_recipe_fixed_options_seed_and_rows() -> None:
    search = Search(MODELS["dnn"], ("l2", "hidden"), 1, 10, None, "sqlite://", "study")
    data = SimpleNamespace(sha256="0" * 64)
    known = _identity(search, data)  # type: ignore[arg-type]
    for same in (replace(search, fixed=("hidden", "l2")), replace(search, trials=20, target=0.9, study="other")):
        assert _identity(same, data) == known  # type: ignore[arg-type]
    for other in (replace(search, fixed=("l2",)), replace(search, seed=2), replace(search, recipe=MODELS["linear"])):
        assert _identity(other, data) != known  # type: ignore[arg-type]
    assert _identity(search, SimpleNamespace(sha256="1" * 64)) != known  # type: ignore[arg-type]


def test_given_options_are_not_varied() -> None:
    def params(fixed: tuple[str, ...], model: str = "dnn") -> dict[str, Any]:
        trial = optuna.create_study().ask()
        suggest(trial, MODELS[model], fixed)
        return dict(trial.params)

    everything = {"layers", "units", "activation", "dropout", "input_dropout", "l2", "learning_rate", "batch_size"}
    assert set(params(())) == everything
    assert set(params(("hidden", "l2"))) == everything - {"layers", "units", "l2"}
    assert set(params((), "linear")) == {"l2", "learning_rate", "batch_size"}
    assert set(params((), "small")) == set(params((), "numbre")) == {"weight_decay", "learning_rate", "batch_size"}


def test_a_recipe_is_built_again_from_its_parameters() -> None:
    trial = optuna.create_study().ask()
    recipe = suggest(trial, MODELS["dnn"], ())
    assert suggest(optuna.trial.FixedTrial(trial.params), MODELS["dnn"], ()) == recipe
    assert isinstance(recipe.network, DenseNetwork)
    assert recipe.network.hidden == (trial.params["units"],) * trial.params["layers"]


def test_pictures_hold_the_trials() -> None:
    history = plots.search_history({0: 0.5, 2: 0.9, 3: 0.7}, {1: 0.4}, 0.95)
    lines = history.axes[0].get_lines()
    assert [np.asarray(line.get_ydata()).tolist() for line in lines[:3]] == [[0.5, 0.9, 0.7], [0.4], [0.5, 0.9, 0.9]]
    assert np.asarray(lines[3].get_ydata()).tolist() == [0.95, 0.95]
    bars = plots.parameter_importance({"l2": 0.25, "learning_rate": 0.75}).axes[0]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["l2", "learning rate"]
    assert [text.get_text() for text in bars.texts] == ["0.25", "0.75"]
