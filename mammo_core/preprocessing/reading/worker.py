"""The reading process: takes one file at a time, and may die of it without harm.

Started by isolation.py as `python -m mammo_core.preprocessing.reading.worker`. It limits its own
memory, talks over its standard input and output, and ends when its input does.
"""

import contextlib
import faulthandler
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO

import cv2

from mammo_core.errors import DiskError, MammoError, ReadError
from mammo_core.preprocessing.breast import mask_outside_breast
from mammo_core.preprocessing.pixel_files import keep_image
from mammo_core.preprocessing.prepare import prepare_grey
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.cells import decode_cells
from mammo_core.preprocessing.reading.messages import (
    NO_ROOM,
    Refused,
    Reply,
    Request,
    pack_rows,
    private_output,
    receive,
    receive_bytes,
    send,
    send_cells,
    send_grey,
    send_image,
    send_rows,
)
from mammo_core.preprocessing.reading.peek import decode_peek
from mammo_core.preprocessing.reading.read import (
    decode,
    decode_content,
    decode_evidence,
    decode_exam,
)
from mammo_core.preprocessing.reading.sheets import decode_rows
from mammo_core.types import Mammogram


def main() -> int:
    requests, replies = sys.stdin.buffer, private_output()
    cv2.setNumThreads(1)
    limits.limit_memory(limits.WORKER_BYTES)
    send(replies, Reply())
    with contextlib.suppress(EOFError, BrokenPipeError), Path(os.devnull).open("w") as nowhere:
        while True:
            request = receive(requests, Request)
            # Should the program that started us be gone while a decoder hangs, nobody else ends us.
            seconds = limits.TABLE_SECONDS if request.is_table else limits.KEEP_SECONDS
            faulthandler.dump_traceback_later(2 * seconds, exit=True, file=nowhere)
            _answer(request, requests, replies)
            faulthandler.cancel_dump_traceback_later()
    return 0


def _answer(request: Request, requests: IO[bytes], replies: IO[bytes]) -> None:
    content = receive_bytes(requests, request.length)
    try:
        answer = _answer_to(request, content)
    except ReadError as error:
        _refuse(replies, error)
    except DiskError as error:
        _refuse(replies, ReadError(NO_ROOM, str(error)))
    except BaseException as error:  # noqa: BLE001 - native decoders raise what is no Exception
        text = str(error) if isinstance(error, MammoError) else type(error).__name__
        _refuse(replies, ReadError("damaged", f"The decoder failed on this file ({text})."))
    else:
        answer(replies)


def _answer_to(request: Request, content: bytes) -> Callable[[IO[bytes]], None]:
    """What sends the answer: it is all there before the first byte of it leaves."""
    if request.is_for_evidence:
        return partial(send, message=Reply(evidence=decode_evidence(content)))
    if request.is_for_exam:
        return partial(send, message=Reply(exam=decode_exam(content)))
    if request.peeked:
        found = tuple(decode_peek(Path(path)) for path in request.peeked)
        return partial(send, message=Reply(peeks=found))
    if request.is_table:
        return partial(send_cells, pieces=decode_cells(content))
    if request.path is not None and request.sheet is not None:
        rows = pack_rows(decode_rows(Path(request.path), request.sheet))
        return partial(send_rows, rows=rows)
    if request.stem is not None:
        read = partial(decode_content, size=request.size, key=bytes.fromhex(request.key))
        kept = keep_image(content, Path(request.stem), read=read, mask=mask_outside_breast)
        return partial(send, message=Reply(kept=kept))
    mammogram = _mammogram_of(request, content)
    if request.settings is None:
        return partial(send_image, mammogram=mammogram)
    return partial(send_grey, grey=prepare_grey(mammogram, request.settings))


def _mammogram_of(request: Request, content: bytes) -> Mammogram:
    key = bytes.fromhex(request.key)
    if request.path is not None:
        mammogram = decode(Path(request.path), image_id=request.image_id, key=key)
    else:
        mammogram = decode_content(content, size=request.size, image_id=request.image_id, key=key)
    if request.view is None:
        return mammogram
    return mammogram.with_ref(replace(mammogram.ref, view=request.view))


def _refuse(replies: IO[bytes], error: ReadError) -> None:
    refused = Refused(code=error.code, sentence=error.sentence, hint=error.hint)
    send(replies, Reply(refused=refused))


if __name__ == "__main__":
    sys.exit(main())
