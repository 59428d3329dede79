"""What `mammo archive check` says of archives that lack something."""

import pytest

from mammo_core.archive.check import check_archive_works
from mammo_core.archive.line import Patience
from mammo_core.archive.listed import Archive
from tests.archive.stub import Answer, answering, framed, image, refusing, send, serving, study

BRIEF = Patience(connect=1.0, silence=1.0, attempts=1, pause=0.01)
STOW = "STOW-RS is there: results can be sent. Nothing was sent."


def checked(answers: dict[str, Answer], *, stow: int = 400) -> list[tuple[bool, str]]:
    """Searches are asked at the same address as results are sent to."""

    def searched_or_sent(handler: object) -> None:
        posted = handler.command == "POST"  # type: ignore[attr-defined]
        answer = refusing(stow) if posted else answers["/studies"]
        answer(handler)  # type: ignore[arg-type]

    with serving({**answers, "/studies": searched_or_sent}) as stub:
        archive = Archive(name="here", dicomweb=stub.url)
        return [
            (one.is_well, one.words) for one in check_archive_works(archive, {}, patience=BRIEF)
        ]


def test_an_archive_with_all_three_services_is_well() -> None:
    found = checked(
        {
            "/studies": answering([study()]),
            "/instances": answering([image(1)]),
            "/instances/1.2.3.4.1.1": framed(bytes(200_000)),
        }
    )
    assert found == [
        (True, "No login is set."),
        (True, "It answers, without TLS."),
        (True, "It lets us in, and QIDO-RS finds studies of modality MG."),
        (True, "WADO-RS sends images: one of 0.2 MB was fetched and dropped."),
        (True, STOW),
    ]


def test_the_next_study_is_tried_where_the_first_has_no_image_that_is_read() -> None:
    found = checked(
        {
            "/studies": answering([study("1.2.9", t00080020="20250101"), study()]),
            "1.2.9/instances": answering([image(1, "SR")]),
            "1.2.3.4/instances": answering([image(1)]),
            "/instances/1.2.3.4.1.1": framed(bytes(200_000)),
        }
    )
    assert found[3][1].startswith("WADO-RS sends images")


@pytest.mark.parametrize(
    ("studies", "why"),
    [
        ([], "no study"),
        ([study()], "of 1 study, none has an image that is read"),
    ],
)
def test_where_no_image_could_be_asked_for_wado_is_not_called_well(
    studies: list[object], why: str
) -> None:
    found = checked({"/studies": answering(studies), "/instances": answering([image(1, "SR")])})
    assert [words for _, words in found[3:]] == [f"WADO-RS was not tried: {why}.", STOW]


def test_an_archive_that_sends_no_image_is_told_and_the_rest_is_checked() -> None:
    found = checked(
        {
            "/studies": answering([study()]),
            "/instances": answering([image(1)]),
            "/instances/1.2.3.4.1.1": lambda handler: send(handler, b"<html>", kind="text/html"),
        }
    )
    assert [is_well for is_well, _ in found] == [True, True, True, False, True]
    assert "Does it offer WADO-RS" in found[3][1]


def test_an_archive_that_cannot_be_reached_is_the_end_of_the_check() -> None:
    archive = Archive(name="here", dicomweb="http://127.0.0.1:9/dicom-web")
    found = check_archive_works(archive, {}, patience=BRIEF)
    assert [one.is_well for one in found] == [True, False]
    assert "cannot be reached" in found[1].words


@pytest.mark.parametrize(
    ("status", "is_there"),
    [
        *((status, True) for status in (200, 202, 400, 409, 415)),
        *((status, False) for status in (401, 403, 404, 405, 413, 429, 500, 501, 503)),
    ],
)
def test_only_an_answer_of_the_service_itself_says_that_results_can_be_sent(
    status: int, is_there: bool
) -> None:
    is_well, words = checked({"/studies": answering([])}, stow=status)[-1]
    assert is_well is is_there
    assert (words == STOW) is is_there
