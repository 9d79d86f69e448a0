"""Run by the SDK's interpreter, or by the product's: what the classes of a module can be called with, as JSON.

    python sdk_signatures.py MODULE CLASS…

For each class its public methods, class methods and static methods: the parameters' names, kinds and defaults, in order.
"""

import importlib
import inspect
import json
import sys


def parameters(function):
    return [
        [
            parameter.name,
            parameter.kind.name,
            None if parameter.default is inspect.Parameter.empty else repr(parameter.default),
        ]
        for parameter in inspect.signature(function).parameters.values()
    ]


def signatures(kind):
    members = {}
    for name in dir(kind):
        member = getattr(kind, name)
        own_init = name == "__init__" and inspect.isfunction(member)
        if own_init or (not name.startswith("_") and callable(member)):
            members[name] = [type(inspect.getattr_static(kind, name)).__name__, parameters(member)]
    return members


def main(module, *names):
    loaded = importlib.import_module(module)
    print(json.dumps({name: signatures(getattr(loaded, name)) for name in names}))


if __name__ == "__main__":
    main(*sys.argv[1:])
