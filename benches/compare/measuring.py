"""What the comparing programs share: starting servers on a core of their own, loading them, and showing figures."""

import json
import os
import pathlib
import platform
import socket
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = ROOT / "target"
PEERS = TARGET / "compare"
LOADTEST = TARGET / "release/loadtest"

CPU, MEMORY = "server_cpu_us_per_op", "server_resident_bytes_per_connection"

# The time a server has to listen, in seconds.
START_TIMEOUT = 20


def quiet(command, **options):
    """Runs a command whose output matters only if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start(command, core, environment=None):
    """Starts a server on its core; returns it and its port when it listens."""
    port = free_port()
    environment = {**os.environ, "PORT": str(port), "NODE_ENV": "production", **(environment or {})}
    pinned = ["taskset", "-c", str(core), *command]
    server = subprocess.Popen(pinned, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    give_up = time.monotonic() + START_TIMEOUT
    while not listens(port):
        if time.monotonic() > give_up or server.poll() is not None:
            stop(server)
            sys.exit(f"{' '.join(command)} does not listen")
        time.sleep(0.01)
    # What is done once, at the start, is over then.
    time.sleep(0.2)
    return server, port


def stop(server):
    server.kill()
    server.wait()


def load(port, pid, arguments, options, before=()):
    """Loads a server; the line of loadtest, or a fault in its place. What stands before its command starts it."""
    scenario, *others = arguments
    command = ["taskset", "-c", str(options.load_core), *before, str(LOADTEST), scenario]
    command += [f"http://127.0.0.1:{port}", *others]
    command += ["--json", "--pid", str(pid), "--warmup", str(options.warmup), "--duration", str(options.duration)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=options.duration + 120)
        return json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        return {"ok": False, "fault": f"no result: {error}"}


def figure(lines, key):
    """The median, and what was wrong if any round was; nothing without a figure."""
    values = [line[key] for line in lines if line.get(key) is not None]
    faults = [line["fault"] for line in lines if not line["ok"]]
    return (statistics.median(values) if values else None, faults[0] if faults else None)


def show(value, key):
    if value is None:
        return "–"
    return f"{value:,.0f}" if key == MEMORY or value >= 100 else f"{value:.2f}"


def ratio(one, other):
    return f"{one / other:.2f}" if one and other else "–"


def version(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=20)
        return done.stdout.strip().splitlines()[0] if done.stdout else "unknown"
    except OSError:
        return "none"


def machine():
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":")[1].strip()
            break
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release()}"


def add_options(parser):
    parser.add_argument("--rounds", type=int, default=3)
    add_run_options(parser)


def add_run_options(parser):
    """Those that concern one measurement."""
    parser.add_argument("--duration", type=float, default=3.0, help="seconds of each measured window")
    parser.add_argument("--warmup", type=float, default=1.0, help="seconds before it")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    parser.add_argument("--no-build", action="store_true", help="take the programs as they are")
