"""Ctrl-C that is not lost.

Python drops a KeyboardInterrupt that is raised in a weak reference's callback or a finalizer ("Exception ignored in
…"), and many of these run whenever a model of TensorFlow's or a session of SQLAlchemy's is collected.
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
    """Within it `raise_if_pressed` knows of a Ctrl-C whose KeyboardInterrupt came to nothing."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        # Somebody else decides what Ctrl-C does, or has switched it off.
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
    """Called now and then by what takes long.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed, and yet this goes on.
    """
    if _pressed.is_set():
        raise KeyboardInterrupt
