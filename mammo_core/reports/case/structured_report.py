"""The scores of a study as a Comprehensive SR: a measurement report (PS3.16 TID 1500).

A model's score has no code in any public scheme: "probability of cancer" would say what it is not.
So its codes are private and declared in the object as PS3.3 C.12.1.1.7 wants.
"""

from datetime import UTC
from typing import Final

import numpy as np
from highdicom import sr
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from mammo_core import __version__
from mammo_core.inference.verdict import ScoredCase, verdict_on
from mammo_core.reading import Region
from mammo_core.reports.case.dicom import (
    MANUFACTURER,
    RESEARCH_ONLY,
    DicomStudy,
    Source,
    add_equipment,
    add_subject,
    add_times,
)
from mammo_core.reports.case.record import Pseudonyms, ReadCase, seed_of, verdict_in_words
from mammo_core.types import Laterality
from mammo_core.words import NOTICE, OUTSIDE

SCHEME: Final = "99MAMMOSCOPE"
_SERIES_NUMBER: Final = 9002


Measured = (
    sr.MeasurementsAndQualitativeEvaluations
    | sr.PlanarROIMeasurementsAndQualitativeEvaluations
    | sr.VolumetricROIMeasurementsAndQualitativeEvaluations
)


def _private(value: str, meaning: str) -> sr.CodedConcept:
    return sr.CodedConcept(value=value, scheme_designator=SCHEME, meaning=meaning)


SCORE: Final = _private("SCORE", "Model score, 0 to 1, not a probability")
THRESHOLD: Final = _private("THRESHOLD", "Threshold in force")
SHARE: Final = _private("SHARE", "Share of the evidence for the score")
VERDICT: Final = _private("VERDICT", "Side of the threshold")
ABOVE: Final = _private("ABOVE", "Score at or above the threshold")
BELOW: Final = _private("BELOW", "Score below the threshold; does not mean normal")
NOT_KNOWN: Final = _private("OUTSIDE", f"{OUTSIDE}; no verdict")
_NO_UNIT: Final = codes.UCUM.NoUnits
_SIDES: Final = {Laterality.LEFT: codes.SCT.Left, Laterality.RIGHT: codes.SCT.Right}


def has_scores(study: DicomStudy, case: ReadCase) -> bool:
    return bool(_scored_in(study, case))


def structured_report(study: DicomStudy, case: ReadCase, pseudonyms: Pseudonyms) -> Dataset:
    """Scores, verdicts and regions of `study`, each with the images it comes from."""
    evidence = [_evidence(source, study) for source in study.sources]
    seed = (study.subject.study_uid, seed_of(case))
    groups: list[Measured] = [
        *(_score_group(scored, study, case, pseudonyms) for scored in _scored_in(study, case)),
        *(
            _region_group(
                region,
                source,
                case,
                uid=pseudonyms.uid("region", *seed, source.sop_instance_uid, str(number)),
            )
            for source in study.sources
            for number, region in enumerate(source.image.regions, start=1)
        ),
    ]
    report = sr.MeasurementReport(
        observation_context=_observer(pseudonyms),
        procedure_reported=codes.SCT.Mammography,
        imaging_measurements=groups,
    )
    dataset = sr.ComprehensiveSR(
        evidence=evidence,
        content=report,
        series_instance_uid=pseudonyms.uid("series", "reports", *seed),
        series_number=_SERIES_NUMBER,
        series_description=f"{RESEARCH_ONLY} scores",
        sop_instance_uid=pseudonyms.uid("report", *seed),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        content_date=case.read_at.astimezone(UTC).date(),
        content_time=case.read_at.astimezone(UTC).time(),
        specific_character_set="ISO_IR 192",
        coding_schemes=[
            CodingSchemeIdentificationItem(
                designator=SCHEME,
                name="Private codes of Mammoscope",
                version=__version__,
                responsible_organization=MANUFACTURER,
            )
        ],
    )
    add_subject(dataset, study.subject)
    add_equipment(dataset)
    add_times(dataset, case)
    return dataset


def _observer(pseudonyms: Pseudonyms) -> sr.ObservationContext:
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(
            observer_type=codes.DCM.Device,
            observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
                uid=pseudonyms.uid("device", "this installation"),
                name=f"{MANUFACTURER} {__version__}",
                manufacturer_name=MANUFACTURER,
                model_name="RESEARCH ONLY, not a medical device",
            ),
        )
    )


def _scored_in(study: DicomStudy, case: ReadCase) -> list[ScoredCase]:
    """The scores that come from images of this study alone."""
    ids = {source.image.about.ref.image_id for source in study.sources}
    return [s for s in case.scores if {image.ref.image_id for image in s.images} <= ids]


