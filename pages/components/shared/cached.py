"""What pages keep between reruns of what was read, uploaded or computed. Only here is anything
cached, and every cache is bounded.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from mammo_core.config import RunConfig, load_settings
from mammo_core.errors import ConfigError, TableError
from mammo_core.files import checkpoints_root, shipped_checkpoints_root
from mammo_core.inference.ensembles import card_of, find_members, reading_ensemble
from mammo_core.metrics.cases import Cases, Pooling, pool_cases, rows_of_split, values_of
from mammo_core.metrics.columns import Columns
from mammo_core.metrics.confounding import (
    Beyond,
    DrawnAuc,
    Within,
    auc_within,
    beyond_confounders,
    one_breast_auc,
)
from mammo_core.metrics.ensemble import Ensemble
from mammo_core.metrics.projection import neighbour_plane
from mammo_core.metrics.readers import ReaderStudy, read_study
from mammo_core.metrics.uncertainty import Estimate, auc_with_interval
from mammo_core.metrics.uploads import Scale, Understood, understand
from mammo_core.preprocessing.reading.cells import read_csv
from mammo_core.runs.card import ModelCard, read_card
from mammo_core.runs.folder import BASELINES_NAME, MEMBERS_NAME, RunFolder, card_hash
from mammo_core.runs.kept_tables import load_table
from mammo_core.runs.naming import (
    ABOUT_NAME,
    run_title,
    short_titles,
    titles_of,
    why_no_predictions,
)
from mammo_core.runs.sidecars import SEEN_NAME
from mammo_core.tables import check_predictions, read_table
from mammo_core.types import Level
from mammo_core.words import CANCERS, CalledFor
from pages.components.shared.whose import tables_root

if TYPE_CHECKING:  # pages that show no data set open without what reads one
    from mammo_core.datasets.audit.result import AuditResult
    from mammo_core.datasets.dataset import Dataset, Registered


def predictions(run: RunFolder) -> pd.DataFrame:
    """The predictions of `run`, checked; read anew when the file was rewritten."""
    path = run.predictions_file
    if not path.exists():
        raise TableError(why_no_predictions(run))
    try:
        return _predictions(path, path.stat().st_mtime_ns)
    except TableError as error:
        raise TableError(f"The predictions of {run_title(run)} cannot be used: {error}") from None


def settings(run: RunFolder) -> RunConfig | None:
    """The settings that `run` was trained with; None where it was not, or they cannot be read."""
    path = run.settings_file
    return _settings(path, path.stat().st_mtime_ns) if path.exists() else None


def baselines(run: RunFolder) -> pd.DataFrame:
    """What guesses without a network say of the images of `run`; it has them."""
    path = run.file(BASELINES_NAME)
    return _predictions(path, path.stat().st_mtime_ns)


def contents(run: RunFolder) -> pd.DataFrame | None:
    """`image_id, content` of what `run` has seen, an ensemble by its members; None where nobody
    kept it.
    """
    joined = ensemble(run)
    if joined is not None:
        of_members = [contents(member) for member in members(run, joined)]
        known = [one for one in of_members if one is not None]
        return pd.concat(known).drop_duplicates("image_id") if known else None
    path = run.file(SEEN_NAME)
    return _contents(path, path.stat().st_mtime_ns) if path.exists() else None


def ensemble(run: RunFolder) -> Ensemble | None:
    """The ensemble in `run` that can read new images; None where it is none."""
    if not run.is_ensemble:
        return None
    path = run.file(MEMBERS_NAME)
    return _ensemble(path, path.stat().st_mtime_ns)


def card(run: RunFolder) -> ModelCard:
    """The model card of `run`, of an ensemble what its members' say together; read anew when the
    file was replaced.
    """
    joined = ensemble(run)
    if joined is not None:
        cards = [card(member) for member in members(run, joined)]
        return card_of(run.run_id, joined, cards, members_sha256=card_hash(run))
    path = run.card_file
    return _card(path, path.stat().st_mtime_ns if path.exists() else 0)


def titles(runs: Sequence[RunFolder]) -> dict[str, str]:
    """By run id what each of `runs` is called; told anew when one was named or written anew."""
    return _titles(tuple((run.path, *map(_written_at, _titled_by(run))) for run in runs))


@st.cache_data(max_entries=4, show_spinner=False)
def short_names(titles: dict[str, str]) -> dict[str, str]:
    """By run id the names for narrow places, of `titles`."""
    return short_titles(titles)


def _titled_by(run: RunFolder) -> tuple[Path, ...]:
    return run.file(ABOUT_NAME), run.settings_file, run.card_file, run.file(MEMBERS_NAME)


def _written_at(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


@st.cache_resource(max_entries=4, show_spinner=False)
def _titles(told: tuple[tuple[Path | int, ...], ...]) -> dict[str, str]:
    """Shared and never changed."""
    return titles_of([RunFolder(Path(str(path))) for path, *_ in told])


def members(run: RunFolder, joined: Ensemble) -> list[RunFolder]:
    """The members' checkpoints, as they were when they were joined to `run`."""
    return find_members(run, joined, checkpoints_root(), shipped_checkpoints_root())


