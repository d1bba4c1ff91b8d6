"""What was received against what a transcript says."""
import json
import re

PLACEHOLDER = re.compile(r"\$\{(?:(\w+):=)?([^{}]+)\}")
KINDS = {
    "any": re.compile(r".*", re.DOTALL),
    "text": re.compile(r".+", re.DOTALL),
    "count": re.compile(r"[0-9]+"),
    "uuid": re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    "time": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"),
    "sha256": re.compile(r"[0-9a-f]{64}"),
}


class Mismatch(Exception):
    """The other side did not do as written."""


class WrongTranscript(Exception):
    """The transcript cannot be understood."""


class Number(str):
    """A number as it was spelt: 1, 1.0 and 1e0 are three."""


def parse(text):
    return json.loads(text, parse_int=Number, parse_float=Number)


def show(value):
    """As JSON again; numbers as they were spelt."""
    if type(value) is Number:
        return str(value)
    if type(value) is dict:
        return "{" + ",".join(f"{json.dumps(name)}:{show(member)}" for name, member in value.items()) + "}"
    if type(value) is list:
        return "[" + ",".join(map(show, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def spread(tree, shapes):
    """`"...": "task"` in an object stands for the members of that shape which are not written."""
    if type(tree) is list:
        return [spread(element, shapes) for element in tree]
    if type(tree) is not dict:
        return tree
    written = {name: spread(member, shapes) for name, member in tree.items() if name != "..."}
    if "..." in tree:
        if tree["..."] not in shapes:
            raise WrongTranscript(f"there is no shape '{tree['...']}' in shapes.json")
        names = {name.rstrip("?") for name in written}
        shape = shapes[tree["..."]]
        written.update((name, member) for name, member in shape.items() if name.rstrip("?") not in names)
    return written


def match(expected, value, names, is_open=False, path=""):
    """Raises a Mismatch that tells the first place where `value` is not as written.

    `names` are the values that placeholders stand for; those that this message names are added. With `is_open`, objects
    may have members that are not written.
    """
    if type(expected) is str:
        _match_text(expected, value, names, path)
    elif type(expected) is not type(value):
        raise Mismatch(f"at '{path}': written {show(expected)}, came {show(value)}")
    elif type(expected) is dict:
        written = {name.rstrip("?"): name for name in expected}
        for name, spelling in written.items():
            if name not in value and not spelling.endswith("?"):
                raise Mismatch(f"at '{path}': the member '{name}' is missing")
        for name in value:
            if name not in written and not is_open:
                raise Mismatch(f"at '{path}': the member '{name}' is not written")
        for name, spelling in written.items():
            if name in value:
                match(expected[spelling], value[name], names, is_open, f"{path}/{name}")
    elif type(expected) is list:
        if len(expected) != len(value):
            raise Mismatch(f"at '{path}': written are {len(expected)} elements, came {len(value)}")
        for index, element in enumerate(expected):
            match(element, value[index], names, is_open, f"{path}/{index}")
    elif expected != value:
        raise Mismatch(f"at '{path}': written {show(expected)}, came {show(value)}")


def _match_text(expected, value, names, path):
    whole = PLACEHOLDER.fullmatch(expected)
    if whole:
        name, kind = whole.groups()
        fits = _fits(kind, value, names)
    elif type(value) is not str:
        fits = False
    elif "${" not in expected:
        name, fits = None, expected == value
    else:
        found = re.fullmatch(_pattern(expected, names), value, re.DOTALL)
        if found:
            names.update(found.groupdict())
        name, fits = None, found
    if not fits:
        known = f" ({show(names[whole[2]])})" if whole and whole[2] in names else ""
        raise Mismatch(f"at '{path}': written {show(expected)}{known}, came {show(value)}")
    if name:
        names[name] = value


def _fits(kind, value, names):
    if kind == "any":
        return True
    if kind == "count":
        return type(value) is Number and KINDS[kind].fullmatch(value)
    if kind in KINDS:
        return type(value) is str and KINDS[kind].fullmatch(value)
    if kind not in names:
        raise Mismatch(f"'{kind}' is no placeholder, and nothing was named so yet")
    return type(names[kind]) is type(value) and names[kind] == value


def _pattern(text, names):
    pattern, end = "", 0
    for found in PLACEHOLDER.finditer(text):
        name, kind = found.groups()
        if kind not in KINDS and kind not in names:
            raise Mismatch(f"'{kind}' is no placeholder, and nothing was named so yet")
        inner = KINDS[kind].pattern if kind in KINDS else re.escape(str(names[kind]))
        pattern += re.escape(text[end:found.start()]) + (f"(?P<{name}>{inner})" if name else f"(?:{inner})")
        end = found.end()
    return pattern + re.escape(text[end:])
