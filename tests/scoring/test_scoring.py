"""numbre-score on real digits in every form of source, against `predict` on the same pictures."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loky import BrokenProcessPool
from numpy.typing import NDArray
from PIL import Image

import numbre_runtime as numbre
from bucket_server import bucket
from conftest import ROOT, Run
from numbre_runtime.bundle import bundle_path
from numbre_runtime.errors import BundleError, DataError, OutputError
from numbre_runtime.scoring import pool as pool_module
from numbre_runtime.scoring.columns import batch_of_pixels
from numbre_runtime.scoring.engine import start_engine
from numbre_runtime.scoring.picture_answers import answers_of, bundle_files, identity
from numbre_runtime.scoring.pool import answer_in_pool
from numbre_runtime.scoring.sources import FILES, known_rows, units
from numbre_runtime.text import csv_cell
from numbre_train.data import Mnist

daft = start_engine()

from numbre_runtime.scoring.frames import score  # noqa: E402 - the engine is set up before Daft is imported
from numbre_runtime.scoring.job import run_job  # noqa: E402

_ROWS = 300
_BUNDLE = "numbre-int8"


@pytest.fixture(scope="module")
def images(mnist: Mnist) -> NDArray[np.uint8]:
    return mnist.test_images[:_ROWS]


@pytest.fixture(scope="module")
def expected(images: NDArray[np.uint8]) -> list[str]:
    return [str(answer) for answer in numbre.load(_BUNDLE).predict_batch(images).argmax(axis=1)]


def _lists(images: NDArray[np.uint8]) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(images.reshape(-1)), 784)


def _parquet(path: Path, images: NDArray[np.uint8]) -> None:
    names = [f"row {number}" for number in range(len(images))]
    pq.write_table(pa.table({"name": names, "pixels": _lists(images)}), path, row_group_size=70)


def _csv(path: Path, images: NDArray[np.uint8]) -> None:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([["pixels"], *([json.dumps(image.reshape(-1).tolist())] for image in images)])


def _jsonl(path: Path, images: NDArray[np.uint8]) -> None:
    path.write_text("".join(json.dumps({"pixels": image.tolist()}) + "\n" for image in images))


def _npz(path: Path, images: NDArray[np.uint8]) -> None:
    np.savez(path, images=images)


def _idx(path: Path, images: NDArray[np.uint8]) -> None:
    header = np.array([0x803, *images.shape], ">u4").tobytes()
    path.write_bytes(header + images.tobytes())


@pytest.mark.parametrize(
    ("name", "write"), [("rows.parquet", _parquet), ("rows.jsonl", _jsonl), ("rows.npz", _npz), ("images-idx3", _idx)]
)
def test_every_form_of_arrays_gets_the_answers_of_predict(
    name: str, write: Any, images: NDArray[np.uint8], expected: list[str], tmp_path: Path
) -> None:
    write(tmp_path / name, images)
    tally = run_job([str(tmp_path / name)], tmp_path / "out.parquet", _BUNDLE)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["label"].to_pylist() == expected
    assert table["key"].to_pylist() == [f"{tmp_path / name}#{number}" for number in range(_ROWS)]
    assert (tally.rows, tally.errors) == (_ROWS, 0)
    assert not (tmp_path / "out.parquet.parts").exists()


def test_pictures_in_folders_get_the_answers_of_predict_and_a_bad_one_its_reason(tmp_path: Path) -> None:
    folder = tmp_path / "pictures" / "more"
    folder.mkdir(parents=True)
    for sample in sorted((ROOT / "samples").glob("*_[0-9].png")):
        shutil.copy(sample, folder)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "notes.txt").write_text("no picture")
    run_job([str(tmp_path / "pictures")], tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    classifier = numbre.load()
    for row in rows:
        path = Path(row["key"])
        if path.name == "broken.png":
            assert row["label"] is None
            assert "broken.png" in row["error"]
            assert row["recognized"] is False
        else:
            answer = classifier.predict(path)
            assert answer.found is not None
            assert (row["label"], tuple(row["box"])) == (answer.label, answer.found.box)
            assert row["confidence"] == pytest.approx(answer.confidence, abs=1e-6)
    assert [Path(row["key"]).name for row in rows] == sorted(
        path.name for path in folder.iterdir() if path.suffix == ".png"
    )


def test_the_column_may_be_called_key(tmp_path: Path) -> None:
    (tmp_path / "paths.csv").write_text(f"key,x\n{ROOT / 'samples' / 'paper_3.png'},1\n")
    with pytest.raises(DataError, match="no column 'pixels'; it has key, x"):
        run_job([str(tmp_path / "paths.csv")], tmp_path / "out.csv")
    run_job([str(tmp_path / "paths.csv")], tmp_path / "out.csv", column="key")
    [row] = csv.DictReader((tmp_path / "out.csv").open())
    assert (row["key"], row["label"]) == (f"{tmp_path}/paths.csv#0", "3")
    with pytest.raises(DataError, match="the column x holds Int64; expected lists of pixels"):
        run_job([str(tmp_path / "paths.csv")], tmp_path / "other.csv", column="x")


def test_a_table_of_paths_and_addresses(tmp_path: Path) -> None:
    sample = ROOT / "samples" / "paper_3.png"
    table = pa.table({"id": ["a", "b", "c"], "where": [str(sample), sample.as_uri(), "file:///nowhere/x.png"]})
    pq.write_table(table, tmp_path / "paths.parquet")
    run_job([str(tmp_path / "paths.parquet")], tmp_path / "out.csv", column="where", key="id")
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [(row["key"], row["label"]) for row in rows] == [("a", "3"), ("b", "3"), ("c", "")]
    assert "cannot be fetched" in rows[2]["error"]


def test_addresses_of_tables_and_folders(images: NDArray[np.uint8], expected: list[str], tmp_path: Path) -> None:
    """As s3://…, which Daft reads in the same way."""
    _parquet(tmp_path / "rows.parquet", images)
    run_job([(tmp_path / "rows.parquet").as_uri()], tmp_path / "table.parquet", _BUNDLE)
    assert pq.read_table(tmp_path / "table.parquet")["label"].to_pylist() == expected
    run_job([(ROOT / "samples").as_uri()], tmp_path / "folder.parquet")
    rows = pq.read_table(tmp_path / "folder.parquet").select(["key", "label"]).to_pylist()
    answers = {Path(row["key"]).name: row["label"] for row in rows}
    assert {name: label for name, label in answers.items() if name.endswith(".png")} == {
        path.name: path.stem[-1] for path in (ROOT / "samples").glob("*.png")
    }


