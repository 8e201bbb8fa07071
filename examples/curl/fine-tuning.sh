#!/usr/bin/env bash
# A fine-tuning job: upload examples, wait until the new model has passed its smoke test, read the loss.
set -euo pipefail
: "${GATEWAY:?is the address of the gateway}" "${KEY:?is an API key}"
MODEL=${MODEL:-gpt-4.1-mini-2025-04-14}

lessons() {
  for i in $(seq 10); do
    printf '{"messages":[{"role":"user","content":"Question %d"},{"role":"assistant","content":"Ahoy! Answer %d."}]}\n' "$i" "$i"
  done
}

first_id() { awk -v prefix="$1" 'match($0, prefix "[A-Za-z0-9]+") {print substr($0, RSTART, RLENGTH); exit}'; }

JOB=$(lessons | curl -sS --fail-with-body -H "Authorization: Bearer $KEY" "$GATEWAY/api/fine-tuning/jobs" \
  -F model="$MODEL" -F suffix=pirate -F 'file=@-;filename=train.jsonl' | first_id ftjob-)
echo "submitted $JOB"

[ -n "$JOB" ] || exit 1

# Real jobs take from minutes to hours; the stand-in's take seconds.
for _ in $(seq "${TRIES:-100000}"); do
  STATE=$(curl -sS --fail-with-body -H "Authorization: Bearer $KEY" "$GATEWAY/api/fine-tuning/jobs/$JOB")
  case $STATE in
    *smoke_test*) echo "$STATE"; break ;;
    *'"status":"failed"'* | *'"status":"cancelled"'*) echo "$STATE"; exit 1 ;;
  esac
  sleep 1
done
curl -sS --fail-with-body -H "Authorization: Bearer $KEY" "$GATEWAY/api/fine-tuning/jobs/$JOB/metrics"
echo
