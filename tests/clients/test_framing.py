"""Whether an answer ended where the bytes did that came, however they were cut."""

from __future__ import annotations

import pytest

from synapse_sdk.clients._framing import Framing

HEAD = b"HTTP/1.1 200 OK\r\nServer: x\r\n"
LENGTH = HEAD + b"Content-Length: 5\r\n\r\nhello"
CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n"
TRAILERS = HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"
EMPTY = HEAD + b"Content-Length: 0\r\n\r\n"
NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + LENGTH

WHOLE = [LENGTH, CHUNKS, TRAILERS, EMPTY, NOTHING, INTERIM]


def is_exact(received: bytes, size: int) -> bool:
    framing = Framing()
    for start in range(0, len(received), size):
        framing.feed(received[start : start + size])
    return framing.is_exact


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize("answer", WHOLE)
def test_an_answer_that_came_whole_and_alone_is_exact(answer: bytes, size: int) -> None:
    assert is_exact(answer, size)


@pytest.mark.parametrize("size", [1, 3, 64, 10_000])
@pytest.mark.parametrize("answer", WHOLE)
@pytest.mark.parametrize("surplus", [b"x", b"\r\n", LENGTH, CHUNKS, NOTHING])
def test_whatever_follows_an_answer_makes_it_not_exact(answer: bytes, surplus: bytes, size: int) -> None:
    assert not is_exact(answer + surplus, size)


@pytest.mark.parametrize("answer", WHOLE)
def test_an_answer_that_has_not_come_whole_is_not_exact(answer: bytes) -> None:
    assert not any(is_exact(answer[:length], 10_000) for length in range(len(answer)))


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        HEAD + b"\r\nas long as it comes",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"X: " + b"x" * 300_000,
    ],
    ids=["not HTTP", "until it closes", "no chunk", "endless head"],
)
def test_an_answer_whose_end_cannot_be_known_is_not_exact(answer: bytes) -> None:
    assert not is_exact(answer, 10_000)
    assert not is_exact(answer + b"\r\n\r\n", 10_000)
