"""numbre-serve under load by Debian's wrk, beside a bare uvicorn application and MLServer, all in the same run.

Three questions: how many requests a second at 1, 8 and 64 connections; what an overload does to requests that are
accepted, and how soon it is over; whether memory grows. `--soak 0` leaves the last one out.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common import NUMBRE, machine, write_result
from environments import ROOT, UnavailableError, clean, environment
from numbre_runtime.bundle import DEFAULT_BUNDLE

CONNECTIONS = (1, 8, 64)
BOUND = 0.7
"""At least so much of the bare application's requests a second."""
_ROUNDS, _SECONDS = 5, 3
_OVERLOAD_CONNECTIONS, _OVERLOAD_S = 640, 10
_LATE_S, _RECOVERED_S = 0.1, 1.0
"""Bounds: a refusal comes within the first, and latency is back to normal within the second."""
_GROWTH_MB = 5.0
_SAMPLES_A_SECOND = 50
_HERE = Path(__file__).resolve().parent
_MLSERVER = ("mlserver", f"{ROOT / 'runtime'}[litert]")


@dataclass(frozen=True)
class Contender:
    """One thing that is measured."""

    title: str
    """Its name in the table."""
    url: str
    """Where wrk sends its requests."""
    body: str
    """"binary" or "json"."""


@dataclass(frozen=True)
class Load:
    """What wrk measured."""

    requests_per_second: float
    p99_ms: float
    failed: int
    """Responses other than 2xx, and socket errors."""


