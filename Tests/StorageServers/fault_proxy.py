"""Stands between klingd and a store over HTTP/1.1, passes everything on byte by byte, and makes the faults asked for.

Control (JSON over HTTP): POST /faults a fault or a list of them, GET and DELETE /faults, GET and DELETE /log.
A fault is {"do": NAME, "match": {"method": "PUT", "path": "part of the request target"}, "times": 1, "after": 0, …};
"times": null is for every request. The first fault in the queue that matches a request decides about it; as long as its
"after" is above 0, that is counted down instead and the request passed on.

Answered here, nothing reaches the store ("status", "code", "message", "headers" and "body" can be given for each):
  slow_down         503 SlowDown
  internal_error    500 InternalError
  error_in_200      200 with the body of an InternalError
  redirect_region   301 PermanentRedirect to "region" (default eu-central-1)
  wrong_region      400 AuthorizationHeaderMalformed that names "region"
  answer            "status" (default 500)
Broken, nothing reaches the store:
  reset_before      reset as soon as the head is there
  cut_upload        reset after "bytes" of the body (default: half); with "forward": true these reach the store
  hang              the request is read, no answer comes
  stall_upload      "bytes" of the body are read (default 0), then nothing is done
Passed on, but:
  delay             after "seconds"
  answer_lost       reset once the store has answered completely
  cut_answer        reset after "bytes" of the answer's body (default: half)
  stall_answer      nothing more after "bytes" of the answer's body (default: half)
  stall_body        stall_upload for a request with a body, else stall_answer
  wrong_etag        another ETag in the answer
"""

import argparse
import asyncio
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from urllib.parse import urlsplit

from http1 import body, ends_with_connection, read_head
from lifetime import watch_stdin

PATIENCE = 300
"""Seconds after which a client that waits for an answer that never comes is cut off."""

ANSWERS = {
    "slow_down": {"status": 503, "code": "SlowDown", "message": "reduce your request rate"},
    "internal_error": {"status": 500, "code": "InternalError", "message": "we encountered an internal error"},
    "error_in_200": {"status": 200, "code": "InternalError", "message": "we encountered an internal error"},
    "redirect_region": {"status": 301, "code": "PermanentRedirect", "message": "the bucket is in another region"},
    "wrong_region": {"status": 400, "code": "AuthorizationHeaderMalformed", "message": "the region is wrong"},
    "answer": {"status": 500, "code": "InternalError", "message": "a fault that was asked for"},
}
BREAKS = ("reset_before", "cut_upload", "hang", "stall_upload", "stall_body")
CHANGES = ("delay", "answer_lost", "cut_answer", "stall_answer", "wrong_etag")


class Faults:
    """The queue of faults to make."""

    def __init__(self):
        self.queue = []

    def add(self, faults):
        for fault in faults:
            if fault.get("do") not in (*ANSWERS, *BREAKS, *CHANGES):
                raise ValueError(f"no such fault: {fault.get('do')}")
            self.queue.append({"match": {}, "times": 1, "after": 0, **fault})

    def take(self, request):
        """The fault to make of `request`, if any."""
        for fault in self.queue:
            match = fault["match"]
            if match.get("method", request.method) != request.method or match.get("path", "") not in request.target:
                continue
            if fault["after"] > 0:
                fault["after"] -= 1
                return None
            if fault["times"] is not None:
                fault["times"] -= 1
                if fault["times"] <= 0:
                    self.queue.remove(fault)
            return fault
        return None


