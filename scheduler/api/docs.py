"""The API's documentation: ``/docs`` for people, ``/openapi.json`` for tools, ``/v2/schemas/pod`` for editors."""

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.api.errors import json_response
from scheduler.api.needs import any_caller
from scheduler.api.openapi import document
from scheduler.api.page import html
from scheduler.api.routes import route
from scheduler.model.jsonschema import definition_schema

_LOADS_NOTHING = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


def docs_routes(version: str) -> list[Route]:
    """The routes."""

    async def show_page(request: Request) -> Response:
        return Response(html(document(version)), media_type="text/html", headers=_LOADS_NOTHING)

    async def show_document(request: Request) -> Response:
        return json_response(document(version))

    async def show_definition(request: Request) -> Response:
        return Response(orjson.dumps(definition_schema()), media_type="application/schema+json")

    return [
        route("/docs", show_page, needs=any_caller),
        route("/openapi.json", show_document, needs=any_caller),
        route("/v2/schemas/pod", show_definition, needs=any_caller),
    ]
