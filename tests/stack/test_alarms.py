"""From an alarm or a notification to the clip, by each of its ways."""

import json

from pytest import approx

from rig import until


def put(stack, *events):
    """Puts them on the default bus, as CloudWatch does it."""
    entries = [
        {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Time": event["time"],
            "Resources": event["resources"],
            "Detail": json.dumps(event["detail"]),
        }
        for event in events
    ]
    assert stack.client("events").put_events(Entries=entries)["FailedEntryCount"] == 0


def test_an_alarm_on_the_bus_becomes_one_clip(stack, events, tmp_path):
    started, day = stack.started(), "front-door/2026/11/20/"
    assert not stack.clips(day)
    alarm = events("eventbridge-alarm")
    put(stack, alarm)
    [execution] = until(lambda: stack.started() - started, "the rule starts an execution")
    ended = stack.ended(execution)
    assert ended.status == "SUCCEEDED", ended
    assert ended.input["detail"] == alarm["detail"]
    assert ended.output["Status"] == "EXPORTED"
    [clip] = stack.clips(day)
    assert clip == f"{day}front-door_20261120T100030Z_20261120T100209Z.mp4"
    # From 30 s before the period that was over the threshold to 2 s after the alarm, and the rest of a fragment.
    assert stack.seconds(clip, tmp_path) == approx(100, abs=0.1)


def test_nothing_else_on_the_bus_starts_an_execution(stack, events):
    started = stack.started()
    ok = events("eventbridge-alarm-ok")
    other_prefix = events("eventbridge-composite")
    described = stack.client("cloudwatch").describe_alarms(AlarmNamePrefix="clip-export-")
    of_the_stack = [
        events("eventbridge-alarm") | {"resources": [alarm["AlarmArn"]]} for alarm in described["MetricAlarms"]
    ]
    assert len(of_the_stack) == 4
    other_event = events("eventbridge-alarm") | {"detail-type": "CloudWatch Alarm Configuration Change"}
    # The bus takes them in order, and this one has to start an execution.
    contributor = events("eventbridge-contributor")
    put(stack, ok, other_prefix, *of_the_stack, other_event, contributor)
    [execution] = until(lambda: stack.started() - started, "the rule starts an execution")
    ended = stack.ended(execution)
    assert ended.input["detail"] == contributor["detail"]
    assert ended.status == "SUCCEEDED", ended


def test_an_alarm_that_tells_the_topic_becomes_a_clip(stack, tmp_path):
    """What the alarm says is CloudWatch's, as LocalStack knows it."""
    stack.client("cloudwatch").put_metric_alarm(
        AlarmName="movement",
        Namespace="AWS/KinesisVideo",
        MetricName="PutMedia.IncomingFragments",
        Dimensions=[{"Name": "StreamName", "Value": "yard"}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=5,
        AlarmActions=[stack.topic()],
    )
    stack.client("cloudwatch").set_alarm_state(AlarmName="movement", StateValue="ALARM", StateReason="a test")
    [clip] = until(lambda: stack.clips("yard/"), "the clip of the alarm")
    assert 32 <= stack.seconds(clip, tmp_path) <= 36


def test_a_notification_by_the_topic_becomes_a_clip(stack, events, tmp_path):
    [record] = events("sns-fragment")["Records"]
    stack.client("sns").publish(TopicArn=stack.topic(), Message=record["Sns"]["Message"])
    key = "front-door/2026/11/20/front-door_20261120T100130Z_20261120T100202Z.mp4"
    until(lambda: key in stack.clips(), "the clip of the notification")
    assert stack.seconds(key, tmp_path) == approx(34, abs=0.1)
