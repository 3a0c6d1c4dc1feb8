"""The whole path in one run: charts, gateway, tenants, streamed answers, limits, suspension, change, deletion.

Runs inside an instance of the local environment (`aigw-env run`), whose variables it finds in its own environment. Every
step prints the commands and their real output. Exit code 0 only if every check held.
"""

import argparse
import base64
import contextlib
import json
import os
import platform
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "aigw-system"
# Where the operator reaches AWS, if its cluster has a network of its own; else it is a process of this machine.
OWN_NETWORK = os.environ.get("AIGW_OPERATOR_AWS_ENDPOINT_URL")
# The authority of the gateways' certificate, where the operator finds it. Without one, an operator in a network of its own is
# taken not to reach the gateways' URL.
CA_FILE = os.environ.get("AIGW_OPERATOR_CA_FILE") or (None if OWN_NETWORK else os.environ.get("AWS_CA_BUNDLE"))
GATEWAY = ["aigw/prod", "-n", "ai-platform"]
SEARCH = ["aitn/search", "-n", "team-search"]
ADS = ["aitn/ads", "-n", "team-ads"]
QUICKSTART = "examples/quickstart"

# Generous: two busy cores are ten times slower than two idle ones.
READY = "--timeout=180s"
PATIENCE_SECONDS = 60
# A call that asks for 240 tokens of output reserves about USD 0.0065 and uses 0.0001, so some fit.
BUDGET_USD = "0.007"
# A buffered stream arrives within a few milliseconds; the stub pauses 150 ms between chunks.
SPREAD_MS = 200
# After the change is in place, so that calls through the new deployment count as well.
AFTERWARDS_SECONDS = 3

COLOUR = sys.stdout.isatty()


class Failed(Exception):
    """A check did not hold, or a command that must succeed failed."""


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def say(text=""):
    print(text, flush=True)


def run(*command, env=None, stdin=None, quiet=False, may_fail=False, shown=None):
    """Runs a command, prints it and its output as it comes, returns (exit code, output)."""
    words = [str(word) for word in command]
    if not quiet:
        say(paint(36, f"$ {shown or shlex.join(words)}"))
    # Without a shell: nothing in an argument can be taken for more than an argument.
    process = subprocess.Popen(
        words, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
    )  # fmt: skip
    lines = []
    try:
        if stdin is not None:
            process.stdin.write(stdin)
            process.stdin.close()
        for line in process.stdout:
            lines.append(line)
            if not quiet:
                say(f"  {line.rstrip()}")
        code = process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    output = "".join(lines)
    if code and not may_fail:
        if quiet:
            say(f"$ {shlex.join(words)}\n{output}")
        raise Failed(f"exit code {code} from: {shown or shlex.join(words[:4])}")
    return code, output


def kubectl(*arguments, **options):
    return run("kubectl", *arguments, **options)


def get(*arguments):
    return json.loads(kubectl("get", *arguments, "-o", "json", quiet=True)[1])


def last_json(output):
    """The summary line that the client programs end with."""
    return json.loads(output.strip().splitlines()[-1])


def check(what, holds):
    say(f"  {paint(32, '✓') if holds else paint(31, '✗')} {what}")
    if not holds:
        raise Failed(what)


