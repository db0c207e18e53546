from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.component_health import ComponentHealth


T = TypeVar("T", bound="Health")


@_attrs_define
class Health:
    """How the agent is.

    Attributes:
        status (str): `ok`, or `degraded` while something that the agent needs does not answer. Example: ok.
        version (str | Unset): The version of the agent.
        engine (ComponentHealth | Unset): How something that the agent needs is.
        database (ComponentHealth | Unset): How something that the agent needs is.
    """

    status: str
    version: str | Unset = UNSET
    engine: ComponentHealth | Unset = UNSET
    database: ComponentHealth | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        status = self.status

        version = self.version

        engine: dict[str, Any] | Unset = UNSET
        if not isinstance(self.engine, Unset):
            engine = self.engine.to_dict()

        database: dict[str, Any] | Unset = UNSET
        if not isinstance(self.database, Unset):
            database = self.database.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "status": status,
            }
        )
        if version is not UNSET:
            field_dict["version"] = version
        if engine is not UNSET:
            field_dict["engine"] = engine
        if database is not UNSET:
            field_dict["database"] = database

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.component_health import ComponentHealth  # noqa: PLC0415

        d = dict(src_dict)
        status = d.pop("status")

        version = d.pop("version", UNSET)

        _engine = d.pop("engine", UNSET)
        engine: ComponentHealth | Unset
        if isinstance(_engine, Unset):
            engine = UNSET
        else:
            engine = ComponentHealth.from_dict(_engine)

        _database = d.pop("database", UNSET)
        database: ComponentHealth | Unset
        if isinstance(_database, Unset):
            database = UNSET
        else:
            database = ComponentHealth.from_dict(_database)

        health = cls(
            status=status,
            version=version,
            engine=engine,
            database=database,
        )

        health.additional_properties = d
        return health

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
