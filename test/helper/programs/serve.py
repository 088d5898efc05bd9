"""Runs scripts one after the other, each in a process forked from one that has imported what they share.

Reads a request in JSON from each line: {"args": [...], "folder": ..., "environment": {...}}, answers {"status": ..., "output": ...}.
"""

import json
import os
import runpy
import sys
import tempfile
import traceback

for module in ("torch", "onnxscript", "transformers", "lightning"):
    try:
        __import__(module)
    except ImportError:
        pass


def work(request, output):
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(request["folder"])
    os.environ.update(request["environment"])
    sys.argv = request["args"]
    sys.path[0] = os.path.dirname(request["args"][0])
    status = 0
    try:
        runpy.run_path(request["args"][0], run_name="__main__")
    except SystemExit as leaving:
        # As Python does with what a program leaves with.
        if isinstance(leaving.code, str):
            print(leaving.code, file=sys.stderr)
        status = leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


for line in sys.stdin:
    request = json.loads(line)
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            work(request, output.fileno())
        _, status = os.waitpid(child, 0)
        output.seek(0)
        text = output.read().decode(errors="replace")
    print(json.dumps({"status": os.waitstatus_to_exitcode(status), "output": text}), flush=True)