def eventually(what, probe):
    """Probes until it gives something true; says how long that took."""
    start = time.monotonic()
    while True:
        found = probe()
        elapsed = time.monotonic() - start
        if found:
            check(f"{what} (after {elapsed:.1f} s)", True)
            return found
        if elapsed > PATIENCE_SECONDS:
            check(f"{what} (not within {PATIENCE_SECONDS} s)", False)
        time.sleep(0.5)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client:
    """A tenant's application: SDK programs with the Secret's variables, the CA and the Region, and nothing else."""

    def __init__(self, clients, home, tenant, namespace):
        self.clients, self.home = clients, home
        self.tenant, self.namespace = tenant, namespace
        self.secret = {}

    def read_secret(self):
        data = get("secret", f"ai-gateway-{self.tenant}", "-n", self.namespace)["data"]
        self.secret = {name: base64.b64decode(value).decode() for name, value in data.items()}
        return self.secret

    def environment(self):
        kept = ["PATH", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"]
        return {
            **{name: os.environ[name] for name in kept},
            # An empty home: no profile of the person who runs this. No metadata service: it is not on loopback.
            "HOME": str(self.home),
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.secret,
        }

    def command(self, program, *arguments):
        if program.endswith(".mjs"):
            return ["node", "--no-warnings", str(self.clients / "node" / program), *arguments]
        return [str(self.clients / "venv/bin/python"), f"tests/clients/python/{program}", *arguments]

    def run(self, program, *arguments, **options):
        command = self.command(program, *arguments)
        runtime = "node" if program.endswith(".mjs") else "python"
        shown = f"[{self.tenant}] {shlex.join([runtime, program, *arguments])}"
        return run(*command, env=self.environment(), shown=shown, **options)

    @contextlib.contextmanager
    def steady(self):
        """Calls without pause in the background; yields a dictionary that holds the summary afterwards."""
        say(paint(36, f"$ [{self.tenant}] python steady.py   (in the background)"))
        process = subprocess.Popen(
            self.command("steady.py"), cwd=ROOT, env=self.environment(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        summary = {}
        try:
            if not any(line.strip() == "running" for line in process.stderr):
                raise Failed("steady.py made no successful call")
            yield summary
            # Closes its standard input, which is what it waits for.
            output, _ = process.communicate(timeout=PATIENCE_SECONDS)
            summary.update(last_json(output))
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


class Demo:
    def __init__(self, clients, home, values):
        self.values = values
        self.search = Client(clients, home, "search", "team-search")
        self.ads = Client(clients, home, "ads", "team-ads")
        self.clients = clients

    def inventory(self):
        python = self.clients / "venv/bin/python"
        return json.loads(run(python, "tests/clients/python/inventory.py", quiet=True)[1])

    def show_inventory(self):
        say(paint(36, "$ python inventory.py   (counts)"))
        counts = self.inventory()["counts"]
        say("  " + ", ".join(f"{kind} {count}" for kind, count in counts.items()))
        return counts

    # --- steps, in order ---

    def install(self):
        """Install both charts with Helm"""
        run("helm", "install", "aigw-crds", "charts/aigw-crds", "-n", NAMESPACE, "--create-namespace", "--wait")
        names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
        # On a cluster IAM roles do this; here any credentials do, and the key id is the emulator's account.
        variables = [{"name": name, "value": os.environ[name]} for name in names]
        variables.append({"name": "AWS_EC2_METADATA_DISABLED", "value": "true"})
        if CA_FILE:
            # The gateway's certificate is of an authority of its own, and the operator calls it as clients do.
            variables.append({"name": "SSL_CERT_FILE", "value": CA_FILE})
        # In a cluster of its own network the operator reaches AWS elsewhere than the programs here.
        endpoint = OWN_NETWORK or os.environ["AWS_ENDPOINT_URL"]
        template = os.environ["AIGW_GATEWAY_URL"].rstrip("/") + "/{restApiId}/{stage}"
        run(
            "helm", "install", "aigw-operator", "charts/aigw-operator", "-n", NAMESPACE,
            *(word for file in self.values for word in ("--values", file)),
            "--set", f"httpPort={free_port()}",
            "--set", f"aws.region={os.environ['AWS_REGION']}",
            "--set-literal", f"aws.endpointUrl={endpoint}",
            "--set-literal", f"aws.endpointUrlTemplate={template}",
            "--set-json", f"extraEnv={json.dumps(variables)}",
            "--wait", "--timeout", "120s",
        )  # fmt: skip
        kubectl("get", "pods", "-n", NAMESPACE)

    def apply(self):
        """Apply the examples: one gateway, two tenants in their own namespaces"""
        architecture = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
        patch = f"tests/demo/gateway-{architecture}.yaml"
        kubectl("apply", "-f", f"{QUICKSTART}/1-namespaces.yaml")
        source = f"{QUICKSTART}/2-gateway.yaml"
        edit = ["patch", "--local", "-f", source, "--type=merge", f"--patch-file={patch}", "-o=yaml"]
        gateway = kubectl(*edit, quiet=True)[1]
        kubectl("apply", "-f", "-", stdin=gateway, shown=f"kubectl {shlex.join(edit)} | kubectl apply -f -")
        if not CA_FILE:
            # Whether calls go through is then shown by the clients below only.
            report = '{"spec": {"probe": {"mode": "Report"}}}'
            kubectl("patch", "aigw/prod", "-n", "ai-platform", "--type=merge", "-p", report)
        for tenant in ("3-tenant-search", "4-tenant-ads"):
            kubectl("apply", "-f", f"{QUICKSTART}/{tenant}.yaml")

    def wait_ready(self):
        """Wait until gateway and tenants are Ready"""
        for each in (GATEWAY, SEARCH, ADS):
            kubectl("wait", *each, "--for=condition=Ready", READY)
        kubectl("get", "aigw,aitn", "-A")
        self.show_inventory()

    def secret(self):
        """What a tenant's workload gets: the variables of its Secret"""
        kubectl("get", "secret", "ai-gateway-search", "-n", "team-search")
        for name, value in self.search.read_secret().items():
            # Enough to recognize it, too little to use it.
            say(f"  {name}={value[:30] + '…' if 'TOKEN' in name else value}")
        self.ads.read_secret()
        expected = {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL_BEDROCK", "AWS_BEARER_TOKEN_BEDROCK"}
        check("exactly the three variables AWS SDKs need", set(self.search.secret) == expected)

    def converse(self):
        """boto3: converse"""
        self.search.run("converse.py")

    def converse_stream(self):
        """boto3: converse_stream, with the arrival time of each chunk"""
        self.check_spread(self.search.run("converse_stream.py")[1])

    def invoke_model(self):
        """boto3: invoke_model"""
        self.search.run("invoke_model.py")

    def javascript(self):
        """AWS SDK for JavaScript (HTTP/2): ConverseStream"""
        self.check_spread(self.search.run("converse_stream.mjs")[1])

    @staticmethod
    def check_spread(output):
        arrivals = last_json(output)["arrivalsMs"]
        spread = arrivals[-1] - arrivals[0] if arrivals else 0
        check(f"{len(arrivals)} chunks arrived spread over {spread} ms", len(arrivals) > 2 and spread >= SPREAD_MS)

    def rate_limit(self):
        """The tenant of tier trial (1 request/s, burst 2) hits its limit while the other goes on"""
        outputs = {}

        def burst(client):
            outputs[client.tenant] = client.run("burst.py", "--calls", "12", quiet=True, may_fail=True)[1]

        threads = [threading.Thread(target=burst, args=(client,)) for client in (self.ads, self.search)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for tenant, output in outputs.items():
            say(paint(36, f"$ [{tenant}] python burst.py --calls 12   (both at once)"))
            for line in output.strip().splitlines():
                say(f"  {line}")
        ads, search = (last_json(outputs[tenant])["outcomes"] for tenant in ("ads", "search"))
        limited = {"ok", "ThrottlingException"}
        check("ads: some calls answered, the others refused with ThrottlingException", set(ads) == limited)
        check("search: every call answered", set(search) == {"ok"})

    def budget(self):
        """Give a tenant a budget for the day: calls are denied before it is overspent; take it away: answered"""
        kubectl("patch", *SEARCH, "--type=merge", "-p", json.dumps({"spec": {"budgets": [{"window": "Day", "usd": BUDGET_USD}]}}))
        kubectl("wait", *SEARCH, "--for=condition=WithinBudget", READY)
        output = self.search.run("burst.py", "--calls", "60", "--parallel", "1", "--max-tokens", "240")[1]
        outcomes = last_json(output)["outcomes"]
        check("some calls answered, the others denied", set(outcomes) == {"ok", "AccessDeniedException"})
        usage = last_json(self.search.run("usage.py")[1])
        day = next(window for window in usage["windows"] if window["window"] == "Day")
        check(f"USD {day['used']} of {day['limit']} used", float(day["used"]) <= float(BUDGET_USD))
        kubectl("patch", *SEARCH, "--type=merge", "-p", '{"spec":{"budgets":null}}')
        eventually("answered again", lambda: self.quiet_converse(self.search)[0] == 0)

    def suspend(self):
        """Suspend a tenant: its next call is denied; resume it: answered"""
        kubectl("patch", *ADS, "--type=merge", "-p", '{"spec":{"suspend":true}}')
        kubectl("wait", *ADS, "--for=condition=Suspended", READY)
        denied = "AccessDeniedException"
        eventually(f"denied with {denied}", lambda: denied in self.quiet_converse(self.ads)[1])
        self.ads.run("converse.py", may_fail=True)
        kubectl("get", *ADS)
        kubectl("patch", *ADS, "--type=merge", "-p", '{"spec":{"suspend":false}}')
        kubectl("wait", *ADS, "--for=condition=Suspended=False", READY)
        eventually("answered again", lambda: self.quiet_converse(self.ads)[0] == 0)

    @staticmethod
    def quiet_converse(client):
        return client.run("converse.py", quiet=True, may_fail=True)

    def change(self):
        """Change the gateway: a new deployment, and no failed call of a client running meanwhile"""

        def deployment():
            return get(*GATEWAY)["status"]["stages"][0]["deploymentId"]

        before = deployment()
        with self.search.steady() as summary:
            families = {"spec": {"bedrock": {"families": ["bedrock-runtime", "bedrock-agent-runtime"]}}}
            kubectl("patch", *GATEWAY, "--type=merge", "-p", json.dumps(families))
            kubectl("wait", *GATEWAY, "--for=condition=Ready", READY)
            eventually("the stage serves another deployment", lambda: deployment() != before)
            say(f"  deployment {before} → {deployment()}")
            time.sleep(AFTERWARDS_SECONDS)
        say(f"  {json.dumps(summary)}")
        check(f"{summary['total']} calls meanwhile, {summary['failed']} failed", summary["failed"] == 0)

    def delete(self):
        """Delete tenants and gateway: AWS holds nothing of ours"""
        self.show_inventory()
        kubectl("delete", "-f", f"{QUICKSTART}/3-tenant-search.yaml", "-f", f"{QUICKSTART}/4-tenant-ads.yaml", READY)
        kubectl("delete", *GATEWAY, READY)
        secrets = kubectl("get", "secrets", "-A", "-l", "app.kubernetes.io/managed-by=aigw-operator", "-o", "name")[1]
        check("no Secret of ours is left", not secrets.startswith("secret/"))
        counts = self.show_inventory()
        check("nothing of ours is left in AWS", not any(counts.values()))
        run("helm", "uninstall", "aigw-operator", "-n", NAMESPACE, "--wait")

    STEPS = (
        install, apply, wait_ready, secret, converse, converse_stream, invoke_model, javascript,
        rate_limit, budget, suspend, change, delete,
    )  # fmt: skip


def explain():
    """What a person would look at first after a failure."""
    say(paint(33, "\n--- state at the failure"))
    kubectl("get", "aigw,aitn", "-A", "-o", "wide", may_fail=True)
    kubectl("get", "pods", "-n", NAMESPACE, may_fail=True)
    logs = Path(os.environ["AIGW_ENV_DIR"]) / "logs"
    for log in sorted(logs.glob("*operator*")):
        say(paint(33, f"--- last lines of {log.name}"))
        for line in log.read_text(errors="replace").splitlines()[-15:]:
            say(f"  {line}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--clients", type=Path, required=True, help="where tests/clients/setup.sh put the SDKs")
    arguments.add_argument("--values", action="append", help="values of chart aigw-operator; may be repeated")
    given = arguments.parse_args()
    needed = ("KUBECONFIG", "AWS_ENDPOINT_URL", "AIGW_GATEWAY_URL", "AIGW_ENV_DIR")
    missing = [name for name in needed if name not in os.environ]
    if missing:
        sys.exit(f"demo: {', '.join(missing)} not set; run this through 'make demo' or 'aigw-env run -- …'")

    results, failed = [], None
    # Inside the instance's folder, which goes with the instance.
    with tempfile.TemporaryDirectory(prefix="home-", dir=os.environ["AIGW_ENV_DIR"]) as home:
        demo = Demo(given.clients.resolve(), home, given.values or ["tests/demo/values.yaml"])
        for number, step in enumerate(Demo.STEPS, 1):
            if failed:
                results.append(("–", None, step.__doc__))
                continue
            say(paint(1, f"\n━━ {number}. {step.__doc__}"))
            start = time.monotonic()
            try:
                step(demo)
                mark = "✓"
            except (Failed, OSError, KeyError, IndexError, ValueError, subprocess.SubprocessError) as error:
                failed = f"{type(error).__name__}: {error}" if not isinstance(error, Failed) else str(error)
                mark = "✗"
                say(paint(31, f"  ✗ {failed}"))
            results.append((mark, time.monotonic() - start, step.__doc__))
        if failed:
            explain()

    say(paint(1, "\n━━ Summary"))
    for number, (mark, seconds, title) in enumerate(results, 1):
        took = f"{seconds:6.1f} s" if seconds is not None else " not run"
        say(f"  {mark} {took}  {number:2}. {title}")
    total = sum(seconds for _, seconds, _ in results if seconds is not None)
    say(f"  {total:8.1f} s in all")
    sys.exit(1 if failed else 0)


def interrupt(*_):
    raise KeyboardInterrupt


if __name__ == "__main__":
    # As Ctrl-C: children are ended first.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        main()
    except KeyboardInterrupt:
        say("\ndemo: interrupted")
        sys.exit(130)
