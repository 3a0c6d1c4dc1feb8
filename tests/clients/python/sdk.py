"""What the client programs share: one plain client, and errors printed as people read them.

Everything the SDK needs comes from its usual environment variables: AWS_ENDPOINT_URL_BEDROCK_RUNTIME and
AWS_BEARER_TOKEN_BEDROCK (from the tenant's Secret), a Region, and AWS_CA_BUNDLE where the gateway's certificate is not
publicly trusted. Nothing is set in code, which is the point: an application needs no change to use the gateway.
"""

import contextlib
import sys

import boto3
import botocore.config
import botocore.exceptions

# A cross-Region inference profile: its ':' must survive every hop, or the signature does not match.
DEFAULT_MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
DEFAULT_PROMPT = "Explain in two sentences what an API gateway does."


def bedrock_runtime():
    return boto3.client("bedrock-runtime")


def bedrock_runtime_without_retries(connections=10):
    """For programs that count failures: a retry would hide them."""
    config = botocore.config.Config(retries={"total_max_attempts": 1}, max_pool_connections=connections)
    return boto3.client("bedrock-runtime", config=config)


def message(prompt):
    return [{"role": "user", "content": [{"text": prompt}]}]


def describe(error):
    """The class an SDK user catches and the text they see."""
    if isinstance(error, botocore.exceptions.ClientError):
        details = error.response.get("Error", {})
        return details.get("Code") or type(error).__name__, details.get("Message") or str(error)
    return type(error).__name__, str(error)


@contextlib.contextmanager
def plain_errors():
    """One line instead of a traceback, exit code 1."""
    try:
        yield
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        name, text = describe(error)
        sys.exit(f"{name}: {text}")
