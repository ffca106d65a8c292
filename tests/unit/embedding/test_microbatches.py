from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deployments.embedding.microbatches import pad, plan
from deployments.embedding.types import MicrobatchPolicy

POLICY = MicrobatchPolicy(overhead_tokens=16, max_tokens=256)


def test_similar_lengths_share_a_call_and_different_ones_do_not() -> None:
    assert plan([100, 5, 98, 6, 99], POLICY) == [[0, 4], [2], [3, 1]]  # a third row of 100 would pass 256 tokens


@given(st.lists(st.integers(1, 300), max_size=80))
def test_every_sequence_is_in_one_group_and_no_group_breaks_the_policy(lengths: list[int]) -> None:
    groups = plan(lengths, POLICY)

    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        sizes = [lengths[index] for index in group]
        assert len(group) * max(sizes) <= POLICY.max_tokens or len(group) == 1
        assert sum(max(sizes) - size for size in sizes) <= POLICY.overhead_tokens


def test_padding_is_on_the_right_and_masked() -> None:
    ids, mask = pad([(5, 6, 7), (8,)], pad_id=1)

    np.testing.assert_array_equal(ids, [[5, 6, 7], [8, 1, 1]])
    np.testing.assert_array_equal(mask, [[1, 1, 1], [1, 0, 0]])
    assert ids.dtype == mask.dtype == np.int64
