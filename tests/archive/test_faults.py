"""Whatever an archive does, one sentence says it; and nothing half-fetched is kept."""

import io
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from mammo_core.archive import exams
from mammo_core.archive.client import ArchiveClient, FoundImage, FoundStudy, Query
from mammo_core.archive.exams import Spool, fetch_images, open_study
from mammo_core.archive.line import Patience
from mammo_core.archive.links import Link, keep_link, own_key, read_link, seal
from mammo_core.archive.listed import Archive, add_archive
from mammo_core.archive.worklists import WorkConfig, entries_of, work
from mammo_core.errors import ArchiveAwayError, ArchiveError, ConfigError
from mammo_core.files import archives_file, cases_root
from mammo_core.preprocessing.cases import load_case
from mammo_core.preprocessing.pixel_files import keep_image
from mammo_core.preprocessing.reading.identity import keyed_id
from mammo_core.records import to_document
from mammo_core.runs.jobs import create_run
from mammo_core.types import ImageInfo, ImageRef, Mammogram
from tests.archive.orthanc import EXAM, VARIABLE, free_port
from tests.archive.stub import (
    STUDY,
    Answer,
    Stub,
    answering,
    capped,
    framed,
    image,
    refusing,
    send,
    serving,
    slowly,
    stalling,
    study,
    trickling,
)
from tests.certificates import server_context, write_certificate

PATIENT = Patience(connect=10.0, silence=10.0, start=60.0, slowest=1e9, attempts=2, pause=0.01)
BRIEF = replace(PATIENT, silence=0.3, start=0.5)
IMAGE = FoundImage(series_uid=f"{STUDY}.1", uid=f"{STUDY}.1.1", sop_class="1.2", modality="MG")
CONTENT = bytes(range(256)) * 4096


def client_of(url: str, *, ca: str = "", patience: Patience = PATIENT) -> ArchiveClient:
    archive = Archive(name="here", dicomweb=url, user="anna", secret_variable="SECRET", ca=ca)
    return ArchiveClient(archive, "Basic c2VjcmV0", patience=patience)


def said(ask: Callable[[], object], kind: type[ArchiveError] = ArchiveError) -> str:
    with pytest.raises(kind) as refused:
        ask()
    words = str(refused.value)
    assert STUDY not in words
    assert "c2VjcmV0" not in words
    return words


def search(answer: Answer, patience: Patience = PATIENT) -> str:
    with serving({"/studies": answer}) as stub:
        return said(lambda: client_of(stub.url, patience=patience).find_studies(Query()))


def fetch(answer: Answer, patience: Patience = PATIENT) -> tuple[str, int]:
    """What is said, and how much of the image was written before it was."""
    sink = io.BytesIO()
    with serving({"/instances/1.2.3.4.1.1": answer}) as stub:
        words = said(lambda: client_of(stub.url, patience=patience).fetch(STUDY, IMAGE, sink))
    return words, sink.tell()


def test_an_archive_that_is_down_is_named_with_its_address() -> None:
    port = free_port()
    away = client_of(f"http://127.0.0.1:{port}/dicom-web")
    words = said(lambda: away.find_studies(Query()), ArchiveAwayError)
    assert words.startswith(f"Archive here cannot be reached at 127.0.0.1:{port}.")


def test_a_proxy_that_stalls_is_not_waited_for() -> None:
    words = search(stalling(1.0), BRIEF)
    assert words.startswith("Archive here fell silent for 0.3 s while looking")
    assert "fell silent for 0.3 s while fetching an image" in fetch(stalling(1.0), BRIEF)[0]


def test_a_proxy_that_trickles_is_not_waited_for() -> None:
    assert "answers too slowly" in search(trickling(1.5), replace(BRIEF, silence=10.0))


def test_a_wrong_password_is_told_apart_from_a_right_that_is_missing() -> None:
    assert search(refusing(401)).startswith("Archive here refused the user and password.")
    assert search(refusing(403)).startswith("Archive here does not allow this account")


def test_what_is_no_dicomweb_is_said_so() -> None:
    assert "no DICOMweb" in search(answering(["<html>"]))
    assert "(404)" in search(refusing(404))


def test_a_redirection_is_not_followed() -> None:
    with serving({"/studies": answering([])}) as other:
        words = search(refusing(302, {"Location": f"{other.url}/studies"}))
        assert other.asked == []
    assert "sends us on to another address" in words


def test_a_busy_archive_is_asked_again_and_then_given_up() -> None:
    answers = iter([refusing(503), answering([study()]), answering([])])
    with serving({"/studies": lambda handler: next(answers)(handler)}) as stub:
        [found] = client_of(stub.url).find_studies(Query())
    assert (found.uid, found.day) == (STUDY, "20240102")
    assert "stayed busy (429)" in search(refusing(429))


