"""The table of docs/faults.md, from what a run counted."""

from __future__ import annotations

from collections.abc import Mapping

from tests.cluster.load import Outcome, Report

_HEAD = ("what died", "request", "sent", "typed error", "closed", "answers again after, s", "longest answer, s")


class Figures:
    """Rows in the order in which they were noted."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, ...]] = []

    def note(self, event: str, reports: Mapping[str, Report], at: float) -> None:
        """What `reports` say about `event`, which happened `at` (monotonic seconds)."""
        for name, report in reports.items():
            counted = report.outcomes
            codes = ", ".join(sorted(report.reasons(Outcome.TYPED)))
            self._rows.append(
                (
                    event,
                    name,
                    str(counted.total()),
                    f"{counted[Outcome.TYPED]} ({codes})" if codes else "0",
                    str(counted[Outcome.CLOSED]),
                    f"{report.recovered_after(at):.1f}",
                    f"{report.longest_s:.1f}",
                )
            )

    def table(self) -> list[str]:
        """Markdown; empty if nothing was noted."""
        if not self._rows:
            return []
        rule = tuple("---" for _ in _HEAD)
        return [f"| {' | '.join(row)} |" for row in (_HEAD, rule, *self._rows)]
