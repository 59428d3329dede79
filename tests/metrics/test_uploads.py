from dataclasses import replace

import pandas as pd
import pytest

from mammo_core.errors import TableError
from mammo_core.metrics.columns import Columns, guess_columns
from mammo_core.metrics.uploads import (
    Scale,
    Understood,
    guess_missing,
    guess_positive,
    guess_scale,
    label_words,
    open_question,
    understand,
)
from mammo_core.preprocessing.reading.cells import read_csv


def upload(text: str, positive: list[str] | None = None) -> Understood:
    table = read_csv(text.encode())
    columns = guess_columns(table)
    return understand(table, columns, positive or guess_positive(label_words(table, columns)))


def test_the_usual_names_are_guessed() -> None:
    table = pd.DataFrame(columns=["patient_id", "Laterality", "file_name", "Pathology", "prob"])
    assert guess_columns(table) == Columns(
        label="Pathology",
        score="prob",
        image_id="file_name",
        patient_id="patient_id",
        side="Laterality",
    )


@pytest.mark.parametrize(
    ("names", "score", "label", "patient"),
    [
        (["patient", "target", "prob_cancer"], "prob_cancer", "target", "patient"),
        (["y_true", "y_pred"], "y_pred", "y_true", None),
        (["Patient ID", "ground truth", "Score (malignant)"], "Score (malignant)", "ground truth",
         "Patient ID"),
        (["label", "prob_benign", "prob_malignant"], "prob_malignant", "label", None),
        (["label", "prob_benign"], None, "label", None),
        (["truth", "score_a", "score_b"], None, "truth", None),
        (["cancer", "pred_label", "logits"], "logits", "cancer", None),
        (["patient_age", "target", "score"], "score", "target", None),
    ],
)  # fmt: skip
def test_columns_are_known_by_the_words_in_their_names(
    names: list[str], score: str | None, label: str, patient: str | None
) -> None:
    cells = {name: ["0.2", "0.7"] for name in names}
    guessed = guess_columns(pd.DataFrame(cells, dtype="string"))
    assert (guessed.score, guessed.label, guessed.patient_id) == (score, label, patient)


def test_a_decision_is_told_to_be_no_score() -> None:
    table = read_csv(b"id,y_true,y_pred\na,1,1\nb,0,0\nc,0,1\n")
    columns = guess_columns(table)
    assert columns.score is None
    question = open_question(table, columns, ["1"])
    assert question.startswith("y_pred holds nothing but 0 and 1: decisions")
    assert "Which column holds the score?" in question
    chosen = replace(columns, score="y_pred")
    with pytest.raises(TableError, match="no scores that one could be moved along"):
        understand(table, chosen, ["1"])


def test_of_a_decision_and_a_probability_the_probability_is_the_score() -> None:
    table = read_csv(b"id,y_true,prediction,prob\na,1,1,0.7\nb,0,0,0.2\n")
    assert guess_columns(table).score == "prob"
    assert open_question(table, guess_columns(table), ["1"]) == ""


def test_logits_between_0_and_100_are_no_percentages() -> None:
    understood = upload("id,label,logit\na,1,2\nb,0,0\n")
    assert understood.predictions["score"].iloc[1] == 0.5
    assert "Scores run from 0 to 2: taken for logits" in understood.notes[0]


def test_a_table_of_text_labels_and_probabilities_is_understood() -> None:
    understood = upload(
        "file,patient,side,pathology,prob\na.png,p1,LEFT,MALIGNANT,0.9\nb.png,p1,right,BENIGN,0.2\n"
    )
    table = understood.predictions
    assert table["positive"].tolist() == [True, False]
    assert table["side"].tolist() == ["L", "R"]
    assert table["score"].tolist() == [0.9, 0.2]
    assert table["group_id"].tolist() == ["p1", "p1"]
    assert understood.notes == ()


def test_a_missing_label_is_not_a_negative_one() -> None:
    assert upload("id,label,score\na,1,0.9\nb,,0.2\nc,0,0.1\n").predictions[
        "positive"
    ].tolist() == [True, pd.NA, False]


def test_percentages_are_divided_by_a_hundred_and_said_so() -> None:
    understood = upload("id,label,score\na,1,90\nb,0,5\n")
    assert understood.predictions["score"].tolist() == [0.9, 0.05]
    assert "per cent" in understood.notes[0]


def test_logits_keep_their_order_and_are_said_so() -> None:
    understood = upload("id,label,logit\na,1,2.0\nb,0,-3\nc,0,0\n")
    score = understood.predictions["score"]
    assert score.iloc[2] == 0.5
    assert score.iloc[0] > 0.5 > score.iloc[1]
    assert "logits" in understood.notes[0]


