"""Runs code that may crash in a child process, which reports each stage that it reaches."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

_START = "from numbre_runtime.child import end_with_parent; end_with_parent()\n"


class NoChildError(Exception):
    """No child process can be started; the message says why."""


class Ended(NamedTuple):
    """The outcome of a child process."""

    facts: dict[str, Any]
    """All that it said, the last word on each key; empty if it said nothing."""
    ending: str
    """How it ended: by which signal, with which exit code and last line of standard error, or not within its time."""


def run_child(code: str, *words: str, timeout_s: float, settings: Mapping[str, str] | None = None) -> Ended:
    """Runs Python code in a child process. The child finds the same modules, and ends when this process ends.

    Args:
        code: It calls `say` with each fact that must survive a crash.
        words: Its command line, sys.argv[1:].
        timeout_s: It is killed after so many seconds.
        settings: Further environment variables.

    Raises:
        NoChildError: No child process can be started.
    """
    import subprocess

    # -P keeps the current directory out of the search path; the child finds what the parent finds, and no more.
    command = [sys.executable, "-P", "-c", f"{_START}{code}", *words]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    lifeline, kept = os.pipe()
    try:
        # A session of its own: Ctrl-C reaches the parent alone, so that the child prints no traceback.
        done = subprocess.run(
            command,
            stdin=lifeline,
            capture_output=True,
            timeout=timeout_s,
            env={**os.environ, **(settings or {}), "PYTHONPATH": path},
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as late:
        return Ended(_facts(late.stdout or b""), f"no answer within {timeout_s:.0f} s")
    except OSError as cause:
        raise NoChildError(f"no child process can be started ({cause.strerror or cause})") from cause
    finally:
        os.close(lifeline)
        os.close(kept)
    return Ended(_facts(done.stdout), _ending(done.returncode, done.stderr))


def end_with_parent() -> None:
    """The child's first call: it ends the child when standard input ends, that is when the parent ends in any way."""

    def wait() -> None:
        # Not sys.stdin: the interpreter needs its lock when it shuts down.
        os.read(0, 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def say(**facts: object) -> None:
    """Reports facts to the parent as a line of JSON, which stays even if the child crashes afterwards."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _facts(output: bytes) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for line in output.decode(errors="replace").splitlines():
        # An engine may print lines of its own, and a crash may cut the last one short.
        if line.startswith("{") and line.endswith("}"):
            try:
                facts.update(json.loads(line))
            except ValueError:
                continue
    return facts


def _ending(code: int, errors: bytes) -> str:
    # A shell between the two (a wrapper script) reports signal 4 as exit code 132.
    number = -code if code < 0 else code - 128
    if number > 0:
        import signal

        try:
            return f"killed by {signal.Signals(number).name}"
        except ValueError:
            return f"killed by signal {number}"
    lines = errors.decode(errors="replace").strip().splitlines()
    return f"exit code {code}: {lines[-1][:300] if lines else 'no message'}"
