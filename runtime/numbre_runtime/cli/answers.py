"""Answers as lines of text, JSON or CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from numbre_runtime.text import terminal

if TYPE_CHECKING:
    from numbre_runtime.classifier import Classifier, Prediction
    from numbre_runtime.page.result import Page

FORMATS = ("text", "json", "csv")
"""Lines for people, one JSON object a line, or CSV with a header."""


class Subject(NamedTuple):
    """What an answer is about."""

    name: str
    """A picture's name, or "frame 12"."""
    fields: dict[str, Any]
    """The same as the first fields of a JSON object."""


def picture(name: str) -> Subject:
    """A picture of that name."""
    return Subject(name, {"image": name})


def frame(number: int) -> Subject:
    """A frame of a camera or a video, counted from 0."""
    return Subject(f"frame {number}", {"frame": number})


class AnswerLines:
    """Writes answers in one format."""

    def __init__(self, form: str, classifier: Classifier, top: int = 1) -> None:
        """Makes the writer.

        Args:
            form: One of `FORMATS`.
            classifier: What gives the answers.
            top: How many classes a line of text shows.
        """
        self._form = form
        self._classifier = classifier
        self._top = top

    def header(self, pages: bool) -> list[str]:
        """The lines before the answers: CSV's header, of pages or of single pictures."""
        if self._form != "csv":
            return []
        from numbre_runtime.csv_forms import PAGE_COLUMNS, PREDICTION_COLUMNS, csv_line

        return [csv_line(PAGE_COLUMNS if pages else PREDICTION_COLUMNS)]

    def of_prediction(self, subject: Subject, prediction: Prediction) -> list[str]:
        """The line of a single picture's answer."""
        if self._form == "json":
            from numbre_runtime.json_forms import prediction_json
            from numbre_runtime.text import json_text

            return [json_text({**subject.fields, **prediction_json(prediction, self._classifier)})]
        if self._form == "csv":
            from numbre_runtime.csv_forms import csv_line, prediction_cells

            return [csv_line(prediction_cells(subject.name, prediction))]
        return [f"{terminal(subject.name)}: {self._in_words(prediction)}"]

    def of_page(self, subject: Subject, page: Page) -> list[str]:
        """The lines of a page: of text one for each of its lines, or one for a frame; of CSV one for each number."""
        if self._form == "json":
            from numbre_runtime.json_forms import engine_json, page_json
            from numbre_runtime.text import json_text

            return [json_text({**subject.fields, **page_json(page), **engine_json(self._classifier)})]
        if self._form == "csv":
            from numbre_runtime.csv_forms import csv_line, page_cells

            return [csv_line(cells) for cells in page_cells(subject.name, page)]
        lines = page.text.splitlines() or ["no digits"]
        if "frame" in subject.fields:
            lines = [" | ".join(lines)]
        return [f"{terminal(subject.name)}: {terminal(line)}" for line in lines]

    def _in_words(self, prediction: Prediction) -> str:
        labels, none = self._classifier.labels, self._classifier.none_label
        order = (-prediction.scores).argsort(kind="stable")
        best = [(terminal(labels[index]), float(prediction.scores[index])) for index in order if labels[index] != none]
        answers = best[: self._top]
        if prediction.recognized:
            return ", ".join(f"{label} ({score:.1%})" for label, score in answers)
        nothing = "no digit" if all(label.isdigit() for label in labels if label != none) else "none of the classes"
        if not prediction.label:
            return f"{nothing} (blank)"
        return f"{nothing} (most like " + ", ".join(f"{label}, {score:.1%}" for label, score in answers) + ")"
