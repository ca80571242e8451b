"""The tests of uploads, against S3 as others have made it: `peers.py MOTO_SERVER COMMAND...`.

LocalStack's, whose makers compare it with AWS's own, by the Python that runs this; moto's, from an environment of its
own, because both bring a module of the same name. What a peer does not do as S3 does is in `peer.rs`, by name; each
run says what it has left out.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "stack"))

from rig import free_ports, localstack, running


def moto(port, folder):
    server, environment = sys.argv[1], {"PATH": os.environ["PATH"], "MOTO_PORT": str(port)}
    return running([server, "-H", "127.0.0.1", "-p", str(port)], environment, folder / "moto.log", "Running on")


def main():
    failed = []
    port, lambda_port, moto_port = free_ports(3)
    with tempfile.TemporaryDirectory() as folder:
        peers = {
            "localstack": (lambda: localstack(port, lambda_port, Path(folder)), port),
            "moto": (lambda: moto(moto_port, Path(folder)), moto_port),
        }
        for name, (start, at) in peers.items():
            print(f"--- {name}", flush=True)
            with contextlib.ExitStack() as stack:
                stack.enter_context(start())
                environment = os.environ | {"S3_PEER": f"{name}=http://127.0.0.1:{at}"}
                if subprocess.run(sys.argv[2:], env=environment).returncode:
                    failed.append(name)
    sys.exit(f"fails against {', '.join(failed)}" if failed else 0)


main()
