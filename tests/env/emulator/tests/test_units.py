"""Parts that need no running emulator."""

import subprocess
import sys
from datetime import date
from types import SimpleNamespace

import pytest
from aigw_emulator import events, function_env, policy, selfcheck
from aigw_emulator.custom_domains import best_mapping
from aigw_emulator.gateway_responses import header_value, render
from aigw_emulator.integration import read_prelude
from aigw_emulator.invoking import FunctionRef, statement_allows
from aigw_emulator.limits import TokenBuckets, UsageLedger, window_of
from aigw_emulator.openapi_import import warnings_of
from aigw_emulator.paging import Pager, paged
from aigw_emulator.policy import Decision
from aigw_emulator.stream import ResponseStream, StreamBroken

ARN = "arn:aws:execute-api:eu-central-1:1:abc/v1/POST/model/x"


def test_installed_localemu_fits():
    assert selfcheck.problems() == []


def test_selfcheck_names_what_is_missing_and_the_expected_version():
    needed = [
        selfcheck.Needed("localemu.no_such_module:thing"),
        selfcheck.Needed("localemu.services.edge:ROUTER.no_such_name"),
        selfcheck.Needed("localemu.runtime.server.twisted:TwistedRuntimeServer.register", ("no_such_parameter",)),
        selfcheck.Needed("localemu.services.edge:ROUTER.add"),
    ]
    with pytest.raises(selfcheck.IncompatibleLocalEmu) as error:
        selfcheck.check(needed)
    message = str(error.value)
    assert selfcheck.EXPECTED_VERSION in message and "\n" not in message
    assert "localemu.no_such_module:thing is missing" in message
    assert "ROUTER.no_such_name is missing" in message
    assert "register takes no no_such_parameter" in message
    assert "ROUTER.add" not in message


