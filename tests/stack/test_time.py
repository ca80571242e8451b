"""What waits for footage. Last, because the executions run since the first test."""


def waited(execution):
    """How long the Wait state lasted, and when it ended."""
    [entered], [exited] = execution.events("WaitStateEntered"), execution.events("WaitStateExited")
    return (exited["timestamp"] - entered["timestamp"]).total_seconds(), exited["timestamp"].timestamp()


def test_a_range_that_ends_in_the_future_is_waited_for(stack, patient, tmp_path):
    ended = stack.ended(patient.request)
    assert ended.status == "SUCCEEDED", ended
    # It ended after 3 s, and SettleSeconds are 5. LocalStack leaves the parts of seconds out.
    wait, until = waited(ended)
    assert wait > 5
    assert 6 < until - patient.now < 10
    assert len(ended.events("TaskScheduled")) == 1
    assert ended.output["Coverage"] == "COMPLETE"
    [clip] = ended.output["Clips"]
    assert 10 <= stack.seconds(clip["Key"], tmp_path) <= 14


def test_what_follows_an_alarm_is_waited_for(stack, patient, tmp_path):
    ended = stack.ended(patient.alarm)
    assert ended.status == "SUCCEEDED", ended
    wait, until = waited(ended)
    assert wait > 4
    assert 5 < until - patient.now < 9
    assert ended.output["Coverage"] == "COMPLETE"
    [clip] = ended.output["Clips"]
    assert 32 <= stack.seconds(clip["Key"], tmp_path) <= 36


def test_footage_that_is_still_running_is_asked_for_again(stack, patient, tmp_path):
    ended = stack.ended(patient.early, seconds=90)
    assert ended.status == "SUCCEEDED", ended
    [failed] = ended.events("TaskFailed")
    assert failed["taskFailedEventDetails"]["error"] == "NotYetArchived"
    assert len(ended.events("TaskScheduled")) == 2
    assert ended.output["Coverage"] == "COMPLETE"
    [clip] = ended.output["Clips"]
    assert 20 <= stack.seconds(clip["Key"], tmp_path) <= 41
