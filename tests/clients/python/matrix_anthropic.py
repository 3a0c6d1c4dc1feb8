"""Anthropic's client for Bedrock: Messages. ANTHROPIC_BEDROCK_BASE_URL and AWS_BEARER_TOKEN_BEDROCK are all it is given."""

import anthropic

import answer

stream = answer.streamed()
client = anthropic.AnthropicBedrock()
result = answer.Answer("anthropic", anthropic.__version__)
with answer.plain_errors(anthropic.AnthropicError):
    messages = [{"role": "user", "content": answer.PROMPT}]
    request = {"model": answer.MODEL, "max_tokens": 256, "messages": messages}
    if stream:
        for event in client.messages.create(stream=True, **request):
            if event.type == "content_block_delta":
                result.piece(event.delta.text)
    else:
        result.whole(client.messages.create(**request).content[0].text)
result.print()
