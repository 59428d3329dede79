"""Whether a compressed picture is whole. Decoders fill in what is missing and say nothing, so each
function here says in a clause what is wrong with a file that a decoder takes, "" where nothing is.

JPEG (ITU-T T.81) of 8 bits goes through libjpeg-turbo with its warnings as errors. Of 12 bits and
lossless it has no such reader, and JPEG 2000 may end between two packets: there bytes are put where
nothing may be read any more. A decoder that was short of data reads them, and gives itself away.
"""

import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from PIL import Image

from mammo_core.preprocessing.reading import limits

SHORT: Final = "some of its compressed data is missing"
UNREAD: Final = "some of its compressed data was never read"
#: Each run of FF is looked at once, from its first: from each of N it would take N times as long.
_MARKER: Final = re.compile(rb"\xff(?<!\xff\xff)\xff*([^\x00\xff])")
_MARKER_HERE: Final = re.compile(rb"\xff+([^\x00\xff])")
_RESTARTS: Final = range(0xD0, 0xD8)
_SEQUENTIAL: Final = 0xC3  # the frame header (SOF3) of lossless JPEG; below it those of the others
_FRAMES: Final = range(0xC0, 0xC4)
_PROGRESSIVE: Final = 0xC2
_COEFFICIENTS: Final = 64  # of a block
_END: Final = 0xD9
_SCAN: Final = 0xDA
_INTERVAL: Final = 0xDD
_BLOCK: Final = 8
_MORE: Final = bytes(range(7, 251, 4))  # no marker begins in these; the first bits of the one are
_OTHER: Final = bytes(255 - value for value in _MORE)  # not those of the other, whatever they mean
_TAIL: Final = 4  # bytes: more than any padding, so something of the picture lies in them
_FEWER: Final = 6  # of a JPEG: what fewer stand for may be too dark to be seen


@dataclass(frozen=True, slots=True, kw_only=True)
class _Jpeg:
    """Where the entropy-coded data of a JPEG lies, and what its headers promise of it."""

    frame: int  # the marker of its frame header
    precision: int
    samples: int  # rows times columns times channels
    restarts: tuple[int, ...]  # restart markers, scan after scan
    promised: int | None  # how many there must be; None where it is not told so easily
    has_all_scans: bool
    segments: tuple[tuple[int, int], ...]  # from, to; between restart markers


def missing_in_jpeg(data: bytes) -> str:
    """Baseline, extended, progressive and lossless JPEG."""
    jpeg = _parts_of(data)
    if jpeg is None or not jpeg.segments:
        return "its markers are broken"
    if not jpeg.has_all_scans:
        return "its last scans are missing"
    if jpeg.promised is not None and len(jpeg.restarts) != jpeg.promised:
        return f"{len(jpeg.restarts)} of its {jpeg.promised} restart markers are there"
    if any(
        (after - before) % 8 not in (1, -before % 8) for before, after in pairwise(jpeg.restarts)
    ):
        return "its restart markers are out of order"
    if jpeg.precision == 8 and jpeg.frame != _SEQUENTIAL:
        return _warning_of(data)
    return _probed(data, jpeg)


