"""boto3 with a token that is read from a file for every request.

    client = gateway_client("bedrock-runtime", region_name="eu-central-1")

The endpoint comes from AWS_ENDPOINT_URL_BEDROCK_RUNTIME, the file from AI_GATEWAY_TOKEN_FILE.
"""

import os
import pathlib

import boto3
import botocore.config
import botocore.session
import botocore.tokens


class FileToken:
    """A projected ServiceAccount token, or whatever else keeps a token in a file fresh. It is boto3's provider of
    tokens and its token, which it asks at every request."""

    def __init__(self, path):
        self._path = pathlib.Path(path)

    def load_token(self, **_):
        return self

    def get_frozen_token(self):
        return botocore.tokens.FrozenAuthToken(self._path.read_text().strip())


def gateway_client(service, **arguments):
    session = botocore.session.get_session()
    session.register_component("token_provider", FileToken(os.environ["AI_GATEWAY_TOKEN_FILE"]))
    config = botocore.config.Config(signature_version="bearer")
    return boto3.Session(botocore_session=session).client(service, config=config, **arguments)


if __name__ == "__main__":
    answer = gateway_client("bedrock-runtime").converse(
        modelId=os.environ.get("MODEL", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        messages=[{"role": "user", "content": [{"text": "Explain in two sentences what an API gateway does."}]}],
    )
    print(answer["output"]["message"]["content"][0]["text"])
