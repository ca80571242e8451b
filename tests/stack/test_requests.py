"""Requests to the state machine, from other workflows, and to the function itself."""

import json

import pytest
from pytest import approx

from deployed import request
from rig import ACCOUNT, REGION, until


def test_a_request_is_an_input_of_the_state_machine(stack, events, tmp_path):
    ended = stack.ended(stack.start(events("step-functions")))
    assert ended.status == "SUCCEEDED", ended
    assert ended.output["Status"] == "EXPORTED"
    assert stack.seconds("loading-dock/delivery-4711.mp4", tmp_path) == approx(46, abs=0.1)


@pytest.mark.parametrize(
    ("sample", "stream", "receipt"),
    [
        ("nested", "gate", lambda output: output),
        ("task-jsonata", "highway", lambda output: output),
        ("task-jsonpath", "turnstile", lambda output: output["clip"]["Receipt"]),
    ],
)
def test_each_sample_of_a_workflow_gets_a_clip(stack, sample, stream, receipt):
    started = stack.started()
    event = {"camera": stream, "time": "2026-11-20T12:00:00Z"}
    execution = stack.start(event, stack.machine(sample))
    ended = stack.ended(execution)
    assert ended.status == "SUCCEEDED", ended
    [clip] = receipt(ended.output)["Clips"]
    assert clip["Key"] in stack.clips()
    if sample == "nested":
        [inner] = stack.started() - started
        # Step Functions writes there who started it; the function would refuse a field that it does not know.
        assert stack.ended(inner).input["AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"] == execution


def test_what_was_exported_is_told_to_the_bus(stack):
    told = stack.queue("told")
    sources = {"source": ["aws.s3", "lambda"], "detail-type": ["Object Created", SUCCESS]}
    stack.client("events").put_rule(Name="told", EventPattern=json.dumps(sources))
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:told"
    stack.client("events").put_targets(Rule="told", Targets=[{"Id": "told", "Arn": arn}])
    event = request("yard", "2026-11-20T12:00:00Z", "2026-11-20T12:00:10Z", Destination={"Key": "told.mp4"})
    stack.client("lambda").invoke(FunctionName="clip-export", InvocationType="Event", Payload=json.dumps(event))

    details = {}

    def take():
        body, _ = stack.take(told)
        # Clips of other tests may land meanwhile.
        if "told.mp4" in json.dumps(body):
            details[body["detail-type"]] = body["detail"]
        return len(details) == 2

    until(take, "both events")
    assert details["Object Created"]["object"]["key"] == "told.mp4"
    assert details[SUCCESS]["responsePayload"]["Status"] == "EXPORTED"
    stack.client("events").remove_targets(Rule="told", Ids=["told"])


SUCCESS = "Lambda Function Invocation Result - Success"
