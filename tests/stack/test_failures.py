"""What fails for good is kept, and can be replayed."""

import json
import time

from pytest import approx

from deployed import request
from rig import until

MINUTE = ("2026-11-20T12:00:00Z", "2026-11-20T12:01:00Z")


def test_a_permanent_failure_fails_the_execution_and_keeps_its_input(stack):
    event = request("nowhere", *MINUTE, Destination={"Key": 'with "quotes" \\ and ü.mp4'})
    ended = stack.ended(stack.start(event))
    assert (ended.status, ended.error) == ("FAILED", "StreamNotFound"), ended
    assert "nowhere" in ended.cause
    assert not ended.cause.startswith("{"), "the message itself, not the JSON around it"
    assert len(ended.events("TaskScheduled")) == 2, "one call, no retries, and the queue"
    kept, attributes = stack.take(stack.outputs["FailedEventsQueueUrl"])
    assert kept == event
    assert attributes == {"ErrorType": "StreamNotFound", "ErrorMessage": ended.cause}


def test_a_message_that_fails_each_time_is_kept_and_its_batch_is_not_held_up(stack):
    queue, failed = stack.outputs["ExportQueueUrl"], stack.outputs["FailedEventsQueueUrl"]
    tomorrow = int(time.time()) + 86_400
    late = request("front-door", tomorrow - 10, tomorrow)
    good = request("front-door", *MINUTE, Destination={"Key": "of-the-batch.mp4"})
    # 16 minutes between its tries would be long.
    stack.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    stack.send(late, good)
    until(lambda: "of-the-batch.mp4" in stack.clips(), "the other clip")
    kept, _ = stack.take(failed)
    assert kept == late
    assert stack.messages(queue) == 0
    stack.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "960"})


def test_what_failed_is_replayed_by_moving_its_messages(stack, tmp_path):
    """One event by each way into the queue of failed events, which fails until something is mended."""
    failed = stack.outputs["FailedEventsQueueUrl"]
    bucket = stack.outputs["BucketName"]
    keys = {"by-execution.mp4", "by-lambda.mp4", "by-queue.mp4"}
    for key in keys:
        stack.client("s3").put_object(Bucket=bucket, Key=key, Body=b"somebody else's")
    execution, call, message = (request("corridor", *MINUTE, Destination={"Key": key}) for key in sorted(keys))

    ended = stack.ended(stack.start(execution))
    assert (ended.status, ended.error) == ("FAILED", "DestinationExists"), ended
    stack.client("lambda").invoke(FunctionName="clip-export", InvocationType="Event", Payload=json.dumps(call))
    stack.send(message)
    until(lambda: stack.messages(failed) == 3, "three failed events")
    until(lambda: stack.messages(stack.outputs["ExportQueueUrl"]) == 0, "the message is off the queue")

    for key in keys:
        stack.client("s3").delete_object(Bucket=bucket, Key=key)
    stack.client("sqs").start_message_move_task(
        SourceArn=stack.outputs["FailedEventsQueueArn"], DestinationArn=stack.outputs["ExportQueueArn"]
    )
    until(lambda: keys <= stack.clips(), "three clips")
    for key in keys:
        assert stack.seconds(key, tmp_path) == approx(62, abs=0.1)
    until(lambda: stack.messages(stack.outputs["ExportQueueUrl"]) == 0, "the queue of exports is empty")
    assert stack.messages(failed) == 0
