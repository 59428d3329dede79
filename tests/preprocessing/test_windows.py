"""Values to grey, with every number worked out by hand from PS3.3 C.11."""

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_rescale, apply_windowing
from pydicom.sequence import Sequence

from mammo_core.types import Window
from tests.preprocessing.dicom_files import file_of, header_of, mammogram_file, ramp, read

TEN = ramp(2, 6)  # 0 to 11


def grey_of(values: list[int], **changes: object) -> list[float]:
    """What stored values become: rounded to four digits."""
    pixels = np.array([values], dtype=np.uint16)
    mammogram = read(mammogram_file(pixels, **changes))
    return [round(float(value), 4) for value in mammogram.pixels[0]]


def table_of(
    entries: list[int], *, first: int = 0, bits: int = 8, count: int | None = None
) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) if count is None else count, first, bits])
    item.add_new("LUTData", "OW", np.array(entries, dtype="<u2").tobytes())
    return item


def with_table(pixels: np.ndarray, sequence: str, items: list[Dataset], **changes: object) -> bytes:
    header = header_of(pixels)
    for keyword, value in changes.items():
        setattr(header, keyword, value)
    setattr(header, sequence, Sequence(items))
    header.PixelData = pixels.tobytes()
    return file_of(header)


def test_linear_counts_whole_levels() -> None:
    """C.11.2.1.2.1: centre 2048, width 4096 puts 0 at black and 4095 at white."""
    assert grey_of([0, 2047, 4095], WindowCenter=2048, WindowWidth=4096) == [0.0, 0.4999, 1.0]


def test_linear_cuts_off_below_and_above() -> None:
    """Centre 100.5, width 11: from 95 to 105."""
    grey = grey_of([94, 95, 100, 105, 106], WindowCenter=100.5, WindowWidth=11)
    assert grey == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_linear_exact_takes_the_window_as_it_stands() -> None:
    """C.11.2.1.3.2: centre 100, width 10: from 95 to 105."""
    grey = grey_of([95, 100, 105], WindowCenter=100, WindowWidth=10, VOILUTFunction="LINEAR_EXACT")
    assert grey == [0.0, 0.5, 1.0]


def test_sigmoid_is_half_at_its_centre() -> None:
    """C.11.2.1.3.1: 1 / (1 + exp(-4 (x - c) / w)); at c + w/2 that is 1 / (1 + exp(-2))."""
    mammogram = read(
        mammogram_file(
            np.array([[500, 1000, 1500]], dtype=np.uint16),
            WindowCenter=1000,
            WindowWidth=1000,
            VOILUTFunction="SIGMOID",
        )
    )
    assert mammogram.pixels[0] == pytest.approx([0.1192, 0.5, 0.8808], abs=1e-4)
    assert mammogram.windows == (Window(name="Window 1", low=500, high=1500, is_sigmoid=True),)


def test_the_first_of_several_windows_is_used_and_the_others_are_kept() -> None:
    mammogram = read(
        mammogram_file(
            TEN,
            WindowCenter=[6.5, 3.5],
            WindowWidth=[12, 5],
            WindowCenterWidthExplanation=["NORMAL", "HARDER"],
        )
    )
    assert mammogram.windows == (
        Window(name="NORMAL", low=0.5, high=11.5),
        Window(name="HARDER", low=1.0, high=5.0),
    )
    assert mammogram.pixels[1, 5] == pytest.approx(10.5 / 11)


@pytest.mark.parametrize("width", ["0", "-5", "wide", ""])
def test_a_window_without_a_width_is_left_out_and_told(width: str) -> None:
    mammogram = read(mammogram_file(TEN, WindowCenter=b"5\\6", WindowWidth=width.encode() + b"\\4"))
    assert [window.name for window in mammogram.windows] == ["Window 2"]
    assert any("Window 1 has no width above 0" in note for note in mammogram.notes)


def test_a_linear_window_narrower_than_one_is_taken_as_exact() -> None:
    """With a rescale slope of 1/1000 all values lie between 0 and 1; C.11.2.1.2.1 forbids it."""
    mammogram = read(
        mammogram_file(
            np.array([[0, 250, 500, 1000]], dtype=np.uint16),
            RescaleSlope="0.001",
            RescaleIntercept="0",
            WindowCenter="0.5",
            WindowWidth="0.5",
        )
    )
    assert mammogram.pixels[0] == pytest.approx([0.0, 0.0, 0.5, 1.0], abs=1e-4)
    assert any("LINEAR_EXACT" in note for note in mammogram.notes)


