"""Where the contract is."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def contract_path() -> Path:
    """Return the path of `agent.yaml`, the OpenAPI document that this SDK was made from.

    It lies beside this module in an installed wheel, and in `openapi/` in a checkout.

    Raises:
        FileNotFoundError: If it lies in neither, which means that the installation is broken.
    """
    for path in (_PACKAGE / "agent.yaml", _PACKAGE.parent / "openapi" / "agent.yaml"):
        if path.is_file():
            return path
    raise FileNotFoundError(f"agent.yaml is neither in {_PACKAGE} nor in {_PACKAGE.parent / 'openapi'}")
