"""The page as a whole: well formed, whatever strangers' files hold, and the same in a browser."""

from __future__ import annotations

import base64
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest
from downloader.loopback import Loopback

from omz.accuracy.figures import Figure, Part
from omz.accuracy.method import evaluation_of
from omz.errors import InferenceError, UsageError
from omz.inference.locate import Network, network_in
from omz.inference.proportion import Proportion
from omz.inference.ranking import Prediction
from omz.inference.statistics import Samples
from omz.info_dumper.info import Info
from omz.quantizer.options import command_options
from omz.report import command
from omz.report.again import commands
from omz.report.collect import (
    collect,
    find_dataset,
    published_metrics,
    quantization,
    sample_pictures,
)
from omz.report.findings import Accuracy, Findings, Sample, Speed, Variant
from omz.report.html import render
from omz.report.options import Options
from omz.zoo import catalogue
from omz.zoo.metrics import Accuracy as AccuracySettings
from omz.zoo.schema import Model

#: Each of these takes a second or more.
pytestmark = pytest.mark.slow

NAME = "se-resnext-digits"
VOID = {"meta", "img", "rect", "line"}
NASTY = "\"><script>alert('1')</script><img src=https://example.com/x onerror=alert(1)>&amp;\u202e\x00'"


class Page(HTMLParser):
    """A page read strictly: every element is closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, name, attributes) -> None:
        assert len(dict(attributes)) == len(attributes), f"an attribute twice in <{name}>"
        self.elements.append((name, dict(attributes)))
        self.open.append(name)

    def handle_startendtag(self, name, attributes) -> None:
        assert name in VOID
        self.elements.append((name, dict(attributes)))

    def handle_endtag(self, name) -> None:
        assert self.open.pop() == name

    def handle_data(self, data) -> None:
        if self.open and self.open[-1] != "style" and data.strip():
            self.texts.append(data.strip())

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for other, attributes in self.elements if other == name]


def check_self_contained(page: Page, text: str) -> None:
    assert {name for name, _ in page.elements}.isdisjoint(
        {"script", "link", "iframe", "object", "form", "base"}
    )
    for name, attributes in page.elements:
        assert not [key for key in attributes if key.startswith("on")]
        for key in ("src", "srcset", "xlink:href", "poster", "data", "action"):
            if key in attributes:
                assert re.match("data:image/jpeg;base64,", attributes[key] or ""), (name, key)
        if "href" in attributes:
            assert name == "a"
            assert re.match("https?://", attributes["href"] or "")
    style = re.search("<style>(.*?)</style>", text, re.DOTALL)
    assert style
    assert not re.search(r"url\(|@import", style[1])


def test_the_page_is_whole_and_loads_nothing(page: Path) -> None:
    text = page.read_text()
    read = Page(text)
    check_self_contained(read, text)
    assert [file.name for file in page.parent.iterdir()] == [page.name]
    assert "default-src 'none'" in (read.all("meta")[1]["content"] or "")


def test_the_page_tells_the_facts(page: Path, converted: Path) -> None:
    read = Page(page.read_text())
    words = " ".join(read.texts)
    for fact in (
        "98.611 %",
        "0.172 million",
        "bundled"[:0],
        "Creative Commons Attribution 4.0",
        ov.get_version(),
    ):
        assert fact in words
    assert f"omz_converter --name {NAME} -d {converted} -o {converted} --precisions FP32,FP16" in words
    assert (
        f"omz report --name {NAME} --models_dir {converted} --output {page} --infer_precision f32 --time 0.2"
        in words
    )
    # The sample names each of its pictures for what it shows; the network is right about all twelve.
    assert len(read.all("img")) == 12
    for picture in read.all("img"):
        shown = re.fullmatch(r"Picture (\w+)_(\d)\.png: (\w+) (\d), [\d.]+ %", picture["alt"] or "")
        assert shown
        assert shown.group(1, 2) == shown.group(3, 4)
        data = base64.b64decode((picture["src"] or "").partition(",")[2])
        assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None


def test_tables_and_pictures_have_words_for_those_who_do_not_see(page: Path) -> None:
    read = Page(page.read_text())
    assert read.all("html") == [{"lang": "en"}]
    assert all(header["scope"] in ("col", "row") for header in read.all("th"))
    charts = [svg for svg in read.all("svg") if svg.get("class") == "chart"]
    assert len(charts) == 3 + 2
    assert all(chart["role"] == "img" and chart["aria-label"] for chart in charts)
    assert all(svg.get("aria-hidden") == "true" for svg in read.all("svg") if svg not in charts)
    levels = [int(name[1]) for name, _ in read.elements if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def nasty_findings() -> Findings:
    root = catalogue.packaged_root()
    model = catalogue.load_model(root / "samples" / NAME / "model.yml", root)
    assert model.specification
    specification = model.specification.model_copy(
        update={"title": NASTY, "license_name": NASTY, "notes": [NASTY], "paper": "javascript:alert(1)"}
    )
    hostile = model.model_copy(
        update={"description": NASTY, "license": "javascript:alert(1)", "specification": specification}
    )
    times = [0.001, 0.002]
    summary = Samples(times).summary()
    assert summary
    speed = Speed(summary, [1, 2], 1000.0, [NASTY], NASTY)
    top = Proportion(324, 360)
    figures = [
        Figure("accuracy@top1", "accuracy", top.value, 0.95, top, 1),
        Figure("accuracy@top5", "accuracy", 1.0, None, Proportion(360, 360), 5),
        Figure(NASTY, "classification_f1-score", 0.875, 0.75, parts=(Part(0, NASTY, 0.875, 360),)),
    ]
    accuracy = Accuracy(figures, 360, 2, NASTY, [NASTY], f"top-1 is as guessing would give {NASTY}", NASTY)
    variants = [
        Variant("FP32", Path("x.xml"), 1000, speed, accuracy),
        Variant("FP16-INT8", Path("y.xml"), 300, replace(speed, throughput=2500.0), accuracy),
    ]
    top = [Prediction(0, NASTY, 0.9), Prediction(1, "x" * 5000, 0.1)]
    sample = Sample(NASTY, np.zeros((1, 900, 3), np.uint8), {"FP32": top, "FP16-INT8": top[::-1]})
    info = Info(
        NAME,
        "FP32",
        1000,
        {NASTY: "[1,3,8,8]"},
        {NASTY: "[1,2]"},
        0.1,
        0.2,
        output_kinds=NASTY,
        preparation=NASTY,
    )
    network = Network(NAME, {"FP32": Path("x.xml")}, hostile)
    return Findings(network, info, variants, [sample], {NASTY: NASTY}, [("Device", NASTY)])


@pytest.mark.parametrize("own", [False, True])
def test_nothing_of_a_strangers_file_becomes_markup(own: bool) -> None:
    findings = nasty_findings()
    if own:
        findings = replace(findings, network=Network(NASTY, findings.network.irs))
    text = render(findings, [["omz", "report", "--name", NASTY]])
    read = Page(text)
    check_self_contained(read, text)
    assert read.all("a") == []
    assert len(read.all("img")) == 1
    assert "\0" not in text
    assert "\u202e" not in text
    assert len(text) < 30_000  # a class of 5000 letters is cut


def test_gains_and_differing_answers_are_told() -> None:
    words = " ".join(Page(render(nasty_findings(), [])).texts)
    assert (
        "FP16-INT8 runs at 2.50 times the throughput of FP32, at 0.30 times its size; its top-1 is the same"
        in words
    )
    assert "FP16-INT8 says xxx" in words
    assert "90.00\u202f%" in words
    assert "86.47 to 92.69" in words  # Wilson's interval of 324 of 360


def test_published_figures_stand_beside_the_measured_ones() -> None:
    findings = nasty_findings()
    read = Page(render(findings, []))
    rows = " | ".join(read.texts)
    for row in (
        "Top-1, published | 95.00\u202f% | measured -5.00",
        "mean of the classes, published | 75.00\u202f% | measured +12.50",
    ):
        assert row in rows
    assert "Top-5 | 100.00\u202f%" in rows
    assert rows.count("Top-5, published") == 1  # among the model's facts alone
    assert "The published top-1 is above the interval of FP32 and FP16-INT8." in rows
    assert "FP32 and FP16-INT8: top-1 is as guessing would give" in rows
    assert len([one for one in read.all("p") if one.get("class") == "warning"]) == 1


def test_published_figures_come_from_the_configuration_and_else_from_the_descriptor() -> None:
    root = catalogue.packaged_root()
    model = catalogue.load_model(root / "public/se-resnext-50/model.yml", root)
    assert model.specification
    specification = model.specification.model_copy(update={"top1": 12.0, "top5": 34.0})
    model = model.model_copy(update={"specification": specification})
    network = Network(model.name, {}, model)
    evaluation = evaluation_of(network)
    assert evaluation
    found = {one.top_k: one.reference for one in published_metrics(network, evaluation)}
    assert found == {1: 0.78968, 5: 0.9463}
    bare = evaluation.model_copy(
        update={"metrics": (evaluation.metrics[0], *(AccuracySettings(top_k=k) for k in (3, 5)))}
    )
    found = {one.top_k: one.reference for one in published_metrics(network, bare)}
    assert found == {1: 0.78968, 3: None, 5: 0.34}
    assert published_metrics(replace(network, model=None), None) == []


def test_chance_level_is_told_on_the_page(converted: Path, tmp_path: Path, capsys) -> None:
    folder = catalogue.packaged_root() / "samples" / NAME
    shutil.copytree(folder / "heldout", tmp_path / "heldout")
    rows = [line.split() for line in (folder / "heldout.txt").read_text().splitlines()]
    shifted = "".join(f"{name} {(int(label) + 10) % 20}\n" for name, label in rows)  # red for blue
    (tmp_path / "heldout.txt").write_text(shifted)
    path = tmp_path / "r.html"
    arguments = ["--name", NAME, "-m", str(converted), "-s", str(tmp_path), "-o", str(path), "-time", "0.05"]
    assert command.main([*arguments, "--precisions", "FP16", "--infer_precision", "f32"]) == 0
    words = " | ".join(Page(path.read_text()).texts)
    said = "as guessing one of 20 classes would give. Check the model's mean, scale and channel order"
    assert f"FP16: top-1 is 0.00 %, {said}" in words
    assert said in capsys.readouterr().err
    assert "Top-1, published | 98.61\u202f% | measured -98.61" in words


def test_pictures_that_cannot_be_decoded_are_named(converted: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    good = catalogue.packaged_root() / "samples" / NAME / "images" / "red_3.png"
    shutil.copy(good, pictures / "good.png")
    (pictures / "bad <b>.png").write_bytes(good.read_bytes()[:200])
    path = tmp_path / "r.html"
    arguments = ["--name", NAME, "-m", str(converted), "-i", str(pictures), "-o", str(path), "-time", "0.05"]
    assert command.main([*arguments, "--precisions", "FP16"]) == 0
    read = Page(path.read_text())
    (shown,) = read.all("img")
    assert (shown["alt"] or "").startswith("Picture good.png: red 3")
    assert any("Not shown: bad <b>.png" in text for text in read.texts)
    assert [text for text in read.texts if text in ("FP16", "FP32")].count("FP32") == 0


def test_several_inputs_and_pictures_at_addresses(converted: Path, tmp_path: Path) -> None:
    images = catalogue.packaged_root() / "samples" / NAME / "images"
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "bad.png").write_bytes(b"x")
    server = Loopback()
    try:
        server.serve("/blue_4.png", (images / "blue_4.png").read_bytes())
        address = server.root.replace("//", "//me:secret@") + "/blue_4.png"
        inputs = [
            str(images / "red_3.png"),
            f"{images}/blue_[67].png",
            address,
            str(tmp_path / "a"),
            str(tmp_path / "b"),
        ]
        arguments = ["--name", NAME, "-m", str(converted), "-time", "0.05", "-o", str(tmp_path / "r.html")]
        assert command.main([*arguments, "-i", *inputs[:2], "-i", *inputs[2:]]) == 0
        assert server.requests == ["/blue_4.png"]  # once, however many precisions there are
    finally:
        server.close()
    page = (tmp_path / "r.html").read_text()
    read = Page(page)
    names = [(shown["alt"] or "").partition(":")[0] for shown in read.all("img")]
    assert names == [f"Picture {name}.png" for name in ("red_3", "blue_6", "blue_7", "blue_4")]
    assert sum(text.startswith("Not shown:") for text in read.texts) == 2
    again = next(text for text in read.texts if "omz report" in text)
    for given in (*inputs[:2], f"{server.root}/blue_4.png", *inputs[3:]):
        assert given in again.replace("'", "")
    assert "secret" not in page


def unaccompanied(folder: Path) -> Model:
    """The sample, as if no pictures and no accuracy-check.yml came with it."""
    root = catalogue.packaged_root()
    model = catalogue.load_model(root / "samples" / NAME / "model.yml", root)
    return model.place(model.name, model.subdirectory, folder, None)


def test_without_pictures_noise_is_measured(converted: Path, tmp_path: Path) -> None:
    network = network_in(converted, NAME, model=unaccompanied(tmp_path))
    findings = collect(network, Options(seconds=0.05))
    assert findings.samples == []
    assert all(variant.speed.throughput > 0 for variant in findings.variants)
    assert any("of noise" in text for text in Page(render(findings, [])).texts)


def test_accuracy_is_that_of_the_evaluation(converted: Path) -> None:
    network = network_in(converted, NAME, ["FP32"], catalogue.find_model(NAME))
    findings = collect(network, Options(infer_precision="f32", seconds=0.05))
    (variant,) = findings.variants
    assert variant.accuracy
    assert (variant.accuracy.images, variant.accuracy.problems) == (360, 0)
    assert variant.accuracy.value == 355 / 360  # what training reported, to the picture
    assert [figure.value for figure in variant.accuracy.figures] == [355 / 360, 1.0]
    assert variant.accuracy.interval == pytest.approx((0.9679, 0.9940), abs=1e-4)


def test_a_dataset_lends_its_pictures(converted: Path, tmp_path: Path) -> None:
    sample = catalogue.packaged_root() / "samples" / NAME
    shutil.copy(sample / "accuracy-check.yml", tmp_path)
    options = Options(dataset=sample, subsample=20, sample_count=3, seconds=0.05)
    findings = collect(network_in(converted, NAME, ["FP16"], unaccompanied(tmp_path)), options)
    assert findings.variants[0].accuracy
    assert findings.variants[0].accuracy.images == 20
    assert len({shown.name for shown in findings.samples}) == 3


def test_many_pictures_are_chosen_evenly(converted: Path) -> None:
    options = Options(pictures=[catalogue.packaged_root() / "samples" / NAME / "heldout"], sample_count=4)
    network = Network(NAME, {}, catalogue.find_model(NAME))
    assert [path.stem for path in sample_pictures(network, None, options).items] == [
        "1437",
        "1527",
        "1617",
        "1707",
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--name", "se-resnext-50"], 1, "omz_converter --name se-resnext-50"),
        (["--name", "no-such-model"], 2, "no model matches"),
        (["--name", "se-resnet-*"], 2, "a report is of one model; choose one of se-resnet-101, "),
        (["--name", NAME, "-m", "{converted}", "--precisions", "FP16-INT8"], 1, "omz_"),
        (["--name", NAME, "-m", "{converted}", "--precisions", "FP8"], 2, "unknown 'FP8'"),
        (["--name", NAME, "-m", "{converted}", "-d", "TPU"], 1, "'TPU' is not there"),
        (["--name", NAME, "-m", "{converted}", "-i", "nowhere"], 1, "nowhere: no such file"),
        (["--name", NAME, "-time", "0"], 2, "number of seconds"),
        (["--name", NAME, "-time", "nan"], 2, "number of seconds"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(
    arguments: list[str],
    status: int,
    message: str,
    converted: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command.main([word.format(converted=converted) for word in arguments]) == status
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], converted: Path
) -> None:
    (tmp_path / "file").write_text("old")
    arguments = ["--name", NAME, "-m", str(converted), "-time", "0.05"]
    assert command.main([*arguments, "-o", str(tmp_path / "file" / "r.html")]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "old"


# In a browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def chromium(profile: Path, *arguments: str) -> str:
    assert CHROMIUM
    quiet = [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-quic",
    ]
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars", *quiet]
    result = subprocess.run(
        [CHROMIUM, *flags, f"--user-data-dir={profile}", *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    return result.stdout


@browser
@pytest.mark.parametrize(("width", "hostile"), [(360, False), (360, True), (1280, False)])
def test_nothing_is_wider_than_the_screen(width: int, hostile: bool, page: Path, tmp_path: Path) -> None:
    # A frame can be as narrow as a phone, which a headless window cannot; without the policy, a script measures it.
    frame = tmp_path / "frame.html"
    written = render(nasty_findings(), [["omz", "report", "--name", NASTY]]) if hostile else page.read_text()
    content = re.sub("<meta http-equiv[^>]*>", "", written)
    # A table that is too wide scrolls in its card; it is only with hostile texts.
    measured = "svg, img, pre" if hostile else "svg, img, pre, td"
    measuring = (
        "<script>const root = document.documentElement;"
        f"root.dataset.widths = [root.scrollWidth, innerWidth, ...[...document.querySelectorAll('{measured}')]"
        ".map(e => Math.ceil(e.getBoundingClientRect().right))].join(' ');"
        "parent.postMessage(root.dataset.widths, '*');</script></body>"
    )
    (tmp_path / "page.html").write_text(content.replace("</body>", measuring))
    frame.write_text(
        "<body><script>addEventListener('message', e => document.body.dataset.widths = e.data)</script>"
        f"<iframe src='page.html' width='{width}' height='800' style='border:0'></iframe></body>"
    )
    dom = chromium(
        tmp_path / "profile",
        "--window-size=1400,900",
        "--virtual-time-budget=3000",
        "--dump-dom",
        frame.as_uri(),
    )
    found = re.search('data-widths="([^"]+)"', dom)
    assert found
    scroll, inner, *edges = map(int, found[1].split())
    assert inner == width
    assert scroll <= width
    assert len(edges) > 5
    assert max(edges) <= width


@browser
def test_a_browser_asks_the_network_for_nothing(page: Path, tmp_path: Path) -> None:
    log = tmp_path / "net.json"
    picture = tmp_path / "page.png"
    chromium(
        tmp_path / "profile",
        f"--log-net-log={log}",
        "--net-log-capture-mode=Everything",
        "--window-size=1280,1000",
        f"--screenshot={picture}",
        page.as_uri(),
    )
    requested = set(re.findall(r'"url":"((?:https?|ftp|wss?)://[^"]+)"', log.read_text()))
    ours = {match["href"] for match in Page(page.read_text()).all("a")}
    assert requested.isdisjoint(ours)
    # Some versions call home by themselves, whatever page is shown.
    assert not [url for url in requested if "google" not in url and "gvt1" not in url]
    shown = cv2.imread(str(picture))
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 100


@browser
def test_it_prints_on_few_sheets(page: Path, tmp_path: Path) -> None:
    paper = tmp_path / "page.pdf"
    chromium(tmp_path / "profile", f"--print-to-pdf={paper}", "--no-pdf-header-footer", page.as_uri())
    sheets = len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes()))
    assert 1 <= sheets <= 4


def test_commands_name_every_step_with_the_paths_that_were_given() -> None:
    words = ["--name", NAME, "-m", "my irs", "-s", "val", "--subsample", "50", "-d", "GPU"]
    made = commands(nasty_findings(), command.build_parser().parse_args(words), command.build_parser())
    assert [shlex.join(one) for one in made] == [
        f"omz_downloader --name {NAME} -o 'my irs'",
        f"omz_converter --name {NAME} -d 'my irs' -o 'my irs' --precisions FP32",
        f"omz_quantizer --name {NAME} --models_dir 'my irs' --source val --precisions FP16-INT8",
        f"omz report --name {NAME} --models_dir 'my irs' --source val --subsample 50 --device GPU",
    ]
    words = ["-m", "my nets/net.xml", "--input_shape", "[1,3,8,8]", "--output_name", "prob"]
    made = commands(nasty_findings(), command.build_parser().parse_args(words), command.build_parser())
    assert shlex.join(made[-1]).endswith("--input_shape '[1,3,8,8]' --output_name prob")


def test_commands_have_the_options_that_the_irs_were_made_with() -> None:
    """What is left at its default, or is not of the quantizer's making, is left out."""
    usual = {
        "preset": "performance", "bias_correction": "full", "overflow_fix": "first_layer", "target_device": "CPU",
        "subset_size": "297", "unreadable": "3", "seed": "0",
    }  # fmt: skip
    other = usual | {
        "preset": "mixed", "bias_correction": "fast", "bias_correction_chosen": "yes", "overflow_fix": "off",
        "subset_size": "50", "seed": "7", "max_drop": "0.01",
    }  # fmt: skip
    findings = nasty_findings()
    exact, quantized = findings.variants
    variants = [
        exact,
        replace(quantized, precision="FP32-INT8", quantization=usual),
        replace(quantized, quantization=other),
    ]
    words = ["--name", NAME, "-s", "val", "-a", "val/my.txt", "--label_order", "imagenet_2015"]
    args = command.build_parser().parse_args(words)
    made = [
        shlex.join(one)
        for one in commands(replace(findings, variants=variants), args, command.build_parser())
    ]
    data = "--annotations val/my.txt --label_order imagenet_2015"
    assert made[2:] == [
        f"omz_quantizer --name {NAME} --source val {data} --precisions FP32-INT8",
        f"omz_quantizer --name {NAME} --source val {data} --preset mixed --bias_correction fast "
        "--overflow_fix off --max_drop 0.01 --subset_size 53 --seed 7 --precisions FP16-INT8",
        f"omz report --name {NAME} --source val {data}",
    ]
    gpu = usual | {"target_device": "GPU", "overflow_fix": "off"}
    assert command_options(gpu) == ["--target_device", "GPU"]
    hostile = usual | {"preset": "x; rm -rf /", "subset_size": "many", "target_device": "TPU", "seed": "\n"}
    assert command_options(hostile) == ["--target_device", "TPU", "--subset_size", "many"]


