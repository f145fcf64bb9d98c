"""A prototxt of brackets alone: whoever reads it by recursion overflows its stack."""

from __future__ import annotations

from attacks.attack import Attack


def test_brackets_within_brackets(attack: Attack) -> None:
    (attack.folder / "net.prototxt").write_text("layer { a { " * 50_000)
    (attack.folder / "net.caffemodel").write_bytes(b"\x0a\x01n")
    message = attack.refused("caffe2ir", "-m", "net.caffemodel", "-d", "net.prototxt", "-o", "out")
    assert "net.prototxt" in message
