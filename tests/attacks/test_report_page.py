"""Markup in whatever a report quotes: names of files and classes, descriptions, addresses."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from attacks.attack import Attack
from attacks.models import describe

from nets.tiny_classifier import build

SCRIPT = "<script>alert(1)</script>"
LABELS = (
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</title></style></svg><script>",
    "<!--<![CDATA[",
    "javascript:alert(1)//&#x3c;b>",
)
PICTURES = ("<b>.png", '" onmouseover="alert(1).png', "&lt;script&gt;.png", "<!--.png", "</svg><script>.png")
#: With what they lead to or begin.
ADDRESSES = {
    "href",
    "src",
    "action",
    "formaction",
    "xlink:href",
    "data",
    "poster",
    "srcset",
    "style",
    "srcdoc",
}


class _Page(HTMLParser):
    """Collects what a browser would act upon."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.comments: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name.startswith("on"):
                self.handlers.append(name)
            elif name in ADDRESSES:
                self.addresses.append(value or "")

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


@pytest.mark.slow
def test_it_stays_text(attack: Attack) -> None:
    folder = attack.folder / "pictures"
    folder.mkdir()
    picture = np.full((24, 32, 3), 90, np.uint8)
    for name in PICTURES:
        (folder / name.replace("/", "\u2215")).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    describe(
        attack.folder, "net", [], framework="dldt", model_optimizer_args=None, description=SCRIPT,
        license="https://example.com/\"onclick='alert(1)'",
        specification={
            "title": SCRIPT, "paper": "https://example.com/'><script>", "gflops": 1, "mparams": 1, "top1": 70,
            "top5": 90, "channel_order": "RGB", "license_name": SCRIPT, "license_file": "x.txt", "notes": [SCRIPT],
        },
    )  # fmt: skip
    build(attack.folder / "irs" / "public" / "net" / "FP32" / "net.xml", labels=None)
    (attack.folder / "names.json").write_text(json.dumps(LABELS))
    words = ["omz", "report", "--name", "net", "--models_root", "zoo", "-m", "irs", "--labels", "names.json"]
    outcome = attack.run(
        *words, "-d", "CPU", "-i", "pictures", "--time", 1, "-o", "report.html", patience=200
    )
    assert outcome.status == 0, outcome.err
    text = (attack.folder / "report.html").read_text()
    page = _Page()
    page.feed(text)
    page.close()
    assert SCRIPT.replace("<", "&lt;").replace(">", "&gt;") in text
    assert not page.tags & {"script", "iframe", "object", "embed", "base", "form", "link"}
    assert not page.handlers
    assert not page.comments
    assert all(address.startswith(("https://", "http://", "data:image/", "#")) for address in page.addresses)
