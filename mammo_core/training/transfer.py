"""Numbers on their way from the processor to the device that works with them.

On CUDA they leave from pinned memory in a lane (stream) of their own: the copy runs beside the
network's work on the batch before, and nothing waits for it but what needs it.
"""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sent:
    """`arrived` is None where there was no way to go."""

    tensor: Tensor
    arrived: torch.cuda.Event | None = None

    def here(self) -> Tensor:
        """What was sent. The device, not the processor, waits until it is there."""
        if self.arrived is not None:
            work = torch.cuda.current_stream(self.tensor.device)
            work.wait_event(self.arrived)
            self.tensor.record_stream(work)  # or its memory could be given away too early
        return self.tensor


def send(numbers: Tensor, device: torch.device) -> Sent:
    """`numbers`, which nobody may change any more, on their way to `device`."""
    if device.type != "cuda":
        return Sent(tensor=numbers)
    lane = _lane_to(device)
    with torch.cuda.stream(lane):
        there = numbers.pin_memory().to(device, non_blocking=True)
        arrived = torch.cuda.Event()
        arrived.record(lane)
    return Sent(tensor=there, arrived=arrived)


@cache  # memory is kept by lane: more of them would keep more
def _lane_to(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
