"""Requests that are wrong, hostile or too much: the right status, JSON that gives nothing away, and it goes on."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest

from numbre_runtime.serve import connection
from running import DIGITS, Running, image_request, outputs_of, running, wait_until

IMAGE = np.zeros((28, 28), np.uint8)
JSON_TYPE = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def served() -> Iterator[Running]:
    with running() as found:
        yield found


@pytest.fixture(autouse=True)
def still_answers(served: Running) -> Iterator[None]:
    """After every test the service answers as before."""
    yield
    assert outputs_of(httpx.post(served.infer(), json=image_request(IMAGE)))["recognized"] == [False]


def _tensor(**more: Any) -> dict[str, Any]:
    return {**image_request(IMAGE)["inputs"][0], **more}


def _infer(**tensor: Any) -> str:
    return json.dumps({"inputs": [_tensor(**tensor)]})


def _without(name: str) -> str:
    tensor = _tensor()
    del tensor[name]
    return json.dumps({"inputs": [tensor]})


WRONG_BODIES: dict[str, str | bytes] = {
    "nothing": "",
    "no JSON": "{",
    "no UTF-8": b"\xff\xfe{}",
    "a list": "[]",
    "a number": "1",
    "NaN": '{"inputs": NaN}',
    "deep lists": "[" * 100_000,
    "deep objects": '{"inputs":' * 50_000,
    "deep data": json.dumps({"inputs": [_tensor()]}).replace('"data": [', '"data": ' + "[" * 5000, 1),
    "no inputs": "{}",
    "inputs null": '{"inputs": null}',
    "two inputs": json.dumps({"inputs": [_tensor(), _tensor()]}),
    "another name": _infer(name="image"),
    "no name": _without("name"),
    "no shape": _without("shape"),
    "no data": _without("data"),
    "no datatype": _without("datatype"),
    "datatype FP64": _infer(datatype="FP64"),
    "datatype a list": _infer(datatype=["UINT8"]),
    "shape of another size": _infer(shape=[2, 28, 28]),
    "shape of another form": _infer(shape=[28, 28, 1, 1]),
    "shape negative": _infer(shape=[-1, 28, 28]),
    "shape zero": _infer(shape=[0]),
    "shape huge": _infer(shape=[10**30]),
    "shape true": _infer(shape=[True, 28, 28]),
    "shape long": _infer(shape=[1] * 1000),
    "data empty": _infer(data=[]),
    "data ragged": _infer(data=[[0, 1], [2]]),
    "data of text": _infer(data=["0"] * 784),
    "data of true": _infer(data=[True] * 784),
    "data of null": _infer(data=[None] * 784),
    "data of fractions": _infer(data=[0.5] * 784),
    "a pixel of 256": _infer(data=[256] * 784),
    "a pixel of -1": _infer(data=[-1] * 784),
    "a pixel of 10^400": _infer(data=[10**400] + [0] * 783),
    "a pixel of many digits": _infer().replace("[0,", "[" + "9" * 10_000 + ",", 1),
    "a float of 1e400": _infer(datatype="FP32").replace('"data": [0,', '"data": [1e400,', 1),
    "a float above 1": _infer(datatype="FP32", data=[2.0] * 784),
    "int8 of 200": _infer(datatype="INT8", data=[200] * 784),
    "id a number": json.dumps({**image_request(IMAGE), "id": 7}),
    "id null": json.dumps({**image_request(IMAGE), "id": None}),
    "parameters a list": json.dumps({**image_request(IMAGE), "parameters": []}),
    "binary_data_output 1": json.dumps({**image_request(IMAGE), "parameters": {"binary_data_output": 1}}),
    "binary size without binary": _without("data").replace("28]", '28], "parameters": {"binary_data_size": 784}'),
    "binary size and data": _infer(parameters={"binary_data_size": 0}),
    "binary size negative": _infer(parameters={"binary_data_size": -1}),
    "outputs null": json.dumps({**image_request(IMAGE), "outputs": None}),
    "output unknown": json.dumps({**image_request(IMAGE), "outputs": [{"name": "<script>"}]}),
    "outputs too many": json.dumps({**image_request(IMAGE), "outputs": [{"name": "label"}] * 1000}),
    "classes 0": json.dumps(
        {**image_request(IMAGE), "outputs": [{"name": "scores", "parameters": {"classification": 0}}]}
    ),
    "classes 1000": json.dumps(
        {**image_request(IMAGE), "outputs": [{"name": "scores", "parameters": {"classification": 1000}}]}
    ),
    "classes of labels": json.dumps(
        {**image_request(IMAGE), "outputs": [{"name": "label", "parameters": {"classification": 1}}]}
    ),
}


@pytest.mark.parametrize("name", WRONG_BODIES)
def test_a_wrong_inference_request_is_refused(served: Running, name: str) -> None:
    response = httpx.post(served.infer(), content=WRONG_BODIES[name], headers=JSON_TYPE)
    assert response.status_code == 400
    _check_error(response)


def _check_error(response: httpx.Response) -> None:
    """The error is JSON, names no path, and repeats nothing that a browser would take for HTML."""
    assert response.headers["content-type"] == "application/json"
    assert response.headers.get("x-content-type-options", "nosniff") == "nosniff"
    message = response.json()["error"]
    assert message
    assert "<" not in message
    assert "/work" not in message
    assert ".py" not in message


LYING_HEADERS = {
    "longer than the body": "9999",
    "negative": "-1",
    "no number": "x",
    "zero": "0",
    "many digits": "1" * 30,
    "other digits": "१",
}


@pytest.mark.parametrize("name", LYING_HEADERS)
def test_a_lying_binary_header_is_refused(served: Running, name: str) -> None:
    head = json.dumps({"inputs": [{**_tensor(parameters={"binary_data_size": 784}), "data": None}]})
    headers = {b"Inference-Header-Content-Length": LYING_HEADERS[name].encode()}
    response = httpx.post(served.infer(), content=head.encode() + bytes(784), headers=headers)
    assert response.status_code == 400
    _check_error(response)


@pytest.mark.parametrize("size", [0, 783, 785, 1 << 40])
def test_a_binary_tensor_of_another_size_is_refused(served: Running, size: int) -> None:
    tensor = _tensor(parameters={"binary_data_size": size})
    del tensor["data"]
    head = json.dumps({"inputs": [tensor]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    assert httpx.post(served.infer(), content=head + bytes(784), headers=headers).status_code == 400


OTHER_REQUESTS: dict[str, tuple[str, str, dict[str, str], bytes, int]] = {
    "an unknown address": ("GET", "nothing", {}, b"", 404),
    "a slash too many": ("GET", "v2/", {}, b"", 404),
    "an unknown model": ("POST", "v2/models/none/infer", JSON_TYPE, b"{}", 404),
    "a model of HTML": ("POST", "v2/models/%3Cscript%3E/infer", JSON_TYPE, b"{}", 404),
    "an unknown version": ("GET", f"v2/models/{DIGITS}/versions/9", {}, b"", 404),
    "path traversal": ("GET", "site/..%2f..%2fanswers.py", {}, b"", 404),
    "path traversal, plain": ("GET", "site/../../answers.py", {}, b"", 404),
    "path traversal to the system": ("GET", "..%2f..%2f..%2f..%2fetc%2fpasswd", {}, b"", 404),
    "a model outside": ("GET", "v2/models/..%2f..%2fetc", {}, b"", 404),
    "a wrong method": ("DELETE", "v2", {}, b"", 405),
    "inference by GET": ("GET", f"v2/models/{DIGITS}/infer", {}, b"", 405),
    "an unknown method": ("BREW", "v2/health/live", {}, b"", 405),
    "a form": ("POST", f"v2/models/{DIGITS}/infer", {"Content-Type": "text/plain"}, b"{}", 415),
    "compressed": ("POST", f"v2/models/{DIGITS}/infer", {**JSON_TYPE, "Content-Encoding": "gzip"}, b"{}", 415),
    "a picture as text": ("POST", "predict", {"Content-Type": "text/html"}, b"x", 415),
    "a picture without a type": ("POST", "predict", {}, b"\x89PNG\r\n\x1a\n", 415),
    "no picture": ("POST", "predict", {"Content-Type": "image/png"}, b"GIF89a", 400),
    "half a picture": ("POST", "predict", {"Content-Type": "image/png"}, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 400),
    "half a page": ("POST", "read", {"Content-Type": "image/jpeg"}, b"\xff\xd8\xff\xe0", 400),
    "an unknown model for a picture": ("POST", "predict?model=none", {"Content-Type": "image/png"}, b"x", 404),
    "another host": ("GET", "v2", {"Host": "evil.example"}, b"", 421),
    "another host's address": ("GET", "v2", {"Host": "192.0.2.1"}, b"", 421),
    "a host of our name's beginning": ("GET", "v2", {"Host": "localhost.evil.example"}, b"", 421),
    "a foreign origin": (
        "POST",
        f"v2/models/{DIGITS}/infer",
        {**JSON_TYPE, "Origin": "http://evil.example"},
        b"{}",
        403,
    ),
    "a null origin": ("GET", "v2", {"Origin": "null"}, b"", 403),
    "an origin of another port": ("GET", "v2", {"Origin": "http://127.0.0.1:1"}, b"", 403),
}


@pytest.mark.parametrize("name", OTHER_REQUESTS)
def test_other_wrong_requests_have_their_status(served: Running, name: str) -> None:
    method, path, headers, body, status = OTHER_REQUESTS[name]
    # Not httpx's URL, which would resolve "..".
    lines = {"Host": served.host, "Content-Length": str(len(body)), "Connection": "close", **headers}
    head = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
    answer = _raw(served, f"{method} /{path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    if status == 405:
        assert b"\r\nallow: " in answer.lower()


def test_the_own_origin_and_names_are_answered(served: Running) -> None:
    port = served.host.rpartition(":")[2]
    for host in (served.host, f"localhost:{port}", f"LOCALHOST:{port}", "[::1]:80"):
        headers = {"Host": host, "Origin": f"http://{host.lower()}"}
        assert httpx.get(f"{served.url}v2", headers=headers).status_code == 200


NO_HTTP = (
    b"\0\1\2\3\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000,
)


@pytest.mark.parametrize("sent", NO_HTTP)
def test_what_is_no_http_is_refused_in_json(served: Running, sent: bytes) -> None:
    answer = _raw(served, sent)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def _picture_head(served: Running, length: str) -> bytes:
    """The head of a request with a picture."""
    return f"POST /predict HTTP/1.1\r\nHost: {served.host}\r\nContent-Type: image/png\r\n{length}\r\n\r\n".encode()


def _connected(served: Running) -> socket.socket:
    host, _, port = served.host.partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def _raw(served: Running, sent: bytes) -> bytes:
    """All that the service answers to some bytes until it closes."""
    with _connected(served) as client:
        client.sendall(sent)
        return _rest(client)


def _one(client: socket.socket) -> bytes:
    """One whole answer."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += client.recv(1 << 16)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")).split()[1])
    while len(body) < length:
        body += client.recv(1 << 16)
    return head + b"\r\n\r\n" + body


