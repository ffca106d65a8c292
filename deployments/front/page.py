"""The page at `/`: one self-contained HTML document, complete without JavaScript."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from deployments.front.types import ServiceReport
from deployments.web.health import HealthBody

_FOLDER = Path(__file__).parent / "templates"
_STATE_WORDS = {"ready": "ready", "loading": "starting", "failed": "failed", "unreachable": "not reachable"}

# The page shows this in a command to paste into a shell, so a Host header gets there only if it looks like a host.
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:]{2,45}\](:[0-9]{1,5})?").fullmatch


class Page:
    """The document, from its templates (read once)."""

    def __init__(self, *, version: str, refresh_s: float) -> None:
        self._card = Template(_read("card.html"))
        script, style = _read("page.js").replace("REFRESH_MS", str(int(refresh_s * 1000))), _read("page.css")
        self._page = Template(_read("page.html")).safe_substitute(script=script, style=style, version=escape(version))
        self.policy = (
            f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
        )
        """Content-Security-Policy: only our own script and style run, and nothing is loaded from anywhere."""

    def render(self, reports: Sequence[ServiceReport], base_url: str) -> str:
        """The page as HTML; `base_url` goes into the commands to copy."""
        ready = sum(report.state == "ready" for report in reports)
        return Template(self._page).safe_substitute(
            cards="\n".join(self._render_card(report, base_url) for report in reports),
            overall="ready" if ready == len(reports) else "degraded",
            summary=f"{ready} of {len(reports)} services ready",
        )

    def _render_card(self, report: ServiceReport, base_url: str) -> str:
        entry, health = report.entry, report.health
        return self._card.substitute(
            name=escape(entry.name),
            title=escape(entry.title),
            base_path=escape(entry.base_path),
            summary=escape(entry.summary),
            state=report.state,
            word=_STATE_WORDS[report.state],
            reason=f'<p class="reason">{escape(report.reason)}</p>' if report.reason else "",
            facts="" if health is None else _facts(health),
            backends="" if health is None else _backends(health),
            example=escape(entry.example.replace("{base_url}", base_url)),
            has_example="" if entry.example else "hidden",
        )


def base_url_of(scheme: str, host: str, otherwise: str) -> str:
    """The address that the visitor used, from the Host header; `otherwise` where that is not a plain host."""
    return f"{scheme}://{host}" if scheme in ("http", "https") and _HOST(host) else otherwise


def _facts(health: HealthBody) -> str:
    shown = {
        "Model": health.model,
        "Weights": health.model_version,
        "Backend": f"{health.backend} on {health.device}" if health.device else health.backend,
        "Languages": ", ".join(health.languages),
    } | {name.replace("_", " ").capitalize(): str(value) for name, value in health.notes.items()}
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in shown.items() if value)


def _backends(health: HealthBody) -> str:
    chips = []
    for backend in health.backends:
        why = escape(backend.model if backend.loaded else backend.reason)
        kind = "loaded" if backend.loaded else "missing"
        chips.append(f'<li class="{kind}" title="{why}">{escape(backend.name)}<small>{why}</small></li>')
    return "".join(chips)


def _read(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _hash(inline: str) -> str:
    """A CSP source for one inline script or style: https://www.w3.org/TR/CSP3/#grammardef-hash-source."""
    return "sha256-" + base64.b64encode(hashlib.sha256(inline.encode("utf-8")).digest()).decode("ascii")
