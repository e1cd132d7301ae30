"""``podexec cluster image``: images that pods on a local Mesos can use without a registry."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli import screen
from scheduler.cli.local_options import DEFAULT_NAME, Name, local_cluster
from scheduler.cli.look import TABLE, Output, View, Watch, look_of, show_local
from scheduler.cli.options import Json

if TYPE_CHECKING:
    from localmesos.images.store import Image

app = typer.Typer(name="image", help="Images that pods can use without a registry.", no_args_is_help=True)

Source = Annotated[
    Path,
    typer.Argument(
        metavar="PATH",
        exists=True,
        help="An archive of docker save or in OCI format, or the folder of an OCI layout.",
    ),
]


@app.command()
def add(
    source: Source,
    image: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Name of the image, e.g. nginx:1.", show_default="the archive's"),
    ] = None,
    name: Name = DEFAULT_NAME,
) -> None:
    """Add the images of an archive or folder; they take precedence over those of the registry."""
    with local_cluster(name) as cluster:
        for each in cluster.add_image(source, image, screen.tell):
            screen.say(each)


@app.command("list")
def list_images(name: Name = DEFAULT_NAME, form: Output = TABLE, watch: Watch = False, as_json: Json = False) -> None:
    """List the images that were added."""
    with local_cluster(name) as cluster:

        def read() -> View:
            images = cluster.images
            names = [image.name for image in images]
            return View([_as_json(image) for image in images], names, lambda _look: [_table(images)])

        show_local(look_of(form, as_json), read, watch=watch)


@app.command()
def remove(
    image: Annotated[str, typer.Argument(metavar="NAME", help="Name of the image, e.g. nginx:1.")],
    name: Name = DEFAULT_NAME,
) -> None:
    """Remove an image that was added; running containers keep it."""
    with local_cluster(name) as cluster:
        screen.say(cluster.remove_image(image, screen.tell))


def _table(images: "Iterable[Image]") -> screen.Grid:
    table = screen.Grid(("NAME", "DIGEST", "SIZE"), ruled=False)
    for image in images:
        table.add(image.name, image.manifest.digest, f"{image.size / 1e6:.1f} MB")
    return table


def _as_json(image: "Image") -> dict[str, object]:
    return {"name": image.name, "digest": image.manifest.digest, "size": image.size}
