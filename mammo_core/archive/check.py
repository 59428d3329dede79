"""What works with an archive, step by step and in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

from mammo_core.archive.client import ArchiveClient, FoundStudy, Query
from mammo_core.archive.line import Patience
from mammo_core.archive.listed import Archive, authorization_of
from mammo_core.errors import MammoError


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFinding:
    is_well: bool
    words: str


def check_archive_works(
    archive: Archive, environment: Mapping[str, str], *, patience: Patience | None = None
) -> list[ArchiveFinding]:
    """Each step needs the ones before it; the first that fails ends the check."""
    found: list[ArchiveFinding] = []

    def well(words: str) -> None:
        found.append(ArchiveFinding(is_well=True, words=words))

    try:
        authorization = authorization_of(archive, environment)
        well(_login_in_words(archive))
        client = ArchiveClient(archive, authorization, patience=patience)
        studies = client.find_studies(Query(), most=1)
        is_tls = archive.dicomweb.startswith("https:")
        well("It answers" + (", and its certificate is in order." if is_tls else ", without TLS."))
        well("It lets us in, and QIDO-RS finds studies of modality MG." if studies else _NONE)
        if studies:
            well(_fetched(client, studies[0]))
        client.probe_store()
        well("STOW-RS is there: results can be sent. Nothing was sent.")
    except MammoError as error:
        found.append(ArchiveFinding(is_well=False, words=str(error)))
    return found


_NONE = "It lets us in, and QIDO-RS answers; it has no study of modality MG."


def _login_in_words(archive: Archive) -> str:
    if not (archive.secret_variable or archive.secret_file):
        return "No login is set."
    return f"A password of user {archive.user} is set." if archive.user else "A token is set."


def _fetched(client: ArchiveClient, study: FoundStudy) -> str:
    image = client.find_images(study.uid).images[0]
    sink = BytesIO()
    size = client.fetch(study.uid, image, sink)
    return f"WADO-RS sends images: one of {size / 1e6:.1f} MB was fetched and dropped."
