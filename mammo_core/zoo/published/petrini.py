"""Petrini et al.: one view, or CC and MLO of a breast together; CBIS-DDSM, VinDr-Mammo."""

from typing import Final

from mammo_core.prepare_settings import AuthorsWay, PrepareSettings
from mammo_core.types import Laterality
from mammo_core.zoo.published.entry import BREAST, Oracle, PublishedFigure, PublishedModel

_CBIS_MEAN: Final = 13369 / 65535
_PAPER_2022: Final = (
    "Petrini DGP et al. Breast cancer diagnosis in two-view mammography using end-to-end trained "
    "EfficientNet-based convolutional network. IEEE Access 2022."
)
_PAPER_2025: Final = "Petrini DGP, Kim HY. arXiv 2503.19945, 2025."
_OLD: Final = "https://github.com/dpetrini/two-views-classifier"
_NEW: Final = "https://github.com/dpetrini/multiple-view"
_SAMPLE: Final = "samples/Calc-Test_P_00127_RIGHT_CC.png with ..._MLO.png"
_DOMAIN: Final = "Learnt from scanned film: scores of digital images were never published."


def _cbis() -> PrepareSettings:
    return PrepareSettings(
        size=(1152, 896),
        crop="none",
        fit="stretch",
        is_turned=False,
        is_masked=False,
        channels=3,
        mean=(_CBIS_MEAN,) * 3,
        std=(1.0,) * 3,
        authors=AuthorsWay(resampling="area"),
    )


def _vindr() -> PrepareSettings:
    return PrepareSettings(
        size=(1152, 896),
        crop="none",
        fit="stretch",
        is_turned=False,
        is_masked=False,
        channels=3,
        mean=(0.0,) * 3,
        std=(1.0,) * 3,
        authors=AuthorsWay(ground="otsu", resampling="area", last="moments"),
    )


def _entry(
    name: str, title: str, *, year: int, file: str, megabytes: int,
    figures: tuple[PublishedFigure, ...], oracles: tuple[Oracle, ...] = (),
) -> PublishedModel:  # fmt: skip
    is_pair, is_vindr = "two" in name, "vindr" in name
    return PublishedModel(
        name=name,
        title=title,
        authors="Daniel G. P. Petrini and Hae Yong Kim",
        citation=_PAPER_2022 if year == 2021 else _PAPER_2025,
        code_licence="Apache-2.0" if year == 2021 else "MIT",
        weights_licence="none of their own; the repository's, or as the download page says",
        where=_OLD if year == 2021 else _NEW,
        files=(file,),
        megabytes=megabytes,
        scores="breast" if is_pair else "image",
        needs="CC and MLO of the same breast" if is_pair else "any one view",
        learnt_from="VinDr-Mammo" if is_vindr else "CBIS-DDSM",
        imaging="digital" if is_vindr else "film",
        figures=figures,
        problems=(
            "In VinDr-Mammo malignant means a BI-RADS assessment, not a biopsy."
            if is_vindr
            else _DOMAIN,
            "How the authors prepared their images cannot be rebuilt exactly.",
        ),
        stand_ins=(
            ("Where a label's corner lies is told by our chest wall, not by the file's side.",)
            if is_vindr
            else ("The authors' images were 16-bit pictures; others are scaled to that range.",)
        ),
        prepare=_vindr() if is_vindr else _cbis(),
        network="mammo_core.zoo.published.networks.petrini:build",
        slots=BREAST if is_pair else (),
        oracles=oracles,
        oracle_note=f"The images are in the authors' repository ({_OLD}).",
    )


def _auc(value: str, on: str, source: str) -> tuple[PublishedFigure, ...]:
    return (PublishedFigure(says=f"AUC {value}; no interval", on=on, source=source),)


def _oracle(score: float) -> Oracle:
    return Oracle(image=_SAMPLE, score=score, exam="p_00127", side=Laterality.RIGHT)


_TEST: Final = "CBIS-DDSM, its official test split"
PETRINI: Final = (
    _entry(
        "petrini-two-2021",
        "Petrini 2021, two views, EfficientNet-B0",
        year=2021,
        file="2021-08-03-03h54m_100ep_1074n_last_model_BEST.pt",
        megabytes=345,
        figures=_auc("0.8483, shifted copies averaged", _TEST, "2022 paper"),
    ),
    _entry(
        "petrini-one-2021",
        "Petrini 2021, one view, EfficientNet-B0",
        year=2021,
        file="2021-07-27-15h07m_50ep_2456n_last_model_Best.pt",
        megabytes=82,
        figures=_auc("0.8153", _TEST, "as the 2025 paper cites it"),
    ),
    _entry(
        "petrini-two-cbis",
        "Petrini 2024, two views, EfficientNet-B3, CBIS-DDSM",
        year=2024,
        file="2024-10-01-14h36m_50ep_best_model_AUC_08643_Best_2-Views-CBIS-EFB3-CVUBP.pt",
        megabytes=516,
        figures=_auc("0.8658", _TEST, "2025 paper"),
        oracles=(_oracle(0.1214),),
    ),
    _entry(
        "petrini-one-cbis",
        "Petrini 2024, one view, EfficientNet-B3, CBIS-DDSM",
        year=2024,
        file="2024-05-13-21h48m_50ep_best_model_AUC_08393_Best_CBIS_EFB3-CVUBP.pt",
        megabytes=125,
        figures=_auc("0.8343", _TEST, "2025 paper"),
    ),
    _entry(
        "petrini-one-direct",
        "Petrini 2024, one view, EfficientNet-B3 learnt without patches, CBIS-DDSM",
        year=2024,
        file="2024-05-14-18h55m_50ep_best_model_AUC_08548_Best_CBIS_EFB3_CVUD.pt",
        megabytes=43,
        figures=_auc("0.8548 in its file's name", "probably CBIS-DDSM validation", "file name"),
    ),
    _entry(
        "petrini-two-vindr",
        "Petrini 2024, two views, ConvNeXt-Base, VinDr-Mammo",
        year=2024,
        file="2024-08-07-18h35m_50ep_best_model_AUC_08655_ConvNext_VinDr_Collab.pt",
        megabytes=561,
        figures=_auc("0.8511", "VinDr-Mammo, its test split", "2025 paper"),
        oracles=(_oracle(0.7873),),
    ),
    _entry(
        "petrini-one-vindr",
        "Petrini 2024, one view, ConvNeXt-Base, VinDr-Mammo",
        year=2024,
        file="2024-08-06-18h01m_50ep_best_model_AUC_08187_CVUBP_VINDR_CONVNEXT.pt",
        megabytes=400,
        figures=_auc("0.0492 below that of two views", "VinDr-Mammo, its test split", "2025 paper"),
    ),
)
