#!/usr/bin/env python3
"""Checks protocol/openrpc.json and protocol/schemas/native.json, and values of the wire against them.

    check.py document OPENRPC   the document against OpenRPC 1.4, and its examples against its own schemas
    check.py values NATIVE      lines {"definition": NAME, "value": VALUE} of stdin against definitions of the schemas

Says what is wrong, a line each. Exit codes: 0 nothing is, 1 something is. Needs jsonschema 4.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Iterator

from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match

META_SCHEMA = json.loads((Path(__file__).resolve().parent / "openrpc-1.4.json").read_text(encoding="utf-8"))
COMMON_KEYWORDS = set(
    "type properties required additionalProperties enum const minLength maxLength minimum maximum items oneOf anyOf "
    "pattern format description $ref".split()
)


def faults(validator: Any, value: Any, where: str) -> Iterator[str]:
    error = best_match(validator.iter_errors(value))
    if error:
        yield f"{where}: {error.message} at {error.json_path}"


def subschemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *schema.get("oneOf", [])]
    if "items" in schema:
        inner.append(schema["items"])
    for one in inner:
        yield from subschemas(one)


def schema_faults(schema: dict[str, Any], where: str) -> Iterator[str]:
    for validator in (Draft7Validator, Draft202012Validator):
        try:
            validator.check_schema(schema)
        except SchemaError as error:
            yield f"{where}: {error.message}"
    for one in subschemas(schema):
        for keyword in one.keys() - COMMON_KEYWORDS:
            yield f"{where}: '{keyword}' is not among the keywords that both drafts have alike"


def resolve(document: dict[str, Any], reference: str) -> bool:
    place: Any = document
    for name in reference.removeprefix("#/").split("/"):
        if not isinstance(place, dict) or name not in place:
            return False
        place = place[name]
    return reference.startswith("#/")


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for element in value:
            yield from references(element)


def example_faults(document: dict[str, Any], method: dict[str, Any]) -> Iterator[str]:
    def against(schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
        # Beside the components, so that references find them. Siblings of a reference count from 2019-09 on.
        yield from faults(Draft202012Validator({**schema, "components": document["components"]}), value, where)

    schemas = {param["name"]: param["schema"] for param in method["params"]}
    if not method.get("examples"):
        yield f"{method['name']}: has no example"
    for example in method.get("examples", []):
        where = f"{method['name']}, '{example['name']}'"
        given = [param["name"] for param in example["params"]]
        for param in example["params"]:
            if param["name"] not in schemas:
                yield f"{where}: gives '{param['name']}', which is no param"
            else:
                yield from against(schemas[param["name"]], param["value"], f"{where}, {param['name']}")
        for param in method["params"]:
            if param["required"] and param["name"] not in given:
                yield f"{where}: '{param['name']}' is missing"
        choice = method.get("x-exactly-one-of")
        if choice and len(set(choice) & set(given)) != 1:
            yield f"{where}: not exactly one of {choice}"
        yield from against(method["result"]["schema"], example["result"]["value"], f"{where}, result")


def document_faults(document: dict[str, Any]) -> Iterator[str]:
    Draft7Validator.check_schema(META_SCHEMA)
    yield from faults(Draft7Validator(META_SCHEMA), document, "document")
    for reference in references(document):
        if not resolve(document, reference):
            yield f"'{reference}' refers to nothing"
    names = [method["name"] for method in document["methods"]]
    if len(set(names)) != len(names):
        yield "a method stands there twice"
    for name, schema in document["components"]["schemas"].items():
        yield from schema_faults(schema, name)
    for method in document["methods"]:
        if "result" not in method:
            yield f"{method['name']}: has no result"
        required = [param.get("required", False) for param in method["params"]]
        if required != sorted(required, reverse=True):
            yield f"{method['name']}: an optional param stands before a required one"
        for descriptor in [*method["params"], method["result"]]:
            yield from schema_faults(descriptor["schema"], f"{method['name']}, {descriptor['name']}")
        yield from example_faults(document, method)


def value_faults(schemas: dict[str, Any], lines: Iterator[str]) -> Iterator[str]:
    Draft202012Validator.check_schema(schemas)
    for line in lines:
        asked = json.loads(line)
        if asked["definition"] not in schemas["$defs"]:
            yield f"there is no definition '{asked['definition']}'"
            continue
        validator = Draft202012Validator(
            {"$ref": f"#/$defs/{asked['definition']}", "$defs": schemas["$defs"]},
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )
        yield from faults(validator, asked["value"], f"{asked['definition']} {json.dumps(asked['value'])}")


def main(arguments: list[str]) -> int:
    task, file = arguments
    content = json.loads(Path(file).read_text(encoding="utf-8"))
    found = list(document_faults(content) if task == "document" else value_faults(content, sys.stdin))
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
