"""Networks converted for OpenVINO, made once per checkpoint, held against torch, and kept.

To convert takes several times what the network itself takes, so whoever reads has it done by
`python -m mammo_core.inference.openvino CHECKPOINT_FOLDER`, and what it took ends with that.
"""

import faulthandler
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from mammo_core.config import PrepareSettings
from mammo_core.errors import ConfigError
from mammo_core.files import REPOSITORY, cache_root, home, locked, replace_file, sha256_of
from mammo_core.inference.checkpoint import (
    MOST_PIXELS,
    Batch,
    Checkpoint,
    Outputs,
    forward,
    in_pieces,
    inputs_of,
    load_checkpoint,
    outputs_of,
)
from mammo_core.preprocessing.prepare import prepare
from mammo_core.records import from_document, to_document
from mammo_core.runs.card import ModelCard
from mammo_core.types import ImageInfo, ImageRef, Mammogram, Size
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.openvino import ConversionError, Number, load_network, write_network


def _write(model: Classifier, path: Path, *, channels: int, size: Size) -> None:
    """`model` for any number of images of `size`."""
    example: tuple[Tensor, ...] = (torch.zeros(2, channels, *size),)
    shapes = [[-1, channels, *size]]
    if model.views > 1:
        example, shapes = (*example, torch.tensor([0, 1, 1, 0])), [*shapes, [-1]]
    write_network(_Outputs(model), path, example=example, shapes=shapes)


def open_network(
    path: Path, number: Number
) -> tuple[Callable[[Batch], Outputs], Callable[[], None]]:
    """The network in `path`, ready to run from any thread, one batch at a time; and what lets it
    give back the room that this has taken.
    """
    network = load_network(path, number)

    def piece(batch: Batch) -> Outputs:
        logits, feature_map, embedding = network(inputs_of(batch))
        return Outputs(logits=logits, feature_map=feature_map, embedding=embedding)

    return partial(in_pieces, piece), network.rest


