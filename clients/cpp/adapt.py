"""Write the contract as openapi-generator's Boost.Beast client wants it: adapt.py CONTRACT TARGET."""

import json
import sys
from pathlib import Path
from typing import Any

import yaml


def adapted(contract: dict[str, Any]) -> dict[str, Any]:
    """Return the contract with its paths and errors said in another way.

    The generator takes a slash away from the end of a path, so that one more is needed. An error that is listed becomes
    an exception with neither headers nor a typed body; that of `default` is answered with both.
    """
    paths = {}
    for path, item in contract["paths"].items():
        paths[f"{path}/" if path.endswith("/") else path] = item
        for operation in item.values():
            if isinstance(operation, dict):
                responses = operation["responses"].items()
                operation["responses"] = {
                    status: response for status, response in responses if status.startswith("2") or status == "default"
                }
    return {**contract, "paths": paths}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(adapted(yaml.safe_load(Path(sys.argv[1]).read_text()))))
