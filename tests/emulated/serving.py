"""numbre-serve on a board: installed as the guide says, started, asked once, ended by SIGTERM."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from emulated.console import CommandFailedError, Console
from emulated.guide import code_blocks
from emulated.userland import CannotEmulateError
from emulated.wheels import ROOT

_START_S = 120
_REQUEST = ROOT / "samples" / "request_7.json"
_LABEL = "7"
# The shell waits for the address, asks, ends the service, and gives back the service's own exit code.
_DIALOGUE = """
{serve} --port 0 >serve.log 2>&1 &
service=$!
tries=0
until grep -q '^serving at ' serve.log; do
  tries=$((tries + 1))
  test $tries -le {start_s} && kill -0 $service || {{ cat serve.log >&2; kill -9 $service; exit 1; }}
  sleep 1
done
address=$(sed -n 's/^serving at //p' serve.log)
curl --silent --fail --max-time 60 -H 'Content-Type: application/json' --data @{request} \
  "${{address}}v2/models/digits-int8/infer"
kill -TERM $service
wait $service
"""


def gather_service(folder: Path) -> None:
    """Adds the wheels of the extra `serve`, which are pure Python and so the same for every board.

    Raises:
        CannotEmulateError: They cannot be downloaded.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    names = ("anyio", "click", "h11", "idna", "prometheus-client", "starlette", "typing-extensions", "uvicorn")
    done = subprocess.run(
        [*command, "--only-binary=:all:", f"--dest={folder}", *names],
        env={**os.environ, "PIP_CONSTRAINT": str(ROOT / "constraints.txt")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise CannotEmulateError(f"wheels of the extra serve: {done.stderr.strip().splitlines()[-1]}")


def serve_once(console: Console, environment: dict[str, str]) -> str:
    """What is wrong with the service on this board; empty if nothing is.

    Args:
        console: A home directory in which the runtime is installed.
        environment: Where pip finds the wheels.
    """
    install, serve = code_blocks("## A service")[0].splitlines()
    try:
        console.type(install, environment)
        said = console.type(_DIALOGUE.format(serve=serve, start_s=_START_S, request=_REQUEST))
    except CommandFailedError as error:
        return f"numbre-serve: {error}"
    scores = next(output for output in json.loads(said)["outputs"] if output["name"] == "scores")
    best = str(scores["data"][0]).split(":")[1]
    return "" if best == _LABEL else f"numbre-serve: {_REQUEST.name} gets {best}, not {_LABEL}"
