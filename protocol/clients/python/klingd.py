#!/usr/bin/env python3
"""A client of klingd for Python 3.9 or later: one file, nothing but the standard library.

    with Klingd(["--storage", "file:///tmp/pictures"]) as klingd:
        task = klingd.generate("a lighthouse at dusk", aspect_ratio="3:2", wait_for="stored")
        print([image["path"] for image in task["images"]])

    async with AsyncKlingd() as klingd:
        tasks = await asyncio.gather(*(klingd.generate(prompt, wait_for="stored") for prompt in prompts))

Threads and tasks may share a client. Tasks outlive it: give an `idempotency_key`, and the same call again, also in
another process, is the same task, paid once. As a program: klingd.py PROMPT…
"""
from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import itertools
import json
import logging
import os
import subprocess
import sys
import threading
import weakref
from typing import (TYPE_CHECKING, Any, AsyncIterator, BinaryIO, Callable, Deque, Dict, List, Literal, Mapping,
                    Optional, Sequence, Set, Tuple, Type, TypedDict, TypeVar, Union, cast, overload)

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["AsyncKlingd", "Klingd", "KlingdEnded", "KlingdError", "KlingdTimeout", "Task", "Image", "Update"]

LINE_BYTES = 16 << 20
# klingd reads no more, not even a cancel, while 1,024 requests wait.
REQUESTS_IN_FLIGHT = 1000
BACKLOG = 1000
log = logging.getLogger("klingd")

State = Literal["queued", "submitting", "submitted", "processing", "storing", "stored", "failed", "unresolved"]
Charged = Literal["no", "yes", "unknown"]
WaitFor = Literal["queued", "submitted", "stored"]


class ProviderError(TypedDict, total=False):
    http_status: int
    code: int
    message: str
    request_id: str


class _TaskError(TypedDict):
    code: int
    message: str
    kind: str
    charged: Charged
    retryable: bool


class TaskError(_TaskError, total=False):
    retry_after_ms: int
    pointer: str
    provider: ProviderError


class _Image(TypedDict):
    index: int
    url: str


class Image(_Image, total=False):
    """What is not required is there once the image is stored."""
    uri: str
    path: str
    bytes: int
    sha256: str
    media_type: str
    width: int
    height: int


class _Task(TypedDict):
    id: str
    task_id: Optional[str]
    external_task_id: str
    idempotency_key: Optional[str]
    state: State
    watch: Literal["active", "cancelled", "ended"]
    charged: Charged
    task_status: Optional[str]
    task_status_msg: Optional[str]
    provider: str
    request: Dict[str, Any]
    storage: str
    images: List[Image]
    final_unit_deduction: Optional[str]
    created_at: str
    submitted_at: Optional[str]
    updated_at: str
    finished_at: Optional[str]
    look_ups: int
    warnings: List[str]
    error: Optional[TaskError]


class Task(_Task, total=False):
    """As on the wire; protocol/README.md tells what each member means."""
    message: str


class Update(TypedDict):
    seq: int
    task: Task


class _TaskList(TypedDict):
    tasks: List[Task]


class TaskList(_TaskList, total=False):
    next_cursor: str


class Events(TypedDict):
    events: List[Update]
    next: str


class DryRun(TypedDict):
    dry_run: bool
    charged: Charged
    would_send: Dict[str, Any]
    would_store: Dict[str, Any]
    credentials: str


class GenerateParams(TypedDict, total=False):
    negative_prompt: str
    image: str
    image_fidelity: float
    n: int
    aspect_ratio: str
    callback_url: str
    model_name: str
    external_task_id: str
    image_reference: str
    human_fidelity: float
    element_list: List[Dict[str, Any]]
    resolution: str
    watermark_info: Dict[str, Any]
    storage: str
    idempotency_key: str
    wait_for: WaitFor
    wait_ms: int


