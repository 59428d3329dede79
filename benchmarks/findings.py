"""What a newcomer should know of mammogram classifiers, measured: `python -m benchmarks.findings`.

    python -m benchmarks.findings leak --data IMAGES       images dealt out against women dealt out
    python -m benchmarks.findings table --data IMAGES      what the table tells before any pixel
    python -m benchmarks.findings crop --data IMAGES       cropping to the breast; inversion
    python -m benchmarks.findings heatmaps                 whether heatmaps point at lesions

Each writes `docs/findings/NAME.csv`, with every number, and the picture `NAME.svg` of its rows;
with --redraw the picture alone, from the numbers that are there. `heatmaps` measures nothing: it
tells what `mammo card NAME --boxes FILMS --write` has measured and kept with the model.
The recipe is `linear-probe`, unless --recipe names another. Trainings go to the folder of runs and
stay there; one that is there already is not made again.
"""

import argparse
import html
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pandas as pd
from scipy.stats import t as student

from benchmarks.smoke import carried_out
from mammo_core.config import DataConfig, RunConfig
from mammo_core.datasets.audit.run import audit_dataset
from mammo_core.datasets.dataset import read_in_question
from mammo_core.datasets.predictions import read_predictions
from mammo_core.files import checkpoints_root, replace_file
from mammo_core.metrics.cases import Cases, pool_cases
from mammo_core.metrics.compare import auc_difference, share_cases
from mammo_core.metrics.uncertainty import auc_with_interval
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.runs.folder import (
    BASELINES_NAME,
    RunFolder,
    find_checkpoint,
    list_checkpoints,
    list_runs,
)
from mammo_core.runs.measured import fidelity_of
from mammo_core.training.by_recipe import configure
from mammo_core.training.recipes import get_recipe
from mammo_core.types import Level, Split

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "findings"
SHIPPED: Final = "rsna-mobilenetv2"
SPLITS: Final = 10
FOLDS: Final = 5
ALIKE: Final = 0.05  # the mean difference of pixels from 0 to 1, packed anew as JPEG
COLUMNS: Final = ("what", "of", "value", "low", "high")
#: How the name of a difference ends: it stands in a picture of AUCs, nothing being at .5.
DIFFERENCE: Final = "(drawn from .5 on)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure: what it is of, how many, its 95 % interval. Without a value: a heading."""

    what: str
    of: str = ""
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan

    @property
    def drawn_from(self) -> float:
        return 0.5 if self.what.endswith(DIFFERENCE) else 0.0

    def in_words(self, number: float) -> str:
        return f"{number:+.3f}" if self.drawn_from else f"{number:.3f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    title: str
    axis: str
    chance: float  # where the line of "nothing" stands
    measure: Callable[[argparse.Namespace], list[Row]]


# --- The leak ---------------------------------------------------------------------------------


def leak(arguments: argparse.Namespace) -> list[Row]:
    """The same recipe on ten splits by image and ten by woman, and what lies between."""
    found: dict[str, list[float]] = {"image": [], "woman": []}
    for seed in range(arguments.splits):
        for unit, values in found.items():
            run = trained(
                arguments,
                {
                    "data.unit": unit,
                    "data.is_leak_allowed": str(unit == "image").lower(),
                    "data.split_seed": str(seed),
                    "data.is_official_split": "false",
                },
            )
            values.append(auc_with_interval(test_cases(run, Level.IMAGE)).value)
    dealt = {unit: np.array(values) for unit, values in found.items()}
    apart = dealt["image"] - dealt["woman"]
    config = run.settings(RunConfig)
    ratio = config.data.test_fraction / (1 - config.data.test_fraction - config.data.val_fraction)
    of = f"mean of {arguments.splits} splits"
    return [
        over_splits("images dealt out", of, dealt["image"], ratio),
        over_splits("women dealt out", of, dealt["woman"], ratio),
        over_splits(f"what the leak adds {DIFFERENCE}", of, apart, ratio),
        *(
            Row(what=f"split {seed}: {units} dealt out", value=float(value))
            for units, values in (("images", dealt["image"]), ("women", dealt["woman"]))
            for seed, value in enumerate(values)
        ),
    ]


