"""Pictures, and what the network says of them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

from omz.inference.ranking import THRESHOLD, none_above
from omz.outgoing import shortened
from omz.report.charts import share_bar
from omz.report.findings import Findings, Sample
from omz.report.markup import Html, section, tag

if TYPE_CHECKING:
    from omz.inference.images import Image
    from omz.inference.ranking import Prediction

MAX_NAME = 80  # letters of a class or of a file's name
_NONE = none_above(THRESHOLD)
_PICTURE_SIDE = 224  # pixels; twice the size at which it is shown


def samples(findings: Findings) -> Html:
    """Show the pictures with their best classes, and name those that could not be shown."""
    if not findings.samples:
        return Html("")
    exact = findings.variants[0].precision
    skipped = [
        tag("p", f"Not shown: {shortened(name, MAX_NAME)}: {shortened(reason, 200)}", class_="note")
        for name, reason in findings.skipped.items()
    ]
    cards = tag("div", *map(_sample, findings.samples), class_="grid")
    return section(f"What the network says ({exact})", cards, *skipped)


def _sample(sample: Sample) -> Html:
    name = shortened(sample.name, MAX_NAME)
    (first, *_) = tops = list(sample.top.values())
    picture = tag(
        "img",
        src=data_uri(sample.image),
        width=112,
        height=112,
        alt=f"Picture {name}: {_said(sample.kind, first)}",
    )
    classes = [
        tag(
            "li",
            tag("span", shortened(prediction.label, MAX_NAME)),
            tag("span", prediction.text()),
            share_bar(prediction.score or 0.0, first=not place) if prediction.share else "",
        )
        for place, prediction in enumerate(first)
    ]
    if not classes:
        classes = [tag("li", tag("span", _NONE))]
    return tag(
        "figure",
        picture,
        tag("ol", *classes),
        tag("figcaption", tag("b", name), _agreement(sample) if len(tops) > 1 else ""),
        class_="card sample",
    )


def _agreement(sample: Sample) -> str:
    """Say which precisions give another answer than the first does."""
    (_, exact), *others = sample.top.items()
    answer = _answer(sample.kind, exact)
    differing = [
        f"{precision} says {_said(sample.kind, top)}"
        for precision, top in others
        if _answer(sample.kind, top) != answer
    ]
    if differing:
        return f": {'; '.join(differing)}"
    return f": the same in {' and '.join(precision for precision, _ in others)}"


def _answer(kind: str, top: Sequence[Prediction]) -> set[int]:
    """Return what the network answers: the best class, or where several may hold, all that do."""
    return {one.index for one in (top if kind == "independent" else top[:1])}


def _said(kind: str, top: Sequence[Prediction]) -> str:
    several = kind == "independent"
    words = [f"{shortened(one.label, MAX_NAME)}, {one.text()}" for one in (top if several else top[:1])]
    return "; ".join(words) or _NONE


def data_uri(image: Image) -> str:
    """Return a picture as an address that holds it, no larger than needed; small pictures keep their pixels."""
    from omz.inference import opencv

    cv2 = opencv.load()
    height, width = image.shape[:2]
    if (scale := _PICTURE_SIDE / max(height, width)) < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}"
