"""The whole check on two networks whose maps are known: one sees bright spots, one sees nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mammo_core.datasets.dataset import Dataset, read_dataset
from mammo_core.errors import TableError
from mammo_core.explain.fidelity import Explained, check_fidelity, summarise
from mammo_core.explain.methods import Method, get_method
from mammo_core.runs.measured import Fidelity
from mammo_core.zoo.build import build_model
from mammo_core.zoo.classifier import ChannelsFirst, Classifier
from tests.conftest import PhantomSet
from tests.inference.made_up import card, sees_the_partner_alone


class BrightTiles(nn.Module):
    """Tiles of 8 x 8 pixels: the brightest corner of any of them is the log-odds."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward_features(self, images: Tensor) -> Tensor:
        return (nn.functional.max_pool2d(images, 8) + 3.0) * self.weight  # nowhere negative

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        brightest = features.amax(dim=(1, 2, 3))
        return torch.stack([torch.zeros_like(brightest), brightest], dim=1)


@pytest.fixture(scope="module")
def phantoms(phantom_set: PhantomSet) -> Dataset:
    return read_dataset(phantom_set(9, seed=3, size=(128, 64), lesion_contrast=4.0))


def checked(dataset: Dataset, method: Method) -> Fidelity:
    model = Classifier(BrightTiles(), layout=ChannelsFirst()).eval()
    explained = Explained(model=model, card=card("0" * 64), method=method)
    table = check_fidelity(explained, dataset, most=6, seed=0)
    assert table is not None
    assert len(table) == 6
    return summarise(
        table, method=method.name, dataset="set", split="all", seed=0,
        measured_at="2026-01-01T00:00:00+00:00", card_sha256="0" * 64,
    )  # fmt: skip


@pytest.mark.slow
def test_a_map_of_bright_tiles_finds_bright_lesions_and_is_worthless_all_the_same(
    phantoms: Dataset,
) -> None:
    found = checked(phantoms, get_method("grad_cam"))
    assert (found.images, found.women) == (6, 3)
    assert found.pointing.value > found.pointing.chance
    # One weight cannot be shuffled: the maps stay as they are, and that is called by its name.
    assert found.likeness == pytest.approx(1.0)
    assert found.is_worthless
    assert any(sentence.startswith("Worthless: ") for sentence in found.sentences)


@pytest.mark.slow
def test_a_map_of_noise_does_as_well_as_chance(phantoms: Dataset) -> None:
    rng = np.random.default_rng(0)

    def noise(_model: Classifier, seen: Tensor, _positive: object) -> np.ndarray:
        return rng.random((len(seen), 8, 4)).astype(np.float32)

    found = checked(phantoms, Method(name="noise", title="Noise", explain=noise))
    assert not found.pointing.beats_chance
    assert found.energy.value == pytest.approx(found.energy.chance, abs=0.05)
    assert abs(found.likeness) < 0.3
    assert not found.is_worthless


def test_images_without_a_lesion_and_sets_without_boxes(phantoms: Dataset) -> None:
    explained = Explained(
        model=Classifier(BrightTiles(), layout=ChannelsFirst()),
        card=card("0" * 64),
        method=get_method("grad_cam"),
    )
    with pytest.raises(TableError, match=r"None of the 36 images .* has a box"):
        check_fidelity(explained, replace(phantoms, boxes=phantoms.boxes.iloc[:0]), most=6, seed=0)
    assert check_fidelity(explained, phantoms, most=6, seed=0, should_stop=lambda: True) is None


@pytest.mark.slow
def test_the_smallest_choice_is_a_whole_woman(phantoms: Dataset, tmp_path: Path) -> None:
    explained = Explained(
        model=Classifier(BrightTiles(), layout=ChannelsFirst()).eval(),
        card=card("0" * 64),
        method=get_method("grad_cam"),
    )
    table = check_fidelity(explained, phantoms, most=2, seed=1)
    assert table is not None
    assert table["group_id"].nunique() == 1


def test_of_two_views_the_other_is_held_still_while_one_is_blurred(phantoms: Dataset) -> None:
    torch.manual_seed(0)
    pair = card("0" * 64, views=2)
    model = build_model(pair.model, task=pair.task, channels=1).eval()
    tables = []
    for _ in range(2):
        explained = Explained(model=model, card=pair, method=get_method("grad_cam"))
        table = check_fidelity(explained, phantoms, most=2, seed=0)
        assert table is not None
        tables.append(table)
        sees_the_partner_alone(model)
    both, partner = tables
    assert both["image_id"].tolist() == partner["image_id"].tolist()
    assert (both["deletion"] - both["insertion"]).abs().min() > 1e-7
    assert partner["deletion"].to_numpy() == pytest.approx(partner["insertion"], abs=1e-7)
    assert partner["deletion"].nunique() == len(partner)  # each beside another image
