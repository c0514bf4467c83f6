"""Round by round through all cases, so that whatever drifts hits all of them alike."""

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
    """A case's single calls take so long at most, over all rounds, and are then fewer."""


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
    """Visits every case once a round, back and forth, and puts what it finds into the record as it goes.

    Args:
        todo: The cases.
        bundle: The bundle's directory.
        data: See `images.test_images`.
        plan: How much.
        record: What was found before an interruption stays in it.
        progress: Is told what comes next.
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
    """The rounds' cases, every other round in reverse: none always comes after the same one."""
    for number in range(rounds):
        for case in todo if number % 2 == 0 else reversed(todo):
            yield number, case
