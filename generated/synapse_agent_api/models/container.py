from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.container_metadata_type_0 import ContainerMetadataType0
    from ..models.container_params_type_0 import ContainerParamsType0


T = TypeVar("T", bound="Container")


@_attrs_define
class Container:
    """The agent's record of a container.

    Attributes:
        id (int): The number of a record. Example: 42.
        plugin_release (str): The plugin release, as `code@version`.
        status (str): What a container is doing. Docker's own values are `created`, `running`, `paused`, `restarting`,
            `removing`, `exited` and `dead`; the platform adds `requested`, `building`, `starting`, `unhealthy`, `stopped`,
            `failed`, `deleting` and `deleted`. Agents may use others. Example: running.
        docker_id (None | str | Unset): Docker's id of the container. Null while there is none yet.
        status_reason (None | str | Unset): Why the status is what it is, for people, where the agent has something to
            say.
        exit_code (int | None | Unset): What the container's program ended with; negative for a signal, as -9. Null
            while it runs.
        ended_at (datetime.datetime | None | Unset): When the container's program ended. Null while it runs.
        endpoint (None | str | Unset): The URL on which the container's program answers.
        host_port (int | None | Unset): The host's port on which the container's program is published.
        params (ContainerParamsType0 | None | Unset): The parameters that it was created with.
        metadata (ContainerMetadataType0 | None | Unset): The metadata that it was created with.
        labels (list[str] | None | Unset): The labels that it was created with.
        created_at (datetime.datetime | None | Unset): When the record was made.
        updated_at (datetime.datetime | None | Unset): When the record was last written.
    """

    id: int
    plugin_release: str
    status: str
    docker_id: None | str | Unset = UNSET
    status_reason: None | str | Unset = UNSET
    exit_code: int | None | Unset = UNSET
    ended_at: datetime.datetime | None | Unset = UNSET
    endpoint: None | str | Unset = UNSET
    host_port: int | None | Unset = UNSET
    params: ContainerParamsType0 | None | Unset = UNSET
    metadata: ContainerMetadataType0 | None | Unset = UNSET
    labels: list[str] | None | Unset = UNSET
    created_at: datetime.datetime | None | Unset = UNSET
    updated_at: datetime.datetime | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.container_metadata_type_0 import ContainerMetadataType0  # noqa: PLC0415
        from ..models.container_params_type_0 import ContainerParamsType0  # noqa: PLC0415

        id = self.id

        plugin_release = self.plugin_release

        status = self.status

        docker_id: None | str | Unset
        if isinstance(self.docker_id, Unset):
            docker_id = UNSET
        else:
            docker_id = self.docker_id

        status_reason: None | str | Unset
        if isinstance(self.status_reason, Unset):
            status_reason = UNSET
        else:
            status_reason = self.status_reason

        exit_code: int | None | Unset
        if isinstance(self.exit_code, Unset):
            exit_code = UNSET
        else:
            exit_code = self.exit_code

        ended_at: None | str | Unset
        if isinstance(self.ended_at, Unset):
            ended_at = UNSET
        elif isinstance(self.ended_at, datetime.datetime):
            ended_at = self.ended_at.isoformat()
        else:
            ended_at = self.ended_at

        endpoint: None | str | Unset
        if isinstance(self.endpoint, Unset):
            endpoint = UNSET
        else:
            endpoint = self.endpoint

        host_port: int | None | Unset
        if isinstance(self.host_port, Unset):
            host_port = UNSET
        else:
            host_port = self.host_port

        params: dict[str, Any] | None | Unset
        if isinstance(self.params, Unset):
            params = UNSET
        elif isinstance(self.params, ContainerParamsType0):
            params = self.params.to_dict()
        else:
            params = self.params

        metadata: dict[str, Any] | None | Unset
        if isinstance(self.metadata, Unset):
            metadata = UNSET
        elif isinstance(self.metadata, ContainerMetadataType0):
            metadata = self.metadata.to_dict()
        else:
            metadata = self.metadata

        labels: list[str] | None | Unset
        if isinstance(self.labels, Unset):
            labels = UNSET
        elif isinstance(self.labels, list):
            labels = self.labels

        else:
            labels = self.labels

        created_at: None | str | Unset
        if isinstance(self.created_at, Unset):
            created_at = UNSET
        elif isinstance(self.created_at, datetime.datetime):
            created_at = self.created_at.isoformat()
        else:
            created_at = self.created_at

        updated_at: None | str | Unset
        if isinstance(self.updated_at, Unset):
            updated_at = UNSET
        elif isinstance(self.updated_at, datetime.datetime):
            updated_at = self.updated_at.isoformat()
        else:
            updated_at = self.updated_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "plugin_release": plugin_release,
                "status": status,
            }
        )
        if docker_id is not UNSET:
            field_dict["docker_id"] = docker_id
        if status_reason is not UNSET:
            field_dict["status_reason"] = status_reason
        if exit_code is not UNSET:
            field_dict["exit_code"] = exit_code
        if ended_at is not UNSET:
            field_dict["ended_at"] = ended_at
        if endpoint is not UNSET:
            field_dict["endpoint"] = endpoint
        if host_port is not UNSET:
            field_dict["host_port"] = host_port
        if params is not UNSET:
            field_dict["params"] = params
        if metadata is not UNSET:
            field_dict["metadata"] = metadata
        if labels is not UNSET:
            field_dict["labels"] = labels
        if created_at is not UNSET:
            field_dict["created_at"] = created_at
        if updated_at is not UNSET:
            field_dict["updated_at"] = updated_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.container_metadata_type_0 import ContainerMetadataType0  # noqa: PLC0415
        from ..models.container_params_type_0 import ContainerParamsType0  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        plugin_release = d.pop("plugin_release")

        status = d.pop("status")

        def _parse_docker_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        docker_id = _parse_docker_id(d.pop("docker_id", UNSET))

        def _parse_status_reason(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        status_reason = _parse_status_reason(d.pop("status_reason", UNSET))

        def _parse_exit_code(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        exit_code = _parse_exit_code(d.pop("exit_code", UNSET))

        def _parse_ended_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                ended_at_type_0 = datetime.datetime.fromisoformat(data)

                return ended_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        ended_at = _parse_ended_at(d.pop("ended_at", UNSET))

        def _parse_endpoint(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        endpoint = _parse_endpoint(d.pop("endpoint", UNSET))

        def _parse_host_port(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        host_port = _parse_host_port(d.pop("host_port", UNSET))

        def _parse_params(data: object) -> ContainerParamsType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                params_type_0 = ContainerParamsType0.from_dict(data)

                return params_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ContainerParamsType0 | None | Unset, data)

        params = _parse_params(d.pop("params", UNSET))

        def _parse_metadata(data: object) -> ContainerMetadataType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                metadata_type_0 = ContainerMetadataType0.from_dict(data)

                return metadata_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ContainerMetadataType0 | None | Unset, data)

        metadata = _parse_metadata(d.pop("metadata", UNSET))

        def _parse_labels(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                labels_type_0 = cast(list[str], data)

                return labels_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        labels = _parse_labels(d.pop("labels", UNSET))

        def _parse_created_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                created_at_type_0 = datetime.datetime.fromisoformat(data)

                return created_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        created_at = _parse_created_at(d.pop("created_at", UNSET))

        def _parse_updated_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                updated_at_type_0 = datetime.datetime.fromisoformat(data)

                return updated_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        updated_at = _parse_updated_at(d.pop("updated_at", UNSET))

        container = cls(
            id=id,
            plugin_release=plugin_release,
            status=status,
            docker_id=docker_id,
            status_reason=status_reason,
            exit_code=exit_code,
            ended_at=ended_at,
            endpoint=endpoint,
            host_port=host_port,
            params=params,
            metadata=metadata,
            labels=labels,
            created_at=created_at,
            updated_at=updated_at,
        )

        container.additional_properties = d
        return container

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
