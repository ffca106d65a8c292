"""What one container-number call may bring."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContainerNumberLimits:
    """Checked by the routes; what one file may hold is `deployments.serving.media.MediaPolicy`'s."""

    max_images: int = 100
    """Images in one call."""
    parallel_images: int = 4
    """Images of one call in memory and in the models' queues at once."""

    def __post_init__(self) -> None:
        for name in ("max_images", "parallel_images"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
