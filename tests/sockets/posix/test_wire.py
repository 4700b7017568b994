"""Tests of the messages: whole, cut at every byte, with trailing bytes, of random bytes; and every reply."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.sockets.posix import wire
from fetchkit.sockets.posix.numbers import EAI, ERRNO
from fetchkit.sockets.posix.wire import Function, WireError, parse_request

from . import messages as client

EINVAL, ENOSYS = ERRNO["EINVAL"], ERRNO["ENOSYS"]
HERE = client.sockaddr_in((127, 0, 0, 1), 7777)
HERE6 = client.sockaddr_in6(bytes(15) + b"\1", 80, 5, 3)

# A request of every function: the message, and what it says.
REQUESTS: list[tuple[bytes, wire.Request]] = [
    (client.socket(1, 2, 1, 6), wire.Socket(1, 2, 1, 6)),
    (client.socketpair(2, 1, 2, 0), wire.SocketPair(2, 1, 2, 0)),
    (client.shutdown(3, 256, 2), wire.Shutdown(3, 256, 2)),
    (client.bind(4, 256, HERE), wire.Bind(4, 256, memoryview(HERE))),
    (client.connect(5, 256, HERE6), wire.Connect(5, 256, memoryview(HERE6))),
    (client.listen(6, 256, 5), wire.Listen(6, 256, 5)),
    (client.accept(7, 256, 16), wire.Accept(7, 256, 16)),
    (client.getsockname(8, 256, 256), wire.GetSockName(8, 256, 128)),
    (client.getpeername(9, 256, 256), wire.GetPeerName(9, 256, 128)),
    (client.send(10, 256, b"hello", 0x40), wire.Send(10, 256, 0x40, memoryview(b"hello"))),
    (client.recv(11, 256, 4096, 2), wire.Recv(11, 256, 4096, 2)),
    (
        client.sendto(12, 256, b"hello", HERE, 1),
        wire.SendTo(12, 256, 1, memoryview(HERE), memoryview(b"hello")),
    ),
    (client.recvfrom(13, 256, 4096, 28, 2), wire.RecvFrom(13, 256, 4096, 2, 28)),
    (
        client.sendmsg(14, 256, b"hello", HERE, ((0, 2, b"\7\0\0\0"), (41, 67, b"")), 1),
        wire.SendMsg(
            14,
            256,
            1,
            memoryview(HERE),
            (
                wire.ControlItem(0, 2, memoryview(b"\7\0\0\0")),
                wire.ControlItem(41, 67, memoryview(b"")),
            ),
            memoryview(b"hello"),
        ),
    ),
    (client.recvmsg(15, 256, 4096, 28, 64, 2), wire.RecvMsg(15, 256, 4096, 2, 28, 64)),
    (client.getsockopt(16, 256, 1, 4, 4), wire.GetSockOpt(16, 256, 1, 4, 4)),
    (
        client.setsockopt(17, 256, 1, 2, b"\1\0\0\0"),
        wire.SetSockOpt(17, 256, 1, 2, memoryview(b"\1\0\0\0")),
    ),
    (
        client.getaddrinfo(18, b"localhost", b"80", (1, 2, 3, 4)),
        wire.GetAddrInfo(18, b"localhost", b"80", wire.Hints(1, 2, 3, 4)),
    ),
    (client.getnameinfo(19, HERE, 3, 255, 32), wire.GetNameInfo(19, 3, 255, 32, memoryview(HERE))),
]
IDS = [type(request).__name__ for _, request in REQUESTS]

i32 = st.integers(-(2**31), 2**31 - 1)
u32 = st.integers(0, 2**32 - 1)
calls = st.integers(1, 2**31 - 1)
payloads = st.binary(max_size=200)
addresses = st.binary(max_size=128)
names = st.binary(min_size=1, max_size=127).filter(lambda name: b"\0" not in name)


def refused(data: bytes) -> WireError:
    with pytest.raises(WireError) as caught:
        parse_request(data)
    return caught.value


def test_every_function_has_its_number() -> None:
    assert [function.value for function in Function] == list(range(1, 20))
    assert [struct.unpack_from("<i", data, 4)[0] for data, _ in REQUESTS] == list(range(1, 20))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize(("data", "request_"), REQUESTS, ids=IDS)
def test_a_whole_request_is_understood(data: bytes, request_: wire.Request, kind: Any) -> None:
    assert parse_request(kind(data)) == request_


@pytest.mark.parametrize(("data", "request_"), REQUESTS, ids=IDS)
def test_bytes_after_the_last_field_are_ignored(data: bytes, request_: wire.Request) -> None:
    for extra in (b"\0", b"\xff", b"\xff\xff\xff"):
        assert parse_request(data + extra) == request_
    if not isinstance(request_, wire.Accept):  # flags follow
        assert parse_request(data + b"\xff" * 300) == request_


@pytest.mark.parametrize(("data", "request_"), REQUESTS, ids=IDS)
def test_a_request_cut_anywhere_is_an_error_that_knows_its_call(data: bytes, request_: wire.Request) -> None:
    function = data[4]
    is_name = function in (Function.GETSOCKNAME, Function.GETPEERNAME)
    for size in range(len(data)):
        if is_name and size >= 12:
            assert parse_request(data[:size]) == request_  # its length is cut, and known all the same
            continue
        error = refused(data[:size])
        assert error.call == (request_.call if size >= 4 else None)
        assert error.function == (function if size >= 8 else None)
        assert error.name == ("EINVAL" if size >= 8 and not is_name else "EOPNOTSUPP")
        assert error.number == ERRNO[error.name]
        assert error.is_runt == (size < 8 or is_name)


@pytest.mark.parametrize("function", [0, 20, -1, 2**31 - 1, -(2**31)])
def test_an_unknown_function_is_enosys(function: int) -> None:
    error = refused(client.head(5, function, 1, 2, 3))
    assert (error.call, error.function, error.name) == (5, function, "ENOSYS")
    assert not error.is_runt


@pytest.mark.parametrize("length", [6, 100, 2**31 - 1, 2**31, 2**32 - 1])
@pytest.mark.parametrize("function", [4, 5, 10, 12, 14, 17, 19])
def test_a_length_beyond_what_came_is_einval(function: int, length: int) -> None:
    # No byte that the page did not send is read: the reference server sent its heap.
    data = {
        4: client.head(1, 4, 256, length) + b"12345",
        5: client.head(1, 5, 256, length) + b"12345",
        10: client.head(1, 10, 256, length, 0) + b"12345",
        12: client.head(1, 12, 256, length, 0, 0) + bytes(256) + b"12345",
        14: client.head(1, 14, 256, 0, 0, 0, length) + b"12345",
        17: client.head(1, 17, 256, 1, 2, length) + b"12345",
        19: client.head(1, 19, 0, 0, 0, length) + b"12345",
    }[function]
    error = refused(data)
    assert (error.call, error.function, error.name) == (1, function, "EINVAL")


@pytest.mark.parametrize("function", [4, 5, 12, 14, 19])
@pytest.mark.parametrize("length", [129, 256, 257, 2**32 - 1])
def test_an_address_beyond_sockaddr_storage_is_einval_though_it_came(function: int, length: int) -> None:
    rest = bytes(1000)
    data = {
        4: client.head(1, 4, 256, length) + rest,
        5: client.head(1, 5, 256, length) + rest,
        12: client.head(1, 12, 256, 5, 0, length) + rest,
        14: client.head(1, 14, 256, 0, length, 0, 5) + rest,
        19: client.head(1, 19, 0, 0, 0, length) + rest,
    }[function]
    assert refused(data).name == "EINVAL"


def test_the_largest_address_passes() -> None:
    address = bytes(range(128))
    assert parse_request(client.connect(1, 256, address)) == wire.Connect(1, 256, memoryview(address))


def test_payloads_are_views_of_the_message() -> None:
    message = bytearray(client.send(1, 256, b"hello"))
    request = parse_request(message)
    assert isinstance(request, wire.Send)
    message[-5:] = b"HELLO"
    assert bytes(request.data) == b"HELLO"


@pytest.mark.parametrize("length", [129, 0x63736D65, 2**31, 2**32 - 1])
def test_room_for_an_address_may_be_anything(length: int) -> None:
    # recvfrom(…, NULL, NULL) reads the length from address 0 of the program's memory.
    received = parse_request(client.recvfrom(1, 256, 10, length))
    accepted = parse_request(client.accept(1, 256, length))
    assert isinstance(received, wire.RecvFrom)
    assert isinstance(accepted, wire.Accept)
    assert received.address_len == accepted.address_len == 128


@pytest.mark.parametrize(("flags", "expected"), [(None, 0), (0, 0), (0o4000, 0o4000), (-1, -1)])
def test_accept4_is_an_accept_with_flags(flags: int | None, expected: int) -> None:
    assert parse_request(client.accept(1, 256, 16, flags)) == wire.Accept(1, 256, 16, expected)


@pytest.mark.parametrize("address_len", range(241))
def test_getsockname_with_a_small_buffer_sends_an_empty_message(address_len: int) -> None:
    error = refused(client.getsockname(7, 256, address_len))
    assert error.is_runt
    assert error.call is None


@pytest.mark.parametrize("function", [8, 9])
@pytest.mark.parametrize("address_len", range(241, 300))
def test_getsockname_is_understood_as_soon_as_the_descriptor_came(address_len: int, function: int) -> None:
    data = client.getsockname(7, 300, address_len, function)
    if address_len < 252:
        error = refused(data)
        assert (error.is_runt, error.name) == (True, "EOPNOTSUPP")
        assert error.call == (7 if address_len >= 244 else None)
    else:
        kind = wire.GetSockName if function == 8 else wire.GetPeerName
        assert parse_request(data) == kind(7, 300, 128)


@pytest.mark.parametrize("length", [2**31, 2**32 - 1])
def test_a_negative_room_for_an_option_is_einval(length: int) -> None:
    assert refused(client.getsockopt(1, 256, 1, 4, length)).name == "EINVAL"


@pytest.mark.parametrize("length", [4097, 2**31, 2**32 - 1])
def test_a_giant_option_is_einval_though_it_came(length: int) -> None:
    assert refused(client.head(1, 17, 256, 1, 2, length) + bytes(5000)).name == "EINVAL"


def test_null_names_arrive_empty() -> None:
    assert parse_request(client.getaddrinfo(1)) == wire.GetAddrInfo(1, None, None, None)


def test_hints_count_only_where_there_are_some() -> None:
    data = bytearray(client.getaddrinfo(1, b"a", b"b", (1, 2, 3, 4)))
    data[2184:2188] = bytes(4)
    assert parse_request(data) == wire.GetAddrInfo(1, b"a", b"b", None)


@pytest.mark.parametrize(
    ("node", "service"), [(b"a" * 2048, b""), (b"", b"a" * 128)], ids=["node", "service"]
)
def test_a_name_that_fills_its_field_is_einval(node: bytes, service: bytes) -> None:
    assert refused(client.getaddrinfo(1, node, service)).name == "EINVAL"
    parse_request(client.getaddrinfo(1, node[:-1], service[:-1]))


def test_a_name_of_3000_bytes_runs_over_all_fields() -> None:
    assert refused(client.getaddrinfo(1, b"a" * 3000)).name == "EINVAL"


@pytest.mark.parametrize(
    "control",
    [b"\0", bytes(11), struct.pack("<iiI", 0, 2, 5) + bytes(4), struct.pack("<iiI", 0, 2, 2**32 - 1)],
)
def test_ancillary_data_that_is_cut_is_einval(control: bytes) -> None:
    data = client.head(1, 14, 256, 0, 0, len(control), 3) + control + b"abc"
    assert refused(data).name == "EINVAL"


def test_too_much_ancillary_data_is_enobufs() -> None:
    assert refused(client.head(1, 14, 256, 0, 0, 4097, 0) + bytes(5000)).name == "ENOBUFS"
    request = parse_request(client.recvmsg(1, 256, 10, control_len=2**32 - 1))
    assert isinstance(request, wire.RecvMsg)
    assert request.control_len == 4096


def parsed(data: bytes) -> wire.Request | WireError:
    """Either; no other exception passes."""
    try:
        return parse_request(data)
    except WireError as error:
        return error


@given(st.binary(max_size=400))
def test_random_bytes_are_a_request_or_a_wire_error(data: bytes) -> None:
    result = parsed(data)
    assert result.call == (struct.unpack_from("<i", data)[0] if len(data) >= 4 else None)
    assert not isinstance(result, WireError) or result.number in ERRNO.values()


@given(calls, st.integers(1, 19), st.binary(max_size=400))
def test_random_fields_are_a_request_or_a_wire_error(call: int, function: int, rest: bytes) -> None:
    result = parsed(client.head(call, function) + rest)
    assert result.call == call
    if isinstance(result, WireError):
        assert result.function == function
        assert result.name in {"EINVAL", "EOPNOTSUPP", "ENOBUFS"}


@given(calls, i32, i32, i32)
def test_integers_are_signed(call: int, one: int, two: int, three: int) -> None:
    assert parse_request(client.socket(call, one, two, three)) == wire.Socket(call, one, two, three)
    assert parse_request(client.listen(call, one, two)) == wire.Listen(call, one, two)


@given(calls, i32, u32, i32)
def test_lengths_are_not(call: int, number: int, length: int, flags: int) -> None:
    assert parse_request(client.recv(call, number, length, flags)) == wire.Recv(call, number, length, flags)


@given(calls, i32, i32, payloads, addresses)
def test_what_is_sent_arrives(call: int, number: int, flags: int, data: bytes, address: bytes) -> None:
    view, target = memoryview(data), memoryview(address)
    assert parse_request(client.send(call, number, data, flags)) == wire.Send(call, number, flags, view)
    assert parse_request(client.sendto(call, number, data, address, flags)) == wire.SendTo(
        call, number, flags, target, view
    )
    assert parse_request(client.setsockopt(call, number, 1, flags, data)) == wire.SetSockOpt(
        call, number, 1, flags, view
    )


@given(calls, payloads, addresses, st.lists(st.tuples(i32, i32, st.binary(max_size=40)), max_size=5))
def test_messages_arrive(call: int, data: bytes, address: bytes, control: list[client.Item]) -> None:
    request = parse_request(client.sendmsg(call, 256, data, address, tuple(control)))
    assert isinstance(request, wire.SendMsg)
    assert (bytes(request.address), bytes(request.data)) == (address, data)
    assert [(item.level, item.type, bytes(item.data)) for item in request.control] == control


@given(calls, names, names)
def test_names_arrive(call: int, node: bytes, service: bytes) -> None:
    assert parse_request(client.getaddrinfo(call, node, service)) == wire.GetAddrInfo(
        call, node, service, None
    )


# --- replies

MINIMA = {2: 20, 8: 16, 9: 16, 13: 20, 15: 28, 18: 2064, 19: 20}


@pytest.mark.parametrize("function", range(1, 20))
def test_an_error_has_as_many_bytes_as_the_client_wants(function: int) -> None:
    data = wire.error_reply(5, function, EINVAL)
    assert len(data) == MINIMA.get(function, 12)
    result = EAI["EAI_SYSTEM"] if function in (18, 19) else -1
    assert client.read_head(data, function) == (5, result, EINVAL)
    assert not any(data[12:])


@pytest.mark.parametrize("function", [None, 0, 20, -1])
def test_an_error_of_an_unknown_function_fits_all(function: int | None) -> None:
    data = wire.error_reply(5, function, ENOSYS)
    assert data == struct.pack("<iii", 5, -1, ENOSYS) + bytes(2052)


@pytest.mark.parametrize("function", [18, 19])
def test_names_return_their_error(function: int) -> None:
    data = wire.error_reply(5, function, EAI["EAI_NONAME"])
    assert client.read_head(data, function) == (5, EAI["EAI_NONAME"], 0)


def test_a_plain_reply_is_a_head() -> None:
    assert wire.reply(-7, 3) == struct.pack("<iii", -7, 3, 0)
    assert wire.reply(7) == struct.pack("<iii", 7, 0, 0)


def test_a_runt_is_answered_with_sixteen_bytes() -> None:
    assert wire.runt_reply(9) == struct.pack("<iiii", 9, -1, 138, 0)


def test_socketpair_gives_two_descriptors() -> None:
    data = wire.pair_reply(1, 256, 257)
    assert client.read_socketpair(data) == (256, 257)
    assert len(data) == 20


def test_accept_gives_a_descriptor_without_errno_and_the_address() -> None:
    assert client.read_accept(wire.accept_reply(1, 257, HERE)) == (257, HERE)


@pytest.mark.parametrize("address", [HERE, HERE6, b""], ids=len)
def test_names_are_whole(address: bytes) -> None:
    data = wire.name_reply(1, address)
    assert client.read_name(data) == address
    assert client.read_name(wire.name_reply(1, address), function=9) == address


@given(payloads, st.integers(0, 300))
def test_recv_gives_what_the_client_copies(data: bytes, more: int) -> None:
    request = wire.Recv(1, 256, len(data) + more, 0)
    assert client.read_recv(wire.recv_reply(request, data), request.length) == (len(data), data)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_recv_takes_any_buffer(kind: Any) -> None:
    data = wire.recv_reply(wire.Recv(1, 256, 10, 0), kind(b"hello"))
    assert data == struct.pack("<iii", 1, 5, 0) + b"hello"


def test_recv_of_a_cut_datagram_says_its_length() -> None:
    request = wire.Recv(1, 256, 4, 0x20)
    assert client.read_recv(wire.recv_reply(request, b"abcd", 1000), 4) == (1000, b"abcd")


def test_recv_never_lets_the_client_read_beyond_the_reply() -> None:
    request = wire.Recv(1, 256, 100, 0x20)
    assert client.read_recv(wire.recv_reply(request, b"abcd", 6), 100) == (6, b"abcd\0\0")


@given(payloads, st.sampled_from([HERE, HERE6, b""]), st.integers(0, 256), st.integers(0, 256))
def test_recvfrom_gives_the_real_size_and_enough_bytes(
    data: bytes, address: bytes, room: int, more: int
) -> None:
    request = wire.RecvFrom(1, 256, len(data) + more, 0, room)
    reply = wire.recvfrom_reply(request, data, address)
    assert struct.unpack_from("<i", reply, 16) == (len(address),)
    received = client.read_recvfrom(reply, request.length, room)
    assert received == client.Received(len(data), data, address[:room])


def test_recvfrom_of_a_cut_datagram_says_its_length() -> None:
    reply = wire.recvfrom_reply(wire.RecvFrom(1, 256, 4, 0x20, 16), b"abcd", HERE, 1000)
    assert client.read_recvfrom(reply, 4, 16) == client.Received(1000, b"abcd", HERE)


def test_recvmsg_gives_everything() -> None:
    items = ((0, 8, b"123456789012"), (41, 52, b"\7\0\0\0"))
    request = wire.RecvMsg(1, 256, 5, 0, 28, 64)
    reply = wire.recvmsg_reply(
        request, b"hello", HERE, [wire.ControlItem(*item) for item in items], flags=0x20, result=9
    )
    assert client.read_recvmsg(reply) == client.Received(9, b"hello", HERE, items, 0x20)
    assert client.read_recvmsg(wire.recvmsg_reply(request, b"")) == client.Received(0, b"", b"")


@pytest.mark.parametrize(("room", "kept"), [(0, 0), (15, 0), (16, 1), (31, 1), (32, 2), (4096, 2)])
def test_recvmsg_leaves_out_items_that_do_not_fit(room: int, kept: int) -> None:
    items = ((0, 2, b"\7\0\0\0"), (0, 1, b"\1\0\0\0"))
    request = wire.RecvMsg(1, 256, 5, 0, 28, room)
    reply = wire.recvmsg_reply(request, b"hello", HERE, [wire.ControlItem(*item) for item in items])
    received = client.read_recvmsg(reply)
    assert received.control == items[:kept]
    assert received.flags == (0 if kept == 2 else 8)  # MSG_CTRUNC


@pytest.mark.parametrize("room", [0, 1, 2, 4, 16])
def test_getsockopt_has_the_value_where_the_client_reads_it(room: int) -> None:
    request = wire.GetSockOpt(1, 256, 1, 3, room)
    value = b"\1\2\3\4"
    reply = wire.getsockopt_reply(request, value)
    kept = value[:room]
    assert reply == struct.pack("<iii", 1, 0, 0) + kept
    assert client.read_getsockopt(reply, room) == (kept, len(kept))


def test_getsockopt_can_be_as_the_reference_writes_it() -> None:
    request = wire.GetSockOpt(1, 256, 1, 3, 4)
    reply = wire.getsockopt_reply(request, b"\1\2\3\4", wire.Layout.NATIVE)
    assert reply == struct.pack("<iiii", 1, 0, 0, 4) + b"\1\2\3\4"


record_lists = st.lists(
    st.builds(wire.AddressRecord, i32, i32, i32, i32, st.binary(max_size=128)), min_size=1, max_size=8
)


@given(names, record_lists)
def test_getaddrinfo_gives_records(name: bytes, records: list[wire.AddressRecord]) -> None:
    reply = wire.getaddrinfo_reply(wire.GetAddrInfo(1, b"a", None, None), name, records)
    expected = [client.AddrInfo(r.flags, r.family, r.type, r.protocol, r.address) for r in records]
    assert client.read_getaddrinfo(reply) == (name, expected)


def test_getaddrinfo_never_succeeds_without_a_record() -> None:
    reply = wire.getaddrinfo_reply(wire.GetAddrInfo(1, b"a", None, None), b"", [])
    assert client.read_head(reply, 18) == (1, EAI["EAI_NONAME"], 0)


def test_getaddrinfo_is_bounded() -> None:
    record = wire.AddressRecord(0, 2, 1, 6, HERE)
    reply = wire.getaddrinfo_reply(wire.GetAddrInfo(1, b"a", None, None), b"n" * 5000, [record] * 1000)
    name, records = client.read_getaddrinfo(reply)
    assert (len(name), len(records)) == (2047, 256)


@pytest.mark.parametrize(
    ("host_len", "service_len", "expected"),
    [
        (255, 32, (b"localhost", b"http")),
        (10, 5, (b"localhost", b"http")),
        (0, 5, (b"", b"http")),
        (10, 0, (b"localhost", b"")),
        (9, 5, None),
        (10, 4, None),
    ],
)
def test_getnameinfo_gives_names_that_fit_with_their_nul(
    host_len: int, service_len: int, expected: tuple[bytes, bytes] | None
) -> None:
    request = wire.GetNameInfo(1, 0, host_len, service_len, memoryview(HERE))
    reply = wire.getnameinfo_reply(request, b"localhost", b"http")
    if expected is None:
        assert client.read_head(reply, 19) == (1, EAI["EAI_OVERFLOW"], 0)
    else:
        assert client.read_getnameinfo(reply) == expected
