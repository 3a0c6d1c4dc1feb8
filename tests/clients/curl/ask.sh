#!/bin/sh
# curl: Converse ("whole") or ConverseStream ("stream"). The body goes to standard output as it comes; standard error gets
# the class of an error and the status. Nothing signs: the credential is a bearer token.
set -eu
model=eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0
case $1 in
whole) operation=converse ;;
stream) operation=converse-stream ;;
*) exit 2 ;;
esac
# The credential is given on standard input, not in an argument that every process list shows.
printf 'header = "Authorization: Bearer %s"\n' "$AWS_BEARER_TOKEN_BEDROCK" |
    curl --config - --silent --show-error --no-buffer --fail-with-body \
        --write-out '%{stderr}%header{x-amzn-errortype}: %{http_code}\n' \
        --header 'Content-Type: application/json' \
        --data '{"messages": [{"role": "user", "content": [{"text": "Explain in two sentences what an API gateway does."}]}]}' \
        "$AWS_ENDPOINT_URL_BEDROCK_RUNTIME/model/$model/$operation"
