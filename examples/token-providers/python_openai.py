"""The OpenAI SDK with a token that is read from a file for every request.

The base URL comes from OPENAI_BASE_URL (the gateway's URL followed by /bedrock-runtime/openai/v1), the file from
AI_GATEWAY_TOKEN_FILE.
"""

import os
import pathlib

import openai


def read_token():
    return pathlib.Path(os.environ["AI_GATEWAY_TOKEN_FILE"]).read_text().strip()


# A function instead of a text: the SDK calls it before each request.
client = openai.OpenAI(api_key=read_token)

if __name__ == "__main__":
    answer = client.chat.completions.create(
        model=os.environ.get("MODEL", "openai.gpt-oss-120b-1:0"),
        messages=[{"role": "user", "content": "Explain in two sentences what an API gateway does."}],
    )
    print(answer.choices[0].message.content)
