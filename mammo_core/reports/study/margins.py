"""Margins that were written down, held against what the two models then reached: met, not met, or
cannot tell; and when each was written.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from mammo_core.config import EvaluateConfig, RunConfig
from mammo_core.datasets.predictions import read_predictions
from mammo_core.errors import ConfigError, MammoError, RunError, TableError
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
from mammo_core.reports.study.study import ALL, Sight
from mammo_core.runs.folder import NO_SUCH_RUN, RunFolder, card_hash, list_runs
from mammo_core.runs.naming import run_title, titles_of
from mammo_core.runs.operating_points import (
    Opening,
    WrittenMargin,
    before,
    has_points,
    margins_of,
    openings_of_test_set,
    point_in_force,
    when_written,
    write_margin,
)
from mammo_core.types import Level, Split
from mammo_core.words import UNITS, many


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginHeld:
    """A written margin and what came of it; `found` is None where it cannot be told, and `why`."""

    written: WrittenMargin
    against: str  # the title of the other model
    looks_before: tuple[Opening, ...]  # at test results, before it was written
    decides: bool = True  # of several for one figure, the last one written beforehand
    written_for_it: int = 1  # margins for this figure against this model
    basis: str = ""  # the cases the difference is of
    found: AgainstMargin | None = None
    why: str = ""

    @property
    def held(self) -> Held:
        return Held.OPEN if self.found is None else self.found.held

    @property
    def result(self) -> str:
        """As shown: one claim is judged once, whatever else was written for it."""
        if not self.decides:
            return "replaced"
        if self.written_for_it == 1:
            return str(self.held)
        return f"{self.held}; {self.written_for_it} margins were written for this figure"

    @property
    def is_beforehand(self) -> bool:
        return not self.looks_before

    @property
    def when(self) -> str:
        return when_written(self.written, self.looks_before)

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
            self.basis, self.result,
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
    _refuse_other_data(run, other)
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


def _refuse_other_data(run: RunFolder, other: RunFolder) -> None:
    """A difference is of cases both have scored. What a run still training will score is known by
    its kind of data set alone; only names of images are read, no result.
    """
    kinds = [_kind_of_data(one) for one in (run, other)]
    is_other = all(kinds) and kinds[0] != kinds[1]
    if run.has_predictions and other.has_predictions:
        images = [set(read_predictions(one.predictions_file)["image_id"]) for one in (run, other)]
        is_other = is_other or images[0].isdisjoint(images[1])
    if is_other:
        raise ConfigError(
            f"{run.run_id} and {other.run_id} are of different data sets, so no margin between "
            "them can be judged. Choose a model tested on the same women."
        )


def _kind_of_data(run: RunFolder) -> str:
    """ "" where the settings do not say."""
    with suppress(MammoError):
        return run.settings(RunConfig).data.adapter
    with suppress(MammoError):
        return run.settings(EvaluateConfig).adapter
    return ""


def hold_margins(
    run: RunFolder,
    roots: Sequence[Path],
    *,
    titles: Mapping[str, str] | None = None,
    sight: Sight = ALL,
) -> list[MarginHeld]:
    """Every margin of `run` against the test results of both, but those against a run that nobody
    is to know of. Reading it is a look at them. `titles` are by run id; without them, as every page
    calls the runs.
    """
    margins = margins_of(run, roots, may_see=sight.run)
    if not margins:
        return []
    runs = list_runs(*roots)
    named = titles_of(runs) if titles is None else titles
    return [
        replace(
            _hold(run, one, looks, runs, named),
            decides=number == _deciding(one, margins),
            written_for_it=len(_alike(one, margins)),
        )
        for number, (one, looks) in enumerate(margins)
    ]


Margins = Sequence[tuple[WrittenMargin, tuple[Opening, ...]]]


def _alike(one: WrittenMargin, margins: Margins) -> list[int]:
    """The places of all for the same figure against the same model: whatever else they say, each
    would be another chance to meet one.
    """
    return [
        number
        for number, (other, _) in enumerate(margins)
        if (other.figure, other.against) == (one.figure, one.against)
    ]


def _deciding(one: WrittenMargin, margins: Margins) -> int:
    """The last one written beforehand; where none was, the last."""
    alike = _alike(one, margins)
    return max([number for number in alike if not margins[number][1]] or alike)


def _hold(
    run: RunFolder,
    written: WrittenMargin,
    looks: tuple[Opening, ...],
    runs: Sequence[RunFolder],
    titles: Mapping[str, str],
) -> MarginHeld:
    title = titles.get(written.against, written.against)
    try:
        other = next((one for one in runs if one.run_id == written.against), None)
        if other is None:
            raise RunError(NO_SUCH_RUN.format(run_id=written.against))
        found, basis = _judge(run, other, title, written, runs, is_beforehand=not looks)
    except MammoError as error:
        return MarginHeld(written=written, against=title, looks_before=looks, why=str(error))
    return MarginHeld(written=written, against=title, looks_before=looks, found=found, basis=basis)


def _judge(
    run: RunFolder,
    other: RunFolder,
    title: str,
    written: WrittenMargin,
    runs: Sequence[RunFolder],
    *,
    is_beforehand: bool,
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
    if one.unnamed:
        basis += f"; {one.unnamed:,} without patient id, each taken for a woman of its own"
    if margin.figure is MarginOf.AUC:
        difference = auc_difference(one, two)
        value, low, high = difference.value, difference.low, difference.high
    else:
        value, low, high = _rate_difference(margin.figure, (run, one), (other, two))
        basis += "".join(_late_lock(each, runs) for each in (run, other))
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


def _late_lock(run: RunFolder, runs: Sequence[RunFolder]) -> str:
    """A threshold that came after the look may have been chosen to fit, as a margin may."""
    point = point_in_force(run)
    is_late = point is not None and bool(before(openings_of_test_set(run, runs), point.locked_at))
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
    "threshold. A margin written after the test set was opened may have been chosen to fit; looks "
    "at either model and at others of the same test set count. Of several margins for one figure "
    "the last one written beforehand decides; the others are replaced. Margins for different "
    "figures each stand by themselves: their intervals are not corrected for one another."
)
