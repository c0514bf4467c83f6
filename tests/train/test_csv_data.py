"""CSV data sets: what is read, what is refused and how it is said, and that memory stays bounded."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from conftest import Run
from numbre_runtime.errors import DataError
from numbre_train.data import Mnist, Rows, load_dataset
from numbre_train.data import csv_files as csv_module
from numbre_train.data.csv_files import COLUMNS, csv_files, load_csv, read_csv

_COUNT, _CHUNK = 1100, 512


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that few rows are more than one chunk."""
    monkeypatch.setattr(csv_module, "_CHUNK", _CHUNK)


@pytest.fixture(scope="module")
def rows(mnist: Mnist) -> Rows:
    return Rows(mnist.train_images[:_COUNT], mnist.train_labels[:_COUNT])


@pytest.fixture(scope="module")
def lines(rows: Rows) -> list[str]:
    """The rows as CSV, written without pandas."""
    table = np.column_stack((rows.labels, rows.images.reshape(_COUNT, -1)))
    return [",".join(str(value) for value in row) for row in table.tolist()]


Change = Callable[[list[str]], list[str]]


def _cell(row: int, column: int, text: str) -> Change:
    def change(lines: list[str]) -> list[str]:
        cells = lines[row - 1].split(",")
        cells[column] = text
        return [*lines[: row - 1], ",".join(cells), *lines[row:]]

    return change


def _line(row: int, text: str) -> Change:
    return lambda lines: [*lines[: row - 1], text, *lines[row:]]


_NAMES = ",".join(f"pixel{number}" for number in range(1, COLUMNS))
_NUMBERS = ",".join(str(number) for number in range(COLUMNS - 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines,
        lambda lines: [f"label,{_NAMES}", *lines],
        lambda lines: [f'"label",{_NUMBERS}', *lines],
        lambda lines: [line + "\r" for line in lines],
        lambda lines: [*lines[:7], "", *lines[7:], "", ""],
        lambda lines: ["\ufeff" + lines[0], *lines[1:]],
        lambda lines: [line.replace(",", ", ") for line in lines],
        lambda lines: [line.replace(",0,", ",0.0,") for line in lines],
    ],
    ids=["plain", "header", "numbered header", "crlf", "blank lines", "bom", "spaces", "floats"],
)
def test_the_same_rows_come_from_every_way_of_writing_them(
    lines: list[str], rows: Rows, change: Change, tmp_path: Path
) -> None:
    path = tmp_path / "digits.csv"
    path.write_text("\n".join(change(lines)), encoding="utf-8", newline="")
    read, _ = load_csv([path], 10)
    assert np.array_equal(read.images, rows.images)
    assert np.array_equal(read.labels, rows.labels)


def test_gzip_several_files_and_a_directory(lines: list[str], rows: Rows, tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv.gz", tmp_path / "b.CSV"
    first.write_bytes(gzip.compress("\n".join(lines[:100]).encode()))
    second.write_text("\n".join(lines[100:300]))
    (tmp_path / "notes.txt").write_text("no digits")
    by_name, digest = load_csv(csv_files([first, second]), 10)
    by_directory, same = load_csv(csv_files([tmp_path]), 10)
    assert np.array_equal(by_name.images, rows.images[:300])
    assert np.array_equal(by_directory.labels, rows.labels[:300])
    assert digest == same


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_cell(1030, 10, "abc"), "row 1030, column 10 is 'abc'; expected a pixel"),
        (_cell(1, 10, "abc"), "row 1, column 10 is 'abc'"),
        (_cell(1030, 784, ""), "row 1030, column 784 is ''"),
        (_cell(3, 5, "nan"), "row 3, column 5 is 'nan'"),
        (_cell(3, 5, "-1"), "row 3, column 5 is '-1'"),
        (_cell(3, 5, "256"), "row 3, column 5 is '256'"),
        (_cell(3, 5, "12.5"), "row 3, column 5 is '12.5'"),
        (_cell(3, 5, "1e999"), "row 3, column 5 is '1e999'"),
        (_cell(3, 5, "9" * 40), "row 3, column 5 is '999"),
        (_cell(3, 0, "10"), "row 3, column 0 is '10'; expected a label, a whole number from 0 to 9"),
        (_cell(1, 0, "seven"), "row 1, column 0 is 'seven'"),
        (_cell(3, 5, '"1'), "row 3, column 5 is '\"1'"),
        (_cell(3, 5, "\0"), "row 3, column 5"),
        (_line(1030, "5,0,0"), "row 1030 has 3 columns; expected 785"),
        (_line(1030, "0," * COLUMNS + "0"), "row 1030 has 786 columns; expected 785"),
        (_line(1, "5,0,0"), "row 1 has 3 columns"),
        (_line(1050, "0," * 100_000), "a line of more than"),
        (lambda lines: [f"label,{_NAMES}", *_cell(3, 5, "x")(lines)], "row 4, column 5 is 'x'"),
        (lambda _: [f"label,{_NAMES}"], "has no rows"),
        (lambda _: [], "is empty"),
    ],
)
def test_bad_rows_are_named(lines: list[str], change: Change, message: str, tmp_path: Path) -> None:
    path = tmp_path / "digits.csv"
    path.write_text("\n".join(change(lines)))
    with pytest.raises(DataError, match=r"digits\.csv") as caught:
        load_csv([path], 10)
    assert message in str(caught.value)


