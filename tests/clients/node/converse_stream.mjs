// ConverseStream with the AWS SDK for JavaScript, which speaks HTTP/2: prints every chunk with the time it arrived, in
// milliseconds since the request was sent. The last line is a JSON summary for scripts.
//
// Everything comes from the SDK's usual environment variables; see ../python/sdk.py.
import { BedrockRuntimeClient, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";

const modelId = process.argv[2] ?? "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
const prompt = process.argv[3] ?? "Explain in two sentences what an API gateway does.";

const client = new BedrockRuntimeClient();
const arrivalsMs = [];
let stopReason, usage;
const start = performance.now();
try {
  const messages = [{ role: "user", content: [{ text: prompt }] }];
  const response = await client.send(new ConverseStreamCommand({ modelId, messages }));
  for await (const event of response.stream) {
    const milliseconds = Math.round(performance.now() - start);
    if (event.contentBlockDelta) {
      arrivalsMs.push(milliseconds);
      console.log(`${String(milliseconds).padStart(6)} ms  ${JSON.stringify(event.contentBlockDelta.delta.text ?? "")}`);
    } else if (event.messageStop) {
      stopReason = event.messageStop.stopReason;
    } else if (event.metadata) {
      usage = event.metadata.usage;
    }
  }
  console.log(JSON.stringify({ chunks: arrivalsMs.length, arrivalsMs, stopReason, usage }));
} catch (error) {
  console.error(`${error.name}: ${error.message}`);
  process.exitCode = 1;
} finally {
  client.destroy();
}
