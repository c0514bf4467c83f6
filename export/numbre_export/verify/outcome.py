"""What became of each format and precision that was asked for: a row of the export's result."""

from __future__ import annotations

from dataclasses import dataclass

from numbre_export.convert.variant import Variant, scheme
from numbre_export.verify.gate import Run, noise
from numbre_export.verify.verdict import CANNOT_TELL, FAIL, PASS, Judged
from numbre_runtime.manifest import Artifact

NOT_MADE = "not made"


@dataclass(frozen=True)
class MadeFile:
    """A finished model file with what the runtime measured on it."""

    variant: Variant
    """How it was made."""
    content: bytes
    """The file."""
    calibration_rows: int
    """Rows that it was calibrated with; 0 where it needs none."""
    artifact: Artifact
    """Its entry in the manifest, with the measurements."""
    runs: tuple[Run, ...]
    """Its answers, one entry a backend."""

    @property
    def scheme(self) -> str:
        """How it was made, in words."""
        calibrated = f"calibrated on {self.calibration_rows} rows" if self.calibration_rows else "no calibration data"
        return f"{scheme(self.variant)}; {calibrated}"

    def lines(self) -> list[str]:
        """One line on what the file is, and one a backend on what it does."""
        artifact = self.artifact
        dtypes = f"{artifact.input.dtype} in, {artifact.output.dtype} out"
        lines = [f"{artifact.file} ({artifact.bytes / 1000:.1f} kB): {self.scheme}; {dtypes}"]
        lines += [
            f"  {item.backend}: accuracy {item.accuracy:.2%} ({item.interval[0]:.2%}–{item.interval[1]:.2%}), agrees "
            f"with Keras on {item.agreement:.2%} ({noise(item)}), worst class '{item.worst_class}' "
            f"{-(item.worst_class_drop or 0) * 100:+.2f} points, largest score difference {item.largest_difference:.1e}"
            for item in artifact.measured
        ]
        return lines


@dataclass(frozen=True)
class Outcome:
    """A format and precision that was asked for, and what became of it."""

    asked: Variant
    """What was asked for."""
    made: MadeFile | None
    """The file; None if no converter makes it."""
    judged: tuple[Judged, ...] = ()
    """The gate's verdict for each backend."""
    reasons: tuple[str, ...] = ()
    """Why it was not made, or not made as asked."""
    unsaved: bool = False
    """Whether the ladder found no file that keeps the bounds."""

    @property
    def file(self) -> str:
        """The file's name."""
        return self.asked.file if self.made is None else self.made.artifact.file

    @property
    def verdict(self) -> str:
        """The worst verdict of its backends: "pass", "cannot tell" or "fail"; or "not made"."""
        if self.made is None:
            return FAIL if self.unsaved else NOT_MADE
        found = {item.verdict for item in self.judged}
        return next((verdict for verdict in (FAIL, CANNOT_TELL) if verdict in found), PASS)

    @property
    def ships(self) -> bool:
        """Whether the file goes into the bundle."""
        return self.verdict in (PASS, CANNOT_TELL)

    def findings(self) -> list[str]:
        """Lines on whatever is not as asked: not made, made otherwise, missed bounds, or too few rows to tell."""
        if self.made is None:
            return [f"{self.asked.file}: {'' if self.unsaved else 'not made: '}{'; '.join(self.reasons)}"]
        lines = [f"{self.asked.file}: {reason}" for reason in self.reasons]
        for item, measured in zip(self.judged, self.made.artifact.measured, strict=True):
            what = f"{self.file} with {measured.backend}"
            if item.verdict == FAIL:
                lines.append(f"{what} misses its bounds: {'; '.join(item.reasons)}")
            elif item.verdict == CANNOT_TELL:
                lines.append(f"{what}: cannot tell: {'; '.join(item.reasons)}")
        return lines
