"""`no-cors`: a server that has never heard of CORS."""

from typing import ClassVar

from attrs import frozen

from fetchkit.origin.answer import Answer
from fetchkit.origin.faults.fault import Context, Fault


@frozen
class NoCors(Fault):
    """No CORS fields, on the answer and on a preflight's."""

    name: ClassVar[str] = "no-cors"
    help: ClassVar[str] = "no CORS fields: a page of another origin cannot read the answer"

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """Take them away."""
        answer.fields = [p for p in answer.fields if not p[0].lower().startswith("access-control-")]

    def preflight(self, answer: Answer, context: Context) -> None:
        """Take them away there too."""
        self.apply(answer, context)
