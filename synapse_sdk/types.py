"""The dictionaries that the SDK returns, for annotations. They are made from the contract."""

from synapse_agent_types import Container, ContainerPage, DockerContainer, ErrorBody, FieldError

__all__ = ["Container", "ContainerPage", "DockerContainer", "ErrorBody", "FieldError"]