def test_reading_pages_gives_a_row_for_each_number() -> None:
    table = pa.table({"picture": [(ROOT / "samples" / "paper_5.png").read_bytes()]})
    frame = score(daft.from_arrow(table), column="picture", read=True)
    assert frame.column_names == ["text", "confidence", "box", "error"]
    assert frame.to_pydict()["text"] == ["5"]


@pytest.mark.parametrize(
    ("cells", "error"),
    [
        ([0] * 783, "783 numbers; an image has 784"),
        (None, "no pixels, or one is missing"),
        ([None] * 784, "no pixels, or one is missing"),
        ([256] * 784, "a value is not finite or outside 0–255"),
        ([-1] * 784, "a value is not finite or outside 0–255"),
    ],
)
def test_a_row_that_is_no_image_gets_its_reason(cells: list[int] | None, error: str) -> None:
    spec = numbre.load(_BUNDLE).input
    rows, errors = batch_of_pixels(pa.array([[255] * 784, cells]), spec)
    assert errors == [None, error]
    assert rows.shape == (1, 28, 28)


def test_floats_are_shares_of_full_ink() -> None:
    rows, errors = batch_of_pixels(pa.array([[1.0] * 784, [1.5] * 784, [float("nan")] * 784]), numbre.load().input)
    assert rows.dtype == np.float32
    assert errors == [None, *["a value is not finite or outside 0–1"] * 2]


def test_a_run_goes_on_after_a_kill(images: NDArray[np.uint8], expected: list[str], tmp_path: Path) -> None:
    _parquet(tmp_path / "rows.parquet", images)
    code = (
        "import sys, os, signal; from pathlib import Path; import numbre_runtime.scoring.sources as s; s.ROWS = 70\n"
        "from numbre_runtime.scoring.engine import start_engine; start_engine()\n"
        "from numbre_runtime.scoring.job import run_job\n"
        "stop = int(sys.argv[1])\n"
        "def progress(p):\n"
        "    print(p.rows, flush=True)\n"
        "    if stop and p.rows >= stop: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"run_job(['rows.parquet'], Path('out.parquet'), {_BUNDLE!r}, progress=progress)\n"
    )
    first = subprocess.run([sys.executable, "-c", code, "140"], cwd=tmp_path, capture_output=True, check=False)
    assert first.returncode == -signal.SIGKILL, first.stderr
    parts = tmp_path / "out.parquet.parts"
    kept = {path.name: path.stat().st_mtime_ns for path in parts.glob("part-*")}
    assert sorted(kept) == ["part-000000.parquet", "part-000001.parquet"]
    assert pq.read_table(parts, filters=None)["label"].to_pylist() == expected[:140]
    with pytest.raises(OutputError, match=r"parts of a run with other settings \(bundle\); remove it"):
        run_job(["rows.parquet"], tmp_path / "out.parquet", "digits-int8")
    subprocess.run([sys.executable, "-c", code, "0"], cwd=tmp_path, capture_output=True, check=True)
    assert pq.read_table(tmp_path / "out.parquet")["label"].to_pylist() == expected