def over_splits(what: str, of: str, values: np.ndarray, ratio: float) -> Row:
    """The mean over splits of the same women with Nadeau and Bengio's interval (2003): splits
    share their women, so that ten of them are not ten samples.
    """
    mean, count = float(values.mean()), len(values)
    half = student.ppf(0.975, count - 1) * math.sqrt(
        (1 / count + ratio) * float(values.var(ddof=1))
    )
    return Row(what=what, of=of, value=mean, low=mean - half, high=mean + half)


# --- The table speaks before the pixels -------------------------------------------------------


def table(arguments: argparse.Namespace) -> list[Row]:
    """What is known without looking at an image, beside networks that look."""
    dataset = read_in_question(Path(arguments.data))
    audit = audit_dataset(dataset, made_at=datetime.now(UTC).isoformat(timespec="seconds"))
    rows = [Row(what="Without an image, found by the audit")]
    rows += [
        Row(
            what=f"{found.name}, by {found.level}",
            of=f"{found.positives} of {found.positives + found.negatives}, {found.women} women",
            value=found.auc,
            low=found.low,
            high=found.high,
        )
        for found in audit.shortcuts
    ]
    run = find_checkpoint(SHIPPED)
    baselines = read_predictions(run.file(BASELINES_NAME))
    rows.append(Row(what="Out of fold, by breast: women nobody learnt from"))
    for name, guessed in baselines.groupby("model_id", sort=False):
        rows.append(figure(str(name).removeprefix("baseline: "), pool_cases(guessed, Level.BREAST)))
    networks = read_predictions(run.predictions_file)
    rows.append(figure(f"five networks, {SHIPPED}", pool_cases(networks, Level.BREAST)))
    return rows


# --- Crop and inversion -----------------------------------------------------------------------


def crop(arguments: argparse.Namespace) -> list[Row]:
    """The same five folds with the breast cut out, with the whole frame, and with half of the
    women's files inverted, as they are where MONOCHROME1 was exported as if it were MONOCHROME2.
    Whoever reads them sees that their ground is bright, and turns them back.
    """
    cut = out_of_fold(arguments, {})
    whole = out_of_fold(arguments, {"prepare.crop": "none", "prepare.is_masked": "false"})
    mixed = half_inverted(Path(arguments.data))
    inverted = out_of_fold(argparse.Namespace(**{**vars(arguments), "data": str(mixed)}), {})
    back, turned = turned_back(Path(arguments.data), mixed)
    rows = [
        figure("cropped to the breast, background black", cut),
        figure("whole frame, background as it is", whole),
        figure(
            f"half of the women inverted, {back:,} of {turned:,} files read as before", inverted
        ),
    ]
    for what, other in (("cropping and masking", whole), ("never having been inverted", inverted)):
        shared = share_cases([cut, other])
        one, two = shared.cases
        apart = auc_difference(one, two)
        rows.append(
            Row(
                what=f"what {what} adds {DIFFERENCE}",
                of=f"{len(one)} images of {apart.groups} women",
                value=apart.value,
                low=apart.low,
                high=apart.high,
            )
        )
    return rows


def out_of_fold(arguments: argparse.Namespace, changes: dict[str, str]) -> Cases:
    """Every woman scored by a network that never saw her."""
    parts = []
    for fold in range(FOLDS):
        asked = {**changes, "data.folds": str(FOLDS), "data.fold": str(fold)}
        run = trained(arguments, {**asked, "data.is_official_split": "false"})
        predictions = read_predictions(run.predictions_file)
        parts.append(predictions[predictions["split"] == Split.TEST])
    together = pd.concat(parts, ignore_index=True).assign(model_id="a network for each fold")
    # The set with half of the women inverted is another folder of the same images.
    return replace(pool_cases(together, Level.IMAGE), dataset="")


