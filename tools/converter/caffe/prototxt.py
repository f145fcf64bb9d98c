"""Read a prototxt: text -> ``NetParameter`` message.

The text format is protobuf's (https://protobuf.dev/reference/protobuf/textformat-spec/). Fields that our
``caffe.proto`` does not know (fillers, solver settings, forks' additions) are skipped.
"""

from __future__ import annotations

import re
from pathlib import Path

from google.protobuf import text_format

from omz.converter.caffe.caffe_pb2 import NetParameter
from omz.errors import ParseError
from omz.files import read_bounded

#: Published prototxts have at most a few hundred kilobytes and 20,000 fields.
MAX_PROTOTXT_BYTES = 8 << 20
MAX_FIELDS = 200_000
MAX_LINE_CHARACTERS = 64 << 10
_CONTROL = re.compile(rb"[^\t\n\v\f\r -\xff]")
#: Blanks between words, or a text or comment (the group), in which blanks stay.
_BLANKS = re.compile(r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\#[^\n]*)|[ \t]+""")


def read_prototxt(path: Path) -> NetParameter:
    """Read a network definition.

    Raises:
        ParseError: The file is not a prototxt, is too large, or holds no layer; names the file and the line.
    """
    content = read_bounded(path, MAX_PROTOTXT_BYTES, "prototxt", ParseError)
    if binary := _CONTROL.search(content):
        raise ParseError(
            f"{path}: byte {binary.start()} is not text. Is this the caffemodel? --input_proto takes the prototxt."
        )
    text = content.decode("utf-8-sig", errors="replace")  # comments, and names, may be in any encoding
    net = parse_net(path, text, "prototxt")
    if not net.layer and not net.layers:
        raise ParseError(f"{path}: holds no layer. Is it a solver, or cut off?")
    if any(layer.HasField("layer") for layer in net.layers):
        raise ParseError(
            f"{path}: is in Caffe's V0 format (before 2013), which is not supported. "
            "Caffe's tool upgrade_net_proto_text rewrites it."
        )
    return net


def parse_net(path: Path, text: str, what: str) -> NetParameter:
    """Parse a text that is not too large; ``what`` it should be is for the message.

    Raises:
        ParseError: It is something else, or would take protobuf minutes; names the file and the line.
    """
    text = _feasible(path, text)
    net = NetParameter()
    try:
        text_format.Parse(text, net, allow_unknown_field=True)
    except text_format.ParseError as error:
        line = error.GetLine()
        where = f"{path}: line {line}" if line else str(path)
        raise ParseError(f"{where}: is not {what}: {_without_position(str(error))}") from error
    except (RecursionError, ValueError, OverflowError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else str(error).split("\n")[0]
        raise ParseError(f"{path}: is not {what}: {reason}") from error
    return net


def _feasible(path: Path, text: str) -> str:
    """Refuse a text that protobuf would take minutes to read.

    It takes some 30 us for a field, and the longer the more characters there are in the line of one it does not know;
    so a net in one line is broken into lines.
    """
    fields = sum(map(text.count, ":{<,"))  # at most
    if fields > MAX_FIELDS:
        raise ParseError(f"{path}: has some {fields} fields; more than {MAX_FIELDS} are refused")
    if _longest_line(text)[0] > MAX_LINE_CHARACTERS:
        text = _BLANKS.sub(lambda match: match[1] or "\n", text)
    length, line = _longest_line(text)
    if length > MAX_LINE_CHARACTERS:
        raise ParseError(
            f"{path}: {text.splitlines()[line][:40]}...: a word of {length} characters; "
            f"more than {MAX_LINE_CHARACTERS} are refused"
        )
    return text


def _longest_line(text: str) -> tuple[int, int]:
    """Return the length of the longest line, and its number from 0."""
    return max((len(line), number) for number, line in enumerate(text.split("\n")))


def _without_position(message: str) -> str:
    """Drop the ``line:column : `` that text_format puts first; the line is told already."""
    head, separator, rest = message.partition(" : ")
    return rest if separator and head.replace(":", "").isdigit() else message
