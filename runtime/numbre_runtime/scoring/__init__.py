"""Scoring of many pictures, embedded or on a Ray cluster, on Daft's dataframe engine."""

from importlib.util import find_spec

from numbre_runtime.errors import ScoreNotInstalledError

if find_spec("daft") is None:
    raise ScoreNotInstalledError("scoring needs Daft; run: pip install 'numbre-runtime[score]'")
