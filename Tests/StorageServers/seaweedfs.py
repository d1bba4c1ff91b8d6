"""SeaweedFS with its S3 gateway: conditional writes that are atomic, checksums kept, virtual-hosted addresses."""

import json
import sys
import urllib.request
from pathlib import Path

from lifetime import argument_parser, free_ports, serve
from s3 import BUCKET, REGION, can_make_bucket

WEED = Path(sys.executable).parent / "weed"
PORTS = ("s3", "s3.grpc", "filer", "filer.grpc", "master", "master.grpc", "volume", "volume.grpc")

IDENTITIES = {
    "identities": [
        {
            "name": "tester",
            "credentials": [{"accessKey": "AKTEST", "secretKey": "SKTESTsecret"}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
        # May look at another bucket only.
        {
            "name": "limited",
            "credentials": [{"accessKey": "AKLIMITED", "secretKey": "SKLIMITEDsecret"}],
            "actions": ["Read:elsewhere"],
        },
    ]
}


def start(servers, arguments):
    folder = servers.data
    (folder / "store").mkdir(exist_ok=True)
    (folder / "s3.json").write_text(json.dumps(IDENTITIES))
    ports = dict(zip(PORTS, free_ports(len(PORTS))))
    options = {
        "dir": folder / "store",
        # Without these two it listens on the machine's own address.
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 64,
        "volume.max": arguments.volumes,
        "filer": "true",
        "filer.localSocket": folder / "filer.sock",
        "s3": "true",
        "s3.localSocket": folder / "s3.sock",
        # Without it everything is open to anyone.
        "s3.config": folder / "s3.json",
        "s3.domainName": arguments.domain,
        "s3.autoCreateBucket": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "master.port": ports["master"],
        "master.port.grpc": ports["master.grpc"],
        "volume.port": ports["volume"],
        "volume.port.grpc": ports["volume.grpc"],
        "filer.port": ports["filer"],
        "filer.port.grpc": ports["filer.grpc"],
        "s3.port": ports["s3"],
        "s3.port.grpc": ports["s3.grpc"],
    }
    servers.start("weed", [WEED, "-logtostderr", "server", *(f"-{name}={value}" for name, value in options.items())])
    facts = {
        "endpoint": f"http://127.0.0.1:{ports['s3']}",
        "region": REGION,
        "bucket": BUCKET,
        "access_key": "AKTEST",
        "secret_key": "SKTESTsecret",
        "limited_access_key": "AKLIMITED",
        "limited_secret_key": "SKLIMITEDsecret",
        "domain": arguments.domain,
    }

    def answers():
        with urllib.request.urlopen(facts["endpoint"] + "/healthz", timeout=2) as answer:
            return answer.status == 200

    servers.wait_until(answers, "the S3 gateway")
    servers.wait_until(lambda: can_make_bucket(facts), "the bucket")
    return facts


if __name__ == "__main__":
    parser = argument_parser(__doc__)
    parser.add_argument("--volumes", type=int, default=20, help="volumes of 64 MB that there may be")
    parser.add_argument(
        "--domain", default="s3.localhost", help="buckets are also served as BUCKET.DOMAIN (default: %(default)s)"
    )
    serve(start, parser.parse_args())
