"""The training loop, written out: what you read is what runs.

It touches no file, prints nothing and knows no run folder. It tells its caller about every epoch
through `report` and asks after every batch, through `should_stop`, whether to go on.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from mammo_core.config import OptimConfig
from mammo_core.errors import RunError
from mammo_core.training.batches import Batches
from mammo_core.training.losses import Loss
from mammo_core.training.machine import can_be_fused, compiled, scaler_of
from mammo_core.training.monitor import Judge, Judged, has_stalled
from mammo_core.zoo.freezing import last_linear, train_mode

_ONE_CYCLE_RISE: Final = 0.3  # of all steps
_ONE_CYCLE_START: Final = 1 / 25  # of the peak


def learning_rate(step: int, optim: OptimConfig, *, steps_per_epoch: int) -> float:
    """The rate of optimiser step `step`, counted from 0; a plateau is lowered from outside."""
    total = optim.epochs * steps_per_epoch
    warmup = optim.warmup_epochs * steps_per_epoch
    peak = optim.learning_rate
    if optim.schedule == "one_cycle":
        # Smith (2018): up in a half cosine, then down to nothing in a longer one.
        rise = max(1.0, _ONE_CYCLE_RISE * total)
        if step < rise:
            return _half_cosine(1.0 - step / rise, high=peak, low=peak * _ONE_CYCLE_START)
        return _half_cosine((step - rise) / max(1.0, total - rise), high=peak, low=0.0)
    if step < warmup:
        return peak * (step + 1) / warmup
    if optim.schedule == "cosine":
        return _half_cosine((step - warmup) / max(1, total - warmup), high=peak, low=0.0)
    return peak


def plateau_scale(losses: list[float], optim: OptimConfig) -> float:
    """What the rate is multiplied with after these validation losses: `plateau_factor` for every
    `plateau_patience` epochs in which the lowest loss so far was not beaten.
    """
    scale, lowest, waited = 1.0, math.inf, 0
    for loss in losses:
        waited = 0 if loss < lowest else waited + 1
        lowest = min(lowest, loss)
        if waited == optim.plateau_patience:
            scale, waited = scale * optim.plateau_factor, 0
    return scale


def _half_cosine(progress: float, *, high: float, low: float) -> float:
    return low + (high - low) * 0.5 * (1.0 + math.cos(math.pi * progress))


_STEPS: Final = "steps"  # no weight has such a short name


class Average:
    """The exponential moving average of what is trained in a network, and of what its norms
    measure: averaged weights beside statistics of other weights would be a network nobody trained.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._network = network
        self._decay = decay
        self._steps = torch.zeros((), dtype=torch.int64)
        self._shadow = {name: tensor.detach().clone() for name, tensor in self._moving()}

    def update(self) -> None:
        """Take in the weights as they are now; early on, follow them closely."""
        self._steps += 1
        steps = int(self._steps)
        decay = min(self._decay, (1 + steps) / (10 + steps))
        with torch.no_grad():
            for name, tensor in self._moving():
                self._shadow[name].lerp_(tensor, 1.0 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within this, the network has its average weights."""
        own = {name: tensor.detach().clone() for name, tensor in self._moving()}
        self._put(self._shadow)
        try:
            yield
        finally:
            self._put(own)

    def tensors(self) -> dict[str, Tensor]:
        """What a resumed run needs; `load` takes it back."""
        return {**self._shadow, _STEPS: self._steps}

    def load(self, tensors: dict[str, Tensor]) -> None:
        for name, tensor in self.tensors().items():
            tensor.copy_(tensors[name])

    def _put(self, weights: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, tensor in self._moving():
                tensor.copy_(weights[name])

    def _moving(self) -> Iterator[tuple[str, Tensor]]:
        for name, parameter in self._network.named_parameters():
            if parameter.requires_grad:
                yield name, parameter
        for name, buffer in self._network.named_buffers():
            if buffer.is_floating_point():
                yield name, buffer


_LOOK_AT_LOSS_EVERY: Final = 20  # batches: looking makes a GPU wait


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learner:
    """What changes while training: `network` is `module` as Fabric runs it, compiled where that is
    asked for. What is kept is always `module`: its weights have the same names either way.
    """

    module: nn.Module
    network: Any
    optimizer: Any
    average: Average | None
    scaler: torch.amp.GradScaler | None = None  # where 16 bits would lose small gradients


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """What is to be learnt, and how it is judged. `seed` decides what dropout drops."""

    train: Batches
    val: Batches
    loss: Loss
    judge: Judge
    seed: int
    begin: Callable[[int], None] = lambda epoch: None  # called before each epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochResult:
    epoch: int
    learning_rate: float
    train_loss: float
    images_per_second: float
    judged: Judged


def make_learner(fabric: Fabric, module: nn.Module, optim: OptimConfig) -> Learner:
    """An optimiser over what of `module` is trained; norms and biases are not decayed."""
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    last: set[int] = set()
    if optim.head_rate != 1.0:
        last = {id(p) for p in module.get_submodule(last_linear(module)).parameters()}
    head = [p for p in trained if id(p) in last]
    body = [p for p in trained if id(p) not in last]
    groups = [
        {"params": part, "weight_decay": decay, "times": times}
        for of, times in ((body, 1.0), (head, optim.head_rate))
        for part, decay in (
            ([p for p in of if p.ndim > 1], optim.weight_decay),
            ([p for p in of if p.ndim <= 1], 0.0),
        )
        if part
    ]
    rate, is_fused = optim.learning_rate, can_be_fused(fabric)
    optimizer: torch.optim.Optimizer
    if optim.optimizer == "sgd":
        optimizer = torch.optim.SGD(groups, lr=rate, momentum=optim.momentum, fused=is_fused)
    elif optim.optimizer == "adam":
        optimizer = torch.optim.Adam(groups, lr=rate, fused=is_fused)
    else:
        optimizer = torch.optim.AdamW(groups, lr=rate, fused=is_fused)
    network, wrapped = fabric.setup(compiled(module) if optim.is_compiled else module, optimizer)
    average = Average(module, optim.ema_decay) if optim.ema_decay else None
    return Learner(
        module=module,
        network=network,
        optimizer=wrapped,
        average=average,
        scaler=scaler_of(fabric),
    )


def fit(
    fabric: Fabric,
    learner: Learner,
    optim: OptimConfig,
    lesson: Lesson,
    *,
    history: list[Judged],
    report: Callable[[EpochResult], None],
    keep: Callable[[], None],
    should_stop: Callable[[], bool],
) -> None:
    """Go on from `history`, the epochs there were, until `optim.epochs`, a stall, or a stop.

    `report` is called while the network has its average weights, if there are any; `keep` when it
    has its own again, for a later run to go on from.
    """
    for epoch in range(len(history) + 1, optim.epochs + 1):
        if has_stalled(history, optim.monitor, optim.patience):
            return
        is_lowered = optim.schedule == "plateau"
        scale = plateau_scale([j.loss for j in history], optim) if is_lowered else 1.0
        torch.manual_seed(lesson.seed * 1_000_003 + epoch * 1_009 + fabric.global_rank)  # dropout
        lesson.begin(epoch)
        train_mode(learner.network)
        started = time.perf_counter()
        total_loss = torch.zeros((), device=fabric.device)
        images_seen, rate = 0, 0.0

        for number, (inputs, targets) in enumerate(lesson.train.epoch(epoch), start=1):
            is_step = number % optim.accumulate == 0 or number == len(lesson.train)
            added_up = _batches_of_step(number, optim.accumulate, of=len(lesson.train))
            with fabric.no_backward_sync(learner.network, enabled=not is_step):
                weight = _mean_weight(fabric, lesson.loss, targets)
                loss = lesson.loss(learner.network(inputs), targets, weight)
                fabric.backward(loss / added_up)
            total_loss += loss.detach() * len(inputs)
            images_seen += len(inputs)
            if is_step:
                rate = scale * _rate_of(epoch, number, optim, batches=len(lesson.train))
                _step(fabric, learner, optim, rate)
            if number % _LOOK_AT_LOSS_EVERY == 0 or number == len(lesson.train):
                _refuse_no_number(total_loss, epoch, number)
            if should_stop():
                return

        seconds = time.perf_counter() - started
        mean_loss: Any = fabric.all_reduce(total_loss / images_seen, reduce_op="mean")
        with learner.average.in_place() if learner.average else nullcontext():
            judged = lesson.judge(predict_logits(fabric, learner.module, lesson.val))
            if fabric.world_size > 1:  # all go by the first, or one would end and others wait
                judged = fabric.broadcast(judged)
            history.append(judged)
            report(
                EpochResult(
                    epoch=epoch,
                    learning_rate=rate,
                    train_loss=mean_loss.item(),
                    images_per_second=images_seen * fabric.world_size / seconds,
                    judged=judged,
                )
            )
        keep()


def _batches_of_step(batch: int, accumulate: int, *, of: int) -> int:
    """How many batches the step that `batch`, from 1, belongs to adds up; the last may be short."""
    before = (batch - 1) // accumulate * accumulate
    return min(accumulate, of - before)


def _mean_weight(fabric: Fabric, loss: Loss, targets: torch.Tensor) -> torch.Tensor | None:
    """Of the shares of a batch that several processes have, so that together they step as one.

    Did each divide by what its own share weighs, a cancer would count for less wherever there are
    more of them.
    """
    if fabric.world_size == 1:
        return None
    mean: Any = fabric.all_reduce(loss.weight_of(targets), reduce_op="mean")
    return cast(torch.Tensor, mean)


def _rate_of(epoch: int, batch: int, optim: OptimConfig, *, batches: int) -> float:
    steps = -(-batches // optim.accumulate)
    step = (epoch - 1) * steps + -(-batch // optim.accumulate) - 1
    return learning_rate(step, optim, steps_per_epoch=steps)


def _step(fabric: Fabric, learner: Learner, optim: OptimConfig, rate: float) -> None:
    for group in learner.optimizer.param_groups:
        group["lr"] = rate * group["times"]
    if optim.clip_norm:
        # In 16 bits a gradient may overflow; the scaler then leaves out the step.
        fabric.clip_gradients(
            learner.network,
            learner.optimizer,
            max_norm=optim.clip_norm,
            error_if_nonfinite=False,
        )
    learner.optimizer.step()
    learner.optimizer.zero_grad(set_to_none=True)
    if learner.average:
        learner.average.update()


@torch.inference_mode()
def predict_logits(
    fabric: Fabric | None, module: nn.Module, batches: Batches
) -> NDArray[np.float32]:
    """(images, classes), in the order of the image set; without `fabric`, in full precision.

    Every process does all of it; what the first makes of it holds for all.
    """
    module.eval()
    logits = []
    for inputs, _ in batches.epoch(0):
        with fabric.autocast() if fabric else nullcontext():
            logits.append(module(inputs).float().cpu())
    return torch.cat(logits).numpy()


def _refuse_no_number(total_loss: torch.Tensor, epoch: int, batch: int) -> None:
    if not torch.isfinite(total_loss):
        raise RunError(
            f"The loss has become {total_loss.item()} by batch {batch} of epoch {epoch}. The best "
            "weights so far are kept. Choose a smaller learning rate, or precision 32-true."
        )
