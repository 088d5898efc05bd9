# Makes operators.onnx.gz: small models of ONNX's own examples of its operators, a JSON list in base64. Whole numbers, truth
# values and short lists are stored with the model, as exporters do; the other inputs stay inputs.
# python test/fuzz/seeds/operators.py, with onnx 1.23
import base64
import gzip
import json
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
from onnx.backend.test.case.node import collect_testcases

warnings.filterwarnings('ignore')
MOST_OF_ONE = 14
LARGEST = 4000
FLOATS = {'float16', 'float32', 'float64'}


def key(model):
    """What tells examples of one operator apart: attributes, types and numbers of dimensions."""
    nodes = [(n.op_type, len(n.input), sorted((a.name, a.type) for a in n.attribute)) for n in model.graph.node]
    inputs = [(i.type.tensor_type.elem_type, len(i.type.tensor_type.shape.dim)) for i in model.graph.input]
    return str((nodes, inputs))


def stored(model, arrays):
    """The model with those inputs stored that exporters store."""
    left = []
    for i, info in enumerate(model.graph.input):
        array = arrays[i] if i < len(arrays) else None
        if isinstance(array, np.ndarray) and (array.dtype.name not in FLOATS or (i > 0 and array.size <= 8)):
            model.graph.initializer.append(onnx.numpy_helper.from_array(array, info.name))
        else:
            left.append(info)
    del model.graph.input[:]
    model.graph.input.extend(left)
    return model


counts, seen, models = Counter(), set(), []
for case in sorted(collect_testcases(None), key=lambda case: case.model.ByteSize()):
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    first = model.graph.node[0].op_type
    domains = {o.domain for o in model.opset_import} - {'', 'ai.onnx'}
    if domains or counts[first] >= MOST_OF_ONE or key(model) in seen or not case.data_sets:
        continue
    seen.add(key(model))
    data = stored(model, case.data_sets[0][0]).SerializeToString()
    if len(data) > LARGEST:
        continue
    counts[first] += 1
    models.append(base64.b64encode(data).decode())
text = json.dumps(models).encode()
Path(__file__).with_name('operators.onnx.gz').write_bytes(gzip.compress(text, 9, mtime=0))
print(len(models), 'models of', len(counts), 'operators')
