"""Packed answers: unpacked within bounds, and refused when they are damaged."""

from __future__ import annotations

import gzip
import importlib
import tracemalloc
import zlib
from decimal import Decimal

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bizosaas_xero.connector.http import transport as http_transport
from bizosaas_xero.connector.http.transport import XERO
from bizosaas_xero.spec import ConnectorError
from bizosaas_xero.toolkit import http
from contract_tests.helpers.byte_readers import calm, read_or_refused, sync

pytestmark = pytest.mark.attempts(1)


def bomb(size):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(bytes(1_000_000)) for _ in range(size // 1_000_000)), packer.flush()])


@pytest.fixture(params=["zlib", "isal.isal_zlib"])
def _unzipping(request, monkeypatch):
    """Unpack with the standard library, and with what the extra `fast` brings."""
    monkeypatch.setattr(http, "gzip_codec", importlib.import_module(request.param))


@pytest.fixture
def packed_answer(monkeypatch):
    """Answer every request with what is set, packed."""
    answer = {"encoding": "gzip"}

    def handler(_request):
        headers = {"Content-Encoding": answer["encoding"]}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(answer["body"]))

    client = http.BoundedClient(XERO, 60, transport=httpx.MockTransport(handler))
    monkeypatch.setattr(http_transport, "http_client", lambda _: client)
    return answer


GOOD = gzip.compress(b'{"Invoices": [{"InvoiceID": "a", "Total": 1.10}], "Padding": "%s"}' % (b"x" * 100_000))


@pytest.mark.usefixtures("_unzipping")
@calm
@given(
    body=st.binary(max_size=40)
    | st.binary(max_size=40).map(lambda tail: GOOD[:10] + tail)
    | st.integers(0, len(GOOD) - 1).map(lambda cut: GOOD[:cut])
    | st.integers(0, len(GOOD) * 8 - 1).map(lambda bit: flipped(GOOD, bit))
)
@example(body=b"")
def test_damaged_gzip_is_refused(packed_answer, body):
    """Cut off or changed anywhere, it is refused: a checksum stands at its end."""
    packed_answer["body"] = body
    found = read_or_refused(sync)
    # Of a good file's head, the name of the system that packed it and the like may change.
    assert isinstance(found, ConnectorError) or found[0].records[0].data["Total"] == Decimal("1.10")


def flipped(data, bit):
    return data[: bit // 8] + bytes([data[bit // 8] ^ (1 << bit % 8)]) + data[bit // 8 + 1 :]


@pytest.mark.usefixtures("_unzipping")
@pytest.mark.parametrize("status", [200, 400])
def test_a_gzip_bomb_is_not_unpacked(monkeypatch, status):
    """A few kilobytes of gzip hold 60 MB here; no more of it is unpacked than the limit."""
    packed = bomb(60_000_000)
    assert len(packed) < 100_000
    monkeypatch.setattr(http, "MAX_BODY_BYTES", 2_000_000)

    class Pieces(httpx.SyncByteStream):
        def __iter__(self):
            yield from (packed[start : start + 1000] for start in range(0, len(packed), 1000))

    def handler(_request):
        return httpx.Response(status, headers={"Content-Encoding": "gzip"}, stream=Pieces())

    bounded = http.BoundedClient(XERO, 60, transport=httpx.MockTransport(handler))
    monkeypatch.setattr(http_transport, "http_client", lambda _: bounded)
    tracemalloc.start()
    found = read_or_refused(sync)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.code, found.recovery, found.reason) == ("unavailable", "retry", "answer_too_long")
    assert peak < 6_000_000


@pytest.mark.usefixtures("_unzipping")
@pytest.mark.parametrize("status", [200, 400])
def test_an_answer_that_is_too_long_is_not_read(monkeypatch, status):
    """Without any gzip, and without a length that says so: reading stops at the limit."""
    monkeypatch.setattr(http, "MAX_BODY_BYTES", 200_000)
    read = []

    class Endless(httpx.SyncByteStream):
        def __iter__(self):
            for number in range(10_000):
                read.append(number)
                yield b"[" * 10_000

    transport = httpx.MockTransport(lambda _: httpx.Response(status, stream=Endless()))
    bounded = http.BoundedClient(XERO, 60, transport=transport)
    monkeypatch.setattr(http_transport, "http_client", lambda _: bounded)
    assert read_or_refused(sync).reason == "answer_too_long"
    assert len(read) < 100


def test_an_answer_within_the_limit_arrives_whole_and_is_counted_as_sent(packed_answer):
    packed_answer["body"] = GOOD
    [batch] = sync()
    assert batch.stats.bytes == len(GOOD)
    assert batch.records[0].data["Total"] == Decimal("1.10")


def test_an_unrequested_encoding_is_refused(packed_answer):
    packed_answer |= {"encoding": "br", "body": b'{"Invoices":[]}'}
    assert read_or_refused(sync).reason == "garbled_answer"
