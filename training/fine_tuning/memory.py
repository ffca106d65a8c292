"""Out of memory, told as advice."""

from __future__ import annotations

from deployments.serving.errors import SensoriumError


class OutOfMemory(SensoriumError):
    """The batch does not fit into memory."""

    code = "out_of_memory"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that CUDA's, MPS's or the machine's memory is used up."""
    if isinstance(error, MemoryError) or type(error).__name__ in ("OutOfMemoryError", "OutOfMemory"):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def advice(batch_size: int, accumulation: int, device: str) -> OutOfMemory:
    """What to do: the current batch size, and one that trains the same way in less memory."""
    if batch_size > 1:
        smaller = batch_size // 2
        steps = accumulation * batch_size // smaller
        todo = f"Try --batch_size {smaller} --gradient_accumulation {steps}: the same training in less memory"
    else:
        todo = "It cannot be lowered: try --precision bf16, a lower --rank, a smaller base model"
    return OutOfMemory(
        f"Out of memory on {device} with batch size {batch_size}. {todo}.",
        batch_size=batch_size,
        gradient_accumulation=accumulation,
        device=device,
    )
