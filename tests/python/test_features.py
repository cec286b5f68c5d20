"""The python-socketio client against the servers of the `features` example."""

import threading
import unittest

import socketio
from program import Features
from test_conformance import TRANSPORTS, until


class WithFeature(unittest.TestCase):
    """Starts one server for all tests of a class and ends the clients of each test."""

    feature = None

    @classmethod
    def setUpClass(cls):
        cls.server = Features(cls.feature)
        cls.addClassCleanup(cls.server.kill)

    def client(self, **options):
        sio = socketio.Client(reconnection_delay=0.02, reconnection_delay_max=0.1, **options)
        self.addCleanup(sio.shutdown)
        return sio

    def connected(self, transports):
        sio = self.client()
        sio.connect(self.server.url, transports=transports, wait_timeout=5)
        return sio


class Clients(WithFeature):
    """What every client can do."""

    feature = "clients"

    def test_the_id_is_the_same_on_both_sides(self):
        for name, transports in TRANSPORTS.items():
            with self.subTest(name):
                sio, hello = self.client(), []
                sio.on("hello", lambda *args, hello=hello: hello.append(args))
                auth = {"token": "x"}
                sio.connect(self.server.url, transports=transports, auth=auth, wait_timeout=5)
                until("the greeting", lambda: hello)
                self.assertEqual(hello, [(sio.get_sid(), auth)])

    def test_the_servers_questions_are_answered_with_text_and_bytes(self):
        for name, transports in TRANSPORTS.items():
            with self.subTest(name):
                sio, answers = self.connected(transports), []
                sio.on("question", lambda question: question)
                sio.on("answered", lambda answer, answers=answers: answers.append(answer))
                sio.emit("question", {"a": ["🦀"]})
                until("the first answer", lambda: len(answers) == 1)
                sio.emit("question-binary", b"\x00\xff")
                until("the second answer", lambda: len(answers) == 2)
                self.assertEqual(answers, [[{"a": ["🦀"]}], b"\x00\xff"])

    def test_a_room_reaches_its_members_and_not_the_sender(self):
        for name, transports in TRANSPORTS.items():
            with self.subTest(name):
                sockets = [self.connected(transports) for _ in range(3)]
                heard = [[] for _ in sockets]
                for sio, texts in zip(sockets, heard):
                    sio.on("said", texts.append)
                    self.assertTrue(sio.call("join", name, timeout=5))
                self.assertTrue(sockets[2].call("leave", name, timeout=5))
                said = ["€", {"nested": [1, None]}, "last"]
                for data in said:
                    sockets[0].emit("say", (name, data))
                until("what was said", lambda: len(heard[1]) == len(said))
                self.assertCountEqual(heard[1], said)
                for sio in sockets:
                    sio.call("ask", "all has arrived", timeout=5)
                self.assertEqual((heard[0], heard[2]), ([], []))

    def test_a_refusal_tells_why(self):
        sio, errors = self.client(), []
        sio.on("connect_error", errors.append, namespace="/closed")
        with self.assertRaises(socketio.exceptions.ConnectionError):
            sio.connect(self.server.url, namespaces=["/closed"], wait_timeout=2)
        until("the error", lambda: errors)
        self.assertEqual(errors, [{"message": "no entry", "data": {"code": 7}}])

    def test_the_server_can_end_the_stay(self):
        for name, transports in TRANSPORTS.items():
            with self.subTest(name):
                sio, gone = self.connected(transports), threading.Event()
                reasons = []
                sio.on("disconnect", lambda reason, reasons=reasons, gone=gone: (reasons.append(reason), gone.set()))
                sio.emit("kick")
                self.assertTrue(gone.wait(5))
                self.assertEqual(reasons, [sio.reason.SERVER_DISCONNECT])


class Sending(WithFeature):
    """What a server sends, and how much at once."""

    feature = "sending"

    def test_a_burst_arrives_whole_although_this_client_takes_16_packets_at_once(self):
        for name, transports in TRANSPORTS.items():
            with self.subTest(name):
                sio, numbers = self.connected(transports), []
                sid = sio.get_sid()
                sio.on("number", numbers.append)
                sio.emit("burst", 500)
                until("all numbers", lambda: len(numbers) == 500, timeout=20)
                # Each handler runs in a thread of its own, so the order is not certain here.
                self.assertEqual(sorted(numbers), list(range(500)))
                self.assertEqual(sio.get_sid(), sid, "the connection is the same")


if __name__ == "__main__":
    unittest.main()
