#!/usr/bin/env -S python3 -I -S
"""A storage plugin that keeps objects in a folder, and misbehaves as its configuration says.

`fault` names what it does wrong and `times` how often, over all its processes: its marks lie beside the objects.
"""

import hashlib, json, os, select, signal, sys, time

config, state = {}, {"secrets": {}, "held": None}

def send(message):
    os.write(1, (json.dumps(message) + "\n").encode())

def answer(id, result):
    send({"jsonrpc": "2.0", "id": id, "result": result})

def fail(id, kind, text, code=10017, **data):
    send({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": text, "data": dict(data, kind=kind)}})

def faulty(name):
    """Whether this is the moment to do wrong."""
    if config.get("fault") != name:
        return False
    marks = os.path.join(config["folder"], ".marks-" + name)
    done = os.path.getsize(marks) if os.path.exists(marks) else 0
    if done >= config.get("times", 1 << 30):
        return False
    with open(marks, "ab") as file:
        file.write(b"x")
    return True

def place(key):
    return os.path.join(config["folder"], key)

def stored(key):
    if key == "report":
        return report()
    if faulty("absent") or not os.path.exists(place(key)):
        return {"state": "absent"}
    data = open(place(key), "rb").read()
    size = len(data) - (1 if faulty("other size") else 0)
    sha256 = hashlib.sha256(data).hexdigest()
    return {"state": "present", "size": size, "sha256": "0" * 64 if faulty("other digest") else sha256}

def report():
    fds = [fd for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)]
    told = {"environment": dict(os.environ), "descriptors": sorted(fds), "arguments": sys.argv,
            "folder": os.getcwd(), "mode": oct(os.stat(".").st_mode & 0o777), "files": os.listdir("."),
            "leads": os.getsid(0) == os.getpid(), "pid": os.getpid()}
    return {"state": "present", "size": 1, "metadata": {"report": json.dumps(told)}}

def fork_sleeper():
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(120)
        os._exit(0)
    open(place(".child"), "w").write(str(child))

def put(id, params):
    if faulty("crash in put"):
        sys.stderr.write("cannot go on\n")
        os._exit(3)
    if faulty("segfault in put"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if faulty("hang"):
        time.sleep(120)
    if faulty("slow"):
        state["held"] = id
        return
    if faulty("progress"):
        for step in range(12):
            time.sleep(0.3)
            send({"jsonrpc": "2.0", "method": "$/progress", "params": {"id": id, "bytes": step}})
    if faulty("endless progress"):
        while True:
            time.sleep(0.1)
            send({"jsonrpc": "2.0", "method": "$/progress", "params": {"id": id, "bytes": 0}})
    if faulty("garbage"):
        os.write(1, b"Uploading \x1b[31mnow\xff with hunter22-secret...\n")
        time.sleep(120)
    if faulty("request"):
        send({"jsonrpc": "2.0", "id": 1, "method": "give_me_more", "params": {}})
    if faulty("unknown id"):
        answer(4711, {})
    if faulty("batch"):
        os.write(1, b"[]\n")
    if faulty("batch of answers"):
        send([{"jsonrpc": "2.0", "id": id, "result": {}}])
    if faulty("long line"):
        os.write(1, b"[" + b" " * (1 << 20) + b"]\n")
    if faulty("malformed answer"):
        return send({"jsonrpc": "2.0", "id": id, "result": {}, "error": {}})
    if faulty("wrong types"):
        return answer(id, {"size": "12"})
    if faulty("no members"):
        return answer(id, {})
    if faulty("secret in error"):
        return fail(id, "storage_denied", "login with hunter22-secret was refused")
    if faulty("secrets on stderr"):
        sys.stderr.write("logging in with hunter22-secret\n")
        sys.stderr.flush()
    if faulty("busy"):
        return fail(id, "storage_unavailable", "come back later", retry_after_ms=1500)
    if faulty("strange kind"):
        return fail(id, "moon_phase", "not today")
    if faulty("flood"):
        block, end = b"a line of a flood on stderr\n" * 2000, time.time() + 2
        while time.time() < end:
            os.write(2, block)
    if faulty("fork"):
        fork_sleeper()
    if faulty("fork and crash"):
        fork_sleeper()
        os._exit(1)
    data = open(params["path"], "rb").read()
    if len(data) != params["size"]:
        return fail(id, "image_unavailable", "the file has another size", 10013)
    if not faulty("says stored"):
        os.makedirs(os.path.dirname(place(params["key"])), exist_ok=True)
        part = place(params["key"]) + ".part"
        open(part, "wb").write(data)
        was_there = os.path.exists(place(params["key"]))
        os.rename(part, place(params["key"]))
    else:
        was_there = False
    if faulty("crash after storing"):
        os._exit(4)
    result = {"size": len(data) + (5 if faulty("claims more") else 0), "was_there": was_there}
    answer(id, result)
    if faulty("answer twice"):
        answer(id, result)

def get(id, params):
    found = stored(params["key"])
    if found["state"] == "present":
        if faulty("link"):
            os.symlink(place(params["key"]), params["path"])
        elif not faulty("no file"):
            data = open(place(params["key"]), "rb").read()
            open(params["path"], "wb").write(data[1:] if faulty("cut file") else data)
    answer(id, found)

def list_objects(id, params):
    keys = []
    for folder, _, names in os.walk(config["folder"]):
        for name in names:
            key = os.path.relpath(os.path.join(folder, name), config["folder"])
            if not name.startswith(".") and not name.endswith(".part"):
                keys.append(key)
    keys = [key for key in sorted(keys) if key.startswith(params["prefix"]) and key > params.get("after", "")]
    page = keys[:params["limit"]]
    result = {"objects": [{"key": key, "size": os.path.getsize(place(key))} for key in page]}
    if len(keys) > len(page):
        result["next"] = page[-1]
    if faulty("listed twice"):
        result["objects"].insert(0, result["objects"][0])
    answer(id, result)

def about(version):
    capabilities = {"get": True, "sha256": True, "presign": bool(config.get("presign")),
                    "concurrency": config.get("concurrency", 1)}
    if faulty("wrong types in initialize"):
        capabilities["get"] = "yes"
    return {"version": version, "plugin": {"name": "folder", "version": "1.2"}, "capabilities": capabilities}

def initialize(id, params):
    config.update(params["config"])
    state["secrets"] = params["secrets"]
    if faulty("crash at start"):
        sys.stderr.write("no module named foo\n")
        os._exit(1)
    if faulty("hang at start"):
        time.sleep(120)
    if faulty("refuse"):
        return fail(id, "storage_config", "the folder must be named in 'folder'", 10018)
    if faulty("version kind"):
        return fail(id, "version", "too old", 10025, versions=[7, 8])
    if faulty("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    answer(id, about(9 if faulty("wrong version") else 1))
    if faulty("close stdout"):
        os.close(1)
        time.sleep(120)

def handle(message):
    id, method, params = message.get("id"), message["method"], message.get("params", {})
    if method == "initialize":
        initialize(id, params)
    elif method == "describe":
        told = dict(about(1), protocol="klingd-storage", versions=[1], config=["folder"], secrets=["password"])
        del told["version"]
        answer(id, told)
    elif method == "put":
        put(id, params)
    elif method == "head":
        answer(id, stored(params["key"]))
    elif method == "get":
        get(id, params)
    elif method == "delete":
        if os.path.exists(place(params["key"])):
            os.remove(place(params["key"]))
        answer(id, {})
    elif method == "list":
        list_objects(id, params)
    elif method == "presign":
        answer(id, {"url": "https://example.org/" + params["key"]})
    elif method == "$/cancelRequest":
        if params["id"] == state["held"]:
            fail(params["id"], "cancelled", "stopped", 10024)
    elif method == "shutdown":
        answer(id, {})

if sys.argv[1:] != ["--stdio"]:
    sys.exit("only --stdio is understood")
if os.path.basename(sys.argv[0]).endswith("-eager"):
    answer(1, {})
for line in sys.stdin.buffer:
    handle(json.loads(line))
while config.get("fault") == "deaf":
    time.sleep(1)
