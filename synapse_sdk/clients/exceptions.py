"""The errors of `synapse_sdk.exceptions`, under the path that the platform documents."""

from synapse_sdk import exceptions as _exceptions
from synapse_sdk.exceptions import *  # noqa: F403

__all__ = _exceptions.__all__
