"""Results that go home: a case as a checkpoint reads it, and what of that the archive is given.

Who the woman is comes from the archive's own header of her images, is put into the objects that are
sent back to it, and is kept nowhere else.
"""

import copy
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydicom import dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from mammo_core.archive.client import ArchiveClient, FoundImage, connect
from mammo_core.archive.links import Link
from mammo_core.archive.listed import find_archive
from mammo_core.errors import ArchiveError, MammoError
from mammo_core.files import archives_file, home
from mammo_core.inference.interpretation import remarks, why_not, why_uncompared
from mammo_core.inference.verdict import ScoredImage, score_cases, usual_images
from mammo_core.metrics.cases import Pooling, pool_cases, rows_of_split
from mammo_core.preprocessing.cases import Case, load_mammogram
from mammo_core.preprocessing.dicom.identity import evidence_in, identity_tags
from mammo_core.preprocessing.prepare import to_pane
from mammo_core.preprocessing.reading.identity import Evidence, installation_key
from mammo_core.reading import METHOD_TITLES
from mammo_core.reports.case.archive import identified_objects
from mammo_core.reports.case.dicom import RESEARCH_ONLY, to_file, untold
from mammo_core.reports.case.picture import Appearance
from mammo_core.reports.case.presentation import presentation_state
from mammo_core.reports.case.record import Pseudonyms, ReadCase, ReadImage
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.operating_points import LockedPoint, point_in_force
from mammo_core.tables import check_predictions, read_table
from mammo_core.types import Split
from mammo_core.words import many

if TYPE_CHECKING:
    from mammo_core.inference.checkpoint import Checkpoint
    from mammo_core.inference.engine import Engine

_LONGEST: Final = 1400  # pixels of a picture that is sent, as four share a screen
#: What a presentation state repeats of its image, besides whose it is (PS3.3 C.11.11).
_OF_IMAGE: Final = (
    "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "Modality",
    "StudyDescription", "WindowCenter", "WindowWidth", "RescaleIntercept", "RescaleSlope",
    "RescaleType",
)  # fmt: skip
#: And whose it is, as it stands in what was checked of its header.
_CHECKED: Final = {
    "SOPClassUID": "sop_class_uid",
    "SOPInstanceUID": "sop_instance_uid",
    "SeriesInstanceUID": "series_uid",
    "StudyInstanceUID": "study_uid",
    "PatientName": "patient_name",
    "PatientID": "patient_id",
    "PatientBirthDate": "birth_date",
    "PatientSex": "sex",
    "AccessionNumber": "accession_number",
    "StudyID": "study_id",
    "StudyDate": "study_date",
    "StudyTime": "study_time",
}
#: What pydicom and highdicom raise of a value that no element may have.
_UNWRITABLE: Final = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    struct.error,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reader:
    """A checkpoint, loaded, that reads case after case."""

    run: RunFolder
    card: ModelCard
    checkpoint: "Checkpoint"
    engine: "Engine"


def open_reader(run: RunFolder, *, tell: Callable[[str], object] = lambda words: None) -> Reader:
    """`tell` is told where its network has to be converted first."""
    from mammo_core.inference.checkpoint import load_checkpoint
    from mammo_core.inference.engine import open_engine

    checkpoint = load_checkpoint(run.path, device="auto")
    return Reader(
        run=run,
        card=checkpoint.card,
        checkpoint=checkpoint,
        engine=open_engine(checkpoint, tell=tell),
    )


