"""The same digits through the tools that a user would use instead, each in its own environment and on one thread.

All are measured in turn, in several rounds. What cannot be installed here becomes a row that says why.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from common import NUMBRE, machine, other_bundles, write_result
from environments import ROOT, UnavailableError, clean, environment, installed_mb
from numbre_runtime.bench.visit import numpys_threads
from numbre_runtime.bundle import bundle_path
from numbre_runtime.npz import write_npz
from numbre_train.data import load_mnist

_HERE = Path(__file__).resolve().parent
_ROUNDS, _COLD_STARTS = 3, 3
_TIMEOUT_S = 400
_TESSERACT = ("tesseract-ocr", "tesseract-ocr-eng", "tesseract-ocr-osd")


@dataclass(frozen=True)
class Peer:
    """One row."""

    title: str
    """Its name in the table."""
    module: str
    """Its file in peer_code/."""
    environment: str
    """The environment's name; two peers may share one."""
    requirements: tuple[str, ...]
    """The requirements that pip installs there."""
    bundle: str = NUMBRE
    """The shipped bundle that it runs, where it is ours."""


_RUNTIME = (f"{ROOT / 'runtime'}[litert]",)
_SKLEARN = ("scikit-learn",)
PEERS = (
    Peer("NUMBRE, int8, LiteRT", "with_numbre", "runtime-litert", _RUNTIME),
    Peer("onnxruntime by hand, float32", "with_onnxruntime", "onnxruntime", ("onnxruntime",)),
    Peer("OpenVINO, our ONNX", "with_openvino", "openvino", ("openvino", "numpy")),
    Peer("tract, our ONNX", "with_tract", "tract", ("tract", "numpy")),
    Peer("tinygrad, our ONNX", "with_tinygrad", "tinygrad", ("tinygrad", "numpy")),
    Peer("OpenCV dnn, our ONNX", "with_opencv", "opencv", ("opencv-python-headless", "numpy")),
    Peer("PyTorch", "with_pytorch", "torch", ("torch==2.13.0", "numpy")),
    Peer("Keras model.predict", "with_keras", "tensorflow", ("tensorflow",)),
    Peer("scikit-learn MLPClassifier", "with_sklearn_mlp", "scikit-learn", _SKLEARN),
    Peer("scikit-learn SVC, 10,000 images", "with_sklearn_svc", "scikit-learn", _SKLEARN),
    Peer("Tesseract, 200 images", "with_tesseract", "tesseract", ("numpy",)),
)


def main() -> int:
    """Measures, prints and writes results/peers.json; peers named on the command line are measured alone."""
    wanted = sys.argv[1:]
    peers = [peer for peer in (*PEERS[:1], *_other_bundles(), *PEERS[1:]) if not wanted or peer.module in wanted]
    skipped: dict[Peer, str] = {}
    sizes: dict[Peer, float] = {}
    rounds: dict[Peer, list[dict[str, Any]]] = {peer: [] for peer in peers}
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        _write_inputs(folder)
        for number in range(_ROUNDS):
            # In turn, so that the machine's drift affects all alike.
            for peer in peers:
                if peer in skipped:
                    continue
                try:
                    if number == 0:
                        sizes[peer] = _prepare(peer, folder)
                    rounds[peer].append(_measure(peer, folder))
                except UnavailableError as cause:
                    skipped[peer] = str(cause)
                    continue
                print(peer.title, json.dumps(rounds[peer][-1]), flush=True)
    rows: list[dict[str, Any]] = []
    for peer in peers:
        if peer in skipped:
            rows.append({"peer": peer.title, "skipped": skipped[peer]})
        else:
            rows.append({"peer": peer.title, **_medians(rounds[peer]), "installed_mb": sizes[peer]})
    print(*map(json.dumps, rows), sep="\n")
    if not wanted:
        write_result("peers", {"rounds": _ROUNDS, "rows": rows})
    return 0


def _other_bundles() -> list[Peer]:
    """The other bundles that ship, a row each."""
    return [Peer(f"{name}, LiteRT", "with_numbre", "runtime-litert", _RUNTIME, name) for name in other_bundles()]


def _write_inputs(folder: Path) -> None:
    """Writes the peers' input: images, the float32 ONNX file, and its weights as plain arrays."""
    mnist, bundle = load_mnist(), bundle_path(NUMBRE)
    (folder / "train.npz").write_bytes(write_npz(images=mnist.train_images, labels=mnist.train_labels))
    (folder / "test.npz").write_bytes(write_npz(images=mnist.test_images, labels=mnist.test_labels))
    np.save(folder / "one.npy", mnist.test_images[0])
    shutil.copy(bundle / "model.float32.onnx", folder)
    arrays = [numpy_helper.to_array(item) for item in onnx.load(folder / "model.float32.onnx").graph.initializer]
    names = [f"{kind}_{index}" for index in range(len(arrays) // 2) for kind in ("kernel", "bias")]
    (folder / "weights.npz").write_bytes(write_npz(**dict(zip(names, arrays, strict=True))))


def _prepare(peer: Peer, folder: Path) -> float:
    """Installs a peer, trains it where that is needed, and returns the installed size in MB.

    Raises:
        UnavailableError: It cannot be installed, or does not run.
    """
    if peer.module == "with_tesseract" and shutil.which("tesseract") is None:
        raise UnavailableError("the program tesseract is not there (Debian: tesseract-ocr)")
    python = environment(peer.environment, peer.requirements)
    _run(python, peer, folder, "prepare")
    return _tesseract_mb() if peer.module == "with_tesseract" else installed_mb(python)


def _measure(peer: Peer, folder: Path) -> dict[str, Any]:
    """One round's figures of a peer.

    Raises:
        UnavailableError: It does not run.
    """
    python = environment(peer.environment, peer.requirements)
    (folder / "bundle.txt").write_text(peer.bundle)
    figures = _run(python, peer, folder, "measure")
    cold, peaks = [], []
    for _ in range(_COLD_STARTS):
        start = time.perf_counter()
        peaks.append(_run(python, peer, folder, "cold")["peak_rss_mb"])
        cold.append(time.perf_counter() - start)
    return {
        **figures,
        "cold_start_s": statistics.median(cold),
        "peak_rss_mb": statistics.median(peaks),
    }


def _medians(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Of each figure; None where a round does not have it."""
    columns = {name: [figures[name] for figures in rounds] for name in rounds[0]}
    return {name: None if None in values else statistics.median(values) for name, values in columns.items()}


def _run(python: Path, peer: Peer, folder: Path, mode: str) -> dict[str, Any]:
    command = [str(python), str(_HERE / "peer_code" / "harness.py"), peer.module, str(folder), mode]
    settings = clean(**numpys_threads(1))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, env=settings, check=False)
    except subprocess.TimeoutExpired as late:
        raise UnavailableError(f"{mode} takes longer than {_TIMEOUT_S} s") from late
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise UnavailableError(lines[-1][:200] if lines else f"{mode} ends with exit code {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1]) if mode != "prepare" else {}
    return result


def _tesseract_mb() -> float:
    """MB of Debian's package, without the libraries that other programs share."""
    command = ["dpkg-query", "-W", "-f=${Installed-Size}\n", *_TESSERACT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return sum(int(line) for line in done.stdout.split() if line.isdigit()) * 1024 / 1e6


if __name__ == "__main__":
    print(machine()["cpu"])
    sys.exit(main())
