"""A run followed from a shell: a line an epoch, and what else it says of itself."""

import time
from collections.abc import Callable, Iterator
from typing import Final

import pandas as pd

from mammo_core.config import RunConfig, load_settings
from mammo_core.errors import ConfigError
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.types import Level
from mammo_core.words import case_in_words

LOOK_EVERY_SECONDS: Final = 0.2
_SAY_AGAIN_SECONDS: Final = 5.0  # the same news with other numbers: "Preparing images: 25 of 400"
_MINUTE: Final = 60.0

Say = Callable[[str], None]


def follow(run: RunFolder, say: Say) -> RunStatus:
    """Until `run` is over; its last words are for the caller to say."""
    news, epochs, before = News(say), _Epochs(run, say), None
    while True:
        status = run.read_status()
        if status != before:  # it is written after the metrics of an epoch
            epochs.look(total=status.total)
        before = status
        if status.state.is_over:
            return status
        if not status.message.startswith("Epoch "):
            told = f"{status.state}: {status.message}" if status.message else str(status.state)
            news.hear(told, now=time.monotonic())
        time.sleep(LOOK_EVERY_SECONDS)


class News:
    """Says each thing once, and what changes in nothing but its numbers now and then."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._line = ""
        self._kind = ""
        self._at = 0.0

    def hear(self, line: str, *, now: float) -> None:
        kind = "".join(letter for letter in line if not letter.isdigit())
        if line == self._line or (kind == self._kind and now - self._at < _SAY_AGAIN_SECONDS):
            return
        self._line, self._kind, self._at = line, kind, now
        self._say(line)


class _Epochs:
    """Says every epoch that ends; of those before one began to look, the last."""

    def __init__(self, run: RunFolder, say: Say) -> None:
        self._run = run
        self._say = say
        self._said: int | None = None
        self._ended_at: float | None = None
        self._case = case_in_words(Level.IMAGE, _views_of(run))  # in the first line alone

    def look(self, *, total: int) -> None:
        rows = list(_ended_epochs(self._run.read_metrics()))
        if self._said is None:
            self._said = rows[-2][0] if len(rows) > 1 else 0
        for epoch, train, val in rows:
            if epoch <= self._said:
                continue
            now = time.monotonic()
            left = ""
            if self._ended_at is not None and epoch < total:
                left = f"; {_in_words((now - self._ended_at) * (total - epoch))} left"
            self._ended_at, self._said = now, epoch
            told = _epoch_in_words(train, val, case=self._case)
            self._case = str(Level.IMAGE)
            self._say(f"epoch {epoch:3} of {total}: {told}{left}")


def _views_of(run: RunFolder) -> int:
    """1 for a run that is no training."""
    try:
        return load_settings(run.file("run.json"), RunConfig).model.views
    except ConfigError:
        return 1


def _ended_epochs(metrics: pd.DataFrame) -> Iterator[tuple[int, pd.Series, pd.Series]]:
    """The epochs both of whose rows are there, with those of training and validation."""
    if "loss" not in metrics:
        return
    train = metrics[metrics["split"] == "train"].set_index("epoch")
    val = metrics[metrics["split"] == "val"].set_index("epoch")
    for epoch in sorted(set(train.index) & set(val.index)):
        yield int(epoch), train.loc[epoch], val.loc[epoch]


def _epoch_in_words(train: pd.Series, val: pd.Series, *, case: str) -> str:
    parts = [
        f"validation AUC {_number(val, 'auc')} by {case}",
        f"sensitivity {_number(val, 'sensitivity_at_specificity_90', 2)} at specificity 0.90",
        f"loss {_number(val, 'loss')} (training {_number(train, 'loss')})",
        f"{_number(train, 'images_per_second', 0)} images/s",
    ]
    alarm = val.get("alarm")
    return ", ".join(parts) + (f". Alarm: {alarm}" if isinstance(alarm, str) else "")


def _number(row: pd.Series, name: str, decimals: int = 3) -> str:
    value = row.get(name)
    return "unknown" if value is None or pd.isna(value) else f"{value:.{decimals}f}"


def _in_words(seconds: float) -> str:
    if seconds < 2 * _MINUTE:
        return f"about {max(1.0, seconds):.0f} s"
    return f"about {seconds / _MINUTE:.0f} min"
