"""The HTTP service: the Open Inference Protocol, pictures in and answers out, metrics, and two pages for people.

It needs the extra `serve` (starlette, uvicorn, prometheus-client), which nothing else of the runtime does.
"""

from numbre_runtime.errors import ServeNotInstalledError

try:
    import prometheus_client  # noqa: F401 - the modules of this folder need all three
    import starlette  # noqa: F401
    import uvicorn  # noqa: F401
except ImportError as cause:
    raise ServeNotInstalledError(f"serving needs {cause.name}; run: pip install 'numbre-runtime[serve]'") from cause
