"""A real nginx that serves a scheduler below a path, as docs/api.md configures it."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from localmesos.apt import SEARCH_PATH
from tests.cluster.support import HTTP, wait_for
from tests.ports import free_port

PREFIX = "/service/podexec/"
_CONFIGURATION = """
daemon off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; "" close; }}
    server {{
        listen 127.0.0.1:{port};
        location {prefix} {{
            proxy_pass http://{target}/;
            proxy_http_version 1.1;
            proxy_buffering off;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, target: str) -> Iterator[str]:
    """The ``host:port`` of an nginx before a ``target``, also ``host:port``."""
    program = shutil.which("nginx", path=SEARCH_PATH)
    assert program is not None, "nginx is missing: python -P -m localmesos.apt --install --with nginx"
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder, port=port, prefix=PREFIX, target=target))
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(configuration)])
    try:
        wait_for("nginx answers", lambda: _answers(port) or process.poll() is not None)
        assert process.poll() is None, (folder / "error.log").read_text()
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    with contextlib.suppress(Exception):
        return HTTP.get(f"http://127.0.0.1:{port}/").status_code == 404
    return False
