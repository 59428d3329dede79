"""Readers beside a model, on ten women whose numbers one can count."""

import numpy as np
import pytest

from mammo_core.errors import TableError
from mammo_core.metrics.cases import Cases
from mammo_core.metrics.readers import ReadersBeside, beside_readers, read_study, reader_in_words
from mammo_core.preprocessing.reading.cells import read_csv
from tests.metrics.conftest import cases_of

#: c0 to c3 have cancer; the model ranks c0 to c2 above all others and c3 below them.
CASES = cases_of([0.9, 0.8, 0.7, 0.05, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1], [True] * 4 + [False] * 6)


def study_of(calls: dict[str, str], *, truth: bool = True) -> bytes:
    """A reader's calls as a word of 0 and 1, one letter a case."""
    lines = ["Reader,Case,Modality,Score" + (",Truth" if truth else "")]
    for reader, word in calls.items():
        for number, call in enumerate(word):
            lines.append(f"{reader},c{number},1,{call}" + (f",{int(number < 4)}" if truth else ""))
    return "\n".join(lines).encode()


def beside(data: bytes, cases: Cases = CASES, *, called_from: float = 1.0) -> ReadersBeside:
    study = read_study(read_csv(data))
    return beside_readers(study, cases, modality=study.modalities[0], called_from=called_from)


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("ann", "reader ann"), ("3", "reader 3"), ("reader 1", "reader 1"),
        ("Reader_2", "Reader_2"), ("READER3", "READER3"), ("readerly", "reader readerly"),
    ],
)  # fmt: skip
def test_a_reader_is_called_reader_once(named: str, told: str) -> None:
    assert reader_in_words(named) == told


def test_a_reader_has_sensitivity_and_specificity_with_counts() -> None:
    (ann,) = beside(study_of({"ann": "1100100000"})).results
    assert (ann.sensitivity.count, ann.sensitivity.total) == (2, 4)
    assert (ann.specificity.count, ann.specificity.total) == (5, 6)
    assert ann.sensitivity.low < 0.5 < ann.sensitivity.high


def test_the_model_is_judged_where_it_is_as_specific_as_the_reader() -> None:
    (ann,) = beside(study_of({"ann": "1100100000"})).results
    assert ann.model.specificity == pytest.approx(5 / 6)
    assert ann.model.true_positives == 3
    assert ann.gain.value == pytest.approx(0.25)  # 3 of 4 against 2 of 4, on the same cancers
    assert ann.gain.p_value is not None
    assert not ann.gain.is_clear


def test_ratings_call_from_where_one_says() -> None:
    data = study_of({"ann": "5432100000"})
    assert read_study(read_csv(data)).scores == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    (strict,) = beside(data, called_from=4.0).results
    (mild,) = beside(data, called_from=1.0).results
    assert (strict.sensitivity.count, mild.sensitivity.count) == (2, 4)
    assert (strict.specificity.count, mild.specificity.count) == (6, 5)


def test_an_imrmc_file_is_read_with_its_truth() -> None:
    rows = [f"-1,c{number},0,{int(number < 4)}" for number in range(10)]
    rows += [f"ann,c{number},A,{number % 2}" for number in range(10)]
    text = "A study of ours\nNR: 1\nBEGIN DATA:\n" + "\n".join(rows)
    study = read_study(read_csv(text.encode()))
    assert study.modalities == ["A"]
    assert int(study.truth.sum()) == 4
    assert len(study.reads) == 10
    assert beside(text.encode()).results[0].reader == "ann"


