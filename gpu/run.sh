#!/usr/bin/env bash
# Reviews in a container with the GPU of this runner, and without it where Docker cannot.
#
# Everything comes in by variables, and goes into the container by name: IMAGE (built from this
# repository when it is empty), GPUS, MEMORY, MODELS, DATA, INPUT_* and what GitHub sets for each
# step.
set -euo pipefail

CANNOT_START=125 # of `docker run`, before the container could be started (Docker's reference)
readonly KEYS=" verdict mode score findings inline patch-coverage total-coverage report-json \
report-sarif report-markdown review-url "

# Copies the outputs that we know, one line each, with the paths as they are out here.
outputs() {
  local line key end value
  while IFS= read -r line; do
    [[ $line =~ ^([a-z-]+)'<<'(.+)$ ]] || continue
    key=${BASH_REMATCH[1]} end=${BASH_REMATCH[2]} value=
    while IFS= read -r line && [ "$line" != "$end" ]; do value+=${line//$'\r'/}; done
    [[ $KEYS == *" $key "* ]] && printf '%s=%s\n' "$key" "${value/#\/out\//$out/}"
  done <"$1"
  return 0
}

# A plain file that the container left. A link could lead anywhere on this runner.
left() { [ -f "$1" ] && [ ! -L "$1" ]; }

cd "$GITHUB_WORKSPACE"
out=$(realpath -m -- "${INPUT_OUTPUT:-$RUNNER_TEMP/reviewer}")
mkdir -p -- "$out"
user=$(id -u):$(id -g)
if [ "$(id -u)" = 0 ]; then
  # Root without capabilities could not write what belongs to others; nobody can, where it may.
  user=65534:65534
  chown "$user" "$out"
fi
step=$(mktemp -d "$RUNNER_TEMP/reviewer-step.XXXXXX")
trap 'rm -rf -- "$step"' EXIT
chmod 0777 "$step"

if [ -z "${IMAGE:-}" ]; then
  IMAGE=$(docker build --quiet --target gpu "$GITHUB_ACTION_PATH/..")
fi

container=(run --rm --user "$user" --cap-drop ALL --security-opt no-new-privileges
  --read-only --tmpfs "/tmp:rw,noexec,nosuid,size=2g"
  --tmpfs "/triton:rw,exec,nosuid,size=512m" -e TRITON_CACHE_DIR=/triton --pids-limit 512 --memory "${MEMORY:-24g}"
  --workdir / -v "$GITHUB_WORKSPACE:/github/workspace:ro" -v "$out:/out" -v "$step:/step"
  -v "$GITHUB_EVENT_PATH:/github/event.json:ro")
if [ -n "${MODELS:-}" ]; then
  container+=(-v "$(realpath -- "$MODELS"):/models:ro")
  export INPUT_ENGINE_MODEL_DIR="${INPUT_ENGINE_MODEL_DIR:-/models}"
fi
if [ -n "${DATA:-}" ]; then
  container+=(-v "$(realpath -- "$DATA"):/data" -e REVIEWER_DATA_DIR=/data)
fi
if [ -n "${INPUT_REPORT:-}" ]; then
  container+=(-v "$(realpath -- "$INPUT_REPORT"):/github/report.json:ro")
  export INPUT_REPORT=/github/report.json
fi
export INPUT_OUTPUT=/out
for name in "${!INPUT_@}" CI GITHUB_ACTIONS GITHUB_API_URL GITHUB_EVENT_NAME GITHUB_GRAPHQL_URL \
  GITHUB_REPOSITORY GITHUB_RUN_ATTEMPT GITHUB_RUN_ID GITHUB_SERVER_URL GITHUB_SHA \
  RUNNER_ENVIRONMENT; do
  container+=(-e "$name")
done
container+=(-e HOME=/tmp -e RUNNER_TEMP=/tmp -e GITHUB_WORKSPACE=/github/workspace
  -e GITHUB_EVENT_PATH=/github/event.json -e GITHUB_OUTPUT=/step/outputs
  -e GITHUB_STEP_SUMMARY=/step/summary)

code=0
docker "${container[@]}" --gpus "${GPUS:-all}" "$IMAGE" || code=$?
if [ "$code" = "$CANNOT_START" ]; then
  echo "::warning::Docker could not start the container with a GPU; reviewing without one"
  code=0
  docker "${container[@]}" "$IMAGE" || code=$?
fi
if [ "$code" = "$CANNOT_START" ]; then
  echo "::error::Docker could not start the container"
  code=2
fi
if left "$step/outputs"; then outputs "$step/outputs" >>"$GITHUB_OUTPUT"; fi
if left "$step/summary"; then cat -- "$step/summary" >>"$GITHUB_STEP_SUMMARY"; fi
exit "$code"
