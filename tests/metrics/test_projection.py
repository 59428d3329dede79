import numpy as np
import pytest

from mammo_core.errors import TableError
from mammo_core.metrics.projection import neighbour_plane, principal_plane, spread_choice


def test_points_that_lie_in_a_plane_keep_their_distances() -> None:
    """A 6 by 2 rectangle, turned into four dimensions: nine tenths of the squares lie along 6."""
    corners = np.array([[-3, -1], [-3, 1], [3, -1], [3, 1]], dtype=float)
    turned = corners @ np.array([[0.6, 0.8, 0, 0], [0, 0, 0.8, -0.6]])
    plane = principal_plane(turned + 5.0)
    assert plane.shares == pytest.approx((0.9, 0.1))
    assert plane.points == pytest.approx(corners * [1, 1])


def test_vectors_that_differ_along_one_line_have_no_second_axis() -> None:
    plane = principal_plane(np.array([[0.0], [1.0], [5.0]]))
    assert plane.points[:, 0] == pytest.approx([-2, -1, 3])
    assert plane.points[:, 1] == pytest.approx([0, 0, 0])
    assert plane.shares == pytest.approx((1.0, 0.0))


@pytest.mark.parametrize(
    ("vectors", "reason"),
    [(np.ones((2, 4)), "at least 3 images; there are 2"), (np.ones((5, 4)), "look the same")],
)
def test_where_there_is_no_map_the_reason_is_told(vectors: np.ndarray, reason: str) -> None:
    with pytest.raises(TableError, match=reason):
        principal_plane(vectors)
    with pytest.raises(TableError, match=reason):
        neighbour_plane(vectors, seed=0)


def test_by_neighbours_two_groups_stay_apart_and_a_seed_draws_the_same_map() -> None:
    rng = np.random.default_rng(0)
    vectors = np.concatenate([rng.normal(0, 1, (12, 5)), rng.normal(40, 1, (12, 5))])
    points = neighbour_plane(vectors, seed=0)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2) + np.eye(24) * 1e9
    nearest = distance.argmin(axis=1)
    assert ((nearest < 12) == (np.arange(24) < 12)).all()
    assert (neighbour_plane(vectors, seed=0) == points).all()


def test_of_too_many_images_some_are_drawn_by_chance_and_the_same_ones_again() -> None:
    assert spread_choice(3, most=5, seed=0).tolist() == [0, 1, 2]
    drawn = spread_choice(100, most=5, seed=0).tolist()
    assert drawn == sorted(set(drawn))
    assert len(drawn) == 5
    assert spread_choice(100, most=5, seed=0).tolist() == drawn
