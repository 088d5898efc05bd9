"""Writes job.schema.json: the published schema of a Kubernetes Job (batch/v1), with what it refers to, and nothing else.

    pip install kubernetes-validate==1.37.0
    python test/plans/kubernetes_schema.py > test/plans/job.schema.json

The package holds the OpenAPI definitions of Kubernetes as JSON Schemas (Apache License 2.0); its strict ones allow no other
properties. Descriptions and Kubernetes' own extensions are left out, which check nothing.
"""

import importlib.resources
import json
import sys

VERSION = "v1.37.0"
ROOT = "io.k8s.api.batch.v1.Job"

folder = importlib.resources.files("kubernetes_validate") / "kubernetes-json-schema" / f"{VERSION}-local-strict"
published = json.loads((folder / "_definitions.json").read_text())["$defs"]


def bare(schema, names=False):
    """`names`: the keys are names of properties, and no words of a schema."""
    if isinstance(schema, list):
        return [bare(each) for each in schema]
    if not isinstance(schema, dict):
        return f"#/$defs/{schema.split('/')[-1]}" if isinstance(schema, str) and "#/$defs/" in schema else schema
    return {
        key: bare(value, names=key == "properties" and not names)
        for key, value in schema.items()
        if names or (key != "description" and not key.startswith("x-"))
    }


def referred(schema):
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].split("/")[-1]
        for value in schema.values():
            yield from referred(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from referred(value)


needed, waiting = {}, [ROOT]
while waiting:
    name = waiting.pop()
    if name not in needed:
        needed[name] = bare(published[name])
        waiting += referred(needed[name])

root = needed[ROOT]
root["required"] = ["apiVersion", "kind", "metadata", "spec"]
json.dump(
    {
        "$comment": f"Kubernetes {VERSION}, Apache License 2.0; made by kubernetes_schema.py",
        "$ref": f"#/$defs/{ROOT}",
        "$defs": dict(sorted(needed.items())),
    },
    sys.stdout,
    separators=(",", ":"),
)
print()
