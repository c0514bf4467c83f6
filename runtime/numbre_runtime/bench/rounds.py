"""Visits all cases round by round, so that a drift of the machine affects all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from numbre_runtime.bench.case import Case
from numbre_runtime.bench.conditions import Conditions, conditions_now
from numbre_runtime.bench.visit import Visit, visit


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int
    """Visits to each case."""
    samples: int
    """Single calls of each case, over all rounds."""
    seconds: float
    """Most seconds for the single calls of each case, over all rounds; then there are fewer calls than `samples`."""


@dataclass
class Record:
    """What has been measured so far."""

    before: Conditions = field(default_factory=conditions_now)
    """The machine before the first visit."""
    visits: dict[Case, list[Visit]] = field(default_factory=dict)
    """Each case's complete visits."""
    failures: dict[Case, Visit] = field(default_factory=dict)
    """The visit at which a case failed; it gets no other."""


def run_rounds(
    todo: Sequence[Case], bundle: Path, data: str | None, plan: Plan, record: Record, progress: Callable[[str], None]
) -> None:
    """Visits every case once a round, in alternating order, and adds each visit to the record at once.

    Args:
        todo: The cases.
        bundle: The bundle's directory.
        data: See `images.test_images`.
        plan: How much to measure.
        record: After an interruption it holds the visits until then.
        progress: Called with a line on the next visit.
    """
    share = -(-plan.samples // plan.rounds)
    for number, case in _turns(todo, plan.rounds):
        if case in record.failures:
            continue
        threads = f"{case.threads} thread{'s' if case.threads > 1 else ''}"
        progress(f"round {number + 1} of {plan.rounds}: {case.artifact}, {case.backend}, {threads}")
        found = visit(case, bundle, data, share, plan.seconds / plan.rounds, complete=number == 0)
        if found.failure:
            record.failures[case] = found
        else:
            record.visits.setdefault(case, []).append(found)


def _turns(todo: Sequence[Case], rounds: int) -> Iterator[tuple[int, Case]]:
    """(round, case) of all visits; every other round is in reverse, so that no case always follows the same one."""
    for number in range(rounds):
        for case in todo if number % 2 == 0 else reversed(todo):
            yield number, case
