"""What waits for footage. Last, because the executions run since the first test."""


def waited_until(execution):
    """When the Wait state ended, after it had lasted for a while."""
    [entered], [exited] = execution.events("WaitStateEntered"), execution.events("WaitStateExited")
    assert (exited["timestamp"] - entered["timestamp"]).total_seconds() > 5
    return exited["timestamp"].timestamp()


def test_a_range_that_ends_in_the_future_is_waited_for(stack, patient, tmp_path):
    ended = stack.ended(patient.request)
    assert ended.status == "SUCCEEDED", ended
    # SettleSeconds are 5; LocalStack's waits end up to two seconds too early.
    assert 3 <= waited_until(ended) - patient.end < 7
    assert len(ended.events("TaskScheduled")) == 1
    assert ended.output["Coverage"] == "COMPLETE"
    [clip] = ended.output["Clips"]
    assert 10 <= stack.seconds(clip["Key"], tmp_path) <= 14


def test_what_follows_an_alarm_is_waited_for(stack, patient, tmp_path):
    ended = stack.ended(patient.alarm)
    assert ended.status == "SUCCEEDED", ended
    # PostRollSeconds are 2.
    assert 5 <= waited_until(ended) - patient.end < 9
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