def test_damaged_archives_and_wrong_paths(lines: list[str], tmp_path: Path) -> None:
    whole = gzip.compress("\n".join(lines[:500]).encode())
    for content in (whole[:-2000], b"no gzip"):
        (tmp_path / "digits.csv.gz").write_bytes(content)
        with pytest.raises(DataError, match="cannot be read"):
            load_csv([tmp_path / "digits.csv.gz"], 10)
    (tmp_path / "empty").mkdir()
    for path, message in ((tmp_path / "empty", "has no file"), (tmp_path / "none.csv", "no such file")):
        with pytest.raises(DataError, match=message):
            csv_files([path])


def test_the_split_is_fixed_and_no_row_serves_twice(lines: list[str], tmp_path: Path) -> None:
    path = tmp_path / "digits.csv"
    path.write_text("\n".join(lines[:1000]))
    data, again = load_dataset([path]), load_dataset([path])
    parts = [data.fit, data.validation, data.test]
    assert [len(part) for part in parts] == [800, 100, 100]
    images = {image.tobytes() for part in parts for image in part.images}
    assert images == {image.tobytes() for image in load_csv([path], 10)[0].images}
    assert np.array_equal(data.fit.images, again.fit.images)
    assert np.array_equal(data.test.labels, again.test.labels)


def test_other_test_rows_leave_the_split_as_it_is(lines: list[str], mnist: Mnist, tmp_path: Path) -> None:
    path = tmp_path / "digits.csv"
    path.write_text("\n".join(lines[:200]))
    data = load_dataset([path], [Path("mnist")])
    assert np.array_equal(data.test.images, mnist.test_images)
    assert np.array_equal(data.fit.images, load_dataset([path]).fit.images)


def test_sample_is_a_seeded_draw_from_the_training_set(run_command: Run, mnist: Mnist, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.csv", "b.csv.gz", "c.csv")]
    for file, seed in zip(files, (0, 0, 1), strict=True):
        done = run_command("numbre-train", "sample", "--rows", 300, "--seed", seed, "-o", file)
        assert done.returncode == 0, done.stderr
    first, again, other = (load_csv([file], 10)[0] for file in files)
    assert np.array_equal(first.images, again.images)
    assert not np.array_equal(first.labels, other.labels)
    known = {image.tobytes(): label for image, label in zip(mnist.train_images, mnist.train_labels, strict=True)}
    drawn = [image.tobytes() for image in first.images]
    assert [known[image] for image in drawn] == first.labels.tolist()
    assert len(set(drawn)) == 300


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's account of a process's memory")
def test_memory_does_not_grow_with_the_file(lines: list[str], tmp_path: Path) -> None:
    """Peak memory of reading 4,400 rows and ten times as many, in small chunks; held as bytes they are 31 MB apart."""
    # ru_maxrss would be that of the tests' own process, which Linux hands on to its children.
    code = (
        "import sys; from pathlib import Path; from numbre_train.data import csv_files; csv_files._CHUNK = 512; "
        "print(sum(len(rows) for rows in csv_files.read_csv(Path(sys.argv[1]), 10))); "
        "print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')])"
    )
    peaks = []
    for times in (4, 40):
        path = tmp_path / f"{times}.csv.gz"
        path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode() * times, compresslevel=1))
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
        count, peak = done.stdout.split()
        assert int(count) == _COUNT * times
        peaks.append(int(peak) * 1024)
    assert peaks[1] - peaks[0] < 15e6


def test_chunks_are_small(lines: list[str], tmp_path: Path) -> None:
    path = tmp_path / "digits.csv"
    path.write_text("\n".join(lines))
    sizes = [len(chunk) for chunk in read_csv(path, 10)]
    assert sum(sizes) == _COUNT
    assert max(sizes) <= _CHUNK
