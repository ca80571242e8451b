"""The AWS of the stack test, by LocalStack, in this process: `emulator.py LAMBDA_ENDPOINT`.

The environment configures it; `rig.py` sets it. LocalStack is taken as it is, but for what it would fetch from the
internet or leave to Docker, and for one slip:

- JSONata, which it evaluates by a Java library from Maven: here by jsonata-python, a port of that library. What
  expressions see, what their results do, and the states around them stay LocalStack's.
- Lambda's containers: here each invocation goes on to the Invoke API at LAMBDA_ENDPOINT. What Lambda does around
  them, the tries of asynchronous events, destinations and event source mappings, stays LocalStack's.
- Numbers among a state machine's DefinitionSubstitutions: CloudFormation writes them as text, LocalStack fails.
"""

import json
import sys

import boto3
from botocore.config import Config
from jsonata import Jsonata
from localstack.runtime.main import main
from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.services.lambda_.invocation.plugins import DockerRuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor
from localstack.services.stepfunctions.asl.jsonata import jsonata as expressions
from localstack.services.stepfunctions.resource_providers import aws_stepfunctions_statemachine as state_machines

# As long as Lambda's longest function, and once: who asks decides about another try.
PATIENT = Config(read_timeout=900, retries={"total_max_attempts": 1})


def evaluate(expression):
    try:
        # Through JSON, as from the Java library: what comes out are plain values.
        return json.loads(json.dumps(Jsonata(expression).evaluate(None)))
    except Exception as error:
        raise expressions.JSONataException("UNKNOWN", str(error)) from error


class InvokeApi(RuntimeExecutor):
    """An execution environment that stands elsewhere."""

    client = boto3.client("lambda", endpoint_url=sys.argv[1], config=PATIENT)

    def invoke(self, payload):
        name = self.function_version.id.function_name
        answer = self.client.invoke(FunctionName=name, Payload=payload["payload"])
        return InvocationResult(payload["invoke-id"], answer["Payload"].read(), "FunctionError" in answer, logs="")

    def start(self, env_vars):
        pass

    def stop(self):
        pass

    def get_address(self):
        return ""

    def get_endpoint_from_executor(self):
        return ""

    def get_runtime_endpoint(self):
        return ""

    def get_logs(self):
        return ""

    @classmethod
    def prepare_version(cls, function_version):
        pass

    @classmethod
    def cleanup_version(cls, function_version):
        pass


def substitute(definition, substitutions, by_localstack=state_machines._apply_substitutions):
    return by_localstack(definition, {name: str(value) for name, value in substitutions.items()})


expressions._eval_jsonata = evaluate
DockerRuntimeExecutorPlugin.load = lambda *_: InvokeApi
state_machines._apply_substitutions = substitute
main()