def half_inverted(folder: Path) -> Path:
    """The same set beside the runs, the grey values of every second woman turned round."""
    target = checkpoints_root() / f"{folder.name}-half-inverted"
    dataset = read_in_question(folder)
    turned = every_second_woman(dataset.manifest)
    for file in folder.rglob("*.csv"):
        (target / file.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
        (target / file.relative_to(folder)).write_bytes(file.read_bytes())
    for path, woman in zip(dataset.manifest["path"], dataset.manifest["patient_id"], strict=True):
        to = target / path
        if to.exists():
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        if woman in turned:
            grey = cv2.imread(str(folder / path), cv2.IMREAD_GRAYSCALE)
            cv2.imwrite(str(to), 255 - grey, [cv2.IMWRITE_JPEG_QUALITY, 98])
        else:
            shutil.copyfile(folder / path, to)  # a link that leads out is not followed
    return target


def every_second_woman(manifest: pd.DataFrame) -> set[str]:
    return set(sorted(manifest["patient_id"].unique())[::2])


def turned_back(folder: Path, inverted: Path) -> tuple[int, int]:
    """How many of the inverted files are read as their originals are, and of how many."""
    manifest = read_in_question(folder).manifest
    paths = manifest.loc[manifest["patient_id"].isin(every_second_woman(manifest)), "path"]
    apart = [
        np.abs(read_mammogram(folder / path).pixels - read_mammogram(inverted / path).pixels).mean()
        for path in paths
    ]
    return sum(float(one) < ALIKE for one in apart), len(apart)


# --- Heatmaps ---------------------------------------------------------------------------------


def heatmaps(_: argparse.Namespace) -> list[Row]:
    """What was measured of the models that ship, as their folders keep it."""
    rows = []
    for run in list_checkpoints():
        for kept in fidelity_of(run):
            of = f"{kept.images} images of {kept.women} women, {kept.dataset}"
            rows += [
                Row(what=f"{run.run_id}: {kept.method}", of=of),
                Row(
                    what="highest point lies in the lesion",
                    value=kept.pointing.value,
                    low=_or_nan(kept.pointing.low),
                    high=_or_nan(kept.pointing.high),
                ),
                Row(what="the same by chance: equal area", value=kept.pointing.chance),
                Row(what="the same, weights shuffled", value=kept.pointing_of_shuffled),
                Row(
                    what="share of the evidence in the lesion",
                    value=kept.energy.value,
                    low=_or_nan(kept.energy.low),
                    high=_or_nan(kept.energy.high),
                ),
                Row(what="the same by chance", value=kept.energy.chance),
            ]
    return rows


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


# --- What they share --------------------------------------------------------------------------


def trained(arguments: argparse.Namespace, changes: dict[str, str]) -> RunFolder:
    """A run of the recipe with `changes`, made once."""
    dataset = read_in_question(Path(arguments.data))
    data = DataConfig(
        folder=str(Path(arguments.data).resolve()),
        adapter=dataset.adapter.name,
        label_rule=dataset.label_rule.name,
    )
    config = configure(get_recipe(arguments.recipe), data, changes, root=checkpoints_root())
    for run in list_runs(checkpoints_root()):
        if run.is_checkpoint and run.file("run.json").exists() and _is_same(run, config):
            return run
    print(f"{datetime.now(UTC):%H:%M:%S} training with {changes}", flush=True)
    return carried_out(config, checkpoints_root())


def _is_same(run: RunFolder, config: RunConfig) -> bool:
    settings = run.settings(RunConfig)
    return replace(settings, series="") == config


def test_cases(run: RunFolder, level: Level) -> Cases:
    predictions = read_predictions(run.predictions_file)
    return pool_cases(predictions[predictions["split"] == Split.TEST], level)


def figure(what: str, cases: Cases) -> Row:
    found = auc_with_interval(cases)
    of = f"{found.positives} of {found.positives + found.negatives}, {found.groups} women"
    return Row(what=what, of=of, value=found.value, low=found.low, high=found.high)


# --- The picture ------------------------------------------------------------------------------

_LINE, _LEFT, _WIDTH, _RIGHT = 24, 480, 300, 190


def drawn(finding: Finding, rows: Sequence[Row]) -> str:
    """Dots with their intervals, a line each, as SVG."""
    numbers = [
        number + row.drawn_from
        for row in rows
        for number in (row.value, row.low, row.high)
        if math.isfinite(number)
    ]
    low, high = min([finding.chance, *numbers]), max([finding.chance, *numbers])
    low, high = math.floor(low * 20) / 20, math.ceil(high * 20) / 20

    def at(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * _WIDTH

    top, bottom = 48, 48 + _LINE * len(rows)
    parts = [
        f'<text x="12" y="22" font-weight="bold">{html.escape(finding.title)}</text>',
        f'<line x1="{at(finding.chance):.1f}" x2="{at(finding.chance):.1f}" y1="{top - 8}" '
        f'y2="{bottom}" stroke="#999" stroke-dasharray="3 3"/>',
    ]
    for number, row in enumerate(rows):
        parts += _line_of(row, top + _LINE * number + _LINE / 2, at)
    for tick in np.arange(low, high + 1e-9, 0.1 if high - low > 0.3 else 0.05):
        parts.append(
            f'<text x="{at(tick):.1f}" y="{bottom + 18}" text-anchor="middle" fill="#555">'
            f"{tick:.2f}</text>"
        )
    parts.append(f'<text x="12" y="{bottom + 18}" fill="#555">{html.escape(finding.axis)}</text>')
    width, height = _LEFT + _WIDTH + _RIGHT, bottom + 30
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="13" fill="#111">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _line_of(row: Row, middle: float, at: Callable[[float], float]) -> list[str]:
    weight = "" if math.isfinite(row.value) else ' font-weight="bold"'
    of = f' <tspan fill="#666" font-size="11">{html.escape(row.of)}</tspan>' if row.of else ""
    parts = [f'<text x="12" y="{middle + 4:.1f}"{weight}>{html.escape(row.what)}{of}</text>']
    if not math.isfinite(row.value):
        return parts
    value, low, high = (number + row.drawn_from for number in (row.value, row.low, row.high))
    told = row.in_words(row.value)
    if math.isfinite(low):
        told += f" ({row.in_words(row.low)} to {row.in_words(row.high)})"
        parts.append(
            f'<line x1="{at(low):.1f}" x2="{at(high):.1f}" y1="{middle}" y2="{middle}" '
            'stroke="#1f5fa8" stroke-width="2"/>'
        )
    parts.append(f'<circle cx="{at(value):.1f}" cy="{middle}" r="4" fill="#1f5fa8"/>')
    parts.append(f'<text x="{_LEFT + _WIDTH + 12}" y="{middle + 4:.1f}">{told}</text>')
    return parts


FINDINGS: Final = {
    "leak": Finding(
        title="Dealing out images instead of women",
        axis="AUC by image, test",
        chance=0.5,
        measure=leak,
    ),
    "table": Finding(
        title="The table speaks before the pixels", axis="AUC", chance=0.5, measure=table
    ),
    "crop": Finding(
        title="Cropping, and inverted images",
        axis="AUC by image, out of fold",
        chance=0.5,
        measure=crop,
    ),
    "heatmaps": Finding(
        title="Do heatmaps point at lesions?", axis="share", chance=0.0, measure=heatmaps
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("finding", choices=FINDINGS)
    parser.add_argument("--data", metavar="DIR", help="the screening subset")
    parser.add_argument("--recipe", default="linear-probe")
    parser.add_argument("--splits", type=int, default=SPLITS, help="of the leak, each way")
    parser.add_argument("--redraw", action="store_true", help="measure nothing, draw what is there")
    arguments = parser.parse_args()
    name = arguments.finding
    if not arguments.redraw:
        rows = FINDINGS[name].measure(arguments)
        FOLDER.mkdir(parents=True, exist_ok=True)
        told = pd.DataFrame([[getattr(row, one) for one in COLUMNS] for row in rows])
        told.columns = pd.Index(COLUMNS)
        replace_file(FOLDER / f"{name}.csv", told.to_csv(index=False, float_format="%.6f"))
    replace_file(FOLDER / f"{name}.svg", picture_of(name))
    kept = pd.read_csv(FOLDER / f"{name}.csv")
    print(kept.to_string(index=False, float_format=lambda number: f"{number:.3f}"))


def kept_rows(name: str) -> list[Row]:
    """As the CSV has them, so that a picture can be drawn again without measuring."""
    kept = pd.read_csv(FOLDER / f"{name}.csv").fillna({"of": ""})
    return [Row(**dict(zip(COLUMNS, row, strict=True))) for row in kept[[*COLUMNS]].to_numpy()]


def picture_of(name: str) -> str:
    shown = [row for row in kept_rows(name) if not row.what.startswith("split ")]
    return drawn(FINDINGS[name], shown)


if __name__ == "__main__":
    main()
