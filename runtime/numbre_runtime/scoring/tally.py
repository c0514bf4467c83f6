"""Counts over a whole output: classes, rejected rows, errors, confidences, and the most doubtful pictures."""

from __future__ import annotations

import heapq
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from numbre_runtime.loading import load_bundle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbre_runtime.bundle import Bundle

BINS = 20
"""Bins of the histogram of confidences, from 0 to 1."""
MOST_DOUBTFUL = 40
"""Pictures that the report shows."""


class Doubtful(NamedTuple):
    """A row with low confidence, and what the network saw."""

    confidence: float
    """Its confidence, 0–1."""
    key: str
    """Its key."""
    label: str
    """Its answer."""
    seen: bytes
    """The network's input, uint8."""

    @staticmethod
    def keep_most(table: pa.Table) -> pa.Table:
        """The table with `seen` for its most doubtful rows alone, so that a part stays small."""
        confidences = table["confidence"].to_numpy()
        has = table["seen"].is_valid().to_numpy()
        candidates = np.flatnonzero(has)
        best = candidates[np.argsort(confidences[candidates], kind="stable")[:MOST_DOUBTFUL]]
        keep = np.zeros(len(table), bool)
        keep[best] = True
        seen = pc.if_else(pa.array(keep), table["seen"].combine_chunks(), pa.scalar(None, table["seen"].type))
        return table.set_column(table.column_names.index("seen"), "seen", seen)


class Tally:
    """The counts; `add` takes the parts one after another."""

    def __init__(self, bundle: Bundle, pictures: int, rate: float) -> None:
        self.bundle, self.manifest = bundle, bundle.manifest
        self.pictures, self.rate = pictures, rate
        self.rows = self.errors = self.rejected = 0
        self.classes: Counter[str] = Counter()
        self.histogram: NDArray[np.int64] = np.zeros(BINS, np.int64)
        self.doubtful: list[Doubtful] = []

    def add(self, table: pa.Table) -> None:
        """Adds the rows of one part."""
        self.rows += len(table)
        good = table.filter(table["error"].is_null())
        self.errors += len(table) - len(good)
        counts, _ = np.histogram(good["confidence"].to_numpy(), BINS, (0.0, 1.0))
        self.histogram += counts
        if "label" not in table.column_names:
            return
        self.rejected += int(pc.sum(pc.invert(good["recognized"])).as_py() or 0)
        for item in good.filter(good["recognized"])["label"].value_counts().to_pylist():
            self.classes[item["values"]] += item["counts"]
        for row in good.filter(good["seen"].is_valid()).select(["confidence", "key", "label", "seen"]).to_pylist():
            heapq.heappush(self.doubtful, Doubtful(**row))
        self.doubtful = heapq.nsmallest(MOST_DOUBTFUL, self.doubtful)

    @cached_property
    def drift(self) -> float | None:
        """How far the confidences are from those of the bundle's own test rows; None where it carries none.

        It is the Kolmogorov-Smirnov distance of the two histograms, 0–1: the largest difference of their cumulative
        shares.
        """
        data = self.bundle.test_data()
        if data is None or not self.histogram.sum():
            return None
        answers = load_bundle(self.bundle).predict_batch(data.images)
        if self.manifest.none_label is not None:
            answers = np.delete(answers, self.manifest.labels.index(self.manifest.none_label), axis=1)
        expected, _ = np.histogram(answers.max(axis=1), BINS, (0.0, 1.0))
        shares = (np.cumsum(counts) / counts.sum() for counts in (self.histogram, expected))
        return float(np.abs(np.subtract(*shares)).max())

    def facts(self) -> dict[str, Any]:
        """The counts as JSON values."""
        return {
            "pictures": self.pictures,
            "rows": self.rows,
            "errors": self.errors,
            "rejected": self.rejected,
            "classes": dict(sorted(self.classes.items())),
            "confidence_histogram": self.histogram.tolist(),
            "rows_per_second": self.rate,
            "model": self.manifest.name,
            "drift": self.drift,
        }
