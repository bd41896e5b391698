"""The models of a service, as it tells of them."""

import msgspec


class ServedModel(msgspec.Struct, frozen=True):
    """A model as the service tells of it."""

    name: str
    version: str = ""
    description: str = ""
    categories: dict[str, str] = {}
    #: Whether jobs that name no model get this one.
    default: bool = False
    #: Detection workers that serve it now.
    workers: int = 0


class ServedModels(msgspec.Struct, frozen=True):
    """What `GET /v1/models` answers."""

    data: list[ServedModel]
