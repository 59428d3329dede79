"""Faults that the tests must notice: in a file of mammo_core, `was` becomes `becomes`, and one of
`tests` must fail. `was` stands in the file exactly once; where the code was rewritten, the fault is
to be put into the new code, not dropped.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Mutation:
    file: str  # below mammo_core
    tests: str  # below tests, several with a blank between them
    was: str
    becomes: str

    def __str__(self) -> str:
        return f"{self.file}: {self.was.strip()} -> {self.becomes.strip()}"

    def problem(self, source: str) -> str | None:
        """Why `source` cannot be changed like this, or None."""
        found = source.count(self.was)
        return None if found == 1 else f"the fragment is there {found} times, not once"

    def applied(self, source: str) -> str:
        return source.replace(self.was, self.becomes)


MUTATIONS: Final = (
    # Thresholds, areas and intervals
    Mutation(
        "metrics/threshold.py",
        "metrics/test_threshold.py",
        "called = cases.score >= threshold",
        "called = cases.score > threshold",
    ),
    Mutation(
        "metrics/uncertainty.py",
        "metrics/test_uncertainty.py metrics/test_compare.py",
        "max(1, min(of.groups_with_cancer, of.groups_without)",
        "max(1, max(of.groups_with_cancer, of.groups_without)",
    ),
    Mutation(
        "metrics/uncertainty.py",
        "metrics/test_uncertainty.py",
        "z**2 / (4 * total**2))",
        "z**2 / (2 * total**2))",
    ),
    Mutation(
        "metrics/uncertainty.py",
        "metrics/test_auc.py metrics/test_uncertainty.py metrics/test_compare.py",
        "+ s11 / (m * n)",
        "- s11 / (m * n)",
    ),
    Mutation(
        "metrics/uncertainty.py",
        "metrics/test_auc.py",
        "np.cumsum(negatives) - negatives / 2",
        "np.cumsum(negatives) - negatives",
    ),
    Mutation(
        "metrics/uncertainty.py",
        "metrics/test_uncertainty.py",
        "float(sizes.sum() ** 2 / (sizes**2).sum())",
        "float(len(sizes))",
    ),
    Mutation(
        "metrics/compare.py",
        "metrics/test_compare.py",
        "- 2 * auc_covariance(first, second)",
        "+ 2 * auc_covariance(first, second)",
    ),
    Mutation(
        "metrics/compare.py",
        "metrics/test_compare.py",
        "(len(p_values) - np.arange(len(p_values)))",
        "(1 + np.arange(len(p_values)))",
    ),
    Mutation(
        "metrics/paired_rates.py",
        "metrics/test_paired_rates.py",
        "bdtr(min(only_one, only_other)",
        "bdtr(max(only_one, only_other)",
    ),
    Mutation(
        "metrics/cases.py",
        "metrics/test_cases.py",
        'breasts[breasts["positive"] | ~has_cancer]',
        "breasts",
    ),
    # Several models as one
    Mutation(
        "metrics/ensemble.py",
        "metrics/test_ensemble.py",
        "np.mean([place(member, scores)",
        "np.max([place(member, scores)",
    ),
    Mutation(
        "metrics/ensemble.py",
        "metrics/test_ensemble.py",
        'for side in ("left", "right")',
        'for side in ("left", "left")',
    ),
    # Splits
    Mutation(
        "datasets/splits.py",
        "datasets/test_splits.py",
        "wanted[split] * place - given[split]",
        "wanted[split] * place + given[split]",
    ),
    Mutation(
        "datasets/splits.py",
        "datasets/test_splits.py",
        "splits.index[splits > 1]",
        "splits.index[splits > 2]",
    ),
    Mutation(
        "datasets/splits.py",
        "datasets/test_splits.py",
        "group: place % folds",
        "group: place // folds",
    ),
    # The audit of a data set
    Mutation(
        "datasets/audit/copies.py",
        "datasets/audit/test_copies.py",
        "loose.index[loose > 1]",
        "loose.index[loose > 2]",
    ),
    Mutation(
        "datasets/audit/tables.py",
        "datasets/audit/test_tables.py",
        "shares.max() - shares.min() > _PREVALENCE_GAP",
        "shares.max() - shares.min() < _PREVALENCE_GAP",
    ),
    # From a file to grey
    Mutation(
        "preprocessing/dicom/tones.py",
        "preprocessing/test_windows.py",
        'upper() == "MONOCHROME1"',
        'upper() == "MONOCHROME2"',
    ),
    Mutation(
        "preprocessing/dicom/tones.py",
        "preprocessing/test_windows.py",
        "center - 0.5, (width - 1) / 2",
        "center, (width - 1) / 2",
    ),
    Mutation(
        "preprocessing/dicom/tones.py",
        "preprocessing/test_windows.py",
        "astype(np.int64) - self.first",
        "astype(np.int64) + self.first",
    ),
    # From a mammogram to what a model sees
    Mutation(
        "preprocessing/prepare.py",
        "preprocessing/test_prepare.py",
        "scaled = scaled[:, ::-1]",
        "scaled = scaled[::-1]",
    ),
    Mutation(
        "preprocessing/prepare.py",
        "preprocessing/test_prepare.py",
        "settings.size[1] - placed[1] if is_right and not is_flipped else 0",
        "0",
    ),
    Mutation(
        "preprocessing/prepare.py",
        "preprocessing/test_prepare.py",
        "width - crop.x1 if is_flipped",
        "width - crop.x0 if is_flipped",
    ),
    Mutation(
        "preprocessing/prepare.py",
        "preprocessing/test_prepare.py",
        "column_scale = -column_scale",
        "column_scale = abs(column_scale)",
    ),
    # What the cache keeps apart
    Mutation(
        "preprocessing/cache.py",
        "preprocessing/test_cache.py",
        "plain = replace(settings, channels=1, mean=(0.0,), std=(1.0,))",
        "plain = settings",
    ),
    Mutation(
        "preprocessing/cache.py",
        "preprocessing/test_cache.py",
        "st_size == height * width * kind.itemsize",
        "st_size <= height * width * kind.itemsize",
    ),
    # Training
    Mutation(
        "training/losses.py",
        "training/test_losses.py",
        "(1.0 - right).clamp(min=0.0)",
        "right.clamp(min=0.0)",
    ),
    Mutation(
        "training/losses.py",
        "training/test_balance.py",
        "max(0, wanted - int(repeated.sum()))",
        "max(0, wanted)",
    ),
    Mutation(
        "training/loop.py",
        "training/test_loop.py training/test_schedule.py",
        "-(-batch // optim.accumulate) - 1",
        "-(-batch // optim.accumulate)",
    ),
    Mutation(
        "training/loop.py",
        "training/test_schedule.py",
        "peak * (step + 1) / warmup",
        "peak * step / warmup",
    ),
    Mutation(
        "training/loop.py",
        "training/test_schedule.py",
        "if waited == optim.plateau_patience",
        "if waited > optim.plateau_patience",
    ),
    Mutation(
        "training/augment.py",
        "training/test_augment.py",
        "[field[:, 0] * (2.0 * most), field[:, 1] * down]",
        "[field[:, 0] * down, field[:, 1] * (2.0 * most)]",
    ),
    Mutation(
        "training/learning.py",
        "training/test_state.py",
        'json.loads(line)["epoch"] <= last_epoch',
        'json.loads(line)["epoch"] < last_epoch',
    ),
    Mutation(
        "training/learning.py",
        "training/test_state.py",
        '_load_optimizer(learner.optimizer, _under(tensors, "optimizer."))',
        "pass",
    ),
    # Heatmaps
    Mutation(
        "explain/closed_form.py",
        "explain/test_closed_form.py",
        "((is_positive, 1.0), (~is_positive, -1.0))",
        "((is_positive, -1.0), (~is_positive, 1.0))",
    ),
    Mutation(
        "explain/closed_form.py",
        "explain/test_closed_form.py",
        "- standard * along",
        "+ standard * along",
    ),
    Mutation(
        "explain/regions.py",
        "explain/test_regions.py",
        "share if self.is_chest_wall_right else 1.0 - share",
        "1.0 - share if self.is_chest_wall_right else share",
    ),
    # What a model is trusted by
    Mutation(
        "inference/checkpoint.py",
        "inference/test_checkpoint.py",
        "if found != card.weights_sha256",
        "if not found",
    ),
    Mutation(
        "runs/operating_points.py",
        "runs/test_operating_points.py",
        "[point for point in points if point.card_sha256 == card]",
        "points",
    ),
    Mutation(
        "runs/operating_points.py",
        "runs/test_operating_points.py",
        "points[-1].unlocked_at else points[-1]",
        "points[-1].unlocked_at else points[0]",
    ),
)
