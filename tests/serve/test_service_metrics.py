"""/metrics, as Prometheus reads it; /openapi.json, as schemathesis tests it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from conftest import ROOT
from numbre_runtime import load
from numbre_runtime.bundle import MODELS
from numbre_train.data import Mnist
from running import DIGITS, NUMBRE, Running, image_request, outputs_of, running, wait_until

IMAGE = np.zeros((28, 28), np.uint8)


@pytest.fixture(scope="module")
def served() -> Iterator[Running]:
    with running(connections=256) as found:
        yield found


def test_promtool_accepts_the_metrics(served: Running) -> None:
    httpx.post(served.infer(), json=image_request(IMAGE))
    assert shutil.which("promtool"), "needs promtool, of Debian's package prometheus"
    text = httpx.get(f"{served.url}metrics").text
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_requests_errors_stages_and_bundles_are_counted() -> None:
    with running() as served, httpx.Client() as client:
        for _ in range(5):
            client.post(served.infer(), json=image_request(IMAGE))
        client.post(served.infer(NUMBRE), json={})
        client.get(f"{served.url}nothing")
        client.post(f"{served.url}v2/models/guess-a-name/infer", json={})
        text = client.get(f"{served.url}metrics").text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines[f'numbre_requests_total{{code="200",model="{DIGITS}"}}'] == "5.0"
    assert lines[f'numbre_requests_total{{code="400",model="{NUMBRE}"}}'] == "1.0"
    # Names that clients make up make no series.
    assert lines['numbre_requests_total{code="404",model=""}'] == "2.0"
    assert "guess-a-name" not in text
    for stage in ("read", "infer", "write"):
        assert lines[f'numbre_request_stage_seconds_count{{stage="{stage}"}}'] == "5.0"
    assert lines['numbre_queue_length{queue="tensors"}'] == "0.0"
    assert lines["numbre_requests_rejected_ratio"] == "0.0"
    digest = served.service.shelf.models[0].digest
    (info,) = (name for name in lines if name.startswith("numbre_bundle_info{") and f'model="{DIGITS}"' in name)
    assert f'manifest_sha256="{digest}"' in info
    assert 'backend="litert' in info


def test_the_openapi_document_is_true(served: Running, tmp_path: Path) -> None:
    """Schemathesis sends requests that the document allows and others that it does not, and checks every answer."""
    assert httpx.get(f"{served.url}openapi.json").json()["openapi"] == "3.1.0"
    program = "from schemathesis.cli import schemathesis; schemathesis()"
    words = ["run", f"{served.url}openapi.json", "--max-examples", "10", "--seed", "1", "--no-color"]
    settings = {**os.environ, "SCHEMATHESIS_HOOKS": "picture_bodies", "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, cwd=tmp_path, env=settings, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]


def _metrics(client: httpx.Client, served: Running) -> dict[str, float]:
    text = client.get(f"{served.url}metrics").text
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_a_shadow_is_compared_never_answers_and_may_come_later(tmp_path: Path, mnist: Mnist) -> None:
    link, images = tmp_path / "shadow", 255 - mnist.test_images[:40]
    own, other = ([classifier.predict(image).label for image in images] for classifier in (load(DIGITS), load(NUMBRE)))
    differing = sum(first != second for first, second in zip(own, other, strict=True))
    assert 0 < differing < 40
    with running(shadows={DIGITS: link}) as served, httpx.Client() as client:
        client.post(served.infer(), json=image_request(images[0]))
        assert f'numbre_shadow_info{{model="{DIGITS}"' not in "".join(_metrics(client, served))
        link.symlink_to(MODELS / NUMBRE)
        wait_until(lambda: served.service.log.shadows[DIGITS].model is not None)
        for image, label in zip(images, own, strict=True):
            assert outputs_of(client.post(served.infer(), json=image_request(image)))["label"] == [label]
        counted = f'numbre_shadow_images_total{{model="{DIGITS}"}}'
        wait_until(lambda: _metrics(client, served)[counted] == 40)
        found = _metrics(client, served)
    assert found[f'numbre_shadow_disagreements_total{{model="{DIGITS}"}}'] == differing
    assert found[f'numbre_shadow_seconds_total{{model="{DIGITS}"}}'] > 0


def test_the_distance_from_the_test_rows_grows_with_other_pictures(mnist: Mnist) -> None:
    images = mnist.test_images
    name = f'numbre_confidence_distance{{model="{DIGITS}"}}'
    with running() as served, httpx.Client() as client:
        tensor = {"name": "input", "datatype": "UINT8", "shape": [200, 28, 28]}
        client.post(served.infer(), json={"inputs": [{**tensor, "data": images[:200].ravel().tolist()}]})
        alike = _metrics(client, served)[name]
        client.post(served.infer(), json={"inputs": [{**tensor, "data": (255 - images[:200]).ravel().tolist()}]})
        mixed = _metrics(client, served)[name]
    counts = np.array(json.loads((MODELS / DIGITS / "manifest.json").read_text())["baseline"]["confidence_histogram"])
    classifier = load(DIGITS)
    both = np.array([classifier.predict(image).confidence for image in [*images[:200], *(255 - images[:200])]])
    edges = np.linspace(0, 1, len(counts) + 1)[1:-1]
    shares = np.cumsum(counts / counts.sum())
    expected = max(abs((both < edge).mean() - share) for edge, share in zip(edges, shares, strict=False))
    assert alike < 0.1 < mixed
    assert mixed == pytest.approx(expected, abs=1e-6)


def test_promtool_accepts_the_alert_rules_of_the_docs(tmp_path: Path) -> None:
    assert shutil.which("promtool"), "needs promtool, of Debian's package prometheus"
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    rules = tmp_path / "rules.yml"
    rules.write_text(page.split("```yaml\n")[1].split("```")[0])
    done = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "3 rules found" in done.stdout
    with running() as served, httpx.Client() as client:
        known = client.get(f"{served.url}metrics").text
    assert all(name in known for name in ("numbre_confidence_distance", "numbre_bundle_reload_failed"))
