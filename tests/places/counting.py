"""Work for a cluster: `slowly FOLDER CHUNKS` and `rows COUNT`, which come to nothing, and
`features FOLDER OUT`, which measures the breasts of phantoms, and their boxes.
"""

import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mammo_core.datasets.dataset import read_dataset
from mammo_core.datasets.radiomics import measure_features
from mammo_core.places.pieces import in_chunks, kept_piece

_SIZE = 64
ANSWER = "answer: "  # Ray says things of its own, of nodes that were lost


def number(folder: Path, chunk: Sequence[int]) -> int:
    """Keeps the one number of the chunk as a piece, after a while."""

    def make() -> bytes:
        time.sleep(0.3)
        return str(chunk[0]).encode()

    return int(kept_piece(folder, (str(chunk[0]),), make))


def count(_: None, chunk: Sequence[int]) -> int:
    return len(chunk)


def slowly(folder: Path, chunks: int) -> str:
    numbers = list(in_chunks(number, folder, ([one] for one in range(chunks))))
    return f"{len(numbers)} {'in' if numbers == list(range(chunks)) else 'out of'} order"


def rows(total: int) -> str:
    """How many were counted, the memory it took in MB, and the seconds."""
    chunks = (range(start, min(total, start + _SIZE)) for start in range(0, total, _SIZE))
    begun = time.perf_counter()
    counted = sum(in_chunks(count, None, (list(chunk) for chunk in chunks)))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{counted} {most:.1f} {time.perf_counter() - begun:.1f}"


def features(folder: Path, out: Path) -> None:
    dataset = read_dataset(folder, "phantom_set", "lesion")
    for region in ("breast", "boxes"):
        table = measure_features(dataset, region=region, report=lambda *_: None, processes=1)
        table.to_csv(out / f"{region}.csv", index=False)


if __name__ == "__main__":
    if sys.argv[1] == "features":
        features(Path(sys.argv[2]), Path(sys.argv[3]))
        sys.stdout.write(f"{ANSWER}measured\n")
    elif sys.argv[1] == "rows":
        sys.stdout.write(f"{ANSWER}{rows(int(sys.argv[2]))}\n")
    else:
        sys.stdout.write(f"{ANSWER}{slowly(Path(sys.argv[2]), int(sys.argv[3]))}\n")
