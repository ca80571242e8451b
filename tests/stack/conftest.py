import json
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from deployed import Stack, request
from rig import PROJECT, free_ports, function, localstack


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stack")
    port, lambda_port, kvs_port = free_ports(3)
    endpoint = f"http://127.0.0.1:{port}"
    stack = Stack(endpoint)
    with localstack(port, lambda_port, folder):
        stack.deploy(
            S3EndpointUrl=endpoint,
            SqsEndpointUrl=endpoint,
            KinesisVideoEndpointUrl=f"http://127.0.0.1:{kvs_port}",
            TopicArn=stack.topic(),
            # LocalStack runs no schedules, and deploys no stack without one: it resolves what stands under a
            # condition that is false.
            ScheduleExpression="rate(1 hour)",
            ScheduledStream="front-door",
            # Short, so that what really waits does not wait long.
            PostRollSeconds="2",
            SettleSeconds="5",
            MaxWaitSeconds="8",
            MaxReceiveCount="2",
        )
        with function(lambda_port, kvs_port, stack.environment(), folder):
            yield stack


@pytest.fixture(scope="session", autouse=True)
def patient(stack, events):
    """Executions that take their time, started first so that the other tests run meanwhile."""
    now = int(time.time())
    end = now + 15
    alarm = events("eventbridge-alarm")
    alarm["detail"]["state"]["timestamp"] = f"{datetime.fromtimestamp(end, UTC):%Y-%m-%dT%H:%M:%S}.000+0000"
    # Nothing that says when it began: that was a week ago.
    del alarm["detail"]["state"]["reasonData"]
    del alarm["detail"]["state"]["reason"]
    # Fragments of `glacier` begin at each multiple of 20 s. This range ends in one that goes on for more than
    # MaxWaitSeconds when the function is asked, SettleSeconds later.
    running = now - now % 20 + 21
    return SimpleNamespace(
        end=end,
        request=stack.start(request("loading-dock", end - 10, end)),
        alarm=stack.start(alarm),
        early=stack.start(request("glacier", running - 10, running)),
    )


@pytest.fixture(scope="session")
def events():
    """The samples of `events/`, by name."""
    return lambda name: json.loads((PROJECT / f"events/{name}.json").read_text())
