"""Margins that were written down, held against what the two models then reached: met, not met, or
cannot tell; and when each was written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from mammo_core.datasets.predictions import read_predictions
from mammo_core.errors import ConfigError, MammoError, TableError
from mammo_core.inference.verdict import as_given
from mammo_core.metrics.cases import Cases, Pooling, pool_cases, rules_of
from mammo_core.metrics.compare import auc_difference, share_cases
from mammo_core.metrics.margins import (
    AgainstMargin,
    Claim,
    Held,
    Margin,
    MarginOf,
    judge_margin,
)
from mammo_core.metrics.paired_rates import rate_difference
from mammo_core.reports.document import Block, Section, Table, paragraphs
from mammo_core.runs.folder import RunFolder, card_hash, find_run
from mammo_core.runs.naming import run_title
from mammo_core.runs.operating_points import (
    WrittenMargin,
    before,
    has_points,
    margins_of,
    openings_of,
    point_in_force,
    write_margin,
)
from mammo_core.types import Level, Split
from mammo_core.words import UNITS, many


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginHeld:
    """A written margin and what came of it; `found` is None where it cannot be told, and `why`."""

    written: WrittenMargin
    against: str  # the title of the other model
    is_beforehand: bool
    basis: str = ""  # the cases the difference is of
    found: AgainstMargin | None = None
    why: str = ""

    @property
    def held(self) -> Held:
        return Held.OPEN if self.found is None else self.found.held

    @property
    def when(self) -> str:
        """When it was written, and whether anybody had looked by then."""
        at = self.written.written_at[:16].replace("T", " ")
        told = "before" if self.is_beforehand else "AFTER"
        return f"{at} (UTC), {told} the test set was first opened"

    @property
    def cells(self) -> tuple[str, ...]:
        one = self.written
        spread = self.why
        if self.found is not None:
            found = self.found
            spread = f"{found.value:+.3f} (95 % {found.low:+.3f} to {found.high:+.3f})"
        level = one.level or "not written"
        return (
            f"{one.claim}, {one.figure}", self.against, f"{one.margin:g}", level, self.when, spread,
            self.basis, str(self.held),
        )  # fmt: skip


HEADER: Final = (
    "Claim", "Against", "Margin", "A case is one", "Written", "Difference, this less the other",
    "Of", "Result",
)  # fmt: skip


def written_margin(
    run: RunFolder, other: RunFolder, *, claim: Claim, figure: MarginOf, margin: float,
    level: Level, pooling: Pooling = Pooling.MAX, now: datetime | None = None,
) -> WrittenMargin:  # fmt: skip
    """Write down the margin of `run` against `other`, and give back what was written."""
    if run.run_id == other.run_id:
        raise ConfigError("A margin is held against another model, not against the same one.")
    Margin(claim=claim, figure=figure, margin=margin, against=other.run_id).check()
    written = WrittenMargin(
        claim=str(claim),
        figure=str(figure),
        margin=margin,
        against=other.run_id,
        written_at=(now or datetime.now(UTC)).isoformat(timespec="seconds"),
        card_sha256=card_hash(run) if has_points(run) else "",
        level=str(level),
        pooling=str(pooling),
    )
    write_margin(run, written)
    return written


def hold_margins(run: RunFolder, roots: Sequence[Path]) -> list[MarginHeld]:
    """Every margin of `run` against the test results of both. Reading it is a look at them."""
    return [_hold(run, one, is_beforehand, roots) for one, is_beforehand in margins_of(run)]


def _hold(
    run: RunFolder, written: WrittenMargin, is_beforehand: bool, roots: Sequence[Path]
) -> MarginHeld:
    title = written.against
    try:
        other = find_run(written.against, *roots)
        title = run_title(other)
        found, basis = _judge(run, other, title, written, is_beforehand=is_beforehand)
    except MammoError as error:
        return MarginHeld(
            written=written, against=title, is_beforehand=is_beforehand, why=str(error)
        )
    return MarginHeld(
        written=written, against=title, is_beforehand=is_beforehand, found=found, basis=basis
    )


def _judge(
    run: RunFolder, other: RunFolder, title: str, written: WrittenMargin, *, is_beforehand: bool
) -> tuple[AgainstMargin, str]:
    level, rule = Level(written.level or Level.IMAGE), Pooling(written.pooling or Pooling.MAX)
    one, two = share_cases([_test_cases(each, level, rule) for each in (run, other)]).cases
    margin = Margin(
        claim=Claim(written.claim),
        figure=MarginOf(written.figure),
        margin=written.margin,
        against=title,
    )
    basis = (
        f"{many(len(one), *UNITS[level])} of {many(one.group_count, 'woman', 'women')}, "
        f"{one.positives:,} with and {one.negatives:,} without cancer"
    )
    if margin.figure is MarginOf.AUC:
        difference = auc_difference(one, two)
        value, low, high = difference.value, difference.low, difference.high
    else:
        value, low, high = _rate_difference(margin.figure, (run, one), (other, two))
        basis += "".join(map(_late_lock, (run, other)))
    held = judge_margin(margin, value=value, low=low, high=high, is_beforehand=is_beforehand)
    return held, basis


def _test_cases(run: RunFolder, level: Level, rule: Pooling) -> Cases:
    """The test split, or all of a set that was only scored."""
    if not run.has_predictions:
        raise TableError(f"{run_title(run)} has no predictions yet.")
    table = read_predictions(run.predictions_file)
    of_test = table[(table["split"] == Split.TEST).fillna(value=False)]
    rows = of_test if len(of_test) else table
    if rule not in rules_of(rows, level):
        raise TableError(f"{run_title(run)} cannot be counted by {level}, {rule}.")
    return pool_cases(rows, level, rule)


def _rate_difference(
    figure: MarginOf, one: tuple[RunFolder, Cases], two: tuple[RunFolder, Cases]
) -> tuple[float, float, float]:
    """Each model called at its own locked threshold."""
    cases = one[1]
    called = [_called(run, own) for run, own in (one, two)]
    among = {
        MarginOf.SENSITIVITY: cases.positive,
        MarginOf.SPECIFICITY: ~cases.positive,
        MarginOf.RECALL_RATE: np.ones(len(cases), dtype=bool),
    }[figure]
    if not among.any():
        raise TableError(f"No case tells the {figure}: all are of one class.")
    hits = [~each if figure is MarginOf.SPECIFICITY else each for each in called]
    found = rate_difference(hits[0][among], hits[1][among], cases.groups[among])
    return found.value, found.low, found.high


def _called(run: RunFolder, cases: Cases) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    point = as_given(point_in_force(run))
    if point is None:
        raise TableError(f"No threshold is locked for {run_title(run)}.")
    if point.level is not cases.level or point.pooling != cases.rule:
        raise TableError(
            f"The threshold of {run_title(run)} is locked by {point.level} ({point.pooling}), the "
            f"margin is written by {cases.level} ({cases.rule})."
        )
    return np.asarray(cases.score >= point.threshold)


def _late_lock(run: RunFolder) -> str:
    """A threshold that came after the look may have been chosen to fit, as a margin may."""
    point = point_in_force(run)
    is_late = point is not None and bool(before(openings_of(run), point.locked_at))
    return f"; threshold of {run_title(run)} locked after its test set was opened" * is_late


def margins_section(held: Sequence[MarginHeld]) -> Iterator[Section]:
    """Nothing where no margin was written."""
    if not held:
        return
    blocks: tuple[Block, ...] = (
        *paragraphs(MEANING),
        Table(header=HEADER, rows=tuple(one.cells for one in held)),
    )
    yield Section(title="Margins", blocks=blocks)


MEANING: Final = (
    "Met: the whole 95 % interval lies inside the margin. Not met: it lies wholly beyond it. "
    "Cannot tell: neither, which proves nothing. Rates are those at each model's own locked "
    "threshold. A margin written after the test set was opened may have been chosen to fit."
)