class Named(TypedDict):
    """What names cases that were counted: `source` stands for their table."""

    source: str
    split: str
    level: Level
    rule: Pooling


@st.cache_resource(max_entries=32, show_spinner="Counting cases…")
def cases(
    _predictions: pd.DataFrame,
    *,
    source: str,
    split: str,
    level: Level,
    rule: Pooling,
    finding: CalledFor = CANCERS,
) -> Cases:
    """Shared and never changed. `source` stands for the table: hashing it would cost more."""
    counted = pool_cases(rows_of_split(_predictions, split), level, rule)
    return replace(counted, finding=finding)


@st.cache_resource(max_entries=16, show_spinner=False)
def rows(_predictions: pd.DataFrame, *, source: str, split: str) -> pd.DataFrame:
    """Those of `split`. Shared and never changed; `source` stands for the table."""
    return _predictions[_predictions["split"].fillna("") == split]


@st.cache_resource(max_entries=64, show_spinner=False)
def auc(_cases: Cases, *, source: str, split: str, level: Level, rule: Pooling) -> Estimate:
    """With its interval. Shared and never changed."""
    return auc_with_interval(_cases)


@st.cache_resource(max_entries=64, show_spinner=False)
def within(
    _rows: pd.DataFrame, _cases: Cases, *, source: str, split: str, level: Level, rule: Pooling
) -> tuple[Within, ...]:
    """The AUC within one site, and within one machine, where there are several."""
    found = (
        auc_within(_cases, values_of(_rows, _cases, column), column=column)
        for column in ("site", "machine")
    )
    return tuple(one for one in found if one is not None)


def dataset(entry: "Registered") -> "Dataset":
    """The data set as registered; read anew when a file in its folder was added or rewritten."""
    return _dataset(entry, _newest_change(Path(entry.folder)))


def audit(run: RunFolder) -> "AuditResult":
    """The result of a finished audit. It never changes, so its path is key enough."""
    from mammo_core.datasets.audit.result import AUDIT_FILE

    return _audit(run.file(AUDIT_FILE))


def picture(root: str, path: str, *, side: int) -> bytes | None:
    """A thumbnail; None where the image cannot be read. Made anew when the image was."""
    return _picture(root, path, side, changed_at(Path(root) / path))


@st.cache_data(max_entries=2048, show_spinner=False)
def _picture(root: str, path: str, side: int, changed: int) -> bytes | None:
    from mammo_core.datasets.small_images import kept_thumbnail

    return kept_thumbnail(Path(root), path, side=side)


@st.cache_resource(max_entries=4, show_spinner="Reading the data set…")
def _dataset(entry: "Registered", changed: int) -> "Dataset":
    """Shared and never changed."""
    from mammo_core.datasets.dataset import read_in_question

    return read_in_question(Path(entry.folder), entry.adapter, entry.label_rule)


def _newest_change(folder: Path) -> int:
    try:
        return max(map(changed_at, (folder, *folder.iterdir())))
    except OSError:  # it is gone, or may not be looked into: whoever reads it will say so
        return 0


def changed_at(path: Path) -> int:
    """Of a link when that was changed which it leads to; where it leads nowhere, when it was."""
    with suppress(OSError):
        return path.stat().st_mtime_ns
    with suppress(OSError):
        return path.lstat().st_mtime_ns
    return 0


