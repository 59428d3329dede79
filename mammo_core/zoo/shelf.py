"""The weights that lie on this computer, and how to come by the others. Loads no torch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mammo_core.errors import CheckpointError, UnknownNameError
from mammo_core.files import sha256_of, weights_root
from mammo_core.zoo.catalog import RANDOM, Weights, get_backbone, weights_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """For one backbone: the names of weights that are here, and the known ones that are not."""

    here: tuple[str, ...]
    missing: tuple[Weights, ...]


def shelf_of(backbone: str) -> Shelf:
    """Weights are of a backbone by the catalog, or by the record kept when they were brought in."""
    known = weights_of(backbone)
    stored = sorted(path.stem for path in weights_root().glob("*.safetensors"))
    of_catalog = {weights.name for weights in known}
    here = [
        name
        for name in stored
        if name in of_catalog or _backbone_of(weights_root() / f"{name}.json") == backbone
    ]
    return Shelf(
        here=tuple(here), missing=tuple(entry for entry in known if entry.name not in here)
    )


def weights_path(backbone: str, name: str) -> Path:
    """The file of these weights, or what to do to have it."""
    get_backbone(backbone)  # weights of a network that is not known are not what is wrong
    known = {weights.name: weights for weights in weights_of(backbone)}
    stored = {path.stem: path for path in weights_root().glob("*.safetensors")}
    if name in stored:
        return stored[name]
    if name not in known:
        names = (RANDOM, *known, *stored)
        raise UnknownNameError(f"weights for {backbone}", name, names, is_plural=True)
    raise CheckpointError(f"The weights {name} are not on this computer. {how_to_get(known[name])}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Which weights a training starts from; "" where that was not kept."""

    sha256: str = ""
    origin: str = ""
    licence: str = ""


def provenance_of(backbone: str, name: str) -> Provenance:
    """The hash of the file as it is, and what was told of it when it was brought here; for the
    licence, where nothing was, what the catalog says.
    """
    if name == RANDOM:
        return Provenance()
    path = weights_path(backbone, name)
    record = _record(path.with_suffix(".json"))
    known = {weights.name: weights for weights in weights_of(backbone)}
    licence = record.get("licence", "")
    if licence in ("", "unknown") and name in known:
        licence = known[name].licence
    return Provenance(
        sha256=sha256_of(path), origin=str(record.get("origin", "")), licence=str(licence)
    )


def how_to_get(weights: Weights) -> str:
    """Which file, where it goes, and under what licence."""
    by_hand = f"`mammo weights import FILE --backbone {weights.backbone} --name {weights.name}`"
    place = f"It goes to weights/{weights.name}.safetensors below MAMMO_HOME"
    licence = f"Licence: {weights.licence}."
    if weights.hub:
        return (
            f"Fetch them with `mammo weights fetch {weights.name}` on a computer with internet, or "
            f"bring the file model.safetensors of {weights.hub} and run {by_hand}. {place}. "
            f"{licence}"
        )
    return f"To have them, {weights.where}; then run {by_hand}. {place}. {licence}"


def _backbone_of(record: Path) -> str | None:
    backbone = _record(record).get("backbone")
    return backbone if isinstance(backbone, str) else None


def _record(record: Path) -> dict[str, Any]:
    """What was kept when the weights were brought in; empty where nothing was."""
    try:
        document = json.loads(record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise CheckpointError(
            f"{record} cannot be read ({error}). Import the weights {record.stem} again."
        ) from None
    return document if isinstance(document, dict) else {}
