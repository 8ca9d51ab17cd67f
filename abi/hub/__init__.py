"""Models from the Hugging Face hub, a mirror of it or any URL, in a cache on disk.

    from abi import hub

    path = hub.pull("owner/repo:Q4_K_M")     # fetches what is missing, checks it
    model = abi.load("owner/repo:Q4_K_M")    # from the cache, never from the network

HTTP is the standard library's. What crosses the network, and what is listed by it, is checked
before it names a file or is kept under its name.
"""

from abi.hub._cache import Cached, cached, locate, remove, resolve
from abi.hub._files import human
from abi.hub._name import Name, parse
from abi.hub._pull import pull
from abi.hub._record import cache_root

__all__ = [
    "Cached",
    "Name",
    "cache_root",
    "cached",
    "human",
    "locate",
    "parse",
    "pull",
    "remove",
    "resolve",
]
