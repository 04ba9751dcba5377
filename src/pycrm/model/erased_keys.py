"""What stands where an idempotency key was that may have named somebody: the same key always has the same digest."""

from __future__ import annotations

import hashlib
import re

__all__ = ["is_key_digest", "key_digest"]

_DIGEST = re.compile(r"erased:[0-9a-f]{64}")


def is_key_digest(key: str) -> bool:
    """Tell whether a key is the digest of one that was erased."""
    return _DIGEST.fullmatch(key) is not None


def key_digest(key: str) -> str:
    """Return the digest of a key; of a digest it is the digest itself, so erasing again changes nothing.

    Examples
    --------
    >>> key_digest("gift:ana@example.com")[:19]
    'erased:dc8b5cd57ce1'
    """
    return key if is_key_digest(key) else f"erased:{hashlib.sha256(key.encode()).hexdigest()}"
