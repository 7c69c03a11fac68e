"""The PostgreSQL that Sluis brings along: started as our child, ended with us (ADR 0002)."""

from gateway.store.embedded.errors import (
    DataFolderInUse,
    EmbeddedFailure,
    EmbeddedStartFailed,
    OtherMajorVersion,
    UnreachableFolder,
    UnsafeFolder,
    UnsuitableUser,
)
from gateway.store.embedded.server import EmbeddedServer, running_address, start_embedded

__all__ = [
    "DataFolderInUse",
    "EmbeddedFailure",
    "EmbeddedServer",
    "EmbeddedStartFailed",
    "OtherMajorVersion",
    "UnreachableFolder",
    "UnsafeFolder",
    "UnsuitableUser",
    "running_address",
    "start_embedded",
]