def main() -> int:
    """Measures, prints and writes results/serve_load.json; exit code 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="rounds of all candidates (default: %(default)s)")
    parser.add_argument("--soak", type=float, default=600, metavar="S", help="seconds of soak (default: %(default)s)")
    args = parser.parse_args()
    if shutil.which("wrk") is None:
        print("needs wrk, Debian's package of that name", file=sys.stderr)
        return 2
    result: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        scripts = _scripts(Path(directory))
        ours, process = _started(stack, ["numbre-serve", "--port", "0"])
        batched, _ = _started(stack, ["numbre-serve", "--port", "0", "--batch"])
        targets = [
            Contender("bare uvicorn", stack.enter_context(_bare()), "binary"),
            Contender(f"{NUMBRE}, binary tensor", _infer(ours, NUMBRE), "binary"),
            Contender(f"{DEFAULT_BUNDLE.name}, binary tensor", _infer(ours, DEFAULT_BUNDLE.name), "binary"),
            Contender(f"{DEFAULT_BUNDLE.name}, JSON", _infer(ours, DEFAULT_BUNDLE.name), "json"),
            Contender(f"{DEFAULT_BUNDLE.name}, binary tensor, --batch", _infer(batched, DEFAULT_BUNDLE.name), "binary"),
        ]
        try:
            targets.append(
                Contender(f"MLServer, {NUMBRE}, JSON", stack.enter_context(_mlserver(Path(directory))), "json")
            )
        except UnavailableError as reason:
            result["mlserver"] = str(reason)
        result["rates"] = _rates(targets, scripts, args.rounds)
        result["overload"] = _overload(_infer(ours, DEFAULT_BUNDLE.name), scripts["binary"])
        if args.soak:
            result["soak"] = _soak(_infer(ours, DEFAULT_BUNDLE.name), scripts["binary"], process.pid, args.soak)
        result["machine"]["load_average"] = machine()["load_average"]
    missed = _missed(result)
    result["missed"] = missed
    print(json.dumps(result, indent=1))
    write_result("serve_load", result)
    return int(bool(missed))


def _missed(result: Mapping[str, Any]) -> list[str]:
    """The bounds that were missed, in words."""
    missed = [
        f"{row['title']} at {row['connections']} connections: {row['ratio']:.2f} of bare uvicorn, bound {BOUND}"
        for row in result["rates"]
        if row["title"].endswith("binary tensor") and row["ratio"] < BOUND
    ]
    overload = result["overload"]
    if overload["accepted_p99_ms"] > overload["accepted_bound_ms"]:
        missed.append("overload: accepted requests take longer than their bound")
    if overload["refusal_p99_ms"] > 1000 * _LATE_S or overload["live_p99_ms"] > 1000 * _LATE_S:
        missed.append("overload: a refusal or health takes longer than 100 ms")
    if overload["recovered_p99_ms"] > overload["accepted_bound_ms"]:
        missed.append("overload: not back to normal within a second")
    if "soak" in result and result["soak"]["growth_second_half_mb"] >= _GROWTH_MB:
        missed.append("soak: memory grows")
    return missed


def _infer(base: str, model: str) -> str:
    return f"{base}v2/models/{model}/infer"


def _scripts(folder: Path) -> dict[str, Path]:
    """The scripts of wrk: one image of pixels, as a binary tensor and as JSON."""
    pixels = np.random.default_rng(1).integers(0, 256, 784).tolist()
    tensor = {"name": "input", "datatype": "UINT8", "shape": [1, 28, 28]}
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": 784}}]})
    text = json.dumps({"inputs": [{**tensor, "data": pixels}]})
    letters = "".join(f"\\{pixel:03d}" for pixel in pixels)
    binary, plain = folder / "binary.lua", folder / "json.lua"
    binary.write_text(
        f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/octet-stream"\n'
        f'wrk.headers["Inference-Header-Content-Length"] = "{len(head)}"\n'
        f'wrk.body = [[{head}]] .. "{letters}"\n'
    )
    plain.write_text(f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = [[{text}]]\n')
    return {"binary": binary, "json": plain}


def _wrk(url: str, script: Path, connections: int, seconds: float) -> Load:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency", "-s", str(script), url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    text = done.stdout
    if done.stderr:
        raise RuntimeError(f"wrk complains: {done.stderr}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    latency = re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
    if rate is None or latency is None:
        raise RuntimeError(f"wrk prints something unexpected: {text}")
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    others = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    failed = sum(map(int, errors.groups())) if errors else 0
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}[latency[2]]
    return Load(float(rate[1]), float(latency[1]) * unit, failed + (int(others[1]) if others else 0))


def _rates(targets: list[Contender], scripts: Mapping[str, Path], rounds: int) -> list[dict[str, Any]]:
    """Every target at every number of connections; within a round all run in turn."""
    loads: dict[tuple[str, int], list[Load]] = {}
    for _ in range(rounds):
        for connections in CONNECTIONS:
            for target in targets:
                load = _wrk(target.url, scripts[target.body], connections, _SECONDS)
                loads.setdefault((target.title, connections), []).append(load)
                print(f"{target.title}, {connections}: {load.requests_per_second:,.0f} a second", file=sys.stderr)
    rows = []
    for (title, connections), found in loads.items():
        bare = loads[targets[0].title, connections]
        ratios = [one.requests_per_second / other.requests_per_second for one, other in zip(found, bare, strict=True)]
        rows.append(
            {
                "title": title,
                "connections": connections,
                "requests_per_second": statistics.median(load.requests_per_second for load in found),
                "p99_ms": statistics.median(load.p99_ms for load in found),
                "ratio": statistics.median(ratios),
                "failed": sum(load.failed for load in found),
            }
        )
    return rows


def _overload(url: str, script: Path) -> dict[str, float]:
    """Ten times 64 connections; what becomes of a request that has its connection already, of a new one, of health."""
    host, _, path = url.removeprefix("http://").partition("/")
    accepted = _Probe(host, "POST", f"/{path}", keep=True)
    unloaded = accepted.run(2.0)
    # What the connections that are served at the same time take together is the wait that nobody can avoid.
    rate = _wrk(url, script, 64, 3).requests_per_second
    bound_ms = 2 * _p99(unloaded) + 1000 * 128 / rate
    refused, live = _Probe(host, "POST", f"/{path}", keep=False), _Probe(host, "GET", "/v2/health/live", keep=False)
    load = threading.Thread(target=_wrk, args=(url, script, _OVERLOAD_CONNECTIONS, _OVERLOAD_S))
    load.start()
    time.sleep(1.0)
    probes = [threading.Thread(target=probe.run, args=(_OVERLOAD_S - 3.0,)) for probe in (accepted, refused, live)]
    for probe in probes:
        probe.start()
    for thread in [*probes, load]:
        thread.join()
    during = accepted.seconds
    time.sleep(_RECOVERED_S)
    recovered = accepted.run(2.0)
    refusals = [seconds for seconds, status in zip(refused.seconds, refused.statuses, strict=True) if status == 503]
    return {
        "connections": _OVERLOAD_CONNECTIONS,
        "unloaded_p99_ms": _p99(unloaded),
        "accepted_p99_ms": _p99(during),
        "accepted_bound_ms": bound_ms,
        "accepted_answers": len(during),
        "refusals": len(refusals),
        "refusal_p99_ms": _p99(refusals),
        "live_p99_ms": _p99(live.seconds),
        "live_failed": sum(status != 200 for status in live.statuses),
        "recovered_p99_ms": _p99(recovered),
    }


class _Probe:
    """Sends a request again and again, and notes how long each takes."""

    def __init__(self, host: str, method: str, path: str, keep: bool) -> None:
        self._host, self._method, self._path, self._keep = host, method, path, keep
        tensor = {"name": "input", "datatype": "UINT8", "shape": [1, 28, 28], "data": [0] * 784}
        self._body = json.dumps({"inputs": [tensor]}) if method == "POST" else None
        self._connection = http.client.HTTPConnection(host, timeout=30)
        self.seconds: list[float] = []
        self.statuses: list[int] = []

    def run(self, seconds: float) -> list[float]:
        """Sends requests for so many seconds; the time that each took, in seconds."""
        self.seconds, self.statuses = [], []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            start = time.perf_counter()
            headers = {"Content-Type": "application/json"} if self._body else {}
            self._connection.request(self._method, self._path, self._body, headers)
            response = self._connection.getresponse()
            response.read()
            self.seconds.append(time.perf_counter() - start)
            self.statuses.append(response.status)
            if not self._keep:
                self._connection.close()
            time.sleep(1 / _SAMPLES_A_SECOND)
        return self.seconds


def _p99(seconds: list[float]) -> float:
    return 1000 * float(np.percentile(seconds, 99)) if seconds else 0.0


def _soak(url: str, script: Path, process: int, seconds: float) -> dict[str, float]:
    """Memory while requests go on; the growth between the middle and the end."""
    load = threading.Thread(target=_wrk, args=(url, script, 8, seconds))
    load.start()
    sizes: list[float] = []
    while load.is_alive():
        sizes.append(_resident_mb(process))
        load.join(max(1.0, seconds / 60))
    quarter = max(1, len(sizes) // 4)
    middle = statistics.median(sizes[2 * quarter - quarter // 2 : 2 * quarter + quarter // 2 + 1])
    return {
        "seconds": seconds,
        "first_mb": sizes[0],
        "middle_mb": middle,
        "last_mb": sizes[-1],
        "growth_second_half_mb": sizes[-1] - middle,
    }


def _resident_mb(process: int) -> float:
    text = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return int(found[1]) / 1024 if found else 0.0


def _started(stack: contextlib.ExitStack, command: list[str]) -> tuple[str, subprocess.Popen[str]]:
    """Starts one of our services; its address, and the process."""
    program = Path(sys.executable).parent / command[0]
    process = stack.enter_context(subprocess.Popen([program, *command[1:]], stdout=subprocess.PIPE, text=True))
    stack.callback(process.terminate)
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    for line in process.stdout:
        if line.startswith("serving at "):
            return line.split()[-1], process
    raise RuntimeError("numbre-serve does not start")


@contextlib.contextmanager
def _bare() -> Iterator[str]:
    """The bare application's address."""
    words = [
        "-m",
        "uvicorn",
        "--port",
        "8771",
        "--no-access-log",
        "--log-level",
        "error",
        "--http",
        "h11",
        "--loop",
        "asyncio",
    ]
    with subprocess.Popen([sys.executable, *words, "bare_asgi:app"], cwd=_HERE / "peer_code") as process:
        try:
            _wait_for("127.0.0.1:8771", "/")
            yield "http://127.0.0.1:8771/v2/models/none/infer"
        finally:
            process.terminate()


