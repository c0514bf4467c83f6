"""The family of errors that NUMBRE raises on purpose.

Each has a builtin parent, so that a caller can catch either. The message says what came, what was expected
and what to do; the commands print it as their one line.
"""

from numbre_runtime.text import terminal


class NumbreError(Exception):
    """Parent of every error that NUMBRE raises on purpose."""

    exit_code = 2
    """What a command that ends with this error returns."""


class ImageError(NumbreError, ValueError):
    """A picture or an array that cannot be classified."""


class BundleError(NumbreError, ValueError):
    """A bundle that is incomplete, altered, malformed or too new."""


class BackendError(NumbreError, RuntimeError):
    """An inference engine that does not run an artifact, or runs it wrongly."""


class BackendNotInstalledError(BackendError, ImportError):
    """An inference engine that is not installed on this machine."""


class BackendUnsupportedError(BackendError):
    """An inference engine that is there and does not know what a model is made of."""


class PhotoNotInstalledError(NumbreError, ImportError):
    """OpenCV, the extra `photo`, is not installed on this machine."""


class ScoreNotInstalledError(NumbreError, ImportError):
    """Daft or Ray, the extras `score` and `ray`, is not installed on this machine."""


class HeifNotInstalledError(ImageError, ImportError):
    """pillow-heif, the extra `heif`, is not installed on this machine."""


class CompletionNotInstalledError(NumbreError, ImportError):
    """Shtab, the extra `completion`, is not installed on this machine."""


class ServeNotInstalledError(NumbreError, ImportError):
    """The HTTP service's packages, the extra `serve`, are not installed on this machine."""


class ServeError(NumbreError, RuntimeError):
    """An HTTP service that cannot start: an address that is taken, or options that do not fit together."""


class DataError(NumbreError, ValueError):
    """A data set that is missing, damaged or not what its format says."""


class ModelError(NumbreError, ValueError):
    """A model file that cannot be read, or that NUMBRE refuses to read."""


class EngineWarning(NumbreError, UserWarning):  # noqa: N818 - it is warned of, and raised only if asked for
    """Says that another engine is used than expected; an error where warnings are errors (`python -W error`)."""


class OutputError(NumbreError, OSError):
    """A place that cannot be written."""


def one_line(error: BaseException) -> str:
    """The error's message on one line, as `text.terminal` writes text; its type's name where it has none."""
    return terminal(" ".join(str(error).split())) or type(error).__name__
