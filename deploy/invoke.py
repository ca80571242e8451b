"""Sends one event to the function that `sam build` made, with AWS's services on this machine.

    invoke.py rie EVENT --services CLIP_LOCAL --out DIR
        under the Runtime Interface Emulator, Lambda's own runtime API, on loopback
    invoke.py sam EVENT --services CLIP_LOCAL --out DIR --architecture ARCHITECTURE
        by `sam local invoke`: in a container, with the template's environment, memory and timeout

Prints the answer. Exits 1 if it is an error or none; both the emulator and sam call that a success.
Nothing that it starts outlives it.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
FUNCTION = "ClipExportFunction"
BOOTSTRAP = ROOT / ".aws-sam/build" / FUNCTION / "bootstrap"
# More than Lambda's longest timeout.
PATIENCE = 930


@contextlib.contextmanager
def process(command, **options):
    """A child in a group of its own, so that a Ctrl-C is ours to pass on, and in order."""
    child = subprocess.Popen(command, start_new_session=True, **options)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def echo(lines, seen=lambda line: None):
    """Passes on what a child says; a child with a full pipe stands still."""

    def follow():
        for line in lines:
            seen(line)
            sys.stderr.write(line)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    return thread


@contextlib.contextmanager
def services(binary, host, out):
    """The services, and the environment that reaches them."""
    command = [binary, "serve", "--host", host, "--out", out]
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    variables = {}
    with process(command, **output) as child:
        for line in child.stdout:
            # Of a name that is there twice the second is for containers, and only there if asked for.
            if variable := re.fullmatch(r"export (\w+)=(.*)\n", line):
                variables.update([variable.groups()])
            if "Ctrl-C ends" in line:
                break
        else:
            sys.exit("the services did not start")
        echo(child.stdout)
        yield variables


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def by_emulator(event, variables):
    import samcli

    machine = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    emulator = pathlib.Path(samcli.__file__).parent / "local/rapid" / f"aws-lambda-rie-{machine}"
    emulator.chmod(0o755)
    address, api = (f"127.0.0.1:{free_port()}" for _ in range(2))
    command = [emulator, "--log-level", "error"]
    command += ["--runtime-interface-emulator-address", address, "--runtime-api-address", api, BOOTSTRAP]
    environment = variables | {
        "AWS_LAMBDA_FUNCTION_NAME": "clip-export",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "900",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }
    request = urllib.request.Request(f"http://{address}/2015-03-31/functions/function/invocations", data=event)
    # Whatever proxy the environment names is not for loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with process(command, env=environment, cwd=BOOTSTRAP.parent, stdout=sys.stderr) as child:
        while child.poll() is None:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(address.split(":")):
                break
            time.sleep(0.02)
        else:
            sys.exit(f"the emulator ended with {child.returncode}")
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return answer.read().decode()
        # What became of a function that died.
        except urllib.error.HTTPError as answer:
            return answer.read().decode()


def in_container(path, variables, architecture):
    sam = pathlib.Path(sys.executable).with_name("sam")
    command = [sam, "local", "invoke", FUNCTION, "--event", path, "--parameter-overrides", f"Architecture={architecture}"]
    # An image that is there will do; one that is not is pulled all the same.
    command += ["--skip-pull-image", "--add-host", "host.docker.internal:host-gateway"]
    # Nothing of the caller's account. sam would ask AWS whose account it is: it gets a quick no.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= variables | {"SAM_CLI_TELEMETRY": "0", "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    container = []

    def note(line):
        container.extend(re.findall(r"^SAM_CONTAINER_ID: (\w+)", line))

    output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    try:
        with process(command, env=environment, cwd=ROOT, **output) as child:
            log = echo(child.stderr, note)
            answer = child.stdout.read()
            if child.wait() != 0:
                sys.exit(f"sam local invoke ended with {child.returncode}")
            log.join()
            return answer
    finally:
        # Of a run that was interrupted, sam leaves it behind.
        for name in container:
            subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("how", choices=["rie", "sam"])
    parser.add_argument("event", type=pathlib.Path)
    parser.add_argument("--services", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--architecture")
    given = parser.parse_args()
    if not given.event.is_file():
        parser.error(f"there is no file {given.event}")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))

    host = "127.0.0.1" if given.how == "rie" else "0.0.0.0"
    with services(given.services, host, given.out) as variables:
        if given.how == "rie":
            answer = by_emulator(given.event.read_bytes(), variables)
        else:
            answer = in_container(given.event.resolve(), variables, given.architecture)
    try:
        answer = json.loads(answer)
    except ValueError:
        sys.exit(f"that is no answer of the function: {answer!r}")
    print(json.dumps(answer, indent=2))
    if isinstance(answer, dict) and "errorType" in answer:
        sys.exit("the function failed")


if __name__ == "__main__":
    main()
