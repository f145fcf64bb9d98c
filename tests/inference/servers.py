"""Servers on the loopback interface that do what a test tells them, byte by byte."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

Behaviour = Callable[[socket.socket, str], None]


class RawServer:
    """Calls ``behaviour(connection, first line of the request)`` in a thread for each connection."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.requests: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> RawServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes who waits for a connection, which closing does not
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                asked = b""
                while b"\r\n\r\n" not in asked and (piece := connection.recv(65536)):
                    asked += piece
                line = asked.partition(b"\r\n")[0].decode("latin-1")
                self.requests.append(line)
                self._behaviour(connection, line)
            except OSError:
                pass


def answer(head: str, body: bytes = b"") -> Behaviour:
    """Return a behaviour that sends a head, a line for each of its lines, and a body."""

    def behave(connection: socket.socket, _: str) -> None:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)

    return behave


def motion_jpeg(pictures: list[bytes], *, stall: float = 0.0) -> Behaviour:
    """Return a behaviour like a network camera's: JPEG files as parts of an answer without an end."""

    def behave(connection: socket.socket, _: str) -> None:
        connection.sendall(
            b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
        )
        for picture in pictures:
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            connection.sendall(head.encode() + picture + b"\r\n")
        threading.Event().wait(stall)

    return behave


def rtsp(stream: bytes) -> Behaviour:
    """Return a behaviour of an RTSP server that plays an MPEG transport stream once, within the connection."""
    lines = (
        "v=0",
        "o=- 0 0 IN IP4 127.0.0.1",
        "s=x",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "m=video 0 RTP/AVP 33",
        "a=control:x",
    )
    sdp = "".join(f"{line}\r\n" for line in (*lines, "a=control:track"))

    def behave(connection: socket.socket, line: str) -> None:
        number = 0
        while line:
            number += 1
            method = line.split()[0]
            more, body = "", ""
            if method == "OPTIONS":
                more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            elif method == "DESCRIBE":
                more, body = f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n", sdp
            elif method == "SETUP":
                more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
            elif method == "PLAY":
                more = "Session: 1\r\n"
            connection.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{more}\r\n{body}".encode())
            if method == "PLAY":
                play(connection)
                return
            asked = b""
            while b"\r\n\r\n" not in asked and (piece := connection.recv(65536)):
                asked += piece
            line = asked.partition(b"\r\n")[0].decode()

    def play(connection: socket.socket) -> None:
        for place, start in enumerate(range(0, len(stream), 7 * 188)):
            packet = b"\x80\x21" + place.to_bytes(2, "big") + (place * 90).to_bytes(4, "big") + bytes(4)
            packet += stream[start : start + 7 * 188]
            connection.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)

    return behave
