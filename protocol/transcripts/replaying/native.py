"""Replays a transcript of klingd's native protocol (../../README.md)."""
import json
import pathlib
import re
import shlex
import shutil
import tempfile
import time

from . import klingd, proof
from .matching import PLACEHOLDER, Mismatch, WrongTranscript, match, parse, show, spread
from .schemas import Schemas

SCHEMAS = Schemas("native.json")
REPEATED = re.compile(r"\$\{([^{}])\*([0-9]+)\}")
WHOLE = re.compile(r'"\$\{(\w+)\}"')
HEADERS = ("flags", "environment", "simulator", "updates", "needs", "program")


class Transcript:
    """A file: its headers, and its steps as (number of the line, direction, text)."""

    def __init__(self, path):
        self.path, self.headers, self.steps = path, {}, []
        shapes = path.parent / "shapes.json"
        self.shapes = parse(shapes.read_text()) if shapes.exists() else {}
        for number, line in enumerate(path.read_text().splitlines(), 1):
            direction, _, text = line.partition(" ")
            if direction == "#":
                name, colon, value = text.partition(": ")
                if colon and name in HEADERS:
                    self.headers[name] = value
            elif direction in ("-->", "<--", "---"):
                self.steps.append((number, direction, text))
            elif line.strip():
                raise WrongTranscript(f"line {number} begins with none of # --> <-- ---")

    def header(self, name, default=""):
        return self.headers.get(name, default)


