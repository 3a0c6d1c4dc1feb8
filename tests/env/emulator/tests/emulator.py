"""Starts the emulator exactly as README.md says, and ends it whatever happens."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

REGION = "eu-central-1"
START_SECONDS = 90
LOCALEMU = Path(sys.executable).with_name("localemu")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Emulator:
    process: subprocess.Popen[bytes]
    port: int
    state: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str, account: str, connections: int = 10) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=account,
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60, max_pool_connections=connections),
        )

    def log(self) -> str:
        return (self.state / "emulator.log").read_text(errors="replace")

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the emulator ended with {self.process.returncode}:\n{self.log()[-3000:]}")
            try:
                with urllib.request.urlopen(f"{self.url}/_aigw/health", timeout=5) as answer:
                    if json.load(answer)["status"] == "ready":
                        return
            except (OSError, urllib.error.URLError):
                pass
            time.sleep(0.1)
        raise AssertionError(f"the emulator was not ready after {START_SECONDS} s:\n{self.log()[-3000:]}")

    def stop(self) -> None:
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, how)
            except ProcessLookupError:
                pass
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                continue
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def start(state: Path, **extra: str) -> Emulator:
    """`extra` are more environment variables of the emulator."""
    for directory in ("home", "tmp"):
        (state / directory).mkdir(parents=True, exist_ok=True)
    port = free_port()
    env = {
        "PATH": os.environ["PATH"],
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "GATEWAY_SERVER": "aigw-loopback",
        "LAMBDA_RUNTIME_EXECUTOR": "aigw-process",
        "DNS_ADDRESS": "0",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "FILESYSTEM_ROOT": str(state),
        "HOME": str(state / "home"),
        "TMPDIR": str(state / "tmp"),
        **extra,
    }
    with open(state / "emulator.log", "wb") as log:
        process = subprocess.Popen(
            [str(LOCALEMU), "start"], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    emulator = Emulator(process, port, state)
    try:
        emulator.wait_ready()
    except BaseException:
        emulator.stop()
        raise
    return emulator
