"""All of a bundle that its files share: the test rows, the bounds, and the manifest's facts about the model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from numbre_export.convert.file_facts import FileFacts, onnx_facts, tflite_facts
from numbre_export.convert.metadata import Description, describe_onnx, describe_tflite
from numbre_export.convert.variant import Variant, scheme
from numbre_export.verify.gate import Gate, Run, TestSet, measure, misses, run_artifact
from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.bundle import Bundle
from numbre_runtime.errors import ModelError
from numbre_runtime.manifest import SCHEMA, Artifact, FileEntry, InputSpec, Manifest, Measurement
from numbre_train.data.abstention import Abstention

_FACTS: dict[str, Callable[[bytes], FileFacts]] = {"tflite": tflite_facts, "onnx": onnx_facts}
_DESCRIBE = {"tflite": describe_tflite, "onnx": describe_onnx}


@dataclass(frozen=True)
class Frame:
    """All of a bundle but its files."""

    name: str
    """The model's name."""
    spec: InputSpec
    """The input that the bundle's user gives."""
    labels: tuple[str, ...]
    """The classes."""
    output: str
    """See `Manifest.output`."""
    test: TestSet
    """The rows that decide."""
    gate: Gate
    """The bounds."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Goes into the manifest."""
    abstention: Abstention = field(default_factory=Abstention)
    """When the classifier gives no answer; the gate asks for the answers all the same."""

    def manifest(self, artifacts: Sequence[Artifact], files: Sequence[FileEntry] = ()) -> Manifest:
        """The manifest of these artifacts."""
        return Manifest(
            SCHEMA,
            self.name,
            self.labels,
            self.spec,
            tuple(artifacts),
            tuple(files),
            self.test.accuracy,
            self.provenance,
            self.output,
            self.abstention.threshold,
            self.abstention.none_label,
            temperature=self.abstention.temperature,
        )

    def run(self, path: Path, variant: Variant) -> tuple[Artifact, list[Run]]:
        """Reads a written file, runs it on the test rows and gives it with its figures.

        Raises:
            ModelError: It is not what its name says.
            BackendError: No backend runs it.
        """
        content = path.read_bytes()
        artifact = _artifact(content, variant)
        bundle = Bundle(path.parent, self.manifest([artifact]), {path.name: content})
        with quiet_engine():
            runs = run_artifact(bundle, artifact, self.test.images)
        measured = tuple(measure(run, self.test, self.labels) for run in runs)
        return artifact._replace(measured=measured), runs

    def described(self, content: bytes, variant: Variant) -> bytes:
        """The file with labels, preprocessing and quantization written into it."""
        description = Description(self.name, scheme(variant), self.spec, self.labels, self.output)
        return _DESCRIBE[variant.format](content, description)

    def judge(self, directory: Path, variant: Variant, content: bytes) -> tuple[Measurement, list[str]]:
        """Measures a candidate on every backend; returns the worst measurement and the bounds that it misses."""
        path = directory / variant.file
        path.write_bytes(self.described(content, variant))
        artifact, _ = self.run(path, variant)
        missed = [
            misses(variant.precision, item, self.test.accuracy, self.gate, careful=True) for item in artifact.measured
        ]
        worst = int(np.argmax([len(item) for item in missed]))
        return artifact.measured[worst], missed[worst]


def settled(variant: Variant, content: bytes) -> Variant:
    """The variant that a file asked for as int8 really is: "mixed" if some of its layers compute in float32.

    Raises:
        ModelError: All of them do.
    """
    facts = _FACTS[variant.format](content)
    if variant.precision != "int8" or not facts.not_int8:
        return variant
    if not facts.integer:
        raise ModelError(f"not fully int8: {', '.join(facts.not_int8[:3])}")
    return replace(variant, precision="mixed", kept=facts.float_layers)


def _artifact(content: bytes, variant: Variant) -> Artifact:
    """Describes a written file by what is found inside it.

    Raises:
        ModelError: It is called int8 and is not, or has another input and output than was asked for.
    """
    facts = _FACTS[variant.format](content)
    if variant.precision == "int8":
        if facts.not_int8:
            raise ModelError(f"{variant.file}: not fully int8: {', '.join(facts.not_int8[:3])}")
        # Whole numbers, such as words of an embedding, stay what they are.
        if {facts.input.dtype, facts.output.dtype} - {"int32"} != {variant.io_dtype}:
            raise ModelError(
                f"{variant.file}: takes {facts.input.dtype} and gives {facts.output.dtype}; {variant.io_dtype} was "
                "asked for"
            )
    return Artifact(
        file=variant.file,
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        format=variant.format,
        precision=variant.precision,
        input=facts.input,
        output=facts.output,
        requires=facts.requires,
        measured=(),
    )
