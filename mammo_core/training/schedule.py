"""The learning rate as a pure function of the step."""

import math


def cosine_with_warmup(step: int, *, warmup: int, total: int, peak: float) -> float:
    """Rise in a line to `peak` over `warmup` steps, then fall in a half cosine towards 0."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, total - warmup)
    return peak * 0.5 * (1.0 + math.cos(math.pi * progress))
