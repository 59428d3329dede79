"""A run on disk. The folder is the whole interface between a worker process and everyone else.

run.json             the settings            written once, before the process starts
status.json          state, progress         replaced whole by the worker
worker.lock          held by the worker while it lives
worker               the computer it lives on
place.json           the cluster it was given to, where it was: see places/cluster.py
heartbeat            empty; its age says whether the worker still lives
metrics.jsonl        one line per epoch and split, only ever appended
log.txt              everything the worker printed
stop                 empty; whoever creates it asks the worker to stop
last/                what a resumed run needs
weights.safetensors  the best weights so far
predictions.csv      scores of the validation and test images
seen.csv             whom the run sees, by split: see runs/sidecars.py
left_out.csv         of an evaluation: images that could not be read, and why
model_card.json      written last: its presence makes the folder a usable checkpoint
about.json           what it is called, notes, tags: see runs/naming.py
pictures.zip         small pictures of its validation images, of drawn ones: see runs/pictures.py
baselines.csv        scores of guesses without a network on the same images; learnt after the card
"""

import json
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import pandas as pd

from mammo_core.config import load_settings
from mammo_core.errors import ConfigError, DiskError, RunError
from mammo_core.files import (
    checkpoints_root,
    replace_file,
    sha256_of,
    shipped_checkpoints_root,
    told_of_disk,
    try_lock,
    unlock,
)
from mammo_core.places.cluster import job_state, read_placed
from mammo_core.records import damage_in_words, from_document, read_object, to_document
from mammo_core.runs.card import ModelCard, read_card
from mammo_core.types import RunState

T = TypeVar("T")

