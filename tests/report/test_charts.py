import re
import xml.etree.ElementTree as ET

import pytest

from omz.inference.statistics import Samples
from omz.report.charts import WIDTH, Bar, bar_chart, latency_chart, share_bar


def rectangles(svg: str) -> list[dict[str, float]]:
    keys = ("x", "y", "width", "height")
    return [{key: float(rect.get(key, 0)) for key in keys} for rect in ET.fromstring(svg).iter("rect")]


def test_bars_are_as_long_as_their_values() -> None:
    svg = bar_chart("Speed", [Bar("a", 10, "10", 0), Bar("b", 5, "5", 1), Bar("<c>", 0, "0", 2)])
    a, b, c = rectangles(svg)
    assert a["width"] == pytest.approx(2 * b["width"])
    assert 0 < c["width"] < 3
    assert a["x"] + a["width"] < WIDTH
    assert ET.fromstring(svg).get("aria-label") == "Speed: a 10, b 5, <c> 0"


def test_bars_of_nothing_are_drawn() -> None:
    assert len(rectangles(bar_chart("x", [Bar("a", 0, "0", 0)]))) == 1


def latencies(*milliseconds: float) -> str:
    summary = Samples(value / 1000 for value in milliseconds).summary()
    assert summary
    return latency_chart("FP32", milliseconds, summary, 0)


def test_a_histogram_counts_all_and_stays_in_its_frame() -> None:
    svg = latencies(*[1.0] * 50, *[2.0] * 25, *[3.0] * 24, 50.0)
    bars = rectangles(svg)
    heights = [bar["height"] for bar in bars]
    assert len(bars) == 4
    assert sum(heights) / max(heights) * 50 == pytest.approx(100, rel=1e-4)
    assert all(bar["x"] >= 0 and bar["x"] + bar["width"] <= WIDTH for bar in bars)
    assert "median 1.50 ms" in svg
    mark = next(line for line in ET.fromstring(svg).iter("line") if line.get("class") == "mark")
    assert 0 <= float(mark.get("x1", -1)) <= WIDTH


def test_a_histogram_of_one_latency() -> None:
    svg = latencies(0.25)
    assert len(rectangles(svg)) == 1
    assert "nan" not in svg.casefold()
    assert re.search("median 0.250 ms", svg)


@pytest.mark.parametrize(("share", "width"), [(0.0, 0), (0.5, 50), (1.0, 100), (1.0000001, 100)])
def test_shares(share: float, width: float) -> None:
    _, bar = rectangles(share_bar(share, first=True))
    assert bar["width"] == pytest.approx(width)
