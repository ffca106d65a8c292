"""Which of the loaded backends answers a request."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deployments.serving.engine import BackendStatus, Runner
from deployments.serving.errors import NotFound, NotReady, UnsupportedOption
from deployments.speech.types import SpeechRequest, SpeechResult

SpeechRunner = Runner[SpeechRequest, SpeechResult]

_DEFAULT_MODEL = "whisper-1"
"""OpenAI's own name, which many clients have built in: whatever is the default here."""


class LoadedBackends:
    """The runners by backend name; the first is the default.

    Args:
        statuses: every configured backend, loaded or why not.
    """

    def __init__(self, runners: Mapping[str, SpeechRunner], statuses: Callable[[], Sequence[BackendStatus]]) -> None:
        self._runners = dict(runners)
        self._statuses = statuses
        self._since = int(time.time())

    def named(self, backend: str | None) -> SpeechRunner:
        """The runner of `backend`; the default for None, an empty name or `default`.

        Raises:
            UnsupportedOption: not loaded; says which are, and why this one is not.
            NotReady: none is loaded yet.
        """
        wanted = (backend or "").strip().lower().replace("_", "-")
        if wanted in ("", "default", "auto"):
            return self._default()
        runner = self._runners.get(wanted)
        if runner is None:
            raise UnsupportedOption(
                f"backend {wanted[:40]!r} is not loaded here{self._why_not(wanted)}; "
                f"loaded: {', '.join(self._runners) or 'none'}",
                field="backend",
                available=list(self._runners),
            )
        return runner

    def serving(self, model: str | None) -> SpeechRunner:
        """The runner of an OpenAI model id: `backend/model`, a backend's name, a model's name, or `whisper-1`.

        Raises:
            UnsupportedOption: no such model here.
            NotReady: none is loaded yet.
        """
        if not model or model == _DEFAULT_MODEL:
            return self._default()
        if model in self._runners:
            return self._runners[model]
        for name, runner in self._ready():
            if model in (runner.card.model, f"{name}/{runner.card.model}"):
                return runner
        raise UnsupportedOption(
            f"model {model[:80]!r} is not served here; ask for one of {', '.join(self._ids())}, or {_DEFAULT_MODEL} "
            "for the default",
            field="model",
            available=self._ids(),
        )

    def models(self) -> list[dict[str, Any]]:
        """OpenAI's model objects, the default first."""
        return [
            {
                "id": f"{name}/{runner.card.model}",
                "object": "model",
                "created": self._since,
                "owned_by": "sensorium",
                "backend": name,
                "languages": list(runner.card.languages),
            }
            for name, runner in self._ready()
        ]

    def model(self, model: str) -> dict[str, Any]:
        """
        Raises:
            NotFound: no such model here.
        """
        try:
            card = self.serving(model).card
        except UnsupportedOption as error:
            raise NotFound(error.message, available=self._ids()) from None
        return next(entry for entry in self.models() if entry["id"] == f"{card.backend}/{card.model}")

    def _default(self) -> SpeechRunner:
        if not self._runners:
            raise NotReady("no speech backend is loaded yet; try again", retry_after_s=5)
        return next(iter(self._runners.values()))

    def _ids(self) -> list[str]:
        return [entry["id"] for entry in self.models()]

    def _ready(self) -> list[tuple[str, SpeechRunner]]:
        ready = []
        for name, runner in self._runners.items():
            try:
                runner.card  # noqa: B018 - raises while it loads
            except NotReady:
                continue
            ready.append((name, runner))
        return ready

    def _why_not(self, backend: str) -> str:
        status = next((status for status in self._statuses() if status.name == backend and not status.loaded), None)
        return f" ({status.reason})" if status is not None and status.reason else ""
