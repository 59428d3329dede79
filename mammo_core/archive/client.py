"""What is asked of an archive over DICOMweb: studies (QIDO-RS), images (WADO-RS), and that it keeps
what we send (STOW-RS). Images are passed on as they come; only the limited process looks into them.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset

from mammo_core.archive.line import Patience, Sink, copy_part, open_line, told
from mammo_core.archive.listed import Archive, authorization_of
from mammo_core.errors import ArchiveError, ConfigError
from mammo_core.preprocessing.reading.limits import FILE_BYTES

MOST_STUDIES: Final = 500  # shown of one search
MOST_IMAGES: Final = 64  # of one study
_PAGE: Final = 500  # studies or instances in one answer
_MOST_INSTANCES: Final = 20_000  # looked at in one study to find its mammograms
_NOT_UNDERSTOOD: Final = 400
_NO_SUCH_PAGE: Final = (_NOT_UNDERSTOOD, 404, 416)
#: What a service that is there answers to what holds no object, besides that it took it.
_NO_OBJECT: Final = (_NOT_UNDERSTOOD, 409, 415)
_CONFLICT: Final = 409  # the archive refuses, and says of each object why
_DUPLICATE: Final = 0x0111  # "duplicate SOP instance" (PS3.7 C.4)
_UID: Final = re.compile(r"[0-9.]{3,64}")
_DATE: Final = re.compile(r"[0-9]{8}")
_TEXT: Final = re.compile(r"[^\x00-\x1f\\]{1,64}")
_STUDY_FIELDS: Final = (
    "StudyDescription",
    "NumberOfStudyRelatedInstances",
    "ModalitiesInStudy",
    "IssuerOfPatientID",
)
_INSTANCE_FIELDS: Final = ("Modality", "NumberOfFrames", "Rows", "Columns")
TOMOSYNTHESIS: Final = "1.2.840.10008.5.1.4.1.1.13.1.3"
FOR_PROCESSING: Final = "1.2.840.10008.5.1.4.1.1.1.2.1"
FOR_PRESENTATION: Final = "1.2.840.10008.5.1.4.1.1.1.2"

Document = Mapping[str, Any]  # DICOM JSON (PS3.18 F)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to look for; "" is anything."""

    first: str = ""  # day, as 2024-01-31
    last: str = ""
    modality: str = "MG"
    accession: str = ""
    patient_id: str = ""
    uid: str = ""  # of the study


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundStudy:
    """A study in the archive. `patient_id` finds her other studies, and is never shown."""

    uid: str
    day: str  # as 20240131; "" where unknown
    description: str
    accession: str
    images: int | None
    patient_id: str
    issuer: str = ""  # of the patient id: who gave it to her


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySearch:
    """What a search found, and a sentence where the archive says that it did not tell all."""

    studies: list[FoundStudy]
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundImage:
    series_uid: str
    uid: str
    sop_class: str
    modality: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadableImages:
    """The images of a study that are read, a sentence for those that are not, and one where the
    archive did not list all that it has.
    """

    images: tuple[FoundImage, ...]
    left_out: str = ""
    missing: str = ""


