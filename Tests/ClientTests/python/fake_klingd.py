#!/usr/bin/env python3
"""Speaks as a klingd that misbehaves: the first argument after `serve` says how."""
import json
import signal
import sys
import time


def say(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(request: dict) -> dict:
    return {"jsonrpc": "2.0", "id": request["id"], "result": {"echo": request["params"].get("prompt")}}


how = sys.argv[2]
if how == "deaf":
    # To SIGTERM, which it notes, and to the end of its input.
    signal.signal(signal.SIGTERM, lambda *_: open(sys.argv[3], "w").close())
held = []
for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request:
        say({"jsonrpc": "2.0", "method": "cancelled", "params": request["params"]})
        for each in [each for each in held if each["id"] == request["params"]["id"]]:
            held.remove(each)
            say({"jsonrpc": "2.0", "id": each["id"], "result": {"id": "t", "state": "submitted", "charged": "yes"}})
    elif how == "reversed":
        held.append(request)
        if len(held) == 10:
            for each in reversed(held):
                say(answer(each))
    elif how == "strange":
        sys.stdout.write("garbage\n\n[1,2]\n7\n{\"id\":\n" + "[" * 100_000 + "\n")
        say({"jsonrpc": "2.0", "method": "from-the-future", "params": [1]})
        say({"jsonrpc": "2.0", "method": "task-updated", "params": {"strange": True}})
        say({"jsonrpc": "2.0", "id": 999, "result": {}})
        say({"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "?"}})
        say({"jsonrpc": "2.0", "id": {"a": []}, "result": {}})
        say({**answer(request), "from": "the future"})
    elif how == "mid-line":
        sys.stdout.write('{"jsonrpc":"2.0","id":1,"res')
        sys.stdout.flush()
        sys.exit(3)
    elif how == "flood":
        # Much is said before each line is read, as by a process that does not read while it writes.
        say({"jsonrpc": "2.0", "method": "noise", "params": "x" * 300_000})
        say(answer(request))
    elif how == "long":
        say({"jsonrpc": "2.0", "id": request["id"], "result": "x" * (20 << 20)})
    elif how == "hold":
        held.append(request)
    elif how == "error":
        provider = {"http_status": 429, "code": 1302, "message": "slowly", "request_id": "r"}
        data = {"kind": "throttled", "charged": "no", "retryable": True, "retry_after_ms": 1500, "provider": provider}
        say({"jsonrpc": "2.0", "id": request["id"],
             "error": {"code": 10009, "message": "too much at once", "data": data} if request["method"] == "generate"
             else {"code": 7, "message": "bare", "data": None}})
    elif how == "deaf":
        say(answer(request))
    elif how == "updates":
        for seq in range(1, 4001):
            say({"jsonrpc": "2.0", "method": "task-updated", "params": {"seq": seq, "task": {"id": str(seq % 3)}}})
        say(answer(request))
if how in ("hold", "deaf"):
    # Does not end at the end of its input.
    end = time.monotonic() + 60
    while time.monotonic() < end:
        time.sleep(1)
