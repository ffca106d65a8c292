"""Charts as SVG text. Sizes are in the chart's own units; the page scales them to its columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from training.scoring import MISSING

WIDTH, HEIGHT = 520.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 12.0, 12.0, 28.0
_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + MISSING


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    points: Sequence[tuple[float, float]]
    colour: str
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Axes:
    """Where numbers go on the chart; `log` for the vertical axis."""

    x_most: float
    y_least: float
    y_most: float
    log: bool = False

    def x(self, value: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * value / max(self.x_most, 1e-9)

    def y(self, value: float) -> float:
        low, high, here = self.y_least, self.y_most, max(value, self.y_least)
        if self.log:
            low, high, here = math.log10(low), math.log10(high), math.log10(here)
        share = (here - low) / max(high - low, 1e-9)
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * min(1.0, share)


def smoothed(points: Sequence[tuple[float, float]], weight: float = 0.9) -> list[tuple[float, float]]:
    """Exponential moving average, its start corrected as in Adam (Kingma and Ba 2015)."""
    average, out = 0.0, []
    for index, (x, y) in enumerate(points, 1):
        average = weight * average + (1 - weight) * y
        out.append((x, average / (1 - weight**index)))
    return out


def loss_chart(raw: Sequence[tuple[float, float]], lines: Sequence[Line], best: tuple[float, float] | None) -> str:
    """Loss over optimizer steps, logarithmic: single steps faint, `lines` strong, the best evaluation ringed."""
    values = [y for line in lines for _, y in line.points if y > 0] + [y for _, y in raw if y > 0]
    low, high = (min(values), max(values)) if values else (0.1, 1.0)
    axes = Axes(
        max([x for x, _ in raw] + [x for line in lines for x, _ in line.points], default=1), low, high * 1.1, True
    )
    ticks = [tick for tick in _log_ticks(low, high * 1.1) if low <= tick]
    parts = [_grid(axes, ticks, [f"{tick:g}" for tick in ticks]), _step_labels(axes)]
    parts.append(f'<polyline class="raw" points="{_path(axes, raw)}"/>')
    parts += [_line(axes, line) for line in lines]
    if best:
        parts.append(
            f'<circle cx="{axes.x(best[0]):.1f}" cy="{axes.y(best[1]):.1f}" r="7" fill="none" '
            'stroke="var(--good)" stroke-width="2"/>'
        )
    return _svg("Loss by optimizer step", parts)


def share_chart(lines: Sequence[Line]) -> str:
    """Shares 0..1 over optimizer steps."""
    axes = Axes(max((x for line in lines for x, _ in line.points), default=1), 0.0, 1.0)
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    parts = [_grid(axes, ticks, [f"{tick:.0%}" for tick in ticks]), _step_labels(axes)]
    return _svg("Scores by optimizer step", [*parts, *(_line(axes, line) for line in lines)])


def bar_chart(groups: Sequence[tuple[str, Sequence[tuple[str, float, str]]]]) -> str:
    """Horizontal bars of shares 0..1: groups of (name, value, colour)."""
    row, gap, label = 28.0, 22.0, 72.0
    parts: list[str] = []
    y = 4.0
    for name, bars in groups:
        parts.append(f'<text x="0" y="{y + 10:.1f}" class="value">{escape(name)}</text>')
        y += 18
        for reader, value, colour in bars:
            width = (WIDTH - label - 60) * value
            parts.append(f'<text x="0" y="{y + 15:.1f}">{escape(reader)}</text>')
            parts.append(
                f'<rect x="{label}" y="{y:.1f}" width="{max(width, 1.5):.1f}" height="{row - 6}" rx="3" '
                f'fill="{colour}"/>'
            )
            parts.append(f'<text x="{label + width + 8:.1f}" y="{y + 15:.1f}" class="value">{value:.1%}</text>')
            y += row
        y += gap - 6
    return _svg("Exact match by reader", parts, y)


def confusion_chart(confusions: Sequence[tuple[str, str, int]], most: int, colour: str) -> str:
    """Which character (row) was read as which (column); the darker, the more often, `most` being the darkest."""
    cell, left, top = 12.6, 16.0, 16.0
    size = cell * len(_CHARACTERS)
    place = {character: index for index, character in enumerate(_CHARACTERS)}
    parts = [f'<rect x="{left}" y="{top}" width="{size:.1f}" height="{size:.1f}" fill="none" class="grid"/>']
    for index, character in enumerate(_CHARACTERS):
        middle = cell * (index + 0.5)
        shown = escape(character)
        parts.append(f'<text x="{left + middle:.1f}" y="{top - 5}" text-anchor="middle" font-size="9">{shown}</text>')
        parts.append(
            f'<text x="{left - 8}" y="{top + middle + 3.4:.1f}" text-anchor="middle" font-size="9">{shown}</text>'
        )
        parts.append(
            f'<rect x="{left + cell * index:.1f}" y="{top + cell * index:.1f}" width="{cell}" height="{cell}" '
            'fill="var(--line)" opacity="0.6"/>'
        )
    for true, read, times in confusions:
        if true not in place or read not in place:
            continue
        shade = 0.4 + 0.6 * min(1.0, math.sqrt(times / max(1, most)))
        parts.append(
            f'<rect x="{left + cell * place[read]:.1f}" y="{top + cell * place[true]:.1f}" width="{cell - 1}" '
            f'height="{cell - 1}" rx="2" fill="{colour}" opacity="{shade:.2f}">'
            f"<title>{escape(true)} read as {escape(read)}: {times}</title></rect>"
        )
    side = left + size
    return (
        f'<svg viewBox="0 0 {side:.0f} {side:.0f}" role="img" aria-label="Confused characters">{"".join(parts)}</svg>'
    )


def _svg(title: str, parts: Sequence[str], height: float = HEIGHT) -> str:
    return f'<svg viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'


def _grid(axes: Axes, ticks: Sequence[float], labels: Sequence[str]) -> str:
    parts = []
    for tick, label in zip(ticks, labels, strict=True):
        y = axes.y(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 7}" y="{y + 3.8:.1f}" text-anchor="end">{label}</text>')
    return "".join(parts)


def _step_labels(axes: Axes) -> str:
    y = HEIGHT - 8
    steps = [round(axes.x_most * quarter / 4) for quarter in range(5)]
    anchors = ["start", "middle", "middle", "middle", "end"]
    units = ["", "", "", "", " steps"]
    return "".join(
        f'<text x="{axes.x(step):.1f}" y="{y}" text-anchor="{anchor}">{step:,}{unit}</text>'
        for step, anchor, unit in zip(steps, anchors, units, strict=True)
    )


def _line(axes: Axes, line: Line) -> str:
    drawn = f'<polyline class="line" stroke="{line.colour}" points="{_path(axes, line.points)}"/>'
    if not line.dots:
        return drawn
    return drawn + "".join(
        f'<circle cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="3.4" fill="{line.colour}">'
        f"<title>{y:.4f}</title></circle>"
        for x, y in line.points
    )


def _path(axes: Axes, points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in points)


def _log_ticks(low: float, high: float) -> list[float]:
    ticks = [
        digit * 10.0**power
        for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for digit in (1, 2, 5)
    ]
    return [tick for tick in ticks if low * 0.99 <= tick <= high]
