"""Where a chain's activations lie in memory: the smallest arena in which no step covers what it still reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numbre_runtime.native.steps import Step


class Arena(NamedTuple):
    """A memory plan."""

    bytes: int
    """Size of the arena, without the scratch."""
    offsets: tuple[int, ...]
    """Where in it each activation starts."""
    scratch: int
    """Bytes behind it that a kernel needs for itself at most."""


class _Reach(NamedTuple):
    """The places that an activation can have in an arena of a given size: up to `before`, and from `after` on."""

    before: int
    """−1 if there is none; then, for the first activation and behind its input, only `after` counts."""
    after: int
    last: int
    """Where it ends with the arena; there is no place from `after` on if that is larger."""

    @property
    def lowest(self) -> int | None:
        """The lowest place."""
        return 0 if self.before >= 0 else self.after if self.after <= self.last else None

    @property
    def highest(self) -> int:
        """The highest place, if there is any."""
        return self.last if self.after <= self.last else self.before


def plan_arena(steps: Sequence[Step], *, holds_input: bool) -> Arena:
    """Plans the activations of a chain; its output lies elsewhere, and so does its input unless `holds_input`.

    Every activation lies either before its input, as far as `Step.lead` lets the two overlap, or behind it. Whether an
    arena of some size does is decided step by step from the places that are left; the smallest size is then bisected.

    >>> from numbre_runtime.native.steps import Step
    >>> chain = [Step("dense", "", 784, 25, {}), Step("dense", "", 25, 256, {}), Step("dense", "", 256, 10, {})]
    >>> plan_arena(chain, holds_input=False)
    Arena(bytes=281, offsets=(256, 0), scratch=0)
    >>> plan_arena(chain, holds_input=True).bytes
    809
    """
    # Of each activation in the arena, its size and how its step lets it overlap its input.
    sizes = [steps[0].inputs] if holds_input else []
    sizes += [step.outputs for step in steps[:-1]]
    leads = [step.lead for step in (steps[:-1] if holds_input else steps[1:-1])]
    scratch = max(step.scratch for step in steps)
    if not sizes:
        return Arena(0, (), scratch)
    low, high = max(sizes), sum(sizes)
    while low < high:
        middle = (low + high) // 2
        if _reaches(middle, sizes, leads) is None:
            low = middle + 1
        else:
            high = middle
    return Arena(low, _offsets(low, sizes, leads), scratch)


def _reaches(size: int, sizes: list[int], leads: list[int | None]) -> list[_Reach] | None:
    """The places of every activation in an arena of `size` bytes; None if one has none."""
    reaches = [_Reach(-1, 0, size - sizes[0])]
    for own, previous, lead in zip(sizes[1:], sizes[:-1], leads, strict=True):
        source = reaches[-1]
        before = source.highest - (own if lead is None else lead)
        reaches.append(_Reach(min(before, size - own), (source.lowest or 0) + previous, size - own))
        if reaches[-1].lowest is None:
            return None
    return reaches


def _offsets(size: int, sizes: list[int], leads: list[int | None]) -> tuple[int, ...]:
    """A place for each activation, from the last to the first."""
    reaches = _reaches(size, sizes, leads) or []
    offsets = [reaches[-1].lowest or 0]
    for reach, own, lead in zip(reversed(reaches[:-1]), reversed(sizes[:-1]), reversed(leads), strict=True):
        following = offsets[-1]
        behind_it = reach.highest - (sizes[len(sizes) - len(offsets)] if lead is None else lead)
        # The output lies before its input if the highest place of the input allows it, else behind the lowest.
        offsets.append(reach.highest if following <= behind_it else (reach.lowest or 0))
        assert following <= behind_it or offsets[-1] + own <= following  # noqa: S101
    return tuple(reversed(offsets))
