"""Bringing weights to this computer: from a file, or from the hub.

`fetch` is the only code of this program that goes online, and only when it is called by name.
"""

import json
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mammo_core.config import ModelConfig
from mammo_core.errors import CheckpointError
from mammo_core.files import REPOSITORY, replace_file, sha256_of, weights_root
from mammo_core.types import CANCER
from mammo_core.zoo.build import build_model
from mammo_core.zoo.catalog import get_backbone
from mammo_core.zoo.shelf import how_to_get
from mammo_core.zoo.weights import get_weights, load_weights_file

HUB: Final = "https://huggingface.co"
CONVERT_SECONDS: Final = 300
FETCH_SECONDS: Final = 30  # without a byte
LARGEST_BYTES: Final = 4 * 2**30
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,80}")


def import_file(source: Path, *, backbone: str, name: str, origin: str, licence: str) -> Path:
    """Keep `source`, a .safetensors or .pth, as the weights `name`, if they fit `backbone`."""
    if not _PLAIN_NAME.fullmatch(name):
        raise CheckpointError(
            f"{name!r} cannot name weights. Use letters, digits, dots, dashes, underscores."
        )
    get_backbone(backbone)
    with tempfile.TemporaryDirectory() as scratch:
        plain = plain_weights(source, Path(scratch))
        # Load it once: names and shapes are what counts
        model = build_model(ModelConfig(backbone=backbone), task=CANCER, channels=1)
        load_weights_file(model, plain, backbone=backbone)
        weights_root().mkdir(parents=True, exist_ok=True)
        target = weights_root() / f"{name}.safetensors"
        replace_file(target, plain.read_bytes())
    record = {
        "name": name,
        "backbone": backbone,
        "origin": origin,
        "licence": licence,
        "sha256": sha256_of(target),
    }
    replace_file(target.with_suffix(".json"), json.dumps(record, indent=2) + "\n")
    return target


def fetch(name: str, *, hub: str = HUB) -> Path:
    """Download the weights of that name; their hash is recorded, and must be met ever after."""
    weights = get_weights(name)
    if not weights.hub:
        raise CheckpointError(f"{name} cannot be fetched. {how_to_get(weights)}")
    address = f"{hub}/{weights.hub}/resolve/main/model.safetensors"
    path = weights_root() / f"{name}.json"
    recorded = str(json.loads(path.read_text(encoding="utf-8"))["sha256"]) if path.exists() else ""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "model.safetensors"
        _download(address, file)
        found = sha256_of(file)
        if recorded and recorded != found:
            raise CheckpointError(
                f"The hub's {name} has changed since it was first fetched (SHA-256 "
                f"{found[:12]}..., then {recorded[:12]}...). Delete the record "
                f"{name}.json in {weights_root()} to accept the new one."
            )
        return import_file(
            file, backbone=weights.backbone, name=name, origin=address, licence=weights.licence
        )


def _download(address: str, file: Path) -> None:
    try:
        with (
            urllib.request.urlopen(address, timeout=FETCH_SECONDS) as answer,
            file.open("wb") as stream,
        ):
            while block := answer.read(2**20):
                stream.write(block)
                if stream.tell() > LARGEST_BYTES:
                    raise CheckpointError(f"{address} is larger than any weights known here.")
    except urllib.error.HTTPError as error:
        raise CheckpointError(f"{address} answered {error.code} {error.reason}.") from None
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise CheckpointError(
            f"{address} cannot be reached ({reason}). Without internet: fetch the file on another "
            "computer and bring it in with `mammo weights import`."
        ) from None


def plain_weights(source: Path, scratch: Path, *, names: Sequence[str] = ()) -> Path:
    """`source` as a safetensors file: itself, or what the limited process made of it in `scratch`.
    `names` are where the table of weights may lie in it.
    """
    if not source.is_file():
        raise CheckpointError(f"There is no file {source}.")
    return source if _is_safetensors(source) else _convert(source, scratch, names)


def _is_safetensors(source: Path) -> bool:
    """Content decides: eight bytes of length, then JSON. A pickle or zip begins otherwise."""
    with source.open("rb") as stream:
        return stream.read(9)[8:] == b"{"


def _convert(source: Path, scratch: Path, names: Sequence[str] = ()) -> Path:
    target = scratch / "converted.safetensors"
    command = [sys.executable, "-m", "mammo_core.zoo.convert_pth", str(source.resolve())]
    try:
        result = subprocess.run(
            [*command, str(target), *names], cwd=REPOSITORY, capture_output=True, text=True,
            check=False, timeout=CONVERT_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CheckpointError(
            f"{source.name} could not be opened in {CONVERT_SECONDS} seconds."
        ) from None
    if result.returncode or not target.exists():
        last = (result.stderr.strip().splitlines() or ["the process was ended"])[-1]
        raise CheckpointError(
            f"{source.name} holds no weights that can be read without running code: {last}"
        )
    return target
