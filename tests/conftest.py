"""What the tests share: real MNIST, the shipped bundle, and commands run as a user runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from numbre_runtime.bundle import MODELS, Bundle, read_bundle
from numbre_train.data import Mnist, load_mnist

ROOT = Path(__file__).resolve().parent.parent
NUMBRE_BUNDLE = MODELS / "numbre-int8"
"""The NUMBRE network's own bundle, whichever one is the default."""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_configure() -> None:
    """Lets the commands under test be interrupted; a shell's background job ignores Ctrl-C, and so do its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def mnist() -> Mnist:
    """Real MNIST."""
    return load_mnist()


@pytest.fixture(scope="session")
def shipped() -> Bundle:
    """The NUMBRE network's own bundle, which ships inside the runtime."""
    return read_bundle(NUMBRE_BUNDLE)


@pytest.fixture(scope="session")
def run_command() -> Run:
    """Runs one of NUMBRE's commands in a process of its own, from the environment of the tests."""

    def run(*words: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).parent / str(words[0])), *(str(word) for word in words[1:])]
        settings = {**os.environ, **environment}
        return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=settings, timeout=600, check=False)

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names the tests that were skipped for want of a Debian package, where `CI` says that none may be."""
    for reason in _missing_packages(terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line(f"not run in CI: {reason}", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails a CI run with such tests; in a run on several processes only the one that collects them knows of all."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and _missing_packages(reporter.stats.get("skipped", [])):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _missing_packages(skipped: list[pytest.TestReport]) -> list[str]:
    if os.environ.get("CI") != "true":
        return []
    reasons = {report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)}
    return sorted(reason for reason in reasons if "Debian" in reason)
