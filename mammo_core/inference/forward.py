"""One pass of a network over a batch of prepared images, by torch."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mammo_core.zoo.classifier import Classifier

#: (images, channels, height, width), as `prepare` gives them; for a network over two views
#: (images, 2, channels, height, width), each beside its partner.
Batch = NDArray[np.float32]
Number = Literal["fp32", "bf16"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outputs:
    """What any engine gives; in 32 bits, whatever it calculated in."""

    logits: NDArray[np.float32]  # (images, classes)
    feature_map: NDArray[np.float32]  # (images, channels, rows, columns); of both views in turn
    embedding: NDArray[np.float32]  # (images, width): what the last layer sees


def forward(model: Classifier, batch: Batch, number: Number = "fp32") -> Outputs:
    device = next(model.parameters()).device
    # On a GPU, cuDNN rounds what goes into a convolution to 10 bits (TF32) unless told not to.
    exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    cast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=number == "bf16")
    with torch.inference_mode(), exact, cast:
        inputs = [torch.from_numpy(array).to(device) for array in inputs_of(batch)]
        logits, feature_map, embedding = outputs_of(model, *inputs)
        return Outputs(
            logits=_array(logits), feature_map=_array(feature_map), embedding=_array(embedding)
        )


def inputs_of(batch: Batch) -> tuple[NDArray[Any], ...]:
    """What is looked at: images; of pairs each image once, and which of them each view is. In an
    exam every image is scored, and is also beside another.
    """
    if batch.ndim == 4:
        return (np.ascontiguousarray(batch),)
    images = batch.reshape(-1, *batch.shape[2:])
    first: dict[bytes, int] = {}
    places = np.array([first.setdefault(image.tobytes(), len(first)) for image in images])
    _, rows = np.unique(places, return_index=True)
    return images[rows], places.astype(np.int64)


def outputs_of(
    model: Classifier, images: Tensor, places: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, feature map and embedding from `inputs_of` a batch."""
    each = model.each.features(images)
    feature_map = each if places is None else each.index_select(0, places)
    return model.head(feature_map), feature_map, model.embed(feature_map)


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.float().cpu().numpy()
    return array
