import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from numpy.typing import NDArray

from mammo_core.errors import MammoError, ReadError
from mammo_core.preprocessing.cases import (
    DAY_SECONDS,
    UNDO_SECONDS,
    bring_back_case,
    correct_image,
    forget_case,
    forget_old_cases,
    keep_case,
    load_case,
    load_grey,
    load_mammogram,
    regroup_images,
    store_case,
    with_names,
)
from mammo_core.preprocessing.cases import Case as StoredCase
from mammo_core.preprocessing.pixel_files import MOST_READERS, KeptImage, keep_image
from mammo_core.reports.case.record import opening_in_words
from mammo_core.types import ImageInfo, ImageRef, Laterality, Mammogram, View


def read(content: bytes) -> Mammogram:
    """A stand-in for the reader of files: two bytes make a row of two pixels."""
    if content == b"no":
        raise ReadError("not_an_image", "This is text, not an image.", "Open a mammogram.")
    row = np.frombuffer(content, np.uint8).astype(np.float32) / 255
    ref = ImageRef(image_id="x", side=Laterality.LEFT)
    return Mammogram(info=ImageInfo(ref=ref, kind="test", bits=8), pixels=row[None])


def blank_first_pixel(mammogram: Mammogram) -> Mammogram:
    pixels = mammogram.pixels.copy()
    pixels[0, 0] = 0
    return replace(mammogram, pixels=pixels)


def store(root: Path, *files: bytes, now: float | None = None) -> StoredCase:
    return store_case(
        files,
        root,
        keep=partial(keep_image, read=read, mask=blank_first_pixel),
        now=time.time() if now is None else now,
    )


def test_what_was_read_survives_and_what_was_uploaded_does_not(tmp_path: Path) -> None:
    stored = store(tmp_path, b"\xff\xff")
    case = load_case(tmp_path, stored.case_id)
    assert case == stored
    assert load_mammogram(tmp_path, case, case.images[0]).pixels.tolist() == [[0.0, 1.0]]
    assert b"\xff\xff" not in [
        path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()
    ]


def test_a_case_kept_by_an_earlier_version_is_still_read(tmp_path: Path) -> None:
    """It held what is known of an image beside its number, not in an object of its own."""
    case = store(tmp_path, b"ab", now=0.0)
    path = tmp_path / case.case_id / "case.json"
    document = json.loads(path.read_text())
    for image in document["images"]:
        image |= image.pop("info")
    path.write_text(json.dumps(document))
    assert load_case(tmp_path, case.case_id, now=1.0) == case


@pytest.mark.parametrize("content", ["[]", "{}", '{"images": [1]}', '{"images": [[]]}'])
def test_a_case_that_is_no_case_is_refused_in_words(tmp_path: Path, content: str) -> None:
    case = store(tmp_path, b"ab")
    (tmp_path / case.case_id / "case.json").write_text(content)
    with pytest.raises(MammoError, match="is damaged"):
        load_case(tmp_path, case.case_id)


def test_the_same_images_are_the_same_case_whatever_their_order(tmp_path: Path) -> None:
    assert store(tmp_path, b"ab", b"cd").case_id == store(tmp_path, b"cd", b"ab").case_id


def test_a_kept_case_is_numbered_as_its_files_come_this_time(tmp_path: Path) -> None:
    """By these numbers the names of the files are given to the images."""
    first = store(tmp_path, b"ab", b"cd")
    ab, cd = (image.ref.image_id for image in first.images)
    correct_image(tmp_path, first.case_id, ab, change=lambda ref: replace(ref, view=View.MLO))
    again = store(tmp_path, b"cd", b"cd", b"ab")
    assert [(image.number, image.ref.image_id) for image in again.images] == [(1, cd), (3, ab)]
    assert [(r.number, r.sentence) for r in again.refusals] == [(2, "It is the same as file 1.")]
    assert again.image(ab).ref.view is View.MLO
    assert again == load_case(tmp_path, first.case_id)


