#!/bin/sh
# Make or renew .venv from the hash-locked requirements: `setup.sh run` for the program, `setup.sh dev` for its
# tests and tools as well. Called by the Makefile, which decides whether it is needed. Safe to repeat and to break off.
set -eu
cd "$(dirname "$0")/.."
level=${1:?say run or dev}
case $level in
run) locked=requirements.lock ;;
dev) locked=requirements-dev.lock ;;
*) echo "setup.sh: say run or dev, not $level" >&2; exit 2 ;;
esac

say() { printf '== %s\n' "$*"; }

# One at a time: two installers would spoil each other's work.
if command -v flock >/dev/null 2>&1; then
    exec 9<requirements.lock
    flock -n 9 || { say "Another set-up is running here; waiting for it"; flock 9; }
fi

# The first Python that works and is new enough; for the message of the preflight, the first that works at all.
python=
for each in "${PYTHON:-python3}" python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11; do
    "$each" -I -S -c '' >/dev/null 2>&1 || continue
    [ -n "$python" ] || python=$each
    if "$each" -I -S -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then python=$each; break; fi
done
if [ -z "$python" ]; then
    echo "There is no Python 3 here. On Debian or Ubuntu:" >&2
    echo "    sudo apt-get install python3 python3-venv python3-dev build-essential" >&2
    exit 1
fi

if ! .venv/bin/python -c 'import pip' >/dev/null 2>&1; then
    "$python" -I "scripts/preflight.py"
    say "Making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi
rm -f .venv/.stamp-run .venv/.stamp-dev
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
pip() { .venv/bin/python -m pip "$@"; }

say "Installing the build tools"
pip install --quiet --require-hashes -r requirements-build.lock

# uv is only a faster pip: where there is none for this machine, or it cannot do it, pip does the same more slowly.
faster=
if pip install --quiet --require-hashes --only-binary :all: -r requirements-uv.lock >/dev/null 2>&1; then
    faster=yes
fi

# uv does not read pip's settings: pass on those that say where packages come from.
setting() { pip config list 2>/dev/null | sed -n "s/^[^=]*\.$1='\(.*\)'\$/\1/p" | head -n 1; }
uv_install() {
    index=$(setting index-url) more=$(setting extra-index-url) links=$(setting find-links) cert=$(setting cert)
    [ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
    [ -z "$more" ] || export UV_INDEX="$more" UV_INDEX_STRATEGY=unsafe-best-match # every file has a known hash
    [ -z "$links" ] || export UV_FIND_LINKS="$links"
    [ -z "$cert" ] || export SSL_CERT_FILE="$cert"
    UV_LINK_MODE=copy UV_CACHE_DIR="${UV_CACHE_DIR:-$PWD/.venv/.uv-cache}" \
        .venv/bin/uv pip install --quiet --system-certs --python .venv/bin/python "$@"
}
install() {
    if [ -n "$faster" ]; then
        uv_install "$@" && return
        say "uv could not do it; trying with pip"
    fi
    pip install --quiet "$@"
}

say "Installing $(grep -c '^[a-z0-9]' "$locked") packages from $locked (the rules engine is compiled: up to a minute)"
install --require-hashes --no-build-isolation -r "$locked"
say "Installing Rooted itself"
install --no-deps --no-build-isolation -e .

touch .venv/.stamp-run
[ "$level" = run ] || touch .venv/.stamp-dev
rm -rf .venv/.uv-cache
say "Ready: .venv/bin/rooted"