def read_case_with(reader: Reader, case: Case, root: Path, *, now: datetime) -> ReadCase:
    """`case` as the checkpoint reads it, as Read would show it."""
    from mammo_core.inference.scoring import look_into, score_images

    card = reader.card
    refused = {image.ref.image_id: why_not(card, image) for image in case.images}
    scored = [image for image in case.images if refused[image.ref.image_id] is None]
    mammograms = {i.ref.image_id: load_mammogram(root, case, i) for i in case.images}
    wanted = [mammograms[image.ref.image_id] for image in scored]
    readings = score_images(reader.checkpoint, wanted, engine=reader.engine) if wanted else []
    told = dict(zip((i.ref.image_id for i in scored), remarks(card, scored), strict=True))
    read = dict(zip(told, readings, strict=True))
    images = []
    for image in case.images:
        image_id, mammogram = image.ref.image_id, mammograms[image.ref.image_id]
        shown = to_pane(mammogram, longest=_LONGEST)
        plain = ReadImage(
            about=image,
            pixels=shown.pixels,
            reduction=shown.reduction,
            windows=shown.windows,
            reading=None,
            unread=refused[image_id] or "",
        )
        if (reading := read.get(image_id)) is not None:
            regions, drawn = look_into(mammogram, reading)
            plain = replace(
                plain,
                reading=reading,
                method=METHOD_TITLES[reading.method],
                heat=drawn.heat,
                regions=regions.inside,
                remark=" ".join(filter(None, (*told[image_id], drawn.warning))),
            )
        images.append(plain)
    return _judged(reader, case, images, now=now)


def _judged(reader: Reader, case: Case, images: Sequence[ReadImage], *, now: datetime) -> ReadCase:
    scored = [
        ScoredImage(
            ref=image.about.ref,
            title=image.title,
            score=image.reading.score,
            is_outside=bool(image.reading.outside),
        )
        for image in images
        if image.reading is not None
    ]
    is_uncompared = bool(why_uncompared(reader.card, [image.ref for image in scored]))
    point = None if is_uncompared else point_in_force(reader.run)
    return ReadCase(
        case_id=case.case_id,
        card=reader.card,
        images=tuple(images),
        read_at=now,
        scores=tuple(score_cases(scored, point)),
        point=point,
        usual_images=None if point is None else _usual_images(reader.run, point),
        refused=len(case.unread),
    )


def _usual_images(run: RunFolder, point: LockedPoint) -> int | None:
    """How many images the cases have on which the threshold was set."""
    if not run.has_predictions or point.pooling not in tuple(Pooling):
        return None
    with suppress(MammoError):
        table = check_predictions(read_table(run.predictions_file, what="predictions table"))
        split = Split.VAL if Split.VAL in set(table["split"].dropna()) else ""
        rows = rows_of_split(table, split)
        return usual_images(pool_cases(rows, point.level, Pooling(point.pooling)))
    return None


def with_regions(case: ReadCase) -> int:
    """How many of its images have regions that stand out."""
    return sum(bool(image.regions) for image in case.images)


def what_is_sent(case: ReadCase, archive: str, *, has_states: bool = True) -> str:
    """In words, before it is: what will be written, and where."""
    read = sum(image.reading is not None for image in case.images)
    marked = with_regions(case) if has_states else 0
    words = many(marked, "presentation state", "presentation states")
    states = f", {words} with the regions" if marked else ""
    pictures = many(len(case.images), "picture", "pictures")
    missing = f" {case.missing}" * bool(case.missing)
    return (
        f"To archive “{archive}”, into the woman's own study: 1 structured report, {pictures} "
        f"({read} with heatmap){states}. They bear her name and ids, as the archive itself knows "
        f"them, and are marked “{RESEARCH_ONLY}”.{missing}"
    )


def send_home(
    client: ArchiveClient,
    case: ReadCase,
    link: Link,
    *,
    look: Appearance,
    pseudonyms: Pseudonyms,
    has_states: bool = True,
) -> int:
    """Give the archive what a checkpoint said of its own study; how many objects."""
    headers = {}
    known = {image.image_id: image for image in link.images}
    for image in case.images:
        linked = known.get(image.about.ref.image_id)
        if linked is None:
            raise ArchiveError(
                f"{image.title} did not come from archive {client.archive.name}, so nothing about "
                "it can be sent there. Open the study from the archive by itself."
            )
        found = FoundImage(
            series_uid=linked.series_uid, uid=linked.uid, sop_class=linked.sop_class, modality=""
        )
        headers[linked.image_id] = header_of(client.header(link.study_uid, found))
    originals = {image_id: evidence_in(header) for image_id, header in headers.items()}
    _refuse_moved(originals, link)
    objects = objects_of(
        case, headers, originals, look=look, pseudonyms=pseudonyms, has_states=has_states
    )
    client.store(objects)
    return len(objects)