def test_a_plugin_that_does_not_fit_ends_the_process():
    script = (
        "from aigw_emulator import install, selfcheck\n"
        "selfcheck.check = lambda: (_ for _ in ()).throw(selfcheck.IncompatibleLocalEmu('x is missing'))\n"
        "install.install.fn() if hasattr(install.install, 'fn') else install.install()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert done.stderr.splitlines()[-1] == "aigw_emulator: x is missing"


def test_token_bucket_refills_and_obeys_changed_limits():
    now = [0.0]
    buckets = TokenBuckets(clock=lambda: now[0])
    take = lambda rate=1, burst=2: buckets.take("slot", rate, burst)  # noqa: E731
    assert [take(), take(), take()] == [True, True, False]
    now[0] = 1.5
    assert [take(), take()] == [True, False]
    now[0] = 100
    assert [take(), take(), take()] == [True, True, False]
    assert not take(rate=0, burst=0)
    assert buckets.take("other", 1, 1)


@pytest.mark.parametrize(
    ("period", "day", "window"),
    [
        ("DAY", date(2026, 3, 1), "2026-03-01"),
        ("MONTH", date(2026, 3, 31), "2026-03"),
        ("WEEK", date(2026, 3, 7), "2026-W09"),
        ("WEEK", date(2026, 3, 8), "2026-W10"),  # a Sunday starts a week
    ],
)
def test_quota_windows(period: str, day: date, window: str):
    assert window_of(period, day) == window


def test_ledger_spends_grants_and_starts_anew():
    today = [date(2026, 1, 31)]
    ledger = UsageLedger(today=lambda: today[0])
    spend = lambda: ledger.spend("p", "k", 2, "MONTH")  # noqa: E731
    assert [spend(), spend(), spend()] == [True, True, False]
    ledger.grant("p", "k", "MONTH", 1)
    assert [spend(), spend()] == [True, False]
    assert ledger.days("p", "k", date(2026, 1, 1), date(2026, 1, 31)) == [3]
    today[0] = date(2026, 2, 1)
    assert ledger.remaining("p", "k", 2, "MONTH") == 2
    assert spend()


@pytest.mark.parametrize(
    ("statements", "decision"),
    [
        ([("Allow", "execute-api:Invoke", "*")], Decision.ALLOW),
        ([("Allow", "execute-api:*", "arn:aws:execute-api:*:*:abc/v1/*/model/?")], Decision.ALLOW),
        ([("Allow", "execute-api:Invoke", "arn:aws:execute-api:*:*:other/*")], Decision.NONE),
        ([("Allow", "s3:*", "*")], Decision.NONE),
        ([("Allow", "*", "*"), ("Deny", "execute-api:invoke", [ARN])], Decision.DENY),
        ([], Decision.NONE),
    ],
)
def test_authorizer_policies(statements: list, decision: Decision):
    document = {"Statement": [{"Effect": e, "Action": a, "Resource": r} for e, a, r in statements]}
    assert policy.evaluate(document, ARN) is decision


def test_stream_ends_breaks_and_never_blocks_on_a_reader_that_left():
    stream = ResponseStream()
    stream.write(b"a")
    stream.fail(b"why")
    stream.finish()
    chunks = stream.read()
    assert next(chunks) == b"a"
    with pytest.raises(StreamBroken, match="why"):
        next(chunks)
    abandoned = ResponseStream()
    abandoned.close()
    abandoned.write(b"x" * 10_000_000)
    abandoned.finish()


def test_prelude():
    assert read_prelude(iter([b'{"statusCode"', b": 1}\0\0\0\0", b"\0\0\0\0rest"])) == ({"statusCode": 1}, b"rest")
    with pytest.raises(ValueError):
        read_prelude(iter([b"no delimiter"]))


def test_permission_statements():
    source = "arn:aws:execute-api:eu-central-1:1:abc/v1/POST/x"
    statement = {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:execute-api:*:1:abc/*"}}}
    assert statement_allows(statement, source)
    assert not statement_allows(statement, source.replace("abc", "abd"))
    assert not statement_allows({**statement, "Principal": {"Service": "s3.amazonaws.com"}}, source)
    assert statement_allows({"Effect": "Allow", "Principal": "*"}, source)


def test_function_uris():
    arn = "arn:aws:lambda:eu-central-1:111122223333:function:f"
    for date_, suffix in (("2015-03-31", "invocations"), ("2021-11-15", "response-streaming-invocations")):
        uri = f"arn:aws:apigateway:eu-central-1:lambda:path/{date_}/functions/{arn}:live/{suffix}"
        assert FunctionRef.from_uri(uri) == FunctionRef("eu-central-1", "111122223333", "f", "live")
    with pytest.raises(ValueError):
        FunctionRef.from_uri("http://example.com")


def test_gateway_response_templates():
    variables = {"error": {"message": "no", "messageString": 'a "b"'}, "requestId": "r1", "authorizer": {"tenant": "t"}}
    template = '{"m":$context.error.messageString,"n":"$context.error.message","r":"$context.requestId","t":"$context.authorizer.tenant","x":"$context.absent.y"}'
    assert render(template, variables, {}) == '{"m":"a \\"b\\"","n":"no","r":"r1","t":"t","x":""}'
    assert render("$context.absent.y $stageVariables.s", variables, {"s": "1"}, missing="-") == "- 1"
    context = SimpleNamespace(context_variables=variables, invocation_request={"headers": {"Origin": "o"}})
    assert [header_value(e, context) for e in ("'fixed'", "method.request.header.Origin", "context.requestId", "context.no")] == ["fixed", "o", "r1", None]


def test_header_values_keep_names_and_order():
    headers = [("X-A", "1"), ("x-a", "2"), ("Connection", "close"), ("b", "3")]
    assert events.multi_values(headers) == {"X-A": ["1", "2"], "b": ["3"]}
    assert events.single_values(headers) == {"X-A": "2", "b": "3"}


def test_function_environment_from_the_supervisor():
    function = {"AWS_ACCESS_KEY_ID": "role", "AWS_ENDPOINT_URL": "http://emulator", "LOCALEMU_HOSTNAME": "x", "EDGE_PORT": "1", "SIZE": 128, "NONE": None}
    host = {"PATH": "/bin", "SECRET_OF_HOST": "s", "AIGW_FUNCTION_ACCESS_KEY_ID": "111122223333", "AIGW_FUNCTION_ENV_SSL_CERT_FILE": "/ca", "AIGW_EMULATOR_FUNCTION_ENDPOINT": "http://proxy"}
    assert function_env.build(function, host) == {"PATH": "/bin", "AWS_ACCESS_KEY_ID": "111122223333", "AWS_ENDPOINT_URL": "http://proxy", "SIZE": "128", "SSL_CERT_FILE": "/ca"}


def test_import_warnings():
    operation = {"security": [{"known": []}, {"unknown": []}]}
    document = {"components": {"securitySchemes": {"known": {}}}, "paths": {"/x": {"get": operation, "parameters": []}}}
    unknown, no_integration = warnings_of(document)
    assert "'unknown'" in unknown and "'GET'" in unknown and "No integration" in no_integration


def test_base_path_mappings():
    mappings = [{"basePath": "(none)", "id": 0}, {"basePath": "llm", "id": 1}, {"basePath": "llm/v2", "id": 2}]
    found = lambda path: (best_mapping(mappings, path) or {}).get("id")  # noqa: E731
    assert [found(p) for p in ("/x", "/llm", "/llm/a", "/llm/v2/a", "/llmx")] == [0, 1, 1, 2, 0]
    assert best_mapping(mappings[1:], "/x") is None


def test_pages_survive_a_deletion():
    pager, items = Pager(), [{"id": str(n)} for n in range(5)]
    page, position = pager.page(items, 2, None)
    assert [item["id"] for item in page] == ["0", "1"]
    rest, end = pager.page([item for item in items if item["id"] != "1"], 25, position)
    assert [item["id"] for item in rest] == ["2", "3", "4"] and end is None


def test_lists_that_localemu_cuts_itself_are_followed_to_their_end():
    cut = {None: (["a", "b"], "2"), "2": (["c"], None)}

    def operation(_self, _context, position=None):
        ids, following = cut[position]
        return {"items": [{"id": id} for id in ids], "position": following}

    answer = paged(operation, Pager())(None, None, limit=500)
    assert [item["id"] for item in answer["items"]] == ["a", "b", "c"] and "position" not in answer