class _Outputs(nn.Module):
    """The three outputs of an engine in one forward pass."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(
        self, images: Tensor, places: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        return outputs_of(self.classifier, images, places)


_SIZE: Final = (512, 256)
_REACH: Final = 0.8  # of the frame; what is around the breast is background
_GRAINS: Final = (1, 4, 16, 64)  # pixels


def trial_batch(settings: PrepareSettings, *, views: int = 1, count: int = 4) -> Batch:
    """So many made-up breasts, four at most, prepared; over several views all four, each with the
    others beside it.
    """
    rng = np.random.default_rng(0)
    height, width = _SIZE
    rows, columns = np.ogrid[-1 : 1 : height * 1j, 0 : 1 : width * 1j]
    is_breast = rows**2 + columns**2 < _REACH**2
    batch = []
    for _ in range(count if views == 1 else 4):
        # Tissue at several scales, from single pixels to a quarter of the width.
        grains = [rng.random((height // grain, width // grain)) for grain in _GRAINS]
        tissue = [np.kron(one, np.ones((g, g))) for one, g in zip(grains, _GRAINS, strict=True)]
        pixels = np.where(is_breast, np.mean(tissue, axis=0), 0.0).astype(np.float32)
        ref = ImageRef(image_id="trial")
        info = ImageInfo(ref=ref, kind="drawn", bits=12, is_synthetic=True)
        image = Mammogram(info=info, pixels=pixels)
        batch.append(prepare(image, settings).pixels)
    whole = np.stack(batch)
    beside = np.array([[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]])[:views]
    return whole if views == 1 else np.stack([whole[rows] for rows in beside], axis=1)


#: Of a logit, from torch's: with more, torch is used.
LARGEST_DIFFERENCE: Final = 1e-4

#: Part of every key. Raise it when the same network comes to be converted otherwise.
VERSION: Final = 2

_MODEL: Final = "model.xml"
_WEIGHTS: Final = "model.bin"
_RECORD: Final = "engine_check.json"
_MOST_KEPT: Final = 16  # networks; the one not used for longest goes first
_HALF_MADE: Final = "making-"
_HALF_MADE_SECONDS: Final = 3600.0  # nobody converts for so long: a crash left it
_LOCK: Final = "engines.lock"
_CONVERTER: Final = "mammo_core.inference.openvino"
_OOM_SCORE: Final = Path("/proc/self/oom_score_adj")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCheck:
    """What is known of a converted network."""

    model_id: str
    weights_sha256: str
    versions: dict[str, str]
    difference: float | None = None  # the largest of a logit, from torch's
    files: dict[str, str] = field(default_factory=dict)  # name -> SHA-256
    problem: str = ""  # why it is not used, in a few words; becomes part of the engine's name
    reason: str = ""  # the same as a sentence


def network_path(card: ModelCard) -> Path:
    return engine_folder(card) / _MODEL


def engine_folder(card: ModelCard) -> Path:
    """Where the converted network of this checkpoint lies, or would."""
    document = {
        "version": VERSION,
        "weights": card.weights_sha256,
        "model": to_document(card.model),
        "input": [card.prepare.channels, *card.prepare.size],
        "classes": len(card.task.classes),
        "versions": _versions(),
    }
    key = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    return _root() / key


def find_check(card: ModelCard) -> EngineCheck | None:
    """What was found out before; None where nothing was, or where files were damaged since."""
    folder = engine_folder(card)
    try:
        document = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        check = from_document(document, EngineCheck, where=_RECORD)
        is_whole = all(sha256_of(folder / name) == digest for name, digest in check.files.items())
    except (OSError, ValueError, RecursionError, ConfigError):
        return None
    if not is_whole or not (check.problem or check.files.keys() == {_MODEL, _WEIGHTS}):
        return None
    os.utime(folder)
    return check


def check_of(checkpoint: Checkpoint) -> EngineCheck:
    """What was found out before, or is found out now, by a process of its own; one at a time."""
    card = checkpoint.card
    if (known := find_check(card)) is not None:
        return known
    with locked(cache_root() / _LOCK):
        if (made := find_check(card)) is not None:
            return made  # by another while this one waited
        ended = subprocess.run(
            [sys.executable, "-m", _CONVERTER, str(checkpoint.folder.resolve())],
            cwd=REPOSITORY,
            env={**os.environ, "MAMMO_HOME": str(home().resolve())},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # what a command says goes there, and nothing else
            check=False,
        )
    # It may have been killed for reasons of the moment: that is kept nowhere, and tried again.
    return find_check(card) or _cannot(card, f"the process that does so ended with {_end(ended)}")


def _end(ended: "subprocess.CompletedProcess[bytes]") -> str:
    code = ended.returncode
    return f"signal {-code}" if code < 0 else f"exit status {code}"


def _cannot(card: ModelCard, why: str) -> EngineCheck:
    return EngineCheck(
        model_id=card.model_id,
        weights_sha256=card.weights_sha256,
        versions=_versions(),
        problem="openvino cannot convert it",
        reason=f"OpenVINO cannot convert this network ({why}), so torch reads with it.",
    )


def main(folder: Path) -> None:
    # Whoever asked may be gone while native code hangs: nobody else would end this.
    faulthandler.dump_traceback_later(_HALF_MADE_SECONDS, exit=True)
    with suppress(OSError):  # where memory runs out, rather this process is killed than a server
        _OOM_SCORE.write_text("1000", encoding="ascii")
    make_check(load_checkpoint(folder))


def make_check(checkpoint: Checkpoint) -> EngineCheck:
    """Convert the network, hold it against torch, and keep both network and finding; here."""
    folder = engine_folder(checkpoint.card)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep()
    scratch = Path(tempfile.mkdtemp(prefix=_HALF_MADE, dir=folder.parent))
    try:
        check = _tried(checkpoint, scratch)
        replace_file(scratch / _RECORD, json.dumps(to_document(check), indent=2) + "\n")
        if folder.exists():
            if (made := find_check(checkpoint.card)) is not None:
                return made  # by another process meanwhile, and perhaps being opened by a third
            shutil.rmtree(folder, ignore_errors=True)  # a damaged one
        _rename(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return check


def _tried(checkpoint: Checkpoint, scratch: Path) -> EngineCheck:
    card = checkpoint.card
    settings = card.prepare

    def check(
        difference: float | None = None, *, problem: str = "", reason: str = ""
    ) -> EngineCheck:
        kept = () if problem else (_MODEL, _WEIGHTS)
        return EngineCheck(
            model_id=card.model_id,
            weights_sha256=card.weights_sha256,
            versions=_versions(),
            difference=difference,
            files={name: sha256_of(scratch / name) for name in kept},
            problem=problem,
            reason=reason,
        )

    try:
        _write(checkpoint.model, scratch / _MODEL, channels=settings.channels, size=settings.size)
    except ConversionError as error:
        return _cannot(card, str(error))
    few = max(1, min(4, MOST_PIXELS // (settings.size[0] * settings.size[1])))
    batch = trial_batch(settings, views=card.model.views, count=few)
    run, _ = open_network(scratch / _MODEL, "fp32")
    ours = run(batch).logits
    difference = float(np.abs(ours - forward(checkpoint.model, batch).logits).max())
    if difference <= LARGEST_DIFFERENCE:  # never true of a NaN
        return check(difference)
    (scratch / _WEIGHTS).unlink()
    return check(
        difference,
        problem="openvino differs",
        reason=f"OpenVINO's logits differ from torch's by {difference:.2g} (allowed: "
        f"{LARGEST_DIFFERENCE:g}), so torch reads with this network.",
    )


def _rename(scratch: Path, folder: Path) -> None:
    try:
        scratch.rename(folder)
    except OSError:
        if not (folder / _RECORD).is_file():  # else another process made the same at the same time
            raise


def _sweep() -> None:
    """Drop what a crash left half-made, and the networks not used for longest."""
    folders = sorted(_root().iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    made = [folder for folder in folders if not folder.name.startswith(_HALF_MADE)]
    now = time.time()
    stale = [
        folder
        for folder in folders
        if folder not in made and now - folder.stat().st_mtime > _HALF_MADE_SECONDS
    ]
    for folder in (*made[_MOST_KEPT - 1 :], *stale):
        shutil.rmtree(folder, ignore_errors=True)


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("openvino", "torch", "timm")}


def _root() -> Path:
    return cache_root() / "engines"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
