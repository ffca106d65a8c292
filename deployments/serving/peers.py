"""A model in another deployment, reached through its Serve handle, as a `Runner`."""

from __future__ import annotations

from typing import Any

from deployments.serving.engine import ModelCard, OnOutcome
from deployments.serving.errors import NotReady, Unavailable


class PeerRunner:
    """Makes a `BatchedModel`'s handle look like the runner in this replica.

    Args:
        handle: a `ray.serve.handle.DeploymentHandle` of a `BatchedModel`.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._card: ModelCard | None = None

    @property
    def card(self) -> ModelCard:
        """As last fetched by `fetch_card`.

        Raises:
            NotReady: not fetched yet.
        """
        if self._card is None:
            raise NotReady("this backend has not answered yet; try again", retry_after_s=2)
        return self._card

    async def fetch_card(self) -> ModelCard:
        """Ask the peer what it has loaded; waits until it is ready."""
        card: ModelCard = await self._handle.card.remote()
        self._card = card
        return card

    async def run(self, request: Any, on_outcome: OnOutcome | None = None) -> Any:
        """As `EngineRunner.run`, in the peer. Leaving cancels the work there."""
        if on_outcome is None:
            return await self._handle.run.remote(request)
        items = self._handle.options(stream=True).run_stream.remote(request)
        latest = await anext(aiter(items))
        async for item in items:  # every item but the last is progress
            on_outcome(*latest)
            latest = item
        return latest


class ApplicationRunner:
    """The model of another application, looked up when it is first asked: applications start in any order.

    Args:
        application: name of the Serve application whose ingress is a `BatchedModel`.
    """

    def __init__(self, application: str) -> None:
        self._application = application
        self._peer: PeerRunner | None = None

    @property
    def card(self) -> ModelCard:
        return self._found().card

    async def run(self, request: Any, on_outcome: OnOutcome | None = None) -> Any:
        """As `PeerRunner.run`.

        Raises:
            Unavailable: no such application runs (yet), or its replica died with this request on it.
        """
        from ray.exceptions import RayActorError

        try:
            return await self._found().run(request, on_outcome)
        except RayActorError as error:
            raise Unavailable(f"the service {self._application!r} died; try again", retry_after_s=1) from error

    def _found(self) -> PeerRunner:
        from ray import serve
        from ray.serve.exceptions import RayServeException

        if self._peer is None:
            try:
                self._peer = PeerRunner(serve.get_app_handle(self._application))
            except RayServeException as error:
                raise Unavailable(f"the service {self._application!r} is not running", retry_after_s=5) from error
        return self._peer
