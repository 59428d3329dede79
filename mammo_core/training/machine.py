"""Which device, how precise, and how many processes: one Fabric for all of them.

Started alone, a run uses one device. Started by torchrun, every process is told its place in
environment variables (RANK, WORLD_SIZE, ...) and Fabric joins them.
"""

import os
import sys
from typing import Any, Final, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch import nn

from mammo_core.config import RunConfig
from mammo_core.errors import ConfigError

_MOST_TOLD: Final = 200  # characters of what a compiler says: it may quote a whole program


def make_fabric(config: RunConfig) -> Fabric:
    """The Fabric of this process, its processes joined."""
    _settle(deterministic=config.is_deterministic)
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if config.optim.batch_size % world:
        raise ConfigError(
            f"A batch of {config.optim.batch_size} cannot be shared evenly by {world} processes."
        )
    fabric = Fabric(
        accelerator=_accelerator(config),
        devices=local,
        num_nodes=world // local,
        strategy="ddp" if world > 1 else "auto",
        precision=config.precision,
        # Said, not guessed: inside an allocation of Slurm, Fabric would take a process that stands
        # alone for one of as many as there are machines.
        plugins=[TorchElasticEnvironment() if world > 1 else LightningEnvironment()],
    )
    if world > 1:
        fabric.launch()
    return fabric


def leave_others(fabric: Fabric) -> None:
    """End the talk between processes, when all have come so far. One that just ended might abort in
    gloo's threads, and torchrun would end the first before it has written what was learnt.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        fabric.barrier()
        torch.distributed.destroy_process_group()


def _settle(*, deterministic: bool) -> None:
    """How a GPU calculates: by whatever is quickest for these sizes, or the same way every time."""
    if deterministic:  # cuBLAS documentation, results reproducibility
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = not deterministic


def any_of(fabric: Fabric, flag: bool) -> bool:
    """Whether `flag` is set in any process. All must ask, or those that do would wait forever."""
    if fabric.world_size == 1:
        return flag
    counted: Any = fabric.all_reduce(
        torch.tensor(float(flag), device=fabric.device), reduce_op="sum"
    )
    return bool(counted > 0.0)


def can_be_fused(fabric: Fabric) -> bool:
    """Whether an optimiser may change all weights in one kernel: the same step, in less time.

    Not where a scaler keeps 16-bit gradients from vanishing: a fused step undoes the scale itself,
    after gradients were clipped.
    """
    return fabric.device.type in ("cuda", "cpu") and scaler_of(fabric) is None


def scaler_of(fabric: Fabric) -> torch.amp.GradScaler | None:
    """What keeps the gradients of 16-bit floats from vanishing; other precisions need none."""
    scaler: torch.amp.GradScaler | None = getattr(fabric.strategy.precision, "scaler", None)
    return scaler


def compiled(module: nn.Module) -> nn.Module:
    """`module` as torch.compile runs it, at its first batch; the weights are shared."""
    return cast(nn.Module, torch.compile(module))


def why_not_compiled(error: RuntimeError) -> str | None:
    """What hindered torch.compile, in one line; None where it was something else."""
    if "torch._dynamo" not in sys.modules:
        return None  # nothing was compiled; loading it takes a second
    from torch._dynamo.exc import TorchDynamoException

    if not isinstance(error, TorchDynamoException):
        return None
    told = " ".join(str(error).strip().partition("\n\n")[0].split())[:_MOST_TOLD]
    return (
        f"torch.compile could not compile this network here ({told}). On a CPU it needs a C++ "
        "compiler, on a GPU Triton. Set optim.is_compiled to false."
    )


def why_not_twice(error: RuntimeError) -> str | None:
    """Which step a GPU cannot calculate the same way twice; None where it was something else."""
    step, says, _ = str(error).partition(" does not have a deterministic implementation")
    if not says:
        return None
    return (
        f"On this GPU one step of this network ({step}) cannot be calculated the same way twice. "
        "Choose another backbone or pooling, train on a CPU, or set is_deterministic to false."
    )


def memory_gb(device: torch.device) -> float | None:
    """The most that was in use: of the GPU's memory, else of this process's."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated() / 2**30)
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**30 if sys.platform == "darwin" else 2**20)


def _accelerator(config: RunConfig) -> str:
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("This computer has no CUDA device. Set device to cpu or auto.")
    if config.device != "auto":
        return config.device
    return "cuda" if torch.cuda.is_available() else "cpu"
