"""Everything of a read case that can be taken away without identity, and all of it as one zip."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydicom.dataset import Dataset

from mammo_core.preprocessing.reading.identity import Evidence
from mammo_core.reports.case.dicom import (
    DicomStudy,
    add_subject,
    identified_studies,
    image_capture,
    overlay_capture,
    pseudonymous_studies,
    to_file,
    untold,
)
from mammo_core.reports.case.html import to_html
from mammo_core.reports.case.picture import Appearance, pictures
from mammo_core.reports.case.presentation import presentation_state
from mammo_core.reports.case.record import CaseFile, Pseudonyms, ReadCase, to_zip, view_name
from mammo_core.reports.case.structured_report import has_scores, structured_report
from mammo_core.reports.case.tables import to_csv, to_json
from mammo_core.words import NOTICE


def pseudonymous_dicom(case: ReadCase, look: Appearance, pseudonyms: Pseudonyms) -> list[CaseFile]:
    """Without identity, and with the images that everything refers to."""
    files = []
    for number, study in enumerate(pseudonymous_studies(case, pseudonyms), start=1):
        captures = [image_capture(source, study, case, look=look) for source in study.sources]
        made = [
            (f"{view_name(s.image)}_image.dcm", c)
            for s, c in zip(study.sources, captures, strict=True)
        ]
        made += _objects_of(number, study, case, look, pseudonyms)
        made += _states_of(study, captures, case, pseudonyms)
        files += _as_files(made, folder="dicom")
    return files


def identified_dicom(
    case: ReadCase, look: Appearance, pseudonyms: Pseudonyms, originals: Mapping[str, Evidence]
) -> list[CaseFile]:
    """With the identity of the original files, which everything refers to."""
    studies = enumerate(identified_studies(case, originals), start=1)
    return [
        file
        for number, study in studies
        for file in _as_files(
            _objects_of(number, study, case, look, pseudonyms), folder="dicom_with_identity"
        )
    ]


def identified_objects(
    case: ReadCase, look: Appearance, pseudonyms: Pseudonyms, originals: Mapping[str, Evidence]
) -> list[Dataset]:
    """What `identified_dicom` puts into files."""
    return [
        made
        for study in identified_studies(case, originals)
        for _, made in _objects_of(1, study, case, look, pseudonyms)
    ]


def _as_files(made: Iterable[tuple[str, Dataset]], *, folder: str) -> list[CaseFile]:
    return [CaseFile(name=f"{folder}/{name}", content=to_file(one)) for name, one in made]


def _states_of(
    study: DicomStudy, captures: Sequence[Dataset], case: ReadCase, pseudonyms: Pseudonyms
) -> Iterator[tuple[str, Dataset]]:
    """The regions over the images as read."""
    for source, capture in zip(study.sources, captures, strict=True):
        if source.image.regions:
            with untold():
                state = presentation_state(source.image, case, capture, pseudonyms)
            add_subject(state, study.subject)
            yield f"{view_name(source.image)}_regions.dcm", state


def _objects_of(
    number: int, study: DicomStudy, case: ReadCase, look: Appearance, pseudonyms: Pseudonyms
) -> Iterator[tuple[str, Dataset]]:
    """Heatmaps and report, each with the name of its file."""
    for source in study.sources:
        overlay = overlay_capture(source, study, case, look=look, pseudonyms=pseudonyms)
        yield f"{view_name(source.image)}_heatmap.dcm", overlay
    if has_scores(study, case):
        with untold():
            report = structured_report(study, case, pseudonyms)
        yield f"report_{number}.dcm", report


_READ_ME = f"""{NOTICE}

scores.csv      one row per image
case.json       scores, verdicts, regions, model, and what was done to the pixels
report.html     one page to print
pictures/       each view with and without heatmap
dicom/          the same as DICOM, under pseudonyms: images as read, heatmaps, structured report,
                and regions as presentation states over the images
"""


def case_zip(case: ReadCase, look: Appearance, pseudonyms: Pseudonyms) -> bytes:
    """Nothing in it names the woman, the hospital or the researcher's files."""
    texts = {
        "README.txt": _READ_ME,
        "scores.csv": to_csv(case),
        "case.json": to_json(case, pseudonyms),
        "report.html": to_html(case, pseudonyms, look),
    }
    files = [CaseFile(name=name, content=text.encode()) for name, text in texts.items()]
    files += pictures(case, look)
    files += pseudonymous_dicom(case, look, pseudonyms)
    return to_zip(files, folder=case.name)
