"""The asynchronous pipeline: right answers, in order, in bounded memory, and an orderly end."""

from __future__ import annotations

import threading
import time
from itertools import count

import cv2
import numpy as np
import pytest

from omz.errors import InferenceError, UsageError
from omz.inference.classification import Classified, classify
from omz.inference.classifier import load_classifier
from omz.inference.devices import DeviceOptions
from omz.inference.pipeline import Pipeline
from omz.inference.sources import Arrays, Frame, open_source, repeat


@pytest.fixture(scope="module")
def classifier(tiny):
    return load_classifier(tiny.xml)


@pytest.mark.parametrize("requests", [0, 1, 2, 5])
def test_a_folder_gives_numpys_answers_in_order(tiny, folder, requests):
    exact = DeviceOptions(precision="f32")  # a CPU with bfloat16 computes in that unless told otherwise
    results = classify(tiny.xml, folder, device=exact, top_k=3, requests=requests)
    assert [result.source for result in results] == [str(folder / f"p{n}.png") for n in range(12)]
    for result in results:
        image = cv2.imread(result.source)
        assert [p.index for p in result.top] == tiny.ranking(image)[:3]
        np.testing.assert_allclose(
            [p.score for p in result.top], sorted(tiny.probabilities(image), reverse=True)[:3], atol=1e-5
        )


def test_order_is_kept_when_later_frames_are_ready_first(classifier, picture):
    def slow(number):
        time.sleep(0.05 if number % 4 == 0 else 0)
        return picture(number)

    frames = [Frame("x", number, lambda number=number: slow(number)) for number in range(40)]
    assert [outcome.number for outcome in Pipeline(classifier, requests=3).run(frames)] == list(range(40))


def test_arrays_and_lists_of_files_can_be_classified(tiny, folder, picture):
    images = [picture(number) for number in range(5)]
    assert [r.top[0].index for r in classify(tiny.xml, images)] == [
        tiny.ranking(image)[0] for image in images
    ]
    files = [folder / "p5.png", folder / "p2.png"]
    assert [r.source for r in classify(tiny.xml, files)] == [str(path) for path in files]
    with pytest.raises(InferenceError, match="no picture"):
        classify(tiny.xml, [])


def test_video_frames_are_numbered(tiny, video):
    results = classify(tiny.xml, video, keep_images=True)
    assert [(result.source, result.frame) for result in results] == [(str(video), n) for n in range(9)]
    for result in results:
        assert [p.index for p in result.top] == tiny.ranking(result.image)[:5]


def test_fewer_classes_than_asked_for(tiny, folder):
    (result,) = classify(tiny.xml, folder / "p1.png", top_k=10)
    assert len(result.top) == 6
    assert sum(p.score for p in result.top) == pytest.approx(1, abs=1e-5)


def test_one_bad_picture_does_not_stop_the_others(tiny, folder, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"x")
    good, broken, again = classify(tiny.xml, [folder / "p1.png", bad, folder / "p2.png"])
    assert good.top
    assert again.top
    assert broken == Classified(str(bad), 0, (), None, broken.error)
    assert str(bad) in broken.error
    with pytest.raises(InferenceError, match=r"no readable picture: .*bad\.png"):
        classify(tiny.xml, bad)


def test_a_slow_caller_holds_the_decoding_back(classifier, picture):
    decoded = count()
    image = picture(0)

    def load():
        next(decoded)
        return image

    pipeline = Pipeline(classifier, requests=2)
    outcomes = pipeline.run(repeat([Frame("x", 0, load)]))
    next(outcomes)
    time.sleep(0.3)
    outcomes.close()
    assert next(decoded) <= 2 * pipeline.lanes + 1


def test_closing_early_ends_every_thread(classifier, picture):
    before = threading.active_count()
    outcomes = Pipeline(classifier).run(repeat(Arrays([picture(0)])))
    for _ in range(5):
        next(outcomes)
    outcomes.close()
    assert threading.active_count() == before


def test_defects_in_a_source_reach_the_caller(classifier, picture):
    def frames():
        yield from Arrays([picture(0)])
        raise ValueError("defect")

    with pytest.raises(ValueError, match="defect"):
        list(Pipeline(classifier).run(frames()))

    def defective():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(Pipeline(classifier).run([Frame("x", 0, defective)]))


@pytest.mark.parametrize("kind", [RuntimeError, ValueError])
def test_what_the_callers_own_pictures_raise_is_not_taken_for_inference(classifier, picture, kind):
    def frames():
        yield from Arrays([picture(0)])
        raise kind("the caller's own")

    with pytest.raises(kind, match=r"^the caller's own$"):
        list(Pipeline(classifier).run(frames()))


@pytest.mark.parametrize("requests", [-1, 1025])
def test_requests_that_would_wait_for_ever_or_take_all_memory_are_refused(classifier, requests):
    with pytest.raises(UsageError, match="from 0 to 1024"):
        Pipeline(classifier, requests=requests)


def test_the_time_limit_holds(classifier, picture):
    began = time.perf_counter()
    outcomes = list(Pipeline(classifier).run(repeat(Arrays([picture(0)])), seconds=0.3))
    assert outcomes
    assert 0.3 <= time.perf_counter() - began < 30  # it has no other end


def test_stages_add_up_to_no_more_than_the_total(classifier, folder):
    for outcome in Pipeline(classifier).run(open_source(folder)):
        timing = outcome.timing
        parts = timing.decoding + timing.preprocessing + timing.inference + timing.postprocessing
        assert 0 < parts <= timing.total + 1e-4  # inference is on OpenVINO's clock, the others on Python's


@pytest.mark.parametrize(
    ("hint", "requests", "waiting"),
    [("throughput", 0, 1), ("throughput", 2, 0), ("latency", 0, 0), ("latency", 2, 0), ("none", 0, 0)],
)
def test_no_more_requests_run_at_once_than_asked_for(tiny, picture, hint, requests, waiting):
    """For throughput, one more than the device asks for waits in its queue."""
    loaded = load_classifier(tiny.xml, DeviceOptions(hint=hint))
    pipeline = Pipeline(loaded, requests=requests)
    assert pipeline.request_count == (requests or loaded.optimal_requests)
    busy, most, lock = 0, 0, threading.Lock()
    borrow = pipeline.request

    class Counted:
        def __enter__(self):
            nonlocal busy, most
            self.inner = borrow()
            request = self.inner.__enter__()
            with lock:
                busy += 1
                most = max(most, busy)
            return request

        def __exit__(self, *error):
            nonlocal busy
            with lock:
                busy -= 1
            return self.inner.__exit__(*error)

    pipeline.request = Counted
    list(pipeline.run(Arrays([picture(n) for n in range(50)])))
    assert 1 <= most <= pipeline.request_count + waiting


def test_inference_only_counts_what_it_times(classifier, picture):
    rate = Pipeline(classifier, requests=2).infer_only([picture(0)], 0.3)
    assert rate.count == len(rate.latencies) > 0
    assert rate.seconds >= 0.3
    assert rate.fps == pytest.approx(rate.count / rate.seconds)
    assert sum(rate.latencies) <= 2 * rate.seconds


def test_opencvs_own_threads_are_given_back(classifier, folder):
    before = cv2.getNumThreads()
    list(Pipeline(classifier).run(open_source(folder)))
    assert cv2.getNumThreads() == before
