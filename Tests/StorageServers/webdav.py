"""A WebDAV server with Basic authentication, whose root is an ordinary folder."""

import base64
import sys
import urllib.request

from lifetime import argument_parser, free_ports, serve

USER = "tester"
PASSWORD = "testing"

PROGRAM = """
import sys
from cheroot.wsgi import Server
from wsgidav.wsgidav_app import WsgiDAVApp

port, root, user, password = sys.argv[1:]
application = WsgiDAVApp({
    "provider_mapping": {"/": root},
    "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
    "simple_dc": {"user_mapping": {"*": {user: {"password": password}}}},
    "dir_browser": {"enable": False},
    "lock_storage": True,
    "verbose": 3,
})
server = Server(("127.0.0.1", int(port)), application, numthreads=8)
server.start()
"""


def start(servers, arguments):
    root = servers.data / "root"
    root.mkdir(exist_ok=True)
    (port,) = free_ports(1)
    servers.start("webdav", [sys.executable, "-c", PROGRAM, port, root, USER, PASSWORD])
    facts = {"endpoint": f"http://127.0.0.1:{port}", "user": USER, "password": PASSWORD, "root": str(root)}

    def answers():
        credentials = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            facts["endpoint"], method="OPTIONS", headers={"Authorization": f"Basic {credentials}"}
        )
        with urllib.request.urlopen(request, timeout=2) as answer:
            return answer.status == 200

    servers.wait_until(answers, "WebDAV")
    return facts


if __name__ == "__main__":
    serve(start, argument_parser(__doc__).parse_args())