class ArchiveClient:
    """One archive; images may be fetched from several threads."""

    def __init__(
        self, archive: Archive, authorization: str, *, patience: Patience | None = None
    ) -> None:
        self.archive = archive
        self._patience = patience or Patience()
        self._line = open_line(archive, authorization, self._patience)
        self._web = DICOMwebClient(
            archive.dicomweb.rstrip("/"),
            session=self._line,
            chunk_size=2**31,  # in pieces it would send nothing at a second attempt
            timeout=(self._patience.connect, self._patience.silence),
        )
        self._web.set_http_retry_params(retry=False)  # the line does that, and keeps to a limit

    def find_studies(self, query: Query, *, most: int = MOST_STUDIES) -> list[FoundStudy]:
        """The newest first. One more than `most` may come, which says that there are more."""
        return self.search(query, most=most).studies

    def search(self, query: Query, *, most: int = MOST_STUDIES) -> StudySearch:
        """`find_studies`, and whether the archive says that it did not tell all."""
        filters = _filters(query)
        with told(self.archive, self._patience, "looking for studies"):
            found, is_cut = self._pages(
                "studies", filters, fields=_STUDY_FIELDS, tag="0020000D", most=most + 1
            )
            studies = [_study(one) for one in found]
        newest = sorted(studies, key=lambda study: study.day, reverse=True)[: most + 1]
        return StudySearch(
            studies=newest, warning=_cut_in_words("studies that match") if is_cut else ""
        )

    def find_images(
        self, study_uid: str, *, modality: str = "MG", expected: int | None = None
    ) -> ReadableImages:
        """Which images of the study are read: mammograms in two dimensions, as they are shown.
        `expected` is how many instances the archive counts in the study, where it says so.
        """
        documents, is_cut = self._instances(_checked_uid(study_uid))
        chosen = choose([_image(one) for one in documents], modality=modality)
        return replace(chosen, missing=_missing_in_words(len(documents), expected, is_cut=is_cut))

    def _instances(self, study_uid: str) -> tuple[list[Document], bool]:
        with told(self.archive, self._patience, "listing the images of a study"):
            found, is_cut = self._pages(
                f"studies/{study_uid}/instances", {},
                fields=_INSTANCE_FIELDS, tag="00080018", most=_MOST_INSTANCES + 1,
            )  # fmt: skip
        if len(found) > _MOST_INSTANCES:
            raise ArchiveError(
                f"This study has more than {_MOST_INSTANCES:,} instances; that is no "
                "mammography. Narrow it down in the archive."
            )
        return found, is_cut

    def _pages(
        self, path: str, filters: Mapping[str, str], *, fields: Sequence[str], tag: str, most: int
    ) -> tuple[list[Document], bool]:
        """Page after page until one brings nothing new: an archive may tell fewer at a time than
        are asked for, and one that knows no `offset` begins anew. Also whether it says at the end
        that it did not tell all. `tag` tells two apart.
        """
        found: dict[str, Document] = {}
        while True:
            limit = {"limit": str(min(_PAGE, most - len(found)))}
            offset = {"offset": str(len(found))} if found else {}
            page, is_cut = self._page(path, {**filters, **limit, **offset}, fields=fields)
            new = {uid: one for one in page if (uid := _text(one, tag)) not in found}
            found |= new
            if not new or len(found) >= most:
                return list(found.values()), is_cut

    def _page(
        self, path: str, parameters: Mapping[str, str], *, fields: Sequence[str]
    ) -> tuple[list[Document], bool]:
        """One answer of QIDO-RS; and whether it bears the warning that there is more (PS3.18
        8.3.4.4).
        """
        response = self._line.get(
            f"{self._root}/{path}",
            params=[*parameters.items(), *(("includefield", name) for name in fields)],
            headers={"Accept": "application/dicom+json, application/json"},
            timeout=(self._patience.connect, self._patience.silence),
        )
        if "offset" in parameters and response.status_code in _NO_SUCH_PAGE:
            return [], response.status_code == _NOT_UNDERSTOOD
        response.raise_for_status()
        response.encoding = "utf-8"
        page = response.json() if response.content else []
        is_cut = response.headers.get("Warning", "").lstrip().startswith("299")
        return [page] if isinstance(page, dict) else list(page), is_cut

    def fetch(self, study_uid: str, image: FoundImage, sink: Sink) -> int:
        """Write the image's file to `sink`, as the archive keeps it; how many bytes."""
        url = f"{self._root}/{_path(study_uid, image)}"
        accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        with (
            told(self.archive, self._patience, "fetching an image"),
            self._line.get(
                url,
                headers={"Accept": accept, "Accept-Encoding": "identity"},  # packing takes longer
                stream=True,
                timeout=(self._patience.connect, self._patience.silence),
            ) as response,
        ):
            response.raise_for_status()
            return copy_part(response, sink, self.archive, self._patience, most=FILE_BYTES)

    def header(self, study_uid: str, image: FoundImage) -> Document:
        """What the archive itself says of an image: its header, without pixels."""
        with told(self.archive, self._patience, "fetching a header"):
            found = self._web.retrieve_instance_metadata(
                _checked_uid(study_uid), _checked_uid(image.series_uid), _checked_uid(image.uid)
            )
            return dict(found)

    def store(self, objects: Sequence[Dataset]) -> None:
        """Have the archive keep `objects`; an ArchiveError unless it says it keeps them all."""
        with told(self.archive, self._patience, "sending results"):
            kept = _kept(self._stored(objects))
            missing = [one for one in objects if str(one.SOPInstanceUID) not in kept]
        if missing:
            raise ArchiveError(
                f"Archive {self.archive.name} did not keep {len(missing)} of {len(objects)} "
                "objects. Does it take structured reports and secondary captures?"
            )

    def _stored(self, objects: Sequence[Dataset]) -> Dataset:
        """What the archive says became of each; also where it refuses them with reasons."""
        try:
            return self._web.store_instances(objects)
        except requests.exceptions.HTTPError as error:
            if error.response is None or error.response.status_code != _CONFLICT:
                raise
            return Dataset.from_json(error.response.json())

    def probe_store(self) -> None:
        """Whether STOW-RS is there: what holds no object is refused, and changes nothing."""
        with told(self.archive, self._patience, "looking for STOW-RS"):
            response = self._line.post(
                f"{self._root}/studies",
                data=b"--none--\r\n",
                headers={
                    "Content-Type": 'multipart/related; type="application/dicom"; boundary=none',
                    "Accept": "application/dicom+json",
                },
                timeout=(self._patience.connect, self._patience.silence),
            )
            if response.status_code not in _NO_OBJECT:
                response.raise_for_status()

    @property
    def _root(self) -> str:
        return self.archive.dicomweb.rstrip("/")


def connect(archive: Archive, *, patience: Patience | None = None) -> ArchiveClient:
    """With the password or token that the environment or a private file holds."""
    return ArchiveClient(archive, authorization_of(archive, os.environ), patience=patience)


