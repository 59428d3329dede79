"""Several networks of one kind that read together, as one network.

Their last maps lie side by side, channel after channel, and one linear layer weighs what they pool
to: its log-odds are the mean of the members' calibrated log-odds. So everything that knows a single
network knows a committee: heatmap in closed form, embedding, conversion, one file of weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
from torch import Tensor, nn

from mammo_core.config import ModelConfig
from mammo_core.errors import ConfigError
from mammo_core.zoo.classifier import ChannelsFirst, Classifier

_POOLINGS: Final = {"avg": "avg", "max": "max", "avgmax": "catavgmax"}
PARTS: Final = {"avg": 1, "max": 1, "avgmax": 2}  # a pooled vector holds means, then maxima


class MembersTrunk(nn.Module):
    """The trunks of all members, their last layers merged into `fc`. `biases` are what each adds
    there, kept apart so that a member can be asked alone.
    """

    biases: Tensor

    def __init__(self, members: Sequence[nn.Module], *, pooling: str, last: nn.Linear) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.pooling = pooling
        self.pool = SelectAdaptivePool2d(pool_type=_POOLINGS[pooling], flatten=True)
        self.fc = nn.Linear(last.in_features * len(members), last.out_features)
        self.register_buffer("biases", torch.zeros(len(members), last.out_features))

    def forward_features(self, images: Tensor) -> Tensor:
        maps = [member.forward_features(images) for member in self.members]  # type: ignore[operator]
        return torch.cat(maps, dim=1)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        pooled: Tensor = self.pool(features)
        logits: Tensor = pooled if pre_logits else self.fc(pooled)
        return logits

    def get_classifier(self) -> nn.Linear:
        return self.fc


def joinable_layer(member: Classifier, model: ModelConfig) -> nn.Linear:
    """The last layer of `member`, built by the settings `model`; refused where networks like it
    cannot be joined into one.
    """
    if model.pooling not in _POOLINGS or model.views > 1:
        raise ConfigError(
            f"Networks with {model.pooling} pooling over {model.views} views cannot be joined into "
            "one. Those over single images with avg, max or avgmax pooling can."
        )
    trunk: Any = member.trunk
    last = trunk.get_classifier() if hasattr(trunk, "get_classifier") else None
    is_map = isinstance(member.layout, ChannelsFirst)
    if not isinstance(last, nn.Linear) or not is_map or not _only_pools(trunk, last, model.pooling):
        raise ConfigError(
            f"{model.backbone} cannot be joined into one network: it does not end in a pooled map "
            "and one linear layer, or the layer cannot be taken off. Join its scores instead "
            "(mammo ensemble)."
        )
    return last


def _only_pools(trunk: Any, last: nn.Linear, pooling: str) -> bool:
    """Whether nothing lies between the last map and the last layer but pooling: a norm or one more
    layer there would be left out.
    """
    channels = last.in_features // PARTS[pooling]
    probe = torch.linspace(0.0, 1.0, channels * 6).reshape(1, channels, 2, 3)
    pool = SelectAdaptivePool2d(pool_type=_POOLINGS[pooling], flatten=True)
    was_training = trunk.training
    trunk.eval()
    try:
        with torch.no_grad():
            found: Tensor = trunk.forward_head(probe, pre_logits=True).flatten(1)
    except RuntimeError:  # a layer that awaits another number of channels
        return False
    finally:
        trunk.train(was_training)
    wanted: Tensor = pool(probe)
    return found.shape == wanted.shape and bool(torch.allclose(found, wanted))


def seat(members: Sequence[Classifier], model: ModelConfig) -> Classifier:
    """`members`, built alike by the settings `model`, as one network whose last layer is new."""
    last = joinable_layer(members[0], model)
    trunks: list[Any] = [member.trunk for member in members]
    for trunk in trunks:
        trunk.reset_classifier(0)
    return Classifier(
        MembersTrunk(trunks, pooling=model.pooling, last=last), layout=ChannelsFirst()
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seat:
    """A member's weights, and what its log-odds are multiplied by and moved by when they count."""

    state: Mapping[str, Tensor]
    slope: float = 1.0
    intercepts: tuple[float, ...] = ()  # by class; none: nothing is moved


def seated_state(seats: Sequence[Seat], *, last: str, pooling: str) -> dict[str, Tensor]:
    """The weights of the committee whose members have the weights in `seats`; `last` is what they
    call their last layer.
    """
    state: dict[str, Tensor] = {}
    weights, biases = [], []
    for number, one in enumerate(seats):
        prefix = f"trunk.{last}."
        state |= {
            f"trunk.members.{number}.{name.removeprefix('trunk.')}": value
            for name, value in one.state.items()
            if not name.startswith(prefix)
        }
        weights.append(one.state[f"{prefix}weight"].double() * one.slope / len(seats))
        moved = torch.tensor(one.intercepts or (0.0,), dtype=torch.float64)
        biases.append(one.state[f"{prefix}bias"].double() * one.slope + moved)
    parts = PARTS[pooling]
    halves = [weight.chunk(parts, dim=1) for weight in weights]
    beside = torch.cat([half[part] for part in range(parts) for half in halves], dim=1)
    state["trunk.fc.weight"] = beside.float()
    state["trunk.biases"] = torch.stack(biases).float()
    state["trunk.fc.bias"] = torch.stack(biases).mean(dim=0).float()
    return state


def stand_up(committee: Classifier, number: int) -> Classifier:
    """Member `number` alone, calibrated as it is in the committee."""
    trunk = committee.trunk
    if not isinstance(trunk, MembersTrunk):
        raise ConfigError("A single network has no members.")
    count, classes = trunk.biases.shape
    last = nn.Linear(trunk.fc.in_features // count, classes)
    parts = trunk.fc.weight.chunk(PARTS[trunk.pooling], dim=1)
    alone = MembersTrunk([trunk.members[number]], pooling=trunk.pooling, last=last)
    with torch.no_grad():
        own = torch.cat([part.chunk(count, dim=1)[number] for part in parts], dim=1)
        alone.fc.weight.copy_(own * count)
        alone.fc.bias.copy_(trunk.biases[number])
        alone.biases.copy_(trunk.biases[number : number + 1])
    return Classifier(alone, layout=ChannelsFirst()).eval().requires_grad_(False)
