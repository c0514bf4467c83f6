"""A service for the tests: in a thread of this process, or as the command in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from numbre_runtime.bundle import MODELS, shipped_bundles
from numbre_runtime.serve.answer_log import AnswerLog
from numbre_runtime.serve.guards import Hosts
from numbre_runtime.serve.listener import Listener, address_of, open_socket
from numbre_runtime.serve.service import Service
from numbre_runtime.serve.shadow import Shadow
from numbre_runtime.serve.shelf import Shelf

DIGITS, NUMBRE = "digits-int8", "numbre-int8"
_STARTS_WITHIN_S = 30.0


@dataclass(frozen=True)
class Running:
    """A service that runs in this process."""

    url: str
    """Its address, with a slash at the end."""
    service: Service
    """Itself."""

    @property
    def host(self) -> str:
        """Name and port, as clients of the Open Inference Protocol take them."""
        return self.url.removeprefix("http://").rstrip("/")

    def infer(self, model: str = DIGITS) -> str:
        """The address of inference."""
        return f"{self.url}v2/models/{model}/infer"


@contextmanager
def running(
    bundles: Mapping[str, Path] | None = None,
    queue: int = 64,
    connections: int = 64,
    batch: bool = False,
    host: str = "127.0.0.1",
    names: tuple[str, ...] = (),
    shadows: Mapping[str, Path] | None = None,
) -> Iterator[Running]:
    """Serves from a thread of this process until the block ends."""
    found = bundles or {path.name: path for path in shipped_bundles()}
    log = AnswerLog({name: Shadow(name, path, 1) for name, path in (shadows or {}).items()})
    service = Service(Shelf(found, 1), Hosts(host, names), queue, batch, log)
    with open_socket(host, 0) as listening:
        listener = Listener(service, listening, connections)
        thread = threading.Thread(target=listener.serve_until_signal)
        thread.start()
        try:
            wait_until(lambda: listener.started)
            yield Running(address_of(listening), service)
        finally:
            listener.should_exit = True
            thread.join()


@contextmanager
def command(*words: object) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """numbre-serve in a process of its own; its address and the process, which is killed if it is still there."""
    program = Path(sys.executable).parent / "numbre-serve"
    arguments = [str(program), "--port", "0", *map(str, words)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("serving at "):
                    yield line.split()[-1], process
                    break
            else:
                raise AssertionError(process.stderr.read() if process.stderr else "")
        finally:
            process.kill()


def wait_until(happened: Any, seconds: float = _STARTS_WITHIN_S) -> None:
    """Waits until a function returns something true."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it does not happen in time"
        time.sleep(0.02)


def image_request(pixels: Any, **more: Any) -> dict[str, Any]:
    """An inference request for one image of pixels (28, 28)."""
    tensor = {"name": "input", "datatype": "UINT8", "shape": [1, 28, 28], "data": pixels.ravel().tolist()}
    return {"inputs": [tensor], **more}


def outputs_of(response: httpx.Response) -> dict[str, Any]:
    """The data of an inference response's outputs, by name."""
    assert response.status_code == 200, response.text
    return {output["name"]: output["data"] for output in json.loads(response.content)["outputs"]}


def copy_of(name: str, folder: Path) -> Path:
    """A copy of a shipped bundle."""
    import shutil

    return Path(shutil.copytree(MODELS / name, folder))
