"""The first layer's weights at several moments of a training, as pictures and an animation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.directories import replacing_directory
from numbre_train.fit import Moments
from numbre_train.networks import first_weights

DEFAULT_STEPS = (10, 100, 1000)
ANIMATION = "animation.gif"
_OWN = re.compile(rf"step-[0-9]+\.png|{re.escape(ANIMATION)}")


class WeightWatch:
    """Keeps the first layer's weights at chosen steps, and at more of them for the animation."""

    def __init__(self, chosen: Sequence[int], last: int) -> None:
        """Sets the moments.

        Args:
            chosen: Steps to make a picture of; those after the last one are ignored.
            last: The training's last step, of which a picture is always made.
        """
        self.chosen = sorted({step for step in chosen if step < last} | {last})
        self._weights: dict[int, NDArray[np.float32]] = {}
        # The weights change fastest at the beginning, so the steps are 1, 2, 5, 10, 20, 50, …
        series = {factor * 10**power for power in range(len(str(last))) for factor in (1, 2, 5)}
        self.moments = Moments({step for step in series if step < last} | set(self.chosen), self._look)

    def _look(self, step: int, model: Any) -> None:
        self._weights[step] = first_weights(model)

    def write(self, directory: Path, names: Sequence[str] = ()) -> None:
        """Writes `step-N.png` for each chosen step, and the animation; the directory replaces an earlier one.

        Args:
            directory: The directory.
            names: Names of the units; empty where they have none and are numbered.

        Raises:
            OutputError: It cannot be written.
        """
        from numbre_train import plots

        frames = plots.weight_frames(self._weights, names)
        with replacing_directory(directory, _foreign_file) as staging:
            for step in self.chosen:
                (staging / f"step-{step}.png").write_bytes(plots.png(frames[step]))
            (staging / ANIMATION).write_bytes(plots.animation(frames))


def _foreign_file(folder: Path) -> str | None:
    """The name of an entry that is none of the pictures which `WeightWatch.write` makes; None if all are."""
    others = [path.name for path in folder.iterdir() if not _OWN.fullmatch(path.name) or not path.is_file()]
    return min(others, default=None)
