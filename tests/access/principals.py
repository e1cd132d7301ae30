"""Principals files for tests."""

import json
from pathlib import Path
from typing import Any

from scheduler.access import tokens
from scheduler.model.json import Json


def token_record(token: str, name: str = "default", expires: str | None = None) -> Json:
    """A token as the file has it."""
    return {"name": name, "sha256": tokens.digest(token), **({} if expires is None else {"expires": expires})}


def rule(subject: str, path: str, role: str | None = "operate", **more: Any) -> Json:
    """A rule for one subject and path."""
    return {"subjects": [subject], "paths": [path], **({} if role is None else {"role": role}), **more}


def write(file: Path, users: Json, *rules: Json) -> Path:
    """Put a file in place, at once."""
    new = file.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(json.dumps({"users": users, "rules": list(rules)}))
    return new.replace(file)
