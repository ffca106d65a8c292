"""Which database a configuration's URL means."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from deployments.serving.errors import UnsupportedOption

_POSTGRESQL = ("postgresql", "postgres", "postgresql+asyncpg")
_SQLITE = ("sqlite", "sqlite+aiosqlite")


def parse_database_url(url: str) -> URL:
    """SQLAlchemy's URL, with the asynchronous driver named.

    Accepts `sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://...` and `postgres://...` with
    libpq's parameters (`?sslmode=verify-full&sslrootcert=...`, `?host=/var/run/postgresql`).

    Raises:
        UnsupportedOption: another database, no file name, or no URL at all.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        # The text is not repeated: it may hold a password.
        raise _unsupported("is not a database URL") from error
    if parsed.drivername in _SQLITE:
        if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
            raise _unsupported("names no file")
        return parsed.set(drivername="sqlite+aiosqlite", database=str(Path(parsed.database).expanduser()))
    if parsed.drivername in _POSTGRESQL:
        if not str(parsed.query.get("connect_timeout", "1")).isdecimal():
            raise _unsupported("has a connect_timeout that is not a number of seconds")
        return parsed.set(drivername="postgresql+asyncpg")
    raise _unsupported(f"is a URL of {parsed.drivername}")


def refuse_sqlite_on_many_nodes(url: str | None, node_count: int) -> None:
    """Refuse an SQLite file where replicas may run on several nodes: each node would have a file of its own.

    Raises:
        UnsupportedOption: `url` is SQLite's and `node_count` is above 1.
    """
    if url is None or node_count <= 1 or parse_database_url(url).get_backend_name() != "sqlite":
        return
    raise UnsupportedOption(
        f"the cluster has {node_count} nodes, and `database` is an SQLite file, which each node would have for "
        "itself (and SQLite's locks do not hold on network file systems): set `database` to a postgresql:// URL, "
        "or to null to store nothing",
        field="database",
        node_count=node_count,
    )


def _unsupported(reason: str) -> UnsupportedOption:
    return UnsupportedOption(
        f"`database` {reason}; use sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME", field="database"
    )
