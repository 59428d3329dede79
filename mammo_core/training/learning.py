"""The part of a run in which the network learns, told to whoever watches the run's folder."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor, nn

from mammo_core.config import RunConfig
from mammo_core.errors import ConfigError, RunError
from mammo_core.files import replace_file, sha256_of
from mammo_core.records import from_document, read_json, to_document
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.training.batches import Batches, EvaluationBatches, PatchBatches, training_batches
from mammo_core.training.data import ImageSet
from mammo_core.training.features import Asking, StoppedError, keep_evaluation, keep_training
from mammo_core.training.halves import cut
from mammo_core.training.loop import (
    EpochResult,
    Learner,
    Lesson,
    fit,
    make_learner,
    predict_logits,
)
from mammo_core.training.losses import make_loss
from mammo_core.training.machine import memory_gb
from mammo_core.training.monitor import Judged, alarms, best_epoch, judge
from mammo_core.training.network import Network, unfreeze
from mammo_core.training.outcome import save_weights
from mammo_core.types import RunState, Split
from mammo_core.zoo.classifier import Classifier

SCHEMA_VERSION: Final = 2
_NAME: Final = "state.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The epochs that are behind, and the seconds they took."""

    history: tuple[Judged, ...] = ()
    train_losses: tuple[float, ...] = ()
    seconds: float = 0.0
    tensors: str = ""
    sha256: str = ""


def save_state(folder: Path, classifier: Classifier, learner: Learner, progress: Progress) -> None:
    """Keep the state after an epoch in `folder`; that of the epoch before goes."""
    folder.mkdir(exist_ok=True)
    file = folder / f"state-{len(progress.history)}.safetensors"
    replace_file(file, save(_tensors(classifier, learner)))
    document = to_document(progress) | {
        "schema_version": SCHEMA_VERSION,
        "tensors": file.name,
        "sha256": sha256_of(file),
    }
    replace_file(folder / _NAME, json.dumps(document, indent=2) + "\n")
    for old in folder.glob("state-*.safetensors"):
        if old != file:
            old.unlink()


def read_progress(folder: Path) -> Progress:
    """How far a run had come; nothing where it had not ended an epoch."""
    try:
        document = read_json(
            folder / _NAME,
            RunError,
            what=f"{folder.name}/{_NAME}",
            remedy="Put it back from a copy, or start the training anew.",
        )
    except FileNotFoundError:
        return Progress()
    version = document.pop("schema_version", None)
    if version != SCHEMA_VERSION:
        raise RunError(
            f"{folder.name}/{_NAME} has schema version {version}; this program reads "
            f"{SCHEMA_VERSION}. Resume with the version that wrote it, or start anew."
        )
    try:
        return from_document(document, Progress, where=_NAME)
    except ConfigError as error:
        raise RunError(str(error)) from None


def load_state(folder: Path, classifier: Classifier, learner: Learner, progress: Progress) -> None:
    """Put weights, averages and optimiser back to where `progress` left them."""
    file = folder / Path(progress.tensors).name
    if not file.is_file() or sha256_of(file) != progress.sha256:
        raise RunError(
            f"The state of this run, {file.name}, is damaged or missing. Start the run anew."
        )
    tensors = load_file(file)
    classifier.load_state_dict(_under(tensors, "model."))
    if learner.average:
        learner.average.load(_under(tensors, "average."))
    _load_optimizer(learner.optimizer, _under(tensors, "optimizer."))
    scaling = _under(tensors, "scaler.")
    if learner.scaler and scaling:
        learner.scaler.load_state_dict({name: _number(value) for name, value in scaling.items()})


def _tensors(classifier: Classifier, learner: Learner) -> dict[str, Tensor]:
    average = learner.average.tensors() if learner.average else {}
    scaling = learner.scaler.state_dict() if learner.scaler else {}
    named = {
        **{f"model.{name}": tensor for name, tensor in classifier.state_dict().items()},
        **{f"average.{name}": tensor for name, tensor in average.items()},
        **{
            f"optimizer.{index}.{name}": tensor
            for index, values in learner.optimizer.state_dict()["state"].items()
            for name, tensor in values.items()
            if isinstance(tensor, Tensor)
        },
        **{f"scaler.{name}": _kept(value) for name, value in scaling.items()},
    }
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in named.items()}