class Connection:
    """A client's connection with the one to the store that belongs to it."""

    def __init__(self, proxy, reader, writer):
        self.proxy = proxy
        self.reader = reader
        self.writer = writer
        self.store_reader = self.store_writer = None

    async def run(self):
        try:
            while request := await read_head(self.reader):
                entry = {
                    "method": request.method, "path": request.target, "headers": request.headers, "bytes": 0,
                    "fault": None, "status": None, "store_status": None,
                    "at": round(time.monotonic() - self.proxy.start, 3),
                }
                self.proxy.log.append(entry)
                fault = self.proxy.faults.take(request) or {"do": None}
                entry["fault"] = fault["do"]
                if not await self.answer(request, entry, fault):
                    return
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError):
            # One side is gone or speaks no HTTP: the other one shall see that.
            reset(self.writer)
        finally:
            for writer in (self.writer, self.store_writer):
                if writer:
                    writer.close()

    async def answer(self, request, entry, fault):
        """Whether the connection can be used for another request."""
        action = fault["do"]
        if action == "stall_body":
            action = "stall_upload" if request.length or request.is_chunked else "stall_answer"
        if action in ANSWERS:
            return await self.answer_here(request, entry, {**ANSWERS[action], **fault})
        if action == "reset_before":
            reset(self.writer)
        elif action == "cut_upload":
            await self.cut_upload(request, entry, fault)
        elif action == "hang":
            await self.drain(request, entry)
            await self.wait_for_client_to_go()
        elif action == "stall_upload":
            await self.take_part(request, entry, fault.get("bytes", 0))
            await self.wait_for_client_to_go()
        else:
            if action == "delay":
                await asyncio.sleep(fault["seconds"])
            return await self.forward(request, entry, action, fault)
        return False

    async def answer_here(self, request, entry, fault):
        expects = "expect" in request.headers
        if not expects:
            await self.drain(request, entry)
        region = fault.get("region", "eu-central-1") if fault["do"] in ("redirect_region", "wrong_region") else None
        text = fault.get("body")
        if text is None:
            text = '<?xml version="1.0" encoding="UTF-8"?>\n'
            text += f"<Error><Code>{fault['code']}</Code><Message>{fault['message']}</Message>"
            text += (f"<Region>{region}</Region>" if region else "") + "<RequestId>fault-proxy</RequestId></Error>"
        content = text.encode()
        headers = {"content-type": "application/xml", "content-length": len(content), "x-amz-request-id": "fault-proxy"}
        if region:
            headers["x-amz-bucket-region"] = region
        if expects:
            headers["connection"] = "close"
        headers |= fault.get("headers", {})
        lines = [f"HTTP/1.1 {fault['status']} Fault", *(f"{name}: {value}" for name, value in headers.items())]
        entry["status"] = fault["status"]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if request.method == "HEAD" else content))
        await self.writer.drain()
        return request.keeps_alive and not expects

    async def cut_upload(self, request, entry, fault):
        limit = fault.get("bytes", (request.length or 2) // 2)
        if fault.get("forward"):
            await self.connect()
            self.store_writer.write(request.raw)
        await self.take_part(request, entry, limit, to_store=fault.get("forward", False))
        if fault.get("forward"):
            await self.store_writer.drain()
        reset(self.writer)

    async def take_part(self, request, entry, limit, to_store=False):
        """Reads `limit` bytes of the body, or all of it when it is shorter."""
        if limit > 0 and "expect" in request.headers:
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while entry["bytes"] < limit:
            piece = await self.reader.read(min(limit - entry["bytes"], 64 * 1024))
            if not piece:
                raise EOFError
            entry["bytes"] += len(piece)
            if to_store:
                self.store_writer.write(piece)
            if entry["bytes"] == request.length:
                break

    async def drain(self, request, entry):
        if "expect" in request.headers:
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        async for piece in body(self.reader, request):
            entry["bytes"] += len(piece)

    async def wait_for_client_to_go(self):
        """Its end of the connection tells, even behind bytes that nobody reads (poll(2))."""
        poll = select.poll()
        poll.register(self.writer.get_extra_info("socket").fileno(), select.POLLRDHUP)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not poll.poll(0) and not self.writer.transport.is_closing():
            await asyncio.sleep(0.05)

    async def connect(self):
        if self.store_writer is None or self.store_reader.at_eof() or self.store_writer.transport.is_closing():
            if self.store_writer:
                self.store_writer.close()
            self.store_reader, self.store_writer = await asyncio.open_connection(*self.proxy.store)

    async def forward(self, request, entry, action, fault):
        await self.connect()
        self.store_writer.write(request.raw)
        upload = asyncio.ensure_future(self.upload(request, entry))
        try:
            answer = await self.final_head(upload)
            entry["store_status"] = answer.status
            raw = answer.with_wrong_etag() if action == "wrong_etag" else answer.raw
            limit = None
            if action in ("cut_answer", "stall_answer"):
                limit = fault.get("bytes", (answer.length or 2) // 2)
            if action != "answer_lost":
                entry["status"] = answer.status
                self.writer.write(raw)
            sent = 0
            async for piece in body(self.store_reader, answer, is_answer_to=request.method):
                if action == "answer_lost":
                    continue
                if limit is not None:
                    piece = piece[: limit - sent]
                    sent += len(piece)
                self.writer.write(piece)
                await self.writer.drain()
                if sent == limit:
                    break
            await self.writer.drain()
            if action == "stall_answer":
                await self.wait_for_client_to_go()
            if action in ("answer_lost", "cut_answer"):
                await asyncio.wait([upload], timeout=5)
                # What was written shall arrive before the reset.
                await asyncio.sleep(0.05 if action == "cut_answer" else 0)
                reset(self.writer)
            if limit is not None or action == "answer_lost":
                return False
            # A store may answer, most often by a refusal, before it has read everything.
            await asyncio.wait([upload], timeout=5)
            is_whole = upload.done() and upload.exception() is None
            return is_whole and request.keeps_alive and answer.keeps_alive and not ends_with_connection(
                answer, request.method
            )
        finally:
            upload.cancel()
            await asyncio.gather(upload, return_exceptions=True)

    async def upload(self, request, entry):
        async for piece in body(self.reader, request):
            entry["bytes"] += len(piece)
            self.store_writer.write(piece)
            await self.store_writer.drain()

    async def final_head(self, upload):
        """The head of the answer behind interim ones, which are passed on; raises when either side is cut off."""
        while True:
            reading = asyncio.ensure_future(read_head(self.store_reader))
            await asyncio.wait([reading, upload], return_when=asyncio.FIRST_COMPLETED)
            if not reading.done() and upload.exception():
                reading.cancel()
                reset(self.store_writer)
                raise EOFError
            answer = await reading
            if answer is None:
                raise EOFError
            if answer.status >= 200:
                return answer
            self.writer.write(answer.raw)
            await self.writer.drain()


def reset(writer):
    """Ends a connection by RST instead of FIN, without what was not sent yet (socket(7), SO_LINGER)."""
    connection = writer.get_extra_info("socket")
    if connection and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Proxy:
    def __init__(self, store):
        self.store = store
        self.faults = Faults()
        self.log = []
        self.start = time.monotonic()

    async def client(self, reader, writer):
        await Connection(self, reader, writer).run()

    async def control(self, reader, writer):
        try:
            while request := await read_head(reader):
                content = b"".join([piece async for piece in body(reader, request)])
                try:
                    status, answer = 200, self.command(request.method, request.target, content)
                except (ValueError, AttributeError, TypeError) as error:
                    status, answer = 400, {"error": str(error)}
                text = json.dumps(answer).encode()
                head = f"HTTP/1.1 {status} Done\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n"
                writer.write(head.encode() + text)
                await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    def command(self, method, path, content):
        match (method, path):
            case ("POST", "/faults"):
                faults = json.loads(content)
                self.faults.add(faults if isinstance(faults, list) else [faults])
            case ("DELETE", "/faults"):
                self.faults.queue.clear()
            case ("DELETE", "/log"):
                self.log.clear()
            case ("GET", "/log"):
                return {"requests": self.log, "puts": sum(entry["method"] == "PUT" for entry in self.log)}
            case ("GET", "/faults"):
                pass
            case _:
                raise ValueError(f"no such command: {method} {path}")
        return {"faults": self.faults.queue}


async def run(store):
    proxy = Proxy(store)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    watch_stdin()
    servers = [await asyncio.start_server(handler, "127.0.0.1", 0) for handler in (proxy.client, proxy.control)]
    endpoint, control = (f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers)
    print(json.dumps({"endpoint": endpoint, "control": control, "pids": [os.getpid()]}), flush=True)
    await stop.wait()
    # Clients that wait for nothing are not waited for.
    os._exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upstream", required=True, metavar="URL", help="the store, such as http://127.0.0.1:8333")
    upstream = urlsplit(parser.parse_args().upstream)
    if upstream.scheme != "http" or not upstream.hostname:
        sys.exit("fault_proxy.py: --upstream takes an http URL")
    asyncio.run(run((upstream.hostname, upstream.port or 80)))
