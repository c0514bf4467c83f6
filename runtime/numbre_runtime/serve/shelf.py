"""The bundles that are served, and how one takes another's place while requests go on."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.errors import NumbreError, ServeError, one_line
from numbre_runtime.serve.served_model import ServedModel, bundle_mark, load_model

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")

logger = logging.getLogger("numbre.serve")


class Shelf:
    """Named bundles. A model that is replaced stays alive until the last request that uses it is answered."""

    def __init__(self, bundles: Mapping[str, Path], threads: int) -> None:
        """Loads every bundle.

        Args:
            bundles: Name to directory, the default one first.
            threads: Threads that the engine may use for one call.

        Raises:
            ServeError: There is no bundle, or a name is not usable in an address.
            BundleError: A bundle is incomplete, altered, malformed or too new.
            BackendError: No engine runs it as at export.
        """
        if not bundles:
            raise ServeError("no bundle to serve; name one with --bundle NAME=DIR")
        for name in bundles:
            if not _NAME.fullmatch(name):
                raise ServeError(f"a bundle of the name {name!r:.70}; expected letters, digits, '.', '_' and '-'")
        self._paths = dict(bundles)
        self._threads = threads
        self._marks = {name: bundle_mark(path) for name, path in bundles.items()}
        self._models = {name: load_model(name, path, threads) for name, path in bundles.items()}
        self.failed: set[str] = set()
        """The names whose newest files failed their checks; the model before them goes on serving."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all models, the default one first."""
        return tuple(self._models)

    @property
    def models(self) -> tuple[ServedModel, ...]:
        """All models, the default one first."""
        return tuple(self._models.values())

    def find(self, name: str) -> ServedModel | None:
        """The model of that name."""
        return self._models.get(name)

    def changed(self) -> tuple[str, ...]:
        """The names of the bundles whose link or manifest is another than when they were last read."""
        return tuple(name for name, path in self._paths.items() if bundle_mark(path) != self._marks[name])

    def reload(self, name: str) -> bool:
        """Reads a bundle again and lets it take the old one's place, unless it fails its checks.

        Returns:
            Whether it passed them.
        """
        path = self._paths[name]
        # Before it is read: a change meanwhile then shows next time.
        self._marks[name] = bundle_mark(path)
        try:
            with quiet_engine():
                model = load_model(name, path, self._threads)
        except (NumbreError, OSError, MemoryError) as error:
            logger.warning("%s: the new bundle is refused, the old one goes on serving: %s", name, one_line(error))
            self.failed.add(name)
            return False
        self._models[name] = model
        self.failed.discard(name)
        logger.warning("%s: now serves version %s", name, model.version)
        return True
