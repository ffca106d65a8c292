"""The report's HTML. Its charts come from `report_charts`, its look from `report.css`."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from deployments.container_number.adapters import BASE
from training.comparison import TUNED, Readings
from training.fine_tuning.progress_line import clock
from training.fine_tuning.state import Progress
from training.report_charts import Line, bar_chart, confusion_chart, loss_chart, share_chart, smoothed
from training.report_worst import worst_sheet
from training.scoring import MISSING

_COLOURS = {BASE: "var(--base)", TUNED: "var(--tuned)"}
_OTHER = "var(--third)"
_TOP_CONFUSIONS = 8


def page(
    manifest: dict[str, Any], progress: Progress, compared: Sequence[Readings], worst: Sequence[dict[str, Any]]
) -> str:
    """The whole document. `worst`: `picture` (data: address), `truth`, `tuned` (Item), `others` (reader: Item)."""
    first = [one for one in compared if one.dataset == compared[0].dataset]
    base, tuned = (next(one for one in first if one.reader == name) for name in (BASE, TUNED))
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    name = escape(str(manifest["name"]))
    sections = (
        _tiles(base, tuned),
        _curves(progress),
        _table(compared),
        _confusions(base, tuned),
        worst_sheet(worst, tuned),
        _facts(manifest, progress),
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Fine-tuning {name}</title><style>{style}</style></head><body><main>"
        f"<header><h1>Adapter “{name}”</h1><p>{_summary(manifest, progress, tuned)}</p></header>"
        f"{''.join(sections)}<footer>Figures of this page: report.json beside it. Scores are over held-out crops that "
        "training never saw.</footer></main></body></html>\n"
    )


def _summary(manifest: dict[str, Any], progress: Progress, tuned: Readings) -> str:
    settings = manifest["settings"]
    again = f", {progress.starts - 1} restart(s) survived" if progress.starts > 1 else ""
    early = ", stopped early" if progress.stopped_early else ""
    return (
        f"LoRA rank {settings['rank']} on {escape(str(manifest['base']['source']).rsplit('/', 1)[-1])}, "
        f"{progress.epoch} epochs and {progress.step:,} steps in {clock(progress.seconds)} min{again}{early}; "
        f"best at epoch {progress.best_epoch}. Compared on {tuned.scores.count} held-out crops."
    )


def _tiles(base: Readings, tuned: Readings) -> str:
    before, after = base.scores, tuned.scores
    certain, wrong = tuned.certain
    right = f"{certain - wrong} of {certain} right" if certain else "none"
    tiles = (
        _tile("Exact match", after.exact_match, before.exact_match, lead=True),
        _tile("Character error", after.character_error_rate, before.character_error_rate, less_is_better=True),
        _tile("Valid check digits", after.valid_check_digits, before.valid_check_digits),
        '<div class="tile"><div class="name">Reported without review</div>'
        f'<div class="now">{certain / after.count:.1%}</div><div class="before">{right}</div></div>',
    )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _tile(name: str, now: float, before: float, lead: bool = False, less_is_better: bool = False) -> str:
    change = (now - before) * 100
    better = change <= 0 if less_is_better else change >= 0
    return (
        f'<div class="tile{" lead" if lead else ""}"><div class="name">{name}</div><div class="now">{now:.1%}</div>'
        f'<div class="before">base {before:.1%}, <span class="{"better" if better else "worse"}">{change:+.1f} '
        "points</span></div></div>"
    )


def _curves(progress: Progress) -> str:
    steps = [(float(step), loss) for step, loss in progress.losses]
    evaluated = [(float(entry["step"]), float(entry["eval_loss"])) for entry in progress.evaluations]
    best = next((point for point in evaluated if point[1] == min(loss for _, loss in evaluated)), None)
    losses = loss_chart(
        steps,
        [Line("training", smoothed(steps), "var(--base)"), Line("held out", evaluated, "var(--tuned)", dots=True)],
        best,
    )
    over = [
        Line(label, [(float(entry["step"]), float(entry[key])) for entry in progress.evaluations], colour, dots=True)
        for label, key, colour in (
            ("exact match", "exact_match", "var(--tuned)"),
            ("character error", "character_error_rate", "var(--third)"),
        )
    ]
    left = _legend((("training", "var(--base)"), ("held out (best ringed)", "var(--tuned)")))
    right = _legend((("exact match", "var(--tuned)"), ("character error", "var(--third)")))
    return (
        "<h2>How it learned</h2><p>The adapter with the lowest held-out loss is the one that was kept.</p>"
        f'<div class="pair"><div class="card"><h3>Loss</h3>{left}{losses}</div>'
        f'<div class="card"><h3>On held-out crops, after each epoch</h3>{right}{share_chart(over)}</div></div>'
    )


def _legend(entries: Sequence[tuple[str, str]]) -> str:
    parts = (f'<span><i class="swatch" style="background:{colour}"></i>{name}</span>' for name, colour in entries)
    return f'<div class="legend">{"".join(parts)}</div>'


def _table(compared: Sequence[Readings]) -> str:
    rows, groups = [], []
    for dataset in dict.fromkeys(one.dataset for one in compared):
        own = [one for one in compared if one.dataset == dataset]
        bars = [(one.reader, one.scores.exact_match, _COLOURS.get(one.reader, _OTHER)) for one in own]
        groups.append((f"{dataset} ({own[0].scores.count} crops)", bars))
        rows += [_row(one) for one in own]
    head = "".join(f"<th>{name}</th>" for name in ("Exact", "Char. error", "Valid digit", "Certain", "Wrong"))
    return (
        "<h2>Readers side by side</h2><p>The same crops for everyone. “Certain” is the share that the service would "
        "report without review, after check digit and confidence were asked; “Wrong”, how many of those are.</p>"
        f'<div class="pair readers"><div class="card"><h3>Exact match</h3>{bar_chart(groups)}</div><div class="card">'
        f'<table><tr><th>Reader</th><th class="left">Crops</th>{head}</tr>{"".join(rows)}</table></div></div>'
    )


def _row(one: Readings) -> str:
    scores, (certain, wrong) = one.scores, one.certain
    colour = _COLOURS.get(one.reader, _OTHER)
    return (
        f'<tr class="{escape(one.reader)}"><td><i class="swatch" style="background:{colour}"></i>'
        f"{escape(one.reader)}</td>"
        f'<td class="left">{escape(one.dataset)}</td><td>{scores.exact_match:.1%}</td>'
        f"<td>{scores.character_error_rate:.1%}</td><td>{scores.valid_check_digits:.1%}</td>"
        f"<td>{certain / scores.count:.1%}</td><td>{wrong}</td></tr>"
    )


def _confusions(base: Readings, tuned: Readings) -> str:
    most = max((times for one in (base, tuned) for _, _, times in one.confusions), default=1)
    cards = []
    for one in (base, tuned):
        wrong = sum(times for _, _, times in one.confusions)
        top = ", ".join(f"{escape(t)}→{escape(r)} ({n})" for t, r, n in one.confusions[:_TOP_CONFUSIONS]) or "none"
        chart = confusion_chart(one.confusions, most, _COLOURS[one.reader])
        cards.append(
            f'<div class="card"><h3>{one.reader}: {wrong} wrong characters</h3>{chart}<p>Most often: {top}</p></div>'
        )
    return (
        "<h2>Confused characters</h2><p>Row: the character painted. Column: the character read. "
        f"{MISSING} stands for none (left out, or read where there is nothing).</p>"
        f'<div class="pair">{"".join(cards)}</div>'
    )


def _facts(manifest: dict[str, Any], progress: Progress) -> str:
    base = manifest["base"]
    facts = {
        "Base model": f"{base['source']}{'@' + base['revision'] if base['revision'] else ''}",
        "Base weights (SHA-256)": base["weights_sha256"],
        "Dataset (SHA-256)": manifest["dataset_sha256"],
        "Prompt": manifest["reading"]["prompt"],
        "Best held-out loss": f"{progress.best_loss:.5f} at epoch {progress.best_epoch}",
        **{
            name.replace("_", " "): value for name, value in manifest["settings"].items() if value not in (None, {}, [])
        },
        "versions": ", ".join(f"{name} {version}" for name, version in manifest["versions"].items()),
    }
    listed = "".join(f"<dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items())
    return f'<h2>How it was made</h2><div class="card"><dl style="margin:0">{listed}</dl></div>'
