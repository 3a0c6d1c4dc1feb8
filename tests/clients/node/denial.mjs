// One Converse call with the SDK's own retries, which ends in an error or does not: prints one line of JSON with the class
// of the error, the HTTP status and how many attempts the SDK made.
//
// Everything comes from the SDK's usual environment variables; see ../python/sdk.py.
import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime";

const modelId = process.argv[2];
const maxTokens = Number(process.argv[3]);

const client = new BedrockRuntimeClient();
let outcome;
try {
  const messages = [{ role: "user", content: [{ text: "Say hello." }] }];
  const answer = await client.send(new ConverseCommand({ modelId, messages, inferenceConfig: { maxTokens } }));
  outcome = { class: "ok", name: "ok", ...answer.$metadata };
} catch (error) {
  outcome = { class: error.constructor.name, name: error.name, message: error.message, ...error.$metadata };
} finally {
  client.destroy();
}
const { class: of, name, message, httpStatusCode: status, attempts } = outcome;
console.log(JSON.stringify({ class: of, name, message, status, attempts }));
