"""/metrics, as Prometheus reads it; /openapi.json, as schemathesis tests it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from running import DIGITS, NUMBRE, Running, image_request, running

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
