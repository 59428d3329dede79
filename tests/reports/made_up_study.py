"""A made-up study: a data set as a table, the run that was trained on it, its report."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from mammo_core.config import DataConfig, RunConfig, load_settings, save_settings
from mammo_core.datasets.dataset import fingerprint_of, read_dataset
from mammo_core.datasets.splits import split_as_set, used_images
from mammo_core.reports.study.women import Reported, read_reported
from mammo_core.runs.card import ModelCard, SplitCount, read_card, write_card
from mammo_core.runs.folder import RunFolder
from mammo_core.tables import positive_of
from mammo_core.types import CANCER, Level, Split
from tests.predictions import made_up_predictions, write_run

RUN = "20260101-000000-tiny_cnn-made"
#: 60 women, 20 with a cancer in one breast, four images each: 12 validate, 24 test, 24 are trained
#: on, women with cancer in equal shares. One image more has no label.
WOMEN, IMAGES = 60, 240


def write_data_set(folder: Path) -> Path:
    """The table of a data set; nobody looks at its images."""
    table = made_up_predictions(women=WOMEN)
    number = table["patient_id"].str[1:].astype(int)
    split = (number % 5).map({0: "val", 1: "test", 2: "test", 3: "train", 4: "train"})
    columns = [
        "image_id",
        "patient_id",
        "exam_id",
        "side",
        "view",
        "label",
        "density",
        "age",
        "site",
    ]
    manifest = table[columns].assign(path=table["image_id"] + ".png", split=split)
    unlabelled = manifest.iloc[[0]].assign(image_id="extra", path="extra.png", label=pd.NA)
    folder.mkdir()
    pd.concat([manifest, unlabelled]).to_csv(folder / "manifest.csv", index=False)
    return folder


def write_study(root: Path, folder: Path) -> RunFolder:
    """A run as a training on `folder` would leave it: predictions of validation and test women."""
    table = made_up_predictions(women=WOMEN)
    data = DataConfig(folder=str(folder), adapter="csv_folder", label_rule="as-written")
    manifest = used_images(split_as_set(read_dataset(folder, data.adapter).manifest, data, CANCER))
    table["split"] = table["image_id"].map(manifest.set_index("image_id")["split"])
    run = write_run(root, RUN, table[table["split"] != Split.TRAIN])
    config = load_settings(run.file("run.json"), RunConfig)
    save_settings(replace(config, data=data), run.file("run.json"))
    card = read_card(run.file("model_card.json"))
    record = replace(
        card.data,
        dataset="csv_folder",
        fingerprint=fingerprint_of(manifest),
        splits=counts_of(manifest),
        label_level=Level.BREAST,
    )
    change_card(run, replace(card, data=record))
    return run


def counts_of(manifest: pd.DataFrame) -> tuple[SplitCount, ...]:
    parts = {split: manifest[manifest["split"] == split] for split in Split}
    return tuple(
        SplitCount(
            split=split,
            women=int(rows["group_id"].nunique()),
            images=len(rows),
            positive_images=int(positive_of(rows["label"], CANCER).sum()),
        )
        for split, rows in parts.items()
    )


def change_card(run: RunFolder, card: ModelCard) -> None:
    write_card(card, run.file("model_card.json"))


def report_of(run: RunFolder) -> Reported:
    return read_reported(run, [run.path.parent], audits=run.path.parent / "audits")
