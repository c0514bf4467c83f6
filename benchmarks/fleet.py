"""`numbre-deploy --boards` to twenty boards at once: a first deployment, a second one, and a run that changes nothing.

The boards are sshd on loopback, each with a home of its own, and share this machine's cores; each makes an environment,
checks the release and switches to it. Needs sshd; run it with PYTHONPATH=tests:tests/deploy.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from common import NUMBRE, write_result
from deploy_boards import deploy_board, system_packages

BOUND_S = 60.0
"""At most so long for all boards."""
_RUNS = (("first", NUMBRE), ("second", "digits-int8"), ("again", "digits-int8"))


def _measure(boards: int, folder: Path) -> dict[str, float]:
    """Seconds of each of `_RUNS` over a fleet."""
    (folder / "packages").mkdir()
    packages = system_packages(folder / "packages")
    entries: list[str] = []
    with ExitStack() as stack:
        for number in range(boards):
            place = folder / f"board{number}"
            place.mkdir()
            board = stack.enter_context(deploy_board(place, packages))
            ssh = [*board.reached.options, "HostName=127.0.0.1", f"HostKeyAlias=[127.0.0.1]:{board.reached.port}"]
            entries.append(
                f'[[board]]\nhost = "board{number}"\nengine = "none"\npython = {json.dumps(sys.executable)}\n'
                f"ssh = {json.dumps(ssh)}\n"
            )
        listed, wheels = folder / "boards.toml", folder / "wheels"
        listed.write_text("".join(entries))
        wheels.mkdir()
        return {name: _deploy(bundle, listed, wheels, boards) for name, bundle in _RUNS}


def _deploy(bundle: str, listed: Path, wheels: Path, boards: int) -> float:
    """Seconds of one run of the command over all boards, none of them waiting for a canary."""
    command = Path(sys.executable).with_name("numbre-deploy")
    words = [str(command), bundle, "--boards", str(listed), "--extra=serve", "--wheels", str(wheels), "--canary=0",
             "--wave=100%", f"--parallel={boards}"]  # fmt: skip
    start = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return round(seconds, 2)


def main() -> int:
    """Measures, writes results/fleet.json; 1 if the slowest run is over the bound."""
    parser = argparse.ArgumentParser(description="Deploys to many boards at once.")
    parser.add_argument("--boards", type=int, default=20)
    boards: int = parser.parse_args().boards
    with tempfile.TemporaryDirectory() as folder:
        seconds = _measure(boards, Path(folder))
    write_result("fleet", {"boards": boards, "bound_s": BOUND_S, "seconds": seconds})
    sys.stdout.write(f"{boards} boards: {', '.join(f'{name} {value} s' for name, value in seconds.items())}\n")
    return 1 if max(seconds.values()) > BOUND_S else 0


if __name__ == "__main__":
    sys.exit(main())
