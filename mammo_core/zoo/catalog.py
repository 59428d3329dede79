"""The backbones a run can train. To add one, add one entry; nothing else needs to change.

This module is data. It imports no torch, so that a page can list backbones without loading it.
"""

from dataclasses import dataclass
from typing import Final

from mammo_core.errors import UnknownNameError
from mammo_core.types import Size

#: `timm:<name>` stands for any network of the timm library, also one that has no entry here.
TIMM_PREFIX: Final = "timm:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """One architecture: how to build it and how big to feed it."""

    name: str
    title: str
    input_size: Size  # what we suggest; any size from `smallest_size` on works
    smallest_size: Size = (32, 32)
    timm_name: str = ""
    builder: str = "mammo_core.zoo.timm_builder:build_trunk"
    licence: str = "Apache-2.0"
    mean: float = 0.449  # of the pixels its weights expect: ImageNet's, averaged over the colours
    std: float = 0.226
    is_for_tests: bool = False


BACKBONES: Final[tuple[Backbone, ...]] = (
    Backbone(
        name="light_cnn",
        title="Light CNN (from scratch)",
        input_size=(512, 256),
        smallest_size=(16, 16),
        builder="mammo_core.zoo.scratch:build_light_cnn",
        mean=0.5,
        std=0.25,
    ),
    Backbone(
        name="mobilenetv2_100",
        title="MobileNetV2",
        input_size=(1024, 512),
        timm_name="mobilenetv2_100",
    ),
    Backbone(
        name="resnet18",
        title="ResNet-18",
        input_size=(1024, 512),
        timm_name="resnet18",
    ),
    Backbone(
        name="test_resnet",
        title="Tiny ResNet for tests",
        input_size=(64, 32),
        timm_name="test_resnet",
        is_for_tests=True,
    ),
    Backbone(
        name="test_convnext",
        title="Tiny ConvNeXt for tests",
        input_size=(64, 32),
        timm_name="test_convnext",
        is_for_tests=True,
    ),
)

_BY_NAME: Final = {backbone.name: backbone for backbone in BACKBONES}


def get_backbone(name: str) -> Backbone:
    """The entry of that name, or one made up for `timm:<name>`."""
    if name.startswith(TIMM_PREFIX):
        timm_name = name.removeprefix(TIMM_PREFIX)
        return Backbone(name=name, title=timm_name, input_size=(1024, 512), timm_name=timm_name)
    try:
        return _BY_NAME[name]
    except KeyError:
        raise UnknownNameError("backbone", name, _BY_NAME) from None


def list_backbones() -> list[Backbone]:
    """What a researcher chooses from, without the tiny models that serve the tests."""
    return [backbone for backbone in BACKBONES if not backbone.is_for_tests]
