"""Every fault that a pipe may name: one row each."""

from typing import Final

from fetchkit.origin.faults.bad_chunk import BadChunk
from fetchkit.origin.faults.bomb import Bomb
from fetchkit.origin.faults.burst import Burst
from fetchkit.origin.faults.chunked import Chunked
from fetchkit.origin.faults.coding import Br, Deflate, Gzip, Zstd
from fetchkit.origin.faults.corrupt import Corrupt
from fetchkit.origin.faults.cors import Cors
from fetchkit.origin.faults.cut import Cut
from fetchkit.origin.faults.delay import Delay
from fetchkit.origin.faults.early_hints import EarlyHints
from fetchkit.origin.faults.etag import Etag
from fetchkit.origin.faults.fail import Fail
from fetchkit.origin.faults.fault import Fault
from fetchkit.origin.faults.fin_before_headers import FinBeforeHeaders
from fetchkit.origin.faults.flaky import Flaky
from fetchkit.origin.faults.half_headers import HalfHeaders
from fetchkit.origin.faults.head import Head
from fetchkit.origin.faults.header import Header
from fetchkit.origin.faults.length import Length
from fetchkit.origin.faults.mislabel import Mislabel
from fetchkit.origin.faults.no_cors import NoCors
from fetchkit.origin.faults.no_last_chunk import NoLastChunk
from fetchkit.origin.faults.no_length import NoLength
from fetchkit.origin.faults.policies import EmbedderPolicy, OpenerPolicy, PolicyOfResource
from fetchkit.origin.faults.preflight import Preflight
from fetchkit.origin.faults.range import Range
from fetchkit.origin.faults.reset import Reset
from fetchkit.origin.faults.retry_after import RetryAfter
from fetchkit.origin.faults.rst_before_headers import RstBeforeHeaders
from fetchkit.origin.faults.server_timing import ServerTiming
from fetchkit.origin.faults.stall import Stall
from fetchkit.origin.faults.status import Status
from fetchkit.origin.faults.trailers import Trailers
from fetchkit.origin.faults.trickle import Trickle
from fetchkit.origin.faults.type import Type

__all__ = ["FAULTS", "GROUPS"]

# As the page and the documentation group them.
GROUPS: Final[dict[str, tuple[type[Fault], ...]]] = {
    "Head": (Status, Header, Type, RetryAfter, ServerTiming, EarlyHints, Trailers),
    "Time": (Delay, Trickle, Burst, Stall),
    "Ends": (Reset, Cut, FinBeforeHeaders, RstBeforeHeaders, HalfHeaders),
    "Framing": (Length, NoLength, Chunked, BadChunk, NoLastChunk),
    "Content": (Gzip, Br, Zstd, Deflate, Mislabel, Corrupt, Bomb),
    "Ranges and validators": (Range, Head, Etag),
    "CORS and isolation": (NoCors, Cors, Preflight, PolicyOfResource, EmbedderPolicy, OpenerPolicy),
    "Memory": (Fail, Flaky),
}
FAULTS: Final[dict[str, type[Fault]]] = {fault.name: fault for group in GROUPS.values() for fault in group}
