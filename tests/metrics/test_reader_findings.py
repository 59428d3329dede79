"""Readers of a made-up study whose numbers one can count."""

import numpy as np
import pytest

from mammo_core.errors import TableError
from mammo_core.metrics.agreement import Weighting, agreement
from mammo_core.metrics.compare import holm
from mammo_core.metrics.mrmc import ReaderFigure, Readers, compare_modalities, crossed
from mammo_core.metrics.reader_findings import (
    DENSITIES,
    StudyFindings,
    default_modalities,
    findings_table,
    judge_readers,
)
from mammo_core.metrics.readers import ReaderStudy, read_study
from mammo_core.preprocessing.reading.cells import read_csv
from mammo_core.reports.study.readers import basis_of

READERS = ("ann", "bea", "cay")


def made_up(
    *, cases: int = 60, readers: tuple[str, ...] = READERS, asked: bool = True
) -> ReaderStudy:
    """The first third has cancer. Each reader misses some alone and fewer with the model."""
    rng = np.random.default_rng(0)
    lines = [
        "reader,case,modality,score,truth,woman" + (",recalled,birads,density" if asked else "")
    ]
    for number in range(cases):
        ill, density = number < cases // 3, DENSITIES[number % 4]
        woman = f"w{number // 2}"
        for place, reader in enumerate(readers):
            alone = float(np.clip(40 + 25 * ill + rng.normal(0, 20), 0, 100))
            for modality, score in (("without AI", alone), ("with AI", alone + (8 if ill else -8))):
                told = f"{reader},c{number},{modality},{score:.0f},{int(ill)},{woman}"
                if asked:
                    own = DENSITIES[min(3, number % 4 + (number % 10 == place))]
                    told += f",{'yes' if score >= 50 else 'no'},{1 + number % 5},{own}"
                lines.append(told)
        if asked:
            lines.append(
                f"model,c{number},model alone,{30 + 40 * ill},{int(ill)},{woman},"
                f"{'yes' if ill else 'no'},,{density}"
            )
    return read_study(read_csv("\n".join(lines).encode()))


def judged(study: ReaderStudy, called_from: float | None = None) -> StudyFindings:
    return judge_readers(study, modalities=default_modalities(study), called_from=called_from)


def test_every_figure_is_told_of_readers_like_these_and_of_these_alone() -> None:
    found = judged(made_up())
    assert [(one.figure, one.about) for one in found.effects] == [
        (figure, about) for figure in ReaderFigure for about in Readers
    ]
    assert all(one.value > 0 for one in found.effects)
    assert (found.cases, found.positives, found.women) == (60, 20, 30)
    assert found.decision == "a reader calls whom she or he would recall"
    assert found.unsaid == ()


def test_each_p_is_corrected_for_the_figures_of_its_claim() -> None:
    study = made_up()
    found = judged(study)
    reads = crossed(study, found.modalities, women=study.women)
    calls = crossed(study, found.modalities, women=study.women, column="recalled")
    for about in Readers:
        alone = [
            compare_modalities(
                reads if figure is ReaderFigure.AUC else calls, figure, called_from=0.5, about=about
            ).p_value
            for figure in ReaderFigure
        ]
        claim = [one for one in found.effects if one.about is about]
        assert [one.p_value for one in claim] == holm(alone)
        assert min(one.p_value for one in claim) == pytest.approx(3 * min(alone))
        assert all("corrected for 3 figures" in one.sentence for one in claim)
    table = findings_table(found)
    assert table.loc[table["of"] == "difference", "p_corrected_for"].eq(3).all()


def test_cases_of_no_named_woman_are_counted_and_each_is_her_own() -> None:
    study = made_up()
    is_first = study.reads["case"].isin(["c0", "c1", "c30"])
    study.reads.loc[is_first, "woman"] = None
    study.reads.loc[study.reads["case"] == "c2", "woman"] = "c0"  # a woman called as a case is
    study.reads.loc[study.reads["case"] == "c3", "woman"] = "c0"
    found = judged(study)
    assert (found.cases, found.women, found.unnamed) == (60, 30 + 2, 3)
    assert any(note.startswith("3 of 60 cases of no named woman") for note in found.notes)
    assert "60 cases of 32 women (3 of no named woman)" in found.effects[0].sentence
    assert "60 cases of 32 women (3 of no named woman)" in basis_of(found)
    untold = ReaderStudy(reads=study.reads.drop(columns="woman"), truth=study.truth, notes=())
    assert "60 cases (women not known)" in judged(untold).effects[0].sentence


def test_a_case_of_two_women_is_refused() -> None:
    with pytest.raises(TableError, match=r"1 case is of two women .*first: c0"):
        read_study(
            read_csv(b"reader,case,modality,score,woman\na,c0,x,1,w1\nb,c0,x,1,w2\na,c1,x,1,w2")
        )


