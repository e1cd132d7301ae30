"""HttpParser alone: what it parses, requests and responses, and when."""

from __future__ import annotations

import subprocess
import sys

import pytest

from podexec._vendor.http_parser import HTTP_REQUEST, HTTP_RESPONSE, HttpParser

RESPONSE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMesos-Stream-Id: 42\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
)
REQUEST = (
    b"POST /api/v1/scheduler?a=1&b=2#top HTTP/1.0\r\nHost: 127.0.0.1\r\nX-Twice: 1\r\nX-Twice: 2\r\n"
    b"Content-Length: 4\r\n\r\nbody"
)


def feed(parser: HttpParser, *pieces: bytes) -> bytes:
    body = b""
    for piece in pieces:
        assert parser.execute(piece, len(piece)) == len(piece)
        if parser.is_partial_body():
            body += parser.recv_body()
    return body


def test_a_chunked_response_is_understood() -> None:
    parser = HttpParser()
    assert feed(parser, RESPONSE) == b"hello world"
    assert (parser.get_status_code(), parser.get_version(), parser.get_errno()) == (200, (1, 1), 0)
    assert parser.is_headers_complete()
    assert parser.is_message_complete()
    assert parser.is_chunked()
    assert parser.should_keep_alive()
    assert parser.get_headers()["Mesos-Stream-Id"] == "42"
    assert parser.get_method() == ""


@pytest.mark.parametrize("split", range(1, len(RESPONSE)))
def test_a_response_may_be_split_at_every_byte(split: int) -> None:
    parser = HttpParser()
    assert feed(parser, RESPONSE[:split], RESPONSE[split:]) == b"hello world"
    assert parser.is_message_complete()
    assert parser.get_status_code() == 200


def test_a_request_is_understood() -> None:
    parser = HttpParser()
    assert feed(parser, REQUEST) == b"body"
    assert (parser.get_method(), parser.get_path(), parser.get_query_string()) == (
        "POST",
        "/api/v1/scheduler",
        "a=1&b=2",
    )
    assert (parser.get_version(), parser.get_status_code()) == ((1, 0), 0)
    assert parser.get_headers() == {"Host": "127.0.0.1", "X-Twice": "1, 2", "Content-Length": "4"}
    assert parser.is_message_complete()
    assert not parser.is_chunked()
    assert not parser.should_keep_alive()


@pytest.mark.parametrize("split", range(1, len(REQUEST)))
def test_a_request_may_be_split_at_every_byte(split: int) -> None:
    parser = HttpParser()
    assert feed(parser, REQUEST[:split], REQUEST[split:]) == b"body"
    assert parser.get_path() == "/api/v1/scheduler"


def test_a_head_request_is_not_taken_for_a_response() -> None:
    parser = HttpParser()
    feed(parser, b"H", b"E", b"AD / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert parser.get_method() == "HEAD"


def test_nothing_is_claimed_before_it_is_known() -> None:
    parser = HttpParser()
    assert feed(parser, b"HTT") == b""
    assert (parser.get_status_code(), parser.get_version(), parser.get_headers()) == (0, (0, 0), {})
    assert not parser.is_headers_complete()


def test_a_body_is_given_once() -> None:
    parser = HttpParser()
    parser.execute(RESPONSE, len(RESPONSE))
    assert parser.recv_body() == b"hello world"
    assert parser.recv_body() == b""
    assert not parser.is_partial_body()


def test_a_response_without_length_ends_with_the_stream() -> None:
    parser = HttpParser()
    assert feed(parser, b"HTTP/1.0 200 OK\r\n\r\n", b"all") == b"all"
    assert not parser.is_message_complete()
    assert parser.execute(b"", 0) == 0
    assert parser.is_message_complete()


def test_a_truncated_chunked_response_is_not_complete_at_the_end_of_the_stream() -> None:
    parser = HttpParser()
    feed(parser, RESPONSE[:-3])
    parser.execute(b"", 0)
    assert not parser.is_message_complete()


def test_only_the_given_length_is_parsed() -> None:
    parser = HttpParser()
    assert parser.execute(RESPONSE + b"garbage", len(RESPONSE)) == len(RESPONSE)
    assert parser.is_message_complete()


@pytest.mark.parametrize(
    "rubbish", [b"HTTP/x.y 200 OK\r\n\r\n", b"\x00\x01\x02 \r\n\r\n", RESPONSE.replace(b"5\r", b"z\r")]
)
def test_rubbish_is_an_error_and_not_an_exception(rubbish: bytes) -> None:
    parser = HttpParser()
    assert parser.execute(rubbish, len(rubbish)) < len(rubbish)
    assert parser.get_errno() != 0


@pytest.mark.parametrize(("kind", "message"), [(HTTP_REQUEST, RESPONSE), (HTTP_RESPONSE, REQUEST)])
def test_the_wrong_side_is_an_error(kind: int, message: bytes) -> None:
    parser = HttpParser(kind)
    assert parser.execute(message, len(message)) < len(message)
    assert parser.get_errno() != 0


def test_decompression_is_refused_clearly() -> None:
    with pytest.raises(NotImplementedError, match="does not decompress"):
        HttpParser(decompress=True)


def test_importing_pymesos_and_making_a_parser_does_not_need_httptools() -> None:
    """The executor runs from a zip file, from which native code cannot be imported."""
    program = (
        "import sys; sys.modules['httptools'] = None; import podexec._vendor.pymesos;"
        "from podexec._vendor.http_parser import HttpParser; HttpParser(); print('fine')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "fine\n", done.stderr
