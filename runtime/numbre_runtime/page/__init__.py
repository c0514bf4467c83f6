"""Reads all numbers on a page. It needs OpenCV, the extra `photo`, which nothing else of the runtime does."""

from numbre_runtime.errors import PhotoNotInstalledError

try:
    import cv2  # noqa: F401 - what follows needs it
except ImportError as cause:
    raise PhotoNotInstalledError(
        f"reading pages needs OpenCV ({cause}); run: pip install 'numbre-runtime[photo]'"
    ) from cause

from numbre_runtime.page.reader import read
from numbre_runtime.page.result import Digit, Number, Page, Separator

__all__ = ["Digit", "Number", "Page", "Separator", "read"]
