"""Answers as JSON's types, alike in the commands and in the HTTP service."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numbre_runtime.classifier import Classifier, Prediction
    from numbre_runtime.page.result import Page


def prediction_json(prediction: Prediction, classifier: Classifier) -> dict[str, Any]:
    """A prediction: label, confidence, recognized, found with its box, scores by class, artifact, backend."""
    scores = {label: round(float(score), 6) for label, score in zip(classifier.labels, prediction.scores, strict=True)}
    return {
        "label": prediction.label,
        "confidence": round(prediction.confidence, 6),
        "recognized": prediction.recognized,
        "found": prediction.found._asdict() if prediction.found is not None else None,
        "scores": scores,
        **engine_json(classifier),
    }


def engine_json(classifier: Classifier) -> dict[str, str]:
    """The model file that an answer comes from, and the engine that ran it."""
    return {"artifact": classifier.artifact.file, "backend": classifier.backend}


def page_json(page: Page) -> dict[str, Any]:
    """A page: width, height, dark_ink, text, lines of numbers with their boxes, left_out, turned."""
    lines = [
        [
            {
                "text": number.text,
                "confidence": round(number.confidence, 6),
                "box": number.box,
                "separators": [asdict(separator) for separator in number.separators],
                "digits": [{**asdict(digit), "confidence": round(digit.confidence, 6)} for digit in number.digits],
            }
            for number in line
        ]
        for line in page.lines
    ]
    about = {"width": page.width, "height": page.height, "dark_ink": page.dark_ink, "text": page.text, "lines": lines}
    return {**about, "left_out": page.left_out, "turned": page.turned}
