#!/usr/bin/env bash
# A hundred requests as one batch: submit a file, follow its progress, read the results.
set -euo pipefail
: "${GATEWAY:?is the address of the gateway}" "${KEY:?is an API key}"
MODEL=${MODEL:-gpt-5.4-mini}

questions() {
  for i in $(seq 100); do
    printf '{"custom_id":"q%d","method":"POST","url":"/v1/chat/completions","body":{"model":"%s","messages":[{"role":"user","content":"Question %d"}]}}\n' "$i" "$MODEL" "$i"
  done
}

# first_id PREFIX: the first ID of that kind in what is read.
first_id() { awk -v prefix="$1" 'match($0, prefix "[A-Za-z0-9]+") {print substr($0, RSTART, RLENGTH); exit}'; }

BATCH=$(questions | curl -sS --fail-with-body -H "Authorization: Bearer $KEY" "$GATEWAY/api/batches" -F 'file=@-;filename=questions.jsonl' | first_id batch_)
[ -n "$BATCH" ] || exit 1
echo "submitted $BATCH"

# Server-sent events from the beginning of the log, until this batch is completed.
curl -sSN -H "Authorization: Bearer $KEY" "$GATEWAY/api/events?last_event_id=0-0" |
  sed -un '/"'"$BATCH"'"/s/.*"status":"\([a-z_]*\)".*"progress":\([0-9.]*\).*/\1 \2/p; /^completed/q' || true

curl -sS --fail-with-body -H "Authorization: Bearer $KEY" "$GATEWAY/api/batches/$BATCH/results"
