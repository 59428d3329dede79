"""A work list whose archive goes away is not done: what is left is left to be done."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from mammo_core.archive.client import FoundStudy
from mammo_core.archive.links import Link, LinkedImage, keep_link, seal
from mammo_core.archive.listed import Archive, add_archive
from mammo_core.archive.worklists import (
    WorkConfig,
    WorkEntry,
    add_entry,
    entries_of,
    send_worklist,
    work,
)
from mammo_core.cli import main
from mammo_core.errors import ArchiveAwayError
from mammo_core.files import archive_work_root, archives_file, cases_root
from mammo_core.preprocessing.cases import store_case
from mammo_core.preprocessing.reading.read import keep_mammogram
from mammo_core.records import to_document
from mammo_core.runs.folder import RunFolder, RunState
from mammo_core.runs.jobs import can_be_resumed, carry_out, create_run
from tests.archive.orthanc import EXAM
from tests.archive.stub import Answer, Stub, answering, image, refusing, serving

MODEL = "phantom-light"
NO_MAMMOGRAM = answering([image(1, "SR")])  # what is wrong with the study itself
AWAY = refusing(401)


def listed(stub: Stub) -> None:
    add_archive(archives_file(), Archive(name="here", dicomweb=stub.url))


def study_of(number: int) -> FoundStudy:
    return FoundStudy(
        uid=f"1.2.{number}", day="", description="", accession="", images=None, patient_id=""
    )


def answers_of(answers: Sequence[Answer]) -> dict[str, Answer]:
    return {f"/studies/1.2.{n}/instances": one for n, one in enumerate(answers, start=1)}


def list_of(count: int, root: Path) -> RunFolder:
    studies = [to_document(study_of(n)) for n in range(1, count + 1)]
    config = WorkConfig(
        archive="here", checkpoint=MODEL, cases=str(cases_root()), sealed=seal(json.dumps(studies))
    )
    return create_run(config, root, what="archive", total=count)


def done(run: RunFolder) -> list[int]:
    return [entry.number for entry in entries_of(run)]


def test_a_work_list_whose_archive_goes_away_fails_and_goes_on_with_what_is_left(
    tmp_path: Path, own_home: Path
) -> None:
    there, gone = (
        answers_of([NO_MAMMOGRAM] * 6),
        answers_of([NO_MAMMOGRAM, NO_MAMMOGRAM, *[AWAY] * 4]),
    )
    with serving(gone) as stub:
        listed(stub)
        run = list_of(6, tmp_path)
        assert carry_out(run, work, device="cpu") == 1
        asked = [path for path in stub.asked if "/1.2.6/" in path]
        assert not asked  # away for three in a row, it is for the sixth as well
        assert done(run) == [1, 2]
        assert run.read_status().state is RunState.FAILED
        assert "Archive here refused the token" in run.read_status().message
        assert can_be_resumed(run)
        stub.answers = there
        assert carry_out(run, work, device="cpu") == 0
    assert done(run) == [1, 2, 3, 4, 5, 6]
    assert run.read_status().state is RunState.FINISHED


def test_one_study_that_never_comes_holds_up_no_other_and_is_left_to_be_done(
    tmp_path: Path, own_home: Path
) -> None:
    with serving(answers_of([AWAY, *[NO_MAMMOGRAM] * 3, AWAY, NO_MAMMOGRAM])) as stub:
        listed(stub)
        run = list_of(6, tmp_path)
        with pytest.raises(ArchiveAwayError, match="2 cases are left; go on with them later"):
            work(run)
    assert done(run) == [2, 3, 4, 6]


def test_a_list_of_which_a_case_could_not_be_sent_ends_in_an_error(
    own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving({}) as stub:
        listed(stub)
        run = list_of(1, archive_work_root())
        send = ["archive", "send", "here", run.run_id, "--model", MODEL]
        assert main(send) == 0  # nothing is to be sent
        add_entry(run, WorkEntry(number=1, case_id="a" * 64, score=0.5))
        assert main(send) == 1
    assert "Case 1: This case is no longer kept" in capsys.readouterr().out


@pytest.mark.slow
def test_results_are_not_sent_on_to_an_archive_that_is_away(own_home: Path) -> None:
    with serving({"/metadata": AWAY}) as stub:
        listed(stub)
        run = list_of(4, archive_work_root())
        for number, path in enumerate(EXAM, start=1):
            case = store_case(
                [path.read_bytes()], cases_root(), keep=keep_mammogram, now=time.time()
            )
            [kept] = case.images
            linked = LinkedImage(
                image_id=kept.ref.image_id, series_uid="1.2.3", uid="1.2.4", sop_class="1.2.5"
            )
            link = Link(archive="here", study_uid="1.2", day="", patient_id="", images=(linked,))
            keep_link(cases_root(), case.case_id, link)
            add_entry(run, WorkEntry(number=number, case_id=case.case_id, score=0.5))
        config = WorkConfig(archive="here", checkpoint=MODEL, cases=str(cases_root()))
        with pytest.raises(ArchiveAwayError):
            send_worklist(run, config)
        assert len(stub.asked) == 3
    assert not any(entry.sent_at for entry in entries_of(run))
