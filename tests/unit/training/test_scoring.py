from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.scoring import MISSING, aligned, confusions, edit_distance, score

texts = st.text("ABC01", max_size=8)


def test_scores_of_a_small_set() -> None:
    scores = score(["CSQU 305438 3", "CSQU3054388", ""], ["CSQU3054383", "CSQU3054383", "CSQU3054383"])
    assert (scores.count, scores.exact_match, scores.valid_check_digits) == (3, 1 / 3, 1 / 3)
    assert scores.character_error_rate == pytest.approx(12 / 33)


def test_confusions_name_what_was_read_left_out_and_added() -> None:
    counted = confusions(["AXC", "AC", "ABBC"], ["ABC", "ABC", "ABC"])
    assert counted[("B", "X")] == 1
    assert counted[("B", MISSING)] == 1
    assert counted[(MISSING, "B")] == 1


def test_unequal_or_empty_lists_are_refused() -> None:
    with pytest.raises(ValueError, match="1 readings for 0"):
        score(["A"], [])


@given(texts, texts)
def test_alignment_costs_the_edit_distance_and_keeps_both_texts(text: str, truth: str) -> None:
    pairs = aligned(text, truth)
    assert sum(true != read for true, read in pairs) == edit_distance(text, truth)
    assert "".join(true for true, _ in pairs if true != MISSING) == truth
    assert "".join(read for _, read in pairs if read != MISSING) == text


@given(texts, texts)
def test_edit_distance_is_a_metric_on_these(text: str, truth: str) -> None:
    distance = edit_distance(text, truth)
    assert distance == edit_distance(truth, text)
    assert (distance == 0) == (text == truth)
    assert distance >= sum(((Counter(text) - Counter(truth)) | (Counter(truth) - Counter(text))).values()) / 2
