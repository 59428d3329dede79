"""A published model brought in: the authors' weight files as a checkpoint like any other.

Nothing of a file is run: tables of weights are read in a limited process, and every name in them is
accounted for before a folder appears.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from safetensors.torch import save_file
from torch import Tensor

from mammo_core.config import ModelConfig
from mammo_core.errors import CheckpointError
from mammo_core.explain.heads import cell_offset
from mammo_core.files import sha256_of, sync_folder
from mammo_core.inference.archive import CHECKPOINT_NAME
from mammo_core.inference.checkpoint import WEIGHTS_NAME
from mammo_core.partners import why_no_seat
from mammo_core.preprocessing.file_names import place_of_name, woman_of_name
from mammo_core.runs.card import (
    NEVER_MEASURED,
    OTHER_FILES,
    DataRecord,
    ModelCard,
    TrainingRecord,
    write_card,
)
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.types import ImageRef, Level, Mammogram, RunState
from mammo_core.words import NOTICE
from mammo_core.zoo.acquire import plain_weights
from mammo_core.zoo.build import build_model
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.published import Oracle, PublishedModel, get_published
from mammo_core.zoo.weights import tensors_in

_COUNTED: Final = "num_batches_tracked"  # of a BatchNorm: not always saved, and never used
_UNFINISHED: Final = ".importing-"


def model_of(entry: PublishedModel) -> ModelConfig:
    views = {0: 1, 2: 2, 4: 4}[len(entry.slots)]
    return ModelConfig(backbone=entry.backbone, weights="published", views=views)  # type: ignore[arg-type]


def import_published(
    name: str, files: Sequence[Path], root: Path, *, called: str | None = None
) -> RunFolder:
    """The model `name`, its weights in `files`, as a new checkpoint below `root`."""
    entry = get_published(name)
    target = root / _name_of(called or entry.name)
    if target.exists():
        raise CheckpointError(f"There is a checkpoint {target.name} already. Use --name.")
    if len(files) != len(entry.files):
        raise CheckpointError(
            f"{entry.title} is {len(entry.files)} file(s) ({', '.join(entry.files)}); "
            f"{len(files)} came. They are offered at {entry.where}."
        )
    _refuse_twice(files)
    root.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=root))
    try:
        run = RunFolder(scratch)
        model = _filled(entry, files)
        save_file({n: v.contiguous() for n, v in model.state_dict().items()}, run.weights_file)
        write_card(_card_of(entry, target.name, files, run, model), run.card_file)
        run.write_status(RunStatus(state=RunState.FINISHED, message="Imported."))
        scratch.rename(target)
        sync_folder(root)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return RunFolder(target)


def _refuse_twice(files: Sequence[Path]) -> None:
    """Four times the same fold would pass for four folds."""
    first: dict[str, Path] = {}
    for file in filter(Path.is_file, files):
        other = first.setdefault(sha256_of(file), file)
        if other is not file:
            raise CheckpointError(
                f"{other.name} and {file.name} are the same file. This model is made of several; "
                "give each once."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """What authors document of an image; None, and why nothing is compared, as half a sentence."""

    oracle: Oracle | None
    why_not: str = ""
    has_seat: bool = True  # before a network that reads views each in its place


def as_named(mammogram: Mammogram, name: str) -> Mammogram:
    """`mammogram` as the name of its file says whose it is, and of which side and view, where it
    does not say that itself: the authors' images are pictures without a header.
    """
    place, ref, exam = place_of_name(name), mammogram.ref, woman_of_name(name)
    ref = replace(
        ref, patient_id=exam, exam_id=exam, side=ref.side or place.side, view=ref.view or place.view
    )
    return mammogram.with_ref(ref)


def documented(entry: PublishedModel, refs: Sequence[ImageRef]) -> list[Documented]:
    """Of each of the images that are read together."""
    return [_documented(entry, ref, refs) for ref in refs]


def _documented(entry: PublishedModel, ref: ImageRef, refs: Sequence[ImageRef]) -> Documented:
    no_seat = why_no_seat(ref.side or "", ref.view or "", entry.slots)
    if no_seat:
        return Documented(oracle=None, why_not=no_seat.rstrip("."), has_seat=False)
    found = [one for one in entry.oracles if one.of == "cancer" and one.is_of(ref)]
    if not found:
        return Documented(oracle=None, why_not="no score of an image of this name is documented")
    there = {(one.side, one.view) for one in refs if one.exam_id == ref.exam_id}
    wanted = entry.slots if entry.scores == "breast" else ()
    missing = [
        f"{side} {view}"
        for side, view in ((slot_side or ref.side, view) for slot_side, view in wanted)
        if (side, view) not in there
    ]
    if missing:
        return Documented(oracle=None, why_not=f"that is of all views, and {missing[0]} is missing")
    return Documented(oracle=found[0])


def _name_of(name: str) -> str:
    if not CHECKPOINT_NAME.fullmatch(name):
        raise CheckpointError(
            f"{name!r} cannot be a checkpoint's name: letters, digits, dot, dash and underscore, "
            "at most 80, the first a letter or digit."
        )
    return name


def _filled(entry: PublishedModel, files: Sequence[Path]) -> Classifier:
    tables = []
    for file in files:
        with tempfile.TemporaryDirectory() as scratch:
            tables.append(tensors_in(plain_weights(file, Path(scratch), names=entry.keep)))
    model = build_model(model_of(entry), task=entry.task, channels=entry.prepare.channels)
    state = model.trunk.translate(tables)  # type: ignore[operator]
    account(state, model.trunk.state_dict(), title=entry.title)
    model.trunk.load_state_dict(state, strict=False)
    return model.eval().requires_grad_(False)


def account(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], *, title: str) -> None:
    """Every weight of the network is in the file at its shape, and nothing else is."""
    missing = [name for name in wanted if name not in found and not name.endswith(_COUNTED)]
    if missing:
        raise CheckpointError(
            f"{len(missing)} of {len(wanted)} weights of {title} are not in this file (first: "
            f"{missing[0]}). Is it the file that the list names?"
        )
    over = [name for name in found if name not in wanted]
    if over:
        raise CheckpointError(
            f"This file holds {len(over)} weights that {title} does not have (first: {over[0]}). "
            "Is it of another model, or another version of it?"
        )
    wrong = [name for name in found if found[name].shape != wanted[name].shape]
    if wrong:
        first = wrong[0]
        raise CheckpointError(
            f"{len(wrong)} of {len(found)} weights do not fit {title} (first: {first}, needed "
            f"{tuple(wanted[first].shape)}, found {tuple(found[first].shape)})."
        )


def _card_of(
    entry: PublishedModel, name: str, files: Sequence[Path], run: RunFolder, model: Classifier
) -> ModelCard:
    hashes = [sha256_of(file) for file in files]
    whole = hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
    each = ", ".join(f"{one.name} ({digest})" for one, digest in zip(files, hashes, strict=True))
    return ModelCard(
        model_id=name,
        title=entry.title,
        task=entry.task,
        model=model_of(entry),
        prepare=entry.prepare,
        data=DataRecord(
            dataset="elsewhere",
            title=entry.learnt_from,
            licence=f"weights: {entry.weights_licence}; code: {entry.code_licence}",
            label_rule="as its authors labelled",
            reference_standard="as its authors say",
            seen=entry.imaging,
            fingerprint="",
            splits=(),
            label_level=Level.BREAST if entry.scores == "breast" else Level.IMAGE,
        ),
        training=TrainingRecord(
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=0.0,
            epochs=0,
            best_epoch=0,
            device="elsewhere, by its authors",
            versions={},
            weights_sha256=whole,
            weights_origin=f"{entry.where}: {each}",
            weights_licence=entry.weights_licence,
        ),
        weights_sha256=sha256_of(run.file(WEIGHTS_NAME)),
        heatmap_offset=cell_offset(model.trunk.plain(), channels=entry.prepare.channels),  # type: ignore[operator]
        limits=_limits(entry, files),
    )


def _limits(entry: PublishedModel, files: Sequence[Path]) -> tuple[str, ...]:
    return (
        f"A published model of {entry.authors}, not of this workbench. Cite: {entry.citation}",
        NEVER_MEASURED,
        *entry.problems,
        *entry.stand_ins,
        *_other_names(entry, files),
        NOTICE,
    )


def _other_names(entry: PublishedModel, files: Sequence[Path]) -> list[str]:
    """The documented scores are those of the files that the list names."""
    found = [file.name for file in files]
    missed = [name for name in entry.named_files if name not in found]
    if not missed:
        return []
    return [
        f"{OTHER_FILES} {', '.join(found)}; its authors' files are called "
        f"{', '.join(entry.files)}. Whether it is theirs, its name does not show."
    ]
