"""`mammo export`: a model as other programs run it, with all beside it that its scores need."""

import argparse
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mammo_core import __version__
from mammo_core.commands.command import Command, note_look, say
from mammo_core.commands.files import folder_of
from mammo_core.errors import CheckpointError, ConfigError
from mammo_core.files import (
    audits_root,
    checkpoints_root,
    replace_file,
    shipped_checkpoints_root,
)
from mammo_core.runs.folder import RunFolder

if TYPE_CHECKING:
    from mammo_core.inference.checkpoint import Checkpoint

_NETWORK: Final = "model"
#: Writes the network to a path; by how much a logit differs from torch's at most.
Write = Callable[["Checkpoint", Path], float]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help="a checkpoint's name or folder")
    parser.add_argument(
        "--onnx",
        type=Path,
        metavar="PLACE",
        help="as ONNX: a FILE.onnx, or a new folder; settings and card lie beside it",
    )
    parser.add_argument(
        "--torchscript",
        type=Path,
        metavar="PLACE",
        help="as TorchScript: a FILE.pt, or a new folder; settings and card lie beside it",
    )
    parser.add_argument("--monai", type=Path, metavar="DIR", help="as a MONAI bundle: a new folder")
    parser.add_argument(
        "--hugging-face",
        type=Path,
        metavar="FILE",
        help="its card as the hub reads it: README.md of a model repository",
    )


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.inference.leaving import load_whatever, write_onnx, write_torchscript

    onnx, script, bundle = arguments.onnx, arguments.torchscript, arguments.monai
    card_file = arguments.hugging_face
    asked = [place for place in (onnx, script, bundle, card_file) if place is not None]
    if not asked:
        raise ConfigError("As what? Use --onnx, --torchscript, --monai or --hugging-face.")
    for place in asked:
        _refuse_taken(place)
    run = RunFolder(folder_of(arguments.name))
    checkpoint = load_whatever(run.path)
    note_look(run, by="mammo export")  # the card tells test results
    if onnx is not None:
        _hand_over(run, checkpoint, onnx, ending=".onnx", write=write_onnx)
    if script is not None:
        _hand_over(run, checkpoint, script, ending=".pt", write=write_torchscript)
    if bundle is not None:
        _bundle(run, checkpoint, bundle, write=write_torchscript)
    if card_file is not None:
        replace_file(card_file, _hub_text(run))
        say(card_file)
    return 0


def _refuse_taken(place: Path) -> None:
    if place.exists():
        raise ConfigError(f"{place} is there already. Choose another name.")
    if not place.absolute().parent.is_dir():
        raise ConfigError(f"There is no folder {place.parent} to write {place.name} to.")


def _hand_over(
    run: RunFolder, checkpoint: "Checkpoint", place: Path, *, ending: str, write: Write
) -> None:
    """Into the new folder `place`; where that names a file, the others' names begin as its does."""
    if place.suffix and place.suffix != ending:
        raise ConfigError(
            f"{place.name} ends in {place.suffix}; name a file that ends in {ending}, or a folder."
        )
    scratch = Path(tempfile.mkdtemp(prefix=".exporting-", dir=place.absolute().parent))
    try:
        difference = write(checkpoint, scratch / f"{_NETWORK}{ending}")
        _write_beside(run, checkpoint, scratch, difference)
        if not place.suffix:
            scratch.chmod(0o755)
            scratch.rename(place)
            places = [place]
        else:
            places = _moved(scratch, place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for each in places:
        say(each)
    say(f"Logits differ from torch's by at most {difference:.1e}.")


def _moved(scratch: Path, place: Path) -> list[Path]:
    targets = {
        made: place
        if made.stem == _NETWORK
        else place.with_name(f"{place.stem}-{made.name.lower()}")
        for made in sorted(scratch.iterdir())
    }
    for target in targets.values():
        _refuse_taken(target)
    return [made.rename(target) for made, target in targets.items()]


def _write_beside(
    run: RunFolder, checkpoint: "Checkpoint", folder: Path, difference: float
) -> None:
    from mammo_core.inference.leaving import input_shape
    from mammo_core.reports.leaving import settings_text
    from mammo_core.runs.operating_points import point_in_force

    card = checkpoint.card
    settings = settings_text(
        card, point_in_force(run), input_shape=input_shape(card), difference=difference
    )
    (folder / "settings.json").write_text(settings, encoding="utf-8")
    shutil.copyfile(run.card_file, folder / run.card_file.name)
    (folder / "README.md").write_text(_hub_text(run), encoding="utf-8")


def _bundle(run: RunFolder, checkpoint: "Checkpoint", place: Path, *, write: Write) -> None:
    from mammo_core.reports.leaving import bundle_inference, bundle_metadata

    card = checkpoint.card
    if card.patches is not None or card.model.views > 1:
        what = "patches of images" if card.patches is not None else "two views of a breast at once"
        raise CheckpointError(
            f"{run.run_id} looks at {what}, and a bundle is given single whole images. Use --onnx "
            "or --torchscript."
        )
    versions = {"torch": version("torch"), "numpy": version("numpy"), "mammoscope": __version__}
    scratch = Path(tempfile.mkdtemp(prefix=".exporting-", dir=place.absolute().parent))
    try:
        configs, models, docs = (scratch / name for name in ("configs", "models", "docs"))
        for folder in (configs, models, docs):
            folder.mkdir()
        difference = write(checkpoint, models / "model.ts")
        _write_beside(run, checkpoint, configs, difference)
        (configs / "README.md").rename(docs / "README.md")
        (configs / "metadata.json").write_text(bundle_metadata(card, versions), encoding="utf-8")
        (configs / "inference.json").write_text(bundle_inference(), encoding="utf-8")
        (docs / "data_license.txt").write_text(f"{card.data.licence}\n", encoding="utf-8")
        scratch.chmod(0o755)
        scratch.rename(place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    say(place)


def _hub_text(run: RunFolder) -> str:
    from mammo_core.reports.leaving import hub_text
    from mammo_core.reports.study.report import Format, card_text

    roots = (checkpoints_root(), shipped_checkpoints_root())
    text = card_text(run, roots, audits=audits_root(), form=Format("md"))
    return hub_text(run.card(), text)


EXPORT = Command(
    name="export",
    summary="hand a model to other programs: ONNX, TorchScript, MONAI, Hugging Face",
    add_arguments=_add_arguments,
    run=_run,
)
