"""Shows that the servers are what the storage tests take them for: python self_test.py."""

import base64
import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from s3 import client

FOLDER = Path(__file__).parent
PNG = bytes(range(256)) * 400


class Server:
    """One of the programs, as a test process holds it."""

    def __init__(self, program, *options):
        self.process = subprocess.Popen(
            [sys.executable, FOLDER / program, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    @property
    def facts(self):
        if not hasattr(self, "_facts"):
            self._facts = json.loads(self.process.stdout.readline())
        return self._facts

    @property
    def s3(self):
        return client(self.facts["endpoint"], self.facts["access_key"], self.facts["secret_key"])

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


SERVERS = {}


def setUpModule():
    # All at once: each waits for itself most of the time.
    for program, *options in (
        ("seaweedfs.py",), ("openstack_swift.py", "--clock-offset", "1200"), ("webdav.py",)
    ):
        SERVERS[program] = Server(program, *options)
    for server in SERVERS.values():
        assert server.facts


def tearDownModule():
    for server in SERVERS.values():
        server.stop()


def listening(pid):
    """The addresses on which the process listens, as hexadecimal of /proc/net/tcp: 0100007F is 127.0.0.1."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(link)
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.append(fields[1].split(":")[0])
    return found


class StoreTests(unittest.TestCase):
    def true_time(self, program):
        facts = SERVERS[program].facts
        return {**facts, "endpoint": facts.get("reader_endpoint", facts["endpoint"])}

    def test_s3_objects_come_back_as_they_were_put(self):
        for program in ("seaweedfs.py", "openstack_swift.py"):
            with self.subTest(program):
                facts = self.true_time(program)
                s3 = client(facts["endpoint"], facts["access_key"], facts["secret_key"])
                s3.put_object(Bucket=facts["bucket"], Key="back/a b.png", Body=PNG, ContentType="image/png")
                environment = {
                    **os.environ, "AWS_ACCESS_KEY_ID": facts["access_key"], "AWS_SECRET_ACCESS_KEY": facts["secret_key"]
                }
                reader = [sys.executable, FOLDER / "s3_reader.py", "--endpoint", facts["endpoint"]]
                output = subprocess.check_output([*reader, "--prefix", "back/"], env=environment)
                (read,) = json.loads(output)
                self.assertEqual(
                    (read["key"], read["size"], read["sha256"], read["content_type"]),
                    ("back/a b.png", len(PNG), hashlib.sha256(PNG).hexdigest(), "image/png"),
                )
                with tempfile.NamedTemporaryFile() as file:
                    subprocess.check_output([*reader, "--key", "back/a b.png", "--out", file.name], env=environment)
                    self.assertEqual(Path(file.name).read_bytes(), PNG)

    def test_s3_refuses_keys_without_rights_wrong_keys_and_nobody(self):
        for program in ("seaweedfs.py", "openstack_swift.py"):
            with self.subTest(program):
                facts = self.true_time(program)
                for access_key, secret_key, code in (
                    (facts["limited_access_key"], facts["limited_secret_key"], "AccessDenied"),
                    (facts["access_key"], "wrong", "SignatureDoesNotMatch"),
                ):
                    with self.assertRaises(ClientError) as caught:
                        s3 = client(facts["endpoint"], access_key, secret_key)
                        s3.put_object(Bucket=facts["bucket"], Key="refused", Body=b"1")
                    self.assertEqual(caught.exception.response["Error"]["Code"], code)
                with self.assertRaises(urllib.error.HTTPError):
                    unsigned = urllib.request.Request(f"{facts['endpoint']}/{facts['bucket']}/x", b"1", method="PUT")
                    urllib.request.urlopen(unsigned)

    def test_another_time_is_refused(self):
        server = SERVERS["openstack_swift.py"]
        with self.assertRaises(ClientError) as caught:
            server.s3.put_object(Bucket=server.facts["bucket"], Key="late", Body=b"1")
        self.assertEqual(caught.exception.response["Error"]["Code"], "RequestTimeTooSkewed")

    def test_seaweedfs_knows_virtual_hosts(self):
        facts = SERVERS["seaweedfs.py"].facts
        connection = http.client.HTTPConnection(urlsplit(facts["endpoint"]).netloc)
        connection.request("GET", "/", headers={"Host": f"{facts['bucket']}.{facts['domain']}"})
        answer = connection.getresponse()
        # Not signed; an unknown bucket would be told as such.
        self.assertIn(b"AccessDenied", answer.read())

    def test_webdav_keeps_files_for_those_who_know_the_password(self):
        facts = SERVERS["webdav.py"].facts
        connection = http.client.HTTPConnection(urlsplit(facts["endpoint"]).netloc)
        token = base64.b64encode(f"{facts['user']}:{facts['password']}".encode()).decode()
        known = {"Authorization": f"Basic {token}"}

        def ask(method, path, content=None, headers=known):
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

        self.assertEqual(ask("PUT", "/a.png", PNG, headers={})[0], 401)
        self.assertEqual(ask("MKCOL", "/deep")[0], 201)
        self.assertEqual(ask("PUT", "/deep/a.png", PNG)[0], 201)
        self.assertEqual(ask("GET", "/deep/a.png"), (200, PNG))
        self.assertEqual((Path(facts["root"]) / "deep/a.png").read_bytes(), PNG)
        self.assertEqual(ask("PROPFIND", "/deep", headers={**known, "Depth": "1"})[0], 207)
        self.assertEqual(ask("DELETE", "/deep")[0], 204)

    @unittest.skipUnless(sys.platform == "linux", "needs /proc")
    def test_nothing_listens_beyond_loopback(self):
        for program, server in SERVERS.items():
            addresses = [address for pid in server.facts["pids"] for address in listening(pid)]
            self.assertEqual(set(addresses), {"0100007F"}, program)

    def test_a_server_ends_with_its_stdin_and_with_kill(self):
        for end in (Server.stop, lambda server: (server.process.kill(), server.stop())):
            server = Server("webdav.py")
            address = urlsplit(server.facts["endpoint"])
            root = Path(server.facts["root"])
            end(server)
            deadline = time.monotonic() + 10
            while any(Path(f"/proc/{pid}").exists() for pid in server.facts["pids"]) and time.monotonic() < deadline:
                time.sleep(0.05)
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection((address.hostname, address.port), 1)
            if server.process.returncode == 0:
                self.assertFalse(root.parent.exists())

    def test_what_cannot_start_says_why(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "root").write_text("a file where a folder has to be")
            program = [sys.executable, FOLDER / "webdav.py", "--data", folder]
            pipe = subprocess.PIPE
            with subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=pipe) as process:
                # Its stdin stays open meanwhile: the end of that would be another reason to end.
                output, errors = process.stdout.read(), process.stderr.read()
        self.assertEqual((process.returncode, output), (1, b""))
        self.assertIn(b"webdav.py: ", errors)


class FaultProxyTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.store = SERVERS["seaweedfs.py"]
        cls.proxy = Server("fault_proxy.py", "--upstream", cls.store.facts["endpoint"])
        cls.s3 = client(cls.proxy.facts["endpoint"], cls.store.facts["access_key"], cls.store.facts["secret_key"])
        cls.bucket = cls.store.facts["bucket"]

    @classmethod
    def tearDownClass(cls):
        cls.proxy.stop()

    def setUp(self):
        self.control("DELETE", "/log")
        self.control("DELETE", "/faults")
        self.key = f"faults/{self.id().rsplit('.', 1)[1]}.png"

    def control(self, method, path, content=None):
        data = json.dumps(content).encode() if content is not None else None
        with urllib.request.urlopen(
            urllib.request.Request(self.proxy.facts["control"] + path, data, method=method)
        ) as answer:
            return json.load(answer)

    def queue(self, do, **more):
        self.control("POST", "/faults", [{"do": do, **more}])

    def put(self, s3=None):
        return (s3 or self.s3).put_object(Bucket=self.bucket, Key=self.key, Body=PNG, ContentType="image/png")

    def get(self):
        return self.s3.get_object(Bucket=self.bucket, Key=self.key)["Body"].read()

    def last(self):
        return self.control("GET", "/log")["requests"][-1]

    def is_stored(self):
        try:
            answer = self.store.s3.get_object(Bucket=self.bucket, Key=self.key)
        except ClientError:
            return False
        self.assertEqual(answer["Body"].read(), PNG, "a part of it was stored")
        return True

    def refusal(self):
        with self.assertRaises(ClientError) as caught:
            self.put()
        return caught.exception.response

    def raw_put(self, timeout=10):
        """A PUT whose signature nobody looks at: for what never reaches the store."""
        connection = http.client.HTTPConnection(urlsplit(self.proxy.facts["endpoint"]).netloc, timeout=timeout)
        connection.request("PUT", f"/{self.bucket}/{self.key}", PNG)
        return connection.getresponse()

    def test_signatures_hold_on_the_way_to_each_store(self):
        self.put()
        self.assertEqual(self.get(), PNG)
        log = self.control("GET", "/log")
        self.assertEqual(log["puts"], 1)
        put = log["requests"][0]
        self.assertEqual(
            (put["method"], put["path"], put["bytes"], put["fault"], put["status"]),
            ("PUT", f"/{self.bucket}/{self.key}", len(PNG), None, 200),
        )
        facts = SERVERS["openstack_swift.py"].facts
        proxy = Server("fault_proxy.py", "--upstream", facts["reader_endpoint"])
        try:
            s3 = client(proxy.facts["endpoint"], facts["access_key"], facts["secret_key"])
            self.put(s3)
            self.assertEqual(s3.get_object(Bucket=self.bucket, Key=self.key)["Body"].read(), PNG)
            s3.delete_object(Bucket=self.bucket, Key=self.key)
        finally:
            proxy.stop()

    def test_chunked_bodies_and_interim_answers_pass(self):
        facts = SERVERS["webdav.py"].facts
        proxy = Server("fault_proxy.py", "--upstream", facts["endpoint"])
        token = base64.b64encode(f"{facts['user']}:{facts['password']}".encode()).decode()
        try:
            connection = http.client.HTTPConnection(urlsplit(proxy.facts["endpoint"]).netloc)
            headers = {"Authorization": f"Basic {token}"}
            for _ in range(2):
                pieces = iter([PNG[:1000], PNG[1000:]])
                connection.request("PUT", "/chunked.png", pieces, headers, encode_chunked=True)
                answer = connection.getresponse()
                answer.read()
                self.assertIn(answer.status, (201, 204))
            self.assertEqual(Path(facts["root"], "chunked.png").read_bytes(), PNG)
            address = urlsplit(proxy.facts["endpoint"])
            with socket.create_connection((address.hostname, address.port), 10) as plain:
                plain.sendall(
                    f"PUT /expect.png HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {token}\r\n"
                    f"Content-Length: {len(PNG)}\r\nExpect: 100-continue\r\n\r\n".encode()
                )
                self.assertTrue(plain.recv(100).startswith(b"HTTP/1.1 100"))
                plain.sendall(PNG)
                self.assertTrue(plain.recv(100).startswith(b"HTTP/1.1 201"))
        finally:
            proxy.stop()

    def test_answers_made_here_never_reach_the_store(self):
        for do, status, code in (
            ("slow_down", 503, "SlowDown"),
            ("internal_error", 500, "InternalError"),
            ("redirect_region", 301, "PermanentRedirect"),
            ("wrong_region", 400, "AuthorizationHeaderMalformed"),
        ):
            self.queue(do, headers={"retry-after": "7"})
            answer = self.raw_put()
            text = answer.read().decode()
            self.assertEqual((answer.status, answer.headers["retry-after"]), (status, "7"))
            self.assertIn(f"<Code>{code}</Code>", text)
            if "region" in do:
                self.assertEqual(answer.headers["x-amz-bucket-region"], "eu-central-1")
                self.assertIn("<Region>eu-central-1</Region>", text)
            last = self.last()
            self.assertEqual((last["fault"], last["status"], last["bytes"]), (do, status, len(PNG)))
        self.queue("answer", status=409, code="ConditionalRequestConflict")
        self.assertEqual(self.refusal()["Error"]["Code"], "ConditionalRequestConflict")
        self.queue("error_in_200")
        answer = self.raw_put()
        self.assertEqual(answer.status, 200)
        self.assertIn(b"<Code>InternalError</Code>", answer.read())
        self.assertFalse(self.is_stored())

    def test_match_times_and_after_say_which_requests(self):
        self.queue("slow_down", match={"method": "PUT", "path": "/faults/"}, after=1, times=2)
        self.put()
        self.assertEqual(self.get(), PNG)
        for _ in range(2):
            self.assertEqual(self.refusal()["ResponseMetadata"]["HTTPStatusCode"], 503)
        self.put()
        self.queue("internal_error", times=None)
        for _ in range(3):
            self.assertEqual(self.refusal()["ResponseMetadata"]["HTTPStatusCode"], 500)
        self.assertEqual(len(self.control("GET", "/faults")["faults"]), 1)

    def test_a_fault_that_does_not_exist_is_refused(self):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.queue("no_such_thing")
        self.assertEqual(caught.exception.code, 400)
        caught.exception.close()

    def test_a_reset_before_the_body_stores_nothing(self):
        self.queue("reset_before")
        with self.assertRaises(ConnectionResetError):
            self.raw_put()
        self.assertFalse(self.is_stored())

    def test_a_cut_upload_stores_nothing(self):
        for more in ({}, {"forward": True}):
            self.queue("cut_upload", **more)
            with self.assertRaises((BotoCoreError, ClientError)):
                self.put()
            last = self.last()
            self.assertEqual((last["bytes"], last["status"]), (len(PNG) // 2, None))
            time.sleep(0.3)
            self.assertFalse(self.is_stored())

    def test_a_lost_answer_leaves_the_object_stored(self):
        self.queue("answer_lost")
        with self.assertRaises(BotoCoreError):
            self.put()
        last = self.last()
        self.assertEqual((last["status"], last["store_status"], last["bytes"]), (None, 200, len(PNG)))
        self.assertTrue(self.is_stored())

    def test_hanging_and_stalled_requests_get_no_answer(self):
        for do in ("hang", "stall_upload", "stall_body"):
            self.queue(do)
            with self.assertRaises(TimeoutError):
                self.raw_put(timeout=0.5)
        self.assertFalse(self.is_stored())

    def test_an_answer_can_end_or_stop_in_its_middle(self):
        self.put()
        for do, error in (("cut_answer", ConnectionError), ("stall_body", TimeoutError)):
            url = self.s3.generate_presigned_url("get_object", {"Bucket": self.bucket, "Key": self.key})
            self.queue(do, match={"method": "GET"}, bytes=1000)
            with urllib.request.urlopen(url, timeout=1) as answer:
                self.assertEqual(answer.headers["content-length"], str(len(PNG)))
                self.assertEqual(answer.read(1000), PNG[:1000])
                with self.assertRaises(error):
                    answer.read(1000)

    def test_another_etag_is_told(self):
        right = self.put()["ETag"]
        self.queue("wrong_etag")
        wrong = self.put()["ETag"]
        self.assertEqual(right[2:], wrong[2:])
        self.assertNotEqual(right, wrong)

    def test_a_delay_delays(self):
        self.queue("delay", seconds=0.5)
        begin = time.monotonic()
        self.put()
        self.assertGreaterEqual(time.monotonic() - begin, 0.5)
        self.assertTrue(self.is_stored())


if __name__ == "__main__":
    # Connections that a fault has broken are left to the collector.
    unittest.main(warnings="ignore")