class KlingdError(Exception):
    """klingd refused a request: no task was made by it. Branch on `kind`; `retry_after` is in seconds."""

    def __init__(self, message: str, *, code: int = 10000, kind: str = "internal", charged: Charged = "unknown",
                 retryable: bool = False, retry_after: Optional[float] = None, pointer: Optional[str] = None,
                 provider: Optional[ProviderError] = None) -> None:
        super().__init__(message)
        self.code, self.message, self.kind, self.charged = code, message, kind, charged
        self.retryable, self.retry_after, self.pointer, self.provider = retryable, retry_after, pointer, provider

    @classmethod
    def _of(cls, error: Any) -> KlingdError:
        error = error if isinstance(error, dict) else {"message": f"an error that is none: {error!r}"}
        data = error.get("data") if isinstance(error.get("data"), dict) else {}
        after = data.get("retry_after_ms")
        return cls(str(error.get("message", "")), code=error.get("code", 10000), kind=data.get("kind", "internal"),
                   charged=data.get("charged", "unknown"), retryable=data.get("retryable", False),
                   retry_after=None if after is None else after / 1000, pointer=data.get("pointer"),
                   provider=data.get("provider"))


class KlingdEnded(KlingdError):
    """klingd ended, or the client was closed, before the answer. With `charged` ``no`` the request was not sent, or not
    taken by a klingd that did not like its options; else money may have been spent, and the same request with the same
    `idempotency_key` is the same task, paid once.
    """

    def __init__(self, message: str, charged: Charged, retryable: bool = True) -> None:
        super().__init__(message, code=0, kind="ended", charged=charged, retryable=retryable)


class KlingdTimeout(KlingdError, TimeoutError):
    """The `timeout` of a call ran out; `task` is how far it has come, if klingd could still say so."""

    def __init__(self, message: str, charged: Charged, task: Optional[Task]) -> None:
        KlingdError.__init__(self, message, code=0, kind="timeout", charged=charged, retryable=True)
        self.task = task


class _Backlog:
    """Updates that nobody has read yet: above a bound only the newest of each task, as klingd itself does it."""

    def __init__(self) -> None:
        self.updates: Deque[Update] = collections.deque()
        self.bound = BACKLOG

    def add(self, update: Update) -> None:
        self.updates.append(update)
        if len(self.updates) > self.bound:
            newest = {each["task"]["id"]: each["seq"] for each in self.updates}
            self.updates = collections.deque(
                each for each in self.updates if newest[each["task"]["id"]] == each["seq"])
            self.bound = max(BACKLOG, 2 * len(self.updates))


class _Call:
    def __init__(self, id: int, line: bytes) -> None:
        self.id, self.line = id, line
        self.future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self.abandoned = False


