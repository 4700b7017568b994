"""`early-hints(LINK,…)`: 103 before the answer."""

from typing import ClassVar, Self

from attrs import frozen

from fetchkit.origin.answer import Answer, Unframed
from fetchkit.origin.faults.fault import Context, Fault, impossible
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.fields import check_field
from fetchkit.origin.settings import Origin


@frozen
class EarlyHints(Fault):
    """103 Early Hints (RFC 8297)."""

    name: ClassVar[str] = "early-hints"
    usage: ClassVar[str] = "[LINK,…]"
    help: ClassVar[str] = "send 103 with Link fields before the answer"

    links: tuple[str, ...]

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:
        """Read the links."""
        for index in range(len(call.arguments)):
            call.parsed(index, lambda link: check_field("Link", link, dangerous=settings.dangerous))
        return cls(tuple(a.text for a in call.arguments) or ("</style.css>; rel=preload; as=style",))

    def apply(self, answer: Answer, context: Context) -> None:
        """Send them next: what earlier functions wait for goes before, later ones wait after."""
        if context.http10:
            impossible("HTTP/1.0 has no interim responses.")
        lines = "".join(f"Link: {link}\r\n" for link in self.links)
        head = f"HTTP/1.1 103 Early Hints\r\n{lines}\r\n"
        answer.before.append(Unframed(head.encode("utf-8", "surrogateescape")))