def test_list_and_order_of_the_data(
    converted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = catalogue.packaged_root() / "samples" / NAME
    for name in ("val.txt", "val.csv"):
        (tmp_path / name).write_text(
            "".join((sample / "heldout.txt").read_text().splitlines(keepends=True)[:20])
        )
    shutil.copytree(sample / "heldout", tmp_path / "heldout")
    words = ["--name", NAME, "-m", str(converted), "-o", str(tmp_path / "r.html"), "-s", str(tmp_path)]
    words += ["-time", "0.1", "--precisions", "FP16"]
    (tmp_path / "val15.txt").write_text("")
    (tmp_path / "val.txt").rename(tmp_path / "mine.txt")
    assert command.main(words) == 1
    assert "Choose one with -a." in capsys.readouterr().err
    words += ["-a", str(tmp_path / "mine.txt"), "--label_order", "digits_red_blue"]
    assert command.main(words) == 0
    assert "on 20 pictures of digits" in (tmp_path / "r.html").read_text()


def test_a_list_without_pictures_is_wrong_usage(tmp_path: Path) -> None:
    options = Options(annotations=tmp_path / "val.txt")
    for name in ("se-resnext-50", "mine"):
        network = Network(name, {}, catalogue.find_model(name))
        with pytest.raises(UsageError, match="with --source"):
            find_dataset(network, evaluation_of(network), options)


def test_page_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path: Path, capsys) -> None:
    assert command.main(["--name", NAME, "-m", str(tmp_path), "-o", str(tmp_path)]) == 2
    assert f"--output {tmp_path}: is a folder" in capsys.readouterr().err


def test_how_an_ir_was_quantized_is_read_off_it(converted: Path, tmp_path: Path) -> None:
    xml = converted / "samples" / NAME / "FP16" / f"{NAME}.xml"
    assert quantization(xml) == {}
    network = ov.Core().read_model(xml)
    for key, value in (("preset", "mixed"), ("calibration_sha256", "12ab"), ("subset_size", "300")):
        network.set_rt_info(value, ["omz_quantization", key])
    ov.save_model(network, tmp_path / "quantized.xml")
    assert quantization(tmp_path / "quantized.xml") == {"preset": "mixed", "subset_size": "300"}
    network = ov.Core().read_model(xml)
    network.set_rt_info("mixed", ["omz_quantization"])
    ov.save_model(network, tmp_path / "odd.xml")
    with pytest.raises(InferenceError, match=r"odd.xml: rt_info: omz_quantization is a text"):
        quantization(tmp_path / "odd.xml")
