"""The dashboard, the alert rules and Prometheus' configuration, as far as they can be checked without a cluster;
tests/serve/test_watching.py evaluates every query against a real one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.launch import dashboard
from deployments.serving import metrics

ROOT = Path(__file__).resolve().parents[3]
MONITORING = ROOT / "ray_configs" / "monitoring"
RULES_TEST = ROOT / "tests/assets/monitoring/alerts_test.yml"

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed; Debian: apt-get install prometheus"
)


def _ours() -> set[str]:
    """Names of our metrics as Prometheus sees them."""
    counters = {*metrics.HTTP_COUNTERS, *metrics.CODED_COUNTERS, *metrics.COUNTERS}
    counters |= {f"sensorium_{kind}" for kind in metrics.WORK}
    histograms = {*metrics.HTTP_HISTOGRAMS, *metrics.HISTOGRAMS}
    return (
        {f"ray_{name}_total" for name in counters}
        | {f"ray_{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}
        | {f"ray_{name}" for name in metrics.GAUGES}
    )


def _alerts() -> list[dict[str, Any]]:
    [group] = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def test_the_file_is_what_the_module_writes() -> None:
    assert dashboard.FILE.read_text() == dashboard.text(), "run `python -m deployments.launch.dashboard`"


def test_every_panel_has_queries_a_place_and_an_id_of_its_own() -> None:
    panels = json.loads(dashboard.FILE.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells)), "panels overlap"
    assert max(x for x, _ in cells) < 24
    for panel in panels:
        assert panel["type"] == "row" or all(target["expr"] for target in panel["targets"])


def test_every_metric_of_ours_that_is_asked_for_exists() -> None:
    queries = [query for row in dashboard.ROWS.values() for panel in row for query, _ in panel.queries]
    queries += [rule["expr"] for rule in _alerts()]
    asked = {name for query in queries for name in re.findall(r"\bray_sensorium_\w+", query)}
    assert asked <= _ours()
    forgotten = {name for name in _ours() if not name.endswith(("_bucket", "_count", "_sum"))} - asked
    # The rest is shown by its bucket, or by HTTP's figures.
    assert forgotten == {
        "ray_sensorium_requests_total", "ray_sensorium_units_total", "ray_sensorium_units_abandoned_total"
    }  # fmt: skip


def test_every_alert_says_what_to_do_and_is_tested() -> None:
    names = [rule["alert"] for rule in _alerts()]
    assert len(names) == len(set(names))
    for rule in _alerts():
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["action"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert re.search(r" [<>] [0-9.]+$", rule["expr"]), "must end in its threshold"
        assert f'alertname="{rule["alert"]}"' in RULES_TEST.read_text()


@needs_promtool
@pytest.mark.system
def test_promtool_accepts_the_configuration_and_every_alert_fires(tmp_path: Path) -> None:
    checks = (
        ["check", "rules", str(MONITORING / "alerts.yml")],
        ["check", "config", "--syntax-only", str(MONITORING / "prometheus.yml")],
        ["test", "rules", str(RULES_TEST)],
    )
    for arguments in checks:
        check = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert check.returncode == 0, check.stdout + check.stderr
