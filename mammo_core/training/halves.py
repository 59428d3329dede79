"""A network cut in two where it is frozen: the front, whose answers never change, and the back that
is trained. On a CPU the front is run by OpenVINO where that says what torch says.
"""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from mammo_core.errors import ConfigError
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.freezing import Prefix, Stage, can_be_cut, depth_of, last_layer, suffix_of
from mammo_core.zoo.openvino import ConversionError, load_network, write_network

TORCH: Final = "torch fp32"
OPENVINO: Final = "openvino fp32"
#: Of the largest feature: what OpenVINO's may be off by, or torch is asked.
LARGEST_DIFFERENCE: Final = 1e-4
#: Images; for fewer, converting a network takes longer than it saves.
WORTH_CONVERTING: Final = 128

#: From images, as the network sees them, to what the front says of them, both on its device.
Front = Callable[[Tensor], Tensor]


def openvino_front(front: nn.Module, images: Tensor) -> Front | None:
    """`front` run by OpenVINO; None where it cannot be, or says something else of `images`."""
    shapes = [[-1, *images.shape[1:]]]
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "front.xml"
        try:
            write_network(front, path, example=(images[:2],), shapes=shapes)
        except (ConversionError, ImportError):
            return None
        network = load_network(path, "fp32")

    def run(seen: Tensor) -> Tensor:
        (said,) = network([np.ascontiguousarray(seen.numpy())])
        return torch.from_numpy(said)

    with torch.inference_mode():
        ours, theirs = run(images), front(images)
    is_alike = ours.shape == theirs.shape and torch.allclose(
        ours, theirs, rtol=0.0, atol=LARGEST_DIFFERENCE * float(theirs.abs().max())
    )
    return run if is_alike else None


class Quick:
    """`front` as OpenVINO runs it, converted when it is first asked for."""

    def __init__(self, front: nn.Module) -> None:
        self._front = front
        self._tried: list[Front | None] = []

    def on(self, images: Tensor) -> Front | None:
        """None where it cannot be run so, or says something else of `images` than torch."""
        if not self._tried:
            self._tried.append(openvino_front(self._front.eval(), images))
        return self._tried[0]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Halves:
    """A network cut in two: `front` is asked once, `back` is trained and shares its weights.

    The front sees images one by one; of two views, the back takes what it said of both. `digest` is
    the hash of the front: equal ones say the same of the same image.
    """

    front: nn.Module
    back: nn.Module
    digest: str
    quick: Quick


def _joined(front: nn.Module, back: nn.Module, digest: str) -> Halves:
    return Halves(front=front, back=back, digest=digest, quick=Quick(front))


def cut(
    classifier: Classifier, still: tuple[Stage, ...], images: Tensor, *, is_linear: bool
) -> Halves:
    """`classifier` behind its `still` stages; `images` is a small batch to prove the cut with."""
    digest = _digest_of(classifier, still, is_linear=is_linear)
    if is_linear:
        halves = _joined(_Embedding(classifier.each), _back_of_probe(classifier), digest)
        is_whole = _joins(classifier, halves, images)
    else:
        is_whole = bool(still) and can_be_cut(classifier, still, images)
        halves = _joined(Prefix(classifier.each, still), suffix_of(classifier, still), digest)
    if not is_whole:
        raise ConfigError(
            "This network cannot be cut where it is frozen, so features cannot be kept. Set "
            "optim.cached_variants to 0, or train its last layer alone (optim.trained=linear)."
        )
    return halves


class _Embedding(nn.Module):
    """Everything but the last layer."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier.embed(self.classifier.features(images))


def _digest_of(classifier: Classifier, still: tuple[Stage, ...], *, is_linear: bool) -> str:
    """A hash over what the front computes with: its weights, statistics, and where it ends."""
    last = f"{last_layer(classifier)}."
    ends = "before the last layer" if is_linear else " ".join(stage.name for stage in still)
    told = hashlib.sha256(ends.encode())
    for name, tensor in sorted(classifier.trunk.state_dict().items()):
        is_front = not name.startswith(last) if is_linear else depth_of(name, still) < len(still)
        if is_front and not name.endswith("num_batches_tracked"):
            told.update(name.encode())
            told.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return told.hexdigest()


def _back_of_probe(classifier: Classifier) -> nn.Module:
    """The last layer, and the dropout its network has before it."""
    rates = [m.p for m in classifier.trunk.modules() if isinstance(m, nn.Dropout) and m.p > 0.0]
    rate = rates[-1] if rates else float(getattr(classifier.trunk, "drop_rate", 0.0) or 0.0)
    last = classifier.trunk.get_submodule(last_layer(classifier))
    return nn.Sequential(nn.Flatten(), nn.Dropout(rate), last)


def _joins(classifier: Classifier, halves: Halves, images: Tensor) -> bool:
    classifier.eval()
    halves.back.eval()
    with torch.no_grad():
        said = halves.front(images.flatten(0, -4)).unflatten(0, images.shape[:-3])
        return torch.allclose(halves.back(said), classifier(images), atol=1e-5)