def choose(images: Sequence[FoundImage], *, modality: str) -> ReadableImages:
    """Of a study's instances those that are read; of an image kept before and after the machine's
    own processing, the one that is shown.
    """
    of_modality = [one for one in images if one.modality == modality]
    flat = [one for one in of_modality if one.sop_class != TOMOSYNTHESIS]
    is_shown = any(one.sop_class == FOR_PRESENTATION for one in flat)
    kept = [one for one in flat if not (is_shown and one.sop_class == FOR_PROCESSING)]
    if not kept:
        raise ArchiveError(_why_none(images, of_modality, modality))
    if len(kept) > MOST_IMAGES:
        raise ArchiveError(
            f"This study has {len(kept):,} images of modality {modality}; a mammography has a few, "
            f"and at most {MOST_IMAGES} are fetched. Choose another study."
        )
    left_out = len(of_modality) - len(flat)
    words = f"{left_out} tomosynthesis left out; only two-dimensional images are read."
    return ReadableImages(images=tuple(kept), left_out=words if left_out else "")


def _kept(answer: Dataset) -> set[str]:
    """Which objects the archive has now: those it took, and those it had (PS3.18 10.5.3)."""
    refused = answer.get("FailedSOPSequence") or ()
    known = [one for one in refused if one.get("FailureReason") == _DUPLICATE]
    taken = answer.get("ReferencedSOPSequence") or ()
    return {str(one.ReferencedSOPInstanceUID) for one in (*taken, *known)}


def _why_none(
    images: Sequence[FoundImage], of_modality: Sequence[FoundImage], modality: str
) -> str:
    if of_modality:
        return (
            "All mammograms of this study are tomosyntheses; only two-dimensional images are read. "
            "Does the exam have a synthesised 2-D image?"
        )
    others = ", ".join(sorted({one.modality for one in images if one.modality})) or "none at all"
    return (
        f"None of the {len(images):,} instances of this study is of modality {modality} "
        f"(found: {others}). Choose a mammography."
    )


def _cut_in_words(what: str) -> str:
    return f"The archive warns (299) that it did not tell all {what}."


def _missing_in_words(listed: int, expected: int | None, *, is_cut: bool) -> str:
    """An exam of which an image is missing must not be taken for whole; "" where none is known."""
    if expected is not None and listed < expected:
        return (
            f"The archive lists {listed:,} of the {expected:,} instances that it counts in this "
            "study: images may be missing."
        )
    return f"{_cut_in_words('instances of this study')} Images may be missing." if is_cut else ""


def _filters(query: Query) -> dict[str, str]:
    """As PS3.18 8.3.4 wants them."""
    filters = {
        "ModalitiesInStudy": _checked(query.modality, "modality"),
        "AccessionNumber": _checked(query.accession, "accession number"),
        "PatientID": _checked(query.patient_id, "patient id"),
        "StudyDate": _range(query.first, query.last),
        "StudyInstanceUID": _checked_uid(query.uid) if query.uid else "",
    }
    return {name: value for name, value in filters.items() if value}


def _checked(value: str, what: str) -> str:
    value = value.strip()
    if value and (not _TEXT.fullmatch(value) or not value.isprintable() or set(value) & set("*?")):
        raise ConfigError(f"This is no {what}: up to 64 characters, no wildcard. Correct it.")
    return value


def _range(first: str, last: str) -> str:
    try:
        days = [date.fromisoformat(day).strftime("%Y%m%d") if day else "" for day in (first, last)]
    except ValueError:
        raise ConfigError(
            f"{first or last!r} is no day. Write days as 2024-01-31, a range as "
            "2024-01-01..2024-06-30."
        ) from None
    return "-".join(days) if any(days) else ""


def _path(study_uid: str, image: FoundImage) -> str:
    return (
        f"studies/{_checked_uid(study_uid)}/series/{_checked_uid(image.series_uid)}"
        f"/instances/{_checked_uid(image.uid)}"
    )


def _checked_uid(uid: str) -> str:
    """Only digits and dots go into an address."""
    if not _UID.fullmatch(uid):
        raise ArchiveError("An identifier of this study is not valid, so it cannot be asked for.")
    return uid


def _text(document: Document, tag: str) -> str:
    """The first value of an element of DICOM JSON, as text; "" where there is none."""
    values = document.get(tag, {}).get("Value") or [""]
    return str(values[0]).strip() if isinstance(values[0], str | int | float) else ""


def _study(document: Document) -> FoundStudy:
    day, count = _text(document, "00080020"), _text(document, "00201208")
    return FoundStudy(
        uid=_checked_uid(_text(document, "0020000D")),
        day=day if _is_day(day) else "",
        description=_text(document, "00081030")[:64],
        accession=_text(document, "00080050")[:64],
        images=int(count) if count.isdecimal() else None,
        patient_id=_text(document, "00100020")[:64],
        issuer=_text(document, "00100021")[:64],
    )


def _is_day(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


def _image(document: Document) -> FoundImage:
    return FoundImage(
        series_uid=_text(document, "0020000E"),
        uid=_text(document, "00080018"),
        sop_class=_text(document, "00080016"),
        modality=_text(document, "00080060").upper(),
    )
