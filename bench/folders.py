"""The folder of a benchmark's stores and logs."""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def option_of_folder(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the folder."""
    parser.add_argument(
        "--folder", type=Path, help="folder for stores and logs, which are kept (default: a temporary folder)"
    )


@contextmanager
def folder_of(options: argparse.Namespace) -> Iterator[Path]:
    """The absolute path of the named folder, which is made if necessary, or of one that is removed afterwards."""
    if options.folder is None:
        with tempfile.TemporaryDirectory(prefix="podexec-bench-") as temporary:
            yield Path(temporary)
    else:
        options.folder.mkdir(parents=True, exist_ok=True)
        yield options.folder.absolute()
