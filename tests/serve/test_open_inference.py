"""The Open Inference Protocol, as clients speak it that nobody here wrote."""

from __future__ import annotations

import json
import re
import struct
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton

from conftest import ROOT
from numbre_runtime.bundle import MODELS, read_bundle
from numbre_runtime.loading import load
from numbre_train.data import Mnist
from running import DIGITS, NUMBRE, Running, image_request, outputs_of, running


@pytest.fixture(scope="module")
def served() -> Iterator[Running]:
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def client(served: Running) -> Iterator[Any]:
    found = triton.InferenceServerClient(served.host, concurrency=1)
    yield found
    found.close()


def _tensor(images: Any, datatype: str, binary: bool) -> Any:
    found = triton.InferInput("input", list(images.shape), datatype)
    found.set_data_from_numpy(images, binary_data=binary)
    return found


def test_tritonclient_finds_health_server_and_models(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert set(client.get_server_metadata()["extensions"]) == {"binary_tensor_data", "classification"}
    metadata = client.get_model_metadata(DIGITS)
    assert metadata["inputs"] == [{"name": "input", "datatype": "UINT8", "shape": [-1, 28, 28]}]
    assert {output["name"]: output["shape"] for output in metadata["outputs"]}["scores"] == [-1, 11]
    (version,) = metadata["versions"]
    assert client.is_model_ready(DIGITS, version)
    assert not client.is_model_ready(DIGITS, "0")
    assert not client.is_model_ready("nobody")
    assert client.get_model_metadata(DIGITS, version) == metadata


@pytest.mark.parametrize("binary_output", [True, False])
@pytest.mark.parametrize(("binary_input", "count"), [(True, 1), (True, 5), (True, 400), (False, 1), (False, 5)])
def test_tritonclient_gets_what_the_python_api_gives(
    client: Any, mnist: Mnist, binary_input: bool, binary_output: bool, count: int
) -> None:
    images = mnist.test_images[:count]
    wanted = [
        triton.InferRequestedOutput(name, binary_data=binary_output) for name in ("label", "scores", "recognized")
    ]
    result = client.infer(DIGITS, [_tensor(images, "UINT8", binary_input)], outputs=wanted, request_id="r-7")
    classifier = load(DIGITS)
    np.testing.assert_array_equal(result.as_numpy("scores"), classifier.predict_batch(images))
    expected = [classifier.predict(image) for image in images]
    labels = [label.decode() if isinstance(label, bytes) else label for label in result.as_numpy("label")]
    assert labels == [prediction.label for prediction in expected]
    assert result.as_numpy("recognized").tolist() == [prediction.recognized for prediction in expected]
    assert result.get_response()["id"] == "r-7"
    assert result.get_response()["outputs"][0]["name"] == "label"


def test_all_outputs_come_where_none_is_named(client: Any, mnist: Mnist) -> None:
    image = mnist.test_images[:1]
    result = client.infer(DIGITS, [_tensor(image, "UINT8", True)])
    prediction = load(DIGITS).predict(image[0])
    assert result.as_numpy("confidence").item() == prediction.confidence
    assert result.as_numpy("label").item().decode() == prediction.label


def test_floats_and_stored_int8_mean_the_same_as_pixels(client: Any, mnist: Mnist) -> None:
    images = mnist.test_images[:8]
    expected = client.infer(NUMBRE, [_tensor(images, "UINT8", True)]).as_numpy("scores")
    floats = (images / np.float32(255)).astype(np.float32)
    np.testing.assert_array_equal(client.infer(NUMBRE, [_tensor(floats, "FP32", True)]).as_numpy("scores"), expected)
    # The shipped models store pixel p as p − 128.
    stored = (images.astype(np.int16) - 128).astype(np.int8)
    np.testing.assert_array_equal(client.infer(NUMBRE, [_tensor(stored, "INT8", True)]).as_numpy("scores"), expected)
    np.testing.assert_array_equal(client.infer(NUMBRE, [_tensor(stored, "INT8", False)]).as_numpy("scores"), expected)


def test_classification_names_the_best_classes(client: Any, mnist: Mnist) -> None:
    images = mnist.test_images[:3]
    for binary in (True, False):
        wanted = triton.InferRequestedOutput("scores", binary_data=binary, class_count=2)
        rows = client.infer(DIGITS, [_tensor(images, "UINT8", True)], outputs=[wanted]).as_numpy("scores")
        scores = load(DIGITS).predict_batch(images)
        assert rows.shape == (3, 2)
        for row, score in zip(rows, scores, strict=True):
            best = np.argsort(-score, kind="stable")[:2]
            texts = [text.decode() if isinstance(text, bytes) else text for text in row]
            assert texts == [f"{score[index]:f}:{index}:{load(DIGITS).labels[index]}" for index in best]


def test_a_wrong_request_is_an_error_that_tritonclient_understands(client: Any) -> None:
    with pytest.raises(triton.InferenceServerException, match="expected"):
        client.infer(DIGITS, [_tensor(np.zeros((1, 5), np.uint8), "UINT8", True)])


def test_binary_outputs_are_laid_out_as_the_extension_says(served: Running, mnist: Mnist) -> None:
    wanted = [{"name": "label", "parameters": {"binary_data": True}}, {"name": "recognized"}]
    request = image_request(mnist.test_images[0], outputs=wanted)
    response = httpx.post(served.infer(), json=request)
    length = int(response.headers["Inference-Header-Content-Length"])
    head = json.loads(response.content[:length])
    label = load(DIGITS).predict(mnist.test_images[0]).label.encode()
    assert response.content[length:] == struct.pack("<I", len(label)) + label
    assert head["outputs"][0]["parameters"]["binary_data_size"] == 4 + len(label)
    assert head["outputs"][1]["data"] == [True]


def test_the_curl_line_of_the_documentation_works_as_it_is(served: Running) -> None:
    text = (ROOT / "docs" / "serving.md").read_text()
    lines = re.findall(r"^curl .*?(?<!\\)$", text, re.MULTILINE | re.DOTALL)
    assert len(lines) >= 3
    for line in lines:
        mine = line.replace("http://127.0.0.1:8000/", served.url)
        assert mine != line
        done = subprocess.run(["bash", "-c", mine], capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr
        assert "error" not in done.stdout, done.stdout


@pytest.mark.parametrize("batch", [False, True])
def test_requests_at_the_same_time_each_get_their_own_answer(mnist: Mnist, batch: bool) -> None:
    from concurrent.futures import ThreadPoolExecutor

    images = mnist.test_images[:200]
    classifier = load(DIGITS)
    expected = [classifier.predict(image).scores.tolist() for image in images]
    with running(batch=batch, queue=1000) as served, httpx.Client() as client, ThreadPoolExecutor(16) as pool:

        def scores(image: Any) -> Any:
            return outputs_of(client.post(served.infer(), json=image_request(image)))["scores"]

        assert list(pool.map(scores, images)) == expected


def test_the_version_is_the_bundles_own(served: Running) -> None:
    import hashlib

    manifest = read_bundle(MODELS / DIGITS).manifest
    digest = hashlib.sha256(manifest.to_json()).hexdigest()
    assert httpx.get(f"{served.url}v2/models/{DIGITS}/ready").json()["version"] == digest[:12]