@st.cache_resource(max_entries=8, show_spinner=False)
def _audit(path: Path) -> "AuditResult":
    from mammo_core.datasets.audit.result import read_audit

    return read_audit(path)


@st.cache_data(max_entries=16, show_spinner="Reading predictions…")
def _predictions(path: Path, modified: int) -> pd.DataFrame:
    return check_predictions(read_table(path, what="predictions table"))


@st.cache_data(max_entries=32, show_spinner=False)
def _contents(path: Path, modified: int) -> pd.DataFrame:
    seen = read_table(path, what="list of seen images").reindex(columns=["image_id", "content"])
    return seen.drop_duplicates("image_id")


@st.cache_data(max_entries=256, show_spinner=False)
def _settings(path: Path, modified: int) -> RunConfig | None:
    try:
        return load_settings(path, RunConfig)
    except ConfigError:
        return None


@st.cache_resource(max_entries=16, show_spinner=False)
def _ensemble(path: Path, modified: int) -> Ensemble | None:
    """Shared and never changed."""
    return reading_ensemble(RunFolder(path.parent))


@st.cache_resource(max_entries=64, show_spinner=False)
def _card(path: Path, modified: int) -> ModelCard:
    """Shared and never changed."""
    return read_card(path)


def uploaded(table_id: str) -> pd.DataFrame:
    """The cells of an uploaded CSV as text, by the id it is kept under. Shared, never changed."""
    return _uploaded(tables_root(), table_id)


@st.cache_resource(max_entries=4, show_spinner="Reading the table…")
def _uploaded(root: Path, table_id: str) -> pd.DataFrame:
    return read_csv(load_table(root, table_id))


def reader_study(table_id: str) -> ReaderStudy:
    """An uploaded reader study, by the id it is kept under. Shared, never changed."""
    return _reader_study(tables_root(), table_id)


def forget_uploaded() -> None:
    """Drop every uploaded table kept in memory."""
    _uploaded.clear()
    _reader_study.clear()
    _marks.clear()


@st.cache_resource(max_entries=4, show_spinner="Reading the study…")
def _reader_study(root: Path, table_id: str) -> ReaderStudy:
    return read_study(read_csv(load_table(root, table_id)))


def marks(table_id: str) -> pd.DataFrame:
    """As `_marks`, of this visitor's own tables."""
    return _marks(tables_root(), table_id)


@st.cache_resource(max_entries=4, show_spinner="Reading the marks…")
def _marks(root: Path, table_id: str) -> pd.DataFrame:
    """An uploaded table of marks, by the id it is kept under. Shared, never changed."""
    from mammo_core.datasets.marks import read_marks

    return read_marks(read_csv(load_table(root, table_id)))


@st.cache_resource(max_entries=4, show_spinner="Reading the table…")
def understood(
    _table: pd.DataFrame,
    columns: Columns,
    positive: list[str],
    *,
    unknown: list[str],
    scale: Scale,
    missing: list[float],
    table_id: str,
) -> Understood:
    """What `_table`, the cells of `table_id`, says under the contract."""
    return understand(_table, columns, positive, unknown=unknown, scale=scale, missing=missing)


@st.cache_data(max_entries=32, show_spinner="Asking what is known without the image…")
def beyond(
    _rows: pd.DataFrame, *, source: str, split: str, level: Level, rule: Pooling
) -> Beyond | None:
    """What the score adds to age, density, site and machine. `source` and `split` name `_rows`."""
    return beyond_confounders(_rows, level=level, rule=rule)


@st.cache_data(max_entries=8, show_spinner="Placing the images by their neighbours…")
def neighbour_points(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """A place for each of `vectors`, by t-SNE."""
    return neighbour_plane(vectors, seed=0)


@st.cache_data(max_entries=32, show_spinner="Drawing one breast per woman…")
def one_breast(_rows: pd.DataFrame, *, source: str, split: str, finding: CalledFor) -> DrawnAuc:
    """The AUC by woman where counting alone would make one. `source` and `split` name `_rows`."""
    return one_breast_auc(_rows, finding=finding)
