"""Train and export the sample model se-resnext-digits; draw the pictures that come with it.

Needs PyTorch and scikit-learn (the extras ``oracles`` and ``dev``); takes a few minutes on two cores.

    cd models/samples/se-resnext-digits
    python train.py              # train on all but the held-out digits, write everything
    python train.py --validate   # judge the settings on a part of the training digits, write nothing
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from drawing import CLASSES, DIGITS, TRAINING, Look, Picture, draw, held_out_inks, load
from network import INPUT_SIZE, CaffeNet, describe, read, write
from numpy.typing import NDArray
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

HERE = Path(__file__).parent
NAME = "se-resnext-digits"
SEED = 2017  # the year of the paper
VALIDATION = 287  # digits at the end of the training digits
EPOCHS = 40
BATCH = 64
HELD_OUT_SIZE, SHOWN_SIZE = 40, 256  # pixels
SHOWN = [*range(6), *range(14, 20)]  # classes: red 0 to 5 and blue 4 to 9
_LOG = logging.getLogger(__name__)


def train(cells: NDArray[np.float32], values: NDArray[np.int64]) -> CaffeNet:
    """Train on digits (n, 8, 8) of the given values, in both inks, drawn anew for each epoch."""
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    rng = np.random.default_rng(SEED)
    net = CaffeNet(describe(CLASSES)).to(memory_format=torch.channels_last).train()  # faster so
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.99), use_buffers=True)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.02)
    steps = EPOCHS * (len(cells) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps, pct_start=0.2)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.1)
    for epoch in range(EPOCHS):
        order = rng.permutation(len(cells))[: len(cells) // BATCH * BATCH]
        total = 0.0
        for batch in order.reshape(-1, BATCH):
            blue = rng.random(BATCH) < 0.5
            pictures = [_training_picture(cells[i], ink, rng) for i, ink in zip(batch, blue, strict=True)]
            targets = torch.from_numpy(values[batch] + DIGITS * blue)
            loss = loss_of(net(_tensor(pictures)), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            average.update_parameters(net)
            total += loss.item() * BATCH / len(order)
        _LOG.info("epoch %d of %d: loss %.4f", epoch + 1, EPOCHS, total)
    trained: CaffeNet = average.module.eval()
    return trained


def _training_picture(cells: NDArray[np.float32], blue: bool, rng: np.random.Generator) -> Picture:
    size = int(rng.integers(INPUT_SIZE, 2 * INPUT_SIZE))
    return draw(cells, blue, Look.random(rng), size, rng)


def held_out_pictures(cells: NDArray[np.float32], values: NDArray[np.int64], size: int) -> list[Picture]:
    """Draw each digit once, in an ink of its own, with looks milder than those of the training."""
    rng = np.random.default_rng(SEED)
    looks = [Look.random(rng, strength=0.3) for _ in cells]
    inks = held_out_inks(values)
    return [draw(cell, ink, look, size, rng) for cell, ink, look in zip(cells, inks, looks, strict=True)]


def held_out_classes(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the classes of the pictures of :func:`held_out_pictures`."""
    return values + DIGITS * np.array(held_out_inks(values), np.int64)


def probabilities(net: CaffeNet, pictures: Sequence[Picture]) -> NDArray[np.float32]:
    """Run pictures (height, width, 3), BGR, of any size through the net: (pictures, classes)."""
    with torch.no_grad():
        return np.asarray(net(_tensor(pictures)).numpy())


def accuracy(predicted: NDArray[np.float32], classes: NDArray[np.int64], top: int = 1) -> float:
    """Return in how many percent of the rows the true class is among the ``top`` most probable."""
    best = np.argsort(-predicted, axis=1, kind="stable")[:, :top]
    return float(100 * np.mean((best == classes[:, None]).any(axis=1)))