def test_an_image_comes_out_of_its_frame_byte_for_byte() -> None:
    sink = io.BytesIO()
    with serving({"/instances/1.2.3.4.1.1": framed(CONTENT)}) as stub:
        assert client_of(stub.url).fetch(STUDY, IMAGE, sink) == len(CONTENT)
    assert sink.getvalue() == CONTENT


def test_an_image_is_asked_for_as_it_is_since_packing_takes_an_archive_longer_than_sending() -> (
    None
):
    with serving({"/instances/1.2.3.4.1.1": framed(CONTENT)}) as stub:
        client_of(stub.url).fetch(STUDY, IMAGE, io.BytesIO())
    assert stub.headers[-1]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("keep", [10, 60, 5_000, len(CONTENT)])
def test_an_image_cut_short_in_transfer_is_not_taken_for_whole(keep: int) -> None:
    words, _ = fetch(framed(CONTENT, keep=keep))
    assert "was cut short" in words or "is not framed" in words


def test_a_wrong_boundary_is_said_so() -> None:
    assert "is not framed by the boundary" in fetch(framed(CONTENT, boundary="another"))[0]


def opened(answers: dict[str, Answer], root: Path) -> str:
    one = FoundStudy(uid=STUDY, day="", description="", accession="", images=None, patient_id="")
    with serving(answers) as stub:
        return said(lambda: open_study(client_of(stub.url), one, root))


def test_a_study_of_a_thousand_images_is_not_fetched(tmp_path: Path) -> None:
    def page(handler: object) -> None:
        query = str(handler.path)  # type: ignore[attr-defined]
        first = int(query.partition("offset=")[2].partition("&")[0] or 0)
        answering([image(n) for n in range(first, min(1000, first + 500))])(handler)  # type: ignore[arg-type]

    words = opened({"/instances": page}, tmp_path)
    assert words.startswith("This study has 1,000 images of modality MG;")


@pytest.mark.parametrize("at_most", [1, 40, 1000])
def test_whatever_an_archive_tells_at_a_time_all_studies_are_found(at_most: int) -> None:
    known = [study(f"1.2.3.{n}") for n in range(90)]
    with serving({"/studies": capped(known, at_most=at_most, warns=True)}) as stub:
        search = client_of(stub.url).search(Query())
        few = client_of(stub.url).search(Query(), most=50)
    assert {one.uid for one in search.studies} == {f"1.2.3.{n}" for n in range(90)}
    assert search.warning == ""
    assert len(few.studies) == 51  # one more than was wanted, which says that there are more


def test_an_archive_that_knows_no_pages_and_does_not_tell_all_is_said_so() -> None:
    known = [study(f"1.2.3.{n}") for n in range(90)]
    with serving({"/studies": capped(known, at_most=40, warns=True, pages=False)}) as stub:
        search = client_of(stub.url).search(Query())
        assert len(stub.asked) == 2
    assert len(search.studies) == 40
    assert search.warning == "The archive warns (299) that it did not tell all studies that match."


@pytest.mark.parametrize(("status", "is_cut"), [(400, True), (404, False)])
def test_an_archive_that_refuses_a_second_page_has_told_the_first(
    status: int, is_cut: bool
) -> None:
    answers = iter([answering([study()]), refusing(status)])
    with serving({"/studies": lambda handler: next(answers)(handler)}) as stub:
        search = client_of(stub.url).search(Query())
    assert len(search.studies) == 1
    assert bool(search.warning) is is_cut


def test_an_image_that_the_archive_does_not_list_is_missed() -> None:
    four = [image(n) for n in range(4)]

    def listed(expected: int | None, *, warns: bool = False, pages: bool) -> tuple[int, str]:
        answer = capped(four, at_most=2, warns=warns, pages=pages)
        with serving({"/instances": answer}) as stub:
            found = client_of(stub.url).find_images(STUDY, expected=expected)
        return len(found.images), found.missing

    assert listed(4, pages=True) == (4, "")
    assert listed(3, pages=True) == (4, "")  # more came since the search
    assert listed(4, pages=False)[1].startswith("The archive lists 2 of the 4 instances that it")
    assert listed(None, pages=False) == (2, "")
    assert listed(None, warns=True, pages=False)[1].startswith("The archive warns (299)")


def test_a_patient_id_that_cannot_be_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match="This is no patient id") as refused:
        client_of("http://127.0.0.1:9").find_studies(Query(patient_id="HER*ID"))
    assert "HER" not in str(refused.value)


def test_a_study_without_mammograms_is_said_so(tmp_path: Path) -> None:
    answers = {"/instances": answering([image(1, "CT"), image(2, "SR")])}
    words = opened(answers, tmp_path)
    assert words.startswith("None of the 2 instances of this study is of modality MG (found: CT")


