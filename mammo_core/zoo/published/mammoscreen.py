"""MammoScreen by Ian Pan: three networks at three sizes, cancer and density per breast."""

from typing import Final

from mammo_core.prepare_settings import AuthorsWay, FrameBeside, PrepareSettings
from mammo_core.types import CANCER, DENSITY, Task
from mammo_core.zoo.published.entry import PublishedFigure, PublishedModel

#: What each of its networks sees, side by side in one picture.
FRAMES: Final = (
    FrameBeside(size=(2048, 1024), fit="widen"),
    FrameBeside(size=(1920, 1280), fit="widen"),
    FrameBeside(size=(1536, 1536), fit="letterbox"),
)


def _entry(name: str, title: str, task: Task) -> PublishedModel:
    return PublishedModel(
        name=name,
        title=title,
        authors="Ian Pan",
        citation="Pan I. MammoScreen (three EfficientNetV2-S). Hugging Face, ianpan/mammoscreen.",
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        where="https://huggingface.co/ianpan/mammoscreen",
        files=("model.safetensors",),
        megabytes=244,
        scores="breast",
        needs="CC and MLO of a breast; one view alone is allowed",
        learnt_from="RSNA 2022 screening mammography, public training images",
        imaging="digital",
        figures=(
            PublishedFigure(
                says="AUC about 0.945, mean of three splits; no interval",
                on="a tenth of the RSNA 2022 training women, held out",
                source="model card, as a user's README cites it",
            ),
            PublishedFigure(
                says="sensitivity 0.981 at specificity 0.654; 0.943 at 0.787; no interval",
                on="the same women",
                source="model card, as a user's README cites it",
            ),
        ),
        problems=(
            "Most public RSNA 2022 training images were seen in training: scores of theirs show "
            "what it remembers.",
            "Its scores are small and not calibrated; a user calls from 0.013 on.",
            "Not the commercial product of the same name.",
        ),
        stand_ins=(
            "Our breast box stands in for the authors' crop model, so scores differ a little.",
            "Its third network sees the image with its aspect ratio kept, on black; whether the "
            "authors stretch it there was not confirmed.",
        ),
        prepare=PrepareSettings(
            size=(2048, 3840),
            crop="breast",
            margin=0.0,
            fit="widen",
            is_turned=False,
            is_masked=False,
            mean=(0.5,),
            std=(0.5,),
            authors=AuthorsWay(values="window", spread="image", eight_bit="before", frames=FRAMES),
        ),
        network="mammo_core.zoo.published.networks.mammoscreen:build",
        task=task,
    )


MAMMOSCREEN: Final = _entry("mammoscreen", "MammoScreen (Ian Pan)", CANCER)
MAMMOSCREEN_DENSITY: Final = _entry(
    "mammoscreen-density", "MammoScreen (Ian Pan), density", DENSITY
)
