"""When a classifier gives no answer: a file beside the model, written by the training and read by the exporter."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from numbre_runtime.errors import DataError
from numbre_runtime.files import read_limited
from numbre_runtime.strict_json import parse_json
from numbre_runtime.text import json_text

ABSTENTION_FILE = "abstention.json"
_LIMIT = 1 << 16


@dataclass(frozen=True)
class Abstention:
    """See the manifest's fields of these names."""

    none_label: str | None = None
    """The class that stands for "none of the others"."""
    threshold: float = 0.0
    """Smallest confidence, 0–1, at which an answer counts."""
    temperature: float = 1.0
    """What logits are divided by; 1 for a model that gives a softmax."""


def format_abstention(abstention: Abstention) -> bytes:
    """The content of the file."""
    return (json_text(asdict(abstention), indent=1) + "\n").encode()


def read_abstention(path: Path) -> Abstention:
    """Reads such a file.

    Raises:
        DataError: It is missing, no such JSON, or the threshold is not within 0–1.
    """
    text = read_limited(path, _LIMIT, DataError)
    try:
        content = parse_json(text, str(path), DataError)
        found = Abstention(**content)
    except (ValueError, TypeError) as cause:
        raise DataError(f'{path}: expected {{"none_label": …, "threshold": …}} ({cause})') from cause
    if type(found.temperature) not in (int, float) or not 0.01 <= found.temperature <= 100:
        raise DataError(f"{path}: expected a temperature from 0.01 to 100; got {content}")
    named = found.none_label is None or isinstance(found.none_label, str)
    if not named or type(found.threshold) not in (int, float) or not 0 <= found.threshold <= 1:
        raise DataError(f"{path}: expected none_label as text or null, and threshold from 0 to 1; got {content}")
    return found
