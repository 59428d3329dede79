"""A checkpoint judged on images it did not learn from, and the result kept beside its card."""

from collections.abc import Callable

from mammo_core.config import JudgeConfig
from mammo_core.datasets.held_out import judged_images
from mammo_core.explain import fidelity
from mammo_core.explain.methods import get_method
from mammo_core.inference import stress
from mammo_core.inference.checkpoint import Checkpoint, load_checkpoint
from mammo_core.inference.engine import torch_engine
from mammo_core.runs.fidelity import Fidelity, add_fidelity
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import card_hash, point_in_force
from mammo_core.runs.stress import StressTest, add_stress

Report = Callable[[int, int, str], None]


def judge(
    config: JudgeConfig,
    run: RunFolder,
    *,
    now: str,
    device: str = "cpu",
    report: Report,
    should_stop: Callable[[], bool] = lambda: False,
) -> Fidelity | StressTest | None:
    """What `config` asks of the checkpoint in `run`; `now` is ISO 8601, UTC. None, and nothing
    kept, where it was stopped.
    """
    checkpoint = load_checkpoint(run.path, device=device)
    work = _check_heatmaps if config.kind == "explain_check" else _put_under_stress
    return work(config, run, checkpoint, now=now, report=report, should_stop=should_stop)


def _check_heatmaps(
    config: JudgeConfig,
    run: RunFolder,
    checkpoint: Checkpoint,
    *,
    now: str,
    report: Report,
    should_stop: Callable[[], bool],
) -> Fidelity | None:
    method = get_method(config.method)
    dataset, name, split = judged_images(run, checkpoint.card, config)
    table = fidelity.check_fidelity(
        fidelity.Explained(model=checkpoint.model, card=checkpoint.card, method=method),
        dataset,
        most=config.images,
        seed=config.seed,
        report=report,
        should_stop=should_stop,
    )
    if table is None:
        return None
    found = fidelity.summarise(
        table,
        method=method.name,
        dataset=name,
        split=split,
        seed=config.seed,
        measured_at=now,
        card_sha256=card_hash(run),
    )
    add_fidelity(run, found)
    return found


def _put_under_stress(
    config: JudgeConfig,
    run: RunFolder,
    checkpoint: Checkpoint,
    *,
    now: str,
    report: Report,
    should_stop: Callable[[], bool],
) -> StressTest | None:
    dataset, name, split = judged_images(run, checkpoint.card, config)
    stressed = stress.stress(
        torch_engine(checkpoint),
        checkpoint.card,
        dataset,
        most=config.images,
        seed=config.seed,
        report=report,
        should_stop=should_stop,
    )
    if stressed is None:
        return None
    found = stress.summarise(
        stressed,
        point_in_force(run),
        dataset=name,
        split=split,
        seed=config.seed,
        measured_at=now,
        card_sha256=card_hash(run),
    )
    add_stress(run, found)
    return found
