#!/usr/bin/env bash
# A session from a terminal: open it, say something, change how it answers, stop the answer, end it.
set -euo pipefail
: "${GATEWAY:?is the address of the gateway}" "${KEY:?is an API key}"

# call METHOD PATH [BODY]: one request, its answer on a line of its own.
call() {
  curl -sS --fail-with-body -X "$1" -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \
    ${3:+-d "$3"} "$GATEWAY$2"
  echo
}

ID="hello-$RANDOM"
call POST /realtime/sessions '{"session_id":"'$ID'","config":{"instructions":"Be brief.","voice":"marin"}}'
call POST /realtime/sessions/$ID/message '{"text":"Tell me how the tides work, with an example, and take your time."}'
call PATCH /realtime/sessions/$ID '{"instructions":"Answer in French."}'
call POST /realtime/sessions/$ID/cancel || true # 409: the answer was already complete
call GET /realtime/sessions/$ID/items
call DELETE /realtime/sessions/$ID
