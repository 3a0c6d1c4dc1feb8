"""What the tenant has used of its limits, asked of the gateway with the tenant's own credential.

Needs no SDK: one GET of /.aigw/usage beside the Bedrock mounts. The last line is the JSON answer.
"""

import json
import os
import ssl
import urllib.request

endpoint = os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"].rstrip("/")
url = f"{endpoint.removesuffix('/bedrock-runtime')}/.aigw/usage"
request = urllib.request.Request(url, headers={"Authorization": f"Bearer {os.environ['AWS_BEARER_TOKEN_BEDROCK']}"})
context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
with urllib.request.urlopen(request, context=context, timeout=30) as response:
    usage = json.load(response)

print(json.dumps(usage))
