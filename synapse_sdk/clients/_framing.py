"""Whether an answer ended where the bytes did that came."""

from __future__ import annotations

import re
from enum import Enum, auto

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n", re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b")

# An answer whose head is longer is given up on by the parser too.
_LONGEST_HEAD = 256 * 1024


class _Part(Enum):
    HEAD = auto()
    BODY = auto()
    CHUNK = auto()
    TRAILER = auto()
    END = auto()
    UNKNOWN = auto()


class Framing:
    """Follows the bytes of one answer.

    A peer may send more than it announced, or an answer that nobody asked for. The surplus lies in the parser's buffer,
    where it would be taken for the answer to the next request; so a connection is used again only when it is known that
    there is none.
    """

    def __init__(self) -> None:
        self._part = _Part.HEAD
        self._rest = b""
        self._left = 0
        self._surplus = False

    @property
    def is_exact(self) -> bool:
        """Whether the answer has come whole, and nothing with it."""
        return self._part is _Part.END and not self._surplus

    def feed(self, received: bytes) -> None:
        """Take what has come."""
        data = self._rest + received if self._rest else received
        at = 0
        while at < len(data):
            if self._part in (_Part.END, _Part.UNKNOWN):
                self._surplus = True
                break
            if self._left:
                taken = min(self._left, len(data) - at)
                self._left -= taken
                at += taken
                if not self._left and self._part is _Part.BODY:
                    self._part = _Part.END
                continue
            mark = b"\r\n\r\n" if self._part is _Part.HEAD else b"\r\n"
            end = data.find(mark, at)
            if end < 0:
                break
            self._take(data[at : end + len(mark)])
            at = end + len(mark)
        self._rest = b"" if self._surplus else data[at:]
        if len(self._rest) > _LONGEST_HEAD:
            self._part, self._rest = _Part.UNKNOWN, b""

    def _take(self, text: bytes) -> None:
        if self._part is _Part.HEAD:
            self._take_head(text)
        elif self._part is _Part.TRAILER:
            if text == b"\r\n":
                self._part = _Part.END
        else:
            self._take_chunk_size(text)

    def _take_head(self, head: bytes) -> None:
        status = _STATUS.match(head)
        length = _LENGTH.search(head)
        if status is None:
            self._part = _Part.UNKNOWN
        elif status[1].startswith(b"1"):
            pass  # an interim answer, before the real one
        elif status[1] in (b"204", b"304"):
            self._part = _Part.END
        elif _CHUNKED.search(head):
            self._part = _Part.CHUNK
        elif length is not None:
            self._left = int(length[1])
            self._part = _Part.BODY if self._left else _Part.END
        else:
            self._part = _Part.UNKNOWN

    def _take_chunk_size(self, line: bytes) -> None:
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            self._part = _Part.UNKNOWN
            return
        if size:
            self._left = size + 2
        else:
            self._part = _Part.TRAILER