def _load_optimizer(optimizer: Any, tensors: dict[str, Tensor]) -> None:
    """What is kept of a weight is laid out in memory as the weight is: fused optimisers walk
    through both side by side and would mistake one number for another.
    """
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, inner = name.partition(".")
        weight = weights[int(index)]
        is_like = tensor.shape == weight.shape
        kept = torch.empty_like(weight).copy_(tensor) if is_like else tensor
        state.setdefault(int(index), {})[inner] = kept
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _kept(number: float) -> Tensor:
    return torch.tensor(number, dtype=torch.int64 if isinstance(number, int) else torch.float64)


def _number(value: Tensor) -> float | int:
    """What the scaler counts in whole numbers stays whole."""
    number: float | int = value.item()
    return number


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


WEIGHTS_NAME = "weights.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """What a run learns from, and where it tells of it."""

    run: RunFolder
    config: RunConfig
    fabric: Fabric
    images: dict[Split, ImageSet]

    def say(self, message: str, *, done: int) -> None:
        if self.fabric.is_global_zero:
            total = self.config.optim.epochs
            self.run.write_status(
                RunStatus(state=RunState.RUNNING, done=done, total=total, message=message)
            )

    def is_asked_to_stop(self) -> bool:
        """What the first process sees holds for all, or some would wait for the others forever."""
        asked = self.run.is_asked_to_stop()
        return bool(self.fabric.broadcast(asked)) if self.fabric.world_size > 1 else asked

    def evaluation(self, split: Split) -> EvaluationBatches:
        return EvaluationBatches(
            images=self.images[split], config=self.config, device=self.fabric.device
        )


def learn(course: Course, network: Network) -> Progress:
    """Train until the end, a stall or a stop, from wherever the run had come to before.

    The best weights lie in the run's folder afterwards; `network` has the last ones.
    """
    run, config, fabric = course.run, course.config, course.fabric
    begun = time.perf_counter()  # asking a frozen front is part of what a training takes
    try:
        module, train, val = _halved(course, network)
    except StoppedError:
        return read_progress(run.file("last"))
    unfreeze(network, config.optim, epoch=config.optim.epochs)  # all that will ever be trained
    learner = make_learner(fabric, module, config.optim)
    progress = _resumed(run, network, learner, is_first=fabric.is_global_zero)
    lesson = _lesson(course, network, train, val)
    history, train_losses = list(progress.history), list(progress.train_losses)
    started = begun - progress.seconds

    def reached() -> Progress:
        return Progress(
            history=tuple(history),
            train_losses=tuple(train_losses),
            seconds=time.perf_counter() - started,
        )

    def report(result: EpochResult) -> None:
        train_losses.append(result.train_loss)
        if fabric.is_global_zero:
            _tell(course, network, result, reached())

    def keep() -> None:
        if fabric.is_global_zero:
            save_state(run.file("last"), network.classifier, learner, reached())

    _begin(course, ended=len(history))
    fit(
        fabric,
        learner,
        config.optim,
        lesson,
        history=history,
        report=report,
        keep=keep,
        should_stop=course.is_asked_to_stop,
    )
    return reached()


def _lesson(course: Course, network: Network, train: Batches, val: Batches) -> Lesson:
    config, validation = course.config, course.images[Split.VAL]
    groups = validation.manifest["group_id"]

    def begin(epoch: int) -> None:
        unfreeze(network, config.optim, epoch=epoch)
        if isinstance(train, PatchBatches):
            train.look_for_hard(
                epoch, lambda tissue: _likeness(course.fabric, network.classifier, tissue)
            )

    return Lesson(
        train=train,
        val=val,
        loss=make_loss(
            course.images[Split.TRAIN].labels, config.balance, config.task, config.optim.loss
        ),
        judge=lambda logits: judge(logits, validation.labels, groups, config.task),
        seed=config.seed,
        begin=begin,
    )


def _halved(course: Course, network: Network) -> tuple[nn.Module, Batches, Batches]:
    """What is trained and what it is fed: the whole on images, or its back on kept features."""
    config, fabric = course.config, course.fabric
    train = training_batches(
        course.images[Split.TRAIN],
        config,
        fabric.device,
        rank=fabric.global_rank,
        processes=fabric.world_size,
    )
    val = course.evaluation(Split.VAL)
    if not config.optim.cached_variants:
        return network.classifier, train, val
    is_linear = config.optim.trained == "linear"
    halves = cut(network.classifier, network.still, network.example, is_linear=is_linear)

    def report(done: int, total: int) -> None:
        course.say(f"Computing features of the frozen layers: {done} of {total}", done=0)

    asking = Asking(fabric=fabric, report=report, should_stop=course.is_asked_to_stop)
    kept_train = keep_training(halves, train, asking)
    return halves.back, kept_train, keep_evaluation(halves, val, asking)


def _likeness(
    fabric: Fabric, classifier: Classifier, patches: EvaluationBatches
) -> NDArray[np.float32]:
    """How much the network takes each patch for a lesion, in log-odds against tissue."""
    logits = predict_logits(fabric, classifier, patches)
    likeness: NDArray[np.float32] = logits[:, 1:].max(axis=1) - logits[:, 0]
    return likeness


def _resumed(run: RunFolder, network: Network, learner: Learner, *, is_first: bool) -> Progress:
    """Where the run had come to; its metrics end there, too."""
    progress = read_progress(run.file("last"))
    if progress.history:
        load_state(run.file("last"), network.classifier, learner, progress)
    if is_first:
        _cut_metrics(run, last_epoch=len(progress.history))
    return progress


def _cut_metrics(run: RunFolder, *, last_epoch: int) -> None:
    path = run.file("metrics.jsonl")
    if not path.exists():
        return
    text = path.read_text(encoding="utf-8")
    whole_lines = text[: text.rfind("\n") + 1].splitlines(keepends=True)
    kept = [line for line in whole_lines if json.loads(line)["epoch"] <= last_epoch]
    replace_file(path, "".join(kept))


def _begin(course: Course, *, ended: int) -> None:
    """A compiler may take minutes over the first batch, in which nothing else is heard."""
    optim = course.config.optim
    if ended == optim.epochs:
        return
    first = "Compiling the network. " if optim.is_compiled else ""
    course.say(f"{first}Epoch {ended + 1} of {optim.epochs} is next.", done=ended)


def _tell(course: Course, network: Network, result: EpochResult, progress: Progress) -> None:
    """Best weights, two lines of metrics, and the status."""
    run, optim, judged = course.run, course.config.optim, result.judged
    best = best_epoch(progress.history, optim.monitor)
    if best == result.epoch:
        save_weights(network.classifier, run.file(WEIGHTS_NAME))
    run.append_metrics(
        {
            "epoch": result.epoch,
            "split": "train",
            "loss": result.train_loss,
            "learning_rate": result.learning_rate,
            "images_per_second": round(result.images_per_second, 2),
            "memory_gb": memory_gb(course.fabric.device),
        }
    )
    told = alarms(
        progress.history, progress.train_losses, least_sensitivity=optim.least_sensitivity
    )
    val = course.images[Split.VAL]
    run.append_metrics(
        {
            "epoch": result.epoch,
            "split": "val",
            "women": int(val.manifest["group_id"].nunique()),
            "images": len(val.labels),
            "positive_images": int(np.isin(val.labels, course.config.task.positive_indices).sum()),
            "loss": judged.loss,
            "auc": judged.auc,
            "kappa": judged.kappa,
            "threshold": judged.threshold,
            "sensitivity": judged.sensitivity,
            "specificity": judged.specificity,
            "precision": judged.precision,
            "sensitivity_at_specificity_90": judged.sensitivity_at_specificity_90,
            "called": judged.called,
            "largest_class_said": max(judged.said, default=None),
            "alarm": " ".join(told) or None,
        }
    )
    message = f"Epoch {result.epoch} of {optim.epochs}; the best so far is {best}."
    course.say(" ".join([message, *told]), done=result.epoch)
