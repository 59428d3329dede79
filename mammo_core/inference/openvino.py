"""Networks converted for OpenVINO: `converting` makes each and holds it against torch, once. They
are kept with their heads, so that whoever reads needs no torch.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np

from mammo_core.config import PrepareSettings
from mammo_core.errors import ConfigError
from mammo_core.explain.closed_form import Head, load_head
from mammo_core.files import REPOSITORY, cache_root, home, locked, sha256_of
from mammo_core.inference.checkpoint import (
    AnyCheckpoint,
    Batch,
    Outputs,
    in_pieces,
    inputs_of,
)
from mammo_core.preprocessing.prepare import prepare
from mammo_core.records import from_document, to_document
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.types import ImageInfo, ImageRef, Mammogram
from mammo_core.zoo.openvino import Number, load_network


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
VERSION: Final = 4

MODEL: Final = "model.xml"
WEIGHTS: Final = "model.bin"
HEAD: Final = "head.npz"  # of networks whose head is plain
RECORD: Final = "engine_check.json"
_SMALL_BYTES: Final = 2**26
_SMALL_PIXELS: Final = 2**20
_MOST_SECONDS: Final = 1800.0  # for native code that hangs: others wait for it
_CONVERTER: Final = "mammo_core.inference.converting"


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
    return engine_folder(card) / MODEL


def find_head(card: ModelCard, check: EngineCheck) -> Head | None:
    """What heatmaps are made from, as plain arrays; None where torch must differentiate it."""
    return load_head(engine_folder(card) / HEAD) if HEAD in check.files else None


def engine_folder(card: ModelCard) -> Path:
    """Where the converted network of this checkpoint lies, or would."""
    document = {
        "version": VERSION,
        "weights": card.weights_sha256,
        "model": to_document(card.model),
        "input": [card.prepare.channels, *card.prepare.size],
        "classes": len(card.task.classes),
        "versions": versions(),
    }
    key = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    return engines_root() / key


def find_check(card: ModelCard) -> EngineCheck | None:
    """What was found out before; None where nothing was, or where files were damaged since."""
    folder = engine_folder(card)
    try:
        document = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        check = from_document(document, EngineCheck, where=RECORD)
        is_whole = all(sha256_of(folder / name) == digest for name, digest in check.files.items())
    except (OSError, ValueError, RecursionError, ConfigError):
        return None
    if not is_whole or not (check.problem or check.files.keys() >= {MODEL, WEIGHTS}):
        return None
    os.utime(folder)
    return check


#: Said before it begins: nothing tells how far it is.
CONVERTING: Final = (
    "Converting the network for this processor. That is done once for each model, and takes "
    "seconds, or minutes where it is large…"
)


def is_converted(card: ModelCard) -> bool:
    """Whether it was tried, whatever came of it."""
    return (engine_folder(card) / RECORD).exists()


def check_of(
    checkpoint: AnyCheckpoint, *, tell: Callable[[str], object] = lambda words: None
) -> EngineCheck:
    """What was found out before, or is found out now, by a process of its own."""
    card = checkpoint.card
    if (known := find_check(card)) is not None:
        return known
    tell(CONVERTING)
    with locked(_turn_of(checkpoint)):
        if (made := find_check(card)) is not None:
            return made  # by another while this one waited
        why = _converted_apart(checkpoint.folder)
    # It may have been for reasons of the moment: that is kept nowhere, and tried again.
    return find_check(card) or refused(card, "not converted", why)


def _turn_of(checkpoint: AnyCheckpoint) -> Path:
    """What to lock. Large networks are converted one after the other, as each takes gigabytes; a
    small one waits for no other.
    """
    card = checkpoint.card
    rows, columns = card.prepare.size
    try:
        weights = RunFolder(checkpoint.folder).weights_file.stat().st_size
    except OSError:  # whoever converts it says so
        weights = 0
    is_small = weights <= _SMALL_BYTES and rows * columns <= _SMALL_PIXELS
    return cache_root() / f"{engine_folder(card).name if is_small else 'engines'}.lock"


def _converted_apart(folder: Path) -> str:
    """Has the network converted. Should it come to nothing, why."""
    heard, held = os.pipe()  # what is held ends with this process: nobody waits any more then
    try:
        ended = subprocess.run(
            [sys.executable, "-m", _CONVERTER, str(folder.resolve())],
            cwd=REPOSITORY,
            env={**os.environ, "MAMMO_HOME": str(home().resolve())},
            stdin=heard,
            stdout=subprocess.PIPE,  # a sentence, where it has one
            check=False,
            timeout=_MOST_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"It was not converted for OpenVINO within {_MOST_SECONDS // 60:.0f} minutes."
    finally:
        os.close(heard)
        os.close(held)
    code = ended.returncode
    end = f"signal {-code}" if code < 0 else f"exit status {code}"
    said = ended.stdout.decode("utf-8", "replace").strip()
    return said or f"The process that converts it for OpenVINO ended with {end}."


def refused(card: ModelCard, problem: str, why: str) -> EngineCheck:
    return EngineCheck(
        model_id=card.model_id,
        weights_sha256=card.weights_sha256,
        versions=versions(),
        problem=problem,
        reason=f"{why} So torch reads with this network.",
    )


def versions() -> dict[str, str]:
    return {name: version(name) for name in ("openvino", "torch", "timm")}


def engines_root() -> Path:
    return cache_root() / "engines"
