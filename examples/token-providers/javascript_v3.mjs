// The AWS SDK for JavaScript v3 with a token that is read from a file again whenever it is about to expire.
//
// The endpoint comes from AWS_ENDPOINT_URL_BEDROCK_RUNTIME, the file from AI_GATEWAY_TOKEN_FILE.

import { readFile } from "node:fs/promises";

import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime";

const readToken = async () => {
  const token = (await readFile(process.env.AI_GATEWAY_TOKEN_FILE, "utf8")).trim();
  const claims = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
  // The SDK asks again five minutes before this time.
  return { token, expiration: new Date(claims.exp * 1000) };
};

const client = new BedrockRuntimeClient({ token: readToken, authSchemePreference: ["httpBearerAuth"] });

const answer = await client.send(
  new ConverseCommand({
    modelId: process.env.MODEL ?? "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
    messages: [{ role: "user", content: [{ text: "Explain in two sentences what an API gateway does." }] }],
  }),
);
console.log(answer.output.message.content[0].text);
