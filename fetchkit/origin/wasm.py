"""A WebAssembly module of an exact size, made on the fly: any range costs the same. Pure.

    header      magic and version
    types       one: () -> i32
    functions   n of that type, a byte each
    exports     `run`, the first function, and `last`, the last one
    code        n bodies: the first n - 1 of 4096 bytes, the last takes what is left

A body is `i32.const k`, then `i32.const 1` and `i32.add` as often as they fit, then `nop`s and `end`. So
there is real code to compile, and `k` is chosen so that function i returns the module's size plus i: who gets
the right number from `last` has received it to its end. Sizes within are LEB128 padded to five bytes, which
the binary format allows (WebAssembly Core, section 5.2.2: at most ceil(32/7) bytes); so offsets are
arithmetic.
"""

from collections.abc import Iterator
from typing import Final

from attrs import frozen

from fetchkit.errors import BadRequestError

__all__ = ["MAX_MODULE", "MIN_MODULE", "Module"]

# The engines' limit (WebAssembly JS API, section 8.1, "Implementation-defined limits").
MAX_MODULE: Final = 1024**3
_BODY: Final = 4096
# Bodies that are made at once: 64 KiB.
_BATCH: Final = 16
_START: Final = b"\0asm\1\0\0\0" + b"\x01\x05\x01\x60\x00\x01\x7f"
_EXPORT_FIXED: Final = 1 + 5 + 1 + (1 + 3 + 1 + 5) + (1 + 4 + 1 + 5)
# Size of the body, no locals, i32.const and its five bytes.
_BODY_HEAD: Final = 5 + 1 + 1 + 5
_ADD: Final = b"\x41\x01\x6a"
_NOP: Final = b"\x01"
_END: Final = b"\x0b"
# Everything but the function section's byte a function and the bodies: two sections more, each with its id,
# its size and its count.
_FIXED: Final = len(_START) + 2 * (1 + 5 + 5) + _EXPORT_FIXED
MIN_MODULE: Final = _FIXED + 1 + _BODY_HEAD + len(_END)


@frozen
class Module:
    """The bytes of one module.

    Attributes:
        size: bytes, from MIN_MODULE to MAX_MODULE.
        version: added to what its functions return, so that another version has other bytes.
    """

    size: int
    version: int = 0

    def __attrs_post_init__(self) -> None:
        if not MIN_MODULE <= self.size <= MAX_MODULE:
            raise BadRequestError(
                f"size: a module has from {MIN_MODULE} bytes to 1GiB ({MAX_MODULE}), the engines' limit."
            )

    @property
    def functions(self) -> int:
        """How many functions there are; far below the engines' limit of 1,000,000."""
        return max(1, (self.size - _FIXED) // (_BODY + 1))

    def result(self, number: int) -> int:
        """What a function returns."""
        return self.size + number + self.version

    def pieces(self, first: int, end: int) -> Iterator[bytes]:
        """The bytes from `first` up to `end`."""
        count = self.functions
        before = _START + _section(3, 5 + count) + _padded(count)
        exports = (
            _section(7, _EXPORT_FIXED - 6)
            + b"\x02"
            + (b"\x03run\x00" + _padded(0))
            + (b"\x04last\x00" + _padded(count - 1))
        )
        code_start = _FIXED + count
        code = exports + _section(10, self.size - code_start + 5) + _padded(count)
        yield from _part(before, 0, first, end)
        types_end = len(before) + count
        for start in range(max(len(before), first), min(types_end, end), 65536):
            yield bytes(min(65536, min(types_end, end) - start))
        yield from _part(code, types_end, first, end)
        yield from self._bodies(code_start, first, end)

    def _bodies(self, code_start: int, first: int, end: int) -> Iterator[bytes]:
        last = self.functions - 1
        last_start = code_start + last * _BODY
        start = max(0, first - code_start) // _BODY
        stop = min(last, max(0, -(-(end - code_start) // _BODY)))
        adds, tail = _tail(_BODY)
        size_and_const = _padded(_BODY - 5) + b"\x00\x41"
        for number in range(start, stop, _BATCH):
            batch = b"".join(
                size_and_const + _padded(self.result(each) - adds) + tail
                for each in range(number, min(number + _BATCH, stop))
            )
            yield from _part(batch, code_start + number * _BODY, first, end)
        if end > last_start:
            size = self.size - last_start
            adds, tail = _tail(size)
            body = _padded(size - 5) + b"\x00\x41" + _padded(self.result(last) - adds) + tail
            yield from _part(body, last_start, first, end)


def _tail(size: int) -> tuple[int, bytes]:
    """How often a body of a size adds one, and what follows its constant."""
    adds, nops = divmod(size - _BODY_HEAD - len(_END), len(_ADD))
    return adds, _ADD * adds + _NOP * nops + _END


def _part(data: bytes, start: int, first: int, end: int) -> Iterator[bytes]:
    """What of `data`, which stands at `start`, is between `first` and `end`."""
    if part := data[max(0, first - start) : max(0, end - start)]:
        yield part


def _section(number: int, size: int) -> bytes:
    return bytes((number,)) + _padded(size)


def _padded(value: int) -> bytes:
    """LEB128 in five bytes; below 2^31 the signed and the unsigned form are the same."""
    return bytes(
        (
            value & 0x7F | 0x80,
            value >> 7 & 0x7F | 0x80,
            value >> 14 & 0x7F | 0x80,
            value >> 21 & 0x7F | 0x80,
            value >> 28,
        )
    )
