"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from pycrm.errors import UnreadableFileError

__all__ = ["check_writable", "write_all"]


def check_writable(paths: list[Path], *, keep: Collection[Path] = ()) -> None:
    """Refuse a path that cannot be written, or is one to `keep`, before any work is done.

    Raises
    ------
    UnreadableFileError
        If its folder is not there or not writable, or the path is a folder, or two are the same.
    """
    for path in paths:
        if path.is_dir():
            raise UnreadableFileError(str(path), "this is a folder", "name the file to write")
        if not path.parent.is_dir():
            raise UnreadableFileError(str(path), "its folder does not exist", "make it first, or name another")
        if not os.access(path.parent, os.W_OK):
            raise UnreadableFileError(str(path), "its folder cannot be written to", "name another")
        if path.resolve() in {other.resolve() for other in keep}:
            raise UnreadableFileError(str(path), "this is what is read", "write to another file")
    if len({path.resolve() for path in paths}) < len(paths):
        raise UnreadableFileError(str(paths[0]), "it is named twice", "give each output a file of its own")


def write_all(texts: Mapping[Path, str]) -> None:
    """Write each text beside its place and move all there when all are complete: a reader never sees half a file."""
    made: list[tuple[str, Path]] = []
    try:
        for path, text in texts.items():
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
            made.append((name, path))
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            # A temporary file is private; what is asked for has the usual permissions.
            mask = os.umask(0)
            os.umask(mask)
            Path(name).chmod(0o666 & ~mask)
        for name, path in made:
            Path(name).replace(path)
    except OSError as error:
        raise UnreadableFileError(
            str(made[-1][1] if made else ""), str(error.strerror or error), "name another place"
        ) from error
    finally:
        for name, _ in made:
            Path(name).unlink(missing_ok=True)
