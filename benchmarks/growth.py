"""How the cost of a work grows with the images of a data set.

Files are small made-up pictures (those of a gallery links to a few), so that what is counted is the
work on each of many, not their pixels, whose price the other rows tell.
"""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pandas as pd

from benchmarks.side_by_side import Growth, Side, Work, clocked
from mammo_core.config import PrepareSettings
from mammo_core.datasets.audit.run import audit_dataset
from mammo_core.datasets.dataset import Registered, read_dataset, register
from mammo_core.datasets.predictions import read_predictions, write_predictions
from mammo_core.files import REPOSITORY, datasets_root
from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.uncertainty import auc_with_interval, rates_at
from mammo_core.preprocessing.cache import Cache, build_cache
from mammo_core.tables import check_predictions
from mammo_core.types import Level

SIZE: Final = (256, 128)
LINKS: Final = 10_000  # to one file; file systems allow some 60,000
IN_A_FOLDER: Final = 1_000
SECONDS: Final = 600  # that a page may take


def rows_of(images: int) -> pd.DataFrame:
    """Four images of each woman, a tenth of the women with cancer, in one breast."""
    number = np.arange(images)
    woman, side = number // 4, np.where(number // 2 % 2, "L", "R")
    cancer = (woman % 10 == 0) & (side == "L")
    return pd.DataFrame(
        {
            "path": [f"images/{one // IN_A_FOLDER}/{one}.png" for one in number],
            "patient_id": [f"w{one}" for one in woman],
            "exam_id": [f"e{one}" for one in woman],
            "side": side,
            "view": np.where(number % 2, "CC", "MLO"),
            "label": np.where(cancer, "cancer", "no cancer"),
            "age": 40 + woman % 40,
            "split": np.array(["train", "val", "test"])[woman % 3],
        }
    )


def put_table(folder: Path, images: int) -> pd.DataFrame:
    rows = rows_of(images)
    rows.to_csv(folder / "manifest.csv", index=False)
    return rows


def put_pictures(folder: Path, images: int, *, own: int | None = None) -> None:
    """The first `own` of them drawn, all without it; the others are links to those."""
    rng = np.random.default_rng(0)
    height, width = SIZE
    y, x = np.mgrid[:height, :width]
    is_breast = ((y / height - 0.5) / 0.45) ** 2 + (x / width / 0.8) ** 2 < 1
    files = [folder / path for path in put_table(folder, images)["path"]]
    for number, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        if own is not None and number >= own:
            file.hardlink_to(files[number % own])
            continue
        tissue = cv2.resize(rng.random((16, 8)), (width, height), interpolation=cv2.INTER_CUBIC)
        grey = np.where(is_breast, 60 + 140 * tissue + rng.normal(0, 4, SIZE), 0)
        cv2.imwrite(str(file), np.clip(grey, 0, 255).astype(np.uint8))


def put_set(folder: Path, images: int) -> None:
    """A registered data set whose pictures are links."""
    put_pictures(folder, images, own=max(8, -(-images // LINKS)))
    entry = Registered(
        name="grown", folder=str(folder), adapter="csv_folder", label_rule="as-written"
    )
    register(datasets_root(), entry)


def put_scores(folder: Path, images: int) -> None:
    rng = np.random.default_rng(0)
    rows = rows_of(images)
    positive = rows["label"] == "cancer"
    score = 1 / (1 + np.exp(-rng.normal(2.0 * positive - 1.0)))
    told = rows.drop(columns="path").assign(
        image_id=rows["path"], split="test", positive=positive, score=score, model_id="made-up",
        dataset="made up", engine="made up",
    )  # fmt: skip
    write_predictions(check_predictions(told), folder / "predictions.csv")


@contextmanager
def caching(folder: Path) -> Iterator[Work]:
    files = sorted(folder.glob("images/*/*.png"))
    roots = (folder.parent / f"cache{turn}" for turn in itertools.count())

    def build() -> None:
        cache = Cache(root=next(roots), settings=PrepareSettings(size=SIZE))
        built = build_cache(
            cache, files, processes=os.cpu_count() or 1, report=lambda done, total: None
        )
        assert built.built == len(files)

    yield clocked(build)


@contextmanager
def auditing(folder: Path) -> Iterator[Work]:
    dataset = read_dataset(folder)

    def audit() -> None:
        result = audit_dataset(dataset, made_at="2026-01-01T00:00:00+00:00")
        assert result.looked_at is None

    yield clocked(audit)


@contextmanager
def reading_table(folder: Path) -> Iterator[Work]:
    yield clocked(lambda: read_dataset(folder, "csv_folder"))


@contextmanager
def counting(folder: Path) -> Iterator[Work]:
    def count() -> None:
        cases = pool_cases(read_predictions(folder / "predictions.csv"), Level.BREAST)
        auc_with_interval(cases)
        rates_at(cases, 0.5)

    yield clocked(count)


@contextmanager
def opening(_folder: Path, *, section: str) -> Iterator[Work]:
    """The script of the page, as for the first visitor since the set changed; no browser."""
    import streamlit
    from streamlit.testing.v1 import AppTest

    script = REPOSITORY / "streamlit_app.py"

    def open_page() -> float:
        streamlit.cache_data.clear()
        streamlit.cache_resource.clear()
        page = AppTest.from_file(script, default_timeout=SECONDS).run()
        page.query_params["section"] = section
        page.switch_page("pages/data.py")
        took = clocked(page.run)()
        assert not page.exception, page.exception
        assert page.segmented_control(key="section").value == section
        return took

    open_page()
    yield open_page


NO_LOOK_AHEAD: Final = {"MAMMO_LOAD_AHEAD": "no"}
ENTRIES: Final = (
    Growth(
        what="building the cache, pictures of 256 x 128",
        put=put_pictures,
        here=Side(name="cache", open=caching),
        sizes=(200, 1_000),
        turns=0,
    ),
    Growth(
        what="audit, pictures of 256 x 128",
        put=put_pictures,
        here=Side(name="audit", open=auditing),
        sizes=(200, 1_000),
        turns=0,
    ),
    Growth(
        what="reading the table of a data set",
        put=put_table,
        here=Side(name="table", open=reading_table),
    ),
    Growth(
        what="a table of scores read, breasts pooled, AUC and rates with intervals",
        put=put_scores,
        here=Side(name="metrics", open=counting),
    ),
    *(
        Growth(
            what=f"opening Data at {section}, the page's script",
            put=put_set,
            here=Side(name="page", open=partial(opening, section=section), settings=NO_LOOK_AHEAD),
        )
        for section in ("Overview", "Images")
    ),
)
