"""What the template lets each of its parts do. LocalStack checks no policy, so it is the text that is judged."""

import re

import yaml

from rig import PROJECT


class Template(yaml.SafeLoader):
    """CloudFormation's short forms, as a pair of function and argument."""


def short_form(loader, name, node):
    kinds = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence}
    build = kinds.get(type(node), loader.construct_mapping)
    return {name: build(node, deep=True) if not isinstance(node, yaml.ScalarNode) else build(node)}


Template.add_multi_constructor("!", short_form)
RESOURCES = yaml.load((PROJECT / "template.yaml").read_text(), Template)["Resources"]


def of_type(kind):
    return {name: it["Properties"] for name, it in RESOURCES.items() if it["Type"] == kind}


def branches(value):
    """A value, whatever its conditions say."""
    if isinstance(value, dict) and "If" in value:
        return [it for branch in value["If"][1:] for it in branches(branch) if it != {"Ref": "AWS::NoValue"}]
    return [value]


def statements(document):
    return [it for statement in document["Statement"] for it in branches(statement)]


def many(value):
    return value if isinstance(value, list) else [value]


def policies(role):
    own = [it for policy in RESOURCES[role]["Properties"]["Policies"] for it in branches(policy)]
    added = [it for it in of_type("AWS::IAM::RolePolicy").values() if it["RoleName"] == {"Ref": role}]
    return [it["PolicyDocument"] for it in own + added]


def allowed(role):
    """Each action that a role may take, and on what."""
    for document in policies(role):
        for it in statements(document):
            if it["Effect"] == "Allow":
                for action in many(it["Action"]):
                    yield action, it["Resource"]


# What the function's own code and Lambda need; what is of X-Ray and of EC2 cannot be bound to a resource.
FUNCTION = """
    kinesisvideo:GetDataEndpoint kinesisvideo:ListFragments kinesisvideo:GetClip
    s3:PutObject s3:PutObjectTagging s3:GetObject s3:AbortMultipartUpload s3:ListMultipartUploadParts
    s3:ListBucket s3:ListBucketMultipartUploads kms:GenerateDataKey kms:Decrypt
    sqs:SendMessage sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes events:PutEvents
    logs:CreateLogStream logs:PutLogEvents
    xray:PutTraceSegments xray:PutTelemetryRecords
    ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces ec2:DescribeSubnets ec2:DeleteNetworkInterface
    ec2:AssignPrivateIpAddresses ec2:UnassignPrivateIpAddresses
"""
WORKFLOW = """
    lambda:InvokeFunction sqs:SendMessage
    xray:PutTraceSegments xray:PutTelemetryRecords xray:GetSamplingRules xray:GetSamplingTargets
"""
ROLES = {
    "FunctionRole": FUNCTION,
    "ExportStateMachineRole": WORKFLOW,
    "AlarmRuleRole": "states:StartExecution",
    "ScheduleRole": "states:StartExecution sqs:SendMessage",
}


def test_each_role_may_do_what_it_is_for_and_no_more():
    assert set(of_type("AWS::IAM::Role")) == set(ROLES)
    for role, actions in ROLES.items():
        assert {action for action, _ in allowed(role)} == set(actions.split()), role
        for action, resource in allowed(role):
            everything = resource == "*"
            assert everything == action.startswith(("xray:", "ec2:")), f"{role}: {action} on {resource}"
    streams = [str(it) for action, it in allowed("FunctionRole") if action.startswith("kinesisvideo:")]
    assert all("${AWS::Region}:${AWS::AccountId}:stream/${StreamNamePattern}/" in it for it in streams), streams
    keys = [str(it) for action, it in allowed("FunctionRole") if action == "s3:PutObject"]
    assert len(keys) == 2
    assert sum("${Bucket}/${KeyPrefix}*" in it for it in keys) == 1
    assert sum("AllowedBuckets" in it for it in keys) == 1


def test_each_role_is_for_one_service():
    services = {
        "FunctionRole": "lambda.amazonaws.com",
        "ExportStateMachineRole": "states.amazonaws.com",
        "AlarmRuleRole": "events.amazonaws.com",
        "ScheduleRole": "scheduler.amazonaws.com",
    }
    for role, service in services.items():
        [trust] = statements(RESOURCES[role]["Properties"]["AssumeRolePolicyDocument"])
        assert trust["Principal"] == {"Service": service}, role
        # Who gets Lambda's role is decided by who may pass it to a function; the others are told for whom they act.
        conditions = str(trust.get("Condition"))
        assert role == "FunctionRole" or ("aws:SourceAccount" in conditions and "aws:SourceArn" in conditions), role


def test_the_queues_are_encrypted_and_take_only_from_this_account():
    queues = of_type("AWS::SQS::Queue")
    assert {name: it["MessageRetentionPeriod"] for name, it in queues.items()} == {
        "ExportQueue": 4 * 86_400,
        "FailedEventsQueue": 14 * 86_400,
    }
    assert all(it["SqsManagedSseEnabled"] is True for it in queues.values())
    guarded = of_type("AWS::SQS::QueuePolicy").values()
    assert sorted(it["Ref"] for policy in guarded for it in policy["Queues"]) == sorted(queues)
    for policy in guarded:
        deny, *allow = statements(policy["PolicyDocument"])
        assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", "*", "sqs:*")
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for it in allow:
            assert it["Action"] == "sqs:SendMessage"
            assert set(it["Principal"]) == {"Service"}
            [sources] = [of["aws:SourceArn"] for of in it["Condition"].values()]
            for source in (one for of in many(sources) for one in branches(of)):
                ours = "${AWS::AccountId}" in str(source) or source in (
                    {"Ref": "TopicArn"},
                    {"GetAtt": "AlarmRule.Arn"},
                )
                assert ours, source


def test_only_alarms_of_this_account_may_invoke():
    [permission] = of_type("AWS::Lambda::Permission").values()
    assert permission["Principal"] == "lambda.alarms.cloudwatch.amazonaws.com"
    assert permission["SourceAccount"] == {"Ref": "AWS::AccountId"}
    assert re.search(r"\$\{AWS::AccountId\}:alarm:\*$", permission["SourceArn"]["Sub"])
    assert not of_type("AWS::Lambda::Url") and "FunctionUrlConfig" not in RESOURCES["ClipExportFunction"]["Properties"]


def test_the_stacks_own_alarms_ask_for_nothing():
    own = {f"{name}.Arn" for name in of_type("AWS::CloudWatch::Alarm")}
    [left_out] = RESOURCES["AlarmRule"]["Properties"]["EventPattern"]["resources"]
    assert {it["GetAtt"] for it in left_out["anything-but"]} == own


def test_the_bucket_is_private_versioned_and_encrypted():
    [bucket] = of_type("AWS::S3::Bucket").values()
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket["VersioningConfiguration"] == {"Status": {"Ref": "BucketVersioning"}}
    parameters = yaml.load((PROJECT / "template.yaml").read_text(), Template)["Parameters"]
    assert parameters["BucketVersioning"]["Default"] == "Enabled"
    [policy] = of_type("AWS::S3::BucketPolicy").values()
    [deny] = statements(policy["PolicyDocument"])
    assert (deny["Effect"], deny["Action"]) == ("Deny", "s3:*")
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
