"""Messages against the JSON Schemas of their protocol."""
import json
import pathlib

from .matching import Mismatch

FOLDER = pathlib.Path(__file__).resolve().parent.parent.parent / "schemas"


class Schemas:
    """The definitions of one file. Without the file every message passes; `is_there` tells."""

    def __init__(self, name):
        path = FOLDER / name
        self.is_there = path.exists()
        self._definitions = json.loads(path.read_text())["$defs"] if self.is_there else {}
        self._validators = {}

    def check(self, name, value):
        """Raises a Mismatch unless `value` is what the definition `name` says; `value` is of plain JSON types."""
        if not self.is_there:
            return
        if name not in self._validators:
            import jsonschema
            if name not in self._definitions:
                raise Mismatch(f"the schemas have no '{name}'")
            schema = {"$defs": self._definitions, "$ref": f"#/$defs/{name}"}
            self._validators[name] = jsonschema.Draft202012Validator(schema)
        errors = sorted(self._validators[name].iter_errors(value), key=lambda error: len(error.path), reverse=True)
        if errors:
            where, what = errors[0].json_path, errors[0].message
            raise Mismatch(f"not a {name} by the schema: {what} at {where} in {json.dumps(value)}")
