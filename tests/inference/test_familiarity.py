import numpy as np
import pandas as pd

from mammo_core.inference.interpretation import Familiarity, familiarity, make_reference, nearest
from mammo_core.runs.sidecars import Embeddings


def on_a_line(train: list[float], val: list[float]) -> Embeddings:
    """Images whose embedding is one number (and a second that never varies)."""
    values = np.array([*train, *val], dtype=np.float32)
    splits = ["train"] * len(train) + ["val"] * len(val)
    return Embeddings(
        vectors=np.stack([values, np.ones_like(values)], axis=1),
        images=pd.DataFrame(
            {
                "image_id": [f"i{number}" for number in range(len(values))],
                "group_id": [f"w{number // 2}" for number in range(len(values))],
                "side": "R",
                "view": ["CC", "MLO"] * (len(values) // 2),
                "label": ["cancer", "cancer", "no cancer", "no cancer"] * (len(values) // 4),
                "split": splits,
            },
            dtype="string",
        ),
    )


KEPT = on_a_line([float(i) for i in range(100)], [float(i) + 0.5 for i in range(20)] * 2)


def test_an_image_among_the_training_images_is_not_unlike() -> None:
    reference = make_reference(KEPT)
    assert reference is not None
    told = familiarity(np.array([50.0, 1.0]), reference)
    assert told.nearer < told.of == 40
    assert not told.is_unlike


def test_an_image_far_from_all_of_them_is_unlike_and_says_so_plainly() -> None:
    reference = make_reference(KEPT)
    assert reference is not None
    told = familiarity(np.array([300.0, 1.0]), reference)
    assert (told.nearer, told.of) == (40, 40)
    assert told.is_unlike
    assert told.in_words.startswith("Unlike the images this model learnt from")


def test_a_number_that_never_varied_counts_when_it_does() -> None:
    reference = make_reference(KEPT)
    assert reference is not None
    assert familiarity(np.array([50.0, 9.0]), reference).is_unlike


def test_with_few_validation_images_nothing_is_said() -> None:
    assert make_reference(on_a_line([1.0, 2.0, 3.0, 4.0] * 5, [1.0] * 4)) is None


def test_the_last_one_in_a_hundred_is_unlike() -> None:
    assert Familiarity(nearer=199, of=200).is_unlike
    assert not Familiarity(nearer=197, of=200).is_unlike


def test_neighbours_are_the_most_alike_and_each_of_another_woman() -> None:
    found = nearest(np.array([98.0, 1.0]), KEPT, count=3)
    assert len({one.image_id for one in found}) == 3
    assert found[0].likeness >= found[1].likeness >= found[2].likeness
    women = [int(one.image_id[1:]) // 2 for one in found]
    assert len(set(women)) == 3


def test_a_neighbour_tells_its_label_split_and_view() -> None:
    (one,) = nearest(np.array([0.0, 1.0]), KEPT, count=1)
    assert (one.image_id, one.label, one.split, one.title) == ("i0", "cancer", "train", "R CC")
