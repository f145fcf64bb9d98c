"""How much an answer may cost that does not bring the file on, in bytes and in time."""

from __future__ import annotations

#: What an answer, with all redirects before it, may have beside the bytes of the file: interim answers, headers, sizes
#: and extensions of chunks, trailers, packing without content.
ALLOWED_BYTES = 1 << 20
#: So many bytes beside it, and so many seconds, each byte of the file makes up for. A slower server is not waited for.
BYTES_PER_BYTE, SECONDS_PER_BYTE = 8.0, 1 / 256


class AnswerError(Exception):
    """An answer is malformed, or brings no file within what it may cost; ``str()`` says so in a few words."""


class Patience:
    """Bounds what is spent without progress of the file, whatever the socket does meanwhile.

    Bytes and seconds are both kept as what is left. Whatever arrives takes from it, and so does any wait for it; bytes
    of the file give back, but never more than there was at first. Time in which nobody waits for the server is free.

    Args:
        idle_s: How long the file may make no progress, in seconds.
        silence_s: How long the server may send nothing; as long as ``idle_s`` by default.

    Attributes:
        left_s: How long the server is waited for now.
    """

    def __init__(self, idle_s: float, silence_s: float | None = None) -> None:
        self._idle_s, self._silence_s = idle_s, idle_s if silence_s is None else silence_s
        self._seconds, self._bytes = idle_s, float(ALLOWED_BYTES)
        self._exhaustible = False

    @property
    def left_s(self) -> float:
        """The longest wait for the next bytes."""
        return min(self._seconds, self._silence_s)

    def spend(self, size: int, seconds: float) -> None:
        """So many bytes have arrived after so many seconds.

        Raises:
            AnswerError: That was too much.
        """
        self._bytes -= size
        self._seconds -= seconds
        if self._bytes < 0:
            raise AnswerError(f"sent more than {ALLOWED_BYTES} bytes that are not of the file")
        if self._seconds <= 0:
            raise self._too_slow()

    def wait_in_vain(self, seconds: float) -> None:
        """Nothing has arrived for so many seconds, which was the longest wait.

        Raises:
            AnswerError: It was so short since most of the time has gone by with what is not of the file.
        """
        if seconds < min(self._idle_s, self._silence_s) / 2:
            raise self._too_slow()

    def _too_slow(self) -> AnswerError:
        return AnswerError(f"too slow: sent next to nothing of the file in {self._idle_s:g} s")

    def progress(self, size: int) -> None:
        """So many bytes of the file have come out of what arrived."""
        if not self._exhaustible:
            self._bytes = min(self._bytes + size * BYTES_PER_BYTE, ALLOWED_BYTES)
            self._seconds = min(self._seconds + size * SECONDS_PER_BYTE, self._idle_s)

    def begin(self) -> None:
        """The answer with the file has begun."""
        self._seconds = self._idle_s

    def no_file(self) -> None:
        """What arrives is not the file, after all: nothing of it gives back."""
        self._exhaustible = True
