// The AWS SDK for JavaScript: Converse and ConverseStream. It speaks HTTP/2 to this service; with AIGW_HTTP1=1 it is told
// not to, as an application has to where the endpoint offers HTTP/1.1 only. Reports as ../python/answer.py describes.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";

const manifest = createRequire(import.meta.url).resolve("@aws-sdk/client-bedrock-runtime/package.json");
const version = JSON.parse(readFileSync(manifest, "utf8")).version;
const request = {
  modelId: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
  messages: [{ role: "user", content: [{ text: "Explain in two sentences what an API gateway does." }] }],
};

const client = new BedrockRuntimeClient(
  process.env.AIGW_HTTP1 === "1" ? { requestHandler: new NodeHttpHandler() } : {},
);
const arrivalsMs = [];
let text = "";
const start = performance.now();
try {
  if (process.argv[2] === "stream") {
    for await (const event of (await client.send(new ConverseStreamCommand(request))).stream) {
      const piece = event.contentBlockDelta?.delta.text;
      if (piece !== undefined) {
        arrivalsMs.push(Math.round(performance.now() - start));
        text += piece;
      }
    }
  } else {
    text = (await client.send(new ConverseCommand(request))).output.message.content[0].text;
  }
  console.log(JSON.stringify({ client: "aws-sdk-js", version, text, arrivalsMs }));
} catch (error) {
  console.error(`${error.name}: ${error.message}`);
  process.exitCode = 1;
} finally {
  client.destroy();
}
