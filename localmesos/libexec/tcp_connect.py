"""mesos-tcp-connect --ip=IP --port=PORT: exits with 0 if a TCP connection succeeds (an executor's TCP check)."""

from __future__ import annotations

import argparse
import socket
import sys

TIMEOUT_SECONDS = 30


def main() -> None:
    """Connect once, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ip", required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    try:
        socket.create_connection((arguments.ip, arguments.port), timeout=TIMEOUT_SECONDS).close()
    except OSError as error:
        sys.exit(f"TCP connection to {arguments.ip}:{arguments.port} failed: {error}")
    sys.stdout.write("Successfully established TCP connection\n")


if __name__ == "__main__":
    main()