def test_one_bad_file_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    case = store(tmp_path, b"no", b"ab")
    assert [(r.number, r.code) for r in case.refusals] == [(1, "not_an_image")]
    assert [image.number for image in case.images] == [2]


def test_how_long_each_file_took_to_open_is_kept_with_it(tmp_path: Path) -> None:
    def slowly(content: bytes) -> Mammogram:
        time.sleep(0.5 if content == b"ab" else 0.0)
        return read(content)

    stored = store_case(
        [b"ab", b"cd"],
        tmp_path,
        keep=partial(keep_image, read=slowly, mask=blank_first_pixel),
        now=time.time(),
    )
    slow, quick = load_case(tmp_path, stored.case_id).images
    assert slow.decoding_seconds is not None
    assert quick.decoding_seconds is not None
    assert slow.decoding_seconds >= 0.5 > quick.decoding_seconds >= 0.0


def test_the_time_of_opening_is_summed_and_its_longest_file_named(tmp_path: Path) -> None:
    first, second = (
        replace(image, decoding_seconds=seconds, masking_seconds=0.25)
        for image, seconds in zip(store(tmp_path, b"ab", b"cd").images, (0.5, 1.5), strict=True)
    )
    told = opening_in_words([first, second])
    assert "decoding 2.00 s; the longest L, test, 1.50" in told
    assert "masking what lies outside the breast 0.50 s" in told
    assert "longest" not in opening_in_words([first])
    assert "not known" in opening_in_words([first, replace(second, decoding_seconds=None)])


def test_a_file_dropped_twice_is_one_image(tmp_path: Path) -> None:
    case = store(tmp_path, b"ab", b"ab")
    assert len(case.images) == 1
    assert [refusal.sentence for refusal in case.refusals] == ["It is the same as file 1."]


def test_corrections_from_two_tabs_are_both_kept_and_marked(tmp_path: Path) -> None:
    case = store(tmp_path, b"ab", b"cd")
    first, second = (image.ref.image_id for image in case.images)
    correct_image(tmp_path, case.case_id, first, change=lambda ref: replace(ref, view=View.MLO))
    correct_image(tmp_path, case.case_id, second, change=lambda ref: replace(ref, side=None))
    images = load_case(tmp_path, case.case_id).images
    assert [(image.title, image.corrected) for image in images] == [
        ("L MLO", ("view",)),
        ("Image 2", ("side",)),
    ]


def test_a_case_forgotten_meanwhile_is_told_in_words(tmp_path: Path) -> None:
    case = store(tmp_path, b"ab")
    forget_case(tmp_path, case, now=time.time())
    with pytest.raises(MammoError, match="no longer kept"):
        keep_case(tmp_path, case.case_id, until=1.0)


@pytest.mark.parametrize("broken", ["case.json", "pixels.npy"])
def test_a_damaged_case_is_told_in_words_and_healed_by_opening_again(
    tmp_path: Path, broken: str
) -> None:
    case = store(tmp_path, b"ab")
    (path,) = (path for path in (tmp_path / case.case_id).iterdir() if broken in path.name)
    path.write_bytes(b"{")
    with pytest.raises(MammoError, match="Open the images again"):
        load_mammogram(tmp_path, load_case(tmp_path, case.case_id), case.images[0])
    healed = store(tmp_path, b"ab")
    assert load_mammogram(tmp_path, healed, healed.images[0]).size == (1, 2)


def test_a_file_refused_once_is_tried_again(tmp_path: Path) -> None:
    store(tmp_path, b"no")
    second = store_case(
        [b"no"],
        tmp_path,
        keep=partial(keep_image, read=lambda _: read(b"ab"), mask=blank_first_pixel),
        now=time.time(),
    )
    assert (len(second.images), second.refusals) == (1, ())


@pytest.mark.parametrize("case_id", ["../../etc", "", "A" * 64, "0" * 63, "0" * 64 + "/x"])
def test_only_64_hex_digits_are_an_id(tmp_path: Path, case_id: str) -> None:
    with pytest.raises(MammoError, match="does not name a case"):
        load_case(tmp_path, case_id)