class Session:
    """One transcript being replayed, and what its names stand for."""

    def __init__(self, transcript, options, folder):
        self.transcript, self.options, self.folder = transcript, options, folder
        self.names, self.methods, self.shown, self.simulator, self.line = {"folder": str(folder)}, {}, [], None, 0
        self.shows_updates = transcript.header("updates") == "shown"
        more = dict(pair.split("=", 1) for pair in shlex.split(self.fill(transcript.header("environment"))))
        environment = klingd.environment(folder, more)
        flags = shlex.split(self.fill(transcript.header("flags")))
        if "program" in transcript.headers:
            name, _, text = transcript.header("program").partition(" ")
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        try:
            if "simulator" in transcript.headers:
                settings = json.loads(transcript.header("simulator"))
                faults = settings.pop("faults", [])
                self.simulator = klingd.Simulator(options.klingd, settings, environment)
                self.names["simulator"] = self.simulator.url
                self.simulator.control("faults", {"faults": faults})
                flags = ["--base-url", self.simulator.url, *flags]
            for name, value in {"provider": "simulator", "state": f"{folder}/state",
                                "storage": f"file://{folder}/images"}.items():
                if f"--{name}" not in flags:
                    flags += [f"--{name}", value]
            self.klingd = klingd.Klingd(options.klingd, flags, environment, folder, options.patience)
        except BaseException:
            self.close()
            raise

    def close(self):
        for process in (getattr(self, "klingd", None), self.simulator):
            if process:
                process.end()

    def fill(self, text):
        """The text with what the names stand for."""
        text = REPEATED.sub(lambda found: found[1] * int(found[2]), text)
        text = WHOLE.sub(lambda found: show(self.value(found[1])), text)
        return PLACEHOLDER.sub(lambda found: json.dumps(str(self.value(found[2])))[1:-1], text)

    def value(self, name):
        if name not in self.names:
            raise WrongTranscript(f"nothing was named '{name}' before line {self.line}")
        return self.names[name]

    def run(self):
        waiting = []
        for number, direction, text in self.transcript.steps + [(0, "---", "the end")]:
            if direction == "<--" and text.split()[0] != "end":
                waiting.append((number, spread(parse(text), self.transcript.shapes)))
                continue
            if waiting:
                self.expect(waiting)
                waiting = []
            self.line = number or self.line
            if direction == "-->":
                self.send(self.fill(text))
            elif direction == "<--":
                self.expect_end(text.partition(" ")[2])
            elif number:
                self.obey(text)
        if not self.klingd.process.stdin.closed:
            self.klingd.close_input()
        if self.klingd.process.returncode is None:
            self.expect_end("")

    def send(self, text, end="\n"):
        try:
            self.remember(json.loads(text.strip("\ufeff")))
        except ValueError:
            pass  # what is no JSON is a rule of its own
        self.klingd.send((text + end).encode())

    def remember(self, message):
        for one in message if isinstance(message, list) else [message]:
            if isinstance(one, dict) and "id" in one:
                self.methods.setdefault(json.dumps(one["id"]), one.get("method"))

    def expect(self, expected):
        """Answers may come in any order; notifications come in theirs, and updates that are not written are skipped."""
        skipped = ""
        while expected:
            self.line = expected[0][0]
            try:
                line = self.klingd.receive()
            except Mismatch as mismatch:
                raise Mismatch(f"{mismatch}{skipped}") from None
            if line is None:
                raise Mismatch(f"it ended; its log ends: {self.klingd.last_words()}")
            message = self.checked(line)
            is_notification = type(message) is dict and "method" in message
            candidates = [one for one in expected if is_notification == (type(one[1]) is dict and "method" in one[1])]
            complaints = []
            for number, one in candidates[:1] if is_notification else candidates:
                names = dict(self.names)
                try:
                    match(one, message, names, self.options.open)
                except Mismatch as mismatch:
                    complaints.append((number, mismatch, one))
                    continue
                self.shown.append((number, one, message, self.names))
                self.names = names
                expected.remove((number, one))
                break
            else:
                if is_notification and not self.shows_updates:
                    if complaints:
                        skipped = f"; the last update that was skipped: {complaints[0][1]}\n    came: {line}"
                    continue
                same = [one for one in complaints if type(message) is dict and type(one[2]) is dict
                        and one[2].get("id") == message.get("id")]
                if not complaints:
                    raise Mismatch(f"nothing like it is written: {line}")
                self.line = (same or complaints)[0][0]
                raise Mismatch(f"{(same or complaints)[0][1]}\n    came: {line}")

    def checked(self, line):
        """The message in `line`, which is checked against the schemas."""
        try:
            message, plain = parse(line), json.loads(line)
        except ValueError:
            raise Mismatch(f"not JSON: {line!r}") from None
        for one in plain if isinstance(plain, list) else [plain]:
            if "method" in one:
                SCHEMAS.check(f"{one['method']}.params", one["params"])
            elif "error" in one:
                SCHEMAS.check("error", one["error"])
            elif self.methods.get(json.dumps(one["id"])):
                SCHEMAS.check(f"{self.methods[json.dumps(one['id'])]}.result", one["result"])
        return message

    def expect_end(self, status):
        while True:
            line = self.klingd.receive()
            if line is None:
                break
            message = self.checked(line)
            if self.shows_updates or type(message) is list or message.get("method") != "task-updated":
                raise Mismatch(f"nothing more is written, came: {line}")
        code = self.klingd.exit_code()
        if code != int(status or 0):
            raise Mismatch(f"it exited with {code}; its log ends: {self.klingd.last_words()}")

    def obey(self, text):
        word, _, rest = text.partition(" ")
        if word == "signal":
            self.klingd.signal(rest)
        elif text == "end of input":
            self.klingd.close_input()
        elif text == "restart":
            self.klingd.end()
            self.klingd.start()
        elif text == "wait until it writes":
            if not self.klingd.has_written():
                raise Mismatch("it writes nothing")
        elif text in ("updates shown", "updates skipped"):
            self.shows_updates = text == "updates shown"
        elif word == "send":
            self.send(self.fill(json.loads(rest)), end="")
        elif word == "bytes":
            self.klingd.send(bytes.fromhex(rest))
        elif word == "faults":
            self.simulator.control("faults", {"faults": json.loads(rest)})
        elif word == "clock":
            self.simulator.control("clock", {"advance_ms": int(rest)})
        elif word == "folder":
            (self.folder / rest).mkdir(parents=True)
        elif word == "file":
            name, _, content = rest.partition(" ")
            (self.folder / name).write_text(self.fill(content))
        elif word == "remove":
            path = self.folder / rest
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        elif text.startswith("wait until bill "):
            self.wait(lambda: self.simulator.control("bill"), text[len("wait until bill "):])
        elif text.startswith("wait until files "):
            count, pattern = text.split()[3:]
            self.wait(lambda: str(len(list(self.folder.glob(pattern)))), count)
        else:
            raise WrongTranscript(f"line {self.line}: there is no directive '{text}'")

    def wait(self, ask, expected):
        """Asks again and again until the answer is as written; members that are not written do not matter."""
        deadline = time.monotonic() + self.options.patience
        while True:
            names = dict(self.names)
            try:
                match(parse(expected), parse(ask()), names, is_open=True)
                self.names = names
                return
            except Mismatch as mismatch:
                if time.monotonic() > deadline:
                    raise Mismatch(f"not in {self.options.patience:g} s: {mismatch}") from None
            time.sleep(0.02)

    def proof(self):
        """How many changes of the transcript were tried, and those that went unnoticed."""
        tried, unnoticed = 0, []
        for number, expected, received, names in self.shown:
            count, left = proof.survivors(expected, received, names, self.options.open)
            tried += count
            unnoticed += [f"line {number}: {place}" for place in left]
        return tried, unnoticed


def replay(path, options, known):
    """What came of it: (whether it was as written, what to say, how many changes were tried)."""
    try:
        transcript = Transcript(path)
        missing = set(transcript.header("needs").split()) - known
        if missing:
            return True, f"not for it: it has no {', '.join(sorted(missing))}", 0
        with tempfile.TemporaryDirectory(prefix="klingd-transcript-") as folder:
            session = Session(transcript, options, pathlib.Path(folder).resolve())
            try:
                session.run()
            except Mismatch as mismatch:
                raise Mismatch(f"line {session.line}: {mismatch}") from None
            except (WrongTranscript, ValueError) as error:
                raise Mismatch(f"line {session.line}: cannot be understood: {error}") from None
            finally:
                session.close()
        if not options.prove:
            return True, "as written", 0
        tried, unnoticed = session.proof()
        if unnoticed:
            return False, f"FAILED: {len(unnoticed)} of {tried} changes go unnoticed:\n    " + "\n    ".join(unnoticed), tried
        return True, f"as written; {tried} changes would be noticed", tried
    except (Mismatch, WrongTranscript, OSError) as error:
        return False, f"FAILED: {error}", 0
