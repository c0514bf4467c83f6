"""The comparison as an HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from numbre_runtime.html_kit import heading, image, page, paragraph, table
from numbre_train import plots
from numbre_train.compare.run import FIT_ROWS_WATCHED, Result
from numbre_train.data import Dataset
from numbre_train.metrics import confident_mistakes


def comparison_page(figures: dict[str, Any], results: Mapping[str, Result], data: Dataset) -> bytes:
    """The page: the same figures as the JSON file, and pictures.

    Args:
        figures: The figures that `comparison_figures` returned.
        results: Model name to its result.
        data: The data set they were trained and tested on.
    """
    models = figures["models"]
    parts = [
        paragraph(
            f"Trained on the same {figures['data']['fit_rows']:,} rows of {data.source}, seed {figures['seed']}; "
            f"{figures['data']['validation_rows']:,} rows to validate. Tested on {data.test_source}."
        ),
        heading("At a glance"),
        _overview(models),
        heading("Are the differences real?"),
        *_differences(figures["differences"]),
        heading("Exported to int8"),
        *_int8(models),
        heading("Log loss over time"),
        image(plots.png(plots.loss_over_time({name: item.periods for name, item in results.items()})), "log loss"),
        paragraph(
            f"Measured without distortion and dropout; of the fitting rows the first {FIT_ROWS_WATCHED:,} at most.",
            True,
        ),
        heading("Precision and recall of each class"),
        _classes(models, data.labels),
    ]
    for name, result in results.items():
        parts += _model(name, models[name], result, data)
    return page("Comparison of " + ", ".join(models), parts)


def _overview(models: Mapping[str, Any]) -> str:
    heads = ("model", "test accuracy", "test log loss", "validation accuracy", "parameters", "training seconds")
    rows = [
        (
            name,
            f"{item['accuracy']:.2%}",
            f"{item['log_loss']:.4f}",
            "–" if item["validation_accuracy"] is None else f"{item['validation_accuracy']:.2%}",
            f"{item['parameters']:,}",
            f"{item['seconds']:.1f}",
        )
        for name, item in models.items()
    ]
    return table(heads, rows)


def _differences(differences: list[dict[str, Any]]) -> list[str]:
    if not differences:
        return [paragraph("There is only one model.")]
    heads = ("models", "difference, points", "95% interval", "only first right", "only second right", "p", "p, Holm")
    rows = [
        (
            f"{item['first']} − {item['second']}",
            f"{item['difference'] * 100:+.2f}",
            _interval(item),
            f"{item['only_first']:,}",
            f"{item['only_second']:,}",
            p_text(item["p"]),
            p_text(item["p_holm"]),
        )
        for item in differences
    ]
    note = (
        "Both models answer the same rows, so only the rows that one gets right and the other wrong count. p is the "
        "probability that two equally good models would split these rows at least as unevenly (McNemar's exact "
        "two-sided test); Holm's correction accounts for several pairs. The test is about these test rows and these "
        "trained models, not about other seeds."
    )
    return [table(heads, rows), paragraph(note, True)]


def _int8(models: Mapping[str, Any]) -> list[str]:
    exported = {name: item["int8"] for name, item in models.items() if item["int8"] and "file" in item["int8"]}
    skipped = [
        paragraph(f"{name}: {item['int8']['skipped']}.", True)
        for name, item in models.items()
        if item["int8"] and "skipped" in item["int8"]
    ]
    if not exported:
        text = "No model of this comparison has been exported; numbre-export --int8, then the same command, adds it."
        return [paragraph(text, True), *skipped]
    heads = ("model", "int8 kB", "int8 accuracy", "against Keras, points", "p", "p50 µs", "p90 µs", "p99 µs", "engine")
    rows = [
        (
            name,
            f"{item['bytes'] / 1000:.1f}",
            f"{item['accuracy']:.2%}",
            f"{item['against_keras']['difference'] * 100:+.2f}",
            p_text(item["against_keras"]["p"]),
            *(f"{item['latency_us'][key]:.1f}" for key in ("p50", "p90", "p99")),
            item["backend"],
        )
        for name, item in exported.items()
    ]
    return [
        table(heads, rows),
        paragraph("Latency of one image at a time, one thread, on this machine.", True),
        *skipped,
    ]


def _classes(models: Mapping[str, Any], classes: Sequence[str]) -> str:
    heads = ("class", *(f"{name} {what}" for name in models for what in ("precision", "recall")))
    rows = [
        (
            label,
            *(f"{item[what][label]:.2%}" for item in models.values() for what in ("precision", "recall")),
        )
        for label in classes
    ]
    return table(heads, rows)


def _model(name: str, figures: Mapping[str, Any], result: Result, data: Dataset) -> list[str]:
    recipe = figures["recipe"]
    matrix, answers = np.array(figures["confusion"]), result.scores.argmax(axis=1)
    wrong = confident_mistakes(result.scores, data.test.labels)
    test = data.test.take(wrong)
    sure = result.scores[wrong, answers[wrong]]
    return [
        heading(name),
        paragraph(
            f"{figures['network']}; {recipe['epochs']} epochs, batches of {recipe['batch']}, learning rate "
            f"{recipe['rate']:g}, {_settings(recipe['network'])}weight decay {recipe['weight_decay']:g}, "
            f"{'distorted' if recipe['augmentation'] else 'undistorted'} rows."
        ),
        image(
            plots.png(plots.confusion_pair(matrix, f"{name}: confusion on the test rows", data.labels)),
            "confusion matrices",
        ),
        image(
            plots.png(
                plots.mistakes(
                    test.images, test.labels, answers[wrong], sure, f"{name}: its surest mistakes", data.labels
                )
            ),
            "surest mistakes",
        )
        if len(wrong)
        else paragraph("It makes no mistake."),
        image(
            plots.png(plots.weight_images(result.weights, names=result.unit_names)),
            "weights of the first layer",
        ),
    ]


def _settings(network: Mapping[str, Any]) -> str:
    """The network's numeric settings, as "dropout 0.5, l2 0, "; empty where it has none."""
    return "".join(
        f"{name.replace('_', ' ')} {value:g}, " for name, value in network.items() if isinstance(value, float)
    )


def _interval(item: Mapping[str, Any]) -> str:
    return f"{item['low'] * 100:+.2f} to {item['high'] * 100:+.2f}"


def p_text(p: float) -> str:
    """A p-value with four decimals."""
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"
