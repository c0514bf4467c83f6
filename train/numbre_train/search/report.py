"""The search as an HTML page and as figures for JSON."""

from __future__ import annotations

import warnings
from typing import Any

from numbre_runtime.html_kit import heading, image, page, paragraph, table
from numbre_train import plots
from numbre_train.search.study import Search, best_trial, finished, safe_url

_SHOWN = 15
_FEWEST_FOR_IMPORTANCE = 10


def search_figures(study: Any, search: Search, metrics: dict[str, Any]) -> dict[str, Any]:
    """All figures of a search, ready for JSON.

    Args:
        study: The Optuna study.
        search: The search.
        metrics: Figures of the best model, as `write_training` returns them.
    """
    best = best_trial(study)
    return {
        "study": search.study,
        "storage": safe_url(search.storage),
        "target": search.target,
        "best": None if best is None else {"trial": best.number, "validation_accuracy": best.value, **best.params},
        "importance": _importances(study),
        "trials": [
            {
                "trial": trial.number,
                "state": trial.state.name.lower(),
                "validation_accuracy": trial.value if trial.value is not None else _last(trial),
                "process": trial.user_attrs.get("process"),
                "epochs": len(trial.intermediate_values),
                "seconds": None if trial.duration is None else trial.duration.total_seconds(),
                "parameters": trial.params,
            }
            for trial in finished(study)
        ],
        "model": metrics,
    }


def _last(trial: Any) -> float | None:
    values = trial.intermediate_values
    return float(values[max(values)]) if values else None


def _importances(study: Any) -> dict[str, float]:
    """The importance of each parameter among the completed trials, 0–1; empty if these are too few.

    PED-ANOVA (Watanabe et al., 2023), which needs no further package.
    """
    import optuna

    complete = [trial for trial in finished(study) if trial.state.name == "COMPLETE"]
    if len(complete) < _FEWEST_FOR_IMPORTANCE or len({trial.value for trial in complete}) == 1:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: float(value) for name, value in optuna.importance.get_param_importances(study).items()}


def search_page(figures: dict[str, Any]) -> bytes:
    """The page of the figures that `search_figures` returned."""
    trials, best, model = figures["trials"], figures["best"], figures["model"]
    states = {
        state: {
            t["trial"]: t["validation_accuracy"]
            for t in trials
            if t["state"] == state and t["validation_accuracy"] is not None
        }
        for state in ("complete", "pruned")
    }
    names = sorted({name for trial in trials for name in trial["parameters"]})
    ranked = sorted(
        (trial for trial in trials if trial["state"] == "complete"),
        key=lambda trial: (-trial["validation_accuracy"], trial["trial"]),
    )
    parts = [
        paragraph(
            f"{len(trials):,} trials, each trained on {model['data']['fit_rows']:,} rows and measured on the "
            f"validation rows: {len(states['complete']):,} completed, {len(trials) - len(states['complete']):,} "
            "stopped early because they fell behind (pruned)."
        ),
        paragraph(
            f"The best, trial {best['trial']}, gets {best['validation_accuracy']:.2%} of the validation rows right. "
            f"Trained again and saved, it gets {model['accuracy']:.2%} of the {model['data']['test_rows']:,} test rows "
            "right, which the search never saw. The accuracy on the validation rows is a little too good, because the "
            "trial was chosen for it."
        ),
        heading("History"),
        image(plots.png(plots.search_history(states["complete"], states["pruned"], figures["target"])), "history"),
        heading("What mattered"),
        image(plots.png(plots.parameter_importance(figures["importance"])), "importance of the parameters")
        if figures["importance"]
        else paragraph(f"Fewer than {_FEWEST_FOR_IMPORTANCE} trials were completed, too few to tell."),
        heading("The best trials"),
        table(
            ("trial", "validation accuracy", *(name.replace("_", " ") for name in names), "seconds"),
            [
                (
                    str(trial["trial"]),
                    f"{trial['validation_accuracy']:.2%}",
                    *(_value(trial["parameters"].get(name)) for name in names),
                    "–" if trial["seconds"] is None else f"{trial['seconds']:.1f}",
                )
                for trial in ranked[:_SHOWN]
            ],
        ),
    ]
    return page(f"Search {figures['study']}", parts)


def _value(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
