import numpy as np
import pytest

from mammo_core.config import BalanceConfig
from mammo_core.errors import ConfigError
from mammo_core.training.losses import EpochOrder, epoch_order, images_per_epoch

#: Ten images, the last two positive.
POSITIVE = np.arange(10) >= 8


def order(
    balance: BalanceConfig, *, positive: np.ndarray = POSITIVE, epoch: int = 1, batch_size: int = 4
) -> EpochOrder:
    return epoch_order(positive, balance, seed=0, epoch=epoch, batch_size=batch_size)


def test_without_balance_every_image_is_seen_once_in_an_order_of_its_own() -> None:
    first, second = order(BalanceConfig()), order(BalanceConfig(), epoch=2)
    assert sorted(first.rows) == sorted(second.rows) == list(range(10))
    assert not np.array_equal(first.rows, second.rows)
    assert np.array_equal(first.rows, order(BalanceConfig()).rows)
    assert not first.copies.any()


def test_oversampling_shows_every_negative_once_and_positives_until_their_share() -> None:
    balance = BalanceConfig(sampler="oversample", positive_share=0.5)
    shown = order(balance)
    assert images_per_epoch(POSITIVE, balance) == len(shown.rows) == 16
    assert np.bincount(shown.rows).tolist() == [1] * 8 + [4, 4]
    of_the_last = shown.copies[shown.rows == 9]
    assert of_the_last.tolist() == [0, 1, 2, 3]  # each another number, so another look


def test_oversampling_takes_nothing_away_where_positives_are_many() -> None:
    balance = BalanceConfig(sampler="oversample", positive_share=0.1)
    assert images_per_epoch(POSITIVE, balance) == 10


def test_weighted_drawing_reaches_the_share_on_average() -> None:
    balance = BalanceConfig(sampler="weighted", positive_share=0.25)
    shares = [POSITIVE[order(balance, epoch=epoch).rows].mean() for epoch in range(400)]
    assert np.mean(shares) == pytest.approx(0.25, abs=0.03)  # s.e. 0.007
    assert len(order(balance).rows) == 10


def test_every_batch_gets_its_positives_and_no_batch_loses_one() -> None:
    balance = BalanceConfig(positives_per_batch=1)
    positive = np.arange(40) >= 38
    for epoch in range(20):
        shown = order(balance, positive=positive, epoch=epoch)
        per_batch = positive[shown.rows].reshape(10, 4).sum(axis=1)
        assert per_batch.min() >= 1
        plain = order(BalanceConfig(), positive=positive, epoch=epoch)
        assert np.all(per_batch >= positive[plain.rows].reshape(10, 4).sum(axis=1))


def test_more_positives_than_a_batch_holds_are_refused() -> None:
    with pytest.raises(ConfigError, match="A batch of 4 cannot hold 5 positive images"):
        order(BalanceConfig(positives_per_batch=5))


def test_correcting_twice_is_warned_of() -> None:
    assert BalanceConfig(sampler="weighted").warnings() == []
    assert BalanceConfig(class_weights="balanced").warnings() == []
    assert "corrects twice" in BalanceConfig(sampler="weighted", positive_weight=2.0).warnings()[0]


def test_even_shows_the_rarer_class_again_whichever_it_is() -> None:
    balance = BalanceConfig(sampler="even")
    assert np.bincount(order(balance).rows).tolist() == [1] * 8 + [4, 4]
    assert np.bincount(order(balance, positive=~POSITIVE).rows).tolist() == [1] * 8 + [4, 4]
    assert images_per_epoch(POSITIVE, balance) == images_per_epoch(~POSITIVE, balance) == 16
    assert images_per_epoch(np.ones(4, dtype=bool), balance) == 4  # one class has no rarer one
