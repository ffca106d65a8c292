"""The Engine contract: one loaded model, four verbs. It knows neither Ray nor HTTP.

Work is cut into *units*, and units of many requests are batched together::

    prepare(request) -> units        CPU work for one request; a bad input fails here, alone
    cost(unit) -> int                weight of one unit against the batch budget
    infer(units) -> outcomes         the model, on units of any requests
    assemble(request, units, results) -> result   put one request back together

Threads: an engine is constructed, warmed, inferred with and closed in one thread (the engine thread), because
PaddleOCR and others are not thread-safe. `prepare`, `cost` and `assemble` run in a pool beside it and must
not touch the model's mutable state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

RequestT = TypeVar("RequestT", contravariant=True)
UnitT = TypeVar("UnitT")
OutcomeT = TypeVar("OutcomeT")
ResultT = TypeVar("ResultT", covariant=True)


@dataclass(frozen=True, slots=True)
class BackendStatus:
    """One configured backend: loaded, or why not."""

    name: str
    loaded: bool
    model: str = ""
    reason: str = ""
    """Why it is not loaded, and what to install or set."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What answered: shown by `/health` and named in every reply."""

    model: str
    """Name of the model as its publisher writes it, e.g. `all-MiniLM-L6-v2`."""
    backend: str
    """Library that runs it, e.g. `openvino`."""
    version: str
    """Identifies the weights: a hub revision, or `sha256:` and the first 12 digits of the weights' hash."""
    device: str = "cpu"
    languages: tuple[str, ...] = ()
    backends: tuple[BackendStatus, ...] = ()
    """Every configured backend, in order of preference."""
    notes: dict[str, str | int | float | bool] = field(default_factory=dict)
    """Facts a user may ask for (`dimensions`, `max_tokens`, ...)."""


class Engine(Protocol[RequestT, UnitT, OutcomeT, ResultT]):
    @property
    def card(self) -> ModelCard:
        """The model that is loaded."""
        ...

    def prepare(self, request: RequestT) -> Sequence[UnitT]:
        """Decode, check and cut one request into units (may be none).

        Raises:
            InvalidInput (or a subclass): this request can never succeed.
        """
        ...

    def cost(self, unit: UnitT) -> int:
        """Weight of `unit` against the batch budget, >= 1. Pure and cheap; called once a unit."""
        ...

    def infer(self, units: Sequence[UnitT]) -> Sequence[OutcomeT | Exception]:
        """Run the model on units of any requests: one outcome *or error value* per unit, in order.

        An exception that is raised, not returned, fails every unit of the batch.
        """
        ...

    def assemble(self, request: RequestT, units: Sequence[UnitT], outcomes: Sequence[OutcomeT]) -> ResultT:
        """Put one request back together from its units and their outcomes, in the order of `prepare`."""
        ...

    def warm_up(self) -> None:
        """Run once on a typical input, so that the first caller does not pay for lazy initialisation."""
        ...

    def close(self) -> None:
        """Free what the model holds."""
        ...


OnOutcome = Callable[[int, int, Any], None]
"""Told of each unit as it is done: (its index, number of units, its outcome). Called on the event loop, any order."""


class Runner(Protocol[RequestT, ResultT]):
    """What a service's routes see of a model: requests in, results out, batching hidden.

    `deployments.serving.runner.EngineRunner` is the one implementation; routes never see units or threads.
    """

    @property
    def card(self) -> ModelCard:
        """The model that answers.

        Raises:
            NotReady: nothing is loaded yet.
        """
        ...

    async def run(self, request: RequestT, on_outcome: OnOutcome | None = None) -> ResultT:
        """Prepare, batch with other requests' units, infer, assemble.

        Raises:
            SensoriumError: this request's own failure, or `Overloaded` / `NotReady`.
        """
        ...
