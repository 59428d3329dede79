"""What of a network is trained, and when."""

from collections.abc import Iterator

import pytest
import torch

from mammo_core.config import RunConfig
from mammo_core.errors import ConfigError
from mammo_core.training.network import Network, make_network, refuse_apart, unfreeze
from tests.training.made_up import config


def trained_stages(network: Network) -> list[bool]:
    """Stage by stage whether its weights are trained, the head last."""

    def told() -> Iterator[bool]:
        for stage in network.stages:
            part = network.classifier.trunk.get_submodule(stage.name)
            yield all(parameter.requires_grad for parameter in part.parameters())
        yield network.classifier.trunk.fc.weight.requires_grad  # type: ignore[union-attr, misc]

    return list(told())


def test_stages_are_unfrozen_one_by_one_from_the_back() -> None:
    settings = config(trained="last_stages", last_stages=0, unfreeze_every=2)
    network = make_network(settings, torch.device("cpu"))
    count = len(network.stages)
    for epoch, expected in ((1, 0), (2, 0), (3, 1), (5, 2), (99, count)):
        unfreeze(network, settings.optim, epoch=epoch)
        assert trained_stages(network) == [False] * (count - expected) + [True] * (expected + 1)


@pytest.mark.parametrize(
    "settings",
    [
        config(trained="all", unfreeze_every=1),
        config(trained="last_stages", unfreeze_every=1, cached_variants=1),
    ],
)
def test_what_cannot_be_unfrozen_one_by_one_is_refused(settings: RunConfig) -> None:
    with pytest.raises(ConfigError, match="Stages are unfrozen one by one only where"):
        settings.check()


class Together:
    """Two processes, as `refuse_apart` sees them."""

    world_size = 2

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)


@pytest.mark.parametrize(
    ("optim", "device", "complaint"),
    [
        ({"trained": "last_stages", "unfreeze_every": 1}, "cpu", "in one process only"),
        ({"norm": "own"}, "cuda", "Set optim.norm to synchronised or frozen"),
        ({"norm": "frozen"}, "cuda", None),
        ({"norm": "own"}, "cpu", None),
        ({"batch_size": 10}, "cpu", "8 training images are less than one batch of 10"),
    ],
)
def test_what_several_processes_would_do_differently_is_refused(
    optim: dict[str, object], device: str, complaint: str | None
) -> None:
    settings = config(**optim)
    network = make_network(settings, torch.device("cpu"))
    together = Together(device)
    if complaint is None:
        refuse_apart(network, settings.optim, together, images=8)  # type: ignore[arg-type]
        return
    with pytest.raises(ConfigError, match=complaint):
        refuse_apart(network, settings.optim, together, images=8)  # type: ignore[arg-type]
