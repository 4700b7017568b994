"""The command lines of browsers: quick to start, quiet on the network. Values in, values out."""

import json
from collections.abc import Sequence
from typing import Final

from attrs import frozen

__all__ = ["CommandLine", "Machine", "chromium", "firefox"]

# Docker gives 64 MiB of shared memory, which one busy page of Chromium fills, and then crashes.
SMALL_SHARED_MEMORY: Final = 1024 * 1024 * 1024


@frozen
class Machine:
    """What decides about flags.

    Attributes:
        linux: on Linux.
        root: as the superuser.
        shared_memory: bytes free in /dev/shm.
    """

    linux: bool
    root: bool
    shared_memory: int


@frozen
class CommandLine:
    """How to start a browser.

    Attributes:
        arguments: behind the executable.
        profile: which of them gets the profile's path appended.
        file: name and text of a file in the profile; empty for none.
    """

    arguments: tuple[str, ...]
    profile: int
    file: tuple[str, str] = ("", "")


_CHROMIUM: Final = (
    # No window of its own, none of the questions of a first start: 180 ms sooner, and one tab less.
    "--no-startup-window",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-default-apps",
    "--disable-component-extensions-with-background-pages",
    "--no-service-autorun",
    # Nothing but the page talks to the network.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-field-trial-config",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-pings",
    # QUIC would try UDP beside the server's TCP.
    "--disable-quic",
    # No reports of crashes: their handlers are two more processes, which leave the group.
    "--disable-breakpad",
    # No keyring of the desktop, which may ask for a password.
    "--password-store=basic",
    "--use-mock-keychain",
    # Programs run at full speed in hidden and covered tabs, and are not asked about when they are busy.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-hang-monitor",
    # No process is kept ready for a site that may come: two of five a page, a tenth of its CPU time.
    "--disable-features=DialMediaRouteProvider,MediaRouter,OptimizationHints,SpareRendererForSitePerProcess,Translate",
)

_FIREFOX: Final[dict[str, bool | int | str]] = {
    # Pages and questions of a first start, and at the end.
    "browser.aboutConfig.showWarning": False,
    "browser.aboutwelcome.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "browser.tabs.warnOnClose": False,
    "browser.warnOnQuit": False,
    "browser.sessionstore.resume_from_crash": False,
    "datareporting.policy.dataSubmissionPolicyBypassNotification": True,
    "termsofuse.bypassNotification": True,
    "trailhead.firstrun.didSeeAboutWelcome": True,
    # Nothing but the page talks to the network.
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.newtabpage.enabled": False,
    "browser.newtabpage.activity-stream.feeds.system.topstories": False,
    "browser.region.network.url": "",
    "browser.safebrowsing.blockedURIs.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.safebrowsing.update.enabled": False,
    "browser.search.update": False,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.push.connection.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.unified": False,
    "toolkit.telemetry.server": "data:,",
    # Programs run at full speed in hidden tabs, and are not asked about when they are busy.
    "dom.ipc.processHangMonitor": False,
    "dom.max_script_run_time": 0,
    "dom.min_background_timeout_value": 4,
    "dom.timeout.enable_budget_timer_throttling": False,
    "widget.windows.window_occlusion_tracking.enabled": False,
    # No processes ahead of need; BiDi alone.
    "dom.ipc.processPrelaunch.enabled": False,
    "remote.active-protocols": 1,
}


def chromium(machine: Machine, *, headless: bool, args: Sequence[str]) -> CommandLine:
    """Of Chromium and what is made of it; the user's own arguments come last and win."""
    arguments = ["--user-data-dir=", "--remote-debugging-pipe", *_CHROMIUM]
    if headless:
        # Without a display there is nothing to compose for; the GPU's process is only slower to start.
        arguments += ["--headless", "--disable-gpu", "--mute-audio", "--hide-scrollbars"]
        # Nobody is there to allow a pop-up.
        arguments += ["--disable-popup-blocking"]
    if machine.linux and machine.root:
        # The sandbox needs a user that is not root: Chromium refuses to start.
        arguments += ["--no-sandbox"]
    if machine.linux and machine.shared_memory < SMALL_SHARED_MEMORY:
        arguments += ["--disable-dev-shm-usage"]
    return CommandLine((*arguments, *_merged(args)), 0)


def firefox(*, headless: bool, args: Sequence[str]) -> CommandLine:
    """Of Firefox and what is made of it."""
    arguments = ["--profile", "", "--no-remote", "--remote-debugging-port=0"]
    if headless:
        arguments += ["--headless"]
    return CommandLine((*arguments, *args, "about:blank"), 1, ("user.js", _user_js()))


def _merged(args: Sequence[str]) -> list[str]:
    """Of `--disable-features` Chromium obeys the last alone: the user's are added to ours."""
    flag = "--disable-features="
    ours = next(word for word in _CHROMIUM if word.startswith(flag))
    return [f"{ours},{word.removeprefix(flag)}" if word.startswith(flag) else word for word in args]


def _user_js() -> str:
    return "".join(f'user_pref("{name}", {json.dumps(value)});\n' for name, value in _FIREFOX.items())
