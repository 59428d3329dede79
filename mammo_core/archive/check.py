"""What works with an archive, step by step and in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from mammo_core.archive.client import ArchiveClient, FoundStudy, Query
from mammo_core.archive.line import Patience
from mammo_core.archive.listed import Archive, authorization_of
from mammo_core.errors import ArchiveAwayError, ArchiveError, MammoError
from mammo_core.words import many

_TRIED: Final = 5  # studies, until an image of one is fetched


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFinding:
    is_well: bool
    words: str


def check_archive_works(
    archive: Archive, environment: Mapping[str, str], *, patience: Patience | None = None
) -> list[ArchiveFinding]:
    """Step by step; one without which none of the others can be ends the check."""
    found: list[ArchiveFinding] = []
    try:
        for step in _steps(archive, environment, patience):
            found.append(step)
    except MammoError as error:
        found.append(ArchiveFinding(is_well=False, words=str(error)))
    return found


def _steps(
    archive: Archive, environment: Mapping[str, str], patience: Patience | None
) -> Iterator[ArchiveFinding]:
    authorization = authorization_of(archive, environment)
    yield _well(_login_in_words(archive))
    client = ArchiveClient(archive, authorization, patience=patience)
    studies = client.find_studies(Query(), most=_TRIED)[:_TRIED]
    is_tls = archive.dicomweb.startswith("https:")
    yield _well(
        "It answers" + (", and its certificate is in order." if is_tls else ", without TLS.")
    )
    yield _well("It lets us in, and QIDO-RS finds studies of modality MG." if studies else _NONE)
    yield _fetched(client, studies)
    client.probe_store()
    yield _well("STOW-RS is there: results can be sent. Nothing was sent.")


def _well(words: str) -> ArchiveFinding:
    return ArchiveFinding(is_well=True, words=words)


_NONE: Final = "It lets us in, and QIDO-RS answers; it has no study of modality MG."


def _login_in_words(archive: Archive) -> str:
    if not (archive.secret_variable or archive.secret_file):
        return "No login is set."
    return f"A password of user {archive.user} is set." if archive.user else "A token is set."


def _fetched(client: ArchiveClient, studies: Sequence[FoundStudy]) -> ArchiveFinding:
    """An image of the first study that has one that is read."""
    for study in studies:
        try:
            image = client.find_images(study.uid).images[0]
        except ArchiveAwayError:
            raise
        except ArchiveError:
            continue  # it has none; the next may
        try:
            size = client.fetch(study.uid, image, BytesIO())
        except ArchiveAwayError:
            raise
        except ArchiveError as error:
            return ArchiveFinding(is_well=False, words=str(error))
        return _well(f"WADO-RS sends images: one of {size / 1e6:.1f} MB was fetched and dropped.")
    tried = many(len(studies), "study", "studies")
    why = f"of {tried}, none has an image that is read" if studies else "no study"
    return _well(f"WADO-RS was not tried: {why}.")