def test_a_case_is_forgotten_after_a_day_unless_kept_longer(tmp_path: Path) -> None:
    short, long = store(tmp_path, b"ab", now=0.0), store(tmp_path, b"cd", now=0.0)
    keep_case(tmp_path, long.case_id, until=30 * DAY_SECONDS, now=1.0)
    with pytest.raises(MammoError, match="no longer kept"):
        load_case(tmp_path, short.case_id, now=DAY_SECONDS + 1)
    assert forget_old_cases(tmp_path, now=DAY_SECONDS + 1) == 1
    assert load_case(tmp_path, long.case_id, now=DAY_SECONDS + 1).images


def test_a_case_that_cannot_be_deleted_is_logged_and_the_others_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, stuck, last = (
        tmp_path / store(tmp_path, content, now=0.0).case_id for content in (b"ab", b"cd", b"ef")
    )
    rename = Path.rename

    def refused(folder: Path, target: Path) -> Path:
        if folder == stuck:
            raise PermissionError(13, "Permission denied")
        return rename(folder, target)

    monkeypatch.setattr(Path, "rename", refused)
    assert forget_old_cases(tmp_path, now=DAY_SECONDS + 1) == 2
    assert [one.exists() for one in (first, stuck, last)] == [False, True, False]
    assert f"{stuck.name} in the cases cannot be deleted: Permission denied" in caplog.text


def test_pixels_that_cannot_be_deleted_are_told_in_the_log_until_they_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    case = store(tmp_path, b"ab", now=0.0)
    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", refused)
        forget_old_cases(tmp_path, now=DAY_SECONDS + 1)
        left = [one.name for one in tmp_path.iterdir()]
        assert len(left) == 1
        assert left[0].startswith(f".{case.case_id}.")
        assert f"{left[0]} in the cases cannot be deleted whole" in caplog.text
        caplog.clear()
        forget_old_cases(tmp_path, now=time.time() + 2 * DAY_SECONDS)
        assert f"{left[0]} in the cases cannot be deleted whole" in caplog.text
    forget_old_cases(tmp_path, now=time.time() + 2 * DAY_SECONDS)
    assert not list(tmp_path.iterdir())


def test_a_forgotten_case_is_out_of_reach_and_after_a_minute_gone(tmp_path: Path) -> None:
    case = store(tmp_path, b"ab")
    forget_case(tmp_path, case, now=100.0)
    with pytest.raises(MammoError, match="no longer kept"):
        load_case(tmp_path, case.case_id)
    assert forget_old_cases(tmp_path, now=100.0 + UNDO_SECONDS) == 0
    assert forget_old_cases(tmp_path, now=101.0 + UNDO_SECONDS) == 1
    assert not list(tmp_path.iterdir())


def test_eight_sessions_forget_old_cases_at_once_and_none_fails(tmp_path: Path) -> None:
    for number in range(200):
        aside = tmp_path / f"{number:064x}.forgotten"
        aside.mkdir()
        os.utime(aside, (0, 0))

    def session(_: int) -> None:
        start.wait()
        forget_old_cases(tmp_path)

    start = threading.Barrier(8)
    with ThreadPoolExecutor(8) as sessions:
        list(sessions.map(session, range(8)))
    assert not list(tmp_path.iterdir())


def test_within_a_minute_a_forgotten_case_can_be_brought_back(tmp_path: Path) -> None:
    case = store(tmp_path, b"ab", now=100.0)
    forget_case(tmp_path, case, now=100.0)
    assert bring_back_case(tmp_path, case.case_id, now=159.0) == case
    forget_case(tmp_path, case, now=200.0)
    with pytest.raises(MammoError, match="over a minute ago"):
        bring_back_case(tmp_path, case.case_id, now=261.0)
    with pytest.raises(MammoError, match="does not name a case"):
        bring_back_case(tmp_path, "../../etc", now=261.0)


