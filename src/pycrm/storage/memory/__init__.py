"""A real store that lives in memory, and the reference for every other.

Each row keeps its versions; a unit of work reads the snapshot of its beginning and stages its own changes beside it, so
opening one costs nothing and committing one costs its changes. The first committer wins.
"""

from pycrm.storage.memory.repository import MemoryRepository
from pycrm.storage.memory.store import MemoryStore
from pycrm.storage.memory.unit import MemoryUnit

__all__ = ["MemoryRepository", "MemoryStore", "MemoryUnit"]


def __dir__() -> list[str]:
    return __all__
