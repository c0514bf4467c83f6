"""A Ctrl-C that is not lost.

Python drops a KeyboardInterrupt that is raised in a weak reference's callback or a finalizer ("Exception ignored in
…"). Many of these run whenever a TensorFlow model or an SQLAlchemy session is collected.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_pressed = threading.Event()


@contextmanager
def ctrl_c_remembered() -> Iterator[None]:
    """Inside it, `raise_if_pressed` also notices a Ctrl-C whose KeyboardInterrupt Python dropped."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        # Another handler decides what Ctrl-C does, or it is ignored.
        yield
        return

    def press(number: int, frame: FrameType | None) -> None:
        _pressed.set()
        signal.default_int_handler(number, frame)

    _pressed.clear()
    signal.signal(signal.SIGINT, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        _pressed.clear()


def raise_if_pressed() -> None:
    """Called regularly by long work.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed, but its KeyboardInterrupt was dropped.
    """
    if _pressed.is_set():
        raise KeyboardInterrupt