def _rest(client: socket.socket) -> bytes:
    received = bytearray()
    try:
        while part := client.recv(1 << 16):
            received += part
    except ConnectionResetError:
        pass
    return bytes(received)


@pytest.mark.parametrize(
    ("path", "kind", "limit"),
    [(f"v2/models/{DIGITS}/infer", "application/json", 1 << 20), ("read", "image/png", 16 << 20)],
)
def test_bodies_above_the_limit_are_refused(served: Running, path: str, kind: str, limit: int) -> None:
    headers = {"Content-Type": kind}
    response = httpx.post(served.url + path, content=bytes(limit + 1), headers=headers)
    assert response.status_code == 413
    _check_error(response)

    def chunks() -> Iterator[bytes]:
        for _ in range(limit // 65536 + 1):
            yield bytes(65536)

    assert httpx.post(served.url + path, content=chunks(), headers=headers).status_code == 413
    assert httpx.post(served.url + path, content=bytes(limit), headers=headers).status_code == 400


def test_a_chunked_body_without_end_is_cut_off(served: Running) -> None:
    head = _picture_head(served, "Transfer-Encoding: chunked")
    chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    start = time.monotonic()
    with _connected(served) as client:
        client.sendall(head)
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):
            while time.monotonic() < start + 30:
                client.sendall(chunk)


