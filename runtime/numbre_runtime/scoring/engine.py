"""The dataframe engine Daft: imported late, and set up for this process or for a Ray cluster."""

from __future__ import annotations

import logging
import os
from types import ModuleType

from numbre_runtime.errors import DataError, ScoreNotInstalledError

LOCAL = "local"
_RAY = ("ray", "ray://")


def start_engine(address: str = LOCAL) -> ModuleType:
    """Imports Daft and sets up its runner; a process keeps the runner that it began with.

    Args:
        address: "local" runs inside this process; "ray" starts or joins a Ray cluster on this machine; "ray://HOST:PORT"
            joins a cluster's client server.

    Returns:
        The module daft.

    Raises:
        DataError: The address is none of these.
        ScoreNotInstalledError: Ray is missing; the message names the pip line.
    """
    if address != LOCAL and not address.startswith(_RAY):
        raise DataError(f"--engine {address}: expected local, ray, or ray://HOST:PORT")
    # Daft draws progress bars of its own and reports its use to its makers; neither is wanted here.
    os.environ.setdefault("DAFT_PROGRESS_BAR", "0")
    os.environ.setdefault("DAFT_ANALYTICS_ENABLED", "0")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    # Daft tries to import TensorFlow where that is installed.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import daft

    if address == LOCAL:
        daft.set_runner_native()
    else:
        try:
            import ray
        except ImportError as cause:
            raise ScoreNotInstalledError("--engine ray needs Ray; run: pip install 'numbre-runtime[ray]'") from cause
        if not ray.is_initialized():
            joined = address if address.startswith("ray://") else os.environ.get("RAY_ADDRESS")
            ray.init(joined, logging_level=logging.ERROR, log_to_driver=False)
        daft.set_runner_ray(noop_if_initialized=True)
    module: ModuleType = daft
    return module


def on_cluster() -> bool:
    """Whether queries run on Ray rather than in this process."""
    import daft

    return bool(daft.get_or_infer_runner_type() == "ray")


def workers() -> int:
    """How many processor cores the engine has."""
    if on_cluster():
        import ray

        return max(1, int(ray.cluster_resources().get("CPU", 1)))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
