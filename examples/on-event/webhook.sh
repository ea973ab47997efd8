#!/bin/sh
# For `hermes-reconcile watch --on-event /etc/hermes-reconcile/webhook.sh --event-user hermes`: sends what happened to a chat, as
# a POST of {"text": "..."}. The address stands in a file that this account alone can read. It needs curl and jq.
set -eu
url=$(cat "${WEBHOOK_FILE:-/etc/hermes-reconcile/webhook-url}")
jq -c '{text: (
    (if .profile then "gateway \(.profile): " else "" end)
    + .event
    + (if .detail then " (\(.detail))" else "" end)
    + ([.gateways[]? | "\n\(.operation) \(.profile)" + (if .error then ": \(.error)" else "" end)] | join(""))
    + ([.errors[]? | "\n\(.file // ""):\(.line // ""): \(.text)"] | join(""))
    + (if .dropped then "\n\(.dropped) events before this one were not told" else "" end)
  )}' | curl -fsS --max-time 20 -H 'Content-Type: application/json' --data-binary @- "$url"
