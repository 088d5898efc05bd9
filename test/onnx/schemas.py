"""Writes extension/onnx/schemas.json: what ONNX's own registry says of every operator that is read.

    python test/onnx/schemas.py            (needs the package `onnx`)

Each version of an operator, by the first operator set that has it, is one line:

    inputs > outputs | attributes | type variables

Parameters are `name:type`, with `?` where they may be left out, `*` where any number of one type may follow, or `+`
where at least one does, doubled where their types may differ. A type is a variable of the third part, or a list of element types by number in "types"; `-` is
anything that is no tensor of numbers or truth values. Attributes are `name:kind`, with `!` where they must be given,
with `(a,b)` where ONNX's text names the values that they may have, and with `=value` where ONNX has a default; lists have commas.
"""

import json
import pathlib
import re

import numpy
import onnx
from onnx import defs, helper

ELEMENTS = {
    "float": "float32", "double": "float64", "float16": "float16", "bfloat16": "bfloat16", "bool": "bool",
    **{f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}  # fmt: skip
KINDS = {
    "INT": "int", "INTS": "ints", "FLOAT": "float", "FLOATS": "floats", "STRING": "string", "STRINGS": "strings",
    "TENSOR": "tensor", "GRAPH": "graph",
}  # fmt: skip
OLDEST, NEWEST = 7, 26

# ONNX has these in sentences alone. Every one must stand in the text of a version of the operator.
VALUES = {
    "approximate": "none tanh",
    "auto_pad": "NOTSET SAME_UPPER SAME_LOWER VALID",
    "case_change_action": "NONE LOWER UPPER",
    "direction": "forward reverse bidirectional",
    "BitShift.direction": "LEFT RIGHT",
    "keep_aspect_ratio_policy": "stretch not_larger not_smaller",
    "DepthToSpace.mode": "DCR CRD",
    "GridSample.mode": "linear nearest cubic bilinear bicubic",
    "Pad.mode": "constant reflect edge wrap",
    "Resize.mode": "nearest linear cubic",
    "RoiAlign.mode": "avg max",
    "TensorScatter.mode": "linear circular",
    "TfIdfVectorizer.mode": "TF IDF TFIDF",
    "Upsample.mode": "nearest linear bilinear",
    "nearest_mode": "round_prefer_floor round_prefer_ceil floor ceil",
    "padding_mode": "zeros border reflection",
    "pixel_format": "RGB BGR Grayscale",
    "NegativeLogLikelihoodLoss.reduction": "none sum mean",
    "SoftmaxCrossEntropyLoss.reduction": "none sum mean",
    "ScatterElements.reduction": "none add mul max min",
    "ScatterND.reduction": "none add mul max min",
    "Resize.coordinate_transformation_mode": "half_pixel half_pixel_symmetric pytorch_half_pixel align_corners asymmetric tf_half_pixel_for_nn tf_crop_and_resize",
    "RoiAlign.coordinate_transformation_mode": "half_pixel output_half_pixel",
    "round_mode": "up down nearest",
}
FREE = {"activations", "delimiter", "equation", "locale", "pattern", "to", "value_string"}

root = pathlib.Path(__file__).parents[2]
sets: list[str] = []


def type_set(names) -> str:
    """The number of a set of types; sequences, optionals, strings and the smallest floats count as one."""
    inner = [re.fullmatch(r"tensor\((\w+)\)", name) for name in names]
    known = sorted({ELEMENTS[match[1]] for match in inner if match and match[1] in ELEMENTS})
    if not known or any(not match for match in inner):
        return "-"
    text = " ".join(known)
    if text not in sets:
        sets.append(text)
    return str(sets.index(text))


def parameter(formal, variables) -> str:
    name = formal.option.name
    marks = {"Single": "", "Optional": "?", "Variadic": ("+" if formal.min_arity else "*") * (1 if formal.is_homogeneous else 2)}
    mark = marks[name]
    kind = formal.type_str if formal.type_str in variables else type_set([formal.type_str])
    return f"{formal.name}{mark}:{kind}"


def default(attribute) -> str:
    """What stands for an attribute that is left out; floats in the shortest form that gives the single-precision number."""
    if not attribute.default_value.type or attribute.type.name not in ("INT", "INTS", "FLOAT", "STRING"):
        return ""
    value = helper.get_attribute_value(attribute.default_value)
    if attribute.type.name == "INTS":
        return f"={','.join(map(str, value))}"
    if attribute.type.name == "STRING":
        return f"={value.decode()}"
    return f"={numpy.float32(value)!s}" if attribute.type.name == "FLOAT" else f"={value}"


def values(operator, attribute) -> str:
    """The values that a text may have."""
    if attribute.type.name != "STRING" or attribute.name in FREE:
        return ""
    named = VALUES.get(f"{operator}.{attribute.name}", VALUES.get(attribute.name))
    assert named, f"{operator} has a text {attribute.name} that is neither in VALUES nor in FREE"
    told = " ".join(s.attributes[attribute.name].description for s in history if s.name == operator and attribute.name in s.attributes)
    absent = [value for value in named.split() if not re.search(rf"\b{value}\b", told)]
    assert not absent, f"{operator}.{attribute.name}: ONNX does not name {absent}"
    return f"({named.replace(' ', ',')})"


def line(schema) -> str:
    variables = {c.type_param_str: type_set(c.allowed_type_strs) for c in schema.type_constraints}
    sides = (" ".join(parameter(p, variables) for p in side) for side in (schema.inputs, schema.outputs))
    attributes = " ".join(
        f"{a.name}{'!' if a.required else ''}:{KINDS.get(a.type.name, 'other')}{values(schema.name, a)}{default(a)}"
        for a in sorted(schema.attributes.values(), key=lambda a: a.name)
    )
    return f"{' > '.join(sides)} | {attributes} | {' '.join(f'{v}={k}' for v, k in variables.items())}"


history = [s for s in defs.get_all_schemas_with_history() if s.domain == "" and s.since_version <= NEWEST]
operators: dict[str, dict[str, str]] = {}
for schema in sorted(history, key=lambda s: (s.name, s.since_version)):
    versions = operators.setdefault(schema.name, {})
    text = line(schema)
    # What opset 7 has replaces what is older; a version that changes nothing that is told here is left out.
    if schema.since_version <= OLDEST:
        versions.clear()
    if not versions or list(versions.values())[-1] != text:
        versions[str(schema.since_version)] = text

table = {"source": f"onnx {onnx.__version__}, by test/onnx/schemas.py", "types": sets, "operators": operators}
(root / "extension/onnx/schemas.json").write_text(json.dumps(table, indent=2) + "\n")
