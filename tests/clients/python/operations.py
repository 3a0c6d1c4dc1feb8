"""Every operation of the Bedrock service models, through the gateway: what arrives has to be what the SDK would have sent
to AWS itself.

For each operation of each model in botocore two sets of parameters are made (required members only, and all of them)
and each is sent twice: to AWS, stopped just before the socket, and through the gateway. What Bedrock got (as the stub
recorded it) must be equal in method, host, raw path, query, headers and body, and signed for the family's service; the
stub's answer must come back byte for byte. The last line is a JSON summary for scripts.

A gateway with rules denies what names a model or resource that is not granted. With --names (names.py) such members get
what the tenant may have been granted, and further requests are made until each of them has been in one; arrived and
denied requests are counted by the class of their operation.

The credential is AWS_BEARER_TOKEN_BEDROCK. boto3 sends it by itself for the two families whose models list bearer
tokens; for the others a hook sets the header, as docs/clients.md shows.
"""

import argparse
import collections
import json
import os
import sys
import urllib.parse
import urllib.request

import boto3
import botocore
import botocore.config

import names
import parameters

FAMILIES = (
    "bedrock-runtime",
    "bedrock",
    "bedrock-agent",
    "bedrock-agent-runtime",
    "bedrock-data-automation",
    "bedrock-data-automation-runtime",
    "bedrock-agentcore",
    "bedrock-agentcore-control",
)
BEARER_IN_MODEL = ("bedrock-runtime", "bedrock")
TOKEN = "AWS_BEARER_TOKEN_BEDROCK"
# Identifies one request of the SDK; it differs between the two that are compared.
INVOCATION = "amz-sdk-invocation-id"
# Belongs to a connection or a signature, or tells how the client was configured.
NOT_COMPARED = {
    INVOCATION,
    "accept-encoding",
    "authorization",
    "connection",
    "host",
    "user-agent",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
}
# API Gateway adds an Accept where a client sends none, and sets a trace id of its own.
ADDED, REPLACED = "accept", "x-amzn-trace-id"
# Requests between two looks at what the stub recorded; it keeps a thousand.
BATCH = 200


class Stopped(Exception):
    """Carries a request that was stopped before its socket."""

    def __init__(self, request):
        super().__init__("stopped")
        self.request = request


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def ordered(query):
    """The encoded parameters by name: API Gateway hands them over as a map, so only repeated ones have an order."""
    return sorted(query.split("&"), key=lambda pair: pair.partition("=")[0])


def described(request):
    """A prepared request in the form of a record of the stub."""
    url = urllib.parse.urlsplit(request.url)
    headers = {name.lower(): text(value) for name, value in request.headers.items()}
    body = request.body
    if hasattr(body, "read"):
        body = body.read()
    return {
        "method": request.method,
        "host": url.netloc,
        "path": url.path or "/",
        "query": ordered(url.query),
        "headers": {name: value for name, value in headers.items() if name not in NOT_COMPARED},
        "body": text(body or b""),
    }


def recorded(record):
    path, _, query = record["target"].partition("?")
    headers = {name: ",".join(values) for name, values in record["headers"].items() if name not in NOT_COMPARED}
    kept = {name: record[name] for name in ("method", "host", "body")}
    return {**kept, "path": path, "query": ordered(query), "headers": headers}


def differences(expected, found, through_api_gateway):
    unequal = [name for name in ("method", "host", "path", "query", "body") if expected[name] != found[name]]
    for name in sorted(expected["headers"].keys() | found["headers"].keys()):
        wanted, got = expected["headers"].get(name), found["headers"].get(name)
        # AWS's servers take a missing length of an empty body for 0.
        same_length = name == "content-length" and {wanted, got} == {None, "0"}
        by_api_gateway = through_api_gateway and (name == REPLACED or (name == ADDED and wanted is None))
        if wanted != got and not same_length and not by_api_gateway:
            unequal.append(f"header {name}")
    shown = {**expected, **{f"header {name}": value for name, value in expected["headers"].items()}}
    seen = {**found, **{f"header {name}": value for name, value in found["headers"].items()}}
    return [f"{name}: {shown.get(name)!r} became {seen.get(name)!r}" for name in unequal]


def is_denial(error):
    """Whether the gateway itself said no: what Bedrock says has Bedrock's request id."""
    metadata = getattr(error, "response", {}).get("ResponseMetadata", {})
    return metadata.get("HTTPStatusCode") in (400, 403) and "x-bedrock-request-id" not in metadata["HTTPHeaders"]


def direct_client(family, region):
    client = boto3.client(
        family,
        region_name=region,
        aws_access_key_id="unused",
        aws_secret_access_key="unused",
        config=botocore.config.Config(
            signature_version="v4", retries={"total_max_attempts": 1}, ignore_configured_endpoint_urls=True
        ),
    )

    def stop(request, **_):
        raise Stopped(request)

    client.meta.events.register("before-send", stop)
    return client


