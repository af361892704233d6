# shellcheck shell=sh
# Sourced: sets $uv to a uv of the pinned version, kept in .tools so that syncing .venv does not remove it.
uv_version=0.13.8
uv=.tools/bin/uv
if [ "$("$uv" --version 2>/dev/null | cut -d' ' -f2)" != "$uv_version" ]; then
    python=${PYTHON:-python3}
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "hr-sync needs Python 3.11 or newer; point PYTHON at one, e.g. PYTHON=python3.11 ./scripts/setup" >&2
        exit 78
    }
    "$python" -m venv --clear .tools
    .tools/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
fi
# Company proxies re-sign TLS: trust what the system trusts.
export UV_SYSTEM_CERTS=1
