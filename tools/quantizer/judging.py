"""How good a network is on pictures whose classes are known: what a bound on the loss is measured with."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from omz.accuracy.metrics import mean_average_precision
from omz.quantizer.calibration import Batch, Truth


@dataclass(frozen=True, slots=True)
class Judge:
    """Measures top-1, or where pictures may have several classes, the mean average precision.

    Attributes:
        place: Of the output among the network's.
        batch: Pictures in a tensor.
        names_classes: The output's numbers are those of classes, the best first, and no scores.
    """

    place: int
    batch: int
    names_classes: bool

    def __call__(self, compiled: ov.CompiledModel, batches: Iterable[Batch]) -> float:
        """Return how good a network is, 0..1."""
        rows, truths = self._answers(compiled, batches)
        if any(isinstance(truth, frozenset) for truth in truths):
            held = np.zeros(rows.shape, bool)
            for place, truth in enumerate(truths):
                held[place, sorted(truth) if isinstance(truth, frozenset) else []] = True
            return mean_average_precision(held, rows)
        best = rows[:, 0] if self.names_classes else rows.argmax(axis=1)
        return sum(bool(one == truth) for one, truth in zip(best, truths, strict=True)) / len(truths)

    def _answers(
        self, compiled: ov.CompiledModel, batches: Iterable[Batch]
    ) -> tuple[NDArray[np.float32], Sequence[Truth]]:
        """Return what the network says of each picture, (pictures, numbers), and what is true."""
        count = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        idle = [compiled.create_infer_request() for _ in range(count)]
        busy: deque[tuple[ov.InferRequest, list[Truth]]] = deque()
        rows: list[NDArray[np.float32]] = []
        known: list[Truth] = []

        def collect() -> None:
            request, truths = busy.popleft()
            request.wait()
            numbers = np.array(request.get_output_tensor(self.place).data, np.float32).reshape(self.batch, -1)
            rows.append(numbers[: len(truths)])  # what fills up has no class
            known.extend(truths)
            idle.append(request)

        # No AsyncInferQueue: it waits for its callbacks while it holds the lock that they need.
        for tensor, truths in batches:
            if not idle:
                collect()
            request = idle.pop()
            request.start_async({0: tensor})
            busy.append((request, truths))
        while busy:
            collect()
        return np.concatenate(rows), known