def test_a_name_is_shown_where_no_side_is_known_and_written_nowhere(tmp_path: Path) -> None:
    stored = store(tmp_path, b"ab")
    unplaced = correct_image(
        tmp_path,
        stored.case_id,
        stored.images[0].ref.image_id,
        change=lambda ref: replace(ref, side=None),
    )
    case = with_names(unplaced, {unplaced.images[0].ref.image_id: "DOE.png"})
    assert case.images[0].title == "DOE.png"
    keep_case(tmp_path, case.case_id, until=time.time())
    regroup_images(tmp_path, [(case, case.images)], now=time.time())
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    assert not any(b"DOE" in path.read_bytes() for path in kept)
    assert load_case(tmp_path, case.case_id).images[0].title == "Image 1"


def test_images_of_two_cases_can_be_one_and_part_of_one_can_be_another(tmp_path: Path) -> None:
    both, other = store(tmp_path, b"ab", b"cd"), store(tmp_path, b"ef")
    joined = regroup_images(tmp_path, [(both, both.images), (other, other.images)], now=time.time())
    assert [image.number for image in joined.images] == [1, 2, 3]
    assert joined == load_case(tmp_path, joined.case_id)
    for image in joined.images:
        assert load_mammogram(tmp_path, joined, image).size == (1, 2)
    alone = regroup_images(tmp_path, [(both, both.images[:1])], now=time.time())
    assert alone.case_id == store(tmp_path, b"ab").case_id
    assert load_case(tmp_path, both.case_id).images == both.images


def test_a_case_that_is_there_keeps_what_was_said_of_it_when_its_images_come_together_again(
    tmp_path: Path,
) -> None:
    whole, now = store(tmp_path, b"ab", b"cd"), time.time()
    first = whole.images[0].ref.image_id
    correct_image(tmp_path, whole.case_id, first, change=lambda ref: replace(ref, view=View.MLO))
    kept = keep_case(tmp_path, whole.case_id, until=now + 30 * DAY_SECONDS)
    parts = [(one, one.images) for one in (store(tmp_path, b"cd"), store(tmp_path, b"ab"))]
    assert regroup_images(tmp_path, parts, now=now) == kept
    assert load_case(tmp_path, whole.case_id) == kept


def test_a_correction_made_in_another_tab_goes_with_the_image(tmp_path: Path) -> None:
    both = store(tmp_path, b"ab", b"cd")
    first = both.images[0].ref.image_id
    correct_image(tmp_path, both.case_id, first, change=lambda ref: replace(ref, view=View.MLO))
    alone = regroup_images(tmp_path, [(both, both.images[:1])], now=time.time())
    assert [(image.title, image.corrected) for image in alone.images] == [("L MLO", ("view",))]


def test_no_case_is_made_of_images_whose_pixels_are_gone(tmp_path: Path) -> None:
    both = store(tmp_path, b"ab", b"cd")
    parts = [(both, both.images[:1])]
    (tmp_path / both.case_id / f"{both.images[0].ref.image_id}.pixels.npy").unlink()
    with pytest.raises(MammoError, match="no longer kept"):
        regroup_images(tmp_path, parts, now=time.time())
    forget_case(tmp_path, both, now=time.time())
    with pytest.raises(MammoError, match="no longer kept"):
        regroup_images(tmp_path, parts, now=time.time())
    assert [path.name for path in tmp_path.iterdir()] == [f"{both.case_id}.forgotten"]


def test_pixels_that_another_session_looks_at_are_not_cut_off_when_a_case_is_remade(
    tmp_path: Path,
) -> None:
    both, alone = store(tmp_path, b"ab", b"cd"), store(tmp_path, b"ab")
    path = tmp_path / alone.case_id / f"{alone.images[0].ref.image_id}.pixels.npy"
    seen = path.stat()
    (path.parent / "case.json").write_text("{")
    with path.open("rb") as looked_at:
        regroup_images(tmp_path, [(both, both.images[:1])], now=time.time())
        assert path.stat().st_ino != seen.st_ino
        assert len(looked_at.read()) == seen.st_size


