"""``python -m tools.static_executor --output FILE``."""

import argparse
import sys
import tempfile
from pathlib import Path

from podexec import zipapp
from tools.static_executor import contents, debian, interpreter, psutil_source
from tools.static_executor.errors import BuildError


def build(output: Path) -> Path:
    """Write the executor to ``output``, replacing it in one move. Raises BuildError."""
    debian.require()
    source, psutil = debian.source(), psutil_source.source()
    entries = contents.archive(source, psutil)
    with tempfile.TemporaryDirectory() as scratch:
        linked = Path(scratch, "interpreter")
        interpreter.build(source.folder, psutil, linked)
        with zipapp.replacing(output) as file:
            file.write(linked.read_bytes())
            zipapp.write_archive(file, entries, contents.read_at_start(entries))
    return output


def main() -> int:
    """Build the executor as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.static_executor", description="Build the pod executor as one file that needs no Python."
    )
    place = Path("podexec/executor-x86_64")
    parser.add_argument("--output", type=Path, default=place, help="where to write it (default: %(default)s)")
    output = parser.parse_args().output
    try:
        build(output)
    except BuildError as error:
        sys.stderr.write(f"podexec: {error}\n")
        return 1
    sys.stdout.write(f"{output}: {output.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
