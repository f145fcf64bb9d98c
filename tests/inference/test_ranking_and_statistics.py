"""Ranking and latency figures against plain Python and NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omz.errors import InferenceError
from omz.inference.output import Output
from omz.inference.ranking import probabilities, rank
from omz.inference.statistics import Samples, Spread, StageLatencies, Timing, histogram, three_digits


def logits(count: int) -> Output:
    return Output("scores", "logits", count, count)


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=50), st.integers(1, 60))
def test_ranking_is_by_score_then_by_index(scores, k):
    labels = [f"class {index}" for index in range(len(scores))]
    found = rank(np.array(scores, np.float32), logits(len(scores)), labels, k)
    by_hand = probabilities(np.array(scores, np.float32))
    order = sorted(range(len(scores)), key=lambda index: (-scores[index], index))[:k]
    assert [p.index for p in found] == order
    assert [p.label for p in found] == [labels[index] for index in order]
    assert [p.score for p in found] == [float(by_hand[index]) for index in order]


def test_logits_are_ranked_where_their_probabilities_are_all_0():
    found = rank(np.array([-500, -300, 900, -400], np.float32), logits(4), ["x"] * 4, 4)
    assert [p.index for p in found] == [2, 1, 3, 0]


def test_equal_scores_come_in_the_order_of_their_indexes():
    found = rank(np.full(7, 1 / 7, np.float32), logits(7), ["x"] * 7, 5)
    assert [p.index for p in found] == [0, 1, 2, 3, 4]


def test_probabilities_are_left_alone_and_logits_get_a_softmax():
    already = np.array([0.25, 0.5, 0.25], np.float32)
    assert probabilities(already) is already
    logits = np.array([1000.0, 999.0, -5.0], np.float32)  # large enough to overflow a naive softmax
    expected = [1 / (1 + math.exp(-1)), math.exp(-1) / (1 + math.exp(-1)), 0]
    np.testing.assert_allclose(probabilities(logits), expected, atol=1e-7)


def test_logits_that_happen_to_sum_to_one_still_get_a_softmax():
    np.testing.assert_allclose(
        probabilities(np.array([3.0, -2.0])), [1 / (1 + math.exp(-5)), 1 / (1 + math.exp(5))]
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_output_that_is_not_finite_is_an_error(bad):
    with pytest.raises(InferenceError, match="not finite"):
        probabilities(np.array([0.1, bad]))


@given(st.lists(st.floats(1e-6, 10), min_size=1, max_size=300))
def test_percentiles_are_those_of_numpy_in_milliseconds(seconds):
    summary = Samples(seconds).summary()
    assert summary is not None
    assert summary.count == len(seconds)
    for name, q in (("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99), ("p99.9", 99.9)):
        assert summary.percentiles[name] == pytest.approx(1000 * np.percentile(seconds, q))
    assert summary.minimum == pytest.approx(1000 * min(seconds))
    assert summary.maximum == pytest.approx(1000 * max(seconds))
    assert summary.mean == pytest.approx(1000 * sum(seconds) / len(seconds))


def test_percentiles_of_a_hundred_known_values():
    summary = Samples(number / 1000 for number in range(101)).summary()
    assert summary is not None
    assert summary.to_json() == {
        "count": 101, "mean_ms": 50.0, "min_ms": 0.0, "max_ms": 100.0,
        "p50_ms": 50.0, "p90_ms": 90.0, "p95_ms": 95.0, "p99_ms": 99.0, "p99.9_ms": 99.9,
    }  # fmt: skip


def test_samples_stay_bounded_and_representative():
    samples = Samples((number / 1e6 for number in range(50_000)), limit=2_000)
    summary = samples.summary()
    assert len(samples.values) == 2_000
    assert summary is not None
    assert summary.count == 50_000
    assert summary.percentiles["p50"] == pytest.approx(25, rel=0.1)


def test_no_sample_no_summary():
    assert Samples().summary() is None
    assert StageLatencies().summaries() == {}


def test_stages_are_kept_apart():
    latencies = StageLatencies()
    latencies.add(Timing(0.001, 0.002, 0.003, 0.004, 0.02))
    latencies.add(Timing(0.003, 0.002, 0.003, 0.004, 0.02))
    means = {stage: summary.mean for stage, summary in latencies.summaries().items()}
    assert means == pytest.approx(
        {"decoding": 2, "preprocessing": 2, "inference": 3, "postprocessing": 4, "total": 20}
    )


@given(st.floats(1e-9, 1e9))
def test_three_significant_digits(value):
    text = three_digits(value)
    assert "e" not in text
    assert float(text) == pytest.approx(value, rel=5.01e-3)
    if value < 100:
        assert len(text.replace(".", "").lstrip("0")) == 3


def test_spread_median():
    assert Spread((3.0, 1.0, 2.0)).median == 2.0
    assert Spread((4.0, 1.0, 2.0, 3.0)).median == 2.5
    assert Spread((4.0, 1.0)).to_json() == {"min": 1.0, "median": 2.5, "max": 4.0, "values": [4.0, 1.0]}


@given(st.lists(st.floats(0.01, 1e4), min_size=1, max_size=200))
def test_histogram_counts_every_value_once(values):
    ranges = histogram(values)
    assert sum(count for _, _, count in ranges) == len(values)
    assert ranges[0][0] == min(values)
    assert ranges[-1][1] == max(values)