def test_every_pixel_is_kept_on_the_disk_for_the_viewer_and_made_once(tmp_path: Path) -> None:
    made = []

    def grey(mammogram: Mammogram) -> NDArray[np.uint16]:
        made.append(mammogram)
        return np.rint(mammogram.pixels * 255).astype(np.uint16)

    stored = store(tmp_path, bytes(range(10)))
    for _ in range(2):
        values = load_grey(tmp_path, stored, stored.images[0], grey=grey)
        assert values.tolist() == [list(range(10))]
    assert len(made) == 1
    forget_case(tmp_path, stored, now=0.0)
    assert forget_old_cases(tmp_path) == 1
    assert list(tmp_path.rglob("*.npy")) == []


def as_bytes(mammogram: Mammogram) -> NDArray[np.uint16]:
    return np.rint(mammogram.pixels * 255).astype(np.uint16)


@pytest.mark.parametrize("left", [0, 60, 140])
def test_pixels_for_the_viewer_that_were_half_written_are_made_anew(
    tmp_path: Path, left: int
) -> None:
    stored = store(tmp_path, bytes(range(10)))
    path = tmp_path / stored.case_id / f"{stored.images[0].ref.image_id}.grey.npy"
    load_grey(tmp_path, stored, stored.images[0], grey=as_bytes)
    path.write_bytes(path.read_bytes()[:left])
    values = load_grey(tmp_path, stored, stored.images[0], grey=as_bytes)
    assert values.tolist() == [list(range(10))]


