"""One pass of a network over a batch of prepared images, by torch."""

from dataclasses import dataclass
from typing import Literal

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
        feature_map = model.features(torch.from_numpy(batch).to(device))
        return Outputs(
            logits=_array(model.head(feature_map)),
            feature_map=_array(feature_map),
            embedding=_array(model.embed(feature_map)),
        )


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.float().cpu().numpy()
    return array
