"""The formats of answers, as `docs/commands.md` describes them, and rows of tables."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import numbre_runtime as numbre
from conftest import ROOT, Run
from numbre_runtime.bundle import DEFAULT_BUNDLE
from numbre_runtime.csv_forms import PAGE_COLUMNS, PREDICTION_COLUMNS

SAMPLE = ROOT / "samples" / "paper_3.png"


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture without ink, whose name a spreadsheet would take for a formula."""
    folder = tmp_path_factory.mktemp("blank")
    Image.new("L", (120, 120), 230).save(folder / "=1,2.png")
    return folder / "=1,2.png"


def test_predict_writes_csv_with_a_header(blank: Path, run_command: Run) -> None:
    done = run_command("numbre-predict", "--format", "csv", SAMPLE, blank.name, cwd=blank.parent)
    assert (done.returncode, done.stderr) == (0, "")
    header, first, second = csv.reader(io.StringIO(done.stdout))
    assert tuple(header) == PREDICTION_COLUMNS
    expected = numbre.load().predict(SAMPLE)
    assert expected.found is not None
    assert first == [str(SAMPLE), "3", str(round(expected.confidence, 6)), "true", *map(str, expected.found.box)]
    assert second == ["'=1,2.png", "", "0.0", "false", "", "", "", ""]


def test_read_writes_a_row_of_csv_for_each_number(blank: Path, run_command: Run) -> None:
    done = run_command("numbre-read", "--format", "csv", SAMPLE, blank)
    assert (done.returncode, done.stderr) == (0, "")
    header, *rows = csv.reader(io.StringIO(done.stdout))
    assert tuple(header) == PAGE_COLUMNS
    (number,) = numbre.read(SAMPLE).numbers
    assert rows == [[str(SAMPLE), "1", "1", "3", str(round(number.confidence, 6)), *map(str, number.box)]]


def test_read_single_answers_as_predict_does(blank: Path, run_command: Run) -> None:
    for form in ("text", "json", "csv"):
        single = run_command("numbre-read", "--single", "--format", form, SAMPLE, blank)
        predicted = run_command("numbre-predict", "--format", form, SAMPLE, blank)
        assert (single.returncode, single.stdout) == (0, predicted.stdout)
        assert single.stdout


def test_the_documented_fields_are_those_that_are_written(run_command: Run) -> None:
    """Every field of docs/commands.md, in its order, and no other."""
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")

    def documented(heading: str) -> list[str]:
        section = page.split(f"### {heading}\n")[1].split("\n#")[0]
        return [
            name
            for cell in re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
            for name in re.findall(r"`(.*?)`", cell)
        ]

    predicted = json.loads(run_command("numbre-predict", "--json", SAMPLE).stdout)
    assert list(predicted) == documented("A single picture as JSON")
    assert list(json.loads(run_command("numbre-read", "--json", SAMPLE).stdout)) == documented("A page as JSON")
    assert list(PREDICTION_COLUMNS) == documented("A single picture as CSV")
    assert list(PAGE_COLUMNS) == documented("A page as CSV")


@pytest.fixture(scope="module")
def table_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped digit model, whose manifest says that it takes rows of 784 pixels and no pictures."""
    bundle = Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path_factory.mktemp("table") / "rows-int8"))
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["input"]["picture"] = "none"
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    return bundle


def test_a_model_of_tables_reads_the_rows_of_a_csv_file(table_bundle: Path, run_command: Run, tmp_path: Path) -> None:
    classifier = numbre.load()
    images = [classifier.prepare(ROOT / "samples" / f"mnist_{digit}.png") for digit in (7, 2)]
    table = tmp_path / "rows.csv"
    np.savetxt(table, np.stack(images).reshape(2, -1) / 255, delimiter=",", fmt="%.9f")
    table.write_text(f"\ufeff{','.join(f'p{index}' for index in range(784))}\n{table.read_text()}\n1,2\n")
    done = run_command("numbre-predict", "--bundle", table_bundle, table, "--json")
    assert done.returncode == 2
    assert done.stderr == f"numbre-predict: {table}#2: 2 columns; expected 784, the model's inputs without a label\n"
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(answer["image"], answer["label"]) for answer in answers] == [(f"{table}#0", "7"), (f"{table}#1", "2")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no rows"),
        (b"a,b\n", "holds no rows"),
        (b"\xff\xfe1,2\n", "cannot be read as CSV"),
        (b"1," * 783 + b"seven\n", "#0: column 783 is 'seven'; expected a finite number"),
        (b"1," * 783 + b"nan\n", "#0: column 783 is 'nan'; expected a finite number"),
        (b"0," * 783 + b"7\n", "values from 0 to 7; expected 0 to 1"),
        (b"1" * 1_000_001, "a line of more than 1,000,000 characters"),
    ],
)
def test_a_bad_table_ends_in_one_line(
    content: bytes, reason: str, table_bundle: Path, run_command: Run, tmp_path: Path
) -> None:
    table = tmp_path / "bad.csv"
    table.write_bytes(content)
    done = run_command("numbre-predict", "--bundle", table_bundle, table)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert done.stderr.startswith(f"numbre-predict: {table}")
    assert len(done.stderr.splitlines()) == 1


_WARNING = """
import sys, warnings
from numbre_runtime.cli import predict

def load(*words, load=predict.load, **options):
    warnings.warn("another engine is used")
    return load(*words, **options)

predict.load = load
sys.exit(predict.main())
"""


def test_quiet_drops_the_warnings_and_keeps_answers_and_errors() -> None:
    command = [sys.executable, "-c", _WARNING, str(SAMPLE), "none.png"]
    loud, quiet = (
        subprocess.run([*command, *words], capture_output=True, text=True, timeout=300, check=False)
        for words in ([], ["--quiet"])
    )
    error = "numbre-predict: none.png: no such file\n"
    assert loud.stderr == f"{error}numbre-predict: another engine is used\n"
    assert (quiet.returncode, quiet.stderr) == (2, error)
    assert quiet.stdout == loud.stdout
    assert quiet.stdout.startswith(f"{SAMPLE}: 3 (")


def test_quiet_silences_progress_that_is_logged(run_command: Run, tmp_path: Path) -> None:
    words = ("numbre-train", "sample", "--rows", "100", "-o")
    assert run_command(*words, tmp_path / "loud.csv").stdout
    done = run_command(*words, tmp_path / "quiet.csv", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "quiet.csv").read_bytes() == (tmp_path / "loud.csv").read_bytes()
