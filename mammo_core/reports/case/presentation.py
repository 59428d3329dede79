"""Regions that stand out as a Grayscale Softcopy Presentation State: a viewer draws them over the
image itself, and the reader can take them away. Boxes, as on the page: the cells of a heatmap are
too coarse for an outline, which a segmentation would claim to be.
"""

from typing import Any, Final

import numpy as np
from highdicom import PresentationLUTTransformation, pr
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from mammo_core import __version__
from mammo_core.reading import Region
from mammo_core.reports.case.dicom import MANUFACTURER, RESEARCH_ONLY
from mammo_core.reports.case.record import Pseudonyms, ReadCase, ReadImage, seed_of
from mammo_core.types import Box

_STATES_SERIES: Final = 9003


def presentation_state(
    image: ReadImage, case: ReadCase, header: Dataset, pseudonyms: Pseudonyms
) -> Dataset:
    """The regions that stand out, drawn over the image that has this header (PS3.3 A.33.1)."""
    layer = pr.GraphicLayer("REGIONS", order=1, description="Regions that moved a model's score")
    seed = seed_of(case)
    annotation = pr.GraphicAnnotation(
        referenced_images=[header],
        graphic_layer=layer,
        graphic_objects=[_outline(region, image, header) for region in image.regions],
        text_objects=[
            _label(n, region, image, header) for n, region in enumerate(image.regions, start=1)
        ],
    )
    state = pr.GrayscaleSoftcopyPresentationState(
        referenced_images=[header],
        series_instance_uid=pseudonyms.uid("series", "states", str(header.SeriesInstanceUID), seed),
        series_number=_STATES_SERIES,
        sop_instance_uid=pseudonyms.uid("state", str(header.SOPInstanceUID), seed),
        instance_number=image.about.number,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=f"{MANUFACTURER}, RESEARCH ONLY",
        software_versions=__version__,
        device_serial_number="0",
        content_label="REGIONS",
        content_description=RESEARCH_ONLY,
        graphic_annotations=[annotation],
        graphic_layers=[layer],
        presentation_lut_transformation=_polarity(header),
        voi_lut_transformations=_windows(header),
    )
    state.SeriesDescription = f"{RESEARCH_ONLY} regions"
    state.Laterality = image.about.ref.side.value if image.about.ref.side else ""
    return state


def _outline(region: Region, image: ReadImage, header: Dataset) -> pr.GraphicObject:
    box = _box_in(region.box, image, header)
    corners = np.array(
        [(box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1), (box.x0, box.y0)]
    )
    return pr.GraphicObject("POLYLINE", graphic_data=corners, units="PIXEL")


def _label(number: int, region: Region, image: ReadImage, header: Dataset) -> pr.TextObject:
    words = f"{number}: {region.share:.0%} of the evidence. NOT FOR CLINICAL USE"
    box = _box_in(region.box, image, header)
    return pr.TextObject(words, units="PIXEL", anchor_point=(box.x0, box.y0))


def _box_in(box: Box, image: ReadImage, header: Dataset) -> Box:
    """In the pixels of the image referred to, which may be a reduced one, and no further."""
    (rows, columns), size = (header.Rows, header.Columns), image.about.size
    down, across = rows / size[0], columns / size[1]
    x0, x1 = (float(np.clip(edge * across, 0, columns)) for edge in (box.x0, box.x1))
    y0, y1 = (float(np.clip(edge * down, 0, rows)) for edge in (box.y0, box.y1))
    return Box(x0=x0, y0=y0, x1=x1, y1=y1)


def _polarity(header: Dataset) -> PresentationLUTTransformation:
    is_inverse = header.get("PhotometricInterpretation") == "MONOCHROME1"
    return PresentationLUTTransformation(
        presentation_lut_shape="INVERSE" if is_inverse else "IDENTITY"
    )


def _windows(header: Dataset) -> list[pr.SoftcopyVOILUTTransformation] | None:
    """The window that the image would be shown under without us."""
    centre, width = (_first(header.get(name)) for name in ("WindowCenter", "WindowWidth"))
    if centre is None or width is None or width < 1:
        return None
    return [pr.SoftcopyVOILUTTransformation(window_center=centre, window_width=width)]


def _first(value: Any) -> float | None:
    try:
        return float(value[0] if isinstance(value, MultiValue) else value)
    except (TypeError, ValueError, IndexError):
        return None
