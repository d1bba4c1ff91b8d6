#!/usr/bin/env python3
"""How much memory and time klingd takes to store many images through each of its backends.

    storing.py --klingd .build-release/release/klingd --images 1000 --bytes 5000000 [--only file s3:seaweedfs …]

Starts the simulator and the stores on loopback, stores through `klingd serve`, and prints a line for each backend: the
time, the resident memory of klingd (and of its plugin) after the first tenth and at its highest, and beside it the same
bytes by other programs, as ratios: curl into a file, and curl into a file and boto3's upload from there.
"""
import argparse, json, os, pathlib, shutil, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".build-python/venv/bin/python"
SERVERS = ROOT / "Tests/StorageServers"
BATCH = 9
"""Images of one task: the most there can be."""


class Server:
    """A program of Tests/StorageServers: it ends with its stdin."""

    def __init__(self, program, *options):
        self.process = subprocess.Popen(
            [PYTHON, SERVERS / program, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.facts = json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def resident(pid, field):
    """In MB, by the kernel's account; 0 when the process is gone."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith(field)), 0)


def children(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            pass
    return found


class Backend:
    """One of klingd's, with the store behind it."""

    def __init__(self, name, folder, options):
        self.name, self.server, self.environment, self.arguments = name, None, {}, []
        kind, _, store = name.partition(":")
        if kind == "file":
            self.url = f"file://{folder}/images"
        elif kind == "s3":
            more = ["--volumes", "200"] if store == "seaweedfs" else []
            self.server = Server(f"{store}.py", *more)
            facts = self.server.facts
            self.url = f"s3://{facts['bucket']}/pictures"
            self.environment = {
                "AWS_ENDPOINT_URL_S3": facts["endpoint"], "AWS_ACCESS_KEY_ID": facts["access_key"],
                "AWS_SECRET_ACCESS_KEY": facts["secret_key"], "AWS_REGION": facts["region"],
            }
        elif name == "plugin:webdav":
            self.server = Server("webdav.py")
            facts = self.server.facts
            self.url = facts["endpoint"].replace("http://", "webdav://")
            self.environment = {"DAV_USER": facts["user"], "DAV_PASSWORD": facts["password"]}
            secrets = {"username": {"environment": "DAV_USER"}, "password": {"environment": "DAV_PASSWORD"}}
            plugin = {"command": str(ROOT / "protocol/plugins/klingd-storage-webdav"), "config": {"scheme": "http"}}
            configuration = folder / "config.json"
            configuration.write_text(json.dumps({"storage_plugins": {"webdav": {**plugin, "secrets": secrets}}}))
            self.arguments = ["--config", configuration]
        elif name == "plugin:content":
            (folder / "content").mkdir()
            self.url = f"content://localhost{folder}/content"
            self.arguments = ["--plugin-directory", options.plugins]
        else:
            sys.exit(f"there is no backend {name}")

    def stop(self):
        if self.server:
            self.server.stop()


def store(backend, folder, simulator, options):
    """Stores all images and tells what it took."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **backend.environment}
    klingd = subprocess.Popen(
        [options.klingd, "serve", "--provider", "simulator", "--base-url", simulator, "--storage", backend.url,
         "--state", folder / "state", "--no-task-updates", *backend.arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    )
    tasks = -(-options.images // BATCH)
    begun = time.monotonic()
    for number in range(tasks):
        count = min(BATCH, options.images - number * BATCH)
        params = {"prompt": f"picture {number}", "n": count, "wait_for": "stored", "wait_ms": 3_600_000}
        klingd.stdin.write(json.dumps({"jsonrpc": "2.0", "id": number, "method": "generate", "params": params}) + "\n")
        klingd.stdin.flush()
    early, urls, plugin = None, [], 0
    for done in range(1, tasks + 1):
        answer = json.loads(klingd.stdout.readline())
        task = answer.get("result") or sys.exit(f"{backend.name}: {answer}")
        if task["state"] != "stored":
            sys.exit(f"{backend.name}: {task}")
        urls += [image["url"] for image in task["images"]]
        plugin = max([plugin] + [resident(child, "VmHWM") for child in children(klingd.pid)])
        if early is None and done * 10 >= tasks:
            early = resident(klingd.pid, "VmRSS")
    seconds = time.monotonic() - begun
    peak = resident(klingd.pid, "VmHWM")
    klingd.stdin.close()
    if klingd.wait() != 0:
        sys.exit(f"{backend.name}: klingd ended with {klingd.returncode}")
    return seconds, early, peak, plugin, urls


def curl(urls, folder):
    """The images into files, one after the other, in one process that keeps its connection."""
    begun = time.monotonic()
    commands = [part for number, url in enumerate(urls) for part in ("--output", f"{folder}/{number}", url)]
    for start in range(0, len(commands), 900):
        subprocess.run(["curl", "--silent", "--fail", *commands[start:start + 900]], check=True)
    return time.monotonic() - begun


def upload(count, folder, environment, bucket):
    program = """
import boto3, sys
from botocore.config import Config
client = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
for number in range(int(sys.argv[1])):
    client.upload_file(f"{sys.argv[2]}/{number}", sys.argv[3], f"others/{number}")
"""
    begun = time.monotonic()
    subprocess.run([PYTHON, "-c", program, str(count), folder, bucket], check=True, env={**os.environ, **environment})
    return time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--klingd", required=True)
    parser.add_argument("--plugins", help="folder of klingd-storage-content", default=str(ROOT / ".build/debug"))
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=5_000_000)
    parser.add_argument("--others", action="store_true", help="let curl and boto3 do the same")
    parser.add_argument("--only", nargs="*", default=[
        "file", "s3:seaweedfs", "s3:openstack_swift", "plugin:webdav", "plugin:content",
    ])
    options = parser.parse_args()
    simulator = subprocess.Popen(
        [options.klingd, "simulate", "--time-scale", "0.01", "--seed", "7", "--image-bytes", str(options.bytes)],
        stdout=subprocess.PIPE, text=True,
    )
    address = simulator.stdout.readline().strip()
    print(f"{options.images} images of {options.bytes / 1e6:.1f} MB")
    print(f"{'backend':20} {'seconds':>8} {'MB/s':>6} {'MB early':>9} {'MB peak':>8} {'plugin':>7}  others")
    try:
        for name in options.only:
            folder = pathlib.Path(tempfile.mkdtemp(prefix="klingd-storing-"))
            backend = Backend(name, folder, options)
            try:
                seconds, early, peak, plugin, urls = store(backend, folder, address, options)
                line = f"{name:20} {seconds:8.1f} {options.images * options.bytes / 1e6 / seconds:6.0f} {early:9.1f}"
                line += f" {peak:8.1f} {plugin:7.1f}"
                if options.others and (name == "file" or name.startswith("s3:")):
                    (folder / "others").mkdir()
                    other = curl(urls, folder / "others")
                    if name.startswith("s3:"):
                        other += upload(len(urls), folder / "others", backend.environment, backend.server.facts["bucket"])
                    line += f"  {other:.1f} s, klingd takes {seconds / other:.2f} of it"
                print(line, flush=True)
            finally:
                backend.stop()
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        simulator.terminate()
        simulator.wait()


main()