@contextlib.contextmanager
def _mlserver(folder: Path) -> Iterator[str]:
    """MLServer's address.

    Raises:
        UnavailableError: It cannot be installed or started here.
    """
    python = environment("mlserver", _MLSERVER)
    parameters = {"uri": NUMBRE}
    settings = {"name": NUMBRE, "implementation": "mlserver_model.NumbreModel", "parameters": parameters}
    (folder / "model-settings.json").write_text(json.dumps(settings))
    server = {"host": "127.0.0.1", "http_port": 8772, "grpc_port": 8773, "metrics_port": 8774, "parallel_workers": 0}
    (folder / "settings.json").write_text(json.dumps({**server, "debug": False}))
    shutil.copy(_HERE / "peer_code" / "mlserver_model.py", folder)
    command = [str(python.parent / "mlserver"), "start", str(folder)]
    with subprocess.Popen(
        command, cwd=folder, env=clean(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for("127.0.0.1:8772", f"/v2/models/{NUMBRE}/ready")
            yield _infer("http://127.0.0.1:8772/", NUMBRE)
        finally:
            process.terminate()


def _wait_for(host: str, path: str) -> None:
    """Waits until a service answers.

    Raises:
        UnavailableError: It does not within a minute.
    """
    for _ in range(120):
        connection = http.client.HTTPConnection(host, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.5)
    raise UnavailableError(f"{host} does not answer")


if __name__ == "__main__":
    sys.exit(main())
