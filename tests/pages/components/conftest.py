"""Parts of pages are run over a case of their own."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mammo_core.files import cases_root
from mammo_core.preprocessing.cases import Case, store_case
from mammo_core.preprocessing.pixel_files import keep_image
from mammo_core.types import ImageInfo, ImageRef, Mammogram


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Case]:
    """A case of one image, of which its file says nothing."""
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path))
    info = ImageInfo(ref=ImageRef(image_id="x"), kind="test", bits=8)
    keep = partial(
        keep_image,
        read=lambda _: Mammogram(
            info=info, pixels=np.hypot(*np.ogrid[1:0:64j, 1:0:32j]).astype(np.float32) / 1.5
        ),
        mask=lambda mammogram: mammogram,
    )
    return lambda content: store_case([content], cases_root(), keep=keep, now=time.time())