class ThroughGateway:
    """A client of one family's mount that remembers its last request's id and its last answer's bytes."""

    def __init__(self, family, region, gateway):
        config = {"retries": {"total_max_attempts": 1}}
        # It gives a bearer token to HTTPS endpoints only.
        by_hand = family not in BEARER_IN_MODEL or gateway.startswith("http:")
        if by_hand:
            config["signature_version"] = botocore.UNSIGNED
        self.client = boto3.client(
            family, region_name=region, endpoint_url=f"{gateway}/{family}", config=botocore.config.Config(**config)
        )
        self.invocation, self.answer = None, None
        events = self.client.meta.events
        if by_hand:
            events.register("before-call", lambda params, **_: self.authorize(params))
        events.register("before-send", self.sent)
        events.register("before-parse", self.answered)

    @staticmethod
    def authorize(params):
        params["headers"]["Authorization"] = f"Bearer {os.environ[TOKEN]}"

    def sent(self, request, **_):
        self.invocation = text(request.headers[INVOCATION])

    def answered(self, response_dict, **_):
        body = response_dict["body"]
        self.answer = body if isinstance(body, bytes) else body.read()


class Run:
    """Sends everything and keeps count."""

    def __init__(self, given):
        self.given = given
        self.table = names.Table(given.names)
        self.operations, self.exact = 0, 0
        # Requests by class of operation.
        self.arrived, self.denied = collections.Counter(), collections.Counter()
        self.refused, self.wrong, self.unnamed, self.denials = [], [], [], []
        # By the SDK's id of the request: what it is, its class, and what must have arrived; None where nothing may have.
        self.waiting = {}

    def family(self, family):
        direct = direct_client(family, self.given.region)
        through = ThroughGateway(family, self.given.region, self.given.gateway)
        model = direct.meta.service_model
        methods = {name: method for method, name in direct.meta.method_to_api_mapping.items()}
        for name in model.operation_names:
            self.operations += 1
            operation = model.operation_model(name)
            kind, named = self.table.of(family, operation)
            try:
                for label, made in self.variants(operation, named):
                    self.one(f"{family}.{name} ({label})", kind, methods[name], made, direct, through)
            except parameters.Unbuildable as reason:
                self.refused.append(f"{family}.{name}: {reason}")
            self.unnamed.extend(f"{family}.{name}: {path}" for path in names.missing(named))
        self.compare()

    @staticmethod
    def variants(operation, named):
        """Parameters, and what they are. After the two of every operation: again all members, with other members of
        unions, as long as that brings a name that no request has had."""
        yield "required members", parameters.Builder(False, named).input_of(operation)
        yield "all members", parameters.Builder(True, named).input_of(operation)
        missing = names.missing(named)
        while missing:
            made = parameters.Builder(True, named).input_of(operation)
            if names.missing(named) == missing:
                return
            missing = names.missing(named)
            yield f"all members, {len(missing)} names to come", made

    def one(self, label, kind, method, made, direct, through):
        try:
            getattr(direct, method)(**made)
        except Stopped as stopped:
            expected = described(stopped.request)
        through.answer = None
        try:
            getattr(through.client, method)(**made)
        except Exception as error:  # Whatever it is, it is a difference.
            if self.given.names and is_denial(error):
                self.denied[kind] += 1
                self.denials.append(f"{label}, {kind}: {error}")
                self.waiting[through.invocation] = (label, kind, None)
            else:
                self.wrong.append(f"{label}: {type(error).__name__}: {error}")
            return
        if through.answer != self.given.answer.encode():
            self.wrong.append(f"{label}: the answer became {through.answer!r}")
        self.waiting[through.invocation] = (label, kind, expected)
        if len(self.waiting) >= BATCH:
            self.compare()

    def compare(self):
        """Looks up what the stub got, and lets it forget."""
        url = f"{self.given.stub}/_stub/requests"
        with urllib.request.urlopen(url) as response:
            records = json.load(response)
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()
        arrived = {record["headers"].get(INVOCATION, [None])[0]: record for record in records}
        for invocation, (label, kind, expected) in self.waiting.items():
            record = arrived.get(invocation)
            if expected is None:
                if record is not None:
                    self.wrong.append(f"{label}: it was denied and arrived all the same")
                continue
            if record is None:
                self.wrong.append(f"{label}: it did not arrive")
                continue
            found = differences(expected, recorded(record), self.given.through_api_gateway)
            if record["signature"] != "ok":
                found.append(f"signature: {record['signature']}: {record['refusal']}")
            self.wrong.extend(f"{label}: {difference}" for difference in found)
            self.exact += not found
            self.arrived[kind] += 1
        self.waiting = {}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--gateway", required=True, help="the gateway's URL, without a family")
    arguments.add_argument("--stub", required=True, help="URL of the Bedrock stub's control endpoints")
    arguments.add_argument("--region", required=True)
    arguments.add_argument("--answer", default='{"ok":true}', help="what the stub answers to every operation")
    arguments.add_argument("--through-api-gateway", action="store_true", help="API Gateway is on the way, or an emulator")
    arguments.add_argument("--names", help="file with what requests may name; rules may then deny an operation")
    arguments.add_argument("--family", action="append", choices=FAMILIES, help="only this family; may be repeated")
    arguments.add_argument("--show-denials", action="store_true", help="print what was denied, and the gateway's reason")
    given = arguments.parse_args()
    run = Run(given)
    for family in given.family or FAMILIES:
        run.family(family)
    for line in run.wrong + (run.denials if given.show_denials else []):
        print(line, file=sys.stderr)
    summary = {"botocore": botocore.__version__, "operations": run.operations, "exact": run.exact}
    by_class = {"arrived": run.arrived, "denied": run.denied, "unnamed": run.unnamed}
    print(json.dumps({**summary, **by_class, "wrong": len(run.wrong), "refused": run.refused}))
    sys.exit(1 if run.wrong else 0)


if __name__ == "__main__":
    main()
