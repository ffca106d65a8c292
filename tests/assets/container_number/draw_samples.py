"""Draws `samples/container.png` and `samples/yard.jpg`: `python -m tests.assets.container_number.draw_samples`."""

from __future__ import annotations

from pathlib import Path

from tests.assets.container_number.yard import SIX, Wall, draw_yard

SAMPLES = Path(__file__).parents[3] / "samples"
ONE = (Wall("CSQU3054383", "22G1", "one_line", (28, 92, 140), owner_name="CASTLE LINE"),)


def main() -> None:
    SAMPLES.mkdir(exist_ok=True)
    # Without noise, which PNG cannot compress.
    draw_yard(ONE, columns=1, size=(720, 480), weather=False).save(SAMPLES / "container.png", optimize=True)
    draw_yard(SIX).save(SAMPLES / "yard.jpg", quality=85)


if __name__ == "__main__":
    main()
