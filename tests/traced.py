"""Which functions of the package a monitoring job calls, in the order of their first calls: `python -m tests.traced FOLDER`.

It baselines captured records in FOLDER, monitors as many in which a feature drifted, without a JVM, and notifies a web server.
What is printed is JSON: a list of `module.function`, as CONTRIBUTING.md names them.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType

from tests.floors import PACKAGE
from tests.servers import HttpServer

from spark_model_monitor.integrations.demo.traffic import FAULT, Traffic, captures

HEALTHY = Traffic(hours=2, per_hour=200, fault=None)
DRIFTED = replace(HEALTHY, fault=replace(FAULT, first_hour=0))


def main(folder: str) -> int:
    import jobs.baseline
    import jobs.monitor

    os.chdir(folder)
    for name, traffic in (("healthy", HEALTHY), ("drifted", DRIFTED)):
        for path, text in captures(traffic).items():
            file = Path(name, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    server = HttpServer(200)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    flags = ["--dataset-format", "capture", "--engine", "local"]
    jobs.baseline.main(["--dataset-source", "healthy", "--output-path", "baseline", *flags])
    sink = ["--sink", f"webhook:{server.url}"]
    monitoring = ["--dataset-source", "drifted", "--baseline", "baseline", "--output-path", "report", *flags, *sink]
    called = trace_calls(lambda: jobs.monitor.main(monitoring))
    [(_, _, message)] = server.requests
    sys.stdout.write(json.dumps({"called": called, "message": message.decode()}))
    return 0


def trace_calls(program: Callable[[], object]) -> list[str]:
    """The functions of ours that a program calls, each once; methods with their class."""
    called: dict[str, None] = {}
    root = f"{PACKAGE}{os.sep}"

    def notice(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(root):
            module = code.co_filename.removeprefix(root).removesuffix(".py").removesuffix("/__init__")
            called.setdefault(f"{module.replace('/', '.')}.{_name_in(frame)}")

    threading.setprofile(notice)  # of the threads that it starts
    sys.setprofile(notice)
    try:
        program()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return list(called)


def _name_in(frame: FrameType) -> str:
    """A function's name, behind its class's: Python 3.10 has no `co_qualname`."""
    code = frame.f_code
    owner = frame.f_locals.get("self")
    owners = type(owner).__mro__ if owner is not None else ()
    for owning in owners:
        function = vars(owning).get(code.co_name)
        if getattr(function, "__code__", None) is code:
            return f"{owning.__name__}.{code.co_name}"
    return code.co_name


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
