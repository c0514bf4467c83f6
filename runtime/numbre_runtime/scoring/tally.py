"""Counts over a whole output: classes, rejected rows, errors, confidences, and the most doubtful pictures."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from numbre_runtime.drift import confidence_histogram, histogram_distance
from numbre_runtime.manifest import CONFIDENCE_BINS, Manifest

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

    def __init__(self, manifest: Manifest, pictures: int, rate: float, single: bool) -> None:
        """Counts nothing yet.

        Args:
            manifest: Of the bundle that answered.
            pictures: Number of pictures that were scored.
            rate: Rows a second.
            single: Whether each row is one picture, not a number on a page.
        """
        self.manifest, self.pictures, self.rate, self.single = manifest, pictures, rate, single
        self.rows = self.errors = self.rejected = 0
        self.classes: Counter[str] = Counter()
        self.histogram = np.zeros(CONFIDENCE_BINS, np.int64)
        self.doubtful: list[Doubtful] = []

    def add(self, table: pa.Table) -> None:
        """Adds the rows of one part."""
        self.rows += len(table)
        good = table.filter(table["error"].is_null())
        self.errors += len(table) - len(good)
        self.histogram += confidence_histogram(good["confidence"].to_numpy())
        if not self.single:
            return
        self.rejected += int(pc.sum(pc.invert(good["recognized"])).as_py() or 0)
        for item in good.filter(good["recognized"])["label"].value_counts().to_pylist():
            self.classes[item["values"]] += item["counts"]
        for row in good.filter(good["seen"].is_valid()).select(["confidence", "key", "label", "seen"]).to_pylist():
            heapq.heappush(self.doubtful, Doubtful(**row))
        self.doubtful = heapq.nsmallest(MOST_DOUBTFUL, self.doubtful)

    @property
    def drift(self) -> float | None:
        """Distance of the confidences from those of the test rows, 0–1; None where the manifest has no baseline.

        See `numbre_runtime.drift.histogram_distance`. Numbers on pages have none: the test rows are single images.
        """
        baseline = self.manifest.baseline
        if baseline is None or not self.single or not self.histogram.sum():
            return None
        return histogram_distance(self.histogram, np.array(baseline.confidence_histogram))

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
