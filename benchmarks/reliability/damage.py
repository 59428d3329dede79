"""Files spoiled at random, cut, holed, or robbed of a fragment, each given to a reading process."""

import io
import struct
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from benchmarks.reliability.campaign import Counted
from mammo_core.errors import ReadError
from mammo_core.preprocessing.dicom.parse import SYNTAXES
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.isolation import ReadingProcess
from tests.preprocessing.dicom_files import (
    KEY,
    compressed,
    compressed_file,
    encoded_file,
    header_of,
    items,
)
from tests.preprocessing.test_mutants import (
    NATIVE,
    bits_of,
    outcome_of,
    sound_dicom_files,
    sound_pictures,
    spoiled,
)
from tests.preprocessing.test_whole import END, picture, saved, with_tile_length

_WARM_UP: Final = 200  # files: what is loaded once is no growth
_MOST_GROWTH_MB: Final = 50
_SLOWEST_SECONDS: Final = 1.0
_STRIP_STARTS: Final = 273
_STRIP_COUNTS: Final = 279
_DEATHS: Final = ("decoder_died", "no_reader")


def mutants(size: int, scratch: Path) -> Counted:
    sound = [*sound_dicom_files(), *sound_pictures()]
    draws = np.random.default_rng(2026)
    outcomes: Counter[str] = Counter()
    seconds = np.zeros(size)
    deaths = 0
    process = ReadingProcess()
    for number in range(_WARM_UP):
        outcome_of(process, sound[number % len(sound)])
    before = psutil.Process().memory_info().rss
    for number in range(size):
        content = spoiled(sound[number % len(sound)], draws)
        be_ready(process, sound[0])
        start = time.perf_counter()
        outcome, has_died = outcome_and_death(process, content)
        seconds[number] = time.perf_counter() - start
        outcomes[outcome] += 1
        deaths += has_died
    growth = (psutil.Process().memory_info().rss - before) / limits.MEGABYTE
    process.close()
    slow = float(np.quantile(seconds, 0.99))
    odd = [code for code in outcomes if code.startswith(("no sentence", "not finite"))]
    checks = {
        f"{deaths} files killed their reader": deaths > 0,
        f"{outcomes['too_slow']} files hung": outcomes["too_slow"] > 0,
        f"p99 is {slow:.2f} s": slow >= _SLOWEST_SECONDS,
        f"the parent grew by {growth:.0f} MB": growth > _MOST_GROWTH_MB,
        f"not in words: {', '.join(odd)}": bool(odd),
    }
    told = ", ".join(f"{code} {count:,}" for code, count in outcomes.most_common())
    return Counted(
        size=size,
        figures=(
            f"{len(sound)} sound files ({len(sound_dicom_files())} transfer syntaxes, the others "
            f"pictures), each spoiled {size / len(sound):,.0f} times: {deaths} deaths, "
            f"{outcomes['too_slow']} hangs; a file took {np.median(seconds) * 1000:.0f} ms in the "
            f"median, {slow:.2f} s at p99, {seconds.max():.2f} s at most; the parent grew by "
            f"{growth:.0f} MB. Outcomes: {told}.",
        ),
        failures=tuple(what for what, is_wrong in checks.items() if is_wrong),
    )


def be_ready(process: ReadingProcess, content: bytes) -> None:
    """After a recycling a process is there again only when it is asked."""
    if process.process_id is None:
        outcome_of(process, content)


