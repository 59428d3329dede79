"""The winner of the RSNA 2022 screening mammography challenge: four folds of one network."""

from typing import Final

from mammo_core.prepare_settings import AuthorsWay, PrepareSettings
from mammo_core.zoo.published.entry import PublishedFigure, PublishedModel

RSNA_FIRST: Final = PublishedModel(
    name="rsna-first",
    title="RSNA 2022, first place (four ConvNeXt-Small)",
    authors="Nguyen Hoang Dang (dangnh0611)",
    citation="dangnh0611/kaggle_rsna_breast_cancer, first place of the RSNA Screening Mammography "
    "Breast Cancer Detection challenge, 2023.",
    code_licence="MIT",
    weights_licence="as the Kaggle data set page says; not read here",
    where="https://www.kaggle.com/datasets/dangnh0611/rsna-breast-cancer-detection-best-ckpts",
    files=tuple(f"best_convnext_fold_{fold}.pth.tar" for fold in range(4)),
    megabytes=1600,
    scores="image",
    needs="any view; the authors average over the images of a breast",
    learnt_from="RSNA 2022 screening mammography, public training images, and others",
    imaging="digital",
    figures=(
        PublishedFigure(
            says="first on the private leaderboard; probabilistic F1 about 0.55; no interval",
            on="hidden test women of the challenge",
            source="third parties",
        ),
    ),
    problems=(
        "Every public RSNA 2022 training image was seen by three of its four networks: scores of "
        "theirs show what it remembers.",
        "Its scores are low and not calibrated; the authors call from 0.31 on, of a breast's mean.",
    ),
    stand_ins=(
        "Our breast box stands in for the authors' YOLOX finder, so scores differ a little.",
    ),
    prepare=PrepareSettings(
        size=(2048, 1024),
        margin=0.0,
        fit="letterbox",
        is_turned=False,
        is_masked=False,
        channels=3,
        mean=(123.675 / 255, 116.28 / 255, 103.53 / 255),
        std=(58.395 / 255, 57.12 / 255, 57.375 / 255),
        authors=AuthorsWay(values="numbers", spread="crop", eight_bit="after"),
    ),
    network="mammo_core.zoo.published.networks.rsna:build",
    keep=("state_dict_ema", "state_dict"),
)
