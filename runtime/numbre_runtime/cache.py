"""Where NUMBRE keeps what it can always make or fetch again."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def cache_directory() -> Path | None:
    r"""The directory of NUMBRE's caches; it need not exist yet.

    $NUMBRE_CACHE_DIR, or what platformdirs gives: $XDG_CACHE_HOME/numbre or ~/.cache/numbre, ~/Library/Caches/numbre on
    macOS, %LOCALAPPDATA%\numbre\Cache on Windows. It is not platformdirs itself because each start would wait for it.

    Returns:
        The directory; None for a user without a home directory.
    """
    own = os.environ.get("NUMBRE_CACHE_DIR")
    if own:
        # Absolute, so that a message says where it is.
        return Path(own).absolute()
    with suppress(RuntimeError):
        home = Path.home()
        if sys.platform == "win32":
            return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "numbre" / "Cache"
        if sys.platform == "darwin":
            base = home / "Library" / "Caches"
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME", ""))
            # A relative one counts as none (XDG Base Directory Specification).
            base = base if base.is_absolute() else home / ".cache"
        return base / "numbre"
    return None
