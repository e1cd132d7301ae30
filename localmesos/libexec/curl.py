"""curl, as agents call it to pull images (upstream: src/uri/fetchers/docker.cpp), and only with those arguments.

    curl --http1.1 -V
    curl -s -S -L -i --raw --http1.1 [-H HEADER]... -y SECONDS URL     a manifest: headers and body go to stdout
    curl -s -S -w FORMAT -o FILE [-H HEADER]... -y SECONDS URL         content: the status goes to stdout

What the agent gets is decided in localmesos/images/pulling.py. A problem goes to stderr, which the agent puts into the
message of the container.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from localmesos.images.errors import ImageError
from localmesos.images.formats import DOCKER_MANIFEST
from localmesos.images.pulling import VARIABLE, Puller, Settings, understand

REFUSED = 22  # curl's own exit status for an answer that is an error


def parser() -> argparse.ArgumentParser:
    """The arguments that agents use."""
    found = argparse.ArgumentParser(prog="curl", description=__doc__)
    for ignored in ("-s", "-S", "-L", "-i", "--raw", "--http1.1"):
        found.add_argument(ignored, action="store_true", dest="ignored")
    found.add_argument("-V", action="store_true", dest="version")
    found.add_argument("-w", dest="ignored_format")
    found.add_argument("-o", type=Path, dest="output")
    found.add_argument("-H", action="append", default=[], dest="headers")
    found.add_argument("-y", type=float, default=60.0, dest="stall_seconds")
    found.add_argument("url", nargs="?", default="")
    return found


def main() -> None:
    """Answer one request."""
    arguments = parser().parse_args()
    if arguments.version:
        return
    settings = Settings.load(os.environ[VARIABLE])
    headers = dict(header.partition(": ")[::2] for header in arguments.headers)
    puller = Puller(settings, headers.get("Authorization"), arguments.stall_seconds)
    try:
        request = understand(arguments.url, settings.registry)
        if arguments.output is not None:
            puller.save(request, arguments.output)
            sys.stdout.write("200\n")
            return
        manifest = puller.manifest(request)
    except (ImageError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(REFUSED)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {DOCKER_MANIFEST}\r\nContent-Length: {len(manifest)}\r\n\r\n"
    sys.stdout.buffer.write(head.encode() + manifest)


if __name__ == "__main__":
    main()
