"""LangChain's chat model for Bedrock's Converse API, which uses boto3 underneath."""

import importlib.metadata

import langchain_aws

import answer
import sdk

stream = answer.streamed()
result = answer.Answer("langchain-aws", importlib.metadata.version("langchain-aws"))
with sdk.plain_errors():
    model = langchain_aws.ChatBedrockConverse(model=answer.MODEL)
    if stream:
        for chunk in model.stream(answer.PROMPT):
            for block in chunk.content if isinstance(chunk.content, list) else []:
                if block.get("text"):
                    result.piece(block["text"])
    else:
        result.whole(model.invoke(answer.PROMPT).text)
result.print()
