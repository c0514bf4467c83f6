"""Many boards, one after another: canaries first, then waves, until one fails."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import NamedTuple

from numbre_runtime.deploy.board_session import MissedBoundError, UnreachableError, board_session
from numbre_runtime.deploy.deployment import Deployed, Destination, check_switched, whoami
from numbre_runtime.errors import DataError, NumbreError, one_line

DONE, UNCHANGED, OFF, MISSED, FAILED, LEFT = "deployed", "unchanged", "off", "missed a bound", "failed", "not begun"
"""The states in which a board ends."""


class Waves(NamedTuple):
    """How a rollout is divided."""

    canary: int = 1
    """Boards that have to succeed before all others begin."""
    wave: str = "10%"
    """Boards of each wave after them, a number or a share of all."""
    parallel: int = 10
    """Boards at the same time."""
    watch: float = 10.0
    """Seconds after which the canaries' /metrics are looked at, where a service answers."""

    def size(self, boards: int) -> int:
        """Boards of one wave.

        Raises:
            DataError: `wave` is neither a number nor a share.
        """
        found = re.fullmatch(r"([0-9]{1,6})(%?)", self.wave)
        if found is None or not int(found[1]) or (found[2] and int(found[1]) > 100):
            raise DataError(f"--wave {self.wave:.20}: expected a number of boards, or a share such as 10%")
        return math.ceil(boards * int(found[1]) / 100) if found[2] else int(found[1])


class BoardOutcome(NamedTuple):
    """How a board's part of a rollout ended."""

    board: Destination
    """The board."""
    state: str
    """One of the states above."""
    message: str
    """Why, in one line; empty where all is well."""
    deployed: Deployed | None = None
    """The deployment, where there was one."""


Step = Callable[[str, str], None]
"""Called with a board's name and what is done there."""


def rollout(
    boards: Sequence[Destination],
    deploy_one: Callable[[Destination, Callable[[str], None]], Deployed],
    waves: Waves,
    port: int | None = None,
    told: Step = lambda _, __: None,
    stop: Event | None = None,
) -> list[BoardOutcome]:
    """Deploys to all boards, and begins no more once one has failed.

    A board that is off stops nothing and counts as no canary; the next run takes it up, because running again changes
    nothing on the boards that are done.

    Args:
        boards: The boards, the canaries first.
        deploy_one: Deploys to one board; see `deployment.deploy`.
        waves: How the boards are divided.
        port: The port of the boards' service, whose /metrics are looked at; None: they have none.
        told: Called with each step of each board.
        stop: Set from elsewhere, it keeps further boards from being begun.

    Returns:
        One outcome for each board, in their order.
    """
    stop = stop or Event()
    found: dict[Destination, BoardOutcome] = {}

    def one(board: Destination) -> None:
        if stop.is_set():
            return
        outcome = _attempt(board, deploy_one, lambda step: told(board.host.name, step))
        found[board] = outcome
        told(board.host.name, outcome.state)
        if outcome.state in (MISSED, FAILED):
            stop.set()

    with ThreadPoolExecutor(waves.parallel) as pool:
        try:
            for wave, canaries in _divide(boards, waves, found):
                list(pool.map(one, wave))
                if canaries and port is not None and not stop.is_set():
                    try:
                        _watch(wave, found, port, waves.watch, told, stop)
                    except NumbreError as cause:
                        stop.set()
                        found[wave[0]] = BoardOutcome(wave[0], FAILED, one_line(cause), found[wave[0]].deployed)
                if stop.is_set():
                    break
        except BaseException:
            stop.set()
            raise
    return [found.get(board, BoardOutcome(board, LEFT, "an earlier board failed")) for board in boards]


def _divide(
    boards: Sequence[Destination], waves: Waves, found: dict[Destination, BoardOutcome]
) -> Iterator[tuple[list[Destination], bool]]:
    """The waves, each with whether it is one of canaries; a canary that is off is replaced by the next board."""
    left, size = list(boards), waves.size(len(boards))
    lacking = min(waves.canary, len(left))
    while lacking > 0 and left:
        wave, left = left[:lacking], left[lacking:]
        yield wave, True
        lacking = sum(found[board].state == OFF for board in wave if board in found)
    for start in range(0, len(left), size):
        yield left[start : start + size], False


def _attempt(
    board: Destination,
    deploy_one: Callable[[Destination, Callable[[str], None]], Deployed],
    told: Callable[[str], None],
) -> BoardOutcome:
    try:
        done = deploy_one(board, told)
    except UnreachableError as cause:
        return BoardOutcome(board, OFF, one_line(cause))
    except MissedBoundError as cause:
        return BoardOutcome(board, MISSED, one_line(cause))
    except (NumbreError, OSError, MemoryError) as cause:
        return BoardOutcome(board, FAILED, one_line(cause))
    return BoardOutcome(board, DONE if done.changed else UNCHANGED, done.note, done)


def _watch(
    wave: Sequence[Destination],
    found: dict[Destination, BoardOutcome],
    port: int,
    seconds: float,
    told: Step,
    stop: Event,
) -> None:
    """Looks at the canaries' errors for a while; one that makes any goes back, and the rollout stops."""
    canaries = [board for board in wave if found[board].state == DONE]
    if not canaries:
        return
    before = {board: errors_on(board, port) for board in canaries}
    for board in canaries:
        told(board.host.name, f"watching for {seconds:g} s")
    stop.wait(seconds)
    for board in canaries:
        more = errors_on(board, port) - before[board]
        told(board.host.name, found[board].state)
        if more <= 0:
            continue
        stop.set()
        with board_session(board.host, board.folder, board.python) as session:
            session.ask("open", make=False)
            current = check_switched(board.host.name, session.ask("rollback", by=whoami()))
        message = f"{board.host.name}: {more:g} requests ended with errors on this canary; it is back at {current}"
        found[board] = BoardOutcome(board, MISSED, message, found[board].deployed)


def errors_on(board: Destination, port: int) -> float:
    """Requests that the board's service could not answer, as its /metrics count them.

    Raises:
        RemoteError: The board or its service does not answer.
    """
    with board_session(board.host, board.folder, board.python) as session:
        return count_errors(session.ask("metrics", port=port)["text"])


def count_errors(metrics: str) -> float:
    """The sum of the counters of requests with a status of 500 or above, but for 503, which is a full queue.

    Args:
        metrics: Prometheus's text format.

    Example:
        >>> count_errors('numbre_requests_total{code="500",model="m"} 2.0')
        2.0
    """
    counted = re.findall(r'^numbre_requests_total\{[^}\n]*code="(5\d\d)"[^}\n]*\} (\S+)$', metrics, re.MULTILINE)
    return sum(float(value) for code, value in counted if code != "503")
