"""Random readers on random cases: the published analysis of Van Dyke, and made-up readers."""

import numpy as np
import pandas as pd
import pytest

from mammo_core.errors import TableError
from mammo_core.metrics.mrmc import (
    Covariances,
    Crossed,
    ReaderFigure,
    _aucs_without,
    compare_modalities,
    crossed,
    obuchowski_rockette,
)
from mammo_core.metrics.readers import ReaderStudy, read_study
from mammo_core.metrics.uncertainty import auc_of

#: Van Dyke (1993): five readers, 114 cases, 45 of them with dissection; cine and spin-echo MRI. The
#: empirical AUCs and jackknife covariances are those of Hillis, Obuchowski, Schartz and Berbaum
#: (2005), Statistics in Medicine 24:1579, as R's MRMCaov prints them.
CINE = [0.9196457, 0.8587762, 0.9038647, 0.9731079, 0.8297907]
SPIN_ECHO = [0.9478261, 0.9053140, 0.9217391, 0.9993559, 0.9299517]
PRINTED = Covariances(
    one=0.0003466137,
    two=0.0003440748,
    three=0.0002390284,
    two_by_modality=(0.0004775239, 0.0002106257),
)


def made_up(
    rng: np.random.Generator,
    *,
    readers: int = 5,
    women: int = 100,
    images: int = 1,
    gain: float = 0.0,
) -> Crossed:
    """Roe and Metz (1997): readers, cases and what modality, reader and case do to each other."""
    cases = women * images
    groups = np.repeat(np.arange(women), images)
    positive = groups % 2 == 0

    def part(share: float, *shape: int) -> np.ndarray:
        return np.sqrt(share) * rng.normal(size=shape)

    scores = (
        part(0.01, 1, readers, 1) * positive
        + part(0.01, 2, readers, 1) * positive
        + (part(0.3, 1, 1, women) + part(0.2, 2, 1, women) + part(0.2, 1, readers, women))[
            :, :, groups
        ]
        + part(0.3, 2, readers, cases)
        + (1.5 + gain * np.array([0.0, 1.0])[:, None, None]) * positive
    )
    return Crossed(
        modalities=("without AI", "with AI"),
        readers=tuple(f"r{number}" for number in range(readers)),
        scores=scores,
        positive=positive,
        groups=groups,
    )


def test_the_published_analysis_of_van_dyke_comes_out() -> None:
    reads = made_up(np.random.default_rng(0), women=114)
    effect = obuchowski_rockette(
        np.array([CINE, SPIN_ECHO]), PRINTED, reads=reads, figure=ReaderFigure.AUC
    )
    assert effect.value == pytest.approx(0.0438003, abs=1e-6)
    assert effect.freedom == pytest.approx(15.2597, abs=0.002)
    assert effect.p_value == pytest.approx(0.0517, abs=1e-4)
    assert (effect.low, effect.high) == pytest.approx((-0.00036, 0.08796), abs=2e-5)
    assert [one.value for one in effect.averages] == pytest.approx([0.897037, 0.940837], abs=1e-6)
    assert not effect.is_clear


def test_leaving_a_woman_out_in_one_sort_is_leaving_her_out() -> None:
    rng = np.random.default_rng(1)
    row, positive = rng.integers(0, 5, 40).astype(float), rng.random(40) < 0.4
    groups = rng.integers(0, 15, 40)
    groups = np.unique(groups, return_inverse=True)[1]
    expected = [auc_of(row[groups != w], positive[groups != w]) for w in range(groups.max() + 1)]
    assert _aucs_without(row, positive, groups) == pytest.approx(np.array(expected))


def test_a_model_that_helps_every_reader_is_told() -> None:
    reads = made_up(np.random.default_rng(2), gain=1.0)
    for figure in ReaderFigure:
        effect = compare_modalities(reads, figure, called_from=0.75)
        is_helped = figure is not ReaderFigure.SPECIFICITY
        assert effect.is_clear is is_helped, figure
        assert (effect.low > 0) is is_helped
    assert "both random" in effect.sentence


def test_women_who_repeat_tell_less() -> None:
    reads = made_up(np.random.default_rng(3), women=60, images=4)
    by_woman = compare_modalities(reads, ReaderFigure.AUC)
    alone = Crossed(
        modalities=reads.modalities, readers=reads.readers, scores=reads.scores,
        positive=reads.positive, groups=np.arange(240),
    )  # fmt: skip
    by_case = compare_modalities(alone, ReaderFigure.AUC)
    assert by_woman.high - by_woman.low > 1.2 * (by_case.high - by_case.low)


def false_alarms(studies: int, figure: ReaderFigure) -> float:
    rng = np.random.default_rng(4)
    return float(
        np.mean(
            [
                compare_modalities(made_up(rng), figure, called_from=0.75).is_clear
                for _ in range(studies)
            ]
        )
    )


@pytest.mark.parametrize("figure", list(ReaderFigure))
def test_a_model_that_changes_nothing_is_rarely_said_to(figure: ReaderFigure) -> None:
    assert false_alarms(100, figure) <= 0.12


@pytest.mark.slow
@pytest.mark.parametrize("figure", list(ReaderFigure))
def test_a_model_that_changes_nothing_is_said_to_in_one_study_of_twenty(
    figure: ReaderFigure,
) -> None:
    assert 0.03 <= false_alarms(2000, figure) <= 0.07


def study() -> ReaderStudy:
    lines = ["reader,case,modality,score,truth"]
    for reader in ("ann", "bea", "cay"):
        for modality in ("without AI", "with AI"):
            for number in range(10):
                if (reader, modality, number) != ("bea", "with AI", 9):
                    lines.append(f"{reader},c{number},{modality},{number},{int(number > 5)}")
    lines.append("dan,c0,without AI,3,0")
    return read_study("\n".join(lines).encode())


def test_readers_and_cases_that_are_not_crossed_are_left_out_and_said() -> None:
    reads = crossed(study(), ("without AI", "with AI"))
    assert reads.readers == ("ann", "bea", "cay")
    assert reads.scores.shape == (2, 3, 9)
    assert int(reads.positive.sum()) == 3
    assert reads.notes == ("1 case left out: not read by all in both ways, or of unknown truth.",)


def test_one_reader_or_one_class_is_refused() -> None:
    with pytest.raises(TableError, match="0 readers have read in both"):
        crossed(study(), ("without AI", "elsewhere"))
    healthy = pd.Series(False, index=[f"c{number}" for number in range(10)])
    with pytest.raises(TableError, match="are of one class"):
        crossed(study(), ("without AI", "with AI"), truth=healthy)
