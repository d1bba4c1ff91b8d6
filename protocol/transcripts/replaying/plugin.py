"""Replays a transcript against a storage plugin (../../storage-plugin.md)."""
import hashlib
import http.server
import json
import queue
import re
import socket
import subprocess
import threading
import uuid

from .matching import Mismatch, WrongTranscript, match
from .schemas import Schemas

SCHEMAS = Schemas("storage-plugin.json")
PLACEHOLDER = re.compile(r"\$\{(\w+)(?::([^}]*))?\}")


class Answerer(http.server.BaseHTTPRequestHandler):
    """Answers every request with the status of its server."""

    def handle_one_request(self):
        if self.rfile.readline():
            self.wfile.write(f"HTTP/1.1 {self.server.status} Told\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n".encode())
        self.close_connection = True


class Values:
    """What stands in the place of `${…}`."""

    def __init__(self, options, folder):
        self.options, self.folder, self.run, self.servers = options, folder, uuid.uuid4().hex[:12], []
        (folder / "work").mkdir()
        (folder / "files").mkdir()

    def value(self, name, argument):
        if name in ("url", "config", "secrets", "scheme"):
            return getattr(self.options, name)
        if name == "run":
            return self.run
        if name == "work":
            return str(self.folder / "work")
        if name == "sha256":
            return hashlib.sha256(argument.encode()).hexdigest()
        if name in ("file", "holes"):
            path = self.folder / "files" / hashlib.sha256(f"{name}{argument}".encode()).hexdigest()
            with open(path, "wb") as file:
                file.write(argument.encode() if name == "file" else b"")
                file.truncate(int(argument) if name == "holes" else None)
            return str(path)
        if name == "answers":
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answerer)
            server.status = int(argument)
            self.servers.append(server)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            return f"127.0.0.1:{server.server_port}"
        if name == "nobody":
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                return f"127.0.0.1:{probe.getsockname()[1]}"
        raise WrongTranscript(f"'{name}' is no placeholder")

    def fill(self, value):
        if isinstance(value, dict):
            return {name: self.fill(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self.fill(element) for element in value]
        if not isinstance(value, str) or value == "${any}":
            return value
        whole = PLACEHOLDER.fullmatch(value)
        return self.value(*whole.groups()) if whole else PLACEHOLDER.sub(lambda found: self.value(*found.groups()), value)


def matches(expected, message):
    try:
        match(expected, message, {})
        return True
    except Mismatch:
        return False


class Session:
    """A plugin's process, and what it was asked."""

    def __init__(self, options, values):
        self.values, self.patience, self.methods, self.lines = values, options.patience, {}, queue.Queue()
        self.process = subprocess.Popen([options.plugin.resolve(), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        cwd=values.folder / "work")
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def send(self, text):
        try:
            message = self.values.fill(json.loads(text))
            text = json.dumps(message)
            if isinstance(message, dict) and "method" in message and "id" in message:
                self.methods[message["id"]] = message
            elif isinstance(message, dict) and message.get("method") == "$/cancelRequest":
                SCHEMAS.check("request", message)
        except ValueError:
            pass  # sent as it is, for what is no JSON
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def receive(self, with_notifications=False):
        """The next message, checked; None at the end."""
        while True:
            try:
                line = self.lines.get(timeout=self.patience)
            except queue.Empty:
                raise Mismatch("no answer came") from None
            if line is None:
                return None
            try:
                message = json.loads(line)
            except ValueError:
                raise Mismatch(f"not JSON: {line!r}") from None
            SCHEMAS.check("answer", message)
            request = self.methods.get(message.get("id"))
            if request and "result" in message:
                SCHEMAS.check("request", request)
                SCHEMAS.check(f"{request['method']}.result", message["result"])
            elif request and message.get("error", {}).get("code", -1) > 0:
                SCHEMAS.check("request", request)
            if "method" not in message or with_notifications:
                return message

    def expect(self, texts):
        """The lines may come in any order."""
        expected = [self.values.fill(json.loads(text)) for text in texts]
        while expected:
            message = self.receive(with_notifications=any("method" in one for one in expected))
            found = next((index for index, one in enumerate(expected) if matches(one, message)), None)
            if found is None and message and "method" in message:
                continue
            if message is None or found is None:
                raise Mismatch(f"came: {json.dumps(message)}\nnot:  " + "\n or:  ".join(map(json.dumps, expected)))
            del expected[found]

    def expect_end(self):
        message = self.receive()
        if message is not None:
            raise Mismatch(f"after its last answer came: {json.dumps(message)}")
        status = self.process.wait(self.patience)
        if status != 0:
            raise Mismatch(f"it exited with {status}")


def replay(options, path, folder):
    """False when the transcript is not for this plugin."""
    lines = [line for line in path.read_text().splitlines() if line.strip()]
    values = Values(options, folder)
    session = Session(options, values)
    try:
        session.send('{"jsonrpc":"2.0","id":"capabilities","method":"describe"}')
        answer = session.receive()
        can = {name for name, value in (answer or {}).get("result", {}).get("capabilities", {}).items() if value}
        for line in lines:
            if line.startswith("# plugin: ") and options.scheme not in line.split()[2:]:
                return False
            if line.startswith("# needs: ") and not set(line.split()[2:]) <= can:
                return False
        waiting = []
        for line in [line for line in lines if not line.startswith("#")] + ["-->"]:
            direction, _, text = line.partition(" ")
            if direction == "<--" and text != "end":
                waiting.append(text)
                continue
            session.expect(waiting)
            waiting = []
            if line == "--> end":
                session.process.stdin.close()
            elif line == "<-- end":
                session.expect_end()
            elif text:
                session.send(text)
        return True
    finally:
        session.process.kill()
        session.process.wait()
        for server in values.servers:
            server.shutdown()
            server.server_close()


def check_file(path):
    """Every line of a session that is told in a text, with the results by their requests."""
    methods = {}
    for line in path.read_text().splitlines():
        direction, _, text = line.partition(" ")
        if direction not in ("-->", "<--") or not text.startswith("{"):
            continue
        message = json.loads(text)
        SCHEMAS.check("request" if direction == "-->" else "answer", message)
        if direction == "-->":
            methods[message.get("id")] = message["method"]
        elif "result" in message:
            SCHEMAS.check(f"{methods[message['id']]}.result", message["result"])
    if not methods:
        raise Mismatch("there is no session in it")
