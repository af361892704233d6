#!/bin/sh
# Starts one command of hr-sync, or `serve` without one: `docker run IMAGE check`, `docker run IMAGE --help`. `exec` hands
# the process over, so that hr-sync is process 1 and gets SIGTERM itself; unknown commands are refused by hr-sync.
set -eu
[ "$#" -gt 0 ] || set -- serve
exec hr-sync "$@"
