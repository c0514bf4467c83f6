"""Limits of a process that reads untrusted files, set by itself before it begins."""

from __future__ import annotations


def limit_process(memory: int, processor_s: int) -> bool:
    """Limits this process for good: what it holds, how long it computes, and no core dump.

    Args:
        memory: Most bytes of data.
        processor_s: Most seconds of processor time.

    Returns:
        False where the system has no such limits, as Windows; whoever waits for the process stops it after a time.
    """
    try:
        import resource
    except ImportError:
        return False
    for limit, most in (
        # Data, not address space: engines and TensorFlow reserve far more than they use.
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CPU, processor_s),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, hard))
    return True
