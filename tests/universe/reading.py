"""Our own reading of what DC/OS wants of a package: Cosmos' package and configuration, and Marathon's app.

Members that Cosmos or Marathon does not know are refused by them, so they are refused here too.
"""

from typing import Any

import jsonschema_rs

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_TEXTS: Json = {"type": "array", "items": _TEXT}
_DIGEST: Json = {
    "type": "object",
    "properties": {"algo": {"enum": ["sha256"]}, "value": _TEXT},
    "required": ["algo", "value"],
    "additionalProperties": False,
}
_BINARY: Json = {
    "type": "object",
    "properties": {
        "url": _TEXT,
        "kind": {"enum": ["executable", "zip"]},
        "contentHash": {"type": "array", "items": _DIGEST, "minItems": 1},
    },
    "required": ["url", "kind", "contentHash"],
    "additionalProperties": False,
}
_RESOURCE: Json = {
    "type": "object",
    "properties": {
        "assets": {
            "type": "object",
            "properties": {"uris": {"type": "object", "additionalProperties": _TEXT}, "container": {"type": "object"}},
            "additionalProperties": False,
        },
        "images": {"type": "object"},
        "cli": {
            "type": "object",
            "properties": {"binaries": {"type": "object", "additionalProperties": {"properties": {"x86-64": _BINARY}}}},
        },
    },
    "additionalProperties": False,
}
_VERSION = r"^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*$"
_PACKAGE: Json = {
    "type": "object",
    "properties": {
        "packagingVersion": {"enum": ["4.0", "5.0"]},
        "name": {"type": "string", "pattern": "^[a-z][a-z0-9-]*[a-z0-9]$"},
        "version": {"type": "string", "pattern": "^[-a-zA-Z0-9.]+$"},
        "releaseVersion": {"type": "integer", "minimum": 0},
        "minDcosReleaseVersion": {"type": "string", "pattern": _VERSION},
        "maintainer": _TEXT,
        "description": _TEXT,
        "website": _TEXT,
        "scm": _TEXT,
        "tags": {"type": "array", "items": {"type": "string", "pattern": r"^[^\s]+$"}},
        "framework": {"type": "boolean"},
        "selected": {"type": "boolean"},
        "upgradesFrom": _TEXTS,
        "downgradesTo": _TEXTS,
        "preInstallNotes": _TEXT,
        "postInstallNotes": _TEXT,
        "postUninstallNotes": _TEXT,
        "licenses": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": _TEXT, "url": {"type": "string", "pattern": "^https?://"}},
                "required": ["name", "url"],
                "additionalProperties": False,
            },
        },
        "config": {"type": "object"},
        "resource": _RESOURCE,
        "marathon": {
            "type": "object",
            "properties": {"v2AppMustacheTemplate": {"type": "string", "pattern": "^[A-Za-z0-9+/]+={0,2}$"}},
            "required": ["v2AppMustacheTemplate"],
            "additionalProperties": False,
        },
    },
    "required": [
        *("packagingVersion", "name", "version", "releaseVersion", "minDcosReleaseVersion", "maintainer"),
        *("description", "tags", "upgradesFrom", "downgradesTo", "marathon"),
    ],
    "additionalProperties": False,
}
REPOSITORY: Json = {
    "type": "object",
    "properties": {"packages": {"type": "array", "items": _PACKAGE}},
    "required": ["packages"],
    "additionalProperties": False,
}

_VOLUME: Json = {
    "oneOf": [
        {
            "type": "object",
            "properties": {"containerPath": _TEXT, "secret": _TEXT},
            "required": ["containerPath", "secret"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {
                "containerPath": _TEXT,
                "mode": {"enum": ["RW"]},
                "persistent": {
                    "type": "object",
                    "properties": {"type": {"enum": ["root"]}, "size": {"type": "integer", "minimum": 1}},
                    "required": ["size"],
                    "additionalProperties": False,
                },
            },
            "required": ["containerPath", "mode", "persistent"],
            "additionalProperties": False,
        },
    ]
}
_HEALTH_CHECK: Json = {
    "type": "object",
    "properties": {
        "protocol": {"enum": ["MESOS_HTTP"]},
        "path": {"type": "string", "pattern": "^/"},
        "portIndex": {"type": "integer"},
        **{
            name: {"type": "integer", "minimum": 1}
            for name in ("gracePeriodSeconds", "intervalSeconds", "timeoutSeconds", "maxConsecutiveFailures")
        },
    },
    "required": ["protocol"],
    "additionalProperties": False,
}
APP: Json = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^/?([a-z0-9]([a-z0-9-]*[a-z0-9])?/?)+$"},
        "cpus": {"type": "number", "minimum": 0},
        "mem": {"type": "number", "minimum": 0},
        "disk": {"type": "number", "minimum": 0},
        "instances": {"const": 1},
        "user": {"type": "string", "minLength": 1},
        "cmd": {"type": "string", "minLength": 1},
        "fetch": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"uri": _TEXT, "extract": {"type": "boolean"}, "cache": {"type": "boolean"}},
                "required": ["uri"],
                "additionalProperties": False,
            },
        },
        "constraints": {"type": "array", "items": {"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 3}},
        "container": {
            "type": "object",
            "properties": {"type": {"enum": ["MESOS"]}, "volumes": {"type": "array", "items": _VOLUME}},
            "additionalProperties": False,
        },
        # Marathon wants both of a resident app.
        "residency": {"type": "object", "properties": {"taskLostBehavior": {"enum": ["WAIT_FOREVER"]}}},
        "upgradeStrategy": {
            "type": "object",
            "properties": {"minimumHealthCapacity": {"const": 0}, "maximumOverCapacity": {"const": 0}},
            "required": ["minimumHealthCapacity", "maximumOverCapacity"],
        },
        "secrets": {
            "type": "object",
            "additionalProperties": {"type": "object", "properties": {"source": _TEXT}, "required": ["source"]},
        },
        "env": {"type": "object", "additionalProperties": _TEXT},
        "labels": {"type": "object", "additionalProperties": _TEXT},
        "networks": {"const": [{"mode": "host"}]},
        "portDefinitions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"port": {"type": "integer"}, "protocol": {"enum": ["tcp"]}, "name": _TEXT},
                "additionalProperties": False,
            },
        },
        "healthChecks": {"type": "array", "items": _HEALTH_CHECK},
    },
    "required": ["id", "cpus", "mem", "instances", "cmd", "upgradeStrategy"],
    "additionalProperties": False,
}


def faults(schema: Json, value: Any) -> list[str]:
    """What is wrong with a value, with the path of each fault."""
    validator = jsonschema_rs.validator_for(schema)
    return [f"{'/'.join(map(str, each.instance_path))}: {each.message}" for each in validator.iter_errors(value)]


def defaults(schema: Json) -> Json:
    """The options that Cosmos uses where the user gives none."""
    found: Json = {}
    for name, each in schema["properties"].items():
        if each["type"] == "object":
            found[name] = defaults(each)
        elif "default" in each:
            found[name] = each["default"]
    return found
