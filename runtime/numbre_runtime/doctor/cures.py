"""What is behind a backend's failure, and the line that cures it on this board.

Each rule was met on a board, real or emulated; docs/boards.md holds the figures.
"""

from __future__ import annotations

from numbre_runtime.doctor.board import Board
from numbre_runtime.doctor.engines import PACKAGES, Probe

NOTHING_TO_DO = "nothing to do: the numpy backend needs no engine"
_INSTALL = "pip install 'numbre-runtime[{}]'"


def cure(probe: Probe, board: Board) -> tuple[str, str]:
    """Why a backend does not work here, and what to run.

    Args:
        probe: Of a backend that is not installed or broken.
        board: Where it was tried.

    Returns:
        The cause in words, and a command line or an advice.
    """
    if probe.status == "not installed":
        return _missing(probe.backend, board)
    text = probe.reason
    if probe.backend == "tflite_runtime" and board.numpy.split(".")[0] != "1" and "SystemError" in text:
        return (
            f"tflite-runtime 2.14 is built for NumPy 1, and NumPy {board.numpy} is installed",
            "pip install 'numpy<2'",
        )
    if any(mark in text for mark in ("_ARRAY_API", "multiarray failed", "compiled using NumPy 1")):
        return f"it is built for another NumPy than {board.numpy}", "pip install 'numpy<2', or a newer engine"
    if "killed by SIGILL" in text:
        cause = "this build uses an instruction that the processor does not have"
        if "onnxruntime 1.21.0" in probe.version:
            cause += ", as onnxruntime 1.21.0 does on Raspberry Pi 3 and 4"
        return cause, f"pip install --upgrade {PACKAGES[probe.backend]}, or an older release"
    if "killed by SIGKILL" in text:
        return "the system ended it, most likely for want of memory", "close other programs, or use the numpy backend"
    if "killed by" in text:
        return f"the engine crashed ({text})", f"pip install --upgrade --force-reinstall {PACKAGES[probe.backend]}"
    if "GLIBC" in text:
        return f"it is built for a newer system than {board.system} ({text})", _on_older_system(probe.backend, board)
    if "Didn't find op for builtin opcode" in text or "Op builtin_code out of range" in text:
        return f"this release is older than the model ({text})", _for_newer_model(probe.backend, board)
    if probe.stage == "golden outputs":
        advice = f"pip install --upgrade {PACKAGES[probe.backend]}"
        if probe.backend == "onnxruntime" and board.bits == 32:
            advice = "use the numpy backend; 32-bit builds multiply signed bytes wrongly"
        return f"it runs and computes wrongly ({text})", advice
    return text, f"pip install --upgrade --force-reinstall {PACKAGES[probe.backend]}"


def _on_older_system(name: str, board: Board) -> str:
    if name == "litert" and board.bits == 64:
        # LiteRT 2.3 needs GLIBCXX_3.4.30 and GLIBC_2.34, ONNX Runtime 1.31 no more than GLIBCXX_3.4.22 and GLIBC_2.28.
        return f"{_INSTALL.format('onnx')}, which runs on older systems, or upgrade the system"
    return f"upgrade the system; until then, {NOTHING_TO_DO}"


def _for_newer_model(name: str, board: Board) -> str:
    if name != "tflite_runtime":
        return f"pip install --upgrade {PACKAGES[name]}"
    # 2.14 is the last tflite-runtime.
    if board.bits == 64:
        return _INSTALL.format("litert")
    return "export the model with --target tflite-runtime==2.14"


def _missing(name: str, board: Board) -> tuple[str, str]:
    if board.bits == 32:
        if name == "tflite_runtime" and board.machine.startswith(("armv7", "armv8", "aarch64")):
            if board.python_minor <= (3, 11):
                return "not installed", _INSTALL.format("tflite")
            return f"it has no wheel for Python {board.python}", NOTHING_TO_DO
        return "it has no wheel for 32-bit boards", NOTHING_TO_DO
    if name == "tflite_runtime":
        if board.python_minor > (3, 11):
            return f"it has no wheel past Python 3.11, and this is {board.python}", _INSTALL.format("litert")
        return "not installed, and LiteRT is its successor", _INSTALL.format("litert")
    return "not installed", _INSTALL.format("onnx" if name == "onnxruntime" else "litert")
