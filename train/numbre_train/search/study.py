"""Search for good parameters with Optuna, by several processes or machines that share one study.

Every trial trains on the fitting rows and is measured by its accuracy on the validation rows. The study is stored in a
database: every process that opens it continues it, and finished trials are never lost.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import platform
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from numbre_runtime.errors import DataError, NumbreError
from numbre_train.ctrl_c import raise_if_pressed
from numbre_train.data import Dataset
from numbre_train.fit import DivergedError, fit
from numbre_train.history import Epoch
from numbre_train.recipes import Recipe
from numbre_train.search.space import suggest

_OPENINGS, _BETWEEN_OPENINGS = 4, 0.5
"""Number of attempts to open a database that another process may be creating, and seconds between them."""
_HEARTBEAT_SECONDS, _GRACE_SECONDS, _LOCK_SECONDS = 10, 60, 60
_UNPRUNED_TRIALS, _UNPRUNED_EPOCHS = 5, 2


class StudyError(NumbreError, ValueError):
    """A study that cannot be opened, or that belongs to another search."""


@dataclass(frozen=True)
class Search:
    """Everything that decides a search."""

    recipe: Recipe
    """The recipe that every trial changes."""
    fixed: tuple[str, ...]
    """Names of options that no trial varies."""
    seed: int
    """Seed of every training; with the worker's number and the study's size it also seeds the draw of parameters."""
    trials: int
    """Trials that the study has at its end, pruned ones included; each further worker may add one more."""
    target: float | None
    """Validation accuracy, 0–1, at which the search ends early."""
    storage: str
    """URL of the database."""
    study: str
    """The study's name in it."""


@contextmanager
def study_errors(search: Search) -> Iterator[None]:
    """Turns the errors of databases and of Optuna into one line that does not show the URL's password.

    Raises:
        StudyError: A database or Optuna raised an error.
    """
    import optuna
    import sqlalchemy as sa

    try:
        yield
    except ImportError as cause:
        root = _root_of(cause)
        name = getattr(root, "name", None) or str(root)
        raise StudyError(f"{safe_url(search.storage)}: {name} is not installed; run: pip install {name}") from cause
    except (sa.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as cause:
        root = _root_of(cause)
        what = f"{type(root).__name__}: {str(root).splitlines()[0][:160]}"
        raise StudyError(
            f"{safe_url(search.storage)}: no usable database ({what}); expected a URL such as "
            "sqlite:///study.db or postgresql+psycopg://user@host/name"
        ) from cause


def _root_of(error: BaseException) -> BaseException:
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    return error


def safe_url(url: str) -> str:
    """The database's URL without its password."""
    import sqlalchemy as sa

    try:
        return sa.engine.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return "--storage"


def open_study(search: Search, data: Dataset, worker: int = 0) -> Any:
    """Opens the study, or creates it.

    Raises:
        StudyError: The database cannot be used, or the study has other rows, another recipe or another seed.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    with study_errors(search):
        engine = {"connect_args": {"timeout": _LOCK_SECONDS}} if search.storage.startswith("sqlite") else {}
        storage = _storage(search.storage, engine)
        study = optuna.create_study(study_name=search.study, storage=storage, direction="maximize", load_if_exists=True)
        # The study's size is part of the seed, so that a continued search does not draw its first trials again.
        seed = int(hashlib.sha256(f"{search.seed} {worker} {len(study.trials)}".encode()).hexdigest()[:8], 16)
        study.sampler = optuna.samplers.TPESampler(seed=seed)
        study.pruner = optuna.pruners.MedianPruner(_UNPRUNED_TRIALS, _UNPRUNED_EPOCHS)
        identity = _identity(search, data)
        known = study.user_attrs.get("identity")
        if known is None:
            study.set_user_attr("identity", identity)
    if known not in (None, identity):
        raise StudyError(
            f"{safe_url(search.storage)}: the study {search.study} was begun with other rows, options or seed; "
            "choose another name with --study"
        )
    return study


def _storage(url: str, engine: dict[str, Any]) -> Any:
    """Opens the database; if several searches create it at once, all but one fail and try again."""
    import optuna
    from sqlalchemy.exc import DBAPIError

    tries = 0
    while True:
        tries += 1
        try:
            return optuna.storages.RDBStorage(
                url,
                engine_kwargs=engine,
                # The heartbeat of a killed process stops; another process then runs its trial again.
                heartbeat_interval=_HEARTBEAT_SECONDS,
                grace_period=_GRACE_SECONDS,
                heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=2),
            )
        except DBAPIError:
            if tries == _OPENINGS:
                raise
            time.sleep(_BETWEEN_OPENINGS)


def _identity(search: Search, data: Dataset) -> str:
    parts = [asdict(search.recipe), sorted(search.fixed), search.seed, data.sha256]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def finished(study: Any) -> list[Any]:
    """The finished trials, completed or pruned."""
    from optuna.trial import TrialState

    trials: list[Any] = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    return trials


def best_trial(study: Any) -> Any:
    """The completed trial with the best validation accuracy; None if there is none."""
    complete = [trial for trial in finished(study) if trial.state.name == "COMPLETE"]
    return max(complete, key=lambda trial: (trial.value, -trial.number), default=None)


def is_done(study: Any, search: Search) -> bool:
    """Whether the study has all its trials or has reached the target."""
    best = best_trial(study)
    reached = search.target is not None and best is not None and best.value >= search.target
    return reached or len(finished(study)) >= search.trials


def best_recipe(study: Any, search: Search) -> Recipe:
    """The recipe of the best trial.

    Raises:
        StudyError: No trial is completed.
    """
    import optuna

    best = best_trial(study)
    if best is None:
        raise StudyError(f"{search.study}: no trial was completed; continue with more --trials")
    return suggest(optuna.trial.FixedTrial(best.params), search.recipe, search.fixed)


def work(search: Search, data: Dataset, study: Any, on_progress: Callable[[], None] = lambda: None) -> None:
    """Runs trials until the search is done, together with all other processes that have the study open.

    Args:
        search: The search.
        data: Rows to fit and to validate on; the test rows are not touched.
        study: From `open_study`.
        on_progress: Called after every epoch and every trial.

    Raises:
        StudyError: The database fails.
    """
    import optuna

    def objective(trial: Any) -> float:
        trial.set_user_attr("process", f"{platform.node()}:{os.getpid()}")
        recipe = suggest(trial, search.recipe, search.fixed)

        def on_epoch(epoch: Epoch) -> None:
            trial.report(epoch.validation_accuracy, epoch.epoch)
            on_progress()
            if epoch.epoch < recipe.epochs and trial.should_prune():
                raise optuna.TrialPruned

        try:
            _, epochs = fit(recipe, data.fit, data.validation, search.seed, len(data.labels), on_epoch=on_epoch)
        except DivergedError as cause:
            raise optuna.TrialPruned(str(cause)) from cause
        accuracy = epochs[-1].validation_accuracy
        if accuracy is None:
            raise DataError("the search needs validation rows")
        return accuracy

    def after_trial(study: Any, _: Any) -> None:
        raise_if_pressed()
        on_progress()
        parent = multiprocessing.parent_process()
        if is_done(study, search) or (parent is not None and not parent.is_alive()):
            study.stop()

    with study_errors(search):
        if not is_done(study, search):
            study.optimize(objective, callbacks=[after_trial])


def share_processor(workers: int) -> None:
    """Gives each of several workers its share of the processor's cores, unless the environment sets it."""
    if workers > 1:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max((os.cpu_count() or 1) // workers, 1)))
