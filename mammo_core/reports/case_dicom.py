"""A read case as DICOM files: a structured report per study, and its pictures as captures."""

from collections.abc import Mapping

from mammo_core.preprocessing.evidence import Evidence
from mammo_core.reports.case_capture import image_capture, overlay_capture, to_file
from mammo_core.reports.case_file import CaseFile, view_name
from mammo_core.reports.case_picture import Look
from mammo_core.reports.case_pseudonyms import Pseudonyms
from mammo_core.reports.case_record import ReadCase
from mammo_core.reports.case_sr import has_scores, structured_report
from mammo_core.reports.case_study import Study, identified_studies, pseudonymous_studies


def pseudonymous_dicom(case: ReadCase, look: Look, pseudonyms: Pseudonyms) -> list[CaseFile]:
    """Without identity, and with the images that everything refers to."""
    files = []
    for number, study in enumerate(pseudonymous_studies(case, pseudonyms), start=1):
        for source in study.sources:
            image = to_file(image_capture(source, study, case, look=look))
            files.append(CaseFile(name=f"dicom/{view_name(source.image)}_image.dcm", content=image))
        files += _of_study(number, study, case, look, pseudonyms, folder="dicom")
    return files


def identified_dicom(
    case: ReadCase, look: Look, pseudonyms: Pseudonyms, originals: Mapping[str, Evidence]
) -> list[CaseFile]:
    """With the identity of the original files, which everything refers to."""
    studies = enumerate(identified_studies(case, originals), start=1)
    return [
        file
        for number, study in studies
        for file in _of_study(number, study, case, look, pseudonyms, folder="dicom_with_identity")
    ]


def _of_study(
    number: int,
    study: Study,
    case: ReadCase,
    look: Look,
    pseudonyms: Pseudonyms,
    *,
    folder: str,
) -> list[CaseFile]:
    files = []
    for source in study.sources:
        overlay = overlay_capture(source, study, case, look=look, pseudonyms=pseudonyms)
        name = f"{folder}/{view_name(source.image)}_heatmap.dcm"
        files.append(CaseFile(name=name, content=to_file(overlay)))
    if has_scores(study, case):
        report = to_file(structured_report(study, case, pseudonyms))
        files.append(CaseFile(name=f"{folder}/report_{number}.dcm", content=report))
    return files
