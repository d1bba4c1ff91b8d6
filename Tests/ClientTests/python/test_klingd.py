#!/usr/bin/env python3
"""Tests of protocol/clients/python/klingd.py with the klingd that KLINGD names."""
from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLIENT = HERE.parents[2] / "protocol/clients/python/klingd.py"
sys.path.insert(0, str(CLIENT.parent))
from klingd import AsyncKlingd, Klingd, KlingdEnded, KlingdError, KlingdTimeout, _told  # noqa: E402

FAKE = [sys.executable, str(HERE / "fake_klingd.py")]


class Case(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def arguments(self, *more: str) -> list[str]:
        return ["--provider", "simulator", "--storage", f"file://{self.folder}/images", "--state",
                str(self.folder / "state"), *more]

    def quick(self) -> list[str]:
        return self.arguments("--simulator-time-scale", "0.02")

    def simulator(self, scale: float = 0.02, *more: str) -> str:
        """The address of a simulator that outlives klingd."""
        process = subprocess.Popen([os.environ["KLINGD"], "simulate", "--port", "0", "--time-scale", str(scale), *more],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return process.stdout.readline().split()[-1]

    def assert_stored(self, task) -> None:
        self.assertEqual(task["state"], "stored", task)
        for image in task["images"]:
            self.assertEqual(hashlib.sha256(Path(image["path"]).read_bytes()).hexdigest(), image["sha256"])


class WithKlingd(Case):
    def test_generate_gives_a_stored_image_and_updates_in_order(self) -> None:
        updates = []
        with Klingd(self.quick(), on_update=updates.append) as klingd:
            self.assertEqual(klingd.server_info()["protocol_revision"], 2)
            task = klingd.generate("a \"lighthouse\" \\ at\ndusk \U0001f305", n=2, aspect_ratio="3:2",
                                   wait_for="stored", timeout=30)
            self.assert_stored(task)
            self.assertEqual(len(task["images"]), 2)
            self.assertEqual(task["request"]["prompt"], "a \"lighthouse\" \\ at\ndusk \U0001f305")
            self.assertEqual(klingd.status(task_id=task["task_id"])["id"], task["id"])
            self.assertEqual([each["id"] for each in klingd.list(state="stored")["tasks"]], [task["id"]])
            self.assertEqual(klingd.events()["events"][-1]["task"]["state"], "stored")
            self.assertTrue(klingd.generate("x", dry_run=True)["dry_run"])
        self.assertEqual([each["seq"] for each in updates], sorted(each["seq"] for each in updates))
        states = list(dict.fromkeys(each["task"]["state"] for each in updates))
        self.assertEqual((states[0], states[-1]), ("queued", "stored"), states)

    def test_eight_threads_share_a_client(self) -> None:
        with Klingd(self.quick()) as klingd, concurrent.futures.ThreadPoolExecutor(8) as pool:
            tasks = list(pool.map(lambda n: klingd.generate(f"{n}", wait_for="stored", timeout=40), range(8)))
        for n, task in enumerate(tasks):
            self.assert_stored(task)
            self.assertEqual(task["request"]["prompt"], str(n))

    def test_eight_asyncio_tasks_share_a_client(self) -> None:
        async def run() -> None:
            async with AsyncKlingd(self.quick()) as klingd:
                updates = klingd.updates()
                tasks = await asyncio.wait_for(asyncio.gather(
                    *(klingd.generate(f"{n}", wait_for="stored") for n in range(8))), 40)
                for n, task in enumerate(tasks):
                    self.assert_stored(task)
                    self.assertEqual(task["request"]["prompt"], str(n))
            seen = [each async for each in updates]
            # klingd orders those of each task.
            for task in tasks:
                order = [each["seq"] for each in seen if each["task"]["id"] == task["id"]]
                self.assertEqual(order, sorted(order))
            self.assertEqual({each["task"]["id"] for each in seen}, {task["id"] for task in tasks})

        asyncio.run(run())

    def test_errors_say_what_they_are(self) -> None:
        with Klingd(self.quick()) as klingd:
            with self.assertRaises(KlingdError) as caught:
                klingd.generate("x", promt="y")
            error = caught.exception
            self.assertEqual((error.code, error.kind, error.charged, error.retryable, error.pointer),
                             (-32602, "invalid_params", "no", False, "/promt"))
            self.assertIn("did you mean 'prompt'", str(error))
            with self.assertRaises(KlingdError) as caught:
                klingd.status("x")
            self.assertEqual((caught.exception.code, caught.exception.kind), (10002, "not_found"))
            for bad, kind in (("x\udce9", "invalid_params"), (float("nan"), "invalid_params"),
                              ("x" * (17 << 20), "too_large")):
                with self.assertRaises(KlingdError) as caught:
                    klingd.generate(bad, n=1, timeout=5)
                self.assertEqual((caught.exception.kind, caught.exception.charged), (kind, "no"))
            with self.assertRaises(KlingdError) as caught:
                klingd.generate("x", image_fidelity=float("nan"), timeout=5)
            self.assertEqual((caught.exception.code, caught.exception.pointer), (-32602, "/image_fidelity"))
            self.assertEqual(klingd.list()["tasks"], [])

    def test_a_timeout_ends_the_wait_and_the_task_goes_on(self) -> None:
        simulator = self.simulator(0.4)
        with Klingd(self.arguments("--base-url", simulator)) as klingd:
            klingd.server_info()  # Its start does not count, which takes long on a busy machine.
            with self.assertRaises(KlingdTimeout) as caught:
                klingd.generate("x", wait_for="stored", timeout=1)
            task = caught.exception.task
            assert task is not None
            self.assertNotEqual(task["state"], "stored")
            self.assert_stored(klingd.status(task["id"], wait_for="stored", timeout=30))
            self.assertFalse(klingd.unclaimed)
        self.assertEqual(self.bill(simulator)["paid_tasks"], 1)

    def test_a_cancelled_await_ends_the_wait_and_the_task_goes_on(self) -> None:
        async def run() -> None:
            async with AsyncKlingd(self.arguments("--base-url", self.simulator(0.1))) as klingd:
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(klingd.generate("x", wait_for="stored"), 0.3)
                end = time.monotonic() + 5
                while not klingd.unclaimed and time.monotonic() < end:
                    await asyncio.sleep(0.01)
                task = klingd.unclaimed.popleft()
                self.assertNotEqual(task["state"], "stored")
                self.assert_stored(await asyncio.wait_for(klingd.status(task["id"], wait_for="stored"), 30))

        asyncio.run(run())

    def test_killed_under_a_call_and_paid_once(self) -> None:
        simulator = self.simulator(0.1)
        params = {"wait_for": "stored", "idempotency_key": "k"}
        taken = threading.Event()

        def see(update) -> None:
            if update["task"]["state"] == "submitted":
                taken.set()

        with concurrent.futures.ThreadPoolExecutor() as pool:
            with Klingd(self.arguments("--base-url", simulator), on_update=see) as klingd:
                calls = [pool.submit(klingd.generate, "x", **params) for _ in range(3)]
                self.assertTrue(taken.wait(20))
                os.kill(klingd.pid, signal.SIGKILL)
                killed = time.monotonic()
                for call in calls:
                    with self.assertRaises(KlingdEnded) as caught:
                        call.result(5)
                    self.assertIn("signal 9", str(caught.exception))
                    self.assertIn("idempotency_key", str(caught.exception))
                    self.assertEqual(caught.exception.charged, "unknown")
                self.assertLess(time.monotonic() - killed, 3)
                with self.assertRaises(KlingdEnded) as caught:
                    klingd.server_info()
                self.assertEqual(caught.exception.charged, "no")
        with Klingd(self.arguments("--base-url", simulator)) as klingd:
            self.assert_stored(klingd.generate("x", **params, timeout=30))
        self.assertEqual(self.bill(simulator)["paid_tasks"], 1)

    def bill(self, simulator: str) -> dict:
        with urllib.request.urlopen(simulator + "/_simulator/bill", timeout=10) as answer:
            return json.load(answer)

    def test_more_waits_than_klingd_reads_can_be_cancelled(self) -> None:
        async def run() -> None:
            async with AsyncKlingd(self.arguments("--simulator-time-scale", "10", "--no-task-updates")) as klingd:
                task = await klingd.generate("x")
                waits = [asyncio.ensure_future(klingd.status(task["id"], wait_for="stored")) for _ in range(1100)]
                end = time.monotonic() + 20
                while len(klingd._connection._in_flight) < 1000 and time.monotonic() < end:
                    await asyncio.sleep(0.01)
                self.assertEqual(len(klingd._connection._in_flight), 1000)
                for wait in waits[:1000]:
                    wait.cancel()
                self.assertEqual((await asyncio.wait_for(klingd.server_info(), 10))["name"], "klingd")
                for wait in waits:
                    wait.cancel()
                await asyncio.gather(*waits, return_exceptions=True)

        asyncio.run(run())

    def test_every_method_with_threads(self) -> None:
        simulator = self.simulator(0.1)
        with Klingd(self.arguments("--base-url", simulator)) as klingd:
            after = klingd.server_info()["events_cursor"]
            task = klingd.generate("a ship", idempotency_key="k")
            with concurrent.futures.ThreadPoolExecutor() as pool:
                wait = pool.submit(klingd.status, task["id"], wait_for="stored")
                cancelled = klingd.cancel_watch(task_id=task["task_id"])
                self.assertEqual(wait.result(10)["watch"], "cancelled")
            self.assertEqual((cancelled["watch"], cancelled["id"]), ("cancelled", task["id"]))
            self.assertTrue(cancelled["message"])
            self.assertEqual([each["id"] for each in klingd.list(watch="cancelled")["tasks"]], [task["id"]])
            self.assertEqual(klingd.watch(task["id"])["watch"], "active")
            self.assert_stored(klingd.status(task_id=task["task_id"], wait_for="stored", timeout=30))
            self.assertEqual(klingd.generate("a ship", idempotency_key="k")["id"], task["id"])
            klingd.generate("another", wait_for="queued")
            first = klingd.list(limit=1)
            second = klingd.list(limit=1, cursor=first["next_cursor"])
            self.assertEqual([each["request"]["prompt"] for each in first["tasks"] + second["tasks"]],
                             ["another", "a ship"])
            page = klingd.events(after, limit=1)
            self.assertEqual([each["task"]["id"] for each in page["events"]], [task["id"]])
            self.assertEqual(klingd.events(page["next"])["events"][0]["task"]["request"]["prompt"], "another")
            early = klingd.generate("slow", wait_for="stored", wait_ms=1)
            self.assertNotEqual(early["state"], "stored")

    def test_every_method_with_asyncio(self) -> None:
        async def run() -> None:
            async with AsyncKlingd(self.arguments("--base-url", self.simulator(0.1))) as klingd:
                after = (await klingd.server_info())["events_cursor"]
                task = await klingd.generate("a ship")
                wait = asyncio.ensure_future(klingd.status(task["id"], wait_for="stored"))
                cancelled = await klingd.cancel_watch(task["id"])
                self.assertTrue(cancelled["message"])
                self.assertEqual((await asyncio.wait_for(wait, 10))["watch"], "cancelled")
                self.assertEqual(len((await klingd.list(watch="cancelled"))["tasks"]), 1)
                self.assertEqual((await klingd.watch(task["id"]))["watch"], "active")
                self.assert_stored(await asyncio.wait_for(klingd.status(task["id"], wait_for="stored"), 30))
                page = await klingd.events(after)
                self.assertEqual([each["task"]["state"] for each in page["events"]], ["stored"])
                self.assertEqual((await klingd.events(page["next"]))["events"], [])
                self.assertTrue((await klingd.generate("x", dry_run=True))["dry_run"])
                with self.assertRaises(KlingdError) as caught:
                    await klingd.resolve(task["id"], abandon=True)
                self.assertEqual(caught.exception.kind, "conflict")

        asyncio.run(run())

    def test_what_is_unresolved_is_resolved(self) -> None:
        simulator = self.simulator(0.02, "--no-find-by-external-id")
        fault = {"faults": [{"on": "create", "kind": "taken_then_cut"}]}
        urllib.request.urlopen(simulator + "/_simulator/faults", json.dumps(fault).encode(), timeout=10).close()
        with Klingd(self.arguments("--base-url", simulator)) as klingd:
            task = klingd.generate("x", wait_for="queued")
            end = time.monotonic() + 20
            while klingd.status(task["id"])["state"] != "unresolved" and time.monotonic() < end:
                time.sleep(0.01)
            task = klingd.resolve(task["id"], abandon=True)
            self.assertEqual((task["state"], task["charged"], task["error"]["kind"]),
                             ("failed", "unknown", "withdrawn"))

    def test_killed_under_an_await(self) -> None:
        async def run() -> None:
            async with AsyncKlingd(self.arguments("--base-url", self.simulator(1))) as klingd:
                updates = klingd.updates()
                call = asyncio.ensure_future(klingd.generate("x", wait_for="stored"))
                await asyncio.wait_for(updates.__anext__(), 20)
                os.kill(klingd.pid, signal.SIGKILL)
                with self.assertRaises(KlingdEnded) as caught:
                    await asyncio.wait_for(call, 5)
                self.assertIn("signal 9", str(caught.exception))
                self.assertIn("money may have been spent", str(caught.exception))
                self.assertEqual(caught.exception.charged, "unknown")
                async for _ in updates:  # Ends.
                    pass
                with self.assertRaises(KlingdEnded) as caught:
                    await klingd.generate("x")
                self.assertEqual(caught.exception.charged, "no")
            self.assertEqual(klingd.returncode, -9)

        asyncio.run(run())

    def test_close_lets_klingd_answer_and_then_tells_it_to_end(self) -> None:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for scale, bound, state in ((0.02, 20, "stored"), (100, 0.1, "submitted")):
                taken = threading.Event()
                klingd = Klingd(self.arguments("--simulator-time-scale", str(scale)), close_timeout=bound,
                                on_update=lambda update: update["task"]["state"] == "submitted" and taken.set())
                call = pool.submit(klingd.generate, "x", wait_for="stored")
                self.assertTrue(taken.wait(20))
                klingd.close()
                self.assertEqual(call.result(1)["state"], state)
                self.assertEqual(klingd.returncode, 0)

    def test_a_klingd_that_does_not_like_its_options_took_nothing(self) -> None:
        with Klingd(["--no-such-option"], stderr="capture") as klingd:
            with self.assertRaises(KlingdEnded) as caught:
                klingd.generate("x", timeout=20)
            self.assertEqual((caught.exception.charged, klingd.returncode), ("no", 2))
            self.assertRegex(str(caught.exception), r"exit code 2\): Error: .*no-such-option")
        self.assertIn("no-such-option", klingd.stderr_text())

    def test_the_program_prints_paths(self) -> None:
        environment = {**os.environ, "KLINGD_PROVIDER": "simulator", "KLINGD_SIMULATOR_TIME_SCALE": "0.02",
                       "KLINGD_STORAGE": f"file://{self.folder}/images", "KLINGD_STATE": f"{self.folder}/state"}
        run = subprocess.run([sys.executable, CLIENT, "a lighthouse at dusk", "another"], env=environment,
                             capture_output=True, text=True, timeout=40)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual([Path(line).suffix for line in run.stdout.splitlines()], [".png", ".png"])
        self.assertTrue(all(map(os.path.exists, run.stdout.splitlines())))
        run = subprocess.run([sys.executable, CLIENT, "x" * 501], env=environment, capture_output=True, timeout=40)
        self.assertEqual(run.returncode, 2, run.stderr)
        for variables, code, words in (({"KLINGD": "/nonexistent"}, 1, b"cannot be started"),
                                       ({"KLINGD_PROVIDER": "none"}, 2, b"no money was spent: klingd ")):
            run = subprocess.run([sys.executable, CLIENT, "x"], env={**environment, **variables}, capture_output=True,
                                 timeout=40)
            self.assertEqual((run.returncode, run.stdout), (code, b""), run.stderr)
            self.assertIn(words, run.stderr)
            self.assertNotIn(b"Traceback", run.stderr)
        run = subprocess.run([sys.executable, CLIENT, b"caf\xe9"], env=environment, capture_output=True, timeout=40)
        self.assertEqual((run.returncode, run.stdout), (2, b""), run.stderr)
        self.assertRegex(run.stderr, rb"^klingd: not sent: 'prompt' is not Unicode[^\n]*\n$")

    def test_the_program_ends_soon_when_it_is_interrupted(self) -> None:
        simulator = self.simulator(100)
        environment = {**os.environ, "KLINGD_PROVIDER": "simulator", "KLINGD_BASE_URL": simulator,
                       "KLINGD_STORAGE": f"file://{self.folder}/images", "KLINGD_STATE": f"{self.folder}/state"}
        run = subprocess.Popen([sys.executable, CLIENT, "x"], env=environment, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 20
        while not self.bill(simulator)["paid_tasks"] and time.monotonic() < end:
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        errors = run.communicate(timeout=10)[1]
        self.assertEqual(run.returncode, 130, errors)
        self.assertIn("goes on and is billed", errors)
        self.assertNotIn("Traceback", errors)


class WithFake(Case):
    def test_answers_out_of_order_find_their_callers(self) -> None:
        with Klingd(["reversed"], program=FAKE) as klingd, concurrent.futures.ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda n: klingd.request("generate", {"prompt": n}, timeout=20), range(10)))
        self.assertEqual(answers, [{"echo": n} for n in range(10)])

    def test_what_is_not_known_is_ignored(self) -> None:
        with Klingd(["strange"], program=FAKE) as klingd:
            for n in range(3):
                self.assertEqual(klingd.request("generate", {"prompt": n}, timeout=10), {"echo": n})

    def test_a_death_in_mid_line_is_told(self) -> None:
        with Klingd(["mid-line"], program=FAKE) as klingd:
            with self.assertRaises(KlingdEnded) as caught:
                klingd.request("generate", timeout=10)
        self.assertIn("exit code 3", str(caught.exception))

    def test_much_both_ways_is_no_deadlock(self) -> None:
        prompt = "\U0001f305" * 60_000
        with Klingd(["flood"], program=FAKE) as klingd, concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda n: klingd.request("generate", {"prompt": f"{n}{prompt}"}, timeout=30),
                                    range(20)))
        self.assertEqual(answers, [{"echo": f"{n}{prompt}"} for n in range(20)])

    def test_an_answer_may_be_longer_than_a_request(self) -> None:
        with Klingd(["long"], program=FAKE) as klingd:
            self.assertEqual(len(klingd.request("list", timeout=30)), 20 << 20)

    def test_what_an_ended_klingd_was_not_sent_has_failed(self) -> None:
        for program in ("false", [sys.executable, "-c", "import os; os.close(0); print('{}', flush=True); input()"]):
            with Klingd(program=program, stderr="discard") as klingd, concurrent.futures.ThreadPoolExecutor() as pool:
                if program == "false":
                    klingd._connection._threads[0].join(20)
                    self.assertEqual(klingd.returncode, 1)
                else:
                    end = time.monotonic() + 20
                    while not klingd._connection._has_spoken and time.monotonic() < end:
                        time.sleep(0.01)
                job = pool.submit(klingd.generate, "x", timeout=20)
                self.assertEqual(job.exception(20).charged, "no")
                self.assertEqual(_told(klingd, job), 1)

    def test_exit_code_2_after_an_answer_may_have_taken_something(self) -> None:
        program = [sys.executable, "-c", "print('{}'); input(); exit(2)"]
        with Klingd(program=program) as klingd, self.assertRaises(KlingdEnded) as caught:
            klingd.generate("x", timeout=20)
        self.assertEqual(caught.exception.charged, "unknown")

    def test_a_long_line_comes_whole(self) -> None:
        with Klingd(["flood"], program=FAKE) as klingd:
            prompt = "y" * (15 << 20)
            self.assertEqual(klingd.request("generate", {"prompt": prompt}, timeout=30), {"echo": prompt})

    def test_a_timeout_sends_cancel_request_for_its_id(self) -> None:
        with Klingd(["hold"], program=FAKE, close_timeout=0.1) as klingd:
            # A busy machine may start it later than the answer is waited for.
            for timeout in (0.1, 2, 10):
                with self.assertRaises(KlingdTimeout) as caught:
                    klingd.request("generate", timeout=timeout)
                if caught.exception.task is not None:
                    break
            self.assertEqual(caught.exception.task, {"id": "t", "state": "submitted", "charged": "yes"})
            self.assertEqual(caught.exception.charged, "yes")

    def test_close_ends_a_klingd_that_does_not_end(self) -> None:
        klingd = Klingd(["hold"], program=FAKE, close_timeout=0.2)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            call = pool.submit(klingd.request, "generate")
            start = time.monotonic()
            klingd.close()
            with self.assertRaises(KlingdEnded):
                call.result(5)
        self.assertLess(time.monotonic() - start, 5)
        with self.assertRaises(KlingdEnded):
            klingd.server_info()

    def test_close_kills_what_ignores_sigterm(self) -> None:
        note = self.folder / "terminated"
        klingd = Klingd(["deaf", str(note)], program=FAKE, close_timeout=0.1)
        klingd.request("generate", timeout=20)
        klingd._connection.terminate_timeout = 0.3
        klingd.close()
        self.assertTrue(note.exists(), "SIGTERM came first")
        self.assertEqual(klingd.returncode, -signal.SIGKILL)
        klingd.close()

    def test_an_error_has_all_that_klingd_tells(self) -> None:
        with Klingd(["error"], program=FAKE) as klingd:
            with self.assertRaises(KlingdError) as caught:
                klingd.generate("x", timeout=20)
            error = caught.exception
            self.assertEqual((str(error), error.code, error.kind, error.charged, error.retryable, error.retry_after),
                             ("too much at once", 10009, "throttled", "no", True, 1.5))
            self.assertEqual(error.provider["code"], 1302)
            with self.assertRaises(KlingdError) as caught:
                klingd.status("x")
            self.assertEqual((caught.exception.code, caught.exception.charged), (7, "unknown"))

    def test_a_slow_callback_stops_nothing_and_gets_the_newest_in_order(self) -> None:
        seen, free = [], threading.Event()

        def slow(update) -> None:
            free.wait(20)
            seen.append(update["seq"])

        with Klingd(["updates"], program=FAKE, on_update=slow) as klingd:
            self.assertEqual(klingd.request("generate", {"prompt": 1}, timeout=10), {"echo": 1})
            free.set()
            end = time.monotonic() + 10
            while 4000 not in seen and time.monotonic() < end:
                time.sleep(0.01)
        self.assertEqual(seen, sorted(seen))
        self.assertLess({3998, 3999, 4000}, set(seen))
        self.assertLess(len(seen), 1100)

    def test_given_streams_are_spoken_to(self) -> None:
        process = subprocess.Popen([*FAKE, "serve", "strange"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with Klingd.attach(process.stdout, process.stdin) as klingd:
            self.assertEqual(klingd.request("generate", {"prompt": 1}, timeout=10), {"echo": 1})
        self.assertEqual(process.wait(10), 0)
        process.stdout.close()


def main() -> int:
    """Runs the tests some at a time, since most of their time is waiting."""
    logging.getLogger("klingd").setLevel(logging.CRITICAL)
    tests = [test for case in (WithKlingd, WithFake) for test in unittest.defaultTestLoader.loadTestsFromTestCase(case)]

    def run(test: unittest.TestCase) -> unittest.TestResult:
        result = unittest.TestResult()
        test.run(result)
        return result

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(run, tests))
    faults = [fault for result in results for fault in result.failures + result.errors]
    for test, trace in faults:
        print(f"FAILED {test.id()}\n{trace}")
    print(f"{len(tests) - len(faults)} passed, {len(faults)} failed")
    return 1 if faults or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
