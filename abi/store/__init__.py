"""The store: collections of points, durable, searchable, and recoverable to any past state.

The write-ahead log is the truth; segments are what was in it, in the form that is searched,
and indexes can be made again from them. All file work goes through `abi.store.files`.
"""

from abi.store._backup import BackupReport, backup
from abi.store._collection import Collection, Snapshot
from abi.store._config import CollectionConfig, VectorConfig
from abi.store._database import Database
from abi.store._hit import Hit, Point
from abi.store._ids import Id
from abi.store._moment import show_time
from abi.store._more_reads import Group
from abi.store._opening import open
from abi.store._reads import Reads
from abi.store._restore import restore
from abi.store.search import TermCounts

__all__ = [
    "BackupReport",
    "Collection",
    "CollectionConfig",
    "Database",
    "Group",
    "Hit",
    "Id",
    "Point",
    "Reads",
    "Snapshot",
    "TermCounts",
    "VectorConfig",
    "backup",
    "open",
    "restore",
    "show_time",
]
