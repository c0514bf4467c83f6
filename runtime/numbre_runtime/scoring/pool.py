"""Processes of this machine that answer pictures, one for each core: opening and preparing them is Python's work.

They are loky's, which start without the caller's own script. They stay for the queries that follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from threading import Lock
from typing import Any

from loky import BrokenProcessPool, ProcessPoolExecutor

from numbre_runtime.classifier import Classifier
from numbre_runtime.scoring.picture_answers import answers_of, identity, load_from_files

_CHUNK, _LAST_CHUNK = 128, 16
"""Pictures that a process is given at a time: few at the end, so that all processes end at about the same time."""
_IDLE_S = 60
"""A process without work for so long ends."""
_pools: dict[tuple[str, int], ProcessPoolExecutor] = {}
"""The pool of each bundle, by its identity and the number of processes."""
_lock = Lock()
_worker: dict[str, Any] = {}
"""In a process of a pool: the bundle's files, and the classifier once it is loaded."""


def answer_in_pool(files: Mapping[str, bytes], items: Sequence[Any], read: bool, processes: int) -> list[Any]:
    """Each picture's row, or with `read` its page's rows; see `answers_of`.

    Raises:
        BundleError: The bundle is incomplete or altered.
        BackendError: No engine runs it rightly.
        BrokenProcessPool: A process died; the next call starts new ones.
    """
    key = identity(files), processes
    with _lock:
        if key not in _pools:
            _pools[key] = ProcessPoolExecutor(processes, timeout=_IDLE_S, initializer=_start, initargs=(dict(files),))
        pool = _pools[key]
    last = max(0, len(items) - processes * _CHUNK)
    starts = [*range(0, last, _CHUNK), *range(last, len(items), _LAST_CHUNK)]
    chunks = [items[start:end] for start, end in zip(starts, [*starts[1:], len(items)], strict=True)]
    try:
        return list(chain.from_iterable(pool.map(_answer, chunks, [read] * len(chunks))))
    except BrokenProcessPool:
        with _lock:
            if _pools.get(key) is pool:
                del _pools[key]
        raise


def close_pools() -> None:
    """Ends the processes at once, finished or not; the next call of `answer_in_pool` starts new ones."""
    with _lock:
        pools = list(_pools.values())
        _pools.clear()
    for pool in pools:
        pool.shutdown(kill_workers=True)


def _start(files: dict[str, bytes]) -> None:
    _worker["files"] = files


def _answer(items: Sequence[Any], read: bool) -> list[Any]:
    if "classifier" not in _worker:
        # Here rather than in _start, so that an error reaches the caller.
        _worker["classifier"] = load_from_files(_worker["files"])
    classifier: Classifier = _worker["classifier"]
    return answers_of(classifier, items, read)