def test_women_who_repeat_are_one_draw() -> None:
    twice = cases_of(CASES.score, CASES.positive, groups=np.arange(10) // 2)
    (alone,) = beside(study_of({"ann": "1100100000"})).results
    (paired,) = beside(study_of({"ann": "1100100000"}), twice).results
    assert (alone.gain.groups, paired.gain.groups) == (10, 5)
    assert paired.gain.high - paired.gain.low > alone.gain.high - alone.gain.low


def test_cases_that_are_not_here_or_of_another_truth_are_left_out_and_said() -> None:
    data = study_of({"ann": "1100100000"})
    data = data.replace(b"ann,c9,1,0,0", b"ann,elsewhere,1,0,0").replace(
        b"ann,c3,1,0,1", b"ann,c3,1,0,0"
    )
    found = beside(data)
    assert len(found.cases) == 8
    assert found.notes == (
        "1 case of the study left out: not predicted here.",
        "1 case left out because the study and the predictions differ on the truth.",
    )


def test_a_reader_who_read_one_class_only_is_left_out() -> None:
    found = beside(study_of({"ann": "1100100000"}) + b"\nbea,c0,1,1,1")
    assert [one.reader for one in found.results] == ["ann"]
    assert "one class only: bea" in found.notes[0]


def test_a_study_without_truth_takes_that_of_the_predictions() -> None:
    (ann,) = beside(study_of({"ann": "1100100000"}, truth=False)).results
    assert ann.sensitivity.total == 4


def test_interval_and_p_are_corrected_for_all_readers_and_agree() -> None:
    (alone,) = beside(study_of({"ann": "1100100000"})).results
    three = beside(study_of(dict.fromkeys(["ann", "bea", "cay"], "1100100000"))).results
    assert alone.gain.p_value is not None
    for one in three:
        assert one.gain.p_value == pytest.approx(min(1.0, 3 * alone.gain.p_value))
        assert one.gain.low < alone.gain.low
        assert one.gain.is_clear is (one.gain.low > 0)


@pytest.mark.parametrize("skill", np.linspace(0.2, 1.2, 8))
def test_no_interval_excludes_0_beside_a_reader_who_is_not_told_apart(skill: float) -> None:
    rng = np.random.default_rng(0)
    positive = np.arange(120) < 60
    cases = cases_of(np.clip(0.4 + 0.2 * positive + 0.15 * rng.normal(size=120), 0, 1), positive)
    calls = {
        reader: "".join(str(int(c)) for c in rng.normal(size=120) + skill * positive > 0.5)
        for reader in ("ann", "bea", "cay", "dot", "eve")
    }
    for one in beside(study_of(calls, truth=False), cases).results:
        assert one.gain.is_clear is (one.gain.low > 0 or one.gain.high < 0)


def test_the_model_alone_is_no_reader_beside_itself() -> None:
    data = study_of({"ann": "1100100000"}) + b"\nmodel,c0,model alone,1,1\nmodel,c9,model alone,0,0"
    study = read_study(read_csv(data))
    assert study.modalities == ["1"]
    assert "the model is no reader beside itself" in study.notes[0]


BROKEN = {
    "no reader": (b"case,score\nc0,1", "lacks the column reader"),
    "words for scores": (b"reader,case,score\na,c0,high", "no finite numbers"),
    "infinite": (b"reader,case,score\na,c0,inf", "no finite numbers"),
    "two reads that differ": (b"reader,case,score\na,c0,1\na,c0,0", "scored twice by one reader"),
    "two truths": (b"reader,case,score,truth\na,c0,1,1\nb,c0,1,0", "two truths of 1 case"),
    "a truth of words": (b"reader,case,score,truth\na,c0,1,perhaps", "neither 0 nor 1"),
    "nothing": (b"", "not a readable CSV"),
    "no reads": (b"reader,case,score\n", "no read with reader"),
    "an empty iMRMC file": (b"BEGIN DATA:\n", "Nothing follows"),
    "an iMRMC file of three columns": (b"BEGIN DATA:\na,c0,1\n", "not four columns"),
    "other cases": (b"reader,case,score\na,x1,1\na,x2,0", "is named as here"),
    "one class": (b"reader,case,score\na,c0,1\na,c1,0", "No reader read cases with and cases"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_study_is_a_sentence(name: str) -> None:
    data, reason = BROKEN[name]
    with pytest.raises(TableError, match=reason):
        beside(data)