def test_a_decimal_comma_is_read_as_a_point() -> None:
    mammogram = read(mammogram_file(TEN, WindowCenter=b"5,5", WindowWidth=b"11,0"))
    assert mammogram.windows == (Window(name="Window 1", low=0.0, high=10.0),)
    assert any("decimal comma" in note for note in mammogram.notes)


def test_an_unknown_function_is_taken_as_linear_and_told() -> None:
    mammogram = read(mammogram_file(TEN, VOILUTFunction="GAMMA"))
    assert mammogram.windows[0] == Window(name="Window 1", low=0.0, high=4095.0)
    assert "The window function 'GAMMA' is unknown; LINEAR was used." in mammogram.notes


def test_a_window_that_shows_nothing_gives_way_to_the_range_of_the_breast() -> None:
    pixels = np.zeros((64, 64), dtype=np.uint16)
    pixels[10:50, 20:] = np.linspace(1000, 2000, 40 * 44).reshape(40, 44).astype(np.uint16)
    mammogram = read(mammogram_file(pixels, WindowCenter=-5000, WindowWidth=10))
    assert mammogram.windows[0].name == "Range inside the breast"
    assert mammogram.pixels.max() == 1.0
    assert any("shows nothing of this image" in note for note in mammogram.notes)


def test_without_a_window_the_range_inside_the_breast_is_shown() -> None:
    """A breast of 1000 to 2000 on 0, and a letter of 4095 outside of it."""
    y, x = np.mgrid[:128, :96]
    is_breast = (y - 64) ** 2 + (x - 96) ** 2 < 60**2
    pixels = np.where(is_breast, 1000 + (x - 36) * 1000 / 59, 0).astype(np.uint16)
    pixels[4:10, 4:8] = 4095
    mammogram = read(mammogram_file(pixels, WindowCenter=None, WindowWidth=None))
    (window,) = mammogram.windows
    assert window.low < 1100
    assert 1950 < window.high <= 2000
    assert mammogram.pixels[64, 0] == 0.0


def test_eight_bits_without_a_window_are_shown_as_they_are() -> None:
    pixels = np.array([[0, 51, 255]], dtype=np.uint8)
    content = mammogram_file(pixels, bits_stored=8, WindowCenter=None, WindowWidth=None)
    mammogram = read(content)
    assert mammogram.pixels[0] == pytest.approx([0.0, 0.2, 1.0])
    assert mammogram.wide is None
    assert mammogram.windows == ()


def test_rescaling_comes_before_the_window() -> None:
    """Stored 0 to 11 become -100, -98, ... -78; the window runs from -90 to -80."""
    mammogram = read(
        mammogram_file(
            TEN, RescaleSlope=2, RescaleIntercept=-100, WindowCenter=-84.5, WindowWidth=11
        )
    )
    assert mammogram.pixels.ravel()[[0, 5, 7, 10, 11]] == pytest.approx([0, 0, 0.4, 1, 1])
    assert mammogram.windows[0] == Window(name="Window 1", low=5.0, high=10.0)


def test_a_falling_slope_turns_the_order_of_levels() -> None:
    mammogram = read(
        mammogram_file(TEN, RescaleSlope=-1, RescaleIntercept=11, WindowCenter=6, WindowWidth=12)
    )
    assert mammogram.pixels[0, 0] == 1.0
    assert mammogram.pixels[1, 5] == 0.0
    assert mammogram.wide is not None
    assert mammogram.wide[0, 0] > mammogram.wide[1, 5]


@pytest.mark.parametrize("slope", [b"0", b"one"])
def test_a_slope_that_cannot_be_is_taken_as_one(slope: bytes) -> None:
    mammogram = read(mammogram_file(TEN, RescaleSlope=slope))
    assert mammogram.wide is not None
    assert mammogram.wide.tolist() == TEN.tolist()
    assert "The rescale slope is 0 or no number; 1 was used." in mammogram.notes


def test_monochrome1_is_turned_with_its_windows() -> None:
    """Stored 0 is white; the window from 1024 to 3071 of 12 bits becomes the same, mirrored."""
    mammogram = read(
        mammogram_file(
            np.array([[0, 1024, 3071, 4095]], dtype=np.uint16),
            PhotometricInterpretation="MONOCHROME1",
            WindowCenter=2048,
            WindowWidth=2048,
        )
    )
    assert mammogram.pixels[0].tolist() == [1.0, 1.0, 0.0, 0.0]
    assert mammogram.windows[0] == Window(name="Window 1", low=1024.0, high=3071.0)
    assert "MONOCHROME1 was turned: tissue is bright." in mammogram.notes


