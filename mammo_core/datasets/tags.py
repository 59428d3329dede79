"""What readers say of images of a data set in words of their own ("artefact", "look again"): kept
with the set, by what it holds, so that its folder may be moved or registered under another name.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from mammo_core.errors import ConfigError, MammoError, ReadError, TableError
from mammo_core.files import locked, replace_file
from mammo_core.preprocessing.reading import limits
from mammo_core.records import read_object

Tags = Mapping[str, tuple[str, ...]]  # by image id, each image's in order

NO_TAG: Final = "no tag"
_TAKEN: Final = (NO_TAG, "not known")  # what parts of a table are called that are no tag's
_FILES: Final = 4  # whose content is asked for


def identity_of(root: Path, manifest: pd.DataFrame) -> str:
    """Which images a data set holds, whatever their labels and splits: a hash over their names, and
    one over the first files, for many sets number their images from 1 on. A MammoError where one
    of those cannot be read: under another identity its tags would not be found.
    """
    paths = dict(zip(manifest["image_id"].astype(str), manifest["path"], strict=True))
    names = sorted(paths)
    told = hashlib.sha256("\0".join(names).encode("utf-8")).hexdigest()[:32]
    content = hashlib.sha256()
    for name in names[:_FILES]:
        content.update(hashlib.sha256(_beginning(root, str(paths[name]))).digest())
    return f"{told}-{content.hexdigest()[:16]}"


def _beginning(root: Path, path: str) -> bytes:
    try:
        return limits.read_source(root / path, most=limits.MEGABYTE, inside=root)
    except ReadError as error:
        raise MammoError(
            f"Tags are kept with a data set by its first images, and {path} could not be read: "
            f"{error}"
        ) from None


def read_tags(root: Path, identity: str) -> Tags:
    """The tags of a data set's images; none where nobody gave any."""
    found: dict[str, list[str]] = {}
    for tag, images in _read(root, identity).items():
        for image in images:
            found.setdefault(image, []).append(tag)
    return {image: tuple(sorted(tags)) for image, tags in found.items()}


def change_tag(
    root: Path, identity: str, tag: str, images: Iterable[str], *, is_removed: bool
) -> None:
    """Give `tag` to `images`, or take it from them; two writers at once lose nothing. Tags kept by
    names alone are from then on those of this set.
    """
    if not is_removed and tag.strip().casefold() in _TAKEN:
        raise ConfigError(
            f"No tag can be called {tag!r}: a part of the tables is. Choose other words."
        )
    root.mkdir(parents=True, exist_ok=True)
    with locked(root / f"{_names_of(identity)}.lock"):
        tags = _read(root, identity)
        tagged = set(tags.pop(tag, ()))
        tagged = tagged - set(images) if is_removed else tagged | set(images)
        if tagged:
            tags[tag] = sorted(tagged)
        text = json.dumps(dict(sorted(tags.items())), indent=1, ensure_ascii=False)
        replace_file(_file_of(root, identity), text + "\n")
        if _names_of(identity) != identity:
            _file_of(root, _names_of(identity)).unlink(missing_ok=True)


def tag_column(image_ids: "pd.Series[str]", tags: Tags) -> "pd.Series[Any]":
    """Per image its tags, to cut a table by: an image of two is in the part of each."""
    found = [tags.get(str(one)) or (NO_TAG,) for one in image_ids]
    return pd.Series(found, index=image_ids.index, dtype=object)


def _file_of(root: Path, identity: str) -> Path:
    return root / f"{identity}.json"


def _names_of(identity: str) -> str:
    """The part of it that sets share which name their images alike."""
    return identity.partition("-")[0]


def _read(root: Path, identity: str) -> dict[str, list[str]]:
    path = _file_of(root, identity)
    if not path.exists():  # it may have been kept when the names alone were its identity
        path = _file_of(root, _names_of(identity))
    if not path.exists():
        return {}
    document = read_object(path, where=f"The list of tags {path.name}")
    for tag, images in document.items():
        if not isinstance(images, list) or not all(isinstance(one, str) for one in images):
            raise TableError(
                f"The list of tags {path.name} holds something else than image ids under "
                f"{tag!r}. Put the file back from a copy, or delete it."
            )
    return document
