"""BatchNorm where batches are small or many processes train: frozen, or synchronised."""

from timm.layers.norm_act import convert_sync_batchnorm
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from mammo_core.zoo.classifier import Classifier


def freeze_batch_norms(network: nn.Module) -> None:
    """Keep every BatchNorm's weights and statistics: small batches would only blur them."""
    for module in network.modules():
        if isinstance(module, _NormBase):
            module.requires_grad_(False)


def synchronise_batch_norms(classifier: Classifier) -> None:
    """Let the processes of a training (on GPUs) average over one batch, not each over its own."""
    classifier.trunk = convert_sync_batchnorm(classifier.trunk)  # type: ignore[no-untyped-call]
