"""One score for a breast from two views, over any backbone."""

import pytest
import torch

from mammo_core.config import ModelConfig
from mammo_core.types import CANCER
from mammo_core.zoo.build import build_model
from mammo_core.zoo.catalog import Backbone
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.freezing import freeze, last_layer, stages_of
from mammo_core.zoo.two_views import Beside
from tests.zoo.catalog import EVERY_BACKBONE

SMALL = ["light_cnn", "conv2", "test_resnet", "test_convnext", "timm:test_vit"]


def build(name: str, *, views: int = 2) -> Classifier:
    torch.manual_seed(0)
    model = ModelConfig(backbone=name, views=views)  # type: ignore[arg-type]
    return build_model(model, task=CANCER, channels=1)


def views(breasts: int) -> torch.Tensor:
    return torch.rand(breasts, 2, 1, 64, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.slow
@EVERY_BACKBONE
def test_every_backbone_gives_one_score_a_breast_and_learns_everywhere(backbone: Backbone) -> None:
    with torch.device("meta"):
        model = build(backbone.name)
        logits = model(torch.zeros(3, 2, 1, *backbone.smallest_size))
        stages = stages_of(model, torch.zeros(2, 2, 1, *backbone.smallest_size))
    assert logits.shape == (3, len(CANCER.classes))
    logits.sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
    freeze(model, stages, trained="linear", last=0)
    last = last_layer(model)
    trained = {name for name, p in model.trunk.named_parameters() if p.requires_grad}
    assert trained == {f"{last}.weight", f"{last}.bias"}


@pytest.mark.parametrize("name", SMALL)
def test_one_trunk_looks_at_both_views_and_the_last_layer_at_each(name: str) -> None:
    model, single = build(name).eval(), build(name, views=1).eval()
    weights = {n: p for n, p in model.trunk.state_dict().items() if last_layer(model) not in n}
    single.trunk.load_state_dict(weights, strict=False)
    images = views(2)
    with torch.inference_mode():
        each = single.embed(single.features(images.flatten(0, 1))).flatten(1)
        together = model.embed(model.features(images))
        torch.testing.assert_close(together, torch.cat([each[[0, 2]], each[[1, 3]]], dim=1))


@pytest.mark.parametrize("name", SMALL)
def test_two_views_begin_by_saying_the_mean_of_what_one_says_of_each(name: str) -> None:
    model, single = build(name).eval(), build(name, views=1).eval()
    images = views(2)
    with torch.inference_mode():
        each = single(images.flatten(0, 1))
        torch.testing.assert_close(model(images), (each[[0, 2]] + each[[1, 3]]) / 2)


@pytest.mark.parametrize("name", SMALL)
def test_the_image_that_is_scored_and_the_one_beside_it_have_weights_of_their_own(
    name: str,
) -> None:
    model, images = build(name).eval(), views(2)
    last = model.trunk.get_submodule(last_layer(model))
    with torch.inference_mode():
        last.weight[:, : last.in_features // 2] = 0.0  # type: ignore[operator, index]
        moved = images.clone()
        moved[:, 0] += 0.5
        torch.testing.assert_close(model(moved), model(images))
        moved[:, 1] += 0.5
        assert not torch.allclose(model(moved), model(images))


@pytest.mark.parametrize("name", SMALL)
def test_with_the_other_view_held_still_it_is_a_network_of_one_image(name: str) -> None:
    model, images = build(name).eval(), views(2)
    with torch.inference_mode():
        held = Beside(model, model.each.features(images[1:, 1]))  # type: ignore[arg-type]
        torch.testing.assert_close(held(images[1:, 0]), model(images[1:]))
        beside_the_same = torch.stack([images[:, 0], images[1:, 1].expand(2, -1, -1, -1)], dim=1)
        torch.testing.assert_close(held(images[:, 0]), model(beside_the_same))
        torch.testing.assert_close(
            held.embed(held.features(images[:, 0])), model.embed(model.features(beside_the_same))
        )


@pytest.mark.parametrize("name", SMALL)
def test_a_breast_with_one_view_has_it_in_both_places(name: str) -> None:
    model, images = build(name).eval(), views(2)
    twice = images[:, :1].expand(-1, 2, -1, -1, -1)
    with torch.inference_mode():
        torch.testing.assert_close(model(images[:, 0]), model(twice))
