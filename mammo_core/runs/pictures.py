"""Small pictures of the images a checkpoint was judged on, kept beside it where whoever owns the
images lets them be passed on: so that a model that ships can show what it was measured on.
"""

import io
import zipfile
from collections.abc import Mapping
from typing import Final

from mammo_core.errors import CheckpointError
from mammo_core.files import replace_file
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder

PICTURES_NAME: Final = "pictures.zip"
_LARGEST: Final = 200_000  # bytes of one picture: a file from elsewhere is not trusted
_SAME_TIME: Final = (1980, 1, 1, 0, 0, 0)  # two stores of the same pictures are equal


def write_pictures(run: RunFolder, pictures: Mapping[str, bytes]) -> None:
    """`pictures` are JPEGs by image id; a store made earlier is replaced."""
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as store:  # JPEGs get no smaller
        for image_id, data in sorted(pictures.items()):
            store.writestr(zipfile.ZipInfo(f"{image_id}.jpg", _SAME_TIME), data)
    replace_file(run.file(PICTURES_NAME), kept.getvalue())


def stored_picture(run: RunFolder, image_id: str) -> bytes | None:
    """The picture of that image; None where none is kept. The id names no file on the disk."""
    try:
        with zipfile.ZipFile(run.file(PICTURES_NAME)) as store:
            found = store.NameToInfo.get(f"{image_id}.jpg")
            if found is None or found.file_size > _LARGEST:
                return None
            return store.read(found)
    except FileNotFoundError:
        return None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError):
        raise CheckpointError(
            f"The pictures of {run.run_id} cannot be read. Delete {PICTURES_NAME} in its folder, "
            "or copy the checkpoint again; the model itself is whole."
        ) from None


def may_show(card: ModelCard) -> bool:
    """Only drawn images are nobody's: what a licence gives for research is not to be passed on."""
    return card.data.seen == "synthetic"


def why_no_pictures(run: RunFolder, card: ModelCard) -> str:
    """To stand where pictures of its images would; "" where there are some."""
    if run.file(PICTURES_NAME).exists():
        return ""
    if may_show(card):
        return "No pictures of its images are kept beside this model."
    return (
        f"The images of {card.data.title} may not be passed on with the model, so none are shown. "
        "Where you have them, register their folder on the Data page."
    )
