"""A network of patches, run over a whole image, says of each place what it says of the patch."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.config import MapPooling, ModelConfig, PatchConfig, PrepareSettings
from mammo_core.errors import CheckpointError
from mammo_core.inference.checkpoint import Checkpoint, forward
from mammo_core.inference.lesions import (
    LesionFinder,
    find_lesions,
    lesion_map,
    make_finder,
    marks_of,
    widened,
)
from mammo_core.preprocessing.prepare import place_box, prepare
from mammo_core.reading import Looking
from mammo_core.scores import probabilities_of
from mammo_core.types import (
    LESION_PATCH,
    Box,
    Geometry,
    ImageInfo,
    ImageRef,
    Laterality,
    Mammogram,
)
from mammo_core.zoo.build import build_model
from mammo_core.zoo.classifier import ChannelsFirst, Classifier, make_pooling
from tests.inference.made_up import card

SIZE = (160, 96)
PREPARE = PrepareSettings(size=SIZE, mean=(0.4,), std=(0.2,))


def finder_of(
    model: Classifier, *, size: int = 64, spacing: int = 8, window: int = 0, apart: float = 0.5,
    kind: Literal["lesion", "pathology"] = "lesion",
) -> LesionFinder:  # fmt: skip
    patches = PatchConfig(size=size, kind=kind)
    made = replace(card("0" * 64), task=patches.task, patches=patches, prepare=PREPARE)
    checkpoint = Checkpoint(folder=None, card=made, model=model.eval())  # type: ignore[arg-type]
    return make_finder(checkpoint, Looking(spacing=spacing, window=window, apart=apart))


def network(backbone: str = "light_cnn") -> Classifier:
    return build_model(ModelConfig(backbone=backbone), task=LESION_PATCH, channels=1)


class Tiles(nn.Module):
    """Convolutions that do not look beyond their tile of 16 x 16 pixels: no patch has an edge."""

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv = nn.Conv2d(1, 6, 16, stride=16)
        self.fc = nn.Linear(6, classes)

    def forward_features(self, images: Tensor) -> Tensor:
        return torch.relu(self.conv(images))

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        pooled = features.amax(dim=(2, 3))
        return pooled if pre_logits else self.fc(pooled)


def noise(seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(1, *SIZE)).astype(np.float32)


def patch_at(pixels: NDArray[np.float32], row: int, column: int, size: int) -> NDArray[np.float32]:
    """The patch around a place; beyond the image lies black, as `prepare` pads it."""
    padded = np.pad(pixels, ((0, 0), (size, size), (size, size)), constant_values=-0.4 / 0.2)
    top, left = row + size // 2, column + size // 2
    return padded[:, top : top + size, left : left + size]


def said_of(model: Classifier, patch: NDArray[np.float32]) -> float:
    logits = forward(model, np.ascontiguousarray(patch[None])).logits
    return float(probabilities_of(logits)[0, 1:].sum())


@pytest.mark.parametrize("spacing", [2, 8, 16])
def test_where_no_cell_looks_beyond_its_tile_the_map_is_the_score_of_every_patch(
    spacing: int,
) -> None:
    """At the rim too, where a patch reaches beyond the image."""
    model = Classifier(Tiles(), layout=ChannelsFirst())
    pixels = noise()
    found = lesion_map(finder_of(model, spacing=spacing), pixels)
    assert found.shape == (SIZE[0] // spacing, SIZE[1] // spacing)
    for row, column in ((0, 0), (3, 2), (found.shape[0] - 1, found.shape[1] - 1)):
        at = (spacing * row + spacing // 2, spacing * column + spacing // 2)
        expected = said_of(model, patch_at(pixels, *at, 64))
        assert found[row, column] == pytest.approx(expected, abs=1e-5)
    assert found.std() > 0.01


def test_a_smaller_window_is_judged_as_a_smaller_patch_would_be() -> None:
    model = Classifier(Tiles(), layout=ChannelsFirst())
    pixels = noise()
    found = lesion_map(finder_of(model, window=3), pixels)
    for row, column in ((0, 0), (7, 5)):
        expected = said_of(model, patch_at(pixels, 8 * row + 4, 8 * column + 4, 48))
        assert found[row, column] == pytest.approx(expected, abs=1e-5)


def test_a_frame_that_is_no_whole_number_of_places_is_covered_to_its_rim() -> None:
    model = Classifier(Tiles(), layout=ChannelsFirst())
    pixels = noise()[:, :150, :90]
    found = lesion_map(finder_of(model, spacing=8), pixels)
    assert found.shape == (19, 12)
    expected = said_of(model, patch_at(pixels, 148, 92, 64))
    assert found[18, 11] == pytest.approx(expected, abs=1e-5)


class Narrow(nn.Module):
    """Looks one pixel beyond a tile of 16 x 16; at the edge of a patch it sees 0 there."""

    def __init__(self, pooling: MapPooling) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.pool = make_pooling(pooling)
        self.fc = nn.Linear(8, 2)

    def forward_features(self, images: Tensor) -> Tensor:
        return functional.avg_pool2d(torch.relu(self.conv(images)), 16)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        pooled = self.pool(features).flatten(1)
        return pooled if pre_logits else self.fc(pooled)


@pytest.mark.parametrize("pooling", ["avg", "max", "gem"])
def test_a_window_says_nearly_what_the_patch_cut_out_says_and_the_same_where_all_around_is_0(
    pooling: MapPooling,
) -> None:
    """At the edge of a patch its convolutions see 0, in a window what is there. Where that is 0
    too, nothing is left of the difference.
    """
    model = Classifier(Narrow(pooling), layout=ChannelsFirst())
    coarse = np.random.default_rng(0).normal(size=(SIZE[0] // 16, SIZE[1] // 16))
    pixels = np.kron(coarse, np.ones((16, 16)))[None].astype(np.float32)
    finder = finder_of(model, size=64, spacing=8)
    found = lesion_map(finder, pixels)
    places = [(row, column) for row in range(5, 15) for column in range(5, 7)]
    said = [said_of(model, patch_at(pixels, 8 * r + 4, 8 * c + 4, 64)) for r, c in places]
    here = np.array([found[at] for at in places])
    assert 0.0 < np.abs(here - said).max() < 0.5 * np.std(said)
    row, column = places[7]
    alone = np.zeros_like(pixels)
    window = (
        slice(None),
        slice(8 * row - 28, 8 * row + 36),
        slice(8 * column - 28, 8 * column + 36),
    )
    alone[window] = pixels[window]
    assert lesion_map(finder, alone)[row, column] == pytest.approx(said[7], abs=1e-6)


def test_lesions_of_every_pathology_count_together() -> None:
    model = Classifier(Tiles(classes=3), layout=ChannelsFirst())
    pixels = noise()
    found = lesion_map(finder_of(model, kind="pathology", spacing=16), pixels)
    assert found[4, 2] == pytest.approx(said_of(model, patch_at(pixels, 72, 40, 64)), abs=1e-5)


def test_what_cannot_be_run_over_a_whole_image_is_refused_in_words() -> None:
    with pytest.raises(CheckpointError, match="only convolutions that end in a pooling"):
        finder_of(network("timm:test_vit"))
    with pytest.raises(CheckpointError, match="no whole number of the cells"):
        finder_of(network(), size=40)
    with pytest.raises(CheckpointError, match="Choose an even number that divides 16"):
        finder_of(network(), spacing=6)
    with pytest.raises(CheckpointError, match="A window of 5 cells is none of made-up"):
        finder_of(network(), window=5)
    for apart in (float("inf"), float("nan"), -1.0):
        with pytest.raises(CheckpointError, match="Choose a number from 0 on"):
            finder_of(network(), apart=apart)


STRAIGHT = Geometry(
    source_size=(320, 192), prepared_size=SIZE, crop=Box(x0=0, y0=0, x1=192, y1=320),
    is_flipped=False, scale=(0.5, 0.5), offset=(0.0, 0.0),
)  # fmt: skip


def test_marks_are_peaks_in_source_pixels_and_none_lies_near_a_surer_one() -> None:
    values = np.zeros((20, 12), dtype=np.float32)
    values[2, 3], values[4, 3], values[12, 10], values[12, 9] = 0.9, 0.8, 0.7, 0.6
    marks = marks_of(values, STRAIGHT, spacing=8, apart=20.0)
    assert [(mark.x, mark.y, mark.score) for mark in marks] == [
        (2 * 28.0, 2 * 20.0, 0.9), (2 * 84.0, 2 * 100.0, 0.7),
    ]  # fmt: skip
    closer = marks_of(values, STRAIGHT, spacing=8, apart=10.0)
    assert [mark.score for mark in closer] == [0.9, 0.8, 0.7]  # .6 is the flank of a peak


def test_marks_of_a_mirrored_image_lie_where_the_source_has_them() -> None:
    values = np.zeros((20, 12), dtype=np.float32)
    values[0, 0] = 0.5
    mirrored = replace(STRAIGHT, is_flipped=True)
    (mark,) = marks_of(values, mirrored, spacing=8, apart=20.0)
    assert (mark.x, mark.y) == (192 - 8.0, 8.0)


def test_a_box_is_widened_by_prepared_pixels() -> None:
    assert widened(Box(x0=20, y0=40, x1=60, y1=80), STRAIGHT, 8.0) == Box(x0=4, y0=24, x1=76, y1=96)


class Bright(nn.Module):
    """Takes a patch for a lesion that has a white tile of 16 x 16 pixels in it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 16, stride=16, bias=False)
        self.fc = nn.Linear(1, 2)
        nn.init.constant_(self.conv.weight, 1 / 256)
        with torch.no_grad():
            self.fc.weight[:] = torch.tensor([[0.0], [8.0]])
            self.fc.bias[:] = torch.tensor([0.0, -8.0])

    def forward_features(self, images: Tensor) -> Tensor:
        return self.conv(images)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        pooled = features.mean(dim=(2, 3))
        return pooled if pre_logits else self.fc(pooled)


