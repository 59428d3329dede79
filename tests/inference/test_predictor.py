from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mammo_core.errors import MammoError
from mammo_core.explain.methods import METHODS
from mammo_core.inference.checkpoint import Batch, Checkpoint, Outputs, load_checkpoint
from mammo_core.inference.engine import open_engine, torch_engine
from mammo_core.inference.scoring import Seconds, heatmap_of, score_images
from mammo_core.preprocessing.prepare import prepare
from mammo_core.reading import OWN_METHOD
from mammo_core.types import ImageInfo, ImageRef, Laterality, Mammogram, View
from mammo_core.zoo.classifier import ChannelsFirst, Classifier
from mammo_core.zoo.published.networks.parts import Slotted
from tests.inference.made_up import PREPARE, card, write_checkpoint


class VeryBright(nn.Module):
    """Sees what is brighter than tissue, in cells of 4 x 4 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward_features(self, images: Tensor) -> Tensor:
        return nn.functional.avg_pool2d((images - 1.0).clamp(min=0.0), 4) * self.weight

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        evidence = 100.0 * features.mean(dim=(2, 3))
        return torch.cat([torch.zeros_like(evidence), evidence], dim=1)


def mammogram(*, lesion_at: tuple[int, int], is_right: bool = False) -> Mammogram:
    """Tissue (0.5, normalised 0) along the left edge, or the right, and a lesion (1.0) in it."""
    pixels = np.zeros((120, 80), np.float32)
    rows, columns = np.mgrid[:120, :80]
    pixels[(rows - 60) ** 2 / 50**2 + columns**2 / 45**2 < 1] = 0.5
    top, left = lesion_at
    pixels[top - 4 : top + 4, left - 4 : left + 4] = 1.0
    if is_right:
        pixels = pixels[:, ::-1].copy()
    info = ImageInfo(ref=ImageRef(image_id="made-up"), kind="made up", bits=16)
    return Mammogram(info=info, pixels=pixels)


def constructed(*, heatmap_peak: float | None = 0.5) -> Checkpoint:
    model = Classifier(VeryBright(), layout=ChannelsFirst()).eval()
    return Checkpoint(folder=Path(), card=card("0" * 64, heatmap_peak=heatmap_peak), model=model)


@pytest.mark.parametrize("is_right", [False, True], ids=["left breast", "right breast"])
@pytest.mark.parametrize("lesion_at", [(35, 15), (85, 15), (60, 30)])
@pytest.mark.parametrize("method", [method.name for method in METHODS])
def test_the_heat_lies_on_the_lesion_in_the_original_image(
    lesion_at: tuple[int, int], is_right: bool, method: str
) -> None:
    image = mammogram(lesion_at=lesion_at, is_right=is_right)
    (reading,) = score_images(constructed(), [image], method=method)
    heat = heatmap_of(reading)
    assert heat.shape == image.pixels.shape
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    expected = 79 - lesion_at[1] if is_right else lesion_at[1]
    assert abs(row - lesion_at[0]) <= 8
    assert abs(column - expected) <= 8
    assert reading.score > 0.5


def test_heat_lies_where_the_cells_look_not_where_their_tiles_are() -> None:
    image = mammogram(lesion_at=(60, 30))
    (tiled,) = score_images(constructed(), [image])
    scale_y, scale_x = tiled.geometry.scale
    for prepared_pixels in (4.0, -8.0):
        moved = replace(tiled, offset=prepared_pixels)
        assert centre(heatmap_of(moved))[0] - centre(heatmap_of(tiled))[0] == pytest.approx(
            prepared_pixels / scale_y, abs=0.5
        )
        assert centre(heatmap_of(moved))[1] - centre(heatmap_of(tiled))[1] == pytest.approx(
            prepared_pixels / scale_x, abs=0.5
        )


def centre(heat: np.ndarray) -> tuple[float, float]:
    rows, columns = np.mgrid[: heat.shape[0], : heat.shape[1]]
    return (heat * rows).sum() / heat.sum(), (heat * columns).sum() / heat.sum()


def test_heat_is_on_one_scale_for_all_images_of_a_checkpoint() -> None:
    images = [mammogram(lesion_at=(60, 20))]
    (dim,), (bright,) = (
        score_images(constructed(heatmap_peak=peak), images) for peak in (2.0, 1.0)
    )
    np.testing.assert_allclose(bright.evidence, 2.0 * dim.evidence)
    assert not bright.is_relative


def test_without_a_scale_the_map_is_stretched_and_says_so() -> None:
    (reading,) = score_images(constructed(heatmap_peak=None), [mammogram(lesion_at=(60, 20))])
    assert reading.is_relative
    assert reading.evidence.max() == pytest.approx(1.0)


class Marks(VeryBright):
    """Says itself how much of it there is in each cell, half of it at most."""

    def own_map(self, features: Tensor) -> Tensor:
        return features[:, 0].clamp(max=0.5)


def test_a_networks_own_map_is_on_its_own_scale_and_not_stretched() -> None:
    model = Classifier(Marks(), layout=ChannelsFirst()).eval()
    model.has_own_map = True
    checkpoint = Checkpoint(folder=Path(), card=card("0" * 64), model=model)
    (reading,) = score_images(checkpoint, [mammogram(lesion_at=(60, 20))], method=OWN_METHOD)
    assert reading.method == OWN_METHOD
    assert not reading.is_relative
    assert 0.0 < reading.evidence.max() <= 0.5
    (other,) = score_images(constructed(), [mammogram(lesion_at=(60, 20))], method=OWN_METHOD)
    assert other.method == "grad_cam"  # of a network that has none


def test_the_parts_of_a_reading_are_timed_batch_by_batch() -> None:
    took: list[Seconds] = []
    score_images(constructed(), [mammogram(lesion_at=(60, 20))] * 5, took=took.append)
    assert len(took) == 2
    assert all(min(one.preparing, one.network, one.heatmap) > 0.0 for one in took)


def test_an_image_scores_the_same_in_any_company(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(write_checkpoint(tmp_path))
    images = [mammogram(lesion_at=at) for at in ((35, 15), (85, 15), (60, 30))]
    together = score_images(checkpoint, images)
    for image, reading in zip(images, together, strict=True):
        (alone,) = score_images(checkpoint, [image])
        assert alone.score == pytest.approx(reading.score, abs=1e-6)
        assert sum(alone.probabilities) == pytest.approx(1.0)
        assert alone.score == pytest.approx(alone.probabilities[1])


@pytest.mark.parametrize("method", [method.name for method in METHODS])
def test_openvino_scores_and_explains_as_torch_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    checkpoint = load_checkpoint(write_checkpoint(tmp_path))
    images = [mammogram(lesion_at=at) for at in ((35, 15), (60, 30))]
    theirs = score_images(checkpoint, images, method=method)
    ours = score_images(checkpoint, images, method=method, engine=open_engine(checkpoint))
    for one, other in zip(ours, theirs, strict=True):
        assert (one.engine, other.engine) == ("openvino fp32", "torch fp32")
        assert one.score == pytest.approx(other.score, abs=1e-5)
        np.testing.assert_allclose(one.evidence, other.evidence, atol=1e-3)
        np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-5)


def test_more_images_than_fit_one_pass_come_back_in_their_order(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(write_checkpoint(tmp_path))
    images = [mammogram(lesion_at=(30 + 5 * number, 20)) for number in range(11)]
    together = score_images(checkpoint, images)
    assert len(together) == 11
    for image, reading in zip(images, together, strict=True):
        (alone,) = score_images(checkpoint, [image])
        assert alone.score == pytest.approx(reading.score, abs=1e-6)
    assert score_images(checkpoint, []) == []


class SumsUp(nn.Module):
    """Says of every place by what part of an exam's brightness it is the brightest one, and of its
    own map what there is to see.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward_features(self, images: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(images + 2.0, 4) * self.weight

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        if features.ndim == 4:
            features = features[:, None].expand(-1, 4, -1, -1, -1)
        each = features.mean(dim=(2, 3, 4))
        if pre_logits:
            return each
        shares = 10.0 * each / each.sum(dim=1, keepdim=True)
        return torch.stack([torch.zeros_like(shares), shares], dim=2)


def exam_checkpoint() -> Checkpoint:
    made = card("0" * 64)
    settings = replace(made.model, backbone="published:nyu-views", views=4)
    model = Slotted(SumsUp(), views=4).eval()
    return Checkpoint(folder=Path(), card=replace(made, model=settings), model=model)


def exam_image(place: str, lesion_at: tuple[int, int]) -> Mammogram:
    side, view = place.split()
    ref = ImageRef(image_id=place, side=Laterality(side), view=View(view))
    image = mammogram(lesion_at=lesion_at)
    pixels = image.pixels * (0.5 + lesion_at[0] / 200)
    return replace(image, pixels=pixels, info=replace(image.info, ref=ref))


@pytest.mark.parametrize("method", ["grad_cam", "occlusion"])
def test_an_exam_is_run_once_for_all_its_images(method: str) -> None:
    checkpoint = exam_checkpoint()
    places = {"R MLO": (35, 15), "L CC": (85, 15), "R CC": (60, 30), "L MLO": (45, 20)}
    images = [exam_image(place, at) for place, at in places.items()]
    plain = torch_engine(checkpoint)
    seen: list[tuple[int, ...]] = []

    def run(batch: Batch) -> Outputs:
        seen.append(batch.shape)
        return plain.run(batch)

    engine = replace(plain, run=run, batch=1)
    readings = score_images(checkpoint, images, method=method, engine=engine)
    assert seen == [(1, 4, 1, 64, 32)]
    by_place = {reading.ref.image_id: reading for reading in readings}
    prepared = {one.ref.image_id: prepare(one, PREPARE).pixels for one in images}
    batch = np.stack([prepared[name] for name in ("L CC", "R CC", "L MLO", "R MLO")])[None]
    said = plain.run(batch).logits.reshape(4, 2)[:, 1]
    expected = dict(zip(("L CC", "R CC", "L MLO", "R MLO"), said, strict=True))
    assert len({round(float(one), 3) for one in said}) == 4
    for place, reading in by_place.items():
        assert reading.score == pytest.approx(1 / (1 + np.exp(-expected[place])), abs=2e-6)
    maps = [reading.evidence for reading in readings]
    assert not np.allclose(maps[0], maps[1])
    seen.clear()
    score_images(checkpoint, images[:2], engine=engine)
    assert seen == [(2, 4, 1, 64, 32)]  # each takes the places of those who are not there


def test_a_map_without_contrast_is_not_coloured_and_stays_as_it_was() -> None:
    (reading,) = score_images(constructed(heatmap_peak=0.01), [mammogram(lesion_at=(60, 20))])
    assert not reading.is_flat
    even = replace(reading, evidence=np.full_like(reading.evidence, 5.0))
    assert even.is_flat
    assert not heatmap_of(even).any()
    assert (even.evidence == 5.0).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_network_that_gives_no_number_gets_no_score(value: float) -> None:
    checkpoint = constructed()
    checkpoint.model.trunk.get_parameter("weight").data.fill_(value)
    with pytest.raises(MammoError, match="no number for 1 of 1 images, so there is no score"):
        score_images(checkpoint, [mammogram(lesion_at=(35, 15))])


def test_a_card_that_divides_by_nothing_gives_no_score() -> None:
    made = constructed()
    prepare = replace(made.card.prepare, std=(0.0,))
    checkpoint = replace(made, card=replace(made.card, prepare=prepare))
    with np.errstate(divide="ignore", invalid="ignore"), pytest.raises(MammoError, match="score"):
        score_images(checkpoint, [mammogram(lesion_at=(35, 15))])


def test_a_reading_of_a_kind_the_model_does_not_know_says_so_whoever_asked_for_it() -> None:
    known = constructed()
    drawn = replace(
        known, card=replace(known.card, data=replace(known.card.data, seen="synthetic"))
    )
    image = mammogram(lesion_at=(60, 30))
    real = replace(image, info=replace(image.info, is_synthetic=False))
    made_up = replace(image, info=replace(image.info, is_synthetic=True))
    outside, inside = score_images(drawn, [real, made_up])
    assert outside.outside.startswith("This model has only seen synthetic images")
    assert inside.outside == ""
    of_women = replace(known, card=replace(known.card, data=replace(known.card.data, seen="film")))
    assert [one.outside for one in score_images(of_women, [real, made_up])] == ["", ""]
