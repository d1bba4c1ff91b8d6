"""A klingd and a simulator of its provider, in a folder of their own."""
import json
import os
import pathlib
import select
import signal
import subprocess
import time
import urllib.request

from .matching import Mismatch


class Simulator:
    """`klingd simulate` on loopback."""

    def __init__(self, program, settings, environment):
        flags = []
        for name, value in {"seed": 7, "time_scale": 0.02, **settings}.items():
            flags += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
        self.process = subprocess.Popen([program, "simulate", *flags], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env=environment)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise Mismatch("the simulator did not start")

    def control(self, name, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.url}/_simulator/{name}", data, timeout=20) as answer:
            return answer.read().decode()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Klingd:
    """`klingd serve`. It is read only when a line is wanted: until then its lines wait in the pipe."""

    def __init__(self, program, flags, environment, folder, patience):
        self.arguments, self.environment, self.patience = [program, "serve", *flags], environment, patience
        self.log = folder / "log"
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                            env=self.environment, bufsize=0)
        self.received, self.is_over = b"", False

    def send(self, data):
        try:
            while data:
                data = data[self.process.stdin.write(data):]
        except OSError:
            raise Mismatch(f"it no longer reads; its log ends: {self.last_words()}") from None

    def receive(self):
        """The next line; None at the end."""
        deadline = time.monotonic() + self.patience
        output = self.process.stdout.fileno()
        while b"\n" not in self.received:
            if self.is_over:
                if self.received:
                    raise Mismatch(f"its last line has no end: {self.received!r}")
                return None
            if not select.select([output], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Mismatch(f"no answer came in {self.patience:g} s")
            block = os.read(output, 1 << 16)
            self.is_over = not block
            self.received += block
        line, _, self.received = self.received.partition(b"\n")
        return line.decode()

    def has_written(self):
        return bool(select.select([self.process.stdout], [], [], self.patience)[0])

    def signal(self, name):
        self.process.send_signal(signal.Signals[f"SIG{name}"])

    def close_input(self):
        self.process.stdin.close()

    def exit_code(self):
        """Once it has ended; negative for the signal that ended it."""
        try:
            return self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            raise Mismatch(f"it has not ended in {self.patience:g} s") from None

    def end(self):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            try:
                stream.close()
            except OSError:
                pass  # what was not written any more

    def last_words(self):
        return self.log.read_text(errors="replace")[-600:].strip() or "(nothing)"


def environment(folder, more):
    """Almost empty, so that nobody's key or configuration is used."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder), **more}


def methods(program, folder):
    """What the klingd at hand can be asked."""
    flags = ["serve", "--provider", "simulator", "--state", str(folder / "state"), "--storage", f"file://{folder}/images"]
    question = '{"jsonrpc":"2.0","id":1,"method":"server-info"}\n'
    answer = subprocess.run([program, *flags], input=question, capture_output=True, text=True, timeout=30,
                            env=environment(pathlib.Path(folder), {}))
    return set(json.loads(answer.stdout.partition("\n")[0])["result"]["methods"])
