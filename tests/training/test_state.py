"""A run that is killed and resumed ends where an uninterrupted one does, to the bit."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file

from mammo_core.config import BalanceConfig, RunConfig
from mammo_core.errors import RunError
from mammo_core.runs.folder import RunFolder
from mammo_core.training.learning import (
    Course,
    Progress,
    learn,
    load_state,
    read_progress,
    save_state,
)
from mammo_core.training.loop import Learner, make_learner
from mammo_core.training.monitor import Judged
from mammo_core.training.network import make_network
from mammo_core.training.session import _keep_seen
from mammo_core.types import Split
from mammo_core.zoo.classifier import Classifier
from tests.training.made_up import CONFIG, config, paired, squares, two_views


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))


class Killed(BaseException):
    """What no handler catches: the process is gone."""


class KilledFolder(RunFolder):
    """A run whose worker dies when it looks for the n-th time whether to stop."""

    __slots__ = ("looks",)

    def __init__(self, path: Path, looks: Iterator[int]) -> None:
        super().__init__(path)
        object.__setattr__(self, "looks", looks)

    def is_asked_to_stop(self) -> bool:
        if next(self.looks, 1) == 0:
            raise Killed
        return False


def learned(run: RunFolder, settings: RunConfig) -> Progress:
    images = {Split.TRAIN: squares(24), Split.VAL: squares(12, seed=1)}
    if settings.model.views == 2:
        images = {split: paired(one) for split, one in images.items()}
    course = Course(
        run=run,
        config=settings,
        fabric=Fabric(accelerator="cpu", devices=1),
        images=images,
    )
    return learn(course, make_network(settings, torch.device("cpu")))


def killed_after(path: Path, settings: RunConfig, *, batches: int) -> None:
    with pytest.raises(Killed):
        learned(KilledFolder(path, iter(range(batches, -1, -1))), settings)


DROPOUT = replace(CONFIG.model, dropout=0.3)
SETTINGS = {
    "adamw, average": replace(config(epochs=4, ema_decay=0.9), model=DROPOUT),
    "sgd, plateau": replace(
        config(epochs=4, optimizer="sgd", schedule="plateau", accumulate=2), model=DROPOUT
    ),
    "one stage more every epoch, average": replace(
        config(epochs=4, trained="last_stages", last_stages=0, unfreeze_every=1, ema_decay=0.9),
        model=DROPOUT,
    ),
    "oversampled, kept features": replace(
        config(epochs=4, trained="last_stages", last_stages=1, cached_variants=2),
        model=DROPOUT,
        balance=BalanceConfig(sampler="oversample", positive_share=0.6),
    ),
    "two views": two_views(epochs=4),
    "two views, kept features": two_views(epochs=4, trained="linear", cached_variants=2),
}


Whole = tuple[RunFolder, RunConfig, Progress]


@pytest.fixture(scope="module", params=SETTINGS.values(), ids=SETTINGS)
def whole_run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A run that nobody killed, its settings, and how far it came."""
    run = RunFolder(tmp_path_factory.mktemp("whole"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAMMO_HOME", str(run.path / "home"))
        return run, request.param, learned(run, request.param)


@pytest.mark.parametrize(  # an epoch has three
    "batches", [5, *(pytest.param(batches, marks=pytest.mark.slow) for batches in (1, 3, 7, 11))]
)
def test_killed_and_resumed_is_as_if_nothing_had_happened(
    whole_run: Whole, batches: int, tmp_path: Path
) -> None:
    whole, settings, expected = whole_run
    broken = RunFolder(tmp_path / "broken")
    broken.path.mkdir()
    killed_after(broken.path, settings, batches=batches)
    reached = len(read_progress(broken.file("last")).history)
    if settings.balance.sampler == "none" and not settings.optim.cached_variants:
        assert reached == batches // 3
    assert reached <= 3
    progress = learned(broken, settings)
    assert progress.history == expected.history
    assert progress.train_losses == expected.train_losses
    one, other = (load_file(run.file("weights.safetensors")) for run in (whole, broken))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    timeless = [
        run.read_metrics().drop(columns=["images_per_second", "memory_gb"])
        for run in (whole, broken)
    ]
    assert timeless[0].equals(timeless[1])


def test_a_kill_while_metrics_were_written_leaves_no_half_epoch(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    settings = config(epochs=2)
    killed_after(tmp_path, settings, batches=4)
    with run.file("metrics.jsonl").open("a") as stream:
        stream.write('{"epoch": 2, "split": "train", "loss": 9.0}\n{"epoch": 2, "spl')
    learned(run, settings)
    epochs = run.read_metrics()["epoch"].tolist()
    assert epochs == [1, 1, 2, 2]
    assert all(later >= earlier for earlier, later in pairwise(epochs))


def test_what_has_learnt_does_not_go_on_with_other_images(tmp_path: Path) -> None:
    settings = config(epochs=2)
    begun = {split: squares(12, seed=seed) for seed, split in enumerate(Split)}
    changed = {**begun, Split.TEST: squares(12, seed=9)}
    run, fabric = RunFolder(tmp_path), Fabric(accelerator="cpu", devices=1)
    first, later = (
        Course(run=run, config=settings, fabric=fabric, images=images)
        for images in (begun, changed)
    )
    _keep_seen(later)
    _keep_seen(first)  # it has learnt from nobody yet
    kept = run.file("seen.csv").read_bytes()
    killed_after(tmp_path, settings, batches=4)
    _keep_seen(first)
    with pytest.raises(RunError, match="images are not those this run began with: 12 of 12"):
        _keep_seen(later)
    assert run.file("seen.csv").read_bytes() == kept


def test_a_damaged_state_is_refused_in_words(tmp_path: Path) -> None:
    settings = config(epochs=2)
    killed_after(tmp_path, settings, batches=4)
    (file,) = (tmp_path / "last").glob("state-*.safetensors")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(RunError, match="is damaged or missing"):
        learned(RunFolder(tmp_path), settings)


def test_a_run_that_never_ended_an_epoch_starts_at_its_beginning(tmp_path: Path) -> None:
    assert read_progress(tmp_path / "last") == Progress()


HALF_RIGHT = Judged(
    loss=0.7, auc=0.5, threshold=None, sensitivity=0.5, specificity=0.5, precision=None,
    sensitivity_at_specificity_90=0.1, score_spread=0.2,
)  # fmt: skip


def test_what_scales_small_gradients_goes_on_where_it_was(tmp_path: Path) -> None:
    """A scaler that began anew at its large first scale would leave the next steps out."""
    settings, cpu = config(), torch.device("cpu")
    fabric = Fabric(accelerator="cpu", devices=1)

    def learner_with(scaler: torch.amp.GradScaler) -> tuple[Learner, Classifier]:
        classifier = make_network(settings, cpu).classifier
        return replace(make_learner(fabric, classifier, settings.optim), scaler=scaler), classifier

    used = torch.amp.GradScaler("cpu", init_scale=512.0, growth_interval=7)
    learner, classifier = learner_with(used)
    reached = Progress(history=(HALF_RIGHT,), train_losses=(0.5,))
    save_state(tmp_path / "last", classifier, learner, reached)
    fresh = torch.amp.GradScaler("cpu")
    assert fresh.get_scale() != 512.0
    again, classifier = learner_with(fresh)
    load_state(tmp_path / "last", classifier, again, read_progress(tmp_path / "last"))
    assert fresh.state_dict() == used.state_dict()
    assert fresh.get_scale() == 512.0
    assert isinstance(fresh.state_dict()["growth_interval"], int)
