"""Networks that read together as one: their mean log-odds, and each can be asked alone."""

import numpy as np
import pytest
import torch

from mammo_core.config import ModelConfig
from mammo_core.errors import ConfigError
from mammo_core.explain.closed_form import Head
from mammo_core.explain.heads import head_of
from mammo_core.types import Task
from mammo_core.zoo.build import build_model
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.committee import Seat, joinable_layer, seated_state, stand_up
from mammo_core.zoo.freezing import last_linear

TASK = Task(name="cancer", title="Cancer", classes=("no", "yes"), positive=("yes",))
SLOPES, MOVED = (0.5, 1.5, 2.0), ((0.0, 0.3), (0.0, -1.0), (0.0, 0.0))
IMAGES = torch.randn(2, 1, 64, 48, generator=torch.Generator().manual_seed(5))


def settings(pooling: str, members: int = 1) -> ModelConfig:
    return ModelConfig(backbone="timm:test_efficientnet", pooling=pooling, members=members)  # type: ignore[arg-type]


def drawn(pooling: str, seed: int) -> Classifier:
    """Random in its norms' statistics too, so that no member says what another does."""
    torch.manual_seed(seed)
    network = build_model(settings(pooling), task=TASK, channels=1)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.dtype.is_floating_point:
                value.add_(0.1 * torch.rand_like(value))
    return network.eval()


def seated(members: list[Classifier], pooling: str) -> Classifier:
    seats = [
        Seat(state=one.state_dict(), slope=slope, intercepts=moved)
        for one, slope, moved in zip(members, SLOPES, MOVED, strict=True)
    ]
    committee = build_model(settings(pooling, len(members)), task=TASK, channels=1)
    last = last_linear(members[0].trunk)
    committee.load_state_dict(seated_state(seats, last=last, pooling=pooling))
    return committee.eval()


@pytest.mark.parametrize("pooling", ["avg", "max", "avgmax"])
def test_a_committees_log_odds_are_the_mean_of_its_members_calibrated_ones(pooling: str) -> None:
    members = [drawn(pooling, seed) for seed in range(3)]
    committee = seated(members, pooling)
    with torch.no_grad():
        said = [
            member(IMAGES) * slope + torch.tensor(moved)
            for member, slope, moved in zip(members, SLOPES, MOVED, strict=True)
        ]
        torch.testing.assert_close(committee(IMAGES), torch.stack(said).mean(dim=0))
        for number, alone in enumerate(said):
            torch.testing.assert_close(stand_up(committee, number)(IMAGES), alone)
    assert len({tuple(one.flatten().tolist()) for one in said}) == 3


@pytest.mark.parametrize("pooling", ["avg", "avgmax"])
def test_a_committees_heatmap_needs_no_more_than_its_last_map(pooling: str) -> None:
    committee = seated([drawn(pooling, seed) for seed in range(3)], pooling)
    head = head_of(committee, channels=1)
    assert isinstance(head, Head)
    assert head.weight.shape[1] == committee.embed(committee.features(IMAGES)).shape[1]
    assert np.isfinite(head.weight).all()


def test_what_pools_otherwise_or_over_two_views_is_not_joined() -> None:
    with pytest.raises(ConfigError, match="gem pooling"):
        build_model(settings("gem", 2), task=TASK, channels=1)
    two = ModelConfig(backbone="timm:test_efficientnet", views=2, members=2)
    with pytest.raises(ConfigError, match="2 views"):
        build_model(two, task=TASK, channels=1)


@pytest.mark.parametrize("backbone", ["light_cnn", "conv2", "test_convnext", "timm:test_vit"])
def test_what_has_more_than_pooling_before_its_last_layer_is_not_joined(backbone: str) -> None:
    """A norm, or one layer more, would be left out without a word."""
    with pytest.raises(ConfigError, match=f"{backbone} cannot be joined into one network"):
        build_model(ModelConfig(backbone=backbone, members=2), task=TASK, channels=1)


@pytest.mark.parametrize("backbone", ["mobilenetv2_100", "resnet18", "efficientnet_b0"])
@pytest.mark.parametrize("pooling", ["avg", "avgmax"])
def test_networks_that_only_pool_are_joined_as_they_are(backbone: str, pooling: str) -> None:
    model = ModelConfig(backbone=backbone, pooling=pooling, dropout=0.3)  # type: ignore[arg-type]
    network = build_model(model, task=TASK, channels=1)
    assert joinable_layer(network, model).out_features == 2
    assert network.trunk.training


def test_a_single_network_has_no_members_to_ask() -> None:
    with pytest.raises(ConfigError, match="no members"):
        stand_up(drawn("avg", 0), 0)
