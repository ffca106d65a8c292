"""The engine's own work, on the fake backend: order, dedupe, faults, costs, checks."""

from __future__ import annotations

import pickle
import time

import numpy as np
import pytest

from deployments.embedding.backends.fake import FakeBackend
from deployments.embedding.engine import EmbeddingEngine, load_engine
from deployments.embedding.types import EmbeddingConfig, EmbeddingRequest
from deployments.serving.errors import EngineFailed, InputTooLarge, InvalidInput, SensoriumError, UnsupportedOption
from tests.unit.embedding.conftest import embed


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend(dimensions=8, max_tokens=10, fail_on="poison")


@pytest.fixture
def fake(backend: FakeBackend) -> EmbeddingEngine:
    return EmbeddingEngine(backend, max_chars=1000, max_texts=100)


def test_results_keep_the_order_of_the_texts(fake: EmbeddingEngine) -> None:
    texts = ("a b c d e f", "one", "a b c", "two three", "one two three four five six seven")

    together = embed(fake, EmbeddingRequest(texts))

    alone = [embed(fake, EmbeddingRequest((text,))).vectors[0] for text in texts]
    np.testing.assert_array_equal(together.vectors, alone)
    assert together.tokens == (8, 3, 5, 4, 9)


def test_equal_texts_are_computed_once(fake: EmbeddingEngine, backend: FakeBackend) -> None:
    result = embed(fake, EmbeddingRequest(("same text", "other words", "same text", "same  text ")))

    assert sum(rows for rows, _ in backend.calls) == 2
    np.testing.assert_array_equal(result.vectors[0], result.vectors[2])
    np.testing.assert_array_equal(result.vectors[0], result.vectors[3])
    assert not np.array_equal(result.vectors[0], result.vectors[1])


def test_texts_that_differ_after_the_cut_share_a_vector_but_not_their_count(
    fake: EmbeddingEngine, backend: FakeBackend
) -> None:
    shared = "1 2 3 4 5 6 7 8"

    result = embed(fake, EmbeddingRequest((f"{shared} 9", f"{shared} ten eleven", shared)))

    assert sum(rows for rows, _ in backend.calls) == 1
    assert result.tokens == (11, 12, 10)
    assert result.truncated == (True, True, False)
    assert result.tokens_read == 30


def test_cost_is_the_tokens_that_are_read(fake: EmbeddingEngine) -> None:
    units = fake.prepare(EmbeddingRequest(("one two", "1 2 3 4 5 6 7 8 9 10")))

    assert [fake.cost(unit) for unit in units] == [4, 10]


def test_requests_with_and_without_normalising_share_a_batch(fake: EmbeddingEngine) -> None:
    scaled, raw = EmbeddingRequest(("a b",)), EmbeddingRequest(("a b",), normalize=False)
    units = [*fake.prepare(scaled), *fake.prepare(raw)]
    outcomes = [outcome for outcome in fake.infer(units) if not isinstance(outcome, Exception)]

    one = fake.assemble(scaled, units[:1], outcomes[:1]).vectors
    other = fake.assemble(raw, units[1:], outcomes[1:]).vectors

    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-6)
    assert np.linalg.norm(other) != pytest.approx(1, abs=1e-2)
    np.testing.assert_allclose(one * np.linalg.norm(other), other, rtol=1e-5)


def test_dimensions_cuts_and_then_normalises(fake: EmbeddingEngine) -> None:
    whole = embed(fake, EmbeddingRequest(("a b",), normalize=False)).vectors[0]
    cut = embed(fake, EmbeddingRequest(("a b",), dimensions=3)).vectors[0]
    cut_raw = embed(fake, EmbeddingRequest(("a b",), dimensions=3, normalize=False)).vectors[0]

    np.testing.assert_allclose(cut, whole[:3] / np.linalg.norm(whole[:3]), rtol=1e-6)
    np.testing.assert_array_equal(cut_raw, whole[:3])


@pytest.mark.parametrize("dimensions", [0, -1, 9])
def test_impossible_dimensions_are_refused(fake: EmbeddingEngine, dimensions: int) -> None:
    with pytest.raises(UnsupportedOption, match="1 to 8") as caught:
        fake.prepare(EmbeddingRequest(("a",), dimensions=dimensions))
    assert caught.value.details["field"] == "dimensions"


@pytest.mark.parametrize(
    ("texts", "kind", "details"),
    [
        ((), InvalidInput, {"field": "texts"}),
        (("fine", ""), InvalidInput, {"field": "texts", "index": 1}),
        (("fine", "x" * 1001), InputTooLarge, {"field": "texts", "index": 1, "limit": 1000, "actual": 1001}),
        (("x" * 1_000_000,), InputTooLarge, {"field": "texts", "index": 0, "actual": 1_000_000}),
        (("x",) * 101, InputTooLarge, {"field": "texts", "limit": 100, "actual": 101}),
        (("fine", "한글 \ud800 x"), InvalidInput, {"field": "texts", "index": 1, "position": 3}),
        (("\udfff",), InvalidInput, {"field": "texts", "index": 0, "position": 0}),
    ],
)
def test_bad_texts_are_refused_with_field_and_index(
    fake: EmbeddingEngine, texts: tuple[str, ...], kind: type[SensoriumError], details: dict[str, object]
) -> None:
    with pytest.raises(SensoriumError) as caught:
        fake.prepare(EmbeddingRequest(texts))
    assert type(caught.value) is kind
    assert caught.value.details.items() >= details.items()
    assert len(caught.value.message) < 300


def test_one_text_that_breaks_the_model_fails_alone(fake: EmbeddingEngine) -> None:
    units = fake.prepare(EmbeddingRequest(("one good", "poison here", "two good", "poison here")))

    outcomes = fake.infer(units)

    assert [isinstance(outcome, EngineFailed) for outcome in outcomes] == [False, True, False, True]
    good = embed(fake, EmbeddingRequest(("two good",), normalize=False)).vectors[0]
    np.testing.assert_array_equal(np.asarray(outcomes[2]), good)


def test_a_vector_that_is_not_finite_is_an_error_value(fake: EmbeddingEngine, backend: FakeBackend) -> None:
    honest = backend.encode

    def overflowing(ids, mask):  # type: ignore[no-untyped-def]
        vectors = honest(ids, mask)
        vectors[0, 0] = np.inf
        return vectors

    backend.encode = overflowing  # type: ignore[method-assign]
    outcomes = fake.infer(fake.prepare(EmbeddingRequest(("a b", "c d"))))
    assert [isinstance(outcome, EngineFailed) for outcome in outcomes] == [True, False]


def test_fake_backend_takes_its_time() -> None:
    slow = load_engine(EmbeddingConfig(backend="fake", fake_delay_s=0.05))
    began = time.perf_counter()
    slow.warm_up()
    assert time.perf_counter() - began >= 0.05


def test_config_and_loader_are_picklable() -> None:
    config = EmbeddingConfig(backend="fake", fake_dimensions=5)
    load, again = pickle.loads(pickle.dumps((load_engine, config)))
    assert load(again).card.notes["dimensions"] == 5


def test_an_unknown_backend_lists_those_there_are() -> None:
    with pytest.raises(UnsupportedOption) as caught:
        load_engine(EmbeddingConfig(backend="onnx"))
    assert "openvino" in caught.value.details["available"]
