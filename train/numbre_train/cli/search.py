"""`numbre-train search`: finds parameters with Optuna, then trains and saves the best model."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numbre_runtime.cli.common import EXIT_OK, Parser, run_command
from numbre_runtime.cli.streams import complain
from numbre_runtime.errors import NumbreError, one_line
from numbre_runtime.files import check_output, write_atomic
from numbre_runtime.text import json_text
from numbre_train.cli.options import (
    add_data_options,
    add_model_options,
    add_seed,
    at_least_one,
    check_writable,
    checked_seed,
    network_options,
    recipe_of,
    say,
    within,
)
from numbre_train.data import load_dataset
from numbre_train.recipes import MODELS
from numbre_train.results import write_training
from numbre_train.search.study import (
    Search,
    best_recipe,
    best_trial,
    finished,
    open_study,
    safe_url,
    share_processor,
    work,
)
from numbre_train.training import train

_EPOCHS = 10
_MOST_WORKERS = 64
"""Each takes a gigabyte or so."""
_DataPaths = tuple[Sequence[Path] | None, Path | None]
"""The values of `--data` and `--labels`."""


class TargetMissedError(NumbreError):
    """The best model of a search misses the target; it is saved all the same."""

    exit_code = 3


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-train search",
        description="Searches for the parameters with the best accuracy on the validation rows and stops bad trials "
        "early, then trains the best model again and saves it. An option given "
        "here is not varied. The same command continues the study, also from other machines.",
        epilog="Exit code 3: no trial reached the target; the best model is saved all the same.",
        examples=(
            "numbre-train search --model dnn --trials 20 --data mnist_train_small.csv",
            "numbre-train search --model dnn --target 0.98 --batch-size 128 --workers 2",
        ),
    )
    result.add_argument("--model", choices=tuple(MODELS), default="dnn", help="model to search for (default: dnn)")
    result.add_argument(
        "--trials", type=int, default=50, metavar="N", help="trials of the whole study, at least 1 (default: 50)"
    )
    result.add_argument(
        "--target", type=float, metavar="SHARE", help="validation accuracy at which the search stops, 0–1, as 0.98"
    )
    result.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes on this machine, at least 1 (default: 1)"
    )
    result.add_argument(
        "--storage", metavar="URL", help="database of the study as an SQLAlchemy URL (default: DIR/study.db, SQLite)"
    )
    result.add_argument("--study", metavar="NAME", help="name of the study in the database (default: the model's name)")
    add_seed(result)
    add_data_options(result)
    result.add_argument(
        "--out", type=Path, default=Path("build/search"), metavar="DIR", help="output directory (default: build/search)"
    )
    add_model_options(result)
    return result


def run(args: argparse.Namespace) -> int:
    """Searches together with the other workers, then trains the best model, measures and writes it."""
    args.epochs = _EPOCHS if args.epochs is None else args.epochs
    search = Search(
        recipe=recipe_of(args.model, args),
        fixed=network_options(args),
        seed=checked_seed(args.seed),
        trials=at_least_one(args.trials, "--trials"),
        target=within(args.target, "--target", 0, 1),
        storage=args.storage or f"sqlite:///{args.out.resolve() / 'study.db'}",
        study=args.study or args.model,
    )
    workers = at_least_one(args.workers, "--workers", _MOST_WORKERS)
    share_processor(workers)
    data = load_dataset(args.data, args.test, args.labels)
    check_writable(args.out, results=True)
    for name in ("report.json", "report.html"):
        check_output(args.out / name)
    study = open_study(search, data)
    say(f"{data.source}: {len(data.fit):,} rows to fit, {len(data.validation):,} to validate")
    say(f"study {search.study} in {safe_url(search.storage)}, {len(finished(study)):,} finished trials so far")
    try:
        _work_together(search, data, study, workers, (args.data, args.labels))
    except KeyboardInterrupt:
        say("stopped; run the same command to continue")
        raise
    recipe, best = best_recipe(study, search), best_trial(study)
    say(f"best: trial {best.number}, {best.value:.2%} on the validation rows, {_parameters(best.params)}")
    metrics = write_training(train(recipe, data, search.seed), args.out)
    from numbre_train.search.report import search_figures, search_page

    figures = search_figures(study, search, metrics)
    write_atomic(args.out / "report.json", (json_text(figures, indent=1) + "\n").encode())
    write_atomic(args.out / "report.html", search_page(figures))
    say(f"{metrics['accuracy']:.2%} of the {len(data.test):,} test rows are right; written to {args.out}/")
    if search.target is not None and best.value < search.target:
        raise TargetMissedError(
            f"no trial of {len(finished(study))} reached {search.target:.2%} on the validation rows, the best has "
            f"{best.value:.2%}; search on with more --trials"
        )
    return EXIT_OK


def _work_together(search: Search, data: Any, study: Any, workers: int, paths: _DataPaths) -> None:
    """Runs the trials of this process and starts the other workers; one progress bar shows the whole study."""
    from tqdm import tqdm

    context = multiprocessing.get_context("spawn")
    others = [
        context.Process(target=_other_worker, args=(search, paths, number), daemon=True) for number in range(1, workers)
    ]
    for process in others:
        process.start()
    try:
        with tqdm(total=search.trials, initial=min(len(finished(study)), search.trials), unit="trial") as bar:

            def show() -> None:
                best = best_trial(study)
                if best is not None:
                    bar.set_postfix(best=f"{best.value:.2%}", refresh=False)
                bar.n = min(len(finished(study)), search.trials)
                bar.refresh()

            work(search, data, study, show)
            for process in others:
                process.join()
            show()
    finally:
        for process in others:
            process.terminate()
            process.join()
    if failed := [process for process in others if process.exitcode]:
        say(f"{len(failed)} of {workers} workers ended early; the study holds the trials that they had finished")


def _other_worker(search: Search, paths: _DataPaths, number: int) -> None:
    """The work of another process; it ends when the first process ends."""
    try:
        data = load_dataset(paths[0], labels=paths[1])
        work(search, data, open_study(search, data, number))
    except KeyboardInterrupt:
        sys.exit(1)
    except NumbreError as error:
        complain(f"numbre-train search: worker {number}: {one_line(error)}")
        sys.exit(1)


def _parameters(parameters: dict[str, Any]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {value:.3g}" if isinstance(value, float) else f"{name.replace('_', ' ')} {value}"
        for name, value in sorted(parameters.items())
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
