#!/bin/sh
# Starts one command of hr-sync. `exec` hands the process over, so that hr-sync is process 1 and gets SIGTERM itself.
set -eu

usage() {
    cat <<'TEXT'
usage: entrypoint.sh [COMMAND [OPTION...]]

  serve      stay up and mirror on a schedule (default)
  run        mirror once and exit (cron, CronJob)
  resync     fetch pages again: --page, --space, --failed, --all
  init-db | migrate | check | status | pages | verify | explain | changes | purge | config

COMMAND --help tells the options of each.
TEXT
}

case ${1-serve} in
    serve | run | resync | init-db | migrate | check | status | pages | verify | explain | changes | purge | config)
        [ "$#" -gt 0 ] || set -- serve
        exec hr-sync "$@"
        ;;
    -h | --help | help)
        usage
        ;;
    *)
        printf 'entrypoint.sh: unknown command: %s\n' "$1" >&2
        usage >&2
        exit 2
        ;;
esac