def _parts_of(data: bytes) -> _Jpeg | None:
    position, frame, interval = 2, None, 0
    segments: list[tuple[int, int]] = []
    restarts: list[int] = []
    scans: list[bytes] = []
    while (found := _next_marker(data, position)) is not None and found[1][0] != _END:
        marker, start = found[1][0], found.end()
        if start + 2 > len(data):
            return None
        length = struct.unpack_from(">H", data, start)[0]
        position = start + length
        if marker in _FRAMES and length >= 8:
            frame = (marker, *struct.unpack_from(">BHHB", data, start + 2))
        elif marker == _INTERVAL and length >= 4:
            interval = struct.unpack_from(">H", data, start + 2)[0]
        elif marker == _SCAN:
            scans.append(data[start + 2 : position])
            position = _read_scan(data, position, segments, restarts)
    if frame is None:
        return None
    kind, precision, rows, columns, samples = frame
    side = 1 if kind == _SEQUENTIAL else _BLOCK
    units = -(-rows // side) * -(-columns // side)
    is_told = samples == 1 and len(scans) == 1 and interval
    return _Jpeg(
        frame=kind,
        precision=precision,
        samples=rows * columns * samples,
        restarts=tuple(restarts),
        promised=-(-units // interval) - 1 if is_told else None,
        has_all_scans=_said_to_their_end(scans, is_progressive=kind == _PROGRESSIVE) == samples,
        segments=tuple(segments),
    )


def _next_marker(data: bytes, position: int) -> re.Match[bytes] | None:
    """At `position` it may follow the FF that a table ends in."""
    return _MARKER_HERE.match(data, position) or _MARKER.search(data, position)


def _said_to_their_end(scans: Sequence[bytes], *, is_progressive: bool) -> int:
    """Of how many channels every coefficient is given to its last bit, by the headers of the scans
    (T.81 B.2.3, G.1.1.1). A file cut between two scans of a progressive picture is only coarser.
    """
    last_bit: dict[int, dict[int, int]] = {}
    for scan in scans:
        channels = scan[1 : 1 + 2 * scan[0] : 2] if scan else b""
        first, last, bits = scan[-3:] if len(scan) >= 4 else (0, 0, 0)
        for channel in channels:
            known = last_bit.setdefault(channel, {})
            known.update(dict.fromkeys(range(first, last + 1), bits & 0x0F))
    if not is_progressive:
        return len(last_bit)
    whole = dict.fromkeys(range(_COEFFICIENTS), 0)
    return sum(known == whole for known in last_bit.values())


def _read_scan(
    data: bytes, start: int, segments: list[tuple[int, int]], restarts: list[int]
) -> int:
    """Where the scan ends; its pieces and its restart markers are added."""
    while (found := _next_marker(data, start)) is not None:
        segments.append((start, found.start()))
        if found[1][0] not in _RESTARTS:
            return found.start()
        restarts.append(found[1][0])
        start = found.end()
    return len(data)


def _warning_of(data: bytes) -> str:
    """libjpeg-turbo's first warning."""
    import simplejpeg

    try:
        colours = simplejpeg.decode_jpeg_header(data)[2]
        simplejpeg.decode_jpeg(data, "CMYK" if colours in ("CMYK", "YCCK") else "GRAY", strict=True)
    except ValueError as error:
        return str(error).removeprefix("Corrupt JPEG data: ")
    return ""


def _probed(data: bytes, jpeg: _Jpeg) -> str:
    """A whole picture is the same whatever is added behind each piece of it, and another where that
    takes the place of its last bytes; else something is missing, or something was left unread. The
    last bytes may begin as one of the two that take their place, never as both.
    """
    import imagecodecs

    try:
        longer, other = (
            imagecodecs.jpeg8_decode(_with_more(data, jpeg, more, tail=0))
            for more in (_MORE, _OTHER)
        )
        if not np.array_equal(longer, other):
            return SHORT
        fewer = (
            imagecodecs.jpeg8_decode(_with_more(data, jpeg, more, tail=_FEWER))
            for more in (_OTHER, _MORE)
        )
        return UNREAD if all(np.array_equal(other, one) for one in fewer) else ""
    except RuntimeError as error:
        return str(error)


def _with_more(data: bytes, jpeg: _Jpeg, more: bytes, *, tail: int) -> bytes:
    parts, position = [], 0
    for start, end in jpeg.segments:
        kept = data[position : max(start, end - tail)]
        parts += [kept, b"\0" if kept.endswith(b"\xff") else b"", more]
        position = end
    return b"".join([*parts, data[position:]])


_SOT: Final = b"\xff\x90"
_EOC: Final = b"\xff\xd9"
_STYLE: Final = 0x52  # the coding style marker, COD: how often the picture is halved stands in it
_ONES: Final = b"\xff\x7f" * 32  # as a packet header it promises more than any tile can hold


def missing_in_jpeg_2000(data: bytes) -> str:
    """Of a codestream whose tile-parts are as long as they say: whether each tile has all packets.

    Each is given a packet too many. It is ignored behind the last one, and an error anywhere else.
    Pillow decodes a reduced picture, for which all packets are read at next to no cost. It refuses
    some reductions of some sizes, so the plain one is asked first.
    """
    start, halvings = _main_header(data)
    parts = list(_tile_parts(data, start, len(data.rstrip(b"\0")) - len(_EOC)))
    reductions = (one for one in range(halvings, -1, -1) if _loads(data, one))
    reduction = next(reductions, None)
    if reduction is None or not _loads(_with_tails(data, start, parts, _ONES), reduction):
        return SHORT
    # Without its last bytes a whole one misses data or, where its last packets are empty, those.
    fewer = (_with_tails(data, start, parts, more, tail=_TAIL) for more in (b"", _ONES))
    return UNREAD if all(_loads(one, reduction) for one in fewer) else ""


def _with_tails(
    data: bytes,
    start: int,
    parts: Sequence[tuple[int, int, int]],
    more: bytes,
    *,
    tail: int = 0,
) -> bytes:
    """The codestream whose tiles end in `more` in the place of their last `tail` bytes."""
    last_of = {tile: number for number, (tile, _, _) in enumerate(parts)}
    pieces = [data[:start]]
    for number, (tile, position, length) in enumerate(parts):
        part = bytearray(data[position : position + length])
        if last_of[tile] == number:
            part[len(part) - tail :] = more
            struct.pack_into(">I", part, 6, len(part))
        pieces.append(bytes(part))
    return b"".join([*pieces, _EOC])


def _loads(codestream: bytes, reduction: int) -> bool:
    try:
        image: Any = Image.open(io.BytesIO(codestream), formats=("JPEG2000",))
        image.reduce = reduction  # the plugin's own, in the place of Image's method
        image.load()
    except (OSError, ValueError, SyntaxError):
        return False
    return True


def _main_header(data: bytes) -> tuple[int, int]:
    """Where the first tile-part begins, and how often the picture is halved."""
    position, halvings = 2, 0
    while data[position : position + 2] != _SOT and position + 12 < len(data):
        if data[position + 1] == _STYLE:
            halvings = data[position + 9]
        position += 2 + int(struct.unpack_from(">H", data, position + 2)[0])
    return position, halvings


def _tile_parts(data: bytes, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Tile, place and length of each; `codestreams` has checked that they follow one another."""
    while position + 12 <= end:
        tile, length = struct.unpack_from(">HI", data, position + 4)
        length = length or end - position
        yield tile, position, length
        position += length


_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by PNG's colour type
_WHOLE: Final = ((0, 0, 1, 1),)  # first column and row, and steps between
_ADAM7: Final = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
    (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
)  # fmt: skip
_LEAST_OF_CHUNK: Final = 12


def missing_in_png(data: bytes) -> str:
    """Its header may have been rewritten, checksum and all, but then its pixels are not as many as
    it promises. Where width and depth were changed together, nothing can tell.
    """
    width, height, depth, colours, _, _, is_interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    bits = depth * _CHANNELS.get(colours, 1)
    expected = 0
    for left, top, right, down in _ADAM7 if is_interlaced else _WHOLE:
        columns, rows = -(-(width - left) // right), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            expected += rows * (1 + -(-columns * bits // 8))
    inflater = zlib.decompressobj()
    found = 0
    try:
        for piece in _image_chunks(data):
            while piece and found <= expected:
                found += len(inflater.decompress(piece, limits.MEGABYTE))
                piece = inflater.unconsumed_tail
    except zlib.error:
        return "its compressed data is broken"
    if found == expected and inflater.eof:
        return ""
    if found > expected:
        return f"it holds more pixels than the {height} x {width} its header promises"
    return f"it holds {found:,} of the {expected:,} bytes its header promises"


def _image_chunks(data: bytes) -> Iterator[bytes]:
    position = 8
    while position + _LEAST_OF_CHUNK <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"IDAT":
            yield data[position + 8 : position + 8 + length]
        position += _LEAST_OF_CHUNK + length


_WIDTH, _LENGTH, _BITS, _COMPRESSION = 256, 257, 258, 259
_SAMPLES, _ROWS_OF_STRIP, _PLANAR, _TABLES = 277, 278, 284, 347
_TILE_WIDTH, _TILE_LENGTH = 322, 323
_STARTS, _COUNTS, _TILE_STARTS, _TILE_COUNTS = 273, 279, 324, 325
_NO_COMPRESSION, _LZW, _JPEG = 1, 5, 7
_DEFLATE: Final = (8, 32946)
_PACKBITS: Final = 32773


def can_tell_of_tiff(tags: Any) -> bool:
    """Fax, WebP and other ways of packing are decoded to as many pixels as are asked for, whatever
    is missing.
    """
    known = (_NO_COMPRESSION, _LZW, _JPEG, *_DEFLATE, _PACKBITS)
    return tags.get(_COMPRESSION, _NO_COMPRESSION) in known


def missing_in_tiff(data: bytes, tags: Any) -> str:
    """`tags` as Pillow gives them. A TIFF has no checksum: only that its strips or tiles hold as
    many bytes as its size promises can be told.
    """
    try:
        sizes = list(_strip_sizes(tags))
        starts = tags.get(_STARTS) or tags.get(_TILE_STARTS) or ()
        counts = tags.get(_COUNTS) or tags.get(_TILE_COUNTS) or ()
        if not len(sizes) == len(starts) == len(counts):
            return f"it holds {len(starts)} of the {len(sizes)} pieces its header promises"
        unpack = _unpacking(int(tags.get(_COMPRESSION, 1)), bytes(tags.get(_TABLES, b"")))
        for number, (start, count, size) in enumerate(zip(starts, counts, sizes, strict=True)):
            piece = data[start : start + count]
            problem = SHORT if len(piece) < count else unpack(piece, size)
            if problem:
                return f"in piece {number + 1} of {len(sizes)}, {problem}"
    except (TypeError, ValueError, LookupError, ZeroDivisionError):
        return "its header is broken"
    return ""


def _strip_sizes(tags: Any) -> Iterator[int]:
    """Bytes of each strip or tile, unpacked."""
    width, height = int(tags[_WIDTH]), int(tags[_LENGTH])
    bits, samples = tags.get(_BITS, (1,)), int(tags.get(_SAMPLES, 1))
    planes = samples if tags.get(_PLANAR, 1) == 2 else 1
    of_pixel = int(bits[0]) * samples // planes
    if _TILE_WIDTH in tags:
        columns, rows = int(tags[_TILE_WIDTH]), int(tags[_TILE_LENGTH])
        count = planes * -(-width // columns) * -(-height // rows)
        yield from [rows * -(-columns * of_pixel // 8)] * count
        return
    rows = min(int(tags.get(_ROWS_OF_STRIP, height)), height)
    for _ in range(planes):
        for top in range(0, height, rows):
            yield min(rows, height - top) * -(-width * of_pixel // 8)


def _unpacking(compression: int, tables: bytes) -> Callable[[bytes, int], str]:
    """What says what is wrong with a piece that must have so many bytes, packed in a way of which
    it can be told.
    """
    import imagecodecs

    if compression == _JPEG:
        return lambda piece, size: _jpeg_piece(tables[:-2] + piece[2:] if tables else piece, size)
    decoders: dict[int, Callable[..., bytes | bytearray]] = {
        _NO_COMPRESSION: lambda piece: piece,
        _LZW: imagecodecs.lzw_decode,
        _PACKBITS: imagecodecs.packbits_decode,
        **dict.fromkeys(_DEFLATE, imagecodecs.zlib_decode),
    }
    decode = decoders[compression]
    return lambda piece, size: _counted(piece, size, decode)


def _jpeg_piece(piece: bytes, size: int) -> str:
    jpeg = _parts_of(piece)
    if jpeg is None or jpeg.samples * -(-jpeg.precision // 8) != size:
        return "the picture is of another size"
    return missing_in_jpeg(piece)


def _counted(piece: bytes, size: int, decode: Callable[..., bytes | bytearray]) -> str:
    try:
        found = len(decode(piece))
    except RuntimeError:
        return "its compressed data is broken"
    return "" if found == size else f"{found:,} bytes are there of {size:,}"


_OLDEST_HEADER: Final = 12  # bytes, of OS/2; places in it are others
_PROFILE_HEADER: Final = 124  # the only one that tells of a colour profile, behind the pixels
_MOST_PADDING: Final = 3
_PLAIN: Final = (0, 3)  # BI_RGB, and BI_BITFIELDS, where masks say which bits are of which colour


def can_tell_of_bmp(data: bytes) -> bool:
    """A packed one (RLE) may end anywhere."""
    is_oldest = struct.unpack_from("<I", data, 14)[0] == _OLDEST_HEADER
    return is_oldest or struct.unpack_from("<I", data, 30)[0] in _PLAIN


def missing_in_bmp(data: bytes, height: int, width: int) -> str:
    """A BMP has no checksum: that it holds as many bytes as its size promises can be told."""
    start, header = struct.unpack_from("<II", data, 10)
    bits = struct.unpack_from("<H", data, 24 if header == _OLDEST_HEADER else 28)[0]
    promised = height * (-(-width * bits // 32) * 4)
    profile = struct.unpack_from("<I", data, 14 + 116)[0] if header == _PROFILE_HEADER else 0
    found = len(data) - start
    if found < promised:
        return f"it holds {found:,} of the {promised:,} bytes its header promises"
    if found > promised + profile + _MOST_PADDING:
        return f"it holds more pixels than the {height} x {width} its header promises"
    return ""
