"""Work for other threads, so that the event loop goes on; bounded, so that nobody waits longer than is said."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from numbre_runtime.serve.refusal import busy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbre_runtime.serve.served_model import Answers, ServedModel

_Result = TypeVar("_Result")


class WorkQueue:
    """A thread and at most `limit` pieces of work that wait for it or are in it. Used from the event loop alone."""

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.limit = limit
        self.length = 0
        """Pieces of work that wait or are worked on."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """Returns what `work` returns, computed in the thread.

        Raises:
            RefusedError: The queue is full; status 503.
        """
        if self.length >= self.limit:
            raise busy(f"{self.length} requests are waiting, and no more than {self.limit} may")
        self.length += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self.length -= 1

    def close(self) -> None:
        """Lets the thread end; what waits is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class Batches:
    """Joins single images that wait for the same model into one call of the engine."""

    def __init__(self, queue: WorkQueue) -> None:
        self._queue = queue
        self._waiting: dict[int, tuple[ServedModel, list[tuple[NDArray[Any], asyncio.Future[Answers]]]]] = {}
        self._running: set[asyncio.Task[None]] = set()

    def answer(self, model: ServedModel, image: NDArray[Any]) -> Awaitable[Answers]:
        """The answers to one image, (1, …), together with whatever arrives until the thread is free.

        Raises:
            RefusedError: The queue is full; status 503.
        """
        if self._queue.length + sum(len(entries) for _, entries in self._waiting.values()) >= self._queue.limit:
            raise busy(f"{self._queue.limit} requests are waiting, and no more may")
        future: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        key = id(model.classifier)
        self._waiting.setdefault(key, (model, []))[1].append((image, future))
        if not self._running:
            self._start(key)
        return future

    def _start(self, key: int) -> None:
        task = asyncio.get_running_loop().create_task(self._run(*self._waiting.pop(key)))
        self._running.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._waiting and not self._running:
            self._start(next(iter(self._waiting)))

    async def _run(self, model: ServedModel, entries: list[tuple[NDArray[Any], asyncio.Future[Answers]]]) -> None:
        try:
            images = np.concatenate([image for image, _ in entries])
            answers = await self._queue.run(lambda: model.answer(images))
        except Exception as error:  # noqa: BLE001 - each request is told
            for _, future in entries:
                if not future.done():
                    future.set_exception(error)
            return
        for index, (_, future) in enumerate(entries):
            if not future.done():
                future.set_result(answers.of(index))