class _Connection:
    """The wire, for both clients: one thread reads, one writes, one tells updates. None of them waits for another, so
    that neither side's writing can stop the other's.
    """

    def __init__(self, reader: BinaryIO, writer: BinaryIO, process: Optional[subprocess.Popen[bytes]],
                 on_update: Optional[Callable[[Update], object]]) -> None:
        self.process, self.on_update = process, on_update
        # klingd answers what waits and ends within 3.5 s.
        self.terminate_timeout = 5.0
        self._reader, self._writer = reader, writer
        # Guards all below, and is told of every change. Never held while reading, writing or calling others.
        self._changed = threading.Condition()
        self._ids = itertools.count(1)
        self._waiting: Deque[_Call] = collections.deque()
        self._urgent: Deque[bytes] = collections.deque()
        self._in_flight: Dict[int, _Call] = {}
        self._is_closing = False
        self._has_spoken = False
        self._end: Optional[str] = None
        self._backlog = _Backlog()
        self._iterators: weakref.WeakSet[_Updates] = weakref.WeakSet()
        self.unclaimed: Deque[Task] = collections.deque(maxlen=1000)
        self.errors: Deque[bytes] = collections.deque(maxlen=1000)
        self._threads = [threading.Thread(target=run, daemon=True, name=f"klingd {run.__name__}")
                         for run in (self._read, self._write)]
        if on_update is not None:
            threading.Thread(target=self._tell, daemon=True, name="klingd updates").start()
        self._errors_thread = threading.Thread(target=self._read_errors, daemon=True, name="klingd stderr")
        if process is not None and process.stderr is not None:
            self._threads.append(self._errors_thread)
        for thread in self._threads:
            thread.start()

    def call(self, method: str, params: Optional[Mapping[str, Any]]) -> _Call:
        message = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": dict(params or {})}
        call = _Call(cast(int, message["id"]), _line(message))
        with self._changed:
            if self._end is not None or self._is_closing:
                raise _not_sent(self._end or "the client is closed")
            self._waiting.append(call)
            self._changed.notify_all()
        return call

    def abandon(self, call: _Call) -> None:
        """Nobody waits for `call` any more: it is not sent, or ended by klingd, whose answer is then unclaimed."""
        call.future.cancel()
        with self._changed:
            call.abandoned = True
            if call.id in self._in_flight:
                self._urgent.append(_line({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": call.id}}))
                self._changed.notify_all()
                return
        # Answered meanwhile, or about to be.
        call.future.add_done_callback(
            lambda future: None if future.cancelled() or future.exception() else self._keep(future.result()))

    def claim(self, call: _Call, bound: float) -> Optional[Task]:
        """The task that an abandoned call is answered with within `bound` seconds; it is no longer unclaimed."""
        try:
            task = cast(Task, call.future.result(bound))
        except (concurrent.futures.TimeoutError, KlingdError):
            return None
        if not isinstance(task, dict) or "state" not in task:
            return None
        try:
            self.unclaimed.remove(task)
        except ValueError:
            pass  # About to be put there: told twice is better than not.
        return task

    def _keep(self, result: Any) -> None:
        if isinstance(result, dict) and "state" in result:
            self.unclaimed.append(cast(Task, result))

    def updates(self, iterator: _Updates) -> None:
        with self._changed:
            if self._end is None:
                self._iterators.add(iterator)
                return
        iterator.end()

    def close(self, bound: float) -> None:
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        if self.process is not None:
            try:
                self.process.wait(bound)
            except subprocess.TimeoutExpired:
                self.process.terminate()
                try:
                    self.process.wait(self.terminate_timeout)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
        for thread in self._threads:
            thread.join(bound)
        self._over("the client is closed")

    def _write(self) -> None:
        call: Optional[_Call] = None
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._urgent or self._is_closing or self._end is not None
                                           or (self._waiting and len(self._in_flight) < REQUESTS_IN_FLIGHT))
                    if self._end is not None:
                        break
                    call = None
                    if self._urgent:
                        line = self._urgent.popleft()
                    elif self._waiting and (self._is_closing or len(self._in_flight) < REQUESTS_IN_FLIGHT):
                        call = self._waiting.popleft()
                        if not call.future.set_running_or_notify_cancel():
                            continue
                        self._in_flight[call.id] = call
                        line, call.line = call.line, b""
                    else:
                        break
                self._writer.write(line)
                self._writer.flush()
        except (OSError, ValueError):
            # klingd is gone. What it has still said comes first; who is not answered is told at the end of its output.
            with self._changed:
                self._is_closing = True
                unsent, self._waiting = list(self._waiting), collections.deque()
                # Of this one it has not had the whole line.
                is_cut = call is not None and self._in_flight.pop(call.id, None) is not None
            if call is not None and is_cut:
                call.future.set_exception(_not_sent("klingd takes no more requests"))
            self._fail(unsent, "klingd takes no more requests")
        finally:
            try:
                self._writer.close()
            except (OSError, ValueError):
                pass

    def _read(self) -> None:
        try:
            for line in iter(self._reader.readline, b""):
                if line.strip():
                    self._take(line)
        except (OSError, ValueError) as error:
            log.warning("reading from klingd failed: %s", error)
        end, took_nothing = "klingd has closed its output", False
        if self.process is not None:
            self._reader.close()
            try:
                code = self.process.wait(1)
                end = f"klingd has ended (by signal {-code})" if code < 0 else f"klingd has ended (exit code {code})"
                took_nothing = code == 2 and not self._has_spoken
            except subprocess.TimeoutExpired:
                pass
        self._over(f"{end}{self._last_words()}" if took_nothing else end, took_nothing)

    def _last_words(self) -> str:
        """The line of klingd's stderr that tells why it does not start, if it is captured."""
        if self._errors_thread.ident is not None:
            self._errors_thread.join(1)
        lines = [line for line in (each.decode(errors="replace").strip() for each in list(self.errors)) if line]
        # The usage that follows an error is long.
        why = [line for line in lines if line.startswith("Error")][:1] or lines[-1:]
        return f": {why[0][:500]}" if why else ""

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            log.warning("not JSON from klingd: %r", line[:200])
            return
        if not isinstance(message, dict):
            return
        self._has_spoken = True
        if "method" in message:
            params = message.get("params")
            if message["method"] == "task-updated" and isinstance(params, dict) and isinstance(
                    params.get("task"), dict) and "id" in params["task"] and "seq" in params:
                self._updated(cast(Update, params))
            return
        id = message.get("id")
        with self._changed:
            call = self._in_flight.pop(id, None) if type(id) is int else None
            self._changed.notify_all()
            is_kept = call is not None and call.abandoned
        if call is None:
            log.warning("nobody waits for %r", line[:200])
        elif "result" in message:
            if is_kept:
                self._keep(message["result"])
            call.future.set_result(message["result"])
        else:
            call.future.set_exception(KlingdError._of(message.get("error")))

    def _updated(self, update: Update) -> None:
        with self._changed:
            iterators = list(self._iterators)
            if self.on_update is not None:
                self._backlog.add(update)
                self._changed.notify_all()
        for iterator in iterators:
            iterator.add(update)

    def _tell(self) -> None:
        assert self.on_update is not None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._backlog.updates or self._end is not None)
                if not self._backlog.updates:
                    return
                update = self._backlog.updates.popleft()
            try:
                self.on_update(update)
            except Exception:
                log.exception("on_update failed")

    def _read_errors(self) -> None:
        assert self.process is not None and self.process.stderr is not None
        with self.process.stderr as stream:
            self.errors.extend(iter(stream.readline, b""))

    def _over(self, end: str, took_nothing: bool = False) -> None:
        with self._changed:
            if self._end is not None:
                return
            self._end = end
            unsent, self._waiting = list(self._waiting), collections.deque()
            sent, self._in_flight = list(self._in_flight.values()), {}
            iterators = list(self._iterators)
            self._changed.notify_all()
        self._fail(unsent, end)
        for call in sent:
            call.future.set_exception(KlingdEnded(
                f"klingd took nothing, and no money was spent: {end}", "no", retryable=False
            ) if took_nothing else KlingdEnded(
                f"{end} before it answered, and money may have been spent: a task that it took lives on in the ledger; "
                "the same request with the same idempotency_key is that task, paid once", "unknown"))
        for iterator in iterators:
            iterator.end()

    def _fail(self, unsent: Sequence[_Call], end: str) -> None:
        for call in unsent:
            if call.future.set_running_or_notify_cancel():
                call.future.set_exception(_not_sent(end))


def _not_sent(end: str) -> KlingdEnded:
    return KlingdEnded(f"not sent, and no money was spent: {end}", "no")


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _line(message: Mapping[str, Any]) -> bytes:
    # A half of a surrogate pair, NaN and what is too long are refused here, since klingd cannot tell whose line it was.
    try:
        line = _json(message) + b"\n"
    except ValueError:
        raise _unsendable(message["params"]) from None
    if len(line) > LINE_BYTES:
        raise KlingdError(f"a request of {len(line)} bytes is too long: klingd takes {LINE_BYTES}", code=-32600,
                          kind="too_large", charged="no")
    return line


def _unsendable(params: Mapping[str, Any]) -> KlingdError:
    why, pointer = "params are not JSON", None
    for name, value in params.items():
        try:
            _json({name: value})
        except UnicodeError:
            why, pointer = f"{name!a} is not Unicode (half a surrogate pair, or bytes that are not UTF-8)", f"/{name}"
        except ValueError as error:
            why, pointer = f"{name!a} is not JSON: {error}", f"/{name}"
    return KlingdError(f"not sent: {why}", code=-32602, kind="invalid_params", charged="no", pointer=pointer)


class _Updates:
    """`task-updated` in order, for one `async for`; ends with the client."""

    def __init__(self, connection: _Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._backlog, self._has_ended = loop, _Backlog(), False
        self._lock, self._news = threading.Lock(), asyncio.Event()
        connection.updates(self)

    def add(self, update: Update) -> None:
        with self._lock:
            self._backlog.add(update)
        self._wake()

    def end(self) -> None:
        self._has_ended = True
        self._wake()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:
            pass  # Its loop is closed: nobody iterates any more.

    def __aiter__(self) -> _Updates:
        return self

    async def __anext__(self) -> Update:
        while True:
            self._news.clear()
            has_ended = self._has_ended
            with self._lock:
                if self._backlog.updates:
                    return self._backlog.updates.popleft()
            if has_ended:
                raise StopAsyncIteration
            await self._news.wait()


Self = TypeVar("Self", bound="_Client")


class _Client:
    """What the clients share. They start `klingd serve` with `args`, and `env` beside their own environment.

    `program` is klingd, or a command that stands for it; `$KLINGD` unless given. `stderr` passes klingd's log on
    (`inherit`), keeps its newest lines for `stderr_text` (`capture`) or drops it. `on_update` is called with every
    `task-updated`, in order, on a thread of its own. Tasks answered after their call was given up are in `unclaimed`.
    """

    def __init__(self, args: Sequence[str] = (), *, program: Union[str, Sequence[str], None] = None,
                 env: Optional[Mapping[str, str]] = None, stderr: Literal["inherit", "capture", "discard"] = "inherit",
                 on_update: Optional[Callable[[Update], object]] = None, close_timeout: float = 5,
                 streams: Optional[Tuple[BinaryIO, BinaryIO]] = None) -> None:
        self._close_timeout = close_timeout
        process = None
        if streams is None:
            program = program or os.environ.get("KLINGD") or "klingd"
            command = [program] if isinstance(program, str) else list(program)
            errors = {"inherit": None, "capture": subprocess.PIPE, "discard": subprocess.DEVNULL}[stderr]
            process = subprocess.Popen([*command, "serve", *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=errors, env={**os.environ, **(env or {})})
            streams = cast(BinaryIO, process.stdout), cast(BinaryIO, process.stdin)
        self._connection = _Connection(streams[0], streams[1], process, on_update)

    @classmethod
    def attach(cls: Type[Self], reader: BinaryIO, writer: BinaryIO,
               on_update: Optional[Callable[[Update], object]] = None) -> Self:
        """A client of a klingd that another has started: `reader` is its stdout, `writer` its stdin."""
        return cls(streams=(reader, writer), on_update=on_update)

    @property
    def pid(self) -> Optional[int]:
        process = self._connection.process
        return None if process is None else process.pid

    @property
    def returncode(self) -> Optional[int]:
        """Of klingd once it has ended, negative when by a signal."""
        process = self._connection.process
        return None if process is None else process.poll()

    @property
    def unclaimed(self) -> Deque[Task]:
        return self._connection.unclaimed

    def stderr_text(self) -> str:
        return b"".join(list(self._connection.errors)).decode(errors="replace")


class Klingd(_Client):
    """klingd for threads. `timeout` bounds a call in seconds: then klingd's wait is ended and ``KlingdTimeout`` raised.
    To wait shorter without an error, use `wait_ms`: the answer is the task as it is then.
    """

    def __enter__(self) -> Klingd:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends klingd's input and waits for its end, `close_timeout` seconds at the most; then it is terminated."""
        self._connection.close(self._close_timeout)

    def request(self, method: str, params: Optional[Mapping[str, Any]] = None, *,
                timeout: Optional[float] = None) -> Any:
        """Any method: the result as it is on the wire."""
        call = self._connection.call(method, params)
        try:
            return call.future.result(timeout)
        except concurrent.futures.TimeoutError:
            pass
        except BaseException:
            if not call.future.done():  # Such as KeyboardInterrupt.
                self._connection.abandon(call)
            raise
        self._connection.abandon(call)
        if call.future.cancelled():
            raise KlingdTimeout(f"{method} was not sent within {timeout} s", "no", None)
        # A wait that is cancelled is answered at once with the task as it is.
        task = self._connection.claim(call, 2)
        raise KlingdTimeout(f"{method} was not answered within {timeout} s; a task that was made goes on",
                            task["charged"] if task else "unknown", task)

    @overload
    def generate(self, prompt: str, *, dry_run: Literal[True], timeout: Optional[float] = None,
                 **params: Unpack[GenerateParams]) -> DryRun: ...

    @overload
    def generate(self, prompt: str, *, dry_run: Literal[False] = False, timeout: Optional[float] = None,
                 **params: Unpack[GenerateParams]) -> Task: ...

    def generate(self, prompt: str, *, dry_run: bool = False, timeout: Optional[float] = None,
                 **params: Unpack[GenerateParams]) -> Union[Task, DryRun]:
        """Makes a task. The answer comes when the provider has taken it, or as `wait_for` says."""
        sent = {"prompt": prompt, **params, **({"dry_run": True} if dry_run else {})}
        return cast(Task, self.request("generate", sent, timeout=timeout))

    def status(self, id: Optional[str] = None, *, task_id: Optional[str] = None, wait_for: Optional[WaitFor] = None,
               wait_ms: Optional[int] = None, timeout: Optional[float] = None) -> Task:
        sent = _given(id=id, task_id=task_id, wait_for=wait_for, wait_ms=wait_ms)
        return cast(Task, self.request("status", sent, timeout=timeout))

    def list(self, *, state: Optional[State] = None, watch: Optional[str] = None, limit: Optional[int] = None,
             cursor: Optional[str] = None) -> TaskList:
        return cast(TaskList, self.request("list", _given(state=state, watch=watch, limit=limit, cursor=cursor)))

    def watch(self, id: Optional[str] = None, *, task_id: Optional[str] = None,
              storage: Optional[str] = None) -> Task:
        return cast(Task, self.request("watch", _given(id=id, task_id=task_id, storage=storage)))

    def cancel_watch(self, id: Optional[str] = None, *, task_id: Optional[str] = None) -> Task:
        return cast(Task, self.request("cancel-watch", _given(id=id, task_id=task_id)))

    def resolve(self, id: str, *, task_id: Optional[str] = None, resend: Optional[bool] = None,
                abandon: Optional[bool] = None) -> Task:
        return cast(Task, self.request("resolve", _given(id=id, task_id=task_id, resend=resend, abandon=abandon)))

    def events(self, after: Optional[str] = None, *, limit: Optional[int] = None) -> Events:
        return cast(Events, self.request("events", _given(after=after, limit=limit)))

    def server_info(self) -> Dict[str, Any]:
        return cast(Dict[str, Any], self.request("server-info"))


class AsyncKlingd(_Client):
    """klingd for asyncio. A cancelled await, as by `asyncio.wait_for`, ends klingd's wait; the task goes on."""

    async def __aenter__(self) -> AsyncKlingd:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends klingd's input and waits for its end, `close_timeout` seconds at the most; then it is terminated."""
        await asyncio.get_running_loop().run_in_executor(None, self._connection.close, self._close_timeout)

    def updates(self) -> AsyncIterator[Update]:
        """`task-updated` from now on, in order: `async for update in klingd.updates()`."""
        return _Updates(self._connection, asyncio.get_running_loop())

    async def request(self, method: str, params: Optional[Mapping[str, Any]] = None) -> Any:
        """Any method: the result as it is on the wire."""
        call = self._connection.call(method, params)
        try:
            return await asyncio.wrap_future(call.future)
        except asyncio.CancelledError:
            self._connection.abandon(call)
            raise

    @overload
    async def generate(self, prompt: str, *, dry_run: Literal[True], **params: Unpack[GenerateParams]) -> DryRun: ...

    @overload
    async def generate(self, prompt: str, *, dry_run: Literal[False] = False,
                       **params: Unpack[GenerateParams]) -> Task: ...

    async def generate(self, prompt: str, *, dry_run: bool = False,
                       **params: Unpack[GenerateParams]) -> Union[Task, DryRun]:
        """Makes a task. The answer comes when the provider has taken it, or as `wait_for` says."""
        sent = {"prompt": prompt, **params, **({"dry_run": True} if dry_run else {})}
        return cast(Task, await self.request("generate", sent))

    async def status(self, id: Optional[str] = None, *, task_id: Optional[str] = None,
                     wait_for: Optional[WaitFor] = None, wait_ms: Optional[int] = None) -> Task:
        sent = _given(id=id, task_id=task_id, wait_for=wait_for, wait_ms=wait_ms)
        return cast(Task, await self.request("status", sent))

    async def list(self, *, state: Optional[State] = None, watch: Optional[str] = None, limit: Optional[int] = None,
                   cursor: Optional[str] = None) -> TaskList:
        sent = _given(state=state, watch=watch, limit=limit, cursor=cursor)
        return cast(TaskList, await self.request("list", sent))

    async def watch(self, id: Optional[str] = None, *, task_id: Optional[str] = None,
                    storage: Optional[str] = None) -> Task:
        return cast(Task, await self.request("watch", _given(id=id, task_id=task_id, storage=storage)))

    async def cancel_watch(self, id: Optional[str] = None, *, task_id: Optional[str] = None) -> Task:
        return cast(Task, await self.request("cancel-watch", _given(id=id, task_id=task_id)))

    async def resolve(self, id: str, *, task_id: Optional[str] = None, resend: Optional[bool] = None,
                      abandon: Optional[bool] = None) -> Task:
        sent = _given(id=id, task_id=task_id, resend=resend, abandon=abandon)
        return cast(Task, await self.request("resolve", sent))

    async def events(self, after: Optional[str] = None, *, limit: Optional[int] = None) -> Events:
        return cast(Events, await self.request("events", _given(after=after, limit=limit)))

    async def server_info(self) -> Dict[str, Any]:
        return cast(Dict[str, Any], await self.request("server-info"))


def _given(**params: Any) -> Dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def main(prompts: Sequence[str]) -> int:
    """Prints where the images lie. 0: all stored, 1: failed, 2: wrong usage, 3: not finished, 130: interrupted."""
    if not prompts or prompts[0].startswith("-"):
        print("usage: klingd.py PROMPT…  (options of klingd by its variables, such as KLINGD_STORAGE)", file=sys.stderr)
        return 2
    try:
        klingd = Klingd(["--no-task-updates"], close_timeout=0.5)
    except OSError as error:
        print(f"klingd: klingd cannot be started: {error}", file=sys.stderr)
        return 1
    codes: Set[int] = set()
    with concurrent.futures.ThreadPoolExecutor(100) as pool, klingd:
        jobs = [pool.submit(klingd.generate, prompt, wait_for="stored") for prompt in prompts]
        try:
            for job in jobs:
                codes.add(_told(klingd, job))
        except KeyboardInterrupt:
            print("klingd: interrupted; what was sent goes on and is billed: klingd list", file=sys.stderr)
            return 130
    return next((code for code in (1, 2, 3) if code in codes), 0)


def _told(klingd: Klingd, job: concurrent.futures.Future[Task]) -> int:
    try:
        task = job.result()
    except KlingdError as error:
        print(f"klingd: {error}", file=sys.stderr)
        if error.kind == "invalid_params" or klingd.returncode == 2:
            return 2
        return 3 if error.kind == "ended" and error.charged != "no" else 1
    if task["state"] == "stored":
        for image in task["images"]:
            print(image.get("path") or image.get("uri"), flush=True)
        return 0
    why = task["error"]["message"] if task["error"] else "it goes on"
    print(f"klingd: task {task['id']} is {task['state']}: {why}", file=sys.stderr)
    return 1 if task["state"] == "failed" else 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
