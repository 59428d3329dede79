"""The process that opens a .pth: `python -m mammo_core.zoo.convert_pth IN OUT`.

A .pth is a pickle. Only tensors and plain containers are unpickled (`weights_only`), and that in a
process of its own with little memory, for a hostile file may still exhaust it.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from mammo_core.files import sync_folder

#: Address space, not memory: torch alone maps several gigabytes of libraries.
MEMORY_LIMIT = 16 * 2**30


def main(source: Path, target: Path) -> int:
    _limit_memory()
    loaded = torch.load(source, map_location="cpu", weights_only=True)
    state = _tensors_of(loaded)
    if not state:
        sys.stderr.write("It holds no table of weights.\n")
        return 1
    save_file({name: tensor.contiguous().clone() for name, tensor in state.items()}, target)
    sync_folder(target.parent)
    return 0


def _tensors_of(loaded: Any) -> dict[str, Tensor]:
    """The table of weights, which training scripts like to wrap once or twice."""
    for _ in range(3):
        if not isinstance(loaded, dict):
            return {}
        tensors = {name: value for name, value in loaded.items() if isinstance(value, Tensor)}
        if tensors:
            return tensors
        inner = [loaded[name] for name in ("state_dict", "model", "net") if name in loaded]
        loaded = inner[0] if inner else None
    return {}


def _limit_memory() -> None:
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
