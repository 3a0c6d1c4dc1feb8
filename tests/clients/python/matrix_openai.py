"""The OpenAI SDK: Chat Completions. OPENAI_BASE_URL and OPENAI_API_KEY are all it is given."""

import openai

import answer

stream = answer.streamed()
client = openai.OpenAI()
result = answer.Answer("openai", openai.__version__)
with answer.plain_errors(openai.OpenAIError):
    messages = [{"role": "user", "content": answer.PROMPT}]
    reply = client.chat.completions.create(model="openai.gpt-oss-120b-1:0", messages=messages, stream=stream)
    if stream:
        for chunk in reply:
            for choice in chunk.choices:
                if choice.delta.content:
                    result.piece(choice.delta.content)
    else:
        result.whole(reply.choices[0].message.content)
result.print()
