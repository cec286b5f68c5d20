"""The python-socketio client, which shares no code with the official one, against the `conformance` example."""

import asyncio
import threading
import time
import unittest

import socketio
from program import Conformance

TRANSPORTS = {
    "polling": ["polling"],
    "websocket": ["websocket"],
    "upgrade": ["polling", "websocket"],
}

SHAPES = {
    "a number": [1],
    "numbers": [0, -1, 1.5, 2**53 - 1],
    "a string": ["text"],
    "multi-byte text": ["äöü € 日本語 🦀 \u2028 \" \\ \n"],
    "null": [None],
    "booleans": [True, False],
    "nested values": [[1, [2, {"b": 1, "a": None}]], {"z": []}],
    "bytes": [b"\x01\x02\x03"],
    "empty bytes": [b""],
    "nested bytes": [{"a": [b"\x00", {"b": b"\xff\xfe"}], "c": None}, "text", b"x"],
    "ten attachments": [[bytes([i]) for i in range(10)]],
}


def until(what, condition, timeout=5):
    """Asks again and again until the condition holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout} s")
        time.sleep(0.01)


class Client:
    """A client whose events are kept."""

    def __init__(self, namespaces=("/",), **options):
        self.sio = socketio.Client(reconnection_delay=0.02, reconnection_delay_max=0.1, **options)
        self.events = []
        self.namespaces = list(namespaces)
        for namespace in namespaces:
            self.sio.on("*", lambda name, *args, ns=namespace: self.events.append((ns, name, list(args))), namespace=namespace)

    def connect(self, url, **options):
        """Connects all namespaces and waits for their first event."""
        self.sio.connect(url, namespaces=self.namespaces, wait_timeout=5, **options)
        until("the auth events", lambda: len(self.named("auth")) >= len(self.namespaces))
        return self

    def named(self, name, namespace=None):
        """The arguments of all events of a name."""
        return [args for ns, event, args in list(self.events) if event == name and namespace in (None, ns)]

    def ask(self, args, namespace="/"):
        """Sends a message and returns the arguments that come back."""
        before = len(self.named("message-back", namespace))
        self.sio.emit("message", tuple(args), namespace=namespace)
        until("the answer", lambda: len(self.named("message-back", namespace)) > before)
        return self.named("message-back", namespace)[before]


class WithServer(unittest.TestCase):
    """Starts one server for all tests of a class and ends the clients of each test."""

    @classmethod
    def setUpClass(cls):
        cls.server = Conformance()
        cls.addClassCleanup(cls.server.kill)

    def client(self, **options):
        client = Client(**options)
        self.addCleanup(client.sio.shutdown)
        return client


class Blocking(WithServer):
    """The thread-based client."""

    def test_every_transport_connects_and_hands_over_the_auth_payload(self):
        for name, transports in TRANSPORTS.items():
            with self.subTest(name):
                auth = {"token": "abc", "nested": [1, {"a": None}]}
                client = self.client().connect(self.server.url, transports=transports, auth=auth)
                self.assertEqual(client.named("auth"), [[auth]])
                self.assertEqual(client.sio.transport(), transports[-1])
                self.assertRegex(client.sio.get_sid(), r"^[A-Za-z0-9_-]{20}$")
                self.assertNotEqual(client.sio.get_sid(), client.sio.eio.sid)

    def test_no_auth_is_an_empty_object(self):
        client = self.client().connect(self.server.url)
        self.assertEqual(client.named("auth"), [[{}]])

    def test_events_come_back_with_their_arguments(self):
        for name, transports in TRANSPORTS.items():
            client = self.client().connect(self.server.url, transports=transports)
            for what, args in SHAPES.items():
                with self.subTest(f"{what} by {name}"):
                    self.assertEqual(client.ask(args), args)

    def test_acknowledgements_carry_the_arguments(self):
        for name, transports in TRANSPORTS.items():
            client = self.client().connect(self.server.url, transports=transports)
            for what, args in SHAPES.items():
                with self.subTest(f"{what} by {name}"):
                    answer = client.sio.call("message-with-ack", tuple(args), timeout=5)
                    # The client unwraps a single argument.
                    self.assertEqual(list(answer) if len(args) > 1 else [answer], args)

    def test_an_acknowledgement_without_arguments(self):
        client = self.client().connect(self.server.url)
        self.assertIsNone(client.sio.call("message-with-ack", (), timeout=5))

    def test_an_acknowledgement_that_never_comes_times_out(self):
        client = self.client().connect(self.server.url)
        with self.assertRaises(socketio.exceptions.TimeoutError):
            client.sio.call("nobody-listens", 1, timeout=0.1)
        self.assertEqual(client.sio.call("message-with-ack", 2, timeout=5), 2)

    def test_large_values_come_back(self):
        for name, transports in TRANSPORTS.items():
            with self.subTest(name):
                client = self.client().connect(self.server.url, transports=transports)
                self.assertEqual(client.ask(["é" * 100_000]), ["é" * 100_000])
                self.assertEqual(client.ask([b"\xa5" * 700_000]), [b"\xa5" * 700_000])

    def test_many_events_in_a_row_keep_their_order(self):
        client = self.client().connect(self.server.url, transports=["websocket"])
        for i in range(200):
            client.sio.emit("message", i)
        until("all answers", lambda: len(client.named("message-back")) == 200)
        # The client runs each handler in a thread of its own, so only the set is certain here; the order on the wire
        # is the subject of the asynchronous test below.
        self.assertEqual(sorted(args[0] for args in client.named("message-back")), list(range(200)))

    def test_two_namespaces_on_one_connection(self):
        client = self.client(namespaces=("/", "/custom")).connect(self.server.url)
        self.assertNotEqual(client.sio.get_sid("/"), client.sio.get_sid("/custom"))
        self.assertEqual(client.ask([1, b"\x02"], "/custom"), [1, b"\x02"])
        self.assertEqual(client.sio.call("message-with-ack", 3, namespace="/custom", timeout=5), 3)
        self.assertEqual(client.ask([4], "/"), [4])

    def test_an_unknown_namespace_is_refused(self):
        client = self.client(namespaces=("/unknown",))
        errors = []
        client.sio.on("connect_error", errors.append, namespace="/unknown")
        with self.assertRaises(socketio.exceptions.ConnectionError):
            client.sio.connect(self.server.url, namespaces=["/unknown"], wait_timeout=2)
        until("the error", lambda: errors)
        self.assertEqual(errors, [{"message": "Invalid namespace"}])

    def test_leaving_and_connecting_again(self):
        client = self.client().connect(self.server.url)
        first = client.sio.get_sid()
        reasons = []
        client.sio.on("disconnect", reasons.append)
        client.sio.disconnect()
        until("the disconnect", lambda: reasons)
        self.assertEqual(reasons, [client.sio.reason.CLIENT_DISCONNECT])
        client.events.clear()
        client.connect(self.server.url)
        self.assertNotEqual(client.sio.get_sid(), first)
        self.assertEqual(client.ask(["again"]), ["again"])

    def test_the_heartbeat_keeps_an_idle_connection(self):
        for name, transports in TRANSPORTS.items():
            with self.subTest(name):
                client = self.client().connect(self.server.url, transports=transports)
                sid = client.sio.get_sid()
                # Three times as long as a silent session lives; nothing to wait for but time itself.
                time.sleep(1.5)
                self.assertEqual(client.sio.get_sid(), sid)
                self.assertEqual(client.ask(["alive"]), ["alive"])


class Reconnection(unittest.TestCase):
    """A server that is killed and comes back."""

    def test_the_client_comes_back_after_a_kill(self):
        for name, transports in TRANSPORTS.items():
            with self.subTest(name):
                server = Conformance()
                self.addCleanup(lambda: server.kill())
                client = Client()
                self.addCleanup(client.sio.shutdown)
                client.connect(server.url, transports=transports)
                lost = threading.Event()
                client.sio.on("disconnect", lambda reason: lost.set())
                first = client.sio.get_sid()
                server.kill()
                self.assertTrue(lost.wait(5), "the client notices")
                server.start()
                until("the reconnection", lambda: len(client.named("auth")) == 2, timeout=15)
                self.assertNotEqual(client.sio.get_sid(), first)
                self.assertEqual(client.ask(["after"]), ["after"])
                client.sio.shutdown()
                server.kill()


class Asynchronous(unittest.IsolatedAsyncioTestCase, WithServer):
    """The asyncio client."""

    async def test_events_keep_their_order_and_binary(self):
        for name, transports in TRANSPORTS.items():
            with self.subTest(name):
                sio = socketio.AsyncClient(reconnection=False)
                answers = []
                arrived = asyncio.Event()

                @sio.on("message-back")
                def on_answer(*args, answers=answers, arrived=arrived):
                    answers.append(args)
                    arrived.set()

                await sio.connect(self.server.url, transports=transports, wait_timeout=5)
                try:
                    # Five at a time are ten packets: this client drops a connection whose poll has over 16 of them.
                    for begin in range(0, 50, 5):
                        for i in range(begin, begin + 5):
                            await sio.emit("message", (i, bytes([i])))
                        while len(answers) < begin + 5:
                            arrived.clear()
                            await asyncio.wait_for(arrived.wait(), 10)
                    self.assertEqual(answers, [(i, bytes([i])) for i in range(50)])
                    answer = await sio.call("message-with-ack", ({"a": b"\x01"}, 2), timeout=5)
                    self.assertEqual(answer, ({"a": b"\x01"}, 2))
                finally:
                    await sio.disconnect()

    async def test_many_clients_get_their_own_answers(self):
        clients = [socketio.AsyncClient(reconnection=False) for _ in range(12)]
        kinds = list(TRANSPORTS.values())
        try:
            # One after the other: all at once, they would keep each other from answering their pings in time.
            for i, client in enumerate(clients):
                await client.connect(self.server.url, transports=kinds[i % 3], wait_timeout=10)
            answers = await asyncio.gather(
                *(c.call("message-with-ack", f"from {i}", timeout=10) for i, c in enumerate(clients))
            )
            self.assertEqual(answers, [f"from {i}" for i in range(12)])
        finally:
            for client in clients:
                await client.disconnect()


if __name__ == "__main__":
    unittest.main()