def table_of(scores: list[float]) -> str:
    rows = "\n".join(f"i{number},{number % 2},{score}" for number, score in enumerate(scores))
    return f"id,label,score\n{rows}\n"


def test_an_unknown_label_is_never_negative() -> None:
    text = "id,label,score\na,malignant,0.9\nb,benign,0.2\nc,unknown,0.1\n"
    for positive in (None, ["malignant"]):
        understood = upload(text, positive)
        assert understood.predictions["positive"].tolist() == [True, False, pd.NA]
        assert understood.notes == (
            "1 of 3 rows have a label that tells no truth (unknown): unknown is not negative, so "
            "they are counted nowhere.",
        )


def test_which_labels_are_unknown_can_be_said() -> None:
    table = read_csv(b"id,label,score\na,B5,0.9\nb,B2,0.2\nc,B3,0.1\n")
    found = understand(table, guess_columns(table), ["B5"], unknown=["B3"])
    assert found.predictions["positive"].tolist() == [True, False, pd.NA]


def test_one_number_for_missing_does_not_change_every_score() -> None:
    scores = [number / 100 for number in range(100)]
    understood = upload(table_of([*scores, -9999.0]))
    assert understood.predictions["score"].tolist() == scores
    assert understood.notes == ("1 of 101 rows have -9999 for a score: no score, and left out.",)
    assert guess_missing(pd.Series([-4.0, 5.0, -9.0, 3.0])) == []  # a logit like the others
    assert guess_missing(pd.Series([0.2, 0.9, -1.0])) == [-1.0]


def test_one_score_above_one_is_refused_and_changes_no_other() -> None:
    with pytest.raises(TableError, match=r"1 of 101 scores are no probability.*first: 1.02"):
        upload(table_of([*(number / 100 for number in range(100)), 1.02]))


@pytest.mark.parametrize(
    ("numbers", "scale"),
    [
        ([1.0, 2.0, 3.0, 4.0, 5.0], Scale.RANKS),  # BI-RADS
        ([0.4, 2.5, 7.1, 11.0], Scale.RANKS),  # logits that are all above 0
        ([-3.0, 0.2, 5.0], Scale.LOGIT),
        ([5.0, 60.0, 97.0], Scale.PER_CENT),
        ([0.0, 0.5, 1.0], Scale.PROBABILITY),
        ([10.0, 400.0], Scale.RANKS),
    ],
)
def test_the_scale_is_guessed(numbers: list[float], scale: Scale) -> None:
    assert guess_scale(pd.Series(numbers)) is scale


def test_the_scale_can_be_said_and_ranks_keep_the_order_and_ties() -> None:
    table = read_csv(table_of([5.0, 1.0, 3.0, 3.0]).encode())
    columns = guess_columns(table)
    ranked = understand(table, columns, ["1"], scale=Scale.RANKS)
    assert ranked.predictions["score"].tolist() == [0.875, 0.125, 0.5, 0.5]
    assert "calibration means nothing" in ranked.notes[0]
    percent = understand(table, columns, ["1"], scale=Scale.PER_CENT)
    assert percent.predictions["score"].tolist() == [0.05, 0.01, 0.03, 0.03]


def test_a_woman_in_two_splits_is_refused() -> None:
    text = "id,patient,label,score,split\na,p1,1,0.9,val\nb,p1,0,0.2,test\nc,p2,0,0.1,test\n"
    with pytest.raises(TableError, match="1 of 2 patients are in more than one split"):
        upload(text)


def test_an_age_with_a_comma_is_read_and_one_in_words_is_missing() -> None:
    understood = upload("id;label;score;age\na;1;0.9;63,5\nb;0;0.2;51\n")
    assert understood.predictions["age"].tolist() == [63.5, 51.0]
    words = upload("id,label,score,age\na,1,0.9,old\nb,0,0.2,51\n")
    assert words.predictions["age"].isna().tolist() == [True, False]
    assert "an age that is no number (first: old)" in words.notes[0]


def test_the_separator_line_of_excel_is_no_header() -> None:
    understood = upload("sep=;\nid;label;score\na;1;0,9\nb;0;0,25\n")
    assert understood.predictions["score"].tolist() == [0.9, 0.25]


def test_decimal_commas_and_semicolons_are_read() -> None:
    understood = upload("id;label;score\na;1;0,9\nb;0;0,25\n")
    assert understood.predictions["score"].tolist() == [0.9, 0.25]
    assert understood.notes == ("Scores are written with a decimal comma.",)


def test_rows_that_repeat_are_counted_once() -> None:
    understood = upload("id,label,score\na,1,0.9\na,1,0.9\nb,0,0.2\n")
    assert len(understood.predictions) == 2
    assert understood.notes == ("1 repeated row was counted once.",)