def forward_report(archive: str, case: ReadCase, originals: Mapping[str, Evidence]) -> int:
    """The same of a case that another node sent here, whose files say themselves whose it is."""
    client = connect(find_archive(archives_file(), archive))
    named = [image for image in case.images if image.about.ref.image_id in originals]
    pseudonyms = Pseudonyms(key=installation_key(home() / "key"), case_id=case.case_id)
    whole = replace(case, images=tuple(named))
    with _built():
        made = identified_objects(whole, Appearance(), pseudonyms, originals)
        objects = [with_preamble(one) for one in made]
    client.store(objects)
    return len(objects)


def objects_of(
    case: ReadCase,
    headers: Mapping[str, Dataset],
    originals: Mapping[str, Evidence],
    *,
    look: Appearance,
    pseudonyms: Pseudonyms,
    has_states: bool = True,
) -> list[Dataset]:
    """Report, pictures and, with `has_states`, presentation states; by image id with the identity
    of `originals`.
    """
    with _built():
        objects = identified_objects(case, look, pseudonyms, originals)
        for image in case.images if has_states else ():
            if image.regions:
                image_id = image.about.ref.image_id
                header = _whole(headers[image_id], originals[image_id])
                objects.append(presentation_state(image, case, header, pseudonyms))
        descriptions = [str(header.get("StudyDescription", "")) for header in headers.values()]
        for one in objects:  # an archive may take a study's description from what came last
            one.StudyDescription = next(filter(None, descriptions), "")
        return [with_preamble(one) for one in objects]


@contextmanager
def _built() -> Iterator[None]:
    """A library that refuses a value tells it; of whom it was, neither log nor page may say."""
    with untold():
        try:
            yield
        except _UNWRITABLE as error:
            raise ArchiveError(
                "The results cannot be written as DICOM: a value in the header of an image is not "
                f"valid ({type(error).__name__}). Nothing was sent; have the header corrected in "
                "the archive."
            ) from None


def with_preamble(made: Dataset) -> Dataset:
    """As a file has it, for a library that writes what it is given."""
    return dcmread(BytesIO(to_file(made)))


def _refuse_moved(originals: Mapping[str, Evidence], link: Link) -> None:
    uids = {image.image_id: image.uid for image in link.images}
    for image_id, evidence in originals.items():
        if evidence.study_uid != link.study_uid or evidence.sop_instance_uid != uids[image_id]:
            raise ArchiveError(
                "The archive answered with the header of another image than was asked for. Nothing "
                "was sent; tell whoever runs the archive."
            )


def header_of(document: Mapping[str, Any]) -> Dataset:
    """Of a header in DICOM JSON, whose image it is and how it is shown."""
    tags = [*identity_tags(), *(int(tag_for_keyword(name) or 0) for name in _OF_IMAGE)]
    wanted = {name: document[name] for tag in tags if (name := f"{tag:08X}") in document}
    try:
        with untold():
            header = Dataset.from_json(wanted)
            for element in header:
                str(element.value)
    except Exception as error:  # noqa: BLE001 - whatever the archive sent, it is no header
        raise ArchiveError(
            f"The archive's header of an image cannot be read ({type(error).__name__}). Nothing "
            "was sent."
        ) from None
    return header


def _whole(header: Dataset, original: Evidence) -> Dataset:
    """How the image is shown, and of whose it is only what was checked; what is unknown is present
    and empty, as type 2 elements are.
    """
    whole = Dataset()
    whole.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _OF_IMAGE:
        if keyword in header:
            whole[keyword] = copy.deepcopy(header[keyword])
    for keyword, name in _CHECKED.items():
        setattr(whole, keyword, getattr(original, name))
    if original.issuer:
        whole.IssuerOfPatientID = original.issuer
    return whole
