"""The API's documentation: ``/docs`` for people, ``/openapi.json`` for tools, ``/v2/schemas/pod`` for editors."""

import orjson
from fastapi import APIRouter, Response

from scheduler.api.errors import json_response
from scheduler.api.openapi import document
from scheduler.api.page import html
from scheduler.api.requests import READING
from scheduler.model.jsonschema import definition_schema

_LOADS_NOTHING = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


def router(version: str) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)

    async def show_page() -> Response:
        return Response(html(document(version)), media_type="text/html", headers=_LOADS_NOTHING)

    async def show_document() -> Response:
        return json_response(document(version))

    async def show_definition() -> Response:
        return Response(orjson.dumps(definition_schema()), media_type="application/schema+json")

    routes.add_api_route("/docs", show_page, methods=READING)
    routes.add_api_route("/openapi.json", show_document, methods=READING)
    routes.add_api_route("/v2/schemas/pod", show_definition, methods=READING)
    return routes