def outcome_and_death(process: ReadingProcess, content: bytes) -> tuple[str, bool]:
    """Of a process that is there: another in its place means that it died, and that the next one
    has read the file. One that is recycled has none in its place yet.
    """
    before = process.process_id
    outcome = outcome_of(process, content)
    return outcome, outcome in _DEATHS or process.process_id not in (None, before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """`whole` is what it was made of: read as that, nothing was lost."""

    name: str
    kind: str
    content: bytes
    whole: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A compressed frame or a picture, where its data begin, and how a file is made of it."""

    name: str
    frame: bytes
    start: int
    syntax: str = ""  # of a DICOM
    bits: int = 8

    def file(self, frames: Sequence[bytes]) -> bytes:
        if not self.syntax:
            return b"".join(frames)
        header = header_of(picture(self.bits), bits_stored=self.bits)
        return compressed_file(header, items(b"", list(frames)), self.syntax)


def sound_frames() -> list[Sound]:
    """One for each compressed transfer syntax."""
    found = []
    for syntax in SYNTAXES:
        if syntax.family in NATIVE:
            continue
        bits = bits_of(syntax)
        frame = compressed(picture(bits), syntax.uid, bits=bits)
        marks = [frame.find(mark) for mark in (b"\xff\x93", b"\xff\xda")]
        start = 64 if syntax.uid.endswith(".5") else max(0, *marks) + 14
        found.append(
            Sound(name=syntax.name, frame=frame, start=start, syntax=syntax.uid, bits=bits)
        )
    return found


def sound_rasters() -> list[Sound]:
    grey, deep = picture(8), picture(12)
    kinds = {
        "PNG": saved(grey, "PNG"),
        "PNG 16": saved(deep, "PNG"),
        "JPEG": saved(grey, "JPEG"),
        "JPEG progressive": saved(grey, "JPEG", {"progressive": True}),
        "JPEG with restarts": saved(grey, "JPEG", {"restart_marker_blocks": 5}),
        "TIFF": saved(deep, "TIFF"),
        "TIFF LZW": saved(deep, "TIFF", {"compression": "tiff_lzw"}),
        "TIFF deflate": saved(deep, "TIFF", {"compression": "tiff_adobe_deflate"}),
        "TIFF JPEG": saved(grey, "TIFF", {"compression": "jpeg"}),
        "BMP": saved(grey, "BMP"),
        "PGM": b"P5 160 192 4095\n" + deep.astype(">u2").tobytes(),
    }
    starts = {"JPEG": b"\xff\xda"}
    return [
        Sound(
            name=name,
            frame=content,
            start=content.find(starts.get(name.split()[0], b"\0\0\0\0")) % len(content) + 14,
        )
        for name, content in kinds.items()
    ]


def uncompressed() -> list[tuple[str, bytes]]:
    values = picture(12)
    return [
        (syntax.name, encoded_file(values, syntax.uid, bits_stored=12))
        for syntax in SYNTAXES
        if syntax.family in NATIVE
    ]


def cuts_of(sound: Sound) -> Iterator[tuple[str, bytes]]:
    """At every percent of its data: as it breaks off, and made to look whole again."""
    length = len(sound.frame) - sound.start
    for percent in range(1, 100):
        cut = sound.frame[: sound.start + percent * length // 100]
        yield f"cut at {percent} %", sound.file([cut])
        if b"\xff\x90" in cut and sound.syntax:
            yield (
                f"cut at {percent} %, its length rewritten",
                sound.file([with_tile_length(cut.rstrip(b"\xff") + END)]),
            )
        elif sound.frame.endswith((END, END + b"\0")):
            yield f"cut at {percent} %, with an end", sound.file([cut.rstrip(b"\xff") + END])


def holes_of(sound: Sound, sizes: Sequence[int], places: int) -> Iterator[tuple[int, str, bytes]]:
    """Bytes that are gone, at places all over its data: how many, where, and the file."""
    for size in sizes:
        last = len(sound.frame) - size - len(END)
        for place in np.linspace(sound.start, last, places).astype(int):
            holed = sound.frame[:place] + sound.frame[place + size :]
            if b"\xff\x90" in holed and sound.syntax:
                holed = with_tile_length(holed)
            yield size, f"{size} bytes gone at {place}", sound.file([holed])


def fragments_of(sound: Sound) -> Iterator[tuple[str, bytes]]:
    """In two to eight fragments, each missing in turn."""
    for count in range(2, 9):
        size = -(-len(sound.frame) // count)
        parts = [sound.frame[at : at + size] for at in range(0, len(sound.frame), size)]
        for lost in range(len(parts)):
            yield (
                f"fragment {lost + 1} of {count} missing",
                sound.file(parts[:lost] + parts[lost + 1 :]),
            )


def rewritten() -> Iterator[tuple[str, str, bytes]]:
    """Cut and holed, and the lengths in the container rewritten to match: of what, how, the file.
    A decoder that knows no more than how many pixels there must be fills in the rest.
    """
    grey = picture(8)
    for packing in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "group3", "group4"):
        values = grey > 40 if packing.startswith("group") else grey
        tiff = saved(values, "TIFF", {"compression": packing, "strip_size": grey.size})
        tags, strip = _one_strip(tiff)
        for what, piece in _pieces_of(strip):
            yield f"TIFF {packing}", what, _tiff_of(tags, piece)
    larger = picture(8, height=700, width=500)
    for name, options in {"lossy": {"quality": 95}, "lossless": {"lossless": True}}.items():
        webp = saved(larger, "WEBP", options)
        for what, piece in _pieces_of(webp[20:]):
            yield f"WebP {name}", what, _webp_of(webp[12:16], piece)
    png = saved(grey, "PNG")
    start = png.index(b"IDAT") + 4
    length = struct.unpack(">I", png[start - 8 : start - 4])[0]
    for what, piece in _pieces_of(png[start : start + length]):
        chunk = b"IDAT" + piece
        head, end = struct.pack(">I", len(piece)), struct.pack(">I", zlib.crc32(chunk))
        yield "PNG", what, png[: start - 8] + head + chunk + end + png[start + length + 4 :]
    bmp = saved(grey, "BMP")
    for rows in range(1, len(grey)):
        yield "BMP", f"{rows} rows promised", bmp[:22] + struct.pack("<i", rows) + bmp[26:]


def _pieces_of(data: bytes) -> Iterator[tuple[str, bytes]]:
    for percent in range(5, 100, 5):
        yield f"cut at {percent} %", data[: percent * len(data) // 100]
    for size in (400, 800, 1600):
        for place in np.linspace(14, len(data) - size - 1, 25).astype(int):
            if place >= 14:
                yield f"{size} bytes gone at {place}", data[:place] + data[place + size :]


def _one_strip(tiff: bytes) -> tuple[dict[int, int], bytes]:
    """Its tags of one number, and its pixels as they are packed."""
    with Image.open(io.BytesIO(tiff)) as image:
        known = dict(image.tag_v2)
    (start,), (count,) = known[_STRIP_STARTS], known[_STRIP_COUNTS]
    firsts = {tag: value[0] if isinstance(value, tuple) else value for tag, value in known.items()}
    return (
        {tag: value for tag, value in firsts.items() if isinstance(value, int)},
        tiff[start : start + count],
    )


def _tiff_of(tags: Mapping[int, int], strip: bytes) -> bytes:
    start = 8 + 2 + 12 * len(tags) + 4
    told = {**tags, _STRIP_STARTS: start, _STRIP_COUNTS: len(strip)}
    entries = [struct.pack("<HHII", tag, 4, 1, told[tag]) for tag in sorted(told)]
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(told)) + b"".join(entries) + bytes(4) + strip


def _webp_of(kind: bytes, piece: bytes) -> bytes:
    chunk = kind + struct.pack("<I", len(piece)) + piece + bytes(len(piece) % 2)
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def all_damaged() -> Iterator[Damaged]:
    def one(sound: Sound, kind: str, what: str, content: bytes) -> Damaged:
        return Damaged(name=f"{sound.name}, {what}", kind=kind, content=content, whole=sound.name)

    for sound in (*sound_frames(), *sound_rasters()):
        yield from (one(sound, "cut", what, content) for what, content in cuts_of(sound))
        for _size, what, content in holes_of(sound, (400, 800, 1600), 25):
            yield one(sound, "hole", what, content)
        if sound.syntax:
            yield from (one(sound, "missing fragment", *found) for found in fragments_of(sound))
    for name, whole in uncompressed():
        for percent in range(1, 100):
            cut = whole[: len(whole) * percent // 100]
            yield Damaged(name=f"{name}, cut at {percent} %", kind="cut", content=cut, whole=name)
    for name, what, content in rewritten():
        yield Damaged(
            name=f"{name}, {what}, rewritten", kind="rewritten", content=content, whole=name
        )


Pictures = dict[str, NDArray[np.float32]]


def whole_pictures(process: ReadingProcess) -> Pictures:
    """What each sound file is read as; without that, nothing refused would mean anything."""
    sound = {one.name: one.file([one.frame]) for one in (*sound_frames(), *sound_rasters())}
    return {
        name: process.read(content, key=KEY).pixels
        for name, content in {**sound, **dict(uncompressed())}.items()
    }


def is_another(process: ReadingProcess, content: bytes, whole: NDArray[np.float32]) -> bool | None:
    """Whether a damaged file was taken for a picture that it is not; None where it was refused."""
    try:
        pixels = process.read(content, key=KEY).pixels
    except ReadError:
        return None
    return not (pixels.shape == whole.shape and bool(np.array_equal(pixels, whole)))


_NOTHING: Final = np.empty((0, 0), dtype=np.float32)  # of what is never read: any pixels are wrong


def cuts_and_holes(size: int, scratch: Path) -> Counted:
    everything = list(all_damaged())
    chosen = np.unique(np.linspace(0, len(everything) - 1, min(size, len(everything))).astype(int))
    process = ReadingProcess()
    whole = whole_pictures(process)
    tried: Counter[str] = Counter()
    harmless: Counter[str] = Counter()
    failures = []
    for number in chosen:
        damaged = everything[number]
        tried[damaged.kind] += 1
        outcome = is_another(process, damaged.content, whole.get(damaged.whole, _NOTHING))
        harmless[damaged.kind] += outcome is False
        if outcome:
            failures.append(f"accepted: {damaged.name}")
    process.close()
    kinds = "; ".join(f"{kind}: {count:,}" for kind, count in tried.items())
    return Counted(
        size=len(chosen),
        figures=(
            f"{len(chosen):,} damaged files of {len(whole)} sound ones ({kinds}): "
            f"{len(failures)} were accepted with other pixels; {harmless.total()} had lost nothing "
            "that is shown and were read as the whole.",
        ),
        failures=tuple(failures),
    )


def whole_ones(size: int, scratch: Path) -> Counted:
    """The other side of it: what asks whether a picture is whole must not refuse one that is."""
    draws = np.random.default_rng(7)
    process = ReadingProcess()
    refused: Counter[str] = Counter()
    failures = []
    compressed_ones = [syntax for syntax in SYNTAXES if syntax.family not in NATIVE]
    for number in range(size):
        syntax = compressed_ones[number % len(compressed_ones)]
        bits = bits_of(syntax)
        values = drawn_picture(bits, draws)
        header = header_of(values, bits_stored=bits)
        frame = compressed(values, syntax.uid, bits=bits)
        try:
            process.read(compressed_file(header, items(b"", [frame]), syntax.uid), key=KEY)
        except ReadError as error:
            refused[syntax.name] += 1
            failures.append(f"{syntax.name}, {values.shape}: {error.sentence}")
    process.close()
    return Counted(
        size=size,
        figures=(f"{refused.total()} of {size:,} whole pictures were refused.",),
        failures=tuple(failures),
    )


def drawn_picture(bits: int, draws: np.random.Generator) -> NDArray[np.uint16] | NDArray[np.uint8]:
    """Of any small size, coarse or fine, with background at one or two sides or without."""
    height, width = draws.integers(40, 220, 2)
    y, x = np.mgrid[:height, :width]
    grain = draws.integers(0, 2 ** int(draws.integers(1, bits - 2)), (height, width))
    waves = np.sin(y / draws.integers(4, 40)) + np.cos(x / draws.integers(4, 40)) + 2
    values = waves * 2 ** (bits - 3) + grain
    values[:, int(width * draws.uniform(0.5, 1.2)) :] = 0
    values[int(height * draws.uniform(0.5, 1.2)) :] = 0
    kept = values.clip(0, 2**bits - 1)
    return kept.astype(np.uint8) if bits == 8 else kept.astype(np.uint16)


SMALL_HOLES: Final = (1, 2, 4, 8, 16, 32, 64, 100, 200, 400)
JUDGED_FROM: Final = 400  # bytes; below it there is too little to tell by


def small_holes(size: int, scratch: Path) -> Counted:
    sounds = [*sound_frames(), *(one for one in sound_rasters() if "JPEG" in one.name)]
    places = max(1, size // (len(sounds) * len(SMALL_HOLES)))
    process = ReadingProcess()
    whole = whole_pictures(process)
    accepted: Counter[int] = Counter()
    by_name: Counter[str] = Counter()
    failures = []
    for sound in sounds:
        for bytes_gone, what, content in holes_of(sound, SMALL_HOLES, places):
            if is_another(process, content, whole[sound.name]):
                accepted[bytes_gone] += 1
                by_name[sound.name] += 1
                if bytes_gone >= JUDGED_FROM:
                    failures.append(f"accepted: {sound.name}, {what}")
    process.close()
    tried = places * len(sounds)
    told = ", ".join(f"{gone} bytes {accepted[gone]} of {tried}" for gone in SMALL_HOLES)
    kinds = ", ".join(f"{name} {count}" for name, count in by_name.most_common()) or "none"
    return Counted(
        size=tried * len(SMALL_HOLES),
        figures=(
            f"Accepted with other pixels, by the size of the hole: {told}. Of them: {kinds}.",
        ),
        failures=tuple(failures),
    )
