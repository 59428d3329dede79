"""The process that opens a .pth: `python -m mammo_core.zoo.convert_pth IN OUT [NAME...]`.

A .pth is a pickle. Only tensors and plain containers are unpickled (`weights_only`), and that in a
process of its own with little memory, for a hostile file may still exhaust it. What training
scripts like to put beside the weights (their settings, arrays of scores) is replaced by a thing
that does nothing; a file that asks for anything else is refused.
"""

import pickletools
import re
import sys
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file
from torch import Tensor

from mammo_core.files import sync_folder

#: Address space, not memory: torch alone maps several gigabytes of libraries.
MEMORY_LIMIT = 16 * 2**30

#: Under which names the table of weights lies, where it is wrapped; the first that is there.
NAMES: Final = ("state_dict", "model", "net")

#: Kinds of things that are known to lie beside weights, and that nobody needs.
_BESIDE: Final = re.compile(
    r"argparse\.Namespace|omegaconf\..*|typing\.Any|collections\.defaultdict|pathlib\.\w+"
    r"|numpy\.(dtype|ndarray|dtypes\.\w+|(_?core\.)?multiarray\.(scalar|_reconstruct))"
)


_PICKLES: Final = 4  # of a file of the older kind, before the numbers themselves


class LeftOut:
    """Stands where something lay that is not a weight. Whatever it is made with, it forgets."""

    def __new__(cls, *_made_with: Any) -> "LeftOut":
        return super().__new__(cls)

    def __init__(self, *_made_with: Any) -> None: ...

    def __setstate__(self, _state: Any) -> None: ...


def main(source: Path, target: Path, *names: str) -> int:
    _limit_memory()
    state = table_in(source, names or NAMES)
    if not state:
        sys.stderr.write("It holds no table of weights.\n")
        return 1
    save_file({name: tensor.contiguous().clone() for name, tensor in state.items()}, target)
    sync_folder(target.parent)
    return 0


def table_in(source: Path, names: tuple[str, ...] = NAMES) -> dict[str, Tensor]:
    """The table of weights in `source`, empty where there is none; `names` are where it may lie."""
    return _tensors_of(_load(source), names)


def _load(source: Path) -> Any:
    stand_ins = [(LeftOut, name) for name in _globals_of(source) if _BESIDE.fullmatch(name)]
    with torch.serialization.safe_globals(stand_ins):  # type: ignore[arg-type]
        return torch.load(source, map_location="cpu", weights_only=True)


def _globals_of(source: Path) -> list[str]:
    """What the pickle asks for by name."""
    try:
        return list(torch.serialization.get_unsafe_globals_in_checkpoint(source))
    except ValueError:
        return _globals_of_older(source)


def _globals_of_older(source: Path) -> list[str]:
    """Of a file of before 2020, no zip: pickles one after the other. The first three say how it is
    written, the fourth is what was saved. They are read through, not unpickled.
    """
    try:
        with source.open("rb") as stream:
            return [
                str(said).replace(" ", ".")
                for _ in range(_PICKLES)
                for step, said, _ in pickletools.genops(stream)
                if step.name == "GLOBAL"
            ]
    except (ValueError, EOFError):
        return []  # torch says what is wrong with it


def _tensors_of(loaded: Any, names: tuple[str, ...]) -> dict[str, Tensor]:
    """The table of weights, which training scripts like to wrap once or twice."""
    for _ in range(3):
        if not isinstance(loaded, dict):
            return {}
        inner = [loaded[name] for name in names if isinstance(loaded.get(name), dict)]
        if not any(inner):
            return {name: value for name, value in loaded.items() if isinstance(value, Tensor)}
        loaded = next(table for table in inner if table)
    return {}


def _limit_memory() -> None:
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
