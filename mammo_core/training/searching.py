"""A search for settings by Ray Tune: trials drawn at random, the worse ones ended early by ASHA
(Li and others, A System for Massively Parallel Hyperparameter Tuning, 2020).

Every trial is a run like any other, in a folder of its own. The validation women alone judge.
"""

import importlib.util
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from mammo_core.config import RunConfig
from mammo_core.errors import ConfigError, RunError
from mammo_core.files import REPOSITORY, home, replace_file
from mammo_core.places.cluster import is_on_cluster, shared_environment
from mammo_core.places.pieces import connected
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import create_run, place_for, start_worker
from mammo_core.runs.searches import (
    TABLE_NAME,
    Range,
    SearchConfig,
    Trial,
    best_trial,
    judged_by,
    parse_range,
    trials_of,
    trials_table,
    values_of,
    write_trial,
)
from mammo_core.tables import to_safe_csv
from mammo_core.training.recipes import with_changes
from mammo_core.types import Report, RunState

_LOOK_EVERY_SECONDS: Final = 0.5
_ENDING_SECONDS: Final = 300.0  # a batch, and writing what was learnt
_STORE_BYTES: Final = 80 * 2**20  # trials hand one another nothing
_KEPT_THIRD: Final = 3
_RESTARTS: Final = 2  # of a trial whose machine was lost; it goes on after its last epoch


def changes_drawn(drawn: dict[str, Any], over: dict[str, str]) -> dict[str, str]:
    """As `--set` would be given them."""
    return {
        name: f"{drawn[name]:.6g}" if isinstance(drawn[name], float) else str(drawn[name])
        for name in over
    }


_NO_RAY: Final = (
    "A search needs Ray: pip install -r requirements-cluster.txt. It is not part of the usual "
    "installation."
)


def check_search(search: SearchConfig, *, is_here: bool = False) -> None:
    """Refuse what its job would end with: settings that are none, values that are not theirs, and a
    computer without Ray. How values go together is seen when they are drawn.
    """
    search.check()
    for name, text in search.over.items():
        found = parse_range(name, text)
        for value in found.choices or (_at(found, found.low), _at(found, found.high)):
            with_changes(search.base, {name: value})
    if place_for(search.kind, is_here=is_here) is None and not importlib.util.find_spec("ray"):
        raise ConfigError(_NO_RAY)


def _at(found: Range, bound: float) -> str:
    return str(int(bound)) if found.is_whole else f"{bound:.6g}"


