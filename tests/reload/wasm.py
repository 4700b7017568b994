"""Modules made in the test, byte by byte (WebAssembly, section 5)."""

__all__ = ["PREAMBLE", "custom", "imports", "leb", "module", "name"]

PREAMBLE = b"\0asm\x01\0\0\0"


def leb(value: int) -> bytes:
    """An unsigned number."""
    out = bytearray()
    while True:
        value, byte = value >> 7, value & 0x7F
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def name(text: str) -> bytes:
    """A text with its length."""
    return leb(len(text)) + text.encode()


def custom(title: str, size: int) -> bytes:
    """A custom section with some bytes in it."""
    content = name(title) + b"\xff" * size
    return b"\0" + leb(len(content)) + content


def imports(*entries: tuple[str, str, bytes]) -> bytes:
    """An import section: module, name, and description of each."""
    content = leb(len(entries)) + b"".join(name(where) + name(what) + kind for where, what, kind in entries)
    return b"\2" + leb(len(content)) + content


def module(*sections: bytes) -> bytes:
    """A module."""
    return PREAMBLE + b"".join(sections)
