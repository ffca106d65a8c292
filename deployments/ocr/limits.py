"""What one OCR call may bring."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OcrLimits:
    """Checked by the routes; what one file may hold (pixels, pages) is `deployments.serving.media.MediaPolicy`'s."""

    max_images: int = 100
    """Images in one batch."""
    max_file_bytes: int = 32 * 2**20
    """Of one upload or base64 image, decoded; keep it equal to `MediaPolicy.max_bytes`."""
    parallel_images: int = 8
    """Images of one batch in memory and in the model's queue at once."""

    def __post_init__(self) -> None:
        for name in ("max_images", "max_file_bytes", "parallel_images"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
