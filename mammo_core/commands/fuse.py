"""`mammo fuse`: what is known beside the image, or measured in it, put together with the scores."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from mammo_core.commands.command import Command, note_look, say, say_aside, show_progress
from mammo_core.files import checkpoints_root
from mammo_core.types import Level, RunState

if TYPE_CHECKING:
    import pandas as pd

    from mammo_core.metrics.fusion import Fusion
    from mammo_core.runs.folder import RunFolder

_MOST_TOLD = 12  # features


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="NAME", help="a run or joined folds, with predictions")
    parser.add_argument(
        "--with",
        dest="columns",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="age, density: what was known before the image was read",
    )
    parser.add_argument(
        "--features",
        choices=("breast", "boxes"),
        help="brightness, texture and shape, measured in the breast or in its boxes",
    )
    parser.add_argument(
        "--data", metavar="DIR", help="where the images lie (default: where the run says)"
    )


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.config import RunConfig
    from mammo_core.datasets.predictions import read_predictions
    from mammo_core.metrics.cases import levels_of
    from mammo_core.metrics.fusion import fuse
    from mammo_core.runs.folder import find_checkpoint

    run = find_checkpoint(arguments.run)
    run.settings(RunConfig)  # what only evaluated another is refused before anything is told
    table = read_predictions(run.predictions_file)
    tested = table[table["split"] == "test"] if (table["split"] == "test").any() else table
    features = _features(run, arguments) if arguments.features else None
    fusion = fuse(tested, arguments.columns, features=features)
    note_look(run, by="mammo fuse")
    women = f"{fusion.both['group_id'].nunique():,} women"
    say(f"{len(fusion.both):,} images of {women}, scored by regressions that never saw them.")
    for limit in run.card().limits if run.is_checkpoint else ():
        if limit.lower().startswith("leaky"):
            say_aside(f"Warning: of the image's scores, {limit}.")
    if fusion.left_out:
        say(f"{fusion.left_out:,} images are left out: not all of it is told of them.")
    for level in (Level.BREAST, Level.IMAGE):
        if level in levels_of(fusion.both):
            say(fusion.measure(level).sentence)
    for row in fusion.weights.head(_MOST_TOLD).itertuples():
        say(f"{row.weight:+.3f} ({row.low:+.3f} to {row.high:+.3f}) {row.feature}")
    say(_keep(run, fusion, arguments).path)
    return 0


def _features(run: "RunFolder", arguments: argparse.Namespace) -> "pd.DataFrame":
    from mammo_core.config import RunConfig
    from mammo_core.datasets.dataset import find_folder, read_dataset
    from mammo_core.datasets.radiomics import measure_features

    data = run.settings(RunConfig).data
    folder = find_folder(arguments.data or data.folder)
    dataset = read_dataset(folder, data.adapter, data.label_rule)
    return measure_features(dataset, region=arguments.features, report=show_progress)


def _keep(run: "RunFolder", fusion: "Fusion", arguments: argparse.Namespace) -> "RunFolder":
    """As a run of its own, so that it stands in Compare beside the one it was made from."""
    from mammo_core.config import RunConfig, save_settings
    from mammo_core.datasets.predictions import write_predictions
    from mammo_core.files import replace_file
    from mammo_core.runs.folder import RunFolder, RunStatus

    told = [*fusion.columns, *([f"features-of-{arguments.features}"] if arguments.features else ())]
    kept = RunFolder(checkpoints_root() / f"{run.run_id}-with-{'-'.join(told)}")
    kept.path.mkdir(parents=True, exist_ok=True)
    save_settings(replace(run.settings(RunConfig), series=""), kept.settings_file)
    write_predictions(fusion.both.assign(model_id=kept.run_id), kept.predictions_file)
    replace_file(kept.file("weights.csv"), fusion.weights.to_csv(index=False, lineterminator="\n"))
    level = Level.IMAGE
    kept.write_status(
        RunStatus(state=RunState.FINISHED, done=1, total=1, message=fusion.measure(level).sentence)
    )
    say_aside("The predictions and the weights of every feature:")
    return kept


FUSE = Command(
    name="fuse",
    summary="put age, density or measured features together with a run's scores",
    add_arguments=_add_arguments,
    run=_run,
)
