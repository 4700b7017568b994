"""Runs Python inside the namespaces of another process: `enter.py PID ARGUMENT…`."""

import os
import sys

if __name__ == "__main__":
    pid, *arguments = sys.argv[1:]
    user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    command = ["nsenter", f"--target={pid}", "--net", "--mount", f"--wd={os.getcwd()}", *user]
    os.execvp(command[0], [*command, sys.executable, *arguments])  # noqa: S606  a signal reaches the program itself
