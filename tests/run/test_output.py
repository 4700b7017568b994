"""Where output goes: in order over both streams, escaped for people, exact in files, and to nobody."""

import asyncio
import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import ConfigError
from fetchkit.run.output import Output, opened
from tests.program import clean_environment

# Both streams of a process in one pipe, as in a terminal, and an end that says whether anybody still read.
PROGRAM = """
import asyncio, sys
from fetchkit.run.output import Output
async def main():
    output = Output()
    {body}
    await output.drained()
    return output.unread.is_set()
sys.exit(7 if asyncio.run(main()) else 0)
"""


def running(body: str, home: Path, *, stdout: int, stderr: int | None = None) -> "subprocess.Popen[bytes]":
    lines = body.replace("\n", "\n    ")
    command = [sys.executable, "-c", PROGRAM.format(body=lines)]
    return subprocess.Popen(command, env=clean_environment(home), stdout=stdout, stderr=stderr)


@pytest.fixture
def output() -> Output:
    return Output()


async def test_both_streams_get_their_own_lines(output: Output, capfd: pytest.CaptureFixture[str]) -> None:
    output.write("stdout", "one")
    output.write("stderr", "two")
    output.write("stdout", "three\nfour")
    output.write("stdout", "")
    output.say("five.")
    output.crash("six\n    at seven")
    await output.drained()
    assert capfd.readouterr() == (
        "one\nthree\nfour\n\n",
        "two\nfetchkit: five.\nsix\n    at seven\n",
    )


