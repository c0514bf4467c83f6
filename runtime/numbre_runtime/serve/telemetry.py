"""What the service tells Prometheus about itself, by its standard client library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from numbre_runtime.serve.answer_log import AnswerLog
from numbre_runtime.serve.shelf import Shelf
from numbre_runtime.serve.work_queue import WorkQueue

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STAGES = ("read", "infer", "write")
"""The stages of an inference: reading the request, the model's turn with the wait for it, writing the response."""

disable_created_metrics()  # type: ignore[no-untyped-call]

_BUCKETS = (25e-6, 50e-6, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Telemetry:
    """Counters and histograms of one service."""

    def __init__(self, shelf: Shelf, queues: Iterable[WorkQueue], log: AnswerLog) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "numbre_requests",
            "Requests answered, by model and HTTP status.",
            ("model", "code"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "numbre_request_stage_seconds",
            "Time that the stages of an inference take.",
            ("stage",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._rejected = Counter(
            "numbre_requests_rejected", "Requests refused because there was no room for them.", registry=self._registry
        )
        self.total = 0
        """Requests so far."""
        self.rejected = 0
        """Those of them that were refused for want of room."""
        self.stages = tuple(self._seconds.labels(stage).observe for stage in STAGES)
        """Functions that each count a stage's seconds, in the order of `STAGES`."""
        self._children: dict[tuple[str, int], Callable[[], None]] = {}
        self._registry.register(_State(shelf, tuple(queues), self, log))

    def count(self, model: str, code: int) -> None:
        """Counts a request.

        Args:
            model: The name of one of the models; empty for a request that concerns none.
            code: The status of its response.
        """
        self.total += 1
        if code == 503:
            self.rejected += 1
            self._rejected.inc()
        # Looking a child up by its labels takes longer than counting.
        try:
            self._children[model, code]()
        except KeyError:
            self._children[model, code] = self._requests.labels(model, str(code)).inc
            self._children[model, code]()

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self._registry)


class _State(Collector):
    """What is read off at the moment it is asked for."""

    def __init__(self, shelf: Shelf, queues: tuple[WorkQueue, ...], telemetry: Telemetry, log: AnswerLog) -> None:
        self._shelf, self._queues, self._telemetry, self._log = shelf, queues, telemetry, log

    def collect(self) -> Iterator[Metric]:
        """See `prometheus_client.registry.Collector`."""
        length = GaugeMetricFamily("numbre_queue_length", "Requests that wait or are worked on.", labels=("queue",))
        limit = GaugeMetricFamily("numbre_queue_limit", "The most requests that a queue takes.", labels=("queue",))
        for queue in self._queues:
            length.add_metric((queue.name,), queue.length)
            limit.add_metric((queue.name,), queue.limit)
        yield length
        yield limit
        share = self._telemetry.rejected / max(self._telemetry.total, 1)
        yield GaugeMetricFamily(
            "numbre_requests_rejected_ratio", "Share of all requests refused for want of room.", share
        )
        bundles = InfoMetricFamily("numbre_bundle", "The bundle that is served.")
        stale = GaugeMetricFamily(
            "numbre_bundle_reload_failed",
            "1: the newest files failed their checks, an older bundle serves.",
            labels=("model",),
        )
        for model in self._shelf.models:
            bundles.add_metric(
                (),
                {
                    "model": model.name,
                    "version": model.version,
                    "manifest_sha256": model.digest,
                    "artifact": model.classifier.artifact.file,
                    "artifact_sha256": model.classifier.artifact.sha256,
                    "backend": model.classifier.backend,
                },
            )
            stale.add_metric((model.name,), float(model.name in self._shelf.failed))
        yield bundles
        yield stale
        distance = GaugeMetricFamily(
            "numbre_confidence_distance",
            "Distance of the last answers' confidences from those of the test rows, 0 to 1 (Kolmogorov-Smirnov).",
            labels=("model",),
        )
        for model in self._shelf.models:
            found = self._log.distance(model)
            if found is not None:
                distance.add_metric((model.name,), found)
        yield distance
        if self._log.shadows:
            yield from self._shadows()

    def _shadows(self) -> Iterator[Metric]:
        infos = InfoMetricFamily("numbre_shadow", "The bundle in a model's shadow.")
        counters = [
            CounterMetricFamily(f"numbre_shadow_{name}", text, labels=("model",))
            for name, text in (
                ("images", "Images that a shadow answered too."),
                ("disagreements", "Images to which a shadow gave another label."),
                ("skipped_requests", "Requests that were not compared."),
                ("seconds", "Time that a shadow's answers took."),
                ("model_seconds", "Time that the served model takes for the same images."),
            )
        ]
        for name, shadow in self._log.shadows.items():
            values = (shadow.compared, shadow.disagreed, shadow.skipped, shadow.seconds, shadow.model_seconds)
            for counter, value in zip(counters, values, strict=True):
                counter.add_metric((name,), value)
            if shadow.model is not None:
                infos.add_metric((), {"model": name, "version": shadow.model.version})
        yield infos
        yield from counters
