"""GMIC (New York University): a global look, six patches where it points, and both together."""

from typing import Final, Literal

from mammo_core.prepare_settings import AuthorsWay, PrepareSettings
from mammo_core.types import Laterality, View
from mammo_core.zoo.published.entry import Oracle, PublishedFigure, PublishedModel

_DOCUMENTED: Final[tuple[tuple[str, Laterality, View, float, Literal["cancer", "benign"]], ...]] = (
    ("0", Laterality.LEFT, View.CC, 0.0081, "cancer"),
    ("0", Laterality.RIGHT, View.CC, 0.3259, "cancer"),
    ("0", Laterality.LEFT, View.MLO, 0.0335, "cancer"),
    ("0", Laterality.RIGHT, View.MLO, 0.1812, "cancer"),
    ("1", Laterality.RIGHT, View.CC, 0.9910, "cancer"),
    ("1", Laterality.RIGHT, View.MLO, 0.9308, "cancer"),
    ("3", Laterality.LEFT, View.CC, 0.9326, "cancer"),
    ("0", Laterality.LEFT, View.CC, 0.1356, "benign"),
    ("0", Laterality.RIGHT, View.CC, 0.8929, "benign"),
)
_ORACLES: Final = tuple(
    Oracle(
        image=f"sample exam, {exam}_{side}-{view}", score=score, of=of,
        exam=exam, side=side, view=view,
    )
    for exam, side, view, score, of in _DOCUMENTED
)  # fmt: skip


def _entry(name: str, title: str, count: int) -> PublishedModel:
    return PublishedModel(
        name=name,
        title=title,
        authors="Yiqiu Shen and others, New York University",
        citation="Shen Y et al. An interpretable classifier for high-resolution breast cancer "
        "screening images utilizing weakly supervised localization. Med Image Anal 2021.",
        code_licence="AGPL-3.0",
        weights_licence="AGPL-3.0, in the authors' repository",
        where="https://github.com/nyukat/GMIC",
        files=tuple(f"sample_model_{number}.p" for number in range(1, count + 1)),
        megabytes=57 * count,
        scores="image",
        needs="any one view; the paper averages CC and MLO of a breast",
        learnt_from="NYU Breast Cancer Screening Dataset (not public)",
        imaging="digital",
        figures=(
            PublishedFigure(
                says="AUC 0.93, five networks and ten random crops; no interval here",
                on="NYU test women, malignant by breast",
                source="paper",
            ),
            PublishedFigure(
                says="AUC 0.7725 with one network, where 0.825 was reported",
                on="CMMD",
                source="an issue in the authors' repository",
            ),
            PublishedFigure(
                says="AUC 0.755", on="38 Australian exams", source="an issue in the repository"
            ),
        ),
        problems=(
            "Made for Hologic images at 0.07 mm, black exactly 0: nothing is ever resized.",
            "Scanned film (CBIS-DDSM) gets small scores that mean nothing, its authors say.",
            "Of its two answers the malignant one is shown; benign is left out.",
            "Its authors load a file leniently: one that lacks a name, or has one more, is refused "
            "here, and the name is told.",
        ),
        stand_ins=(
            "Where the ground is not exactly 0 our outline stands in for the authors' own.",
            "Which way a breast faces is told by its pixels, not by the file's side; another view "
            "than CC and MLO is cut out as a CC.",
        ),
        prepare=PrepareSettings(
            size=(2944, 1920),
            fit="window",
            is_masked=False,
            mean=(0.0,),
            std=(1.0,),
            authors=AuthorsWay(last="moments"),
        ),
        network="mammo_core.zoo.published.networks.gmic:build",
        own_map="Saliency of malignancy, before the patches are weighed",
        oracles=_ORACLES if count == 1 else (),
        oracle_note="The exams are in the authors' repository, folder sample_data; scores of the "
        "first network alone. Benign is not read here.",
    )


GMIC: Final = _entry("gmic", "GMIC, five networks", 5)
GMIC_ONE: Final = _entry("gmic-1", "GMIC, its first network", 1)
