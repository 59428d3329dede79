"""What others reported on these data sets, as they reported it: read, never re-run.

`dataset` is the adapter's name. `defect` is what is known to be wrong or different, "" where
nothing is. Numbers are shares; None where the source gives none.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    title: str
    dataset: str
    test: str  # on what it was measured
    defect: str = ""
    auc: float | None = None
    accuracy: float | None = None
    sensitivity: float | None = None
    specificity: float | None = None
    f1: float | None = None
    precision: float | None = None
    probabilistic_f1: float | None = None  # by breast, as the RSNA 2022 challenge ranked

    @property
    def figures(self) -> str:
        """What it gives, by name."""
        told = {
            "AUC": self.auc,
            "accuracy": self.accuracy,
            "sensitivity": self.sensitivity,
            "specificity": self.specificity,
            "precision": self.precision,
            "F1": self.f1,
            "probabilistic F1": self.probabilistic_f1,
        }
        return ", ".join(f"{name} {value:.3f}" for name, value in told.items() if value is not None)

    @property
    def in_words(self) -> str:
        defect = f" Known defect: {self.defect}." if self.defect else ""
        return f"Published ({self.title}; {self.test}): {self.figures}.{defect}"

    @property
    def implied_prevalence(self) -> float | None:
        """The share of positives at which accuracy, sensitivity and precision can all be true.

        accuracy = 1 - p + sensitivity * p * (2 - 1 / precision), solved for p.
        """
        precision = self.precision
        if precision is None and self.f1 and self.sensitivity:
            precision = self.f1 * self.sensitivity / (2 * self.sensitivity - self.f1)
        if self.accuracy is None or self.sensitivity is None or precision is None:
            return None
        return (1 - self.accuracy) / (1 - self.sensitivity * (2 - 1 / precision))


_ROWS = "reads finding rows as if a row were an image; the official test split chose the epoch"
_CBIS = "counts lesion rows, not images; the threshold was chosen on the test set"

PUBLISHED: Final[tuple[Published, ...]] = (
    Published(
        title="gitmurphy, MobileNetV2 at 128 x 128", dataset="vindr_mammo",
        test="BI-RADS 3 and above, 4,095 rows", defect=_ROWS,
        accuracy=0.78, sensitivity=0.48, f1=0.34,
    ),
    Published(
        title="gitmurphy, ResNet18 at 128 x 128", dataset="vindr_mammo",
        test="BI-RADS 3 and above, 4,095 rows", defect=_ROWS,
        accuracy=0.66, sensitivity=0.57, f1=0.28,
    ),
    Published(
        title="gitmurphy, VGG16 at 128 x 128", dataset="vindr_mammo",
        test="BI-RADS 3 and above, 4,095 rows", defect=_ROWS,
        accuracy=0.39, sensitivity=0.71, f1=0.21,
    ),
    Published(
        title="gitmurphy, ResNet50 from RadImageNet", dataset="vindr_mammo",
        test="BI-RADS 3 and above, 4,095 rows", defect=_ROWS,
        accuracy=0.69, sensitivity=0.46, f1=0.25,
    ),
    Published(
        title="Petrini and Kim 2025, two views, VinDr-Mammo", dataset="vindr_mammo",
        test="complete set", auc=0.8511,
    ),
    Published(title="MamT4, four views", dataset="vindr_mammo", test="BI-RADS", auc=0.84, f1=0.56),
    Published(
        title="Multi-instance, single image (Pathak)", dataset="vindr_mammo",
        test="benign or malignant by BI-RADS", auc=0.83, f1=0.48,
    ),
    Published(
        title="MV-Swin-T, as its users reproduced it at best", dataset="vindr_mammo",
        test="BI-RADS", defect="users reach .57 to .60", auc=0.60,
    ),
    Published(
        title="Mammo-CLIP, linear probe", dataset="vindr_mammo",
        test="benchmark of image-text models", auc=0.69,
    ),
    Published(
        title="Challenge, first place", dataset="rsna_2022", test="private test set",
        defect="data of other sets helped it by .02", probabilistic_f1=0.55,
    ),
    Published(
        title="Challenge, sixteenth place", dataset="rsna_2022", test="private test set",
        probabilistic_f1=0.46,
    ),
    Published(
        title="Student project, several views", dataset="rsna_2022", test="its own split",
        probabilistic_f1=0.20,
    ),
    Published(
        title="Student project, 3,383 images", dataset="roboflow", test="random split by image",
        defect="images of one woman lie on both sides of the split",
        accuracy=0.71, sensitivity=0.66, precision=0.61, f1=0.64,
    ),
    Published(
        title="Public notebooks, density folders", dataset="density_folders",
        test="random split by image",
        defect="every original is there 54 times, turned and mirrored: any random split leaks",
        accuracy=0.885, auc=0.934,
    ),
    Published(
        title="Student project, after its oversampled copies left the test set", dataset="cmmd",
        test="5,590 rows, random split",
        defect="joined on the patient, not the breast: 120 images carry both labels",
        accuracy=0.76, sensitivity=0.95, auc=0.70,
    ),
    Published(
        title="Student project, with oversampled copies in the test set", dataset="cmmd",
        test="oversampled, then split at random",
        defect="copies of test images were trained on; joined on the patient, not the breast",
        auc=0.87,
    ),
    Published(
        title="The same model on MIAS", dataset="mias", test="external", auc=0.49,
    ),
    Published(
        title="Student project, VGG16, first", dataset="cbis_ddsm", test="704 lesion rows",
        defect=_CBIS, auc=0.758,
    ),
    Published(
        title="Student project, VGG16, best", dataset="cbis_ddsm", test="704 lesion rows",
        defect=_CBIS, auc=0.791, sensitivity=0.909, specificity=0.472,
    ),
    Published(
        title="Student project, VGG16, third", dataset="cbis_ddsm", test="704 lesion rows",
        defect=_CBIS, auc=0.766,
    ),
    Published(
        title="Shen's published weights, run independently", dataset="cbis_ddsm",
        test="official test, 649 images", auc=0.75,
    ),
    Published(
        title="DenseNet169 with pooling by regions, re-run", dataset="cbis_ddsm",
        test="official test", defect="the papers claim .82 to .84", auc=0.76,
    ),
    Published(
        title="DIB-MG, re-run", dataset="cbis_ddsm", test="official test", auc=0.64,
    ),
    Published(
        title="Shen's ResNet34, re-run", dataset="cbis_ddsm", test="official test",
        defect="the paper claims .79", auc=0.78,
    ),
    Published(
        title="EfficientNet-B3, two views", dataset="cbis_ddsm", test="official test", auc=0.851,
    ),
    Published(
        title="GMIC-ResNet18, re-run", dataset="cbis_ddsm", test="official test",
        defect="the paper claims .83", auc=0.79,
    ),
    Published(
        title="Multi-instance with attention, best", dataset="cbis_ddsm", test="official test",
        auc=0.81,
    ),
    Published(
        title="Petrini and Kim 2025, one view", dataset="cbis_ddsm", test="official test",
        auc=0.8343,
    ),
    Published(
        title="Petrini and Kim 2025, two views, CBIS-DDSM", dataset="cbis_ddsm",
        test="official test", auc=0.8658,
    ),
    Published(
        title="Faster R-CNN (Ribli 2018)", dataset="inbreast", test="115 cases",
        defect="small set; later work could not reproduce values above .96", auc=0.95,
    ),
)  # fmt: skip


def published_on(dataset: str) -> tuple[Published, ...]:
    """The rows of one adapter."""
    return tuple(row for row in PUBLISHED if row.dataset == dataset)