def test_a_voi_table_counts_before_a_window() -> None:
    """Stored 0 to 3 go to 0, 10, 250, 255 of 8 bits, whatever the window says."""
    content = with_table(
        np.array([[0, 1, 2, 3, 7]], dtype=np.uint16),
        "VOILUTSequence",
        [table_of([0, 10, 250, 255])],
    )
    mammogram = read(content)
    assert mammogram.pixels[0] == pytest.approx(np.array([0, 10, 250, 255, 255]) / 255)
    assert mammogram.windows == (Window(name="Look-up table", low=0.0, high=255.0),)


def test_a_voi_table_starts_where_it_says() -> None:
    content = with_table(
        np.array([[0, 99, 100, 101, 102]], dtype=np.uint16),
        "VOILUTSequence",
        [table_of([0, 51, 255], first=100)],
    )
    assert read(content).pixels[0] == pytest.approx([0.0, 0.0, 0.0, 0.2, 1.0])


@pytest.mark.parametrize("entries", [[], [0, 10]])
def test_a_short_or_empty_voi_table_gives_way_to_the_window(entries: list[int]) -> None:
    content = with_table(
        np.array([[0, 4095]], dtype=np.uint16), "VOILUTSequence", [table_of(entries, count=4096)]
    )
    mammogram = read(content)
    assert mammogram.pixels[0].tolist() == [0.0, 1.0]
    assert mammogram.windows[0].name == "Window 1"
    assert any("VOI look-up table was left out" in note for note in mammogram.notes)


def test_an_empty_voi_sequence_gives_way_to_the_window() -> None:
    mammogram = read(with_table(TEN, "VOILUTSequence", []))
    assert mammogram.windows[0].name == "Window 1"


def test_a_modality_table_comes_before_the_window() -> None:
    """Stored 0, 1, 2 mean 1000, 3000, 2000; the window runs from 1000 to 3000."""
    content = with_table(
        np.array([[0, 1, 2]], dtype=np.uint16),
        "ModalityLUTSequence",
        [table_of([1000, 3000, 2000], bits=16)],
        WindowCenter=2000.5,
        WindowWidth=2001,
    )
    mammogram = read(content)
    assert mammogram.pixels[0].tolist() == [0.0, 1.0, 0.5]
    assert mammogram.wide is not None
    assert mammogram.wide[0].tolist() == [1000, 3000, 2000]


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_windows_agree_with_another_implementation(
    function: str, is_signed: bool, seed: int
) -> None:
    """pydicom's own rescale and windowing, brought from its output range to 0..1."""
    draws = np.random.default_rng(seed)
    lowest = -2048 if is_signed else 0
    values = draws.integers(lowest, lowest + 4096, (16, 16))
    header = header_of(values.astype(np.uint16), is_signed=is_signed)
    header.RescaleSlope = round(float(draws.uniform(0.5, 3.0)), 3)
    header.RescaleIntercept = round(float(draws.uniform(-1000, 1000)), 1)
    header.WindowCenter = round(float(draws.uniform(-500, 3000)), 1)
    header.WindowWidth = round(float(draws.uniform(50, 6000)), 1)
    header.VOILUTFunction = function
    header.PixelData = values.astype("<i2").tobytes()
    content = file_of(header)
    theirs = apply_windowing(apply_rescale(values, header), header)
    ends = np.array([lowest, lowest + 4095]) * header.RescaleSlope + header.RescaleIntercept
    expected = (theirs - ends[0]) / (ends[1] - ends[0])
    assert np.abs(read(content).pixels - expected).max() < 1e-5


def test_free_text_of_the_header_is_not_kept() -> None:
    """An explanation is free text: somebody may have typed a name into it."""
    mammogram = read(
        mammogram_file(
            ramp(),
            WindowCenter=[64, 60],
            WindowWidth=[128, 100],
            WindowCenterWidthExplanation=["Doe Jane 1950", "SOFTER"],
        )
    )
    assert [window.name for window in mammogram.windows] == ["Window 1", "SOFTER"]
    assert "Doe" not in repr(mammogram.info)