def test_all_bodies_together_are_limited(served: Running) -> None:
    """Eight clients that each hold back the last bytes of 12 MiB: not all of them find room."""
    body = b"\x89PNG\r\n\x1a\n" + bytes(12 << 20)
    head = _picture_head(served, f"Content-Length: {len(body)}")
    clients = [_connected(served) for _ in range(8)]
    try:
        for client in clients:
            client.sendall(head + body[:-1])
        with ThreadPoolExecutor(8) as pool:

            def end(client: socket.socket) -> bytes:
                client.sendall(body[-1:])
                return client.recv(1 << 16)

            answers = list(pool.map(end, clients))
    finally:
        for client in clients:
            client.close()
    statuses = [answer.split(b" ")[1] for answer in answers]
    assert set(statuses) <= {b"400", b"503"}
    assert statuses.count(b"503") >= 2


def test_slow_clients_are_cut_off(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.4)
    monkeypatch.setattr(connection, "BODY_S", 0.4)
    whole = _picture_head(served, "Content-Length: 1000")
    for sent, answer in ((b"", b""), (b"POST /pre", b"HTTP/1.1 408 "), (whole + b"\x89PNG", b"HTTP/1.1 408 ")):
        with _connected(served) as client:
            client.sendall(sent)
            start = time.monotonic()
            received = _rest(client)
            assert received.startswith(answer)
            assert bool(received) == bool(answer)
            assert 0.3 < time.monotonic() - start < 5


