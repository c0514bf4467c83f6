"""`make faults-deploy`: deployments that are killed, cut off, or find the disk full, at every step and on both sides.

After each fault the board must have a release that answers, and the next run must put the new one there and leave
nothing behind. ssh is replaced by a program that runs its command here, so that a thousand faults take minutes; the
board's program and the command are the real ones.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from deploy_boards import system_packages

BUNDLES = ("digits-int8", "numbre-int8")
KINDS = ("kill the command", "kill the board's program", "fill the board's disk", "cut the link")
_MOST = {KINDS[0]: 8, KINDS[1]: 90, KINDS[2]: 90, KINDS[3]: 300_000}
"""Kind to the last action, or byte, at which there may be a fault; some deployments end before."""
_NEW_ENVIRONMENT = 20
"""Every so many deployments an environment is made too."""


class Fault(NamedTuple):
    """One fault."""

    kind: str
    """One of `KINDS`."""
    number: int
    """At which action, or after how many bytes."""


class Site:
    """A board without sshd, and the command's side."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.root = self.home / ".local/share/numbre"
        self._folder = folder
        for name in ("home", "bin", "wheels", "faulty"):
            (folder / name).mkdir()
        shutil.copy(Path(__file__).with_name("fault_site.py"), folder / "faulty" / "sitecustomize.py")
        self._packages = folder / "packages"
        self._packages.mkdir()
        system_packages(self._packages)
        self.ask_for_another_environment("first")
        ssh = folder / "bin" / "ssh"
        ssh.write_text(
            "#!/bin/sh\n"
            'for command in "$@"; do :; done\n'
            f'export HOME={self.home} PYTHONPATH={folder}/faulty:{self._packages} NUMBRE_FAULT="$BOARD_FAULT"\n'
            'if [ -n "$CUT" ]; then stdbuf -o0 head -c "$CUT" | sh -c "$command"; exit 255; fi\nexec sh -c "$command"\n'
        )
        ssh.chmod(0o755)
        (folder / "bin" / "scp").symlink_to("/bin/true")

    def forget(self) -> None:
        """Removes every release but the current one, so that the next deployment has to send its files."""
        for path in (self.root / "releases").iterdir():
            if path.name != (self.root / "current").readlink().name:
                shutil.rmtree(path)
        (self.root / "previous").unlink(missing_ok=True)
        for path in (self.root / "files").iterdir():
            if path.stat().st_nlink == 1:
                path.unlink()

    def ask_for_another_environment(self, text: str) -> None:
        """Changes the lock of the deployments from here on."""
        (self._folder / "constraints").write_text(f"# {text}\n")

    def deploy(self, bundle: str, fault: Fault | None = None) -> subprocess.CompletedProcess[str]:
        """Runs the command, with a fault."""
        settings = {"PYTHONPATH": str(self._folder / "faulty"), "PATH": f"{self._folder}/bin:{os.environ['PATH']}"}
        if fault is not None:
            kill, board, full, cut = KINDS
            variable = {kill: "NUMBRE_FAULT", board: "BOARD_FAULT", full: "BOARD_FAULT", cut: "CUT"}[fault.kind]
            value = {kill: f"kill:{fault.number}", board: f"kill:{fault.number}", full: f"full:{fault.number}"}
            settings[variable] = value.get(fault.kind, str(fault.number))
        words = ["-m", "numbre_runtime.cli.deploy", bundle, "board", "--python", sys.executable, "--engine=none",
                 "--extra=serve", "--wheels", str(self._folder / "wheels"), "--allow-downgrade",
                 "--constraints", str(self._folder / "constraints")]  # fmt: skip
        return subprocess.run(
            [sys.executable, *words], env={**os.environ, **settings}, capture_output=True, text=True, check=False
        )

    @property
    def current(self) -> str:
        """The bundle that is current, if every file of it is whole; empty if there is none."""
        from numbre_runtime.bundle import read_bundle
        from numbre_runtime.errors import BundleError

        record = self.root / "current" / "release.json"
        if not record.is_file() or not (self.root / "current" / "environment" / "complete.json").is_file():
            return ""
        try:
            read_bundle(self.root / "current" / "bundle")
        except BundleError:
            return ""
        return record.read_text().split('"name": "')[1].split('"')[0]

    def answers(self) -> bool:
        """Whether the current release answers its golden vectors, in its own environment."""
        folder = self.root / "current"
        done = subprocess.run(
            [str(folder / "environment/bin/python"), "-m", "numbre_runtime.deploy.release_check",
             str(folder / "bundle"), "--golden-only"],
            env={"PYTHONPATH": str(self._packages), "HOME": str(self.home), "PATH": os.environ["PATH"]},
            capture_output=True,
            check=False,
        )  # fmt: skip
        return done.returncode == 0

    @property
    def leavings(self) -> list[str]:
        """What an interrupted run has left behind."""
        names = [path.name for path in self.root.iterdir()]
        found = [name for name in names if name.endswith((".next", ".back", ".new")) or name == "unconfirmed"]
        parts = [path.name for path in (self.root / "files").glob("*.part")]
        return [*found, *parts, *(path.name for path in (self.root / "work").iterdir())]


def random_fault(source: random.Random) -> Fault:
    """A fault of a random kind at a random place."""
    kind = source.choice(KINDS)
    # The program that runs on the board is the first thing that is sent.
    return Fault(kind, source.randrange(1, _MOST[kind]))


def try_fault(site: Site, fault: Fault, turn: int) -> str | None:
    """Injects one fault into a deployment and runs it again.

    Returns:
        What is wrong, empty if nothing is; None if the deployment ended before the fault.
    """
    before, bundle = site.current, BUNDLES[turn % 2]
    if turn % 2:
        site.forget()
    if turn % _NEW_ENVIRONMENT == 0:
        site.ask_for_another_environment(str(turn))
    done = site.deploy(bundle, fault)
    if site.current not in (before, bundle) or not site.answers():
        return f"{fault}: no working release: {done.stdout}{done.stderr}"
    again = site.deploy(bundle)
    if again.returncode or site.current != bundle or site.leavings:
        return f"{fault}: not put right: {again.stdout}{again.stderr} {site.leavings}"
    return None if done.returncode == 0 else ""


def main() -> int:
    """Injects faults until there are enough, or the time is up; 1 if any left a board without a working release."""
    parser = argparse.ArgumentParser(description="Injects faults into deployments.")
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    source = random.Random(args.seed)  # noqa: S311 - not for secrets
    kinds, wrong = Counter[str](), list[str]()
    end = time.monotonic() + 60 * args.minutes
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder))
        done = site.deploy(BUNDLES[1])
        assert done.returncode == 0, done.stdout + done.stderr
        turn = 0
        while kinds.total() < args.faults and time.monotonic() < end:
            fault = random_fault(source)
            found = try_fault(site, fault, turn)
            turn += 1
            kinds[fault.kind] += found is not None
            if found:
                wrong.append(found)
                sys.stdout.write(f"{found}\n")
                sys.stdout.flush()
    sys.stdout.write(f"{kinds.total()} faults, {len(wrong)} went wrong: {dict(kinds)}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
