"""The asynchronous pipeline: pictures are decoded and resized while others are inferred.

Every lane is a thread that takes a frame, decodes it, resizes it into its own input buffer, waits for a free infer
request, runs it on that buffer (no copy) and ranks the classes. There are more lanes than requests, so that a
picture is always ready when a request becomes free, and for throughput one request more than the device works on, so
that it need not wait for a lane to wake up; OpenVINO and OpenCV release Python's lock while they work. Results come out
in the order of the frames.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from omz.errors import InferenceError, UsageError, ZooError
from omz.inference import opencv
from omz.inference.classifier import Classifier
from omz.inference.devices import MAX_REQUESTS
from omz.inference.images import Image
from omz.inference.network import one_line
from omz.inference.ranking import Prediction
from omz.inference.resizing import resize_into, with_channels
from omz.inference.sources import Frame
from omz.inference.statistics import Timing

if TYPE_CHECKING:
    import openvino as ov

MAX_DECODERS = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one frame: predictions and timing, or the error that kept it from being decoded.

    ``kind`` tells what the network's numbers are; see :mod:`omz.converter.outputs`.
    """

    source: str
    number: int
    predictions: tuple[Prediction, ...] = ()
    timing: Timing | None = None
    image: Image | None = None
    error: ZooError | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many pictures in how many seconds, and the latencies of inference in seconds."""

    count: int
    seconds: float
    latencies: Sequence[float]

    @property
    def fps(self) -> float:
        """Pictures per second."""
        return self.count / self.seconds if self.seconds else 0.0


class Pipeline:
    """Runs a classifier on frames.

    Args:
        classifier: The compiled network.
        requests: Infer requests in flight; 0 for as many as the device asks for, and for throughput one more, which
            waits in the device's queue.
        top_k: How many classes each outcome lists.
        threshold: Only classes with a higher score are listed; None for all. See
            :func:`omz.inference.ranking.listing`.
        keep_images: Whether outcomes carry the decoded picture.
    """

    def __init__(
        self,
        classifier: Classifier,
        *,
        requests: int = 0,
        top_k: int = 5,
        threshold: float | None = None,
        keep_images: bool = False,
    ) -> None:
        self.classifier = classifier
        self.top_k, self.threshold, self.keep_images = top_k, threshold, keep_images
        if not 0 <= requests <= MAX_REQUESTS:
            raise UsageError(f"requests {requests}: expected a number from 0 to {MAX_REQUESTS}")
        hint = classifier.options.effective_hint
        #: How many infer requests the device works on at a time.
        self.request_count = requests or classifier.optimal_requests
        count = self.request_count + (1 if hint == "throughput" and not requests else 0)
        with one_line(f"{classifier.path}: {count} infer requests cannot be made"):
            self._requests = [classifier.compiled.create_infer_request() for _ in range(count)]
        self._idle: SimpleQueue[ov.InferRequest] = SimpleQueue()
        for request in self._requests:
            self._idle.put(request)
        # a latency hint asks for one picture at a time; then one more is decoded ahead
        self.lanes = count + (1 if hint == "latency" else min(os.cpu_count() or 1, MAX_DECODERS))

    def run(self, frames: Iterable[Frame], seconds: float | None = None) -> Generator[Outcome, None, None]:
        """Classify frames and yield the outcomes in their order.

        No more than a fixed number of pictures are in memory, however slow the caller is. Closing the iterator
        stops the work.

        Args:
            frames: Taken one by one, by one thread at a time.
            seconds: Take no more frames after this time.

        Raises:
            InferenceError: Inference failed. (A frame that cannot be decoded is an outcome with an error.)
        """
        run = _Run(self, frames, None if seconds is None else perf_counter() + seconds)
        threads = [
            threading.Thread(target=run.lane, name=f"lane {n}", daemon=True) for n in range(self.lanes)
        ]
        with _single_threaded_opencv():
            try:
                for thread in threads:
                    thread.start()
                yield from run.outcomes(len(threads))
            finally:
                run.stop()
                for thread in threads:
                    thread.join()

    def infer_only(self, images: Sequence[Image], seconds: float) -> Rate:
        """Measure inference alone: inputs are resized and set beforehand, each request runs again and again.

        Args:
            images: At least one picture; they are dealt out to the requests.
            seconds: Start no inference after this time.
        """
        import openvino as ov

        requests = self._requests[: self.request_count]
        buffers = [self.new_buffer() for _ in requests]
        for place, (request, buffer) in enumerate(zip(requests, buffers, strict=True)):
            resize_into(images[place % len(images)], buffer[0], self.classifier.resize_type)
            request.set_input_tensor(ov.Tensor(buffer, shared_memory=True))
        latencies: list[list[float]] = [[] for _ in requests]
        failures: list[BaseException] = []

        def repeat(request: ov.InferRequest, mine: list[float]) -> None:
            try:
                while perf_counter() < deadline and not failures:
                    request.start_async()
                    request.wait()
                    mine.append(request.latency / 1000)
            except BaseException as error:
                failures.append(error)

        threads = [
            threading.Thread(target=repeat, args=pair, daemon=True)
            for pair in zip(requests, latencies, strict=True)
        ]
        began = perf_counter()
        deadline = began + seconds
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            deadline = 0.0
            for thread in threads:
                thread.join()
            raise
        elapsed = perf_counter() - began
        if failures:
            with one_line(f"{self.classifier.path}: inference failed"):
                raise failures[0]
        merged = [latency for mine in latencies for latency in mine]
        return Rate(len(merged), elapsed, merged)

    def warm_up(self) -> None:
        """Run every request once: the first inference allocates and is many times slower."""
        blank = np.full_like(self.new_buffer()[0], 128)
        self.infer_only([blank], 0.0)
        for request in self._requests:
            with one_line(f"{self.classifier.path}: inference failed"):
                request.infer()

    def new_buffer(self) -> Image:
        """Return an input buffer; see :meth:`Classifier.new_buffer`."""
        return self.classifier.new_buffer()

    @contextmanager
    def request(self) -> Iterator[ov.InferRequest]:
        """Borrow an idle infer request; waits for one."""
        request = self._idle.get()
        try:
            yield request
        finally:
            self._idle.put(request)


class _Run:
    """One run of a pipeline: what its lanes share."""

    def __init__(self, pipeline: Pipeline, frames: Iterable[Frame], deadline: float | None) -> None:
        self._pipeline, self._frames, self._deadline = pipeline, iter(frames), deadline
        self._taking = threading.Lock()
        self._taken = 0
        self._stopped = False
        self._of_frames: BaseException | None = None  # what taking the next frame has raised
        self._done: SimpleQueue[tuple[int, Outcome] | BaseException | None] = SimpleQueue()
        # limits the pictures taken but not yet fetched by the caller, also those waiting for an earlier one
        self._room = threading.Semaphore(2 * pipeline.lanes)

    def stop(self) -> None:
        """Let every lane end after its present frame."""
        self._stopped = True
        self._room.release(self._pipeline.lanes)

    def outcomes(self, active: int) -> Iterator[Outcome]:
        """Yield outcomes in the order of frames until ``active`` lanes have ended."""
        waiting: dict[int, Outcome] = {}
        expected = 0
        while active:
            item = self._done.get()
            if item is None:
                active -= 1
                continue
            if item is self._of_frames:  # the caller's own: they know what it means
                raise item
            if isinstance(item, BaseException):
                with one_line(f"{self._pipeline.classifier.path}: inference failed"):
                    raise item
            waiting[item[0]] = item[1]
            while expected in waiting:
                yield waiting.pop(expected)
                self._room.release()
                expected += 1

    def lane(self) -> None:
        """Process frames until there are no more; see the module's docstring."""
        import openvino as ov

        try:
            buffer = self._pipeline.new_buffer()
            tensor = ov.Tensor(buffer, shared_memory=True)
            while (taken := self._take()) is not None:
                place, frame, began = taken
                try:
                    image = frame.load()
                except (ZooError, OSError) as error:
                    failure = (
                        error if isinstance(error, ZooError) else InferenceError(f"{frame.source}: {error}")
                    )
                    self._done.put((place, Outcome(frame.source, frame.number, error=failure)))
                    continue
                decoded = perf_counter()
                self._done.put((place, self._classify(frame, image, buffer, tensor, began, decoded)))
        except BaseException as error:  # handed to the caller's thread
            self._done.put(error)
        finally:
            self._done.put(None)

    def _take(self) -> tuple[int, Frame, float] | None:
        """Return the next frame with its place and the time when its decoding began; None at the end."""
        self._room.acquire()
        with self._taking:
            began = perf_counter()  # videos decode in next()
            if self._stopped or (self._deadline is not None and began >= self._deadline):
                return None
            try:
                frame = next(self._frames, None)
            except BaseException as error:
                self._of_frames = error
                raise
            if frame is None:
                self._stopped = True
                self._room.release(self._pipeline.lanes)
                return None
            self._taken += 1
            return self._taken - 1, frame, began

    def _classify(
        self, frame: Frame, image: Image, buffer: Image, tensor: ov.Tensor, began: float, decoded: float
    ) -> Outcome:
        pipeline = self._pipeline
        resize_into(image, buffer[0], pipeline.classifier.resize_type)
        resized = perf_counter()
        with pipeline.request() as request:
            request.set_input_tensor(tensor)
            request.start_async()
            request.wait()
            inference = request.latency / 1000  # OpenVINO's own clock, from the start to the completion
            inferred = perf_counter()
            scores = request.get_output_tensor(0).data.reshape(-1).copy()
        predictions = pipeline.classifier.rank(scores, pipeline.top_k, pipeline.threshold)
        ended = perf_counter()
        timing = Timing(decoded - began, resized - decoded, inference, ended - inferred, ended - began)
        kept = with_channels(image, 3) if pipeline.keep_images else None
        kind = pipeline.classifier.output.kind
        return Outcome(frame.source, frame.number, predictions, timing, kept, kind=kind)


@contextmanager
def _single_threaded_opencv() -> Iterator[None]:
    """Keep OpenCV from starting threads of its own: the lanes are the parallelism, and inference needs the cores."""
    cv2 = opencv.load()
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
