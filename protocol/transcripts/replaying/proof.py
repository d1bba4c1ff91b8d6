"""Whether a transcript would notice: every change of what it says by one character or one type must be a mismatch."""
from .matching import PLACEHOLDER, Mismatch, Number, match, show


def survivors(expected, received, names, is_open):
    """How many changes were tried, and those with which `received` still is as written."""
    tried, left = 0, []
    for place, changed in changes(expected, received, is_open):
        tried += 1
        try:
            match(changed, received, dict(names), is_open)
            left.append(place)
        except Mismatch:
            pass
    return tried, left


def changes(tree, received, is_open, path=""):
    """Every `(place, changed tree)`. An optional member that did not come can show nothing."""
    if type(tree) is dict:
        for name, member in tree.items():
            bare = name.rstrip("?")
            if bare not in received:
                continue
            if bare == name or not is_open:
                others = {other: value for other, value in tree.items() if other != name}
                for changed in spellings(bare):
                    yield f"{path}/{bare} as {changed}", {**others, changed + name[len(bare):]: member}
            for place, changed in changes(member, received[bare], is_open, f"{path}/{bare}"):
                yield place, {**tree, name: changed}
    elif type(tree) is list:
        for index, element in enumerate(tree):
            for place, changed in changes(element, received[index], is_open, f"{path}/{index}"):
                yield place, tree[:index] + [changed] + tree[index + 1:]
    else:
        for changed in literals(tree):
            yield f"{path}: {show(tree)} as {show(changed)}", changed


def spellings(text):
    for index, character in enumerate(text):
        yield text[:index] + ("x" if character != "x" else "y") + text[index + 1:]


def literals(value):
    """Other values than the literal `value`; of a text with placeholders, others of what is around them."""
    if type(value) is Number:
        yield str(value)
        yield from map(Number, spellings(value))
    elif value is None or type(value) is bool:
        yield str(value).lower()
        yield from (other for other in (None, True, False) if other is not value)
    else:
        held = {index for found in PLACEHOLDER.finditer(value) for index in range(*found.span())}
        if not held:
            yield from (Number(value), None)
        if value == "":
            yield "x"
        for index, changed in enumerate(spellings(value)):
            if index not in held:
                yield changed
