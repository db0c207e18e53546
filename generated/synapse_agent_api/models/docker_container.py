from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="DockerContainer")


@_attrs_define
class DockerContainer:
    """A container on the agent's host. Containers that the agent did not start have no record.

    Attributes:
        id (str): Docker's id of a container, 64 hexadecimal digits, or at least the first 12 of them. Example:
            4f66ad9a0b2e8c1d5f7a3b9c0e2d4f6a8b1c3d5e7f90a2b4c6d8e0f1a3b5c7d9.
        docker_id (str): Docker's id of a container, 64 hexadecimal digits, or at least the first 12 of them. Example:
            4f66ad9a0b2e8c1d5f7a3b9c0e2d4f6a8b1c3d5e7f90a2b4c6d8e0f1a3b5c7d9.
        status (str): What a container is doing. Docker's own values are `created`, `running`, `paused`, `restarting`,
            `removing`, `exited` and `dead`; the platform adds `requested`, `building`, `starting`, `unhealthy`, `stopped`,
            `failed`, `deleting` and `deleted`. Agents may use others. Example: running.
        running (bool): Whether the container's program runs.
        name (None | str | Unset): Docker's name of the container.
        image (None | str | Unset): The image that the container was made from.
        endpoint (None | str | Unset): The URL on which the container's program answers.
        plugin_release (None | str | Unset): The plugin release that the container runs, as `code@version`.
        labels (list[str] | None | Unset): The labels that it was created with.
        created_at (datetime.datetime | None | Unset): When the container was created.
        record_id (int | None | Unset): The number of its record in the agent's database.
        exit_code (int | None | Unset): What its program ended with the last time; negative for a signal, as -9. Null
            while it runs or has not run.
    """

    id: str
    docker_id: str
    status: str
    running: bool
    name: None | str | Unset = UNSET
    image: None | str | Unset = UNSET
    endpoint: None | str | Unset = UNSET
    plugin_release: None | str | Unset = UNSET
    labels: list[str] | None | Unset = UNSET
    created_at: datetime.datetime | None | Unset = UNSET
    record_id: int | None | Unset = UNSET
    exit_code: int | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        docker_id = self.docker_id

        status = self.status

        running = self.running

        name: None | str | Unset
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        image: None | str | Unset
        if isinstance(self.image, Unset):
            image = UNSET
        else:
            image = self.image

        endpoint: None | str | Unset
        if isinstance(self.endpoint, Unset):
            endpoint = UNSET
        else:
            endpoint = self.endpoint

        plugin_release: None | str | Unset
        if isinstance(self.plugin_release, Unset):
            plugin_release = UNSET
        else:
            plugin_release = self.plugin_release

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

        record_id: int | None | Unset
        if isinstance(self.record_id, Unset):
            record_id = UNSET
        else:
            record_id = self.record_id

        exit_code: int | None | Unset
        if isinstance(self.exit_code, Unset):
            exit_code = UNSET
        else:
            exit_code = self.exit_code

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "docker_id": docker_id,
                "status": status,
                "running": running,
            }
        )
        if name is not UNSET:
            field_dict["name"] = name
        if image is not UNSET:
            field_dict["image"] = image
        if endpoint is not UNSET:
            field_dict["endpoint"] = endpoint
        if plugin_release is not UNSET:
            field_dict["plugin_release"] = plugin_release
        if labels is not UNSET:
            field_dict["labels"] = labels
        if created_at is not UNSET:
            field_dict["created_at"] = created_at
        if record_id is not UNSET:
            field_dict["record_id"] = record_id
        if exit_code is not UNSET:
            field_dict["exit_code"] = exit_code

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        docker_id = d.pop("docker_id")

        status = d.pop("status")

        running = d.pop("running")

        def _parse_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        name = _parse_name(d.pop("name", UNSET))

        def _parse_image(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        image = _parse_image(d.pop("image", UNSET))

        def _parse_endpoint(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        endpoint = _parse_endpoint(d.pop("endpoint", UNSET))

        def _parse_plugin_release(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        plugin_release = _parse_plugin_release(d.pop("plugin_release", UNSET))

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

        def _parse_record_id(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        record_id = _parse_record_id(d.pop("record_id", UNSET))

        def _parse_exit_code(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        exit_code = _parse_exit_code(d.pop("exit_code", UNSET))

        docker_container = cls(
            id=id,
            docker_id=docker_id,
            status=status,
            running=running,
            name=name,
            image=image,
            endpoint=endpoint,
            plugin_release=plugin_release,
            labels=labels,
            created_at=created_at,
            record_id=record_id,
            exit_code=exit_code,
        )

        docker_container.additional_properties = d
        return docker_container

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
