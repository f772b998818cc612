#!/usr/bin/env bash
set -euo pipefail

readonly target=${1:?usage: backup.sh FOLDER}

log() {
    local text
    text=$(date)
    printf '%s %s\n' "$text" "$*" >&2
}

cd "$(dirname "$0")" || exit
if [[ -d $target ]]; then
    tar -czf "backup-$(date +%F).tar.gz" -- "$target"
    log "saved $target"
fi
