"""Servers for tests: started on loopback, told of in one line of JSON, stopped with whoever asked for them.

A program calls `serve(start, arguments)`. `start` is given a `Servers` and returns what the one JSON line on stdout
shall say. The servers end when stdin reaches its end (so also with the process that holds the other end) or on SIGTERM.
Exit codes: 0 stopped, 1 could not start (stderr says why, with the end of the log).
"""

import argparse
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

START_SECONDS = 120
"""How long a start may take: forty times what it takes on two idle cores, which busy ones have been seen to need."""


class CannotStart(Exception):
    pass


class PortTaken(CannotStart):
    """Another process took the port between its choice and its use: worth another try with others."""


class Stop(BaseException):
    """Raised in the main thread when it is time to end."""


def free_ports(count):
    """Ports that were free on loopback a moment ago, all different."""
    sockets = []
    for _ in range(count):
        probe = socket.socket()
        probe.bind(("127.0.0.1", 0))
        sockets.append(probe)
    ports = [probe.getsockname()[1] for probe in sockets]
    for probe in sockets:
        probe.close()
    return ports


def argument_parser(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--data", type=Path, help="folder for data and logs, kept at the end; without it a temporary one, removed"
    )
    return parser


def _end_with_parent():
    """Runs in a child before its program: not even kill -9 of this process leaves it behind (Linux, prctl(2))."""
    _libc.prctl(1, signal.SIGKILL)


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Servers:
    """The processes that were started, each with its log in the folder `data`."""

    def __init__(self, data):
        self.data = data
        self.deadline = time.monotonic() + START_SECONDS
        self._processes = {}

    @property
    def pids(self):
        return [process.pid for process in self._processes.values()]

    def start(self, name, arguments, environment=None):
        with open(self.data / f"{name}.log", "ab") as log:
            self._processes[name] = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                preexec_fn=_end_with_parent if _libc else None,
            )

    def wait_until(self, is_ready, what):
        """Asks `is_ready` until it answers true; an OSError from it means "not yet"."""
        while True:
            for name, process in self._processes.items():
                if process.poll() is not None:
                    self._give_up(f"{name} ended with exit code {process.returncode}")
            try:
                if is_ready():
                    return
            except OSError:
                pass
            if time.monotonic() > self.deadline:
                self._give_up(f"{what} was not ready after {START_SECONDS} s")
            time.sleep(0.05)

    def _give_up(self, reason):
        logs = [(name, (self.data / f"{name}.log").read_bytes()[-2000:]) for name in self._processes]
        tail = "\n".join(f"--- end of {name}.log\n{log.decode(errors='replace')}" for name, log in logs)
        kind = PortTaken if "address already in use" in tail.lower() else CannotStart
        raise kind(f"{reason}\n{tail}")

    def stop(self):
        """Ends them by force, with what they started: their data is thrown away, nothing is worth waiting for."""
        for process in self._processes.values():
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for process in self._processes.values():
            process.wait()
        self._processes = {}


def watch_stdin():
    """Sends this process SIGTERM at the end of its stdin."""
    # A process that a thread of a pool started, as Swift's are, may have every signal blocked.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    threading.Thread(target=_read_stdin, daemon=True).start()


def _read_stdin():
    while True:
        try:
            if not os.read(0, 4096):
                break
        except OSError:
            break
    signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)


def _on_signal(number, frame):
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise Stop


def end_with_stdin():
    """From now on the end of stdin, SIGTERM and SIGINT raise `Stop` in the main thread, once."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _on_signal)
    watch_stdin()


def serve(start, arguments):
    folder = arguments.data or Path(tempfile.mkdtemp(prefix="klingd-server-"))
    servers = Servers(folder.resolve())
    try:
        end_with_stdin()
        servers.data.mkdir(parents=True, exist_ok=True)
        for attempts_left in (2, 1, 0):
            try:
                facts = start(servers, arguments)
                break
            except PortTaken:
                if attempts_left == 0:
                    raise
                servers.stop()
        facts["pids"] = [os.getpid(), *servers.pids]
        print(json.dumps(facts), flush=True)
        while True:
            signal.pause()
    except Stop:
        pass
    except (CannotStart, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")
    finally:
        servers.stop()
        if not arguments.data:
            shutil.rmtree(folder, ignore_errors=True)
