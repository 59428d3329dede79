"""The networks of the catalog as a parameter: one of each kind, and with --all the others."""

from typing import Final

import pytest

from mammo_core.zoo.catalog import BACKBONES

ONE_OF_EACH_KIND: Final = {
    "light_cnn", "conv2", "conv3_dense3", "mobilenetv3_large_100", "resnet18",
    "efficientnet_b0", "convnext_nano", "swin_tiny", "vit_small_dinov2",
    "test_resnet", "test_convnext",
}  # fmt: skip
EVERY_BACKBONE: Final = pytest.mark.parametrize(
    "backbone",
    [
        pytest.param(
            backbone,
            marks=() if backbone.name in ONE_OF_EACH_KIND else pytest.mark.slow,
            id=backbone.name,
        )
        for backbone in BACKBONES
    ],
)