def test_the_command_writes_table_report_and_counts(
    run_command: Run, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    _parquet(tmp_path / "rows.parquet", images)
    done = run_command(
        "numbre-score", "rows.parquet", "-o", "out.csv", "--key", "name", "--report", "r.html", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert f"{_ROWS} rows of {_ROWS} pictures" in done.stdout
    assert "rejected: below the confidence of" in done.stdout
    assert re.search(r"confidences are \d\.\d% away from those of the bundle's test rows", done.stdout)
    assert (tmp_path / "r.html").read_bytes().startswith(b"<!doctype html>")
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert rows[7]["key"] == "row 7"
    assert len({row["bundle"] for row in rows}) == 1


def test_no_process_outlives_the_command(run_command: Run, tmp_path: Path) -> None:
    pictures = sorted((ROOT / "samples").glob("*.png"))
    assert run_command("numbre-score", *map(str, pictures), "-o", "out.csv", cwd=tmp_path).returncode == 0
    left = [link for link in Path("/proc").glob("[0-9]*/cwd") if _target(link) == tmp_path]
    assert left == []


def _target(link: Path) -> Path | None:
    try:
        return link.readlink()
    except OSError:
        # Another user's process, or one that has ended meanwhile.
        return None


def test_nothing_readable_at_all_is_exit_code_2(run_command: Run, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for number in range(2):
        (tmp_path / "pictures" / f"{number}.png").write_bytes(b"no picture")
    done = run_command("numbre-score", "pictures", "-o", "out.csv", cwd=tmp_path)
    assert done.returncode == 2
    assert "numbre-score: none of 2 pictures could be read; the column error of out.csv says why" in done.stderr
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("nowhere.parquet", "-o", "out.parquet"), "nowhere.parquet: no such file or folder"),
        (("empty", "-o", "out.parquet"), "empty: holds no pictures and no rows"),
        (("text.parquet", "-o", "out.parquet"), "text.parquet: not a readable Parquet file"),
        (("text.dat", "-o", "out.parquet"), "text.dat: not a source; expected pictures"),
        (("empty", "-o", "out.xlsx"), "out.xlsx: expected a name that ends in .parquet, .csv, .jsonl"),
        (("empty", "-o", "out.csv", "--engine", "spark"), "--engine spark: expected local, ray, or ray://HOST:PORT"),
        (("empty", "-o", "out.csv", "--bundle", "nowhere"), "nowhere: no such directory"),
    ],
)
def test_what_cannot_be_scored_is_one_line(
    words: tuple[str, ...], reason: str, run_command: Run, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.parquet").write_text("no table")
    (tmp_path / "text.dat").write_text("no images at all")
    done = run_command("numbre-score", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"numbre-score: {reason}")
    assert done.stderr.count("\n") == 1


def test_an_unknown_column_names_those_that_there_are(images: NDArray[np.uint8], tmp_path: Path) -> None:
    _parquet(tmp_path / "rows.parquet", images)
    with pytest.raises(DataError, match="no column 'image'; it has name, pixels"):
        run_job([str(tmp_path / "rows.parquet")], tmp_path / "out.parquet", column="image")


def test_a_foreign_folder_is_not_taken_for_parts(images: NDArray[np.uint8], tmp_path: Path) -> None:
    _npz(tmp_path / "rows.npz", images)
    (tmp_path / "out.csv.parts").mkdir()
    (tmp_path / "out.csv.parts" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not a folder of numbre-score"):
        run_job([str(tmp_path / "rows.npz")], tmp_path / "out.csv")
    assert (tmp_path / "out.csv.parts" / "mine.txt").read_text() == "mine"


def test_nothing_foreign_is_overwritten(images: NDArray[np.uint8], tmp_path: Path) -> None:
    source = tmp_path / "rows.parquet"
    _parquet(source, images)
    before = source.read_bytes()
    with pytest.raises(OutputError, match="is what this command reads"):
        run_job([str(source)], source)
    (tmp_path / "notes.parquet").write_text("notes")
    with pytest.raises(OutputError, match="there is a file that is no PARQUET"):
        run_job([str(source)], tmp_path / "notes.parquet")
    assert source.read_bytes() == before
    assert (tmp_path / "notes.parquet").read_text() == "notes"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.parquet", "rows.parquet"]


def test_csv_cells_are_no_formulas(tmp_path: Path) -> None:
    keys = ["=1+1", " @x", "a\x1b[2J"]
    table = pa.table({"id": keys, "picture": [(ROOT / "samples" / "mnist_2.png").read_bytes()] * 3})
    pq.write_table(table, tmp_path / "rows.parquet")
    run_job([str(tmp_path / "rows.parquet")], tmp_path / "out.csv", column="picture", key="id")
    assert [row["key"] for row in csv.DictReader((tmp_path / "out.csv").open())] == [csv_cell(key) for key in keys]
    assert csv_cell(keys[0]) == "'=1+1"


def test_units_are_bounded_and_counted(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for number in range(FILES + 5):
        (tmp_path / "a" / f"{number:05}.png").touch()
    found = list(units([str(tmp_path / "a")], "pixels"))
    assert [unit.rows for unit in found] == [FILES, 5]
    assert known_rows([str(tmp_path / "a")]) == FILES + 5
    assert known_rows([f"{tmp_path}/a/0000*.png"]) == 10


def test_ctrl_c_says_where_the_finished_parts_are(images: NDArray[np.uint8], tmp_path: Path) -> None:
    pq.write_table(pa.table({"pixels": _lists(np.tile(images, (400, 1, 1)))}), tmp_path / "rows.parquet")
    command = [str(Path(sys.executable).parent / "numbre-score"), "rows.parquet", "-o", "out.parquet"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert process.stderr is not None
    parts = tmp_path / "out.parquet.parts"
    for _ in range(600):
        if parts.is_dir():
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from there" in errors
    assert "Traceback" not in errors


def test_a_process_of_the_pool_that_dies_is_replaced(tmp_path: Path) -> None:
    shutil.copy(ROOT / "samples/paper_5.png", tmp_path / "five.png")
    files, pictures = bundle_files(bundle_path(_BUNDLE)), [str(tmp_path / "five.png")] * 20
    expected = answer_in_pool(files, pictures, False, 2)
    [pool] = [pool for key, pool in pool_module._pools.items() if key == (identity(files), 2)]
    for process in list(pool._processes.values()):
        os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(BrokenProcessPool):
        answer_in_pool(files, pictures * 20, False, 2)
    assert answer_in_pool(files, pictures, False, 2) == expected
    assert expected[0]["label"] == numbre.load(_BUNDLE).predict(pictures[0]).label


def test_an_altered_bundle_is_refused_by_the_pool_with_its_own_error() -> None:
    files = bundle_files(bundle_path(_BUNDLE))
    name = next(name for name in files if name.endswith(".tflite"))
    with pytest.raises(BundleError, match=name):
        answer_in_pool({**files, name: files[name][:-1] + b"?"}, ["five.png"], False, 3)


@pytest.mark.parametrize("name", ["digits-int8", "numbre-int8"])
def test_pictures_together_get_the_answers_that_they_get_alone(name: str, tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    Image.new("L", (40, 40), 255).save(blank)
    items = [*map(str, sorted((ROOT / "samples").glob("*.png"))), str(blank), b"no picture", None]
    classifier = numbre.load(bundle_path(name))
    rows = answers_of(classifier, items, read=False)
    for item, row in zip(items[:-2], rows, strict=False):
        alone = classifier.predict(str(item))
        box = None if alone.found is None else list(alone.found.box)
        assert (row["label"], row["confidence"], row["recognized"], row["box"]) == (
            alone.label, alone.confidence, alone.recognized, box)  # fmt: skip
        assert row["error"] is None
    assert [row["error"] is None for row in rows[-2:]] == [False, False]
    assert rows == [answer for item in items for answer in answers_of(classifier, [item], read=False)]


@pytest.mark.parametrize("source", ["s3://scans/in", "s3://scans/in/*.png", "s3://scans/rows.parquet"])
def test_a_bucket_gives_the_answers_of_its_files(source: str, run_command: Run, tmp_path: Path) -> None:
    pictures = sorted((ROOT / "samples").glob("mnist_*.png"))
    table = pa.table({"picture": [path.read_bytes() for path in pictures]})
    pq.write_table(table, tmp_path / "rows.parquet")
    objects = {f"in/{path.name}": path.read_bytes() for path in pictures}
    objects["rows.parquet"] = (tmp_path / "rows.parquet").read_bytes()
    with bucket("scans", objects) as endpoint:
        access = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
        words = ("numbre-score", source, "-o", "out.csv", "--column", "picture")
        done = run_command(*words, cwd=tmp_path, AWS_REGION="us-east-1", **access)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "out.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [row["label"] for row in found] == [numbre.load().predict(path).label for path in pictures]
