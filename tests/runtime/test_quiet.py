"""What engines print: LiteRT's greeting never shows, nothing else is lost, and threads give standard error back."""

from __future__ import annotations

import subprocess
import sys


def _errors(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stderr


def test_loading_prints_nothing_and_holds_back_nothing_of_others() -> None:
    code = """
import os, threading
import numbre_runtime as numbre
from numbre_runtime.backends.quiet import without_greeting
loads = [threading.Thread(target=numbre.load, args=(name,)) for name in ("numbre-int8", "digits-int8") * 4]
for thread in loads:
    thread.start()
for thread in loads:
    thread.join()
with without_greeting():
    os.write(2, b"from another thread\\n")
os.write(2, b"afterwards\\n")
"""
    assert _errors(code) == "from another thread\nafterwards\n"


def test_the_greeting_is_what_this_version_prints() -> None:
    code = """
from numbre_runtime.backends import quiet
quiet._GREETING = b"something else"
import numbre_runtime as numbre
numbre.load("numbre-int8", backend="litert")
"""
    assert _errors(code) == "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