def test_pixels_for_the_viewer_are_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = store(tmp_path, b"ab")
    before = sorted((tmp_path / stored.case_id).iterdir())

    def killed(stream: IO[bytes], header: dict[str, object]) -> None:
        stream.write(str(header).encode()[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", killed)
    with pytest.raises(KeyboardInterrupt):
        load_grey(tmp_path, stored, stored.images[0], grey=as_bytes)
    assert sorted((tmp_path / stored.case_id).iterdir()) == before


def test_values_from_before_windowing_are_shown_as_they_are(tmp_path: Path) -> None:
    def wide(content: bytes) -> Mammogram:
        return replace(read(content), wide=np.array([[7, 4095]], dtype=np.uint16))

    stored = store_case(
        [b"ab"],
        tmp_path,
        keep=partial(keep_image, read=wide, mask=lambda image: image),
        now=time.time(),
    )
    shown = load_grey(tmp_path, stored, stored.images[0], grey=lambda image: pytest.fail("made"))
    assert shown.tolist() == [[7, 4095]]


def test_the_same_file_in_twenty_sessions_is_one_case_and_no_error(tmp_path: Path) -> None:
    """At once, and read slowly enough that all are at it together."""

    def slowly(content: bytes) -> Mammogram:
        time.sleep(0.01)
        return read(content)

    def session(number: int) -> StoredCase:
        start.wait()
        return store_case(
            [b"ab", b"cd"],
            tmp_path,
            keep=partial(keep_image, read=slowly, mask=blank_first_pixel),
            now=time.time() + number,
        )

    start = threading.Barrier(20)
    with ThreadPoolExecutor(20) as sessions:
        cases = list(sessions.map(session, range(20)))
    assert {case.case_id for case in cases} == {cases[0].case_id}
    case = load_case(tmp_path, cases[0].case_id)
    assert [load_mammogram(tmp_path, case, image).size for image in case.images] == [(1, 2)] * 2
    assert not list(tmp_path.rglob("*.tmp"))


def test_corrections_from_four_tabs_are_all_kept(tmp_path: Path) -> None:
    case = store(tmp_path, b"ab", b"cd", b"ef", b"gh")

    def tab(number: int) -> None:
        image_id = case.images[number].ref.image_id
        for _ in range(10):
            for view in (View.CC, View.MLO):
                correct_image(
                    tmp_path,
                    case.case_id,
                    image_id,
                    change=lambda ref, v=view: replace(ref, view=v),
                )

    with ThreadPoolExecutor(4) as tabs:
        list(tabs.map(tab, range(4)))
    kept = load_case(tmp_path, case.case_id)
    assert [image.ref.view for image in kept.images] == [View.MLO] * 4
    assert [image.corrected for image in kept.images] == [("view",)] * 4


def test_a_file_that_breaks_the_reader_in_an_unforeseen_way_is_refused_alone(
    tmp_path: Path,
) -> None:
    def breaking(content: bytes) -> Mammogram:
        if content == b"no":
            raise RecursionError
        return read(content)

    case = store_case(
        [b"no", b"ab"],
        tmp_path,
        keep=partial(keep_image, read=breaking, mask=blank_first_pixel),
        now=time.time(),
    )
    assert [(r.number, r.sentence) for r in case.refusals] == [
        (1, "This file could not be read (RecursionError).")
    ]
    assert len(case.images) == 1


def test_a_case_is_whole_or_not_there(tmp_path: Path) -> None:
    """A kill while its second image is read: no half case lies under its name."""

    def dying(content: bytes) -> Mammogram:
        if content == b"cd":
            raise KeyboardInterrupt
        return read(content)

    with pytest.raises(KeyboardInterrupt):
        store_case(
            [b"ab", b"cd"],
            tmp_path,
            keep=partial(keep_image, read=dying, mask=blank_first_pixel),
            now=time.time(),
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(MOST_READERS < 2, reason="one core reads one file at a time")
def test_files_are_read_side_by_side_and_stand_in_the_order_in_which_they_came(
    tmp_path: Path,
) -> None:
    both_are_read, steps = threading.Barrier(2, timeout=60), list[int]()

    def waiting(content: bytes) -> Mammogram:
        both_are_read.wait()  # alone, a file would wait in vain
        return read(content)

    case = store_case(
        [b"cd", b"ab"],
        tmp_path,
        keep=partial(keep_image, read=waiting, mask=blank_first_pixel),
        now=time.time(),
        report=lambda done, total: steps.append(done),
    )
    assert [load_mammogram(tmp_path, case, one).pixels[0, 1] for one in case.images] == [
        np.float32(ord("d") / 255),
        np.float32(ord("b") / 255),
    ]
    assert steps == [0, 1]


def test_who_leaves_while_files_are_read_has_no_more_of_them_read(tmp_path: Path) -> None:
    """A page that is left ends where it tells how far it is."""
    asked, is_left = list[bytes](), threading.Event()

    def slow(content: bytes) -> Mammogram:
        asked.append(content)
        if len(asked) > MOST_READERS:
            assert is_left.wait(60)
            time.sleep(0.5)  # in which the others are taken out of the line
        return read(content)

    def leave(done: int, total: int) -> None:
        if done == 1:
            is_left.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store_case(
            [bytes([number]) for number in range(40)],
            tmp_path,
            keep=partial(keep_image, read=slow, mask=blank_first_pixel),
            now=time.time(),
            report=leave,
        )
    assert len(asked) <= 4 * MOST_READERS
    assert not list(tmp_path.iterdir())


def test_what_a_reader_that_died_has_left_of_a_file_is_no_part_of_the_case(tmp_path: Path) -> None:
    def dying(content: bytes, stem: Path) -> KeptImage:
        if content == b"no":
            stem.with_name(f".{stem.name}.pixels.npy.1-ab.tmp").write_bytes(b"half")
            stem.with_name(f"{stem.name}.pixels.npy").write_bytes(b"whole")
            raise ReadError("decoder_died", "The decoder died of this file.", "")
        return keep_image(content, stem, read=read, mask=blank_first_pixel)

    case = store_case([b"no", b"ab"], tmp_path, keep=dying, now=time.time())
    assert [refusal.number for refusal in case.refusals] == [1]
    files = {file.name for file in (tmp_path / case.case_id).iterdir()}
    assert files == {"case.json", f"{case.images[0].ref.image_id}.pixels.npy"}