def test_rows_of_one_image_that_disagree_are_refused() -> None:
    with pytest.raises(TableError, match=r"1 image has rows that disagree \(first: a\)"):
        upload("id,label,score\na,1,0.9\na,1,0.8\nb,0,0.2\n")


def test_rows_without_a_score_are_left_out_and_counted() -> None:
    understood = upload("id,label,score\na,1,0.9\nb,0,\nc,0,NaN\nd,0,inf\n")
    assert understood.predictions["image_id"].tolist() == ["a"]
    assert understood.notes == (
        "2 of 4 rows have no score and were left out.",
        "1 of 4 rows have an infinite score (first: inf) and were left out.",
    )


def test_a_number_too_large_to_be_held_is_said_to_be_infinite() -> None:
    understood = upload("id,label,score\na,1,0.9\nb,0,1e400\nc,0,-inf\n")
    assert understood.predictions["image_id"].tolist() == ["a"]
    assert understood.notes == (
        "2 of 3 rows have an infinite score (first: 1e400) and were left out.",
    )


def test_a_split_nobody_knows_is_none_and_said_so() -> None:
    understood = upload("id,label,score,split\na,1,0.9,holdout\nb,0,0.2,test\nc,0,0.1,\n")
    assert understood.predictions["split"].isna().tolist() == [True, False, True]
    assert understood.notes == (
        "1 of 3 rows have a split that is none of train, val, test (first: holdout); "
        "it was taken for none.",
    )


def test_of_two_columns_with_one_name_it_is_said_which_was_taken() -> None:
    understood = upload("id,label,score,score\na,1,0.9,0.1\nb,0,0.2,0.8\n")
    assert understood.predictions["score"].tolist() == [0.9, 0.2]
    assert understood.notes == ("2 columns are named score (score, score.1); score was taken.",)
    assert "Score, score" in upload("id,label,Score,score\na,1,0.9,0.1\nb,0,0.2,0.8\n").notes[0]


def test_columns_that_only_end_in_numbers_are_no_twins() -> None:
    table = read_csv(b"id,label,run.1,run.2\na,1,0.9,0.1\nb,0,0.2,0.8\n")
    columns = Columns(label="label", score="run.2", image_id="id")
    assert understand(table, columns, ["1"]).notes == ()


@pytest.mark.parametrize(
    "data",
    [
        "id,label,score\na,1,0.9\n".encode("utf-16"),
        "id,label,score\na,1,0.9\n".encode("utf-16-le"),
        "id,label,score\nä,1,0.9\n".encode("latin-1"),
        b"PK\x03\x04\x00\x00\xff",
    ],
)
def test_a_file_that_is_no_utf8_text_is_refused_with_what_to_do(data: bytes) -> None:
    with pytest.raises(TableError, match=r"Save it as CSV \(UTF-8\)"):
        read_csv(data)


def test_a_table_without_image_names_is_numbered_as_in_a_spreadsheet() -> None:
    understood = upload("label,score\n1,0.9\n0,0.2\n")
    assert understood.predictions["image_id"].tolist() == ["row 2", "row 3"]
    assert "numbered by row" in understood.notes[0]


def test_labels_nobody_can_guess_are_asked_for() -> None:
    text = "id,label,score\na,B4,0.9\nb,B2,0.2\n"
    with pytest.raises(TableError, match="Which labels mean cancer"):
        upload(text)
    assert upload(text, ["B4"]).predictions["positive"].tolist() == [True, False]


def test_a_table_without_scores_is_asked_which_column_they_are() -> None:
    with pytest.raises(TableError, match="Which column holds the score"):
        upload("id,label\na,1\n")


def test_words_in_the_place_of_scores_are_refused() -> None:
    with pytest.raises(TableError, match=r"1 of 2 scores are not numbers \(first: high\)"):
        upload("id,label,score\na,1,high\nb,0,0.2\n")


def test_an_empty_file_is_refused_in_words() -> None:
    with pytest.raises(TableError, match="not a readable CSV"):
        read_csv(b"")
    with pytest.raises(TableError, match="no rows"):
        upload("id,label,score\n")


def test_what_the_contract_knows_besides_comes_along() -> None:
    table = upload("id,label,score,density,split\na,1,0.9,C,validation\n").predictions
    assert (table["density"].iloc[0], table["split"].iloc[0]) == ("C", "val")


def test_a_table_of_hundreds_of_megabytes_is_refused_with_what_to_leave_out() -> None:
    with pytest.raises(TableError, match=r"is 191 MB; at most 100 MB are read\. Leave out columns"):
        read_csv(b"id,label,score\n" + b"a" * 200_000_000)


def test_labels_that_all_mean_no_cancer_are_a_table_without_cancers() -> None:
    table = upload("id,label,score\na,benign,0.9\nb,Normal,0.2\n").predictions
    assert table["positive"].tolist() == [False, False]