def run_search(run: RunFolder, *, report: Report, should_stop: Callable[[], bool]) -> str:
    """Carry out the search in the folder of `run`, its trials beside it; the closing words."""
    config = run.settings(SearchConfig)
    config.check()
    ray = _ray()
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.basic_variant import BasicVariantGenerator

    epochs = config.base.optim.epochs
    space = {name: _to_tune(parse_range(name, text)) for name, text in config.over.items()}
    root = run.path.parent

    class Following(tune.Callback):  # type: ignore[misc]
        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any) -> None:
            done = sum(one.is_finished() for one in trials)
            report(done, config.trials, f"{done} of {config.trials} trials have ended")

    class Asked(tune.Stopper):  # type: ignore[misc]
        def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
            return False

        def stop_all(self) -> bool:
            return should_stop()

    tune.Tuner(
        tune.with_resources(_trainable(tune), _share(config.base, ray)),
        param_space=space | {"search": str(run.path.resolve())},
        tune_config=tune.TuneConfig(
            metric="value",
            mode="max",
            num_samples=config.trials,
            scheduler=ASHAScheduler(
                # One more than the epochs: the last step is the writing of the card.
                max_t=epochs + 1,
                grace_period=max(1, epochs // 4),
                reduction_factor=_KEPT_THIRD,
            ),
            search_alg=BasicVariantGenerator(random_state=config.seed),
        ),
        run_config=tune.RunConfig(
            name=run.run_id,
            storage_path=str(home() / "ray"),
            stop=Asked(),
            failure_config=tune.FailureConfig(max_failures=_RESTARTS),
            callbacks=[Following()],
            verbose=0,
        ),
    ).fit()
    replace_file(run.file(TABLE_NAME), to_safe_csv(trials_table(config, run.run_id, root)))
    if should_stop():
        return "Stopped on request; the trials so far stay."
    return _closing_words(config, run)


def _closing_words(config: SearchConfig, run: RunFolder) -> str:
    root = run.path.parent
    best = best_trial(config, run.run_id, root)
    if best is None:
        raise RunError(
            f"None of the {config.trials} trials came to its end; their logs say why. Does one "
            "such training work by itself?"
        )
    whole = sum(one.is_checkpoint for _, one in trials_of(run.run_id, root))
    return (
        f"Trial {best[0].number} of {config.trials} was best on the validation women by "
        f"{judged_by(config.base)}: {best[1].run_id}. {whole} came to their end, the others were "
        "ended early or failed. The best of many is partly luck: go by its test women."
    )


def _ray() -> Any:
    """The cluster that started this process; else a Ray of this computer's own."""
    if is_on_cluster():
        return connected()
    try:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        import ray
    except ImportError:
        raise ConfigError(_NO_RAY) from None
    ray.init(
        address="local",  # else it would join whatever Ray it finds running here
        include_dashboard=False,
        object_store_memory=_STORE_BYTES,
        log_to_driver=False,
        logging_level="warning",
        runtime_env={"env_vars": shared_environment(os.environ, "worker")},
    )
    return ray


def _share(config: RunConfig, ray: Any) -> dict[str, float]:
    """Of a machine, for one trial."""
    all_of = ray.cluster_resources()
    gpus = all_of.get("GPU", 0.0) if config.device != "cpu" else 0.0
    if not gpus:
        return {"cpu": config.workers or 1}
    return {"cpu": config.workers or max(1, all_of.get("CPU", 1.0) // gpus), "gpu": 1}


def _to_tune(one: Range) -> Any:
    from ray import tune

    if one.choices:
        return tune.choice(list(one.choices))
    if one.is_whole:
        low, high = int(one.low), int(one.high) + 1  # Tune leaves the upper bound out
        return tune.lograndint(low, high) if one.is_log else tune.randint(low, high)
    return (tune.loguniform if one.is_log else tune.uniform)(one.low, one.high)


def _trainable(tune: Any) -> Any:
    class Trying(tune.Trainable):  # type: ignore[misc]
        """A step is an epoch of a worker in a process of its own, seen in its folder."""

        def setup(self, drawn: dict[str, Any]) -> None:
            import ray

            os.chdir(REPOSITORY)
            os.environ["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address
            number = int(self.trial_id.rpartition("_")[2]) + 1
            self.run = trial_run(drawn, number)
            self.column = judged_by(self.run.settings(RunConfig))
            self.seen = len(values_of(self.run, self.column))
            self.worker = start_worker(self.run, kind="train")

        def step(self) -> dict[str, Any]:
            values, is_over = wait_for_epoch(self.run, self.column, self.seen)
            if is_over:
                return {"value": values[-1], "done": True}
            self.seen += 1
            return {"value": values[self.seen - 1]}

        def cleanup(self) -> None:
            if self.worker.poll() is None:
                self.run.ask_to_stop()
                self.worker.wait(timeout=_ENDING_SECONDS)

    return Trying


def wait_for_epoch(run: RunFolder, column: str, seen: int) -> tuple[list[float], bool]:
    """The values of all epochs once there are more than `seen`, or the run is over; whether it is.
    A RunError where it failed.
    """
    while True:
        status, values = run.read_status(), values_of(run, column)
        if len(values) > seen:
            return values, False
        if status.state in (RunState.FAILED, RunState.LOST) or (
            status.state.is_over and not values
        ):
            raise RunError(f"{run.run_id} is {status.state}: {status.message}")
        if status.state.is_over:
            return values, True
        time.sleep(_LOOK_EVERY_SECONDS)


def trial_run(drawn: dict[str, Any], number: int) -> RunFolder:
    """The folder of a trial: the one it has, where its machine was lost; else a new one."""
    search = RunFolder(Path(drawn["search"]))
    config = search.settings(SearchConfig)
    for trial, run in trials_of(search.run_id, search.path.parent):
        if trial.number == number:
            return run
    changes = changes_drawn(drawn, config.over)
    settings = with_changes(config.base, changes)
    settings.check()
    run = create_run(
        settings,
        search.path.parent,
        what=f"{settings.model.backbone.replace(':', '_')}-{number}",
        total=settings.optim.epochs,
    )
    write_trial(
        run, Trial(search=search.run_id, number=number, trials=config.trials, changes=changes)
    )
    return run