class Cancelled(BaseException):
    """As a page or Ctrl-C ends what runs."""


def test_whoever_cancels_waits_for_no_image_and_nothing_is_kept(
    tmp_path: Path, own_home: Path
) -> None:
    def cancel(done: int, total: int, message: str) -> None:
        told.append(message)
        if len(told) == 2:
            raise Cancelled

    told: list[str] = []
    names = [f"/instances/1.2.3.4.1.{n}" for n in (1, 2)]
    answers = {name: slowly(bytes(2**24), seconds=20) for name in names}
    one = FoundStudy(uid=STUDY, day="", description="", accession="", images=None, patient_id="")
    patient = replace(BRIEF, silence=5.0, slowest=0.001)
    with serving({"/instances": answering([image(1), image(2)]), **answers}) as stub:
        client = client_of(stub.url, patience=patient)
        started = time.monotonic()
        with pytest.raises(Cancelled):
            open_study(client, one, tmp_path / "cases", report=cancel)
        assert time.monotonic() - started < 3
        assert not others_within(3)
    assert told == ["Fetching 1 of 2", "Fetching 1 of 2"]
    assert not any((tmp_path / "cases").glob("*"))


def test_fetched_files_are_read_as_often_as_asked_for_and_closed_with_their_spool(
    own_home: Path,
) -> None:
    spooled: list[IO[bytes]] = []

    class Counting(Spool):
        def add(self, content: IO[bytes]) -> None:
            super().add(content)
            spooled.append(content)

    images = [replace(IMAGE, uid=f"1.2.3.4.1.{n}") for n in (1, 2, 3)]
    names = [f"/instances/{one.uid}" for one in images]
    with serving(dict.fromkeys(names, framed(b"picture"))) as stub, Counting() as spool:
        fetch_images(client_of(stub.url), STUDY, images, spool)
        assert [*spool] == [*spool] == [b"picture"] * 3
        assert spool.size == 3 * len(b"picture")
        assert not any(one.closed for one in spooled)
    assert len(spooled) == 3
    assert all(one.closed for one in spooled)


def read_all_as_one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    exam = keyed_id(own_key(), "exam", STUDY.encode())
    info = ImageInfo(ref=ImageRef(image_id="x", exam_id=exam), kind="test", bits=8)
    read = Mammogram(info=info, pixels=np.zeros((2, 2), np.float32))
    keep = partial(keep_image, read=lambda _: read, mask=lambda mammogram: mammogram)
    monkeypatch.setattr(exams, "keep_mammogram", keep)