def test_a_reader_is_counted_at_the_recall_decision() -> None:
    study = made_up()
    (row,) = (r for r in judged(study).rows if (r.reader, r.modality) == ("ann", "without AI"))
    reads = study.reads
    own = reads[(reads["reader"] == "ann") & (reads["modality"] == "without AI")]
    ill = own["case"].map(study.truth).astype(bool)
    assert row.sensitivity is not None
    assert row.specificity is not None
    assert row.sensitivity.count == int((own["score"] >= 50)[ill].sum())
    assert (row.sensitivity.total, row.specificity.total) == (20, 40)
    assert row.specificity.count == int((own["score"] < 50)[~ill].sum())


def test_without_a_recall_decision_a_score_must_be_given() -> None:
    study = made_up(asked=False)
    (without,) = judged(study).unsaid
    assert "were not asked whether they would recall" in without
    assert [one.figure for one in judged(study).effects] == [ReaderFigure.AUC] * 2
    given = judged(study, called_from=50)
    assert given.decision == "a reader calls from a score of 50, chosen for this table"
    asked = judged(made_up()).effects
    assert [one.value for one in given.effects] == pytest.approx([one.value for one in asked])


def test_two_readers_are_told_of_alone_and_why() -> None:
    found = judged(made_up(readers=("ann", "bea")))
    assert {one.about for one in found.effects} == {Readers.FIXED}
    assert "2 readers are too few to speak of readers like them" in found.unsaid[0]


def test_who_agrees_is_told_of_each_pair_and_of_each_with_the_model() -> None:
    study = made_up()
    pairs = judged(study).pairs
    told = [(p.what, p.one, p.other) for p in pairs if p.modality == "with AI"]
    beside = [("ann", "bea"), ("ann", "cay"), ("bea", "cay")]
    with_model = [("model", reader) for reader in READERS]
    assert told == [
        *(("recall", *pair) for pair in [*beside, *with_model]),
        *(("density", *pair) for pair in [*beside, *with_model]),
        *(("BI-RADS", *pair) for pair in beside),
    ]
    (found,) = (p for p in pairs if (p.what, p.one, p.other, p.modality) == (
        "density", "model", "ann", "with AI"
    ))  # fmt: skip
    own = study.reads[(study.reads["reader"] == "ann") & (study.reads["modality"] == "with AI")]
    own = own.set_index("case").loc[study.model["case"]]
    assert found.agreement == agreement(
        study.model["density"].tolist(),
        own["density"].tolist(),
        np.repeat(np.arange(30), 2),
        order=DENSITIES,
        weighting=Weighting.QUADRATIC,
    )
    assert found.agreement.low is not None


def test_a_category_outside_the_scale_is_left_out_and_counted() -> None:
    study = made_up()
    is_first = (study.reads["reader"] == "ann") & (study.reads["case"] == "c0")
    study.reads.loc[is_first, "birads"] = "0"
    pair = next(p for p in judged(study).pairs if p.what == "BI-RADS")
    assert (pair.one, pair.left_out, pair.agreement.alike.total) == ("ann", 1, 59)


def test_every_number_is_exported_with_interval_level_and_denominator() -> None:
    table = findings_table(judged(made_up()))
    assert set(table["level"]) == {"case of the study"}
    numbers = table.dropna(subset="value")
    assert not numbers[["low", "high", "cases", "women"]].isna().any(axis=None)
    assert len(table) == 6 * 3 + 6 * 3 + 2 * (6 + 6 + 3)
    rates = table[table["figure"].isin(["sensitivity", "specificity"])]
    of_readers = rates[rates["of"].str.startswith("reader")]
    assert (of_readers["count"] / of_readers["total"]).tolist() == of_readers["value"].tolist()
    assert table.loc[table["of"] == "difference", "p"].notna().all()


def test_kappa_of_few_women_is_not_written() -> None:
    table = findings_table(judged(made_up(cases=58)))
    kappas = table[table["figure"].str.startswith("kappa")]
    assert kappas["value"].isna().all()  # of 29 women
    assert kappas["total"].eq(58).all()


def test_a_study_of_one_way_is_refused() -> None:
    with pytest.raises(TableError, match="All reads are of one way"):
        default_modalities(read_study(read_csv(b"reader,case,score\na,c0,1")))


def test_a_decision_that_is_neither_yes_nor_no_is_refused() -> None:
    with pytest.raises(TableError, match="1 decision to recall in the reader study"):
        read_study(read_csv(b"reader,case,modality,score,recalled\na,c0,x,1,perhaps"))
