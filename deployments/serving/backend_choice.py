"""Several backends of one service, each its own deployment: which are loaded, and which one is the default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deployments.serving.batched_model import BatchedModel
from deployments.serving.engine import BackendStatus, Runner
from deployments.serving.errors import BackendMissing


async def choose_backends(
    ingress: BatchedModel, names: Sequence[str]
) -> tuple[dict[str, Runner[Any, Any]], tuple[BackendStatus, ...]]:
    """The loaded backends by name, the default first, and what became of every configured one.

    Waits until every peer has loaded or failed to.

    Args:
        ingress: holds the backend `names[0]`; the others are its peers.

    Raises:
        BackendMissing: none is loaded; the message names each with its reason.
    """
    runners: dict[str, Runner[Any, Any]] = {}
    statuses = []
    for name in names:
        try:
            card = await (ingress.card() if name == names[0] else ingress.peers[name].fetch_card())
        except BackendMissing as error:
            statuses.append(BackendStatus(name, loaded=False, reason=error.message))
        else:
            statuses.append(BackendStatus(name, loaded=True, model=card.model))
            runners[name] = ingress.runner if name == names[0] else ingress.peers[name]
    if not runners:
        raise BackendMissing("no backend loads. " + "; ".join(f"{one.name}: {one.reason}" for one in statuses))
    return runners, tuple(statuses)
