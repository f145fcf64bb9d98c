from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, top_k_accuracy_score

from omz.accuracy.metrics import confusions, per_class, top_k_correct, worst_classes
from omz.inference.proportion import Proportion, wilson


@given(st.integers(3, 40), st.integers(1, 60), st.integers(1, 6), st.integers(0, 2**32 - 1))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_accuracy_is_scikit_learns(classes, images, k, seed):
    rng = np.random.default_rng(seed)
    scores = rng.permuted(np.tile(np.arange(classes, dtype=float), (images, 1)), axis=1)  # no ties
    labels = rng.integers(0, classes, images)
    rankings = np.argsort(-scores, axis=1)[:, :k]
    correct = top_k_correct(labels.tolist(), rankings.tolist(), k)
    expected = top_k_accuracy_score(labels, scores, k=k, labels=range(classes)) if k < classes else 1.0
    assert correct / images == expected


@given(st.integers(2, 12), st.integers(1, 200), st.integers(0, 2**32 - 1))
@settings(derandomize=True, deadline=None, max_examples=100)
def test_errors_are_those_of_the_confusion_matrix(classes, images, seed):
    rng = np.random.default_rng(seed)
    labels, answers = rng.integers(0, classes, (2, images)).tolist()
    matrix = confusion_matrix(labels, answers, labels=range(classes))
    found = confusions(labels, answers, count=classes**2)
    assert {(one.label, one.answer): one.count for one in found} == {
        (i, j): matrix[i, j] for i in range(classes) for j in range(classes) if i != j and matrix[i, j]
    }
    assert [one.count for one in found] == sorted((one.count for one in found), reverse=True)
    for one in per_class(labels, answers, [str(i) for i in range(classes)]):
        assert (one.top1.correct, one.top1.count) == (matrix[one.index, one.index], matrix[one.index].sum())


@given(st.integers(1, 100_000), st.floats(0, 1))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_interval_is_wilsons(count, share):
    correct = round(share * count)
    expected = binomtest(correct, count).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(wilson(correct, count), (expected.low, expected.high), atol=1e-9)


def test_nothing_measured_is_nothing_known():
    assert wilson(0, 0) == (0.0, 1.0)
    assert Proportion(0, 0).value == 0.0


def test_worst_classes_are_ordered_and_without_the_faultless():
    classes = per_class([0, 0, 1, 1, 1, 1, 2], [0, 1, 1, 0, 0, 1, 2], ["a", "b", "c"])
    assert [one.label for one in worst_classes(classes)] == ["b", "a"]
