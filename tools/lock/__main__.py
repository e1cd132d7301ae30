"""Writes the lock anew.

    python -m tools.lock [--keep]

With `--keep`, versions stay as they are where setup.cfg allows them.
"""

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

from localmesos.package import pip_settings
from tools.lock.environment import python
from tools.lock.requirements import DEV, RUNTIME, oldest_python, wanted

_HEADER = "# Written by `make lock`, from the ranges in setup.cfg; read by pip --require-hashes.\n"


def write(*, keep: bool) -> None:
    """Write all files, or none if packages are missing or contradict each other. Raises CalledProcessError."""
    variables = dict(os.environ)
    for name, variable in (("index-url", "UV_DEFAULT_INDEX"), ("cert", "SSL_CERT_FILE")):
        if value := pip_settings().get(name):
            variables.setdefault(variable, value)
    command = [str(python()), "-I", "-m", "uv", "pip", "compile", "--quiet", "--no-config", "--no-header"]
    command += ["--no-annotate", "--generate-hashes", "--only-binary", ":all:"]
    command += ["--universal", "--python-version", oldest_python()]
    command += [] if keep else ["--upgrade"]
    with tempfile.TemporaryDirectory() as scratch:
        new = {}
        for file, requirements in wanted().items():
            new[file] = output = Path(scratch, file.name)
            if file.exists():
                output.write_text(file.read_text())
            further = ["--constraint", str(new[RUNTIME])] if file == DEV else []
            given = "".join(f"{line}\n" for line in requirements)
            subprocess.run(
                [*command, *further, "--output-file", str(output), "-"],
                input=given,
                text=True,
                env=variables,
                stdout=subprocess.DEVNULL,
                check=True,
            )
        for file, output in new.items():
            file.write_text(_HEADER + output.read_text())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tools.lock", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--keep", action="store_true", help="keep versions where setup.cfg allows them")
    write(keep=parser.parse_args().keep)
