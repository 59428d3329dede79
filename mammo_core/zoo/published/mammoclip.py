"""Mammo-CLIP (Boston University): its image encoder, fine-tuned with a linear head."""

from typing import Final

from mammo_core.prepare_settings import AuthorsWay, PrepareSettings
from mammo_core.zoo.published.entry import PublishedFigure, PublishedModel

_MEAN: Final = 0.3089279
_STD: Final = 0.25053555


_OF_THEIRS: Final = (
    "RSNA 2022 images of its training folds were seen; its epoch was chosen on fold 0.",
    "Two downloads of fine-tuned weights come of slightly different networks and data.",
)


def _entry(name: str, title: str, megabytes: int, *problems: str) -> PublishedModel:
    is_theirs = name.endswith("b5")
    return PublishedModel(
        name=name,
        title=title,
        authors="Shantanu Ghosh and others, Boston University",
        citation="Ghosh S et al. Mammo-CLIP: a vision language foundation model to enhance data "
        "efficiency and robustness in mammography. MICCAI 2024.",
        code_licence="CC BY-NC-SA 4.0",
        weights_licence="CC BY-NC-SA 4.0, non-commercial",
        where="https://huggingface.co/shawn24/Mammo-CLIP",
        files=(
            "a classifier of cancer fine-tuned by the authors (Downstream-checkpoints)"
            if is_theirs
            else "a classifier of cancer fine-tuned with the authors' code",
        ),
        megabytes=megabytes,
        scores="image",
        needs="any one view; the authors average over the images of a breast",
        learnt_from="UPMC images and reports, fine-tuned on "
        + ("RSNA 2022 (folds 1 and 2 of three)" if is_theirs else "what its fine-tuner knows"),
        imaging="digital",
        figures=(
            PublishedFigure(
                says="see the paper's tables; the repository states none",
                on="RSNA 2022 (cancer), VinDr-Mammo",
                source="paper",
            ),
        ),
        problems=(
            "Non-commercial: research alone, shared alike.",
            *(_OF_THEIRS if is_theirs else ()),
            "Preparing images otherwise gives other results, its authors warn.",
            "The encoder alone (Pre-trained-checkpoints) has no head, gives no score and is not "
            "read here.",
            "Heads for mass and for calcification look like that for cancer: which one came in, "
            "only the name of its folder says.",
            *problems,
        ),
        stand_ins=(),
        prepare=PrepareSettings(
            size=(1520, 912),
            crop="lit",
            fit="stretch",
            is_turned=False,
            is_masked=False,
            channels=3,
            mean=(_MEAN,) * 3,
            std=(_STD,) * 3,
            authors=AuthorsWay(
                edge=5, spread="image", eight_bit="before", resampling="area", last="range"
            ),
        ),
        network="mammo_core.zoo.published.networks.mammoclip:build",
        keep=("model",),
    )


MAMMOCLIP_B5: Final = _entry(
    "mammoclip-b5",
    "Mammo-CLIP, EfficientNet-B5, cancer",
    114,
    "It is offered in a zip of 849 MB, to be unpacked first; the size told is that of one file.",
)
MAMMOCLIP_B2: Final = _entry(
    "mammoclip-b2",
    "Mammo-CLIP, EfficientNet-B2, cancer",
    31,
    "Its authors are not known to offer a fine-tuned B2: this is for whoever fine-tunes their "
    "encoder with their code.",
)
