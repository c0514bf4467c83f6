"""Frames from a camera or a video file, and answers that hold still while single frames flicker."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numbre_runtime.errors import ImageError
from numbre_runtime.pictures.picture import MAX_PIXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HELD = 3
"""An answer counts once so many of the last frames gave it."""
_LOOKED_AT = 5
"""So many last frames are looked at."""
_CAMERA_SIZE = (1280, 720)


class Steady:
    """Tells when the answer to a row of frames changes."""

    def __init__(self) -> None:
        self._last: deque[str] = deque(maxlen=_LOOKED_AT)
        self._answer: str | None = None

    def changed(self, text: str) -> bool:
        """Takes one frame's answer; whether it is now that of most of the last frames and was not before."""
        self._last.append(text)
        if text == self._answer or self._last.count(text) < _HELD:
            return False
        self._answer = text
        return True


@dataclass
class Pace:
    """How quickly frames are read."""

    started: float = field(default_factory=time.perf_counter)
    seconds: list[float] = field(default_factory=list)
    """What each frame's reading took."""

    def add(self, seconds: float) -> None:
        """Counts a frame."""
        self.seconds.append(seconds)

    def summary(self) -> dict[str, float]:
        """Frames, frames a second over all, latency of a frame in milliseconds (median and 90th percentile)."""
        if not self.seconds:
            return {"frames": 0, "frames_per_second": 0.0, "p50_ms": 0.0, "p90_ms": 0.0}
        p50, p90 = np.percentile(self.seconds, (50, 90))
        rate = len(self.seconds) / (time.perf_counter() - self.started)
        return {
            "frames": len(self.seconds),
            "frames_per_second": round(rate, 2),
            "p50_ms": round(1000 * float(p50), 1),
            "p90_ms": round(1000 * float(p90), 1),
        }


def video_frames(path: str) -> Iterator[NDArray[np.uint8]]:
    """The frames of a video file, (height, width) grey levels.

    Raises:
        ImageError: There is no such file, or it is no video that OpenCV reads.
    """
    if not Path(path).is_file():
        raise ImageError(f"{path}: {'is a directory' if Path(path).is_dir() else 'no such file'}")
    return _captured(path, f"{path}: no video that OpenCV reads, or it is damaged")


def camera_frames(number: int) -> Iterator[NDArray[np.uint8]]:
    """What a camera sees, (height, width) grey levels, for as long as it is asked.

    Raspberry Pi's own cameras are asked through picamera2 where it is installed, others through OpenCV.

    Raises:
        ImageError: There is no such camera, or it gives no picture.
    """
    try:
        from picamera2 import Picamera2
    except ImportError:
        return _captured(number, f"camera {number}: not found, or it gives no picture")
    if number >= len(Picamera2.global_camera_info()):
        return _captured(number, f"camera {number}: not found, or it gives no picture")
    return _from_picamera(Picamera2(number))


def _captured(source: str | int, failure: str) -> Iterator[NDArray[np.uint8]]:
    import cv2

    capture = cv2.VideoCapture(source)
    try:
        width, height = (capture.get(side) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if width * height > MAX_PIXELS:
            raise ImageError(f"{source}: frames of {width:.0f}×{height:.0f} pixels; at most {MAX_PIXELS:,} are read")
        there, frame = capture.read()
        if not there:
            raise ImageError(failure)
        while there:
            yield _grey(frame)
            there, frame = capture.read()
    finally:
        capture.release()


def _from_picamera(camera: Any) -> Iterator[NDArray[np.uint8]]:
    camera.configure(camera.create_video_configuration({"size": _CAMERA_SIZE, "format": "RGB888"}))
    camera.start()
    try:
        while True:
            yield _grey(camera.capture_array())
    finally:
        camera.stop()
        camera.close()


def _grey(frame: NDArray[Any]) -> NDArray[np.uint8]:
    """Blue, green, red, as both cameras give them, to grey levels."""
    import cv2

    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8) if frame.ndim == 3 else frame


def timed(frames: Iterable[NDArray[np.uint8]], pace: Pace) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The frames with their numbers from 0 on; what is done with each is timed until the next is asked for."""
    for index, frame in enumerate(frames):
        start = time.perf_counter()
        yield index, frame
        pace.add(time.perf_counter() - start)
