"""Atlassian's API documents and recorded answers, where they lie beside the clone; they are no part of the project."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

FIXTURES = Path(__file__).parents[2].parent / "shared" / "fixtures"
PLAIN_KEYWORDS = ("type", "enum", "format", "minimum", "maximum", "required")
REFERENCE = re.compile(r'"#/components/schemas/([^"]+)"')
QUOTED = re.compile(r"'([^']+)'")

Schema = dict[str, Any]


def fixture(path: str) -> Any:
    """Return the parsed JSON file; skip the test, with the reason, where the folder is not there."""
    file = FIXTURES / path
    if not file.exists():
        pytest.skip(f"needs {path} beside the clone (Atlassian's documents and recorded answers are not shipped)")
    return json.loads(file.read_text(encoding="utf-8"))


def deviations(document: Any, api: Schema, path: str, *, method: str = "get") -> set[str]:
    """Return how an answer differs from what the API document says of `path`: "place: problem" for each difference.

    Stricter than the document: a member that it does not declare is a difference too.
    """
    schema = api["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
    declared = api["components"]["schemas"]
    strict = _strict(schema, declared)
    components: Schema = {}
    wanted = _referred(strict)
    while wanted:
        name = wanted.pop()
        components[name] = _strict(declared[name], declared)
        wanted |= _referred(components[name]) - set(components)
    validator = Draft202012Validator({**strict, "components": {"schemas": components}})
    return {line for error in validator.iter_errors(document) for line in _lines(error)}


def _lines(error: Any) -> Iterator[str]:
    place = "".join("[]" if isinstance(part, int) else f".{part}" for part in error.absolute_path).lstrip(".")
    if error.validator in ("unevaluatedProperties", "additionalProperties"):
        for name in QUOTED.findall(error.message):
            yield f"{place}.{name}: not declared".lstrip(".")
    elif error.validator == "required":
        yield f"{place}: without {QUOTED.findall(error.message)[0]}"
    else:
        yield f"{place}: {error.validator} {json.dumps(error.instance)[:60]}"


def _referred(schema: Schema) -> set[str]:
    return set(REFERENCE.findall(json.dumps(schema)))


def _strict(schema: Any, declared: Schema) -> Any:
    """OpenAPI 3.0 to JSON Schema 2020-12: `nullable` becomes a type, declared objects take nothing else."""
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    if "allOf" in schema and len(schema["allOf"]) == 1:
        alone = _strict(schema["allOf"][0], declared)
        return {"anyOf": [alone, {"type": "null"}]} if schema.get("nullable") else alone
    if "allOf" in schema:
        return _strict(_merged(schema, declared), declared)
    kept = {name: schema[name] for name in PLAIN_KEYWORDS if name in schema}
    if schema.get("nullable") and "type" in kept:
        kept["type"] = [kept["type"], "null"]
        if "enum" in kept:
            kept["enum"] = [*kept["enum"], None]
    return {**kept, **_strict_parts(schema, declared)}


def _strict_parts(schema: Schema, declared: Schema) -> Schema:
    kept: Schema = {}
    if "properties" in schema:
        kept["properties"] = {name: _strict(part, declared) for name, part in schema["properties"].items()}
    if "items" in schema:
        kept["items"] = _strict(schema["items"], declared)
    for name in ("oneOf", "anyOf"):
        if name in schema:
            kept[name] = [_strict(part, declared) for part in schema[name]]
    further = schema.get("additionalProperties")
    if isinstance(further, dict):
        kept["additionalProperties"] = _strict(further, declared)
    elif "properties" in schema and not further:
        kept["additionalProperties"] = False
    return kept


def _merged(schema: Schema, declared: Schema) -> Schema:
    """Return the parts of an `allOf` as one object; what two parts declare is merged in turn."""
    properties: Schema = {}
    for part in schema["allOf"]:
        resolved = declared[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        for name, inner in resolved.get("properties", {}).items():
            properties[name] = {"allOf": [properties[name], inner]} if name in properties else inner
    return {"type": "object", "properties": properties}
