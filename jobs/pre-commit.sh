#!/usr/bin/env bash
# Runs a command of this clone, in an environment that the first run makes of pins with hashes: pre-commit calls it.
set -euo pipefail

clone="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
make --silent -C "$clone" .venv/.local >&2
exec "$clone/.venv/bin/spark-model-monitor" "$@"
