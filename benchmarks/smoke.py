"""Does training learn what is there, and nothing else: `python -m benchmarks.smoke`.

The smoke recipe on synthetic women, a third of them held out, in one run with what it must not
have learnt from:

* its AUC per breast is at least 0.85, and its training takes at most three minutes;
* confounders and grey-level statistics alone stay at 0.60 or below on the same women;
* with the labels shuffled between women, 0.5 lies within its interval;
* with --longer, a run of so many epochs is better than the short one on the same women.
"""

import argparse
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from mammo_core.config import DataConfig, RunConfig
from mammo_core.datasets.predictions import read_predictions
from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.uncertainty import auc_with_interval
from mammo_core.preprocessing.phantoms.women import write_phantom_set
from mammo_core.runs.folder import BASELINES_NAME, RunFolder
from mammo_core.runs.jobs import create_run, start_worker
from mammo_core.training.recipes import get_recipe
from mammo_core.types import CANCER, Level, RunState, Split

LEAST_AUC: Final = 0.85
MOST_BASELINE: Final = 0.60
MOST_SECONDS: Final = 180.0
SHORTCUTS: Final = ("baseline: confounders", "baseline: grey levels")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--women", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0, help="of the women")
    parser.add_argument("--size", type=int, nargs=2, default=(1024, 512), help="of the images")
    parser.add_argument("--epochs", type=int, help="of the short runs; else the recipe's")
    parser.add_argument("--longer", type=int, help="epochs of a longer run that must be better")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work here and leave it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        return check(arguments.keep or Path(scratch), arguments)


def check(folder: Path, arguments: argparse.Namespace) -> int:
    """0 where everything holds."""
    os.environ["MAMMO_HOME"] = str(folder / "home")
    true, shuffled = folder / "women", folder / "shuffled"
    write_phantom_set(true, women=arguments.women, seed=arguments.seed, size=tuple(arguments.size))
    shuffle_labels(true, shuffled, seed=arguments.seed)
    config = smoke(true, epochs=arguments.epochs)
    run = carried_out(config, folder / "runs")
    reached, _, _ = told("AUC per breast", run, "predictions.csv")
    seconds = run.card().training.seconds
    verdicts = [
        verdict(reached >= LEAST_AUC, f"at least {LEAST_AUC}"),
        verdict(seconds <= MOST_SECONDS, f"trained in {seconds:.0f} s of {MOST_SECONDS:.0f}"),
    ]
    for name in SHORTCUTS:
        value, _, _ = told(name, run, BASELINES_NAME, model_id=name)
        verdicts.append(verdict(value <= MOST_BASELINE, f"at most {MOST_BASELINE}"))
    nothing = carried_out(smoke(shuffled, epochs=arguments.epochs), folder / "runs")
    _, low, high = told("labels shuffled between women", nothing, "predictions.csv")
    verdicts.append(verdict(low <= 0.5 <= high, "0.5 within its interval"))
    if arguments.longer:
        longer = carried_out(smoke(true, epochs=arguments.longer), folder / "runs")
        value, _, _ = told(f"{arguments.longer} epochs", longer, "predictions.csv")
        verdicts.append(verdict(value > reached, "better than the short run"))
    return 0 if all(verdicts) else 1


def smoke(folder: Path, *, epochs: int | None) -> RunConfig:
    data = DataConfig(
        folder=str(folder), adapter="phantom_set", label_rule="lesion", test_fraction=1 / 3
    )
    config = get_recipe("smoke").configure(data, CANCER)
    if epochs is None:
        return config
    warmup = min(config.optim.warmup_epochs, epochs)
    return replace(config, optim=replace(config.optim, epochs=epochs, warmup_epochs=warmup))


def carried_out(config: RunConfig, root: Path) -> RunFolder:
    run = create_run(config, root, what="smoke", total=config.optim.epochs)
    start_worker(run, kind="train").wait()
    status = run.read_status()
    if status.state is not RunState.FINISHED:
        sys.exit(f"{run.path}: {status.state}. {status.message}")
    return run


def shuffle_labels(folder: Path, target: Path, *, seed: int) -> None:
    """The same images, each woman with the labels of another: nothing is left to be learnt."""
    target.mkdir(exist_ok=True)
    for entry in folder.iterdir():
        if entry.name != "manifest.csv" and not (target / entry.name).exists():
            (target / entry.name).symlink_to(entry.resolve())
    manifest = pd.read_csv(folder / "manifest.csv", dtype="string")
    women = manifest["group_id"].unique()
    other = dict(zip(women, np.random.default_rng(seed).permutation(women), strict=True))
    place = ["group_id", "side", "view"]
    labels = manifest.set_index(place)["label"]
    wanted = pd.MultiIndex.from_frame(
        manifest[place].assign(group_id=manifest["group_id"].map(other))
    )
    manifest["label"] = labels.loc[wanted].to_numpy()
    manifest.to_csv(target / "manifest.csv", index=False)


def told(
    what: str, run: RunFolder, name: str, *, model_id: str | None = None
) -> tuple[float, float, float]:
    """Value and interval of the AUC per breast on the test women of a run."""
    table = read_predictions(run.file(name))
    table = table[table["split"] == Split.TEST]
    cases = pool_cases(table[table["model_id"] == (model_id or run.run_id)], Level.BREAST)
    auc = auc_with_interval(cases)
    print(
        f"{what}: {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f}), {cases.positives} breasts "
        f"with cancer and {cases.negatives} without, of {cases.group_count} women"
    )
    return auc.value, auc.low, auc.high


def verdict(holds: bool, claim: str) -> bool:
    print(f"  {'holds' if holds else 'FAILS'}: {claim}")
    return holds


if __name__ == "__main__":
    sys.exit(main())
