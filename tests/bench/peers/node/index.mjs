// The forwarder a competent user would write in Node.js: response streaming, kept connections, the SDK's signer with
// the native hash. It has no tenants, no rules and no meter.

import http from "node:http";
import https from "node:https";
import { pipeline } from "node:stream/promises";
import { Hash } from "@smithy/hash-node";
import { SignatureV4 } from "@smithy/signature-v4";

const upstream = new URL(process.env.BENCH_UPSTREAM);
const region = process.env.AWS_REGION;
const host = `bedrock-runtime.${region}.amazonaws.com`;
const transport = upstream.protocol === "https:" ? https : http;
// The upstream's own name, because Node.js would otherwise check its certificate against the Host header.
const agent = new transport.Agent({ keepAlive: true, servername: upstream.hostname });
const signer = new SignatureV4({
  credentials: {
    accessKeyId: process.env.AWS_ACCESS_KEY_ID,
    secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
    sessionToken: process.env.AWS_SESSION_TOKEN,
  },
  region,
  service: "bedrock",
  sha256: Hash.bind(null, "sha256"),
});

// Headers that are the connection's or the signer's.
const dropped = new Set([
  "authorization", "connection", "content-length", "host", "transfer-encoding", "accept-encoding",
  "x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-forwarded-for", "x-forwarded-port",
  "x-forwarded-proto",
]);

async function signed(event) {
  const headers = { host };
  for (const [name, values] of Object.entries(event.multiValueHeaders ?? {})) {
    const lower = name.toLowerCase();
    if (!dropped.has(lower)) headers[lower] = values.join(",");
  }
  return signer.sign({
    method: event.httpMethod,
    protocol: upstream.protocol,
    hostname: host,
    path: event.path.slice("/bedrock-runtime".length),
    query: event.multiValueQueryStringParameters ?? {},
    headers,
    body: event.isBase64Encoded ? Buffer.from(event.body, "base64") : Buffer.from(event.body ?? ""),
  });
}

function send({ method, path, query, headers, body }) {
  const search = new URLSearchParams(Object.entries(query).flatMap(([name, values]) => values.map((value) => [name, value])));
  const target = search.size ? `${path}?${search}` : path;
  return new Promise((resolve, reject) => {
    const options = { agent, method, path: target, host: upstream.hostname, port: upstream.port, headers };
    const request = transport.request(options, resolve);
    request.on("error", reject);
    request.end(body);
  });
}

export const handler = awslambda.streamifyResponse(async (event, responseStream) => {
  const response = await send(await signed(event));
  const { "content-length": _length, "transfer-encoding": _encoding, connection: _connection, ...headers } = response.headers;
  const out = awslambda.HttpResponseStream.from(responseStream, { statusCode: response.statusCode, headers });
  await pipeline(response, out);
});
