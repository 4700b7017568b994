"""Which browser: names and paths to an executable of this machine.

The places are data, one row a browser; which of them exist is asked of the disk.
"""

import os
import shutil
import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from attrs import frozen

from fetchkit.errors import BrowserError
from fetchkit.text import nearest

__all__ = ["BROWSERS", "Family", "Found", "Kind", "find", "installed", "usual_paths"]


class Family(StrEnum):
    """How a browser is started and spoken to."""

    CHROMIUM = "chromium"
    FIREFOX = "firefox"


@frozen
class Found:
    """A browser of this machine.

    Attributes:
        name: as people call it; the file's name where it was given as a path.
        family: Chromium's or Firefox's.
        path: the executable, absolute.
    """

    name: str
    family: Family
    path: str


@frozen
class Kind:
    """A browser that has a name here.

    Attributes:
        name: what `--browser` takes.
        family: Chromium's or Firefox's.
        commands: executables to look for on PATH, the first one there is.
        mac: programs below `/Applications` and `~/Applications`.
        windows: programs below the folders of programs.
    """

    name: str
    family: Family
    commands: tuple[str, ...]
    mac: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()


# In the order in which they are taken where none was asked for.
BROWSERS: Final = (
    Kind(
        "chromium",
        Family.CHROMIUM,
        ("chromium", "chromium-browser"),
        ("Chromium.app/Contents/MacOS/Chromium",),
        (r"Chromium\Application\chrome.exe",),
    ),
    Kind(
        "chrome",
        Family.CHROMIUM,
        ("google-chrome", "google-chrome-stable", "chrome", "google-chrome-beta", "google-chrome-unstable"),
        ("Google Chrome.app/Contents/MacOS/Google Chrome",),
        (r"Google\Chrome\Application\chrome.exe",),
    ),
    Kind(
        "edge",
        Family.CHROMIUM,
        ("microsoft-edge", "microsoft-edge-stable", "microsoft-edge-beta", "microsoft-edge-dev", "msedge"),
        ("Microsoft Edge.app/Contents/MacOS/Microsoft Edge",),
        (r"Microsoft\Edge\Application\msedge.exe",),
    ),
    Kind(
        "firefox",
        Family.FIREFOX,
        ("firefox", "firefox-esr", "firefox-developer-edition", "firefox-nightly"),
        ("Firefox.app/Contents/MacOS/firefox",),
        (r"Mozilla Firefox\firefox.exe",),
    ),
    Kind(
        "brave",
        Family.CHROMIUM,
        ("brave", "brave-browser", "brave-browser-stable"),
        ("Brave Browser.app/Contents/MacOS/Brave Browser",),
        (r"BraveSoftware\Brave-Browser\Application\brave.exe",),
    ),
    Kind(
        "vivaldi",
        Family.CHROMIUM,
        ("vivaldi", "vivaldi-stable"),
        ("Vivaldi.app/Contents/MacOS/Vivaldi",),
        (r"Vivaldi\Application\vivaldi.exe",),
    ),
    Kind(
        "opera",
        Family.CHROMIUM,
        ("opera", "opera-stable"),
        ("Opera.app/Contents/MacOS/Opera",),
        (r"Opera\opera.exe", r"Programs\Opera\opera.exe"),
    ),
)
# What is taken unasked: these run in CI, and behave alike with a fresh profile.
_USUAL: Final = BROWSERS[:4]
# Other browsers made of Firefox, by their file names.
_FIREFOXES: Final = ("firefox", "librewolf", "waterfox", "floorp", "icecat", "nightly")
_HELP: Final = (
    "Install one (`apt-get install chromium`), name one with `--browser PATH`, or open the page in any "
    "browser yourself with `--no-browser`."
)


def find(wanted: str = "") -> Found:
    """The browser that was asked for by name or path; the first usual one where none was.

    Raises:
        BrowserError: it is not there; the text says what was looked for, and what helps.
    """
    if not wanted:
        return _first()
    if os.sep in wanted or (os.altsep is not None and os.altsep in wanted):
        return _at(wanted)
    name = wanted.lower()
    if name.startswith("safari"):
        raise BrowserError(
            "Safari cannot be started with a profile of its own, nor be spoken to without a change of its "
            "settings. Start fetchkit with `--no-browser`, and open the page in Safari yourself."
        )
    for kind in BROWSERS:
        if kind.name == name:
            if (path := _path(kind)) is None:
                raise BrowserError(f"{kind.name} is not here: {_looked_for([kind])}. {_HELP}")
            return Found(kind.name, kind.family, path)
    if path := shutil.which(wanted):
        return Found(name, _family(wanted), os.path.abspath(path))
    if os.path.exists(wanted):
        return _at(wanted)
    known = [kind.name for kind in BROWSERS]
    meant = f" Did you mean {near}?" if (near := nearest(name, known)) else ""
    raise BrowserError(
        f"There is no browser {wanted!r}: neither one of {', '.join(known)}, nor a program on PATH, nor a "
        f"path.{meant}"
    )


def installed() -> list[Found]:
    """The browsers of this machine that have a name here."""
    return [Found(kind.name, kind.family, path) for kind in BROWSERS if (path := _path(kind)) is not None]


def usual_paths(kind: Kind, platform: str) -> tuple[str, ...]:
    """Where a browser may be on a platform (`sys.platform`): commands, or paths with variables in them."""
    if platform == "win32":
        roots = ("%ProgramFiles%", "%ProgramFiles(x86)%", "%LocalAppData%")
        return tuple(rf"{root}\{program}" for program in kind.windows for root in roots)
    if platform == "darwin":
        apps = (f"{root}/{app}" for app in kind.mac for root in ("/Applications", "~/Applications"))
        return (*apps, *kind.commands)
    return kind.commands


def _first() -> Found:
    for kind in _USUAL:
        if (path := _path(kind)) is not None:
            return Found(kind.name, kind.family, path)
    raise BrowserError(f"There is no browser here: {_looked_for(_USUAL)}. {_HELP}")


def _path(kind: Kind) -> str | None:
    for place in usual_paths(kind, sys.platform):
        path = shutil.which(os.path.expanduser(os.path.expandvars(place)))
        if path is not None:
            return os.path.abspath(path)
    return None


def _at(wanted: str) -> Found:
    """A path is taken as it is; of an application of macOS the program in it."""
    path = os.path.abspath(os.path.expanduser(wanted))
    if path.endswith(".app") and os.path.isdir(path):
        path = os.path.join(path, "Contents", "MacOS", os.path.basename(path).removesuffix(".app"))
    name = os.path.basename(path)
    if not os.path.exists(path):
        raise BrowserError(f"There is no browser at {path}: the file does not exist.")
    if not os.path.isfile(path):
        raise BrowserError(f"The browser cannot be {path}: it is not a file.")
    if not os.access(path, os.X_OK):
        raise BrowserError(f"The browser cannot be {path}: the file is not executable.")
    return Found(name, _family(name), path)


def _family(name: str) -> Family:
    """By the name of the file. What is not known is spoken to as Chromium: there are many made of it."""
    return Family.FIREFOX if any(part in name.lower() for part in _FIREFOXES) else Family.CHROMIUM


def _looked_for(kinds: Iterable[Kind]) -> str:
    sought = ", ".join(place for kind in kinds for place in usual_paths(kind, sys.platform))
    return f"looked for {sought}" + ("" if sys.platform == "win32" else " on PATH")
