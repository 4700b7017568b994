"""What the system lets a process have."""

import contextlib

__all__ = ["raise_descriptor_limit"]

_MOST_DESCRIPTORS = 10_240


def raise_descriptor_limit() -> None:
    """Have as many descriptors as the system lets us: a tunnel needs two, and shells give 1024."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415  not on Windows

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        # macOS says that there is no limit, and then takes no more than this (OPEN_MAX).
        wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
