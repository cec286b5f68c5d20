"""Starts and ends the programs under test."""

import os
import socket
import subprocess
import tempfile
import time


def free_port():
    """Finds a TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Conformance:
    """The `conformance` example, named by CONFORMANCE_BIN."""

    variable = "CONFORMANCE_BIN"
    env = {}

    def __init__(self, port=None):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        """Starts the program and waits for its "listening" line."""
        program = os.environ.get(self.variable)
        if not program:
            raise RuntimeError(f"{self.variable} must name the program to test; tests/run sets it")
        # A file takes the output, so that a program that prints a lot is never stopped by a full pipe.
        self.output = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(
            [program],
            env={**os.environ, **self.env, "PORT": str(self.port)},
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + 20
        while "listening" not in self.text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = self.text()
                self.kill()
                raise RuntimeError(f"not ready; its output:\n{text}")
            time.sleep(0.01)

    def text(self):
        """What the program has printed so far."""
        # Reading through a descriptor of its own leaves the place where the program writes alone.
        return os.pread(self.output.fileno(), 100_000, 0).decode()

    def kill(self):
        """Ends the program as a crash would."""
        self.process.kill()
        self.process.wait()
        self.output.close()


class Features(Conformance):
    """One server of the `features` example, named by FEATURES_BIN."""

    variable = "FEATURES_BIN"

    def __init__(self, feature, port=None):
        self.env = {"FEATURE": feature}
        super().__init__(port)
