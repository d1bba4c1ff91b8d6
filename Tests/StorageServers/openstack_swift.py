"""OpenStack Swift with its S3 interface: of the stores that run here the strictest on signatures and checksums."""

import getpass
import os
import sys
import urllib.request
from pathlib import Path

from lifetime import CannotStart, argument_parser, free_ports, serve
from s3 import BUCKET, REGION, can_make_bucket

PROGRAMS = Path(sys.executable).parent
DEVICE = "d1"
KINDS = ("account", "container", "object")

DAEMON = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
user = {user}
"""

STORE = """
[pipeline:main]
pipeline = {kind}-server

[app:{kind}-server]
use = egg:swift#{kind}
"""

PIPELINE = "catch_errors gatekeeper healthcheck listing_formats bulk s3api tempauth copy slo versioned_writes symlink"

PROXY = f"""
[pipeline:main]
pipeline = {PIPELINE} proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true

[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
user_test_limited = testing2

[filter:s3api]
use = egg:swift#s3api
storage_domain = s3.localhost
location = {REGION}
s3_acl = false
""" + "".join(f"\n[filter:{name}]\nuse = egg:swift#{name}\n" for name in PIPELINE.split() if name not in
              ("s3api", "tempauth"))

CONSTRAINTS = """
[swift-hash]
swift_hash_path_suffix = klingd

[storage-policy:0]
name = one-copy
default = yes
"""

WITH_CLOCK_OFFSET = """
import runpy, sys, time
offset, sys.argv[:] = int(sys.argv[1]), sys.argv[2:]
clock = time.time
time.time = lambda: clock() + offset
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a Python program with a wall clock that is off. faketime(1) would do the same to any program, but the timers of
programs that wait by timerfd or epoll, as klingd does, then hang or spin."""


def check_extended_attributes(folder):
    """Swift keeps what it knows of an object in extended attributes of its file."""
    probe = folder / "xattr-probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.klingd", b"1" * 512)
    except OSError as error:
        raise CannotStart(
            f"{folder} lies on a file system without extended attributes ({error.strerror}), which OpenStack Swift "
            "needs: name another folder by --data or TMPDIR, such as one on ext4"
        ) from error
    finally:
        probe.unlink()


def make_ring(folder, kind, port):
    """A ring of one copy on one device, made without a process for each step: those would take longer than the rest."""
    from swift.common.ring import RingBuilder

    ring = RingBuilder(4, 1, 1)
    ring.add_dev({"region": 1, "zone": 1, "weight": 1, "device": DEVICE, "ip": "127.0.0.1", "port": port,
                  "replication_ip": "127.0.0.1", "replication_port": port})
    ring.rebalance()
    ring.get_ring().save(str(folder / f"{kind}.ring.gz"))


def start(servers, arguments):
    folder = servers.data
    (folder / "devices" / DEVICE).mkdir(parents=True, exist_ok=True)
    check_extended_attributes(folder)
    (folder / "swift.conf").write_text(CONSTRAINTS)
    ports = free_ports(5)
    for kind, port in zip(KINDS, ports):
        make_ring(folder, kind, port)
        start_daemon(servers, kind, port, STORE.format(kind=kind))
    start_daemon(servers, "proxy", ports[3], PROXY)
    endpoint = f"http://127.0.0.1:{ports[3]}"
    facts = {
        "endpoint": endpoint,
        "region": REGION,
        "bucket": BUCKET,
        "access_key": "test:tester",
        "secret_key": "testing",
        "limited_access_key": "test:limited",
        "limited_secret_key": "testing2",
    }
    servers.wait_until(lambda: is_healthy(endpoint), "the proxy")
    servers.wait_until(lambda: can_make_bucket(facts), "the bucket")
    if arguments.clock_offset:
        # The bucket is made, and can be read, where clocks agree.
        start_daemon(servers, "late-proxy", ports[4], PROXY, clock_offset=arguments.clock_offset)
        facts |= {"endpoint": f"http://127.0.0.1:{ports[4]}", "reader_endpoint": endpoint}
        servers.wait_until(lambda: is_healthy(facts["endpoint"]), "the proxy with another time")
    return facts


def start_daemon(servers, name, port, settings, clock_offset=0):
    configuration = servers.data / f"{name}.conf"
    configuration.write_text(DAEMON.format(port=port, folder=servers.data, user=getpass.getuser()) + settings)
    program = [PROGRAMS / f"swift-{name.removeprefix('late-')}-server", configuration, "--verbose"]
    if clock_offset:
        program = ["-c", WITH_CLOCK_OFFSET, clock_offset, *program]
    servers.start(name, [sys.executable, *program])


def is_healthy(endpoint):
    with urllib.request.urlopen(endpoint + "/healthcheck", timeout=2) as answer:
        return answer.status == 200


if __name__ == "__main__":
    parser = argument_parser(__doc__)
    parser.add_argument(
        "--clock-offset",
        type=int,
        default=0,
        metavar="SECONDS",
        help="how far ahead the clock of `endpoint` is; `reader_endpoint` then serves the same with the true one",
    )
    serve(start, parser.parse_args())