def test_whoever_cancels_when_all_is_read_keeps_what_was_here_before_and_nothing_else(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_all_as_one_image(monkeypatch)
    linked: list[str] = []

    def link(root: Path, case_id: str, link: Link) -> None:
        linked.append(case_id)
        keep_link(root, case_id, link)

    monkeypatch.setattr(exams, "keep_link", link)
    root = tmp_path / "cases"
    one = FoundStudy(uid=STUDY, day="", description="", accession="", images=None, patient_id="")
    answers = {
        "/instances": answering([image(1)]),
        "/instances/1.2.3.4.1.1": framed(b"picture"),
    }
    with serving(answers) as stub:
        client = client_of(stub.url)
        with pytest.raises(ArchiveAwayError):
            open_study(client, one, root, should_stop=lambda: bool(linked))
        assert linked
        assert not any(root.glob("[0-9a-f]*"))
        case = open_study(client, one, root)
        linked.clear()
        with pytest.raises(ArchiveAwayError):
            open_study(client, one, root, should_stop=lambda: bool(linked))
        assert load_case(root, case.case_id).images


def test_a_case_that_was_here_before_stays_when_its_archive_answers_with_it_for_another(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_all_as_one_image(monkeypatch)
    root = tmp_path / "cases"
    one = FoundStudy(uid=STUDY, day="", description="", accession="", images=3, patient_id="")
    answers = {"/instances": answering([image(1)]), "/1.2.3.4.1.1": framed(b"picture")}
    with serving(answers) as stub:
        client = client_of(stub.url)
        case = open_study(client, one, root)
        words = said(lambda: open_study(client, replace(one, uid="1.2.9"), root))
    assert "images of another study" in words
    assert load_case(root, case.case_id).images
    link = read_link(root, case.case_id)
    assert link is not None
    assert link.missing.startswith("The archive lists 1 of the 3 instances")


@pytest.mark.slow
def test_a_work_list_is_stopped_within_a_study_and_goes_on_with_it(
    tmp_path: Path, own_home: Path, archive_password: None
) -> None:
    names = [f"/instances/1.2.3.4.1.{n}" for n in (1, 2)]
    answers = {name: slowly(bytes(2**24), seconds=20) for name in names}
    one = FoundStudy(uid=STUDY, day="", description="", accession="", images=None, patient_id="")
    with serving({"/instances": answering([image(1), image(2)]), **answers}) as stub:
        archive = Archive(name="here", dicomweb=stub.url, user="anna", secret_variable=VARIABLE)
        add_archive(archives_file(), archive)
        config = WorkConfig(
            archive="here", checkpoint="phantom-light", cases=str(cases_root()),
            sealed=seal(json.dumps([to_document(one)])),
        )  # fmt: skip
        run = create_run(config, tmp_path, what="archive", total=1)
        with ThreadPoolExecutor(1) as threads:
            working = threads.submit(work, run)
            while len(stub.asked) < 2:
                time.sleep(0.05)
            run.ask_to_stop()
            assert working.result(timeout=5) == "0 of 1 study scored."
    assert entries_of(run) == []  # nothing went wrong with it: it is still to be done


def others_within(seconds: float) -> list[threading.Thread]:
    """Threads that still fetch after so long."""
    end, fetching = time.monotonic() + seconds, list[threading.Thread]()
    while time.monotonic() < end:
        fetching = [one for one in threading.enumerate() if "ThreadPool" in one.name]
        if not fetching:
            return []
        time.sleep(0.05)
    return fetching


@pytest.mark.slow
def test_an_image_of_another_study_is_never_hung(tmp_path: Path) -> None:
    answers = {
        "/instances": answering([image(1)]),
        "/instances/1.2.3.4.1.1": framed(EXAM[0].read_bytes()),
    }
    assert "images of another study" in opened(answers, tmp_path / "cases")
    assert not any((tmp_path / "cases").glob("[0-9a-f]*"))


def test_only_a_certificate_that_is_known_and_of_that_computer_is_accepted(tmp_path: Path) -> None:
    right, key = write_certificate(tmp_path, name="127.0.0.1")
    wrong, its_key = write_certificate(tmp_path, name="127.0.0.2")
    context, other = server_context(right, key), server_context(wrong, its_key)
    answers = {"/studies": answering([study()])}

    def ask(stub: Stub, ca: Path | None) -> object:
        return client_of(stub.url, ca=str(ca or "")).find_studies(Query())

    with serving(answers, tls=context) as stub:
        assert ask(stub, right)
        assert "certificate of archive here was not accepted" in said(lambda: ask(stub, None))
    with serving(answers, tls=other) as stub:
        assert "certificate of archive here was not accepted" in said(lambda: ask(stub, wrong))


def test_a_file_of_certificates_that_is_gone_or_none_is_said_so(tmp_path: Path) -> None:
    right, key = write_certificate(tmp_path, name="127.0.0.1")
    words = "certificates that archive here is trusted by cannot be read from the file"
    with serving({"/studies": answering([])}, tls=server_context(right, key)) as stub:
        client = client_of(stub.url, ca=str(right))
        right.rename(tmp_path / "moved.pem")
        with pytest.raises(ConfigError, match=words):  # while we are at work
            client.find_studies(Query())
        with pytest.raises(ConfigError, match=words):
            client_of(stub.url, ca=str(right))
        with pytest.raises(ConfigError, match=words):
            client_of(stub.url, ca=str(key))
        right.mkdir()
        with pytest.raises(ConfigError, match=words):
            client_of(stub.url, ca=str(right))


def test_nothing_of_whom_was_asked_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"), serving({"/studies": refusing(503)}) as stub:
        said(lambda: client_of(stub.url).find_studies(Query(patient_id="SECRET-ID")))
        assert any("SECRET-ID" in address for address in stub.asked)
    assert caplog.text == ""


def test_what_is_sent_must_be_said_to_be_kept() -> None:
    answers = {"/studies": answering({"00081199": {"vr": "SQ", "Value": []}})}
    from pydicom import dcmread

    with serving(answers) as stub:
        words = said(lambda: client_of(stub.url).store([dcmread(EXAM[0])]))
    assert words.startswith("Archive here did not keep 1 of 1 objects.")


def test_an_archive_that_refuses_what_it_has_already_has_kept_it() -> None:
    from pydicom import dcmread

    sent = dcmread(EXAM[0])

    def failed(reason: int) -> Answer:
        item = {
            "00081155": {"vr": "UI", "Value": [str(sent.SOPInstanceUID)]},
            "00081197": {"vr": "US", "Value": [reason]},
        }
        document = {"00081198": {"vr": "SQ", "Value": [item]}}
        return lambda handler: send(handler, json.dumps(document).encode(), status=409)

    with serving({"/studies": failed(0x0111)}) as stub:
        client_of(stub.url).store([sent])
    with serving({"/studies": failed(0xA700)}) as stub:
        words = said(lambda: client_of(stub.url).store([sent]))
    assert words.startswith("Archive here did not keep 1 of 1 objects.")
