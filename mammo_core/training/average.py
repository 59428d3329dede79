"""A running average of the weights: steadier than the weights themselves, and often better."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch
from torch import Tensor, nn

_STEPS: Final = "steps"  # no weight has such a short name


class Average:
    """The exponential moving average of what is trained in a network, and of what its norms
    measure: averaged weights beside statistics of other weights would be a network nobody trained.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._network = network
        self._decay = decay
        self._steps = torch.zeros((), dtype=torch.int64)
        self._shadow = {name: tensor.detach().clone() for name, tensor in self._moving()}

    def update(self) -> None:
        """Take in the weights as they are now; early on, follow them closely."""
        self._steps += 1
        steps = int(self._steps)
        decay = min(self._decay, (1 + steps) / (10 + steps))
        with torch.no_grad():
            for name, tensor in self._moving():
                self._shadow[name].lerp_(tensor, 1.0 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within this, the network has its average weights."""
        own = {name: tensor.detach().clone() for name, tensor in self._moving()}
        self._put(self._shadow)
        try:
            yield
        finally:
            self._put(own)

    def tensors(self) -> dict[str, Tensor]:
        """What a resumed run needs; `load` takes it back."""
        return {**self._shadow, _STEPS: self._steps}

    def load(self, tensors: dict[str, Tensor]) -> None:
        for name, tensor in self.tensors().items():
            tensor.copy_(tensors[name])

    def _put(self, weights: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, tensor in self._moving():
                tensor.copy_(weights[name])

    def _moving(self) -> Iterator[tuple[str, Tensor]]:
        for name, parameter in self._network.named_parameters():
            if parameter.requires_grad:
                yield name, parameter
        for name, buffer in self._network.named_buffers():
            if buffer.is_floating_point():
                yield name, buffer
