"""Makes the emulated AWS of this container reachable from other pods.

Everything of the local environment listens on loopback only, because whoever reaches the emulator can run code. Inside a
pod loopback ends at the pod, so this forwards two fixed ports to it: the AWS endpoint and the gateways' TLS front. Started
by `aigw-env run --no-kube -- …`, in whose variables it finds where those are. Ends when it is told to.
"""

import argparse
import asyncio
import os
import shutil
import signal
import sys
from urllib.parse import urlsplit

CHUNK = 64 * 1024


async def pass_on(reader, writer):
    try:
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except (ConnectionError, OSError):
        writer.close()


def towards(target):
    async def connect(reader, writer):
        try:
            there, back = await asyncio.open_connection(target.hostname, target.port)
        except OSError as error:
            print(f"expose: {target.netloc}: {error}", file=sys.stderr, flush=True)
            writer.close()
            return
        await asyncio.gather(pass_on(reader, back), pass_on(there, writer))
        back.close()
        writer.close()

    return connect


async def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--address", required=True, help="0.0.0.0 in a pod of its own; loopback everywhere else")
    arguments.add_argument("--aws-port", type=int, required=True)
    arguments.add_argument("--gateway-port", type=int, required=True)
    arguments.add_argument("--authority", required=True, help="file to copy the certificate authority of the front to")
    given = arguments.parse_args()
    shutil.copyfile(os.environ["AWS_CA_BUNDLE"], given.authority)
    ports = {given.aws_port: "AWS_ENDPOINT_URL", given.gateway_port: "AIGW_GATEWAY_URL"}
    for port, variable in ports.items():
        target = urlsplit(os.environ[variable])
        await asyncio.start_server(towards(target), given.address, port)
        print(f"expose: {given.address}:{port} → {target.netloc} ({variable})", flush=True)
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    await end.wait()


asyncio.run(main())
