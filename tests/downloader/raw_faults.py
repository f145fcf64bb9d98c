"""Faults below HTTP: answers as raw bytes that no HTTP library would write, some without an end.

A fault gets an :class:`Exchange`, which holds what a good server would answer, and sends something else, or the same in
an odd way.
"""

from __future__ import annotations

import gzip
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

#: What a client takes at most of an answer without an end, with all buffers on the way.
MOST_BYTES = 24 << 20
#: The longest that a slow answer goes on for, in seconds, should the client not leave.
MOST_S = 600.0


@dataclass
class Exchange:
    """One request and what it should be answered with.

    Attributes:
        connection: To the client.
        status: Such as ``206 Partial Content``.
        headers: All but those of the length.
        part: The content.
        whole: The whole file, for answers that are no part of it.
        at: Where it happens, from 0 to 1.
        rng: For whatever else is open.
        sent: Told how many bytes of content have been sent.
        closing: Set when the server ends.
        rate: Bytes in a second, if the server is slow.
    """

    connection: socket.socket
    status: str
    headers: Mapping[str, str]
    part: bytes
    whole: bytes
    path: str
    at: float
    rng: random.Random
    sent: Callable[[int], None]
    closing: threading.Event
    rate: float | None = None

    def head(self, *more: str, status: str | None = None, length: bool = True) -> bytes:
        lines = [
            f"HTTP/1.1 {status or self.status}",
            *(f"{key}: {value}" for key, value in self.headers.items()),
        ]
        lines += [f"Content-Length: {len(self.part)}"] if length else []
        return "".join(f"{line}\r\n" for line in (*lines, *more)).encode() + b"\r\n"

    def coded(self, *more: str) -> bytes:
        return self.head("Transfer-Encoding: chunked", *more, length=False)

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def pour(self, data: bytes) -> None:
        """Send content."""
        for start in range(0, len(data), 1 << 14):
            piece = data[start : start + (1 << 14)]
            self.connection.sendall(piece)
            self.sent(len(piece))
            if self.rate:
                time.sleep(len(piece) / self.rate)

    def chunks(self, data: bytes) -> None:
        """Send content in chunks, without the last one."""
        for start in range(0, len(data), 10_000):
            piece = data[start : start + 10_000]
            self.send(b"%x\r\n" % len(piece))
            self.pour(piece)
            self.send(b"\r\n")

    def flood(self, piece: bytes) -> None:
        """Send a piece for ever; a client that takes too much of it is found out by what it has taken."""
        many, taken = piece * (1 + 8000 // len(piece)), 0
        while taken < MOST_BYTES and not self.closing.is_set():
            self.send(many)
            taken += len(many)
        if taken >= MOST_BYTES:
            raise OverflowError

    def drip(self, piece: bytes, pause_s: float = 0.05) -> None:
        """Send a piece now and then for ever."""
        end = time.monotonic() + MOST_S
        while not self.closing.wait(pause_s) and time.monotonic() < end:
            self.send(piece)

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    @property
    def place(self) -> int:
        return int(self.at * max(len(self.part) - 1, 0))


Play = Callable[[Exchange], None]
PLAYS: dict[str, Play] = {}
TOLERATED: list[str] = []
AGAIN: list[str] = []
LOSING: list[str] = []
LAST: list[str] = []


def fault(name: str, kinds: list[str]) -> Callable[[Play], Play]:
    """Register a fault as one of ``kinds``."""

    def register(play: Play) -> Play:
        PLAYS[name] = play
        kinds.append(name)
        return play

    return register


# After these the client has the content all the same.


@fault("interim", TOLERATED)
def _interim(x: Exchange) -> None:
    for _ in range(x.rng.randrange(1, 20)):
        x.send(f"HTTP/1.1 {x.rng.choice([100, 102, 103, 104, 199])} Odd\r\nLink: </x>\r\n\r\n".encode())
    x.send(x.head())
    x.pour(x.part)


@fault("split", TOLERATED)
def _split(x: Exchange) -> None:
    """In two at any byte of the head, and the rest in pieces of odd sizes."""
    head = x.head("X-Some: thing")
    at = int(x.at * len(head))
    x.send(head[:at])
    time.sleep(0.01)
    x.send(head[at:])
    cut = sorted(x.rng.sample(range(len(x.part) + 1), min(5, len(x.part) + 1)))
    for start, end in zip([0, *cut], [*cut, len(x.part)], strict=True):
        x.pour(x.part[start:end])
        time.sleep(0.002)


@fault("split chunks", TOLERATED)
def _split_chunks(x: Exchange) -> None:
    """With extensions, spaces and trailers; sent in two at any byte."""
    coded = b""
    for start in range(0, len(x.part), 30_000):
        piece = x.part[start : start + 30_000]
        coded += b"%X;name=value\r\n" % len(piece) + piece + b"\r\n"
    coded += b"000;last\r\nX-Trailer: 1\r\nX-Other: 2\r\n\r\n"
    x.send(x.coded())
    at = int(x.at * len(coded))
    x.send(coded[:at])
    time.sleep(0.01)
    x.send(coded[at:])
    x.sent(len(x.part))


@fault("leftovers", TOLERATED)
def _leftovers(x: Exchange) -> None:
    """Behind the content, another answer that nobody has asked for."""
    x.send(x.head())
    x.pour(x.part)
    x.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")
    x.closing.wait(0.05)


@fault("same lengths", TOLERATED)
def _same_lengths(x: Exchange) -> None:
    x.send(x.head(f"Content-Length: {len(x.part)}"))
    x.pour(x.part)


@fault("redirect flood", TOLERATED)
def _redirect_flood(x: Exchange) -> None:
    length = x.rng.choice(["Transfer-Encoding: chunked", "Content-Length: 999999999", "X: y"])
    x.send(x.head(f"Location: {x.path}", length, status="302 Found", length=False))
    x.flood(b"5\r\nabcde\r\n")


# After these it is asked for again, and what has arrived stays good.


@fault("interim flood", AGAIN)
def _interim_flood(x: Exchange) -> None:
    x.flood(f"HTTP/1.1 {x.rng.choice([100, 102, 103])} Odd\r\n\r\n".encode())


@fault("interim drip", AGAIN)
def _interim_drip(x: Exchange) -> None:
    x.drip(f"HTTP/1.1 {x.rng.choice([100, 102, 103])} Odd\r\n\r\n".encode())


@fault("header flood", AGAIN)
def _header_flood(x: Exchange) -> None:
    x.send(x.rng.choice([x.head()[:-2], b"HTTP/1.1 102 Processing\r\n"]))
    x.flood(x.rng.choice([b"X: y\r\n", b"X: " + b"y" * 60_000 + b"\r\n", b"y"]))


@fault("header drip", AGAIN)
def _header_drip(x: Exchange) -> None:
    x.send(x.head()[: int(x.at * 30)])
    x.drip(x.rng.choice([b"x", b"X: y\r\n"]))


@fault("head cut", AGAIN)
def _head_cut(x: Exchange) -> None:
    """Ended, half-closed or reset at any byte of the head, within a line as well."""
    head = x.head("X-Some: thing")[:-2]
    x.send(head[: int(x.at * len(head))])
    _end(x)


@fault("body cut", AGAIN)
def _body_cut(x: Exchange) -> None:
    x.send(x.head())
    x.pour(x.part[: x.place])
    _end(x, quick=False)


@fault("chunks cut", AGAIN)
def _chunks_cut(x: Exchange) -> None:
    """At any byte of a size, its extension, or the end of a chunk."""
    x.send(x.coded())
    x.chunks(x.part[: x.place])
    rest = b"%x;name=value\r\n" % 50
    x.send(rest[: x.rng.randrange(len(rest))])
    _end(x, quick=False)


@fault("malformed", AGAIN)
def _malformed(x: Exchange) -> None:
    head = x.head()
    line, rest = head.split(b"\r\n", 1)
    odd = x.rng.choice([b"no colon here", b" folded", b": no name", b"X y: z", b"\0\0\0", b"\xff\xfe"])
    x.send(line + b"\r\n" + odd + b"\r\nno colon either\r\n" + rest + x.part[: 1 << 12])


@fault("status", AGAIN)
def _status(x: Exchange) -> None:
    odd = [
        b"HTTP/1.1 99 OK", b"HTTP/1.1 1000 OK", b"HTTP/1.1 abc OK", b"HTTP/9.9 200 OK", b"HTTP/2 200 OK",
        b"ICY 200 OK", b"SSH-2.0-x", b"", b"\0\0\0", b"HTTP/1.1", b"<html>", b"200 OK", b"\x15\x03\x03\0\x02\x02\x28",
    ]  # fmt: skip
    x.send(x.rng.choice(odd) + x.head()[15:])


@fault("HTTP/0.9", AGAIN)
def _old(x: Exchange) -> None:
    x.send((x.part or b"-")[: 1 << 16])


@fault("lengths", AGAIN)
def _lengths(x: Exchange) -> None:
    length = len(x.part)
    odd = x.rng.choice(
        [f"{length}, 5", f"5, {length}", f"-{length}", f"+{length}", f"0x{length:x}", "many", "1 2"]
    )
    x.send(x.head(f"Content-Length: {odd}", length=x.rng.random() < 0.3))


@fault("smuggling", AGAIN)
def _smuggling(x: Exchange) -> None:
    odd = x.rng.choice(
        ["xchunked", "gzip, chunked", "chunked, chunked", "identity", "chunked;x", "\x0bchunked"]
    )
    more = ["Transfer-Encoding: chunked"] if x.rng.random() < 0.4 else []
    x.send(x.head(f"Transfer-Encoding: {odd}", *more))
    x.send(b"0\r\n\r\n")


@fault("bad chunk", AGAIN)
def _bad_chunk(x: Exchange) -> None:
    x.send(x.coded())
    x.chunks(x.part[: x.place])
    x.send(x.rng.choice([b"-5", b"xyz", b"", b" ", b"5 5", b"\xff", b"g", b"--", b";"]) + b"\r\n")
    x.closing.wait(0.02)


@fault("long chunk", AGAIN)
def _long_chunk(x: Exchange) -> None:
    """A size beyond all that there is, and an end before that."""
    x.send(x.coded() + x.rng.choice([b"f" * 15, b"F" * 200, b"%x" % (len(x.part) + 1)]) + b"\r\n")
    x.pour(x.part[: x.place])
    _end(x, quick=False)


@fault("extension flood", AGAIN)
def _extension_flood(x: Exchange) -> None:
    x.send(x.coded())
    x.chunks(x.part[: x.place])
    x.send(b"5;x=")
    x.flood(b"y")


@fault("extension drip", AGAIN)
def _extension_drip(x: Exchange) -> None:
    x.send(x.coded())
    x.chunks(x.part[: x.place])
    x.send(b"5;x=")
    x.drip(b"y")


@fault("trailer flood", AGAIN)
def _trailer_flood(x: Exchange) -> None:
    x.send(x.coded())
    x.chunks(x.part)
    x.send(b"0\r\n")
    x.flood(x.rng.choice([b"X: y\r\n", b"y"]))


@fault("trailer drip", AGAIN)
def _trailer_drip(x: Exchange) -> None:
    x.send(x.coded())
    x.chunks(x.part)
    x.send(b"0\r\n")
    x.drip(b"X: y\r\n")


@fault("body drip", AGAIN)
def _body_drip(x: Exchange) -> None:
    x.send(x.head())
    x.pour(x.part[: x.place])
    for byte in x.part[x.place :]:
        if x.closing.wait(0.1):
            return
        x.pour(bytes([byte]))


@fault("error flood", AGAIN)
def _error_flood(x: Exchange) -> None:
    x.send(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 99999999999\r\n\r\n")
    x.flood(b"error ")


# After these both what had arrived and what arrives now may be of no use.


@fault("gzip of nothing", LOSING)
def _gzip_of_nothing(x: Exchange) -> None:
    x.send(x.head("Content-Encoding: gzip", status="200 OK", length=False))
    start = x.whole[: int(x.at * len(x.whole))]
    x.send(gzip.compress(start, 1))
    x.sent(len(start))
    empty = gzip.compress(b"")
    if x.rng.random() < 0.7:
        x.flood(empty)
    else:
        x.drip(empty)


@fault("gzip members", LOSING)
def _gzip_members(x: Exchange) -> None:
    at = int(x.at * len(x.whole))
    x.send(x.head("Content-Encoding: x-gzip", status="200 OK", length=False))
    x.send(gzip.compress(b"") + gzip.compress(x.whole[:at], 1) + gzip.compress(b"") * 3)
    x.send(gzip.compress(x.whole[at:], 1) + bytes(100))
    x.sent(len(x.whole))


@fault("gzip cut", LOSING)
def _gzip_cut(x: Exchange) -> None:
    packed = gzip.compress(x.whole, 1)
    x.send(x.head("Content-Encoding: gzip", status="200 OK", length=False))
    x.send(packed[: int(x.at * (len(packed) - 1))])
    x.sent(int(x.at * len(x.whole)))
    _end(x, quick=False)


@fault("gzip damaged", LOSING)
def _gzip_damaged(x: Exchange) -> None:
    packed = bytearray(gzip.compress(x.whole, 1))
    packed[int(x.at * (len(packed) - 1))] ^= 0x55
    x.send(x.head("Content-Encoding: gzip", status="200 OK", length=False) + bytes(packed))
    x.sent(len(x.whole))


# After these the source is not asked again in this run.


@fault("gone flood", LAST)
def _gone_flood(x: Exchange) -> None:
    x.send(x.head(status=x.rng.choice(["404 Not Found", "403 Forbidden", "204 No Content"]), length=False))
    x.flood(b"gone ")


@fault("page drip", LAST)
def _page_drip(x: Exchange) -> None:
    x.send(
        x.head("Content-Type: text/html", status="200 OK", length=False)
        + b"<!DOCTYPE html><html><title>Wait</title>"
    )
    x.drip(b"<p>please wait")


@fault("bomb", LAST)
def _bomb(x: Exchange) -> None:
    x.send(x.head("Content-Encoding: gzip", status="200 OK", length=False))
    x.send(gzip.compress(bytes(30_000_000), 9))


@fault("other packing", LAST)
def _other_packing(x: Exchange) -> None:
    coding = x.rng.choice(["br", "zstd", "compress", "gzip, gzip", "x"])
    x.send(x.head(f"Content-Encoding: {coding}", status="200 OK", length=False) + b"\x28\xb5\x2f\xfd" * 50)


@fault("early end", LAST)
def _early_end(x: Exchange) -> None:
    """The chunk of no bytes that ends an answer comes too early."""
    x.send(x.coded())
    x.chunks(x.part[: x.place])
    x.send(b"0\r\n\r\n")


def _end(x: Exchange, *, quick: bool = True) -> None:
    """End the connection in one of several ways; quick: what was sent last may be lost as well."""
    way = x.rng.choice(["close", "half"] + ["reset"] * quick)
    if way == "reset":
        x.reset()
    elif way == "half":
        x.connection.shutdown(socket.SHUT_WR)
        x.closing.wait(0.05)
