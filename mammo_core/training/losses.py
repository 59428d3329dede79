"""What training makes small."""

from torch import Tensor
from torch.nn import functional


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Minus the log of the probability given to the true class, averaged over images.

    In full precision whatever the network ran in: a half-precision softmax loses small losses.
    """
    return functional.cross_entropy(logits.float(), labels)