def test_a_slow_head_after_a_fast_request_is_cut_off_as_well(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.4)
    body = json.dumps(image_request(IMAGE)).encode()
    head = f"POST /v2/models/{DIGITS}/infer HTTP/1.1\r\nHost: {served.host}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    with _connected(served) as client:
        for _ in range(3):
            client.sendall(request)
            assert _one(client).startswith(b"HTTP/1.1 200 ")
        client.sendall(request[:50])
        assert _rest(client).startswith(b"HTTP/1.1 408 ")


def test_requests_in_pieces_and_in_a_row_are_answered_alike(served: Running) -> None:
    """However a stream of requests is cut, whether their head is known or not, each gets its answer, in order."""
    texts = [f"r{index}" for index in range(4)]
    stream = b""
    for text in texts:
        body = json.dumps(image_request(IMAGE, id=text)).encode()
        head = f"POST /v2/models/{DIGITS}/infer HTTP/1.1\r\nHost: {served.host}\r\nContent-Type: application/json\r\n"
        stream += f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    for size in (len(stream), 1000, 37, len(stream) // 4, len(stream) // 4 + 1, len(stream) // 4 - 1):
        with _connected(served) as client:
            for start in range(0, len(stream), size):
                client.sendall(stream[start : start + size])
                time.sleep(0.001)
            received = b""
            while received.count(b'"id"') < len(texts):
                received += client.recv(1 << 16)
        assert [text for text in texts if f'"id": "{text}"'.encode() in received] == texts
        assert received.count(b"HTTP/1.1 200 ") == len(texts)


def test_a_known_head_is_no_way_past_the_guards(served: Running) -> None:
    body = json.dumps(image_request(IMAGE)).encode()
    good = f"POST /v2/models/{DIGITS}/infer HTTP/1.1\r\nHost: {served.host}\r\nContent-Type: application/json\r\n"
    for more, status in (("", 200), ("", 200), ("Origin: null\r\n", 403), ("Origin: null\r\n", 403), ("", 200)):
        request = f"{good}{more}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
        assert _raw(served, request).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_full_queue_is_503_at_once_while_health_answers() -> None:
    with running(queue=2, connections=64) as served:
        gate = threading.Event()
        model = served.service.shelf.models[0]
        slow = model._replace(seconds=1.0)
        served.service.shelf._models[DIGITS] = slow
        held = served.service._queues[0]._thread.submit(gate.wait, 30)
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(httpx.post, served.infer(), json=image_request(IMAGE), timeout=60) for _ in range(2)]
            wait_until(lambda: served.service._queues[0].length == 2)
            start = time.monotonic()
            refused = httpx.post(served.infer(), json=image_request(IMAGE))
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            _check_error(refused)
            assert httpx.get(f"{served.url}v2/health/live").status_code == 200
            assert time.monotonic() - start < 5
            gate.set()
            assert [future.result().status_code for future in waiting] == [200, 200]
        held.result()
        assert httpx.post(served.infer(), json=image_request(IMAGE)).status_code == 200


