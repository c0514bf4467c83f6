"""`numbre-train compare`: several models on the same rows, as a page and as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from numbre_runtime.cli.common import EXIT_OK, Parser, run_command
from numbre_runtime.files import check_output, write_atomic
from numbre_runtime.text import json_text
from numbre_train.cli.options import (
    OptionError,
    add_data_options,
    add_model_options,
    add_seed,
    check_writable,
    checked_seed,
    recipe_of,
    say,
)
from numbre_train.compare.run import bundle_figures, comparison_figures, run_model
from numbre_train.data import load_dataset
from numbre_train.data.classes import DIGITS
from numbre_train.recipes import MODELS, RECIPES
from numbre_train.results import refuse_foreign


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-train compare",
        description="Trains models on the same rows and writes DIR/report.html and DIR/report.json. A model that DIR "
        "already holds, trained with the same settings, is not trained again. A model that was exported to "
        "DIR/NAME-int8 is also measured as int8.",
        examples=(
            "numbre-train compare --models linear,dnn,numbre",
            "numbre-train compare --models linear,numbre --data mnist_train_small.csv --test mnist",
        ),
    )
    result.add_argument(
        "--models",
        default="linear,dnn,numbre",
        metavar="NAME,…",
        help=f"models to compare, some of {', '.join(MODELS)} (default: linear,dnn,numbre)",
    )
    result.add_argument("--recipe", choices=tuple(RECIPES), default="quick", help="recipe of numbre (default: quick)")
    add_seed(result)
    add_data_options(result)
    result.add_argument(
        "--out",
        type=Path,
        default=Path("build/comparison"),
        metavar="DIR",
        help="output directory (default: build/comparison)",
    )
    add_model_options(result)
    return result


def run(args: argparse.Namespace) -> int:
    """Trains the models that are missing, measures all, and writes the report."""
    names = _names(args.models)
    recipes = {
        name: recipe_of(name, args, RECIPES[args.recipe] if name == "numbre" else None, others=names) for name in names
    }
    seed = checked_seed(args.seed)
    data = load_dataset(args.data, args.test, args.labels)
    check_writable(args.out)
    for name in ("report.json", "report.html"):
        check_output(args.out / name)
    for name in names:
        refuse_foreign(args.out / name)
    say(f"{data.source}: {len(data.fit):,} rows to fit, {len(data.validation):,} to validate; {data.test_source}")
    results, bundles = {}, {}
    for name, recipe in recipes.items():
        say(f"{name}:")
        results[name], known = run_model(recipe, data, seed, args.out / name)
        right = f"{results[name].metrics['accuracy']:.2%} of the test rows are right"
        say(f"  {right} (trained before)" if known else f"  {right}")
        bundles[name] = bundle_figures(args.out / f"{name}-int8", results[name], data.test)
    figures = comparison_figures(results, bundles, data, seed)
    from numbre_train.compare.report import comparison_page

    write_atomic(args.out / "report.json", (json_text(figures, indent=1) + "\n").encode())
    write_atomic(args.out / "report.html", comparison_page(figures, results, data))
    say(f"written to {args.out}/report.html and report.json")
    missing = [name for name in names if bundles[name] is None]
    own_data = "" if data.labels == DIGITS else f" --data {args.data[0]}"
    if missing:
        say("for int8 figures, export the models, then run this command again; nothing is trained twice:")
    for name in missing:
        model, out = args.out / name / "model.keras", args.out / f"{name}-int8"
        say(f"  numbre-export --int8 --model {model} --out {out}{own_data}")
    return EXIT_OK


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in MODELS]:
        raise OptionError(f"--models {text}: '{unknown[0]}' is no model; expected some of {', '.join(MODELS)}")
    if len(set(names)) < len(names):
        raise OptionError(f"--models {text}: a model is named twice")
    return names


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