def _tensor(pictures: Sequence[Picture]) -> torch.Tensor:
    """Resize as the demos do and put the channels first: (n, 3, 32, 32), float32, 0..255."""
    resized = [cv2.resize(picture, (INPUT_SIZE, INPUT_SIZE)) for picture in pictures]
    return torch.from_numpy(np.stack(resized).transpose(0, 3, 1, 2).astype(np.float32))


def report(net: CaffeNet, pictures: Sequence[Picture], classes: NDArray[np.int64]) -> None:
    """Print the accuracy, also with the channels in the wrong order."""
    predicted = probabilities(net, pictures)
    swapped = probabilities(net, [picture[..., ::-1] for picture in pictures])
    wrong = np.flatnonzero(predicted.argmax(axis=1) != classes)
    print(f"top 1: {accuracy(predicted, classes):.3f} %, top 5: {accuracy(predicted, classes, 5):.3f} %")
    print(f"top 1 with swapped channels: {accuracy(swapped, classes):.3f} %")
    print(f"wrong: {len(wrong)} of {len(classes)}: {wrong.tolist()}")


def write_pictures(cells: NDArray[np.float32], values: NDArray[np.int64]) -> None:
    """Write the held-out pictures with their list, and a few larger ones named for what they show."""
    classes = held_out_classes(values)
    lines = []
    for number, picture in enumerate(held_out_pictures(cells, values, HELD_OUT_SIZE)):
        name = f"{TRAINING + number:04}.png"  # the digit's place in the set
        _write_png(HERE / "heldout" / name, picture)
        lines.append(f"./{name} {classes[number]}\n")
    (HERE / "heldout.txt").write_text("".join(lines), encoding="utf-8")
    rng = np.random.default_rng(SEED)
    for shown in SHOWN:
        first = int(np.flatnonzero(classes == shown)[0])
        blue, digit = divmod(shown, DIGITS)
        look = replace(Look.random(rng, strength=0), softness=0.15, grain=0.25)  # sharp; small as a file
        picture = draw(cells[first], bool(blue), look, SHOWN_SIZE, rng)
        _write_png(HERE / "images" / f"{('red', 'blue')[blue]}_{digit}.png", picture)


def _write_png(path: Path, picture: Picture) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes())


def read_held_out() -> tuple[list[Picture], NDArray[np.int64]]:
    """Read the held-out pictures and their classes from their files."""
    rows = [line.split() for line in (HERE / "heldout.txt").read_text(encoding="utf-8").splitlines()]
    pictures = [np.asarray(cv2.imread(str(HERE / "heldout" / name)), np.uint8) for name, _ in rows]
    return pictures, np.array([int(index) for _, index in rows])


def main(argv: Sequence[str] | None = None) -> int:
    """Train, and either validate or write everything; see the module's docstring."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--validate", action="store_true", help="judge the settings, write nothing")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(2)
    started = time.perf_counter()
    cells, values = load()
    if arguments.validate:
        split = TRAINING - VALIDATION
        net = train(cells[:split], values[:split])
        cells, values = cells[split:TRAINING], values[split:TRAINING]
        report(net, held_out_pictures(cells, values, HELD_OUT_SIZE), held_out_classes(values))
    else:
        net = train(cells[:TRAINING], values[:TRAINING])
        prototxt, caffemodel = HERE / f"{NAME}.prototxt", HERE / f"{NAME}.caffemodel"
        write(net, prototxt, caffemodel)
        write_pictures(cells[TRAINING:], values[TRAINING:])
        report(read(prototxt, caffemodel), *read_held_out())
        for path in (prototxt, caffemodel):
            content = path.read_bytes()
            print(f"  - name: {path.name}\n    size: {len(content)}")
            print(f"    checksum: {hashlib.sha384(content).hexdigest()}")
            print(f"    sha256: {hashlib.sha256(content).hexdigest()}")
    _LOG.info("took %.0f s", time.perf_counter() - started)
    return 0


if __name__ == "__main__":
    sys.exit(main())