def test_streams_that_lead_to_one_place_keep_their_order(tmp_path: Path) -> None:
    body = """for n in range(10_000):
    output.write('stderr' if n % 3 else 'stdout', f'line {n}')
    if n % 100 == 0:
        await asyncio.sleep(0)"""
    with running(body, tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        text, _ = process.communicate(timeout=60)
    assert text.decode().splitlines() == [f"line {number}" for number in range(10_000)]


async def written(capfd: pytest.CaptureFixture[str], size: int) -> str:
    """Standard output, once it has so many characters."""
    text = ""
    async with asyncio.timeout(20):
        while len(text) < size:
            await asyncio.sleep(0)
            text += capfd.readouterr().out
    return text


async def test_lines_are_out_when_their_batch_is_over(
    output: Output, capfd: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        output.write("stdout", str(number))
    assert capfd.readouterr().out == ""
    assert await written(capfd, 6) == "0\n1\n2\n"
    output.write("stdout", "3")
    assert await written(capfd, 2) == "3\n"


async def test_a_batch_is_one_write(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[int] = []

    def write(_descriptor: int, data: bytes) -> int:
        writes.append(len(data))
        return len(data)

    monkeypatch.setattr(os, "write", write)
    for _ in range(1000):
        output.write("stdout", "12345")
    await output.drained()
    assert writes == [6000]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("a\rb", r"a\rb"),
        ("\ta\nb", "\ta\nb"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egpj", r"\u202egpj"),
        ("\ud800", r"\ud800"),
        ("grün 東京 👩‍👩‍👧", "grün 東京 👩‍👩‍👧"),
    ],
)
async def test_nothing_steers_a_terminal(
    output: Output, text: str, shown: str, capfd: pytest.CaptureFixture[str]
) -> None:
    output.write("stdout", text)
    output.write("stderr", text, prefix="p | ")
    output.say(text)
    output.crash(text)
    await output.drained()
    prefixed = "p | " + shown.replace("\n", "\np | ")
    assert capfd.readouterr() == (f"{shown}\n", f"{prefixed}\nfetchkit: {shown}\n{shown}\n")


async def test_a_prefix_stands_before_every_line(output: Output, capfd: pytest.CaptureFixture[str]) -> None:
    output.write("stdout", "a\n\nb", page="p", prefix="p | ")
    output.crash("c\nd", prefix="p | ")
    await output.drained()
    assert capfd.readouterr() == ("p | a\np | \np | b\n", "p | c\np | d\n")


# --- Files


async def test_files_get_the_exact_text_behind_what_they_had(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, err = tmp_path / "out.txt", tmp_path / "err.txt"
    out.write_bytes(b"before\n")
    async with opened(json_lines=False, logs={"stdout": out, "stderr": err}) as output:
        output.write("stdout", "\x1b[1m\r\ud800 é")
        output.write("stdout", "a\nb", prefix="p | ")
        output.write("stderr", "c")
        output.say("not the page's.")
        output.crash("nor this")
        output.event("exit", code=0)
    assert out.read_bytes() == b"before\n\x1b[1m\r\xed\xa0\x80 \xc3\xa9\np | a\np | b\n"
    assert err.read_bytes() == b"c\n"
    assert "not the page's." in capfd.readouterr().err


async def test_one_file_may_take_both_in_their_order(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file, same = tmp_path / "all.txt", tmp_path / "sub" / ".." / "all.txt"
    (tmp_path / "sub").mkdir()
    async with opened(json_lines=False, logs={"stdout": file, "stderr": same}) as output:
        for _ in range(100):
            output.write("stdout", "a")
            output.write("stderr", "b")
    assert file.read_text() == "a\nb\n" * 100
    capfd.readouterr()


async def test_without_files_nothing_is_written_besides(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with opened(json_lines=False, logs={"stdout": None, "stderr": None}) as output:
        output.write("stdout", "a")
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().out == "a\n"  # it is out when the block is left


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, stream: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # nobody reads there
    for file in (tmp_path, tmp_path / "missing" / "a", pipe):
        with pytest.raises(ConfigError) as error:
            async with opened(json_lines=False, logs={stream: file}):
                pass
        assert str(error.value).startswith(f"--log-{stream} {file} cannot be written: ")
        assert str(error.value).endswith(".")


@pytest.mark.parametrize("size", [1, 1_000_000])
async def test_a_file_on_a_full_disk_is_named_when_all_is_said(
    size: int, capfd: pytest.CaptureFixture[str]
) -> None:
    full = Path("/dev/full")
    async with opened(json_lines=False, logs={"stdout": full}) as output:
        output.write("stdout", "x" * size)
    assert [(stream, error.errno) for stream, error in output.lost.items()] == [("stdout", errno.ENOSPC)]
    assert not output.unread.is_set()
    assert len(capfd.readouterr().out) == size + 1


# --- JSON


async def test_json_lines_are_all_on_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    async with opened(json_lines=True, logs={}) as output:
        output.write("stdout", "a\nb\x1b")
        output.write("stderr", "\ud800é", page="a.html", prefix="a.html | ")
        output.event("exit", code=3, reason="")
        output.say("A sentence.")
    out, err = capfd.readouterr()
    assert out.isascii()
    assert [json.loads(line) for line in out.splitlines()] == [
        {"event": "stdout", "text": "a\nb\x1b"},
        {"event": "stderr", "page": "a.html", "text": "\ud800é"},
        {"event": "exit", "code": 3, "reason": ""},
    ]
    assert err == "fetchkit: A sentence.\n"


async def test_text_has_no_events(output: Output, capfd: pytest.CaptureFixture[str]) -> None:
    output.event("exit", code=3)
    await output.drained()
    assert capfd.readouterr() == ("", "")


@given(st.lists(st.text(st.characters(codec=None))))
def test_every_text_is_one_line_of_json(texts: list[str]) -> None:
    async def lines() -> list[str]:
        output = Output(json_lines=True)
        for text in texts:
            output.write("stdout", text)
        return list(output._shown._lines)

    found = asyncio.run(lines())
    assert not any("\n" in line for line in found)
    assert [json.loads(line)["text"] for line in found] == texts


# --- Nobody reads, or slowly


def test_it_is_known_when_nobody_reads_any_more(tmp_path: Path) -> None:
    body = """for n in range(100_000):
    output.write('stdout', 'line')
    await asyncio.sleep(0)
    if output.unread.is_set():
        break"""
    with running(body, tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"line\n"
        process.stdout.close()
        assert process.wait(60) == 7
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_a_full_disk_is_an_end_too(tmp_path: Path) -> None:
    with (
        Path("/dev/full").open("wb") as full,
        running("output.write('stdout', 'a')", tmp_path, stdout=full.fileno()) as process,
    ):
        assert process.wait(60) == 7


async def test_a_pipe_that_is_full_is_waited_for(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = pipe
    os.set_blocking(writer, False)  # as whoever shares it may have set it
    size = 1_000_000
    found: list[bytes] = []

    def read() -> None:
        while sum(map(len, found)) <= size:
            found.append(os.read(reader, 4096))

    class Stdout:
        def flush(self) -> None:
            pass

        def fileno(self) -> int:
            return writer

    monkeypatch.setattr(sys, "stdout", Stdout())
    thread = threading.Thread(target=read)
    thread.start()
    output = Output()
    output.write("stdout", "x" * size)
    await output.drained()
    thread.join(60)
    assert b"".join(found) == b"x" * size + b"\n"
    assert not output.unread.is_set()


# --- The line at the bottom


async def test_whatever_leaves_is_framed(capfd: pytest.CaptureFixture[str]) -> None:
    output = Output(frame=lambda stream, data: b"<" + stream.encode() + b":" + data + b">")
    output.write("stdout", "a")
    output.write("stderr", "b")
    output.redraw()
    await output.drained()
    assert capfd.readouterr() == ("<stdout:a\n>", "<stderr:b\n><stderr:>")
