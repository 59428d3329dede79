"""mini-MIAS in little, its table in both editions: prose without header, header without prose."""

from pathlib import Path

import numpy as np

from tests.datasets.builders.drawn import texture, write_picture, write_text
from tests.datasets.builders.fixture import Fixture

PROSE = """INFORMATION
-----------
This file lists the films in the MIAS database and provides appropriate
details as follows:
1st column:MIAS database reference number.
2nd column:Character of background tissue: F Fatty G Fatty-glandular D Dense-glandular
NOTES
1) The list is arranged in pairs of films, where each pair represents the left
   (even filename numbers) and right mammograms (odd filename numbers).
"""

#: Rows of the original edition. mdb005 has two lesions, mdb144 a benign and a malignant one,
#: mdb059 and mdb216 no position; the copy with a header calls mdb212 and mdb214 normal.
ROWS = [
    "mdb001 G CIRC B 535 425 197",
    "mdb002 G NORM",
    "mdb005 F CIRC B 477 133 30",
    "mdb005 F CIRC B 500 168 26",
    "mdb006 F NORM",
    "mdb059 F CIRC B",
    "mdb060 F NORM",
    "mdb143 G NORM",
    "mdb144 G MISC B 233 994 29",
    "mdb144 G MISC M 313 540 27",
    "mdb211 G CALC M 680 327 13",
    "mdb212 G CALC B 687 882 3",
    "mdb213 G CALC M 547 520 45",
    "mdb214 G CALC B 582 916 11",
    "mdb215 D NORM",
    "mdb216 D CALC M *NOTE 3*",
]
IN_COPY = {
    "mdb212 G CALC B 687 882 3": "mdb212 G NORM",
    "mdb214 G CALC B 582 916 11": "mdb214 G NORM",
    "mdb216 D CALC M *NOTE 3*": "mdb216 D CALC M",
}
SIDE = 1024


def build_original(folder: Path) -> None:
    write_text(folder / "Info.txt", PROSE + "\n".join(ROWS) + "\n")
    write_films(folder, ROWS)


def build_copy(folder: Path) -> None:
    rows = [IN_COPY.get(row, row) + "  " for row in ROWS]
    write_text(folder / "Info.txt", "\n".join(["REFNUM BG CLASS SEVERITY X Y RADIUS ", *rows]))
    write_films(folder, ROWS)


def write_films(folder: Path, rows: list[str], *, side: int = SIDE) -> None:
    """The chest wall is at the left edge of even films, at the right edge of odd ones."""
    for name in sorted({row.split()[0] for row in rows}):
        number = int(name.removeprefix("mdb"))
        film = texture(number, (side, side))
        film = film if number % 2 == 0 else np.ascontiguousarray(film[:, ::-1])
        write_picture(folder / f"{name}.pgm", film)


def _fixture(name: str, *, is_original: bool) -> Fixture:
    normal, benign, cancer = (5, 5, 4) if is_original else (7, 3, 4)
    benign_and_normal = normal + benign
    return Fixture(
        name=name,
        adapter="mias",
        build=build_original if is_original else build_copy,
        images=14,
        labels={
            "malignant": {"cancer": cancer, "no cancer": benign_and_normal},
            "malignant-or-benign": {"cancer": cancer, "no cancer": benign},
            "normal-benign-malignant": {"normal": normal, "benign": benign, "cancer": cancer},
            "tissue": {"fatty": 4, "fatty-glandular": 8, "dense-glandular": 2},
        },
        groups=7,
        needed="Info.txt",
        boxes=9 if is_original else 7,
        defects={
            "sides-disputed": 14,
            "several-rows": 2,
            "no-position": 2,
            "benign-and-malignant": 1,
        },
    )


MIAS_ORIGINAL = _fixture("mias-original", is_original=True)
MIAS_COPY = _fixture("mias-copy", is_original=False)
