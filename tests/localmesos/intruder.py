"""Sends one HTTP request and prints what came of it; run as a program, by any user, in any network.

    intruder.py HOST PORT [METHOD PATH [BODY]]

Prints "no connection: WHY", or "connected", or the status and the start of the body.
"""

import http.client
import sys

SECONDS = 2.0


def main(host: str, port: str, method: str = "", path: str = "", body: str = "") -> str:
    """What came of it."""
    connection = http.client.HTTPConnection(host, int(port), timeout=SECONDS)
    try:
        connection.connect()
    except OSError as error:
        return f"no connection: {error}"
    if not method:
        return "connected"
    connection.request(method, path, body or None, {"Content-Type": "application/json"} if body else {})
    answer = connection.getresponse()
    return f"{answer.status} {answer.read(200).decode(errors='replace')}"


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
