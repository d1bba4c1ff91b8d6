"""HTTP/1.1 messages (RFC 9112) as the fault proxy passes them on: byte by byte, framing understood, nothing changed."""

import asyncio
import re

CHUNK = 64 * 1024


class Head:
    """A request's or an answer's head with its bytes as they came."""

    def __init__(self, raw):
        self.raw = raw
        first, *lines = raw.decode("latin-1").split("\r\n")
        self.first = first.split(" ", 2)
        self.headers = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if colon:
                self.headers[name.lower()] = value.strip()

    @property
    def method(self):
        return self.first[0]

    @property
    def target(self):
        return self.first[1]

    @property
    def status(self):
        return int(self.first[1])

    @property
    def is_chunked(self):
        return "chunked" in self.headers.get("transfer-encoding", "").lower()

    @property
    def length(self):
        """Bytes of the body; None when its head does not tell."""
        text = self.headers.get("content-length")
        return int(text) if text is not None else None

    @property
    def keeps_alive(self):
        return "close" not in self.headers.get("connection", "").lower()

    def with_wrong_etag(self):
        """The same with the first hex digit of the ETag changed."""

        def change(match):
            return match[1] + (b"1" if match[2] == b"0" else b"0")

        return re.sub(rb"(?im)^(etag:[ \t]*\"?)([0-9a-f])", change, self.raw)


async def read_head(reader):
    """The next head; None when the connection ended before it."""
    try:
        return Head(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None


async def body(reader, head, is_answer_to=None):
    """The bytes of the body of `head` piece by piece, with the framing of chunks as it came.

    `is_answer_to` is the method of the request whose answer `head` is. Raises IncompleteReadError when it is cut short.
    """
    if is_answer_to and (is_answer_to == "HEAD" or head.status in (204, 304)):
        return
    if head.is_chunked:
        size = None
        while size != 0:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            yield line
            async for piece in _exactly(reader, size):
                yield piece
            if size:
                yield await reader.readexactly(2)
        while line != b"\r\n":
            line = await reader.readuntil(b"\r\n")
            yield line
    elif head.length is not None:
        async for piece in _exactly(reader, head.length):
            yield piece
    elif is_answer_to:
        while piece := await reader.read(CHUNK):
            yield piece


async def _exactly(reader, count):
    while count > 0:
        piece = await reader.read(min(count, CHUNK))
        if not piece:
            raise asyncio.IncompleteReadError(b"", count)
        count -= len(piece)
        yield piece


def ends_with_connection(answer, method):
    """Whether only the end of the connection tells where the answer's body ends."""
    has_body = method != "HEAD" and answer.status not in (204, 304)
    return has_body and not answer.is_chunked and answer.length is None