@pytest.mark.parametrize("is_right", [False, True])
def test_the_surest_mark_lies_on_the_bright_spot_and_none_outside_the_breast(
    is_right: bool,
) -> None:
    pixels = np.zeros((400, 240), dtype=np.float32)
    rows, columns = np.mgrid[:400, :240]
    pixels[((rows - 200) / 180) ** 2 + (columns / 150) ** 2 < 1] = 0.4
    pixels[250:290, 60:100] = 1.0  # the middle: row 270, column 80
    pixels[20:60, 200:230] = 0.9  # a marker of lead, beside the breast
    column = 80.0
    if is_right:
        pixels, column = np.ascontiguousarray(pixels[:, ::-1]), 240.0 - 80.0
    ref = ImageRef(image_id="a", side=Laterality.RIGHT if is_right else Laterality.LEFT)
    mammogram = Mammogram(info=ImageInfo(ref=ref, kind="made up", bits=8), pixels=pixels)
    finder = finder_of(Classifier(Bright(), layout=ChannelsFirst()), size=32, spacing=8)
    found = find_lesions(finder, mammogram)
    first = found.marks[0]
    assert abs(first.y - 270) < 20
    assert abs(first.x - column) < 20
    assert all(mark.score < first.score for mark in found.marks[1:])
    geometry = prepare(mammogram, finder.settings).geometry
    marker = place_box(Box(x0=200, y0=20, x1=230, y1=60), geometry)
    assert (
        not any(marker.x0 <= 0.5 * mark.x <= marker.x1 and mark.y < 60 for mark in found.marks)
        or is_right
    )
