"""The error tree crosses processes whole, and every code is one of a kind."""

from __future__ import annotations

import inspect
import pickle

import pytest

from deployments.serving import errors
from deployments.serving.errors import InputTooLarge, SensoriumError, Unavailable

TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SensoriumError)]


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_with_its_fields(kind: type[SensoriumError]) -> None:
    error = pickle.loads(pickle.dumps(kind("too large; send less", limit=5, field="text")))
    assert type(error) is kind
    assert (error.message, str(error)) == ("too large; send less", "too large; send less")
    assert error.details == {"limit": 5, "field": "text"}


def test_codes_are_distinct_and_in_the_drawn_tree() -> None:
    codes = [kind.code for kind in TREE]
    assert len(set(codes)) == len(codes)
    for kind in TREE:
        assert kind.__name__ in (errors.__doc__ or "")
        assert kind.code in (errors.__doc__ or "")


def test_kinds_can_be_caught_by_their_family() -> None:
    assert isinstance(InputTooLarge("x"), errors.InvalidInput)
    assert issubclass(errors.Overloaded, Unavailable)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_an_error_is_rebuilt_from_its_code(kind: type[SensoriumError]) -> None:
    again = errors.rebuilt(kind.code, "send less")
    assert (type(again), again.message) == (kind, "send less")
    assert type(errors.rebuilt("of a newer version", "?")) is SensoriumError
