"""`corp`, `coop`, `coep`: the isolation policies of one answer."""

from typing import ClassVar, Self

from attrs import frozen

from fetchkit.isolation.rules import Coep, Coop, Corp
from fetchkit.origin.answer import Answer
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.settings import Origin


@frozen
class Policy(Fault):
    """One of the isolation policies (HTML standard, section 7.1; Fetch standard, section 3.7)."""

    field: ClassVar[str]
    values: ClassVar[tuple[str, ...]]

    value: str

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read the value, or `none`."""
        call.at_most(1)
        return cls(call.choice(0, (*cls.values, "none")))

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """Set it, or take it away."""
        if self.value == "none":
            answer.remove(self.field)
        else:
            answer.set(self.field, self.value)


class PolicyOfResource(Policy):
    """Who may embed the answer."""

    name: ClassVar[str] = "corp"
    usage: ClassVar[str] = "same-origin|same-site|cross-origin|none"
    help: ClassVar[str] = "another Cross-Origin-Resource-Policy, or none"
    field: ClassVar[str] = "Cross-Origin-Resource-Policy"
    values: ClassVar[tuple[str, ...]] = tuple(Corp)


class OpenerPolicy(Policy):
    """Whom a page shares its browsing context group with."""

    name: ClassVar[str] = "coop"
    usage: ClassVar[str] = "|".join((*Coop, "none"))
    help: ClassVar[str] = "another Cross-Origin-Opener-Policy, or none"
    field: ClassVar[str] = "Cross-Origin-Opener-Policy"
    values: ClassVar[tuple[str, ...]] = tuple(Coop)


class EmbedderPolicy(Policy):
    """What a page may embed."""

    name: ClassVar[str] = "coep"
    usage: ClassVar[str] = "|".join((*Coep, "none"))
    help: ClassVar[str] = "another Cross-Origin-Embedder-Policy, or none"
    field: ClassVar[str] = "Cross-Origin-Embedder-Policy"
    values: ClassVar[tuple[str, ...]] = tuple(Coep)
