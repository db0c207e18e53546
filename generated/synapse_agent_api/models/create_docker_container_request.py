from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.create_docker_container_request_envs import CreateDockerContainerRequestEnvs
    from ..models.create_docker_container_request_metadata import (
        CreateDockerContainerRequestMetadata,
    )
    from ..models.create_docker_container_request_params import CreateDockerContainerRequestParams


T = TypeVar("T", bound="CreateDockerContainerRequest")


@_attrs_define
class CreateDockerContainerRequest:
    """What to run, and with what.

    Attributes:
        plugin_release (str): A plugin release, as `code@version`. Example: ocr_processor@2.0.0.
        params (CreateDockerContainerRequestParams | Unset): Parameters forwarded to the plugin, as JSON in its
            environment variable `PLUGIN_PARAMS`.
        envs (CreateDockerContainerRequestEnvs | Unset): Environment variables of the container.
        metadata (CreateDockerContainerRequestMetadata | Unset): Anything else that is to be kept with the record.
        labels (list[str] | Unset): Labels for display and filtering. Example: ['production', 'ml-model'].
    """

    plugin_release: str
    params: CreateDockerContainerRequestParams | Unset = UNSET
    envs: CreateDockerContainerRequestEnvs | Unset = UNSET
    metadata: CreateDockerContainerRequestMetadata | Unset = UNSET
    labels: list[str] | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        plugin_release = self.plugin_release

        params: dict[str, Any] | Unset = UNSET
        if not isinstance(self.params, Unset):
            params = self.params.to_dict()

        envs: dict[str, Any] | Unset = UNSET
        if not isinstance(self.envs, Unset):
            envs = self.envs.to_dict()

        metadata: dict[str, Any] | Unset = UNSET
        if not isinstance(self.metadata, Unset):
            metadata = self.metadata.to_dict()

        labels: list[str] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "plugin_release": plugin_release,
            }
        )
        if params is not UNSET:
            field_dict["params"] = params
        if envs is not UNSET:
            field_dict["envs"] = envs
        if metadata is not UNSET:
            field_dict["metadata"] = metadata
        if labels is not UNSET:
            field_dict["labels"] = labels

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.create_docker_container_request_envs import CreateDockerContainerRequestEnvs  # noqa: PLC0415
        from ..models.create_docker_container_request_metadata import (
            CreateDockerContainerRequestMetadata,  # noqa: PLC0415
        )
        from ..models.create_docker_container_request_params import (
            CreateDockerContainerRequestParams,  # noqa: PLC0415
        )

        d = dict(src_dict)
        plugin_release = d.pop("plugin_release")

        _params = d.pop("params", UNSET)
        params: CreateDockerContainerRequestParams | Unset
        if isinstance(_params, Unset):
            params = UNSET
        else:
            params = CreateDockerContainerRequestParams.from_dict(_params)

        _envs = d.pop("envs", UNSET)
        envs: CreateDockerContainerRequestEnvs | Unset
        if isinstance(_envs, Unset):
            envs = UNSET
        else:
            envs = CreateDockerContainerRequestEnvs.from_dict(_envs)

        _metadata = d.pop("metadata", UNSET)
        metadata: CreateDockerContainerRequestMetadata | Unset
        if isinstance(_metadata, Unset):
            metadata = UNSET
        else:
            metadata = CreateDockerContainerRequestMetadata.from_dict(_metadata)

        labels = cast(list[str], d.pop("labels", UNSET))

        create_docker_container_request = cls(
            plugin_release=plugin_release,
            params=params,
            envs=envs,
            metadata=metadata,
            labels=labels,
        )

        return create_docker_container_request
