"""The dictionaries that the SDK returns, for annotations. They are made from the contract."""

from synapse_agent_types import (
    ComponentHealth,
    Container,
    ContainerPage,
    DockerContainer,
    ErrorBody,
    FieldError,
    Health,
)

__all__ = ["ComponentHealth", "Container", "ContainerPage", "DockerContainer", "ErrorBody", "FieldError", "Health"]
