"""Which modules are mutated, and the quick tests that vouch for each; slower ones would take days."""

from __future__ import annotations

from typing import NamedTuple


class Room(NamedTuple):
    """Modules that are mutated and scored together."""

    modules: tuple[str, ...]
    """Patterns of paths below the packages' folders, such as "numbre_runtime/npz.py"."""
    tests: tuple[str, ...]
    """Test files, or single tests, below tests/."""


ROOMS: dict[str, Room] = {
    "manifest": Room(
        ("numbre_runtime/manifest.py",),
        ("runtime/test_bundle.py", "runtime/test_model_structure.py"),
    ),
    "bundle": Room(("numbre_runtime/bundle.py",), ("runtime/test_bundle.py", "runtime/test_model_structure.py")),
    "loading": Room(("numbre_runtime/loading.py",), ("runtime/test_backends.py", "runtime/test_model_structure.py")),
    "classifier": Room(
        ("numbre_runtime/classifier.py",),
        ("runtime/test_arrays.py", "runtime/test_none_in_the_middle.py", "runtime/test_backends.py"),
    ),
    "npz": Room(("numbre_runtime/npz.py",), ("runtime/test_npz_bounds.py", "runtime/test_bundle.py")),
    "files": Room(
        ("numbre_runtime/files.py", "numbre_runtime/directories.py"),
        ("runtime/test_files.py", "runtime/test_outputs.py", "export/test_staging.py"),
    ),
    "tensors": Room(("numbre_runtime/tensors.py",), ("runtime/test_tensors.py", "runtime/test_arrays.py")),
    "kernels": Room(
        ("numbre_runtime/kernels/*",),
        ("runtime/test_fixed_point.py", "runtime/test_flatbuffer.py", "runtime/test_kernels.py"),
    ),
    "doctor": Room(("numbre_runtime/doctor/*",), ("runtime/test_probe.py", "runtime/test_doctor.py")),
    "verify": Room(
        ("numbre_export/verify/*",),
        ("export/test_gate_statistics.py", "export/test_targets.py"),
    ),
    "file_facts": Room(("numbre_export/convert/file_facts.py",), ("export/test_inspect_files.py",)),
    "staging": Room(("numbre_export/bundle/staging.py",), ("export/test_staging.py",)),
    "hygiene": Room(("numbre_export/data/hygiene.py",), ("export/test_hygiene.py",)),
    "data": Room(
        ("numbre_train/data/*",),
        ("train/test_csv_data.py", "train/test_mnist_data.py", "train/test_inspect_data.py"),
    ),
    "fit": Room(("numbre_train/fit.py",), ("train/test_fit.py",)),
    "metrics": Room(("numbre_train/metrics.py",), ("train/test_fit.py",)),
}
"""Name to the room."""
