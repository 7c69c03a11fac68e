"""Every way in which the embedded PostgreSQL refuses to start; each message names the remedy.

EmbeddedFailure
├── DataFolderInUse      another gateway holds the data folder
├── OtherMajorVersion    the data folder was written by another PostgreSQL
├── UnreachableFolder    the user that PostgreSQL runs as cannot get there
├── UnsafeFolder         someone else owns it, or may write in it
├── UnsuitableUser       PostgreSQL cannot run as that user
└── EmbeddedStartFailed  PostgreSQL itself, or the file system, said no

A message may hold a folder or an account name, which the operator gave. It never holds a line of
PostgreSQL's log: those may quote a person's data (design.md, section 6, "Fingerprints").
"""


class EmbeddedFailure(Exception):  # noqa: N818 - its kinds are named for the state they find
    """The embedded PostgreSQL did not start; the data are as they were."""


class DataFolderInUse(EmbeddedFailure):
    """Another gateway lives in this data folder."""


class OtherMajorVersion(EmbeddedFailure):
    """The data folder was written by another major version of PostgreSQL."""


class UnreachableFolder(EmbeddedFailure):
    """The user that PostgreSQL runs as may not enter a folder that it needs."""


class UnsafeFolder(EmbeddedFailure):
    """A folder that must be ours alone belongs to another, or others may write in it."""


class UnsuitableUser(EmbeddedFailure):
    """PostgreSQL cannot run as the user asked for, or as the one who owns its files."""


class EmbeddedStartFailed(EmbeddedFailure):
    """PostgreSQL ended, or was refused by the system, before it answered."""
