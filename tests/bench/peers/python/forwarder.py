"""The forwarder a competent user would write for Lambda's Python runtime: kept connections, botocore's signer.

It has no tenants, no rules and no meter. Lambda's runtime client for Python cannot stream, so the whole answer is
collected, and one that is no text is sent in base64.
"""

import base64
import os
from urllib.parse import urlencode

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

UPSTREAM = os.environ["BENCH_UPSTREAM"]
REGION = os.environ["AWS_REGION"]
HOST = f"bedrock-runtime.{REGION}.amazonaws.com"
# Headers that are the connection's or the signer's.
DROPPED = {
    "accept-encoding", "authorization", "connection", "content-length", "host", "transfer-encoding",
    "x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-forwarded-for", "x-forwarded-port",
    "x-forwarded-proto",
}

pool = urllib3.PoolManager(ca_certs=os.environ.get("AWS_CA_BUNDLE"))
signer = SigV4Auth(
    Credentials(
        os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], os.environ["AWS_SESSION_TOKEN"]
    ),
    "bedrock",
    REGION,
)


def handler(event, _context):
    path = event["path"].removeprefix("/bedrock-runtime")
    if query := event.get("multiValueQueryStringParameters"):
        path = f"{path}?{urlencode(query, doseq=True)}"
    body = event.get("body") or ""
    body = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    headers = {
        name: ",".join(values)
        for name, values in (event.get("multiValueHeaders") or {}).items()
        if name.lower() not in DROPPED
    }
    request = AWSRequest(event["httpMethod"], f"https://{HOST}{path}", headers=headers, data=body)
    signer.add_auth(request)
    request.headers["Host"] = HOST
    response = pool.request(
        event["httpMethod"], UPSTREAM + path, headers=dict(request.headers.items()), body=body, decode_content=False
    )
    text = response.headers.get("content-type", "").startswith("application/json")
    return {
        "statusCode": response.status,
        "headers": {
            name: value
            for name, value in response.headers.items()
            if name.lower() not in ("content-length", "transfer-encoding", "connection")
        },
        "body": response.data.decode() if text else base64.b64encode(response.data).decode(),
        "isBase64Encoded": not text,
    }
