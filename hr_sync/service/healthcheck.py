"""Requests `/healthz` of the service in this container: `python -m hr_sync.service.healthcheck`; exit 0 or 1.

Standard library only and few imports, since a container engine starts it every half minute.
"""

import http.client
import os
import sys

DEFAULT_PORT = 8080
TIMEOUT_SECONDS = 4


def main() -> int:
    """Ask `/healthz` on this machine, or the path that is given as the argument."""
    path = sys.argv[1] if len(sys.argv) > 1 else "/healthz"
    try:
        port = int(os.environ.get("HR_SYNC_SERVICE__PORT", DEFAULT_PORT))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        connection.request("GET", path)
        answer = connection.getresponse()
        sys.stdout.write(f"{path} {answer.status} {answer.read(500).decode(errors='replace')}\n")
    except (OSError, ValueError, http.client.HTTPException) as failure:
        sys.stdout.write(f"{path} {type(failure).__name__}\n")
        return 1
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
