"""How a container number is painted: which fonts, colours, layouts and how much weather.

Every `share` is the probability, 0..1, that a crop has the feature.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class CropStyle:
    name: str
    font_kinds: tuple[str, ...] = ("sans",)
    pillow_font_only: bool = False
    """Leave out the machine's fonts: the pictures are then the same on every machine."""
    dark_on_light_share: float = 0.35
    slant: tuple[float, float] = (0.0, 0.0)
    """Horizontal shear of the letters, in pixels per pixel of height (0.3 is a strong italic)."""
    tilt_degrees: float = 2.0
    """The camera's roll is uniform in [-tilt, tilt]."""
    stencil_share: float = 0.0
    """Letters sprayed through a stencil: a bridge of bare wall through each."""
    corrugation_share: float = 0.6
    rust_share: float = 0.4
    light_share: float = 0.5
    """Sunlight and shadow across the crop."""
    distance_share: float = 0.4
    """Seen from far: few pixels per letter, then enlarged."""
    boxed_check_digit_share: float = 0.3
    vertical_share: float = 0.0
    """The eleven characters one below the other, as on a corner post."""
    plain: bool = False
    """No weather at all: the first lessons of a model that starts from nothing."""


PAINTED = CropStyle(name="painted", vertical_share=0.12)
"""What the nano model is trained on: upright sans letters, mostly light on dark."""

LESSON = CropStyle(
    name="lesson", font_kinds=("mono",), plain=True, dark_on_light_share=0.0, boxed_check_digit_share=0.0
)
"""Clean, evenly spaced letters: where a model that starts from nothing learns where to look."""

DECAL = CropStyle(
    name="decal",
    pillow_font_only=True,
    dark_on_light_share=1.0,
    slant=(0.2, 0.35),
    tilt_degrees=3.0,
    stencil_share=0.6,
    boxed_check_digit_share=0.0,
)
"""A style that the nano model has never seen: slanted stencil letters, dark on light. It needs no font but Pillow's."""

VERTICAL = replace(PAINTED, name="vertical", vertical_share=1.0)

STYLES: dict[str, CropStyle] = {style.name: style for style in (PAINTED, LESSON, DECAL, VERTICAL)}
