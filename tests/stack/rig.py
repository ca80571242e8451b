"""The processes of the stack test: LocalStack, and `clip-local` with the function's binary."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
# LocalStack takes an access key of twelve digits for the account: the one of the local cameras, samples and events.
ACCOUNT = "123456789012"
REGION = "eu-west-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": REGION}


def until(condition, what, seconds=30):
    """The first result of `condition` that is true."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"after {seconds} s still not: {what}"
        time.sleep(0.05)
    return result


def free_ports(count):
    """Ports of 127.0.0.1; different ones, because all are held until each is known."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [it.getsockname()[1] for it in sockets]


@contextlib.contextmanager
def running(command, environment, log, ready, end=subprocess.Popen.terminate):
    """A process, from the moment when its log says `ready`."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:

        def is_ready():
            assert process.poll() is None, f"{command[0]} has ended:\n{log.read_text()}"
            return ready in log.read_text()

        until(is_ready, f"{ready!r} in {log}")
        yield process
    finally:
        end(process)
        process.wait(timeout=10)


def localstack(port, lambda_port, folder):
    environment = CREDENTIALS | {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        # A Wait state compares with local time.
        "TZ": "UTC",
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        # The default server listens on every interface, whatever it is told.
        "GATEWAY_SERVER": "hypercorn",
        "LOCALSTACK_HOST": f"127.0.0.1:{port}",
        # Names of hosts would have to be resolved.
        "SQS_ENDPOINT_STRATEGY": "path",
        # Where it keeps what it writes.
        "FILESYSTEM_ROOT": str(folder / "state"),
        "CONFIG_DIR": str(folder / "config"),
        # No telemetry, no certificate from the internet, no name server on port 53.
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        # Lambda waits one minute, then two, before it tries an asynchronous event again.
        "LAMBDA_RETRY_BASE_DELAY": "0",
    }
    command = [sys.executable, str(HERE / "emulator.py"), f"http://127.0.0.1:{lambda_port}"]
    # Killed, because it waits for connections that are kept alive; all that it leaves is in the folder.
    return running(command, environment, folder / "localstack.log", "Ready.", end=subprocess.Popen.kill)


def function(lambda_port, kvs_port, variables, folder):
    command = [os.environ["CLIP_LOCAL"], "serve", "--out", str(folder / "out"), "--kvs-port", str(kvs_port)]
    command += ["--function", os.environ["CLIP_FUNCTION"], "--lambda-port", str(lambda_port)]
    for name, value in variables.items():
        command += ["--env", f"{name}={value}"]
    return running(command, {}, folder / "clip-local.log", "CLIP_ALLOWED_BUCKETS=")
