#!/usr/bin/env bash
# Uploads files, waits until they can be searched, asks a question and prints the answer with its citations.  Needs curl and jq.
#
#   examples/clients/ask.sh "Who books business trips for us?" examples/company/documents/intranet/*.html
#
# WIDENET_URL (http://127.0.0.1:8080) and WIDENET_API_KEY (none) say where the server is and how to get in.
set -euo pipefail

server=${WIDENET_URL:-http://127.0.0.1:8080}
if [ $# -lt 2 ]; then
  echo "usage: ask.sh QUESTION FILE..." >&2
  exit 2
fi
question=$1
shift

call() {  # PATH [CURL OPTION ...]: the reply, or the server's message on stderr
  local path=$1 reply
  shift
  reply=$(curl -sS ${WIDENET_API_KEY:+-H "Authorization: Bearer $WIDENET_API_KEY"} "$@" "$server$path")
  if jq -e 'has("error") and .error != null' <<<"$reply" >/dev/null; then
    jq -r '"ask.sh: " + .error.message' <<<"$reply" >&2
    return 1
  fi
  printf '%s\n' "$reply"
}

post() {  # PATH JSON [CURL OPTION ...]
  local path=$1 body=$2
  shift 2
  call "$path" -H 'Content-Type: application/json' -d "$body" "$@"
}

ids=()
for file in "$@"; do
  ids+=("$(call /v1/files -F purpose=user_data -F "file=@$file" | jq -r .id)")
done
store=$(post /v1/vector_stores "$(jq -n --args '{name: "ask.sh \(now | floor)", file_ids: $ARGS.positional}' "${ids[@]}")" | jq -r .id)

while reply=$(call "/v1/vector_stores/$store") && [ "$(jq .file_counts.in_progress <<<"$reply")" -gt 0 ]; do
  jq -r '.file_counts | "\(.completed) of \(.total) files are ready"' <<<"$reply" >&2
  sleep 1
done
call "/v1/vector_stores/$store/files?filter=failed&limit=1000" | jq -r '.data[] | "failed: \(.id): \(.last_error.message)"' >&2

# The answer as it is written: server-sent events, one line "data: {...}" each.
jq -n --arg question "$question" --arg store "$store" '{question: $question, vector_store_ids: [$store], stream: true}' |
  curl -sSN ${WIDENET_API_KEY:+-H "Authorization: Bearer $WIDENET_API_KEY"} -H 'Content-Type: application/json' -d @- "$server/v1/ask" |
  sed -nu -e 's/^data: //p' -e '/^{"error"/p' | # a refusal is plain JSON, not events
  jq -rj --unbuffered '
    if .type == "delta" then .text
    elif .type == "citation" then "[" + .citation.title + (if .citation.page then ", page \(.citation.page)" else "" end) + "] " + .citation.quote + "\n"
    elif .type == "done" then "\n\(.usage.prompt_tokens) tokens read (\(.usage.cached_tokens) from the cache), mode \(.mode)\n"
    elif .type == "error" or has("error") then "\nfailed: \((.error // .).message)\n"
    else empty end'

call "/v1/vector_stores/$store" -X DELETE >/dev/null
for id in "${ids[@]}"; do call "/v1/files/$id" -X DELETE >/dev/null; done
