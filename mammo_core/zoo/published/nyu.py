"""The NYU breast cancer classifiers, of images alone: over four views, or image by image."""

from typing import Final

from mammo_core.prepare_settings import AuthorsWay, PrepareSettings
from mammo_core.types import Laterality, Size, View
from mammo_core.zoo.published.entry import EXAM, Oracle, PublishedFigure, PublishedModel

CC_WINDOW: Final[Size] = (2677, 1942)
MLO_WINDOW: Final[Size] = (2974, 1748)


def _entry(
    name: str, title: str, *, file: str, needs: str, oracles: tuple[Oracle, ...]
) -> PublishedModel:
    is_by_breast = name.endswith("views")
    return PublishedModel(
        name=name,
        title=title,
        authors="Nan Wu and others, New York University",
        citation="Wu N et al. Deep neural networks improve radiologists' performance in breast "
        "cancer screening. IEEE Trans Med Imaging 2020.",
        code_licence="AGPL-3.0",
        weights_licence="AGPL-3.0, in the authors' repository",
        where="https://github.com/nyukat/breast_cancer_classifier",
        files=(file,),
        megabytes=25,
        scores="breast" if is_by_breast else "image",
        needs=needs,
        learnt_from="NYU Breast Cancer Screening Dataset (not public)",
        imaging="digital",
        figures=(
            PublishedFigure(
                says="AUC 0.83, one network of images alone; no interval here",
                on="NYU test women, malignant",
                source="paper",
            ),
            PublishedFigure(
                says="AUC 0.758, images alone",
                on="BreastScreen South Australia",
                source="external study",
            ),
        ),
        problems=(
            "A model of 2019, not in clinical use, its authors say.",
            "Scanned film (DDSM) is always called benign.",
            "Published figures average ten shifted and resized crops; here one is read, so scores "
            "differ a little.",
            *(["A missing view is taken by the image itself."] if is_by_breast else []),
        ),
        stand_ins=(
            "Where the ground is not exactly 0 our outline stands in for the authors' own.",
            "Which way a breast faces is told by its pixels, not by the file's side.",
        ),
        prepare=PrepareSettings(
            size=(MLO_WINDOW[0], CC_WINDOW[1]),
            fit="window",
            is_masked=False,
            mean=(0.0,),
            std=(1.0,),
            authors=AuthorsWay(windows=(CC_WINDOW, MLO_WINDOW)),
        ),
        network="mammo_core.zoo.published.networks.nyu:build",
        keep=("model",),
        slots=EXAM,
        oracles=oracles,
        oracle_note="Sample exams of the authors' repository, ten augmented crops averaged there "
        "and one read here, so that scores are held to be the same within 0.05.",
        oracle_within=0.05,
    )


NYU_VIEWS: Final = _entry(
    "nyu-views",
    "NYU classifier, four views together",
    file="sample_image_model.p",
    needs="all four views, both breasts",
    oracles=(
        Oracle(image="exam 0, left breast", score=0.0091, exam="0", side=Laterality.LEFT),
        Oracle(image="exam 0, right breast", score=0.0179, exam="0", side=Laterality.RIGHT),
        Oracle(image="exam 1, left breast", score=0.0012, exam="1", side=Laterality.LEFT),
        Oracle(image="exam 1, right breast", score=0.7258, exam="1", side=Laterality.RIGHT),
    ),
)
NYU_IMAGES: Final = _entry(
    "nyu-images",
    "NYU classifier, image by image",
    file="ImageOnly__ModeImage_weights.p",
    needs="one view, CC or MLO, of a known side",
    oracles=(
        Oracle(image="exam 0, left CC", score=0.0080, exam="0", side=Laterality.LEFT, view=View.CC),
    ),
)