def _score_group(
    scored: ScoredCase, study: DicomStudy, case: ReadCase, pseudonyms: Pseudonyms
) -> sr.MeasurementsAndQualitativeEvaluations:
    ids = {image.ref.image_id for image in scored.images}
    sources = [source for source in study.sources if source.image.about.ref.image_id in ids]
    verdict = verdict_on(scored, case.point)
    measurements = [
        sr.Measurement(
            name=SCORE,
            value=round(scored.score, 6),
            unit=_NO_UNIT,
            algorithm_id=_algorithm(sources, case),
        )
    ]
    evaluations = []
    if scored.is_outside:
        evaluations.append(sr.QualitativeEvaluation(name=VERDICT, value=NOT_KNOWN))
    if verdict is not None:
        threshold = round(verdict.threshold, 6)
        measurements.append(sr.Measurement(name=THRESHOLD, value=threshold, unit=_NO_UNIT))
        side = ABOVE if verdict.is_above else BELOW
        evaluations.append(sr.QualitativeEvaluation(name=VERDICT, value=side))
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=pseudonyms.uid("score", study.subject.study_uid, scored.level, *sorted(ids)),
            identifier=f"{scored.level} score, {scored.title}",
        ),
        measurements=measurements,
        qualitative_evaluations=evaluations or None,
        finding_sites=[_site(scored.side)],
        source_images=[
            sr.SourceImageForMeasurementGroup(
                referenced_sop_class_uid=source.sop_class_uid,
                referenced_sop_instance_uid=source.sop_instance_uid,
            )
            for source in sources
        ],
    )
    words = " ".join(filter(None, (verdict_in_words(case, scored), case.missing, NOTICE)))
    group[0].ContentSequence.append(
        sr.TextContentItem(
            name=codes.DCM.Comment,
            value=words,
            relationship_type=sr.RelationshipTypeValues.CONTAINS,
        )
    )
    return group


def _region_group(
    region: Region, source: Source, case: ReadCase, *, uid: str
) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    box, scale = region.box, source.reduction
    left, top, right, bottom = (edge / scale for edge in (box.x0, box.y0, box.x1, box.y1))
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=uid, identifier=f"region, {source.image.title} {region.words}".strip()
        ),
        referenced_region=sr.ImageRegion(
            graphic_type=sr.GraphicTypeValues.POLYLINE,
            graphic_data=np.array(corners),
            source_image=sr.SourceImageForRegion(
                referenced_sop_class_uid=source.sop_class_uid,
                referenced_sop_instance_uid=source.sop_instance_uid,
            ),
        ),
        measurements=[
            sr.Measurement(
                name=SHARE,
                value=round(region.share, 6),
                unit=_NO_UNIT,
                algorithm_id=_algorithm([source], case),
            )
        ],
        finding_sites=[_site(source.image.about.ref.side)],
    )


def _algorithm(sources: list[Source], case: ReadCase) -> sr.AlgorithmIdentification:
    readings = [source.image.reading for source in sources if source.image.reading is not None]
    engines = ", ".join(dict.fromkeys(reading.engine for reading in readings))
    methods = ", ".join(dict.fromkeys(source.image.method for source in sources))
    card = case.card
    return sr.AlgorithmIdentification(
        name=card.model_id,
        version=card.weights_sha256,
        manufacturer=MANUFACTURER,
        parameters=[
            f"Engine: {engines}",
            f"Heatmap: {methods}",
            f"Task: {card.task.title}; the score is that of {case.positive}",
            *(f"Limit: {limit}" for limit in (*_stamps(sources), *card.limits)),
        ],
    )


def _stamps(sources: list[Source]) -> list[str]:
    """Each once; every measurement of a stamped image bears them, regions too."""
    images = [source.image for source in sources]
    told = (f"{i.stamp}. {i.reading.outside}" for i in images if i.reading and i.stamp)
    return list(dict.fromkeys(told))


def _site(side: Laterality | None) -> sr.FindingSite:
    return sr.FindingSite(
        anatomic_location=codes.SCT.Breast, laterality=_SIDES[side] if side is not None else None
    )


def _evidence(source: Source, study: DicomStudy) -> Dataset:
    """As much of an image as an object that refers to it repeats."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = source.sop_class_uid
    dataset.SOPInstanceUID = source.sop_instance_uid
    dataset.SeriesInstanceUID = source.series_uid
    add_subject(dataset, study.subject)
    return dataset