HEARTBEAT_SECONDS: Final = 2.0
LOST_AFTER_SECONDS: Final = 30.0
NO_SUCH_RUN: Final = "There is no run named {run_id!r}. It may have been deleted or moved."
BASELINES_NAME: Final = "baselines.csv"
MEMBERS_NAME: Final = "members.json"  # of an ensemble, which has no card of its own
_SPARE: Final = "spare"
_SPARE_BYTES: Final = 2**16
_DATED: Final = re.compile(r"\d{8}-\d{6}-")  # as `jobs.new_run_id` makes them


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """Where a run stands. `done` of `total` counts epochs of a training, files of a job."""

    state: RunState
    done: int = 0
    total: int = 0
    message: str = ""

    @property
    def progress(self) -> float:
        return max(0.0, min(1.0, self.done / self.total)) if self.total > 0 else 0.0


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The paths of one run, and the reading and writing of its small files."""

    path: Path

    @property
    def run_id(self) -> str:
        return self.path.name

    def file(self, name: str) -> Path:
        return self.path / name

    @property
    def settings_file(self) -> Path:
        return self.file("run.json")

    @property
    def card_file(self) -> Path:
        return self.file("model_card.json")

    @property
    def predictions_file(self) -> Path:
        return self.file("predictions.csv")

    @property
    def weights_file(self) -> Path:
        return self.file("weights.safetensors")

    def settings(self, kind: type[T]) -> T:
        """The settings this run was started with, which must be of that `kind`."""
        return load_settings(self.settings_file, kind)

    def document(self) -> dict[str, Any]:
        """The settings as they stand in the file, of whatever kind; empty where there are none."""
        try:
            return read_object(self.settings_file, where="run.json")
        except FileNotFoundError:
            return {}
        except ConfigError as error:
            raise RunError(f"The settings of {self.run_id} cannot be read: {error}") from None

    @property
    def kind(self) -> str:
        """The work this run does, as its settings call it; empty where they cannot be read."""
        try:
            return str(self.document().get("kind", ""))
        except RunError:
            return ""

    def card(self) -> ModelCard:
        return read_card(self.card_file)

    @property
    def is_checkpoint(self) -> bool:
        return self.card_file.exists()

    @property
    def is_ensemble(self) -> bool:
        return not self.is_checkpoint and self.file(MEMBERS_NAME).exists()

    @property
    def has_predictions(self) -> bool:
        return self.predictions_file.exists()

    def write_status(self, status: RunStatus) -> None:
        """On a full disk too: a worker has kept room for its last words."""
        document = json.dumps(to_document(status)) + "\n"
        try:
            replace_file(self.file("status.json"), document)
        except DiskError:
            self.file(_SPARE).unlink(missing_ok=True)
            replace_file(self.file("status.json"), document)

    def read_status(self, *, now: float | None = None) -> RunStatus:
        """The state as written; LOST where a live run has stopped beating or died, NOT_STARTED
        where it was made for somebody else to start (`mammo train --no-start`).
        """
        status = self._written_status()
        if status.state.is_over:
            return status
        if status.state is RunState.QUEUED and not self.file("heartbeat").exists():
            return replace(
                status,
                state=RunState.NOT_STARTED,
                message=f"Nobody has started it yet: use torchrun, or mammo resume {self.run_id}.",
            )
        now = time.time() if now is None else now
        if status.state is RunState.QUEUED and (placed := self._placed_status(status, now=now)):
            return placed
        if self.silence(now=now) > LOST_AFTER_SECONDS:
            told = f"The worker has not been heard of for {LOST_AFTER_SECONDS:.0f} seconds"
        elif self._is_worker_dead():
            status = self._written_status()  # it may have ended well between the two looks
            told = "The worker has died"
        else:
            return status
        if status.state.is_over:
            return status
        if self.is_checkpoint:  # the card is written last: the model is whole
            told = f"{told} after the model was finished; the baselines may be missing."
            return replace(status, state=RunState.FINISHED, message=told)
        return replace(
            status,
            state=RunState.LOST,
            message=f"{told}; it may have been killed or run out of memory. The log has its last "
            "words.",
        )

    def _placed_status(self, status: RunStatus, *, now: float) -> RunStatus | None:
        """Of a run in line on a cluster, where nobody beats for it: as the cluster says. None where
        it is not in line there, or its worker has come to life.
        """
        placed = read_placed(self.path)
        if placed is None or self.file("worker").exists():
            return None
        state, said = job_state(placed)
        if state == "waiting":
            return replace(status, message="Waiting for room on the cluster.")
        if state == "working":
            return replace(status, message="Starting on the cluster.")
        if self._written_status().state is not RunState.QUEUED:
            return None  # it was quick
        if state == "unknown" and self.silence(now=now) <= LOST_AFTER_SECONDS:
            return None
        return replace(status, state=RunState.LOST, message=f"It never began. {said}")

    def _written_status(self) -> RunStatus:
        try:
            document = json.loads(self.file("status.json").read_text(encoding="utf-8"))
            return from_document(document, RunStatus, where="status.json")
        except FileNotFoundError:
            raise RunError(f"{self.run_id} is not a run: it has no status.json.") from None
        except (ValueError, RecursionError, ConfigError) as error:
            raise RunError(
                f"The status of run {self.run_id} cannot be read: {damage_in_words(error)}. Put "
                "status.json back from a copy, or delete the run."
            ) from None

    def silence(self, *, now: float | None = None) -> float:
        """Seconds since the last sign of life."""
        return (time.time() if now is None else now) - self._last_beat()

    @contextmanager
    def worker_lives(self) -> Iterator[None]:
        """Held by the worker while it works: its death, however sudden, lets the lock go."""
        with suppress(DiskError):  # then there is no room even now, and the work will say so
            replace_file(self.file(_SPARE), os.urandom(_SPARE_BYTES))  # zeros might take no room
        with self.file("worker.lock").open("a+b") as lock:
            if try_lock(lock):  # else another worker has it, or this disk knows no locks
                replace_file(self.file("worker"), socket.gethostname())
            yield
        self.forget_worker()  # its status is written: nobody needs to ask
        self.file("worker.lock").unlink(missing_ok=True)
        self.file(_SPARE).unlink(missing_ok=True)

    def forget_worker(self) -> None:
        """Before another one starts, which takes a while to come to life."""
        self.file("worker").unlink(missing_ok=True)

    def _is_worker_dead(self) -> bool:
        """True only where that is certain: a worker of this computer has held the lock, and nobody
        holds it now.
        """
        try:
            host = self.file("worker").read_text(encoding="utf-8")
            with self.file("worker.lock").open("r+b") as lock:
                if host != socket.gethostname() or not try_lock(lock):
                    return False
                unlock(lock)
        except OSError:
            return False
        return True

    def append_metrics(self, row: Mapping[str, float | int | str | None]) -> None:
        with self.file("metrics.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(dict(row)) + "\n")

    def read_metrics(self) -> pd.DataFrame:
        """All metrics so far. A last line still being written is left for the next read, and a
        line that a kill cut short is left out.
        """
        try:
            text = self.file("metrics.jsonl").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return pd.DataFrame(columns=["epoch", "split"])
        rows = [_row_of(line) for line in text[: text.rfind("\n") + 1].splitlines()]
        whole = [row for row in rows if row is not None]
        return pd.DataFrame(whole) if whole else pd.DataFrame(columns=["epoch", "split"])

    def read_log(self, *, last_lines: int) -> str:
        try:
            text = self.file("log.txt").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-last_lines:])

    def beat(self) -> None:
        self.file("heartbeat").touch()

    def ask_to_stop(self) -> None:
        with told_of_disk(self.path):
            self.file("stop").touch()

    def is_asked_to_stop(self) -> bool:
        return self.file("stop").exists()

    def _last_beat(self) -> float:
        for name in ("heartbeat", "run.json"):
            if self.file(name).exists():
                return self.file(name).stat().st_mtime
        return 0.0


def _row_of(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and {"epoch", "split"} <= row.keys() else None


def list_runs(*roots: Path) -> list[RunFolder]:
    """Every run and checkpoint below `roots`, newest first, then those with names of their own; of
    two with one name, the first.
    """
    found: dict[str, RunFolder] = {}
    for root in roots:
        for entry in root.glob("*/status.json"):
            found.setdefault(entry.parent.name, RunFolder(entry.parent))
    return sorted(
        found.values(), key=lambda run: (bool(_DATED.match(run.run_id)), run.run_id), reverse=True
    )


def find_run(run_id: str, *roots: Path) -> RunFolder:
    """The run of that name. The name is only ever compared, never used to build a path."""
    for run in list_runs(*roots):
        if run.run_id == run_id:
            return run
    raise RunError(NO_SUCH_RUN.format(run_id=run_id))


def find_checkpoint(name: str) -> RunFolder:
    """The run or checkpoint of that name on this computer, or among those that ship."""
    return find_run(name, checkpoints_root(), shipped_checkpoints_root())


def list_checkpoints() -> list[RunFolder]:
    """Every run and checkpoint on this computer, and those that ship."""
    return list_runs(checkpoints_root(), shipped_checkpoints_root())


def card_hash(run: RunFolder) -> str:
    """Of the card; of the list of members where `run` is an ensemble."""
    for name in ("model_card.json", MEMBERS_NAME):
        with suppress(FileNotFoundError):
            return sha256_of(run.file(name))
    raise RunError(
        f"{run.run_id} has no model card. Wait until it has finished; if it had, it was moved or "
        "deleted."
    )
