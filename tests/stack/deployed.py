"""The deployed stack, as its users see it."""

import io
import json
import subprocess
import zipfile
from dataclasses import dataclass
from functools import cache

import boto3

from rig import ACCOUNT, CREDENTIALS, PROJECT, REGION, until

NAME = "clip-export"
ARTIFACTS = "artifacts"


def request(stream, start, end, **more):
    selector = {"TimestampRange": {"StartTimestamp": start, "EndTimestamp": end}}
    return {"StreamName": stream, "ClipFragmentSelector": selector, **more}


@dataclass
class Execution:
    """One that has ended."""

    status: str
    input: object
    output: object
    error: str
    cause: str
    history: list

    def events(self, kind):
        return [event for event in self.history if event["type"] == kind]


class Stack:
    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.outputs = {}

    @cache
    def client(self, service):
        credentials = {name.lower(): value for name, value in CREDENTIALS.items() if "ACCESS" in name}
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, **credentials)

    def deploy(self, **parameters):
        """`template.yaml` as it stands, with what `sam deploy` does to it: code and definition go to S3."""
        self.client("s3").create_bucket(
            Bucket=ARTIFACTS, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        template = (PROJECT / "template.yaml").read_text()
        template = self.package(template, "DefinitionUri: statemachine/export.asl.json", "export.asl.json")
        template = self.package(template, "CodeUri: .", "function.zip")
        self.client("cloudformation").create_stack(
            StackName=NAME,
            TemplateBody=template,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        )
        stack = until(self.created, "the stack is created", seconds=120)
        self.outputs = {it["OutputKey"]: it["OutputValue"] for it in stack["Outputs"]}

    def package(self, template, property, key):
        name, path = property.split(": ")
        assert template.count(property) == 1, f"{property} is not in the template, or more than once"
        body = io.BytesIO()
        if path == ".":
            # Any archive will do: the code runs elsewhere.
            with zipfile.ZipFile(body, "w") as archive:
                archive.writestr("bootstrap", "")
        else:
            body.write((PROJECT / path).read_bytes())
        self.client("s3").put_object(Bucket=ARTIFACTS, Key=key, Body=body.getvalue())
        return template.replace(property, f"{name}: s3://{ARTIFACTS}/{key}")

    def created(self):
        client = self.client("cloudformation")
        [stack] = client.describe_stacks(StackName=NAME)["Stacks"]
        if stack["StackStatus"].endswith("_IN_PROGRESS"):
            return None
        failed = [
            f"{it['LogicalResourceId']}: {it.get('ResourceStatusReason')}"
            for it in client.describe_stack_events(StackName=NAME)["StackEvents"]
            if it["ResourceStatus"].endswith("_FAILED")
        ]
        assert stack["StackStatus"] == "CREATE_COMPLETE", failed or stack
        return stack

    def environment(self):
        """The function's variables, as the template sets them."""
        configuration = self.client("lambda").get_function_configuration(FunctionName=NAME)
        return configuration["Environment"]["Variables"]

    def topic(self):
        """The ARN of a topic that stands beside the stack; made when it is first asked for."""
        return self.client("sns").create_topic(Name="cameras")["TopicArn"]

    # --- Step Functions ---

    def start(self, event, machine=None):
        machine = machine or self.outputs["StateMachineArn"]
        started = self.client("stepfunctions").start_execution(stateMachineArn=machine, input=json.dumps(event))
        return started["executionArn"]

    def started(self, machine=None):
        """The ARNs of all executions."""
        machine = machine or self.outputs["StateMachineArn"]
        listed = self.client("stepfunctions").list_executions(stateMachineArn=machine)
        return {it["executionArn"] for it in listed["executions"]}

    def ended(self, execution, seconds=30):
        client = self.client("stepfunctions")

        def described():
            described = client.describe_execution(executionArn=execution)
            return None if described["status"] == "RUNNING" else described

        end = until(described, f"{execution} has ended", seconds)
        history = client.get_execution_history(executionArn=execution, maxResults=1000)["events"]
        output = json.loads(end["output"]) if "output" in end else None
        return Execution(
            end["status"], json.loads(end["input"]), output, end.get("error"), end.get("cause"), history
        )

    def machine(self, sample):
        """A workflow of `statemachine/samples`, as a user would create it."""
        created = self.client("stepfunctions").create_state_machine(
            name=sample,
            definition=(PROJECT / f"statemachine/samples/{sample}.asl.json").read_text(),
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/any",
        )
        return created["stateMachineArn"]

    # --- SQS ---

    def queue(self, name):
        """A queue of the test's own."""
        return self.client("sqs").create_queue(QueueName=name)["QueueUrl"]

    def send(self, *events):
        """Puts them into the queue of exports, all at once."""
        entries = [{"Id": str(i), "MessageBody": json.dumps(event)} for i, event in enumerate(events)]
        self.client("sqs").send_message_batch(QueueUrl=self.outputs["ExportQueueUrl"], Entries=entries)

    def messages(self, queue):
        """How many messages the queue has, seen and unseen."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        got = self.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)
        return sum(int(got["Attributes"][name]) for name in names)

    def take(self, queue):
        """Takes one message out of the queue; its JSON and its attributes."""
        client = self.client("sqs")

        def received():
            return client.receive_message(QueueUrl=queue, MessageAttributeNames=["All"]).get("Messages")

        [message] = until(received, f"a message in {queue}")
        client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        attributes = {k: v["StringValue"] for k, v in message.get("MessageAttributes", {}).items()}
        return json.loads(message["Body"]), attributes

    # --- Clips ---

    def clips(self, prefix=""):
        """The keys in the stack's bucket."""
        listed = self.client("s3").list_objects_v2(Bucket=self.outputs["BucketName"], Prefix=prefix)
        return {it["Key"] for it in listed.get("Contents", [])}

    def seconds(self, key, folder):
        """How long the clip plays: every frame of it, without a complaint."""
        path = folder / "clip.mp4"
        self.client("s3").download_file(self.outputs["BucketName"], key, str(path))
        play = ["ffmpeg", "-v", "error", "-xerror", "-i", path, "-f", "null", "-"]
        played = subprocess.run(play, capture_output=True, text=True, check=False)
        assert (played.returncode, played.stderr) == (0, ""), played.stderr
        probe = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "json", path]
        probed = subprocess.run(probe, capture_output=True, text=True, check=True)
        return float(json.loads(probed.stdout)["format"]["duration"])