def test_connections_beyond_the_limit_get_503_and_health() -> None:
    with running(connections=4) as served:
        held = [_connected(served) for _ in range(4)]
        try:
            for client in held:
                client.sendall(f"GET /v2 HTTP/1.1\r\nHost: {served.host}\r\n\r\n".encode())
                assert _one(client).startswith(b"HTTP/1.1 200 ")
            refused = _raw(served, f"GET /v2 HTTP/1.1\r\nHost: {served.host}\r\n\r\n".encode())
            assert refused.startswith(b"HTTP/1.1 503 ")
            assert b"Retry-After: 1\r\n" in refused
            late = _connected(served)
            time.sleep(0.3)
            late.sendall(f"GET /v2 HTTP/1.1\r\nHost: {served.host}\r\n\r\n".encode())
            assert _rest(late).startswith(b"HTTP/1.1 503 ")
            late.close()
            assert httpx.get(f"{served.url}v2/health/live").json() == {"live": True}
            assert httpx.get(f"{served.url}v2/health/ready").json() == {"ready": True}
            with _connected(served) as silent:
                assert _rest(silent) == b""
            held[0].sendall(f"GET /v2 HTTP/1.1\r\nHost: {served.host}\r\n\r\n".encode())
            assert _one(held[0]).startswith(b"HTTP/1.1 200 ")
        finally:
            for client in held:
                client.close()
        wait_until(lambda: httpx.get(f"{served.url}v2").status_code == 200)


def test_a_burst_of_connections_lets_in_no_more_than_the_limit() -> None:
    with running(connections=4) as served, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(_connected(served)) for _ in range(40)]
        for client in clients:
            client.sendall(f"GET /v2 HTTP/1.1\r\nHost: {served.host}\r\n\r\n".encode())
        statuses = [_one(client)[9:12] for client in clients]
        assert (statuses.count(b"200"), statuses.count(b"503")) == (4, 36)


def test_a_client_that_hangs_up_leaves_nothing_behind(served: Running) -> None:
    for _ in range(20):
        with _connected(served) as client:
            client.sendall(_picture_head(served, "Content-Length: 100000") + bytes(1000))
    time.sleep(0.3)
    assert httpx.get(f"{served.url}v2/health/live").status_code == 200
    assert all(queue.length == 0 for queue in served.service._queues)


def test_pages_carry_strict_headers(served: Running) -> None:
    for path in ("", "camera", "site/draw.js", "site/style.css"):
        headers = httpx.get(served.url + path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
