#!/bin/sh
# Prints the present token, for tools that take a command instead of a credential, such as Claude Code's apiKeyHelper:
#
#   {"apiKeyHelper": "/opt/ai-gateway/print-token.sh"}      with ANTHROPIC_BASE_URL, not with CLAUDE_CODE_USE_BEDROCK
#
# With CLAUDE_CODE_USE_BEDROCK it reads AWS_BEARER_TOKEN_BEDROCK once at its start and asks no helper: start it as
#
#   AWS_BEARER_TOKEN_BEDROCK=$(print-token.sh) claude       good for as long as that token is
set -eu
tr -d '\n' <"${AI_GATEWAY_TOKEN_FILE:?is not set}"
echo
