"""The command line: builds a Config, and nothing else that the library could not do."""

import signal

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run a command; exit code 0 is fine, 2 bad usage or configuration, 1 anything else; `run` has more."""
    # Ctrl-C ends us as it ends any program, and with no traceback, as long as there is nothing to end well.
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from fetchkit.cli.commands import run_command  # noqa: PLC0415
    finally:
        signal.signal(signal.SIGINT, handler)
    run_command(arguments)
