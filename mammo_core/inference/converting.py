"""Makes a network for OpenVINO of a checkpoint's, and holds it against torch.

To convert takes several times what the network itself takes, so whoever reads has it done by
`python -m mammo_core.inference.converting CHECKPOINT_FOLDER`, and what it took ends with that.
"""

import faulthandler
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from mammo_core.errors import MammoError
from mammo_core.explain.closed_form import Head, save_head
from mammo_core.explain.heads import head_of
from mammo_core.files import replace_file, sha256_of
from mammo_core.inference.checkpoint import (
    MOST_PIXELS,
    Checkpoint,
    forward,
    load_checkpoint,
    outputs_of,
)
from mammo_core.inference.openvino import (
    HEAD,
    LARGEST_DIFFERENCE,
    MODEL,
    RECORD,
    WEIGHTS,
    EngineCheck,
    engine_folder,
    engines_root,
    find_check,
    open_network,
    refused,
    trial_batch,
    versions,
)
from mammo_core.records import to_document
from mammo_core.types import Size
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.openvino import ConversionError, write_network

_MOST_KEPT: Final = 16  # networks; the one not used for longest goes first
_HALF_MADE: Final = "making-"
_HALF_MADE_SECONDS: Final = 3600.0  # nobody converts for so long: a crash left it
_OOM_SCORE: Final = Path("/proc/self/oom_score_adj")


def main(folder: Path) -> None:
    # Whoever asked may be gone while native code hangs: nobody else would end this.
    faulthandler.dump_traceback_later(_HALF_MADE_SECONDS, exit=True)
    threading.Thread(target=_end_with_who_asked, daemon=True).start()
    with suppress(OSError):  # where memory runs out, rather this process is killed than a server
        _OOM_SCORE.write_text("1000", encoding="ascii")
    try:
        make_check(load_checkpoint(folder))
    except MammoError as error:
        sys.stdout.write(str(error))
        raise SystemExit(1) from None


def _end_with_who_asked() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing is ever sent; a buffered read would hold up the end
    os._exit(1)


def make_check(checkpoint: Checkpoint) -> EngineCheck:
    """Convert the network, hold it against torch, and keep both network and finding; here."""
    folder = engine_folder(checkpoint.card)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep()
    scratch = Path(tempfile.mkdtemp(prefix=_HALF_MADE, dir=folder.parent))
    try:
        check = _tried(checkpoint, scratch)
        replace_file(scratch / RECORD, json.dumps(to_document(check), indent=2) + "\n")
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
        kept = [] if problem else [MODEL, WEIGHTS, *([HEAD] if (scratch / HEAD).exists() else [])]
        return EngineCheck(
            model_id=card.model_id,
            weights_sha256=card.weights_sha256,
            versions=versions(),
            difference=difference,
            files={name: sha256_of(scratch / name) for name in kept},
            problem=problem,
            reason=reason,
        )

    try:
        _write(checkpoint.model, scratch / MODEL, channels=settings.channels, size=settings.size)
    except ConversionError as error:
        return refused(
            card,
            "openvino cannot convert it",
            f"OpenVINO cannot convert this network ({error}).",
        )
    few = max(1, min(4, MOST_PIXELS // (settings.size[0] * settings.size[1])))
    batch = trial_batch(settings, views=card.model.views, count=few)[:few]
    try:
        run, _ = open_network(scratch / MODEL, "fp32")
        ours = run(batch).logits
    except RuntimeError as error:
        (scratch / WEIGHTS).unlink()
        return refused(
            card,
            "openvino cannot run it",
            f"OpenVINO converts this network and cannot run it ({type(error).__name__}).",
        )
    theirs = forward(checkpoint.model, batch).logits
    if not (np.isfinite(ours) & np.isfinite(theirs)).all():
        (scratch / WEIGHTS).unlink()
        return refused(
            card,
            "no number on trial",
            "OpenVINO or torch gave no number for a made-up image that it was tried on.",
        )
    difference = float(np.abs(ours - theirs).max())
    if difference <= LARGEST_DIFFERENCE:
        head = head_of(checkpoint.model, channels=settings.channels)
        if isinstance(head, Head):
            save_head(head, scratch / HEAD)
        return check(difference)
    (scratch / WEIGHTS).unlink()
    return check(
        difference,
        problem="openvino differs",
        reason=f"OpenVINO's logits differ from torch's by {difference:.2g} (allowed: "
        f"{LARGEST_DIFFERENCE:g}), so torch reads with this network.",
    )


def _write(model: Classifier, path: Path, *, channels: int, size: Size) -> None:
    """`model` for any number of images of `size`."""
    example: tuple[Tensor, ...] = (torch.zeros(2, channels, *size),)
    shapes = [[-1, channels, *size]]
    if model.views > 1:
        example, shapes = (*example, torch.tensor([0, 1, 1, 0])), [*shapes, [-1]]
    write_network(_Outputs(model), path, example=example, shapes=shapes)


class _Outputs(nn.Module):
    """The three outputs of an engine in one forward pass."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(
        self, images: Tensor, places: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        return outputs_of(self.classifier, images, places)


def _rename(scratch: Path, folder: Path) -> None:
    try:
        scratch.rename(folder)
    except OSError:
        if not (folder / RECORD).is_file():  # else another process made the same at the same time
            raise


def _sweep() -> None:
    """Drop what a crash left half-made, and the networks not used for longest."""
    folders = sorted(
        engines_root().iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True
    )
    made = [folder for folder in folders if not folder.name.startswith(_HALF_MADE)]
    now = time.time()
    stale = [
        folder
        for folder in folders
        if folder not in made and now - folder.stat().st_mtime > _HALF_MADE_SECONDS
    ]
    for folder in (*made[_MOST_KEPT - 1 :], *stale):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
