from dataclasses import replace

import pandas as pd

from mammo_core.datasets.predictions import differs_from_card
from mammo_core.runs.card import ModelCard, SplitCount
from mammo_core.types import Split
from tests.predictions import made_up_card, made_up_predictions


def card_of(*counts: tuple[Split, int, int, int]) -> ModelCard:
    card = made_up_card("made-up")
    splits = tuple(
        SplitCount(split=split, women=women, images=images, positive_images=positive)
        for split, women, images, positive in counts
    )
    return replace(card, data=replace(card.data, splits=splits))


#: Six women, two with cancer in one breast: 24 images, 4 of them positive.
CARD = card_of((Split.TRAIN, 9, 36, 8), (Split.VAL, 0, 0, 0), (Split.TEST, 6, 24, 4))


def six_women() -> pd.DataFrame:
    return made_up_predictions(women=6, with_cancer=2)


def test_predictions_as_the_card_counts_them_differ_in_nothing() -> None:
    assert differs_from_card(six_women(), CARD) is None


def test_a_table_cut_at_the_end_of_a_line_is_found_out() -> None:
    found = differs_from_card(six_women().iloc[:14], CARD)
    assert found is not None
    assert "test: 14 images of 4 women, 4 positive here, 24 images of 6 women, 4 positive" in found
    assert "put back a whole predictions.csv" in found


def test_a_label_that_was_changed_is_found_out() -> None:
    table = six_women()
    table.loc[table["positive"].idxmax(), "positive"] = False
    found = differs_from_card(table, CARD)
    assert found is not None
    assert "24 images of 6 women, 3 positive here, 24 images of 6 women, 4 positive" in found


def test_a_split_that_is_lost_altogether_is_found_out() -> None:
    card = card_of((Split.VAL, 3, 12, 2), (Split.TEST, 6, 24, 4))
    found = differs_from_card(six_women(), card)
    assert found is not None
    assert "val: 0 images of 0 women, 0 positive here, 12 images of 3 women" in found
    assert "test:" not in found


def test_where_splits_are_not_told_nothing_is_claimed() -> None:
    assert differs_from_card(six_women().assign(split=pd.NA), CARD) is None
    assert differs_from_card(six_women(), card_of()) is None
