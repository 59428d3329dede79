"""Random readers on random cases: the published analysis of Van Dyke, and made-up readers."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.figures import roe_metz
from mammo_core.errors import TableError
from mammo_core.metrics.mrmc import (
    Crossed,
    ReaderFigure,
    Readers,
    _aucs_without,
    compare_modalities,
    covariances_of,
    crossed,
)
from mammo_core.metrics.readers import ReaderStudy, read_study
from mammo_core.metrics.uncertainty import auc_of
from mammo_core.preprocessing.reading.cells import read_csv

#: Van Dyke et al. (1993): five readers, 114 cases, the last 45 with aortic dissection, each read in
#: two ways of MRI; ratings 1 to 5, per way and reader, as the R package RJafroc keeps them
#: (github.com/dpc10ster/RJafroc, dataset02).
RATINGS = (
    (
        "122151111111411111111131311214111113121211233131133111111221111332111"
        "555545554555434245555555154454553555115554451",
        "232222222322522232222222422223222222222222222222222222222432232222222"
        "535555542555442225555555243354552425225555352",
        "222235112242422232221232411322112224121412112222223211211221151421212"
        "545555555555542355555555252255552555225555552",
        "111111311111111111112111211112111111111111111111331111111111111311111"
        "555555555555555155555555554544553555125555555",
        "351211112221211122113221111211211231221113332111211111111341231212113"
        "525255551545452235555554144322151515115553552",
    ),
    (
        "333222223213122222211111421312214323123122233111333113412421241442111"
        "535555554555544335555555355355554455535555551",
        "322222223222222122221222322222212212222231223222222222322322222222122"
        "535555552555344245455545252355532425525555552",
        "242222322211132222121121411512112122212221132111233113221232341242121"
        "525555555555354145555555253355543555534555551",
        "221111312111122111211111321212111122112111112121212211111212111323211"
        "545555554555455555555555455445555555535555555",
        "223122221222111222122212322321212222112121132122332122221222231233111"
        "525455555455343335555555251332532545533555553",
    ),
)


def van_dyke() -> Crossed:
    scores = np.array([[[float(one) for one in reader] for reader in way] for way in RATINGS])
    return Crossed(
        modalities=("way 1", "way 2"),
        readers=("1", "2", "3", "4", "5"),
        scores=scores,
        positive=np.arange(114) >= 69,
        groups=np.arange(114),
    )


def made_up(rng: np.random.Generator, **wanted: float) -> Crossed:
    return roe_metz(rng, **wanted).reads


#: What OR-DBM MRMC 2.51 (Schartz, Hillis, Pesce, Berbaum) prints for these ratings, trapezoidal
#: areas, jackknife; kept in the same repository, inst/IowaResults. Way 2 less way 1, where it has
#: way 1 less way 2.
PUBLISHED_AUCS = (
    (0.91964573, 0.85877617, 0.90386473, 0.97310789, 0.82979066),
    (0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169),
)
PUBLISHED = {
    Readers.RANDOM: {
        "difference": (0.04380, -0.00036, 0.08796),
        "p": 0.0517,
        "ways": ((0.89703704, 0.82522360, 0.96885048), (0.94083736, 0.89413783, 0.98753689)),
    },
    Readers.FIXED: {
        "difference": (0.04380, 0.00711, 0.08049),
        "p": 0.0193,
        "ways": ((0.89703704, 0.84943008, 0.94464399), (0.94083736, 0.90795637, 0.97371835)),
    },
}


@pytest.mark.parametrize("about", list(Readers))
def test_the_published_analysis_of_van_dyke_comes_out_of_its_ratings(about: Readers) -> None:
    effect = compare_modalities(van_dyke(), ReaderFigure.AUC, about=about)
    published = PUBLISHED[about]
    assert (effect.value, effect.low, effect.high) == pytest.approx(
        published["difference"], abs=6e-6
    )
    assert effect.p_value == pytest.approx(published["p"], abs=5e-5)
    for average, printed, readers in zip(
        effect.averages, published["ways"], PUBLISHED_AUCS, strict=True
    ):
        assert (average.value, average.low, average.high) == pytest.approx(printed, abs=1e-7)
        assert average.by_reader == pytest.approx(readers, abs=6e-9)
    assert effect.is_clear is (about is Readers.FIXED)
    assert str(about) in effect.sentence
    if about is Readers.RANDOM:
        assert effect.freedom == pytest.approx(15.26, abs=0.005)
        assert "5 readers, 114 cases of 114 women, 45 with and 69 without" in effect.sentence


def test_the_covariances_of_van_dyke_are_the_published_ones() -> None:
    """The jackknife here leaves each case out and counts again, as it is defined."""
    reads = van_dyke()
    rows = reads.scores.reshape(10, 114)
    left_out = [
        [auc_of(np.delete(row, case), np.delete(reads.positive, case)) for case in range(114)]
        for row in rows
    ]
    found = covariances_of((np.cov(left_out) * 113**2 / 114).reshape(2, 5, 2, 5))
    printed = (0.00080229, 0.00034661, 0.00034407, 0.00023903)
    assert (found.error, found.one, found.two, found.three) == pytest.approx(printed, abs=6e-9)
    assert found.two_by_modality == pytest.approx((0.00048396, 0.00020419), abs=6e-9)
    assert found.error_by_modality == pytest.approx((0.00101410, 0.00059047), abs=6e-9)


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


def test_women_who_repeat_tell_less() -> None:
    reads = made_up(np.random.default_rng(3), women=60, images=4)
    by_woman = compare_modalities(reads, ReaderFigure.AUC)
    alone = Crossed(
        modalities=reads.modalities, readers=reads.readers, scores=reads.scores,
        positive=reads.positive, groups=np.arange(240),
    )  # fmt: skip
    by_case = compare_modalities(alone, ReaderFigure.AUC)
    assert by_woman.high - by_woman.low > 1.2 * (by_case.high - by_case.low)


def false_alarms(
    studies: int,
    figure: ReaderFigure,
    *,
    about: Readers = Readers.RANDOM,
    readers: int = 5,
    women: int = 100,
) -> float:
    """How often AI that changes nothing (or no reader otherwise) is said to change something."""
    rng, claimed = np.random.default_rng(4), []
    for _ in range(studies):
        reads = made_up(rng, readers=readers, women=women, alike=about is Readers.FIXED)
        found = compare_modalities(reads, figure, called_from=0.75, about=about)
        claimed.append(found.is_clear)
    return float(np.mean(claimed))


@pytest.mark.parametrize("figure", list(ReaderFigure))
def test_a_model_that_changes_nothing_is_rarely_said_to(figure: ReaderFigure) -> None:
    assert false_alarms(100, figure) <= 0.12


@pytest.mark.slow
def test_a_model_that_changes_nothing_is_said_to_in_one_study_of_twenty() -> None:
    assert 0.03 <= false_alarms(2000, ReaderFigure.AUC) <= 0.07


@pytest.mark.slow
@pytest.mark.parametrize("about", list(Readers))
@pytest.mark.parametrize(("readers", "women"), [(3, 120), (5, 68), (10, 68), (10, 120)])
def test_nor_is_it_by_rates_of_few_women_in_more(readers: int, women: int, about: Readers) -> None:
    """Before they knew how few, sensitivity of 3 readers and 60 women was in 8 of 100."""
    found = false_alarms(2000, ReaderFigure.SENSITIVITY, about=about, readers=readers, women=women)
    assert found <= 0.06


def calls(found: np.ndarray) -> Crossed:
    """Of (2 ways, readers, women with cancer); as many without, whom nobody calls."""
    ways, readers, women = found.shape
    return Crossed(
        modalities=BOTH,
        readers=tuple(f"r{number}" for number in range(readers)),
        scores=np.concatenate([found, np.zeros((ways, readers, women))], axis=2),
        positive=np.arange(2 * women) < women,
        groups=np.arange(2 * women),
    )


@pytest.mark.parametrize("about", list(Readers))
def test_readers_who_gain_as_much_on_women_of_their_own_do_not_seem_sure_of_it(
    about: Readers,
) -> None:
    """Each of three finds two more of 30, no woman the same: between readers nothing varies at all,
    so that other readers seemed to be known without any doubt.
    """
    found = np.ones((2, 3, 30))
    for reader in range(3):
        found[0, reader, 2 * reader : 2 * reader + 2] = 0
    effect = compare_modalities(
        calls(found), ReaderFigure.SENSITIVITY, called_from=0.5, about=about
    )
    assert effect.value == pytest.approx(2 / 30)
    assert effect.freedom <= 29
    assert effect.low < 0.03
    assert effect.high > 0.10


@pytest.mark.parametrize("about", list(Readers))
def test_an_average_reader_who_misses_nobody_is_not_sure_to_miss_nobody(about: Readers) -> None:
    found = np.ones((2, 3, 30))
    found[0, 0, :9], found[0, 1, 3:9], found[0, 2, 6:12] = 0, 0, 0
    effect = compare_modalities(
        calls(found), ReaderFigure.SENSITIVITY, called_from=0.5, about=about
    )
    _, perfect = effect.averages
    assert (perfect.value, perfect.high) == (1.0, 1.0)
    assert 0.8 < perfect.low < 0.92  # Wilson, 30 of 30: 0.886


def test_where_few_women_change_the_interval_of_rates_reaches_as_far_as_wilsons() -> None:
    """Ten readers and ten women, of whom two are missed without AI and none with it."""
    found = np.ones((2, 10, 10))
    found[0, :, 0], found[0, ::2, 1] = 0, 0
    effect = compare_modalities(
        calls(found), ReaderFigure.SENSITIVITY, called_from=0.5, about=Readers.FIXED
    )
    _, second = effect.averages
    assert second.low < 0.75
    assert effect.low <= effect.value - (second.value - second.low)


def study(readers: tuple[str, ...] = ("ann", "bea", "cay"), cases: int = 30) -> ReaderStudy:
    """The last third has cancer; bea has not read the last case with AI, and dan one case alone."""
    lines = ["reader,case,modality,score,truth"]
    for reader in readers:
        for modality in ("without AI", "with AI"):
            for number in range(cases):
                if (reader, modality, number) != ("bea", "with AI", 0):
                    truth = int(number >= 2 * cases // 3)
                    lines.append(f"{reader},c{number},{modality},{number},{truth}")
    lines.append("dan,c1,without AI,3,0")
    return read_study(read_csv("\n".join(lines).encode()))


BOTH = ("without AI", "with AI")


def test_readers_and_cases_that_are_not_crossed_are_left_out_and_said() -> None:
    reads = crossed(study(), BOTH)
    assert reads.readers == ("ann", "bea", "cay")
    assert reads.scores.shape == (2, 3, 29)
    assert int(reads.positive.sum()) == 10
    assert reads.notes == ("1 case left out: not read by all in both ways, or of unknown truth.",)


def test_too_few_readers_or_cases_are_refused_in_words() -> None:
    with pytest.raises(TableError, match="0 readers have read in both ways"):
        crossed(study(), ("without AI", "elsewhere"))
    with pytest.raises(TableError, match="1 reader has read in both ways"):
        crossed(study(("ann",)), BOTH)
    healthy = pd.Series(False, index=[f"c{number}" for number in range(30)])
    with pytest.raises(TableError, match="are of one class"):
        crossed(study(), BOTH, truth=healthy)
    with pytest.raises(TableError, match=r"8 women with and 15 without cancer.*below 10 of either"):
        crossed(study(cases=24), BOTH)
    of_five = pd.Series([f"w{number % 5}" for number in range(30)], index=healthy.index)
    with pytest.raises(TableError, match="5 women with and 5 without"):
        crossed(study(), BOTH, women=of_five)


def test_two_readers_speak_for_themselves_alone() -> None:
    reads = made_up(np.random.default_rng(5), readers=2, gain=1.0)
    with pytest.raises(TableError, match="2 readers are too few to speak of readers like them"):
        compare_modalities(reads, ReaderFigure.AUC)
    effect = compare_modalities(reads, ReaderFigure.AUC, about=Readers.FIXED)
    assert effect.is_clear
    assert "these readers alone" in effect.sentence


def test_readers_who_never_differ_give_no_interval_of_width_nothing() -> None:
    with pytest.raises(TableError, match=r"AUC is 1.000 without AI and 1.000 with AI, without any"):
        compare_modalities(crossed(study(), BOTH), ReaderFigure.AUC)
