"""What Redis does in one step for each operation: Lua, which it runs while nobody else gets a turn.

```
fetchkit:origin:used          sorted set: tokens by their last use, in microseconds of Redis's own clock
fetchkit:origin:charges       hash: `t<token>` what it is charged, `=` the sum
fetchkit:origin:token:<token> hash with everything below the token:
    =d  =n                       bytes of its data, weight of its names
    n<name>                      a counter
    s<name> c<name> d<i>:<name>  a value: its size, the number of its pieces, piece i
    f<name> l<name> i<i>:<name>  a list: number of its first item, number behind its last, item i
```

The dangers:

- One key a token: it expires as a whole, and is dropped in one command. A value is in pieces, since a field
  of a hash cannot be extended without being written anew.
- The clocks of machines differ, so Redis's is asked; it may be set back, so the last use only ever grows.
- Redis may have evicted a key of ours (its own maxmemory), or lost the last second. A token without its hash
  was never there; where one token alone is left, the sum is its charge.
- Numbers in Lua are doubles: exact to 2^53, joined to a string only to 10^14, and minus nought is `-0`, which
  is no integer to Redis.
"""

from typing import Final

from fetchkit.origin.memory.bounds import FREE, PER_NAME, SWEEP

__all__ = ["CONFLICT", "DONE", "FULL", "SCRIPTS"]

# What the first number of an answer says.
DONE: Final = 0
FULL: Final = 1
CONFLICT: Final = 2

# A piece that is shorter is written anew when the value grows: many small writes make few pieces.
PIECE: Final = 64 * 1024

_CONSTANTS: Final = f"""
local FREE, PER_NAME, SWEEP, PIECE = {FREE}, {PER_NAME}, {SWEEP}, {PIECE}
local DONE, FULL, CONFLICT = {DONE}, {FULL}, {CONFLICT}
"""

_PRELUDE: Final = """
local call = redis.call
local used, charges, here = KEYS[1], KEYS[2], KEYS[3]
local token, name = ARGV[1], ARGV[2]
local expiry, max_tokens, max_memory = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local prefix = string.sub(here, 1, #here - #token)

local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local newest = call('ZREVRANGE', used, 0, 0, 'WITHSCORES')[2]
if newest and tonumber(newest) >= now then now = newest + 1 end

local function number(field) return tonumber(call('HGET', here, field) or 0) end

local function charge(data, names) return data + math.max(0, names - FREE) end

local function drop(gone)
    call('UNLINK', prefix .. gone)
    call('ZREM', used, gone)
    local charged = call('HGET', charges, 't' .. gone)
    if charged then
        call('HDEL', charges, 't' .. gone)
        call('HINCRBY', charges, '=', 0 - charged)
    end
end

local function touch()
    call('ZADD', used, now, token)
    for _, key in ipairs({used, charges, here}) do call('PEXPIRE', key, math.ceil(expiry / 1000)) end
end

for _, gone in ipairs(call('ZRANGEBYSCORE', used, '-inf', now - expiry, 'LIMIT', 0, SWEEP)) do drop(gone) end
local known = call('ZSCORE', used, token) and call('EXISTS', here) == 1
if known then touch() else drop(token) end
local data, names = number('=d'), number('=n')
if not known then names = PER_NAME + #token end

-- Write into the books what the token will have; other tokens leave for it. False: it alone is too much.
local function make_room(new_data, new_names)
    local charged = charge(new_data, new_names)
    if charged > max_memory then return false end
    call('HSET', here, '=d', new_data, '=n', new_names)
    local before = call('HGET', charges, 't' .. token) or 0
    call('HSET', charges, 't' .. token, charged)
    call('HINCRBY', charges, '=', charged - before)
    touch()
    while call('ZCARD', used) > max_tokens or tonumber(call('HGET', charges, '=')) > max_memory do
        local oldest = call('ZRANGE', used, 0, 0)[1]
        if oldest == token then
            call('DEL', charges)
            call('HSET', charges, 't' .. token, charged, '=', charged)
            touch()
            break
        end
        drop(oldest)
    end
    return true
end

local function with_name(field)
    if call('HEXISTS', here, field) == 1 then return names end
    return names + PER_NAME + #name
end
"""

_COUNT: Final = """
if not make_room(data, with_name('n' .. name)) then return {FULL, 0} end
return {DONE, call('HINCRBY', here, 'n' .. name, 1)}
"""

_APPEND: Final = """
local item, limit = ARGV[6], tonumber(ARGV[7])
local first, last = number('f' .. name), number('l' .. name)
local new_data, new_names, kept = data + #item, with_name('l' .. name), first
while kept < last and (last - kept >= limit or charge(new_data, new_names) > max_memory) do
    new_data = new_data - call('HSTRLEN', here, 'i' .. kept .. ':' .. name)
    kept = kept + 1
end
if not make_room(new_data, new_names) then return {FULL, 0} end
for gone = first, kept - 1 do call('HDEL', here, 'i' .. gone .. ':' .. name) end
call('HSET', here, 'i' .. last .. ':' .. name, item, 'f' .. name, kept, 'l' .. name, last + 1)
return {DONE, 0}
"""

_ITEMS: Final = """
local items = {}
for i = number('f' .. name), number('l' .. name) - 1 do
    items[#items + 1] = call('HGET', here, 'i' .. i .. ':' .. name)
end
return items
"""

_PUT: Final = """
local value = ARGV[6]
if not make_room(data - number('s' .. name) + #value, with_name('s' .. name)) then return {FULL, 0} end
for i = 1, number('c' .. name) - 1 do call('HDEL', here, 'd' .. i .. ':' .. name) end
call('HSET', here, 's' .. name, #value, 'c' .. name, 1, 'd0:' .. name, value)
return {DONE, 0}
"""

# The pieces as they are: Python joins them for less.
_GET: Final = """
local count = call('HGET', here, 'c' .. name)
if not count then return false end
local pieces = {}
for i = 0, count - 1 do pieces[#pieces + 1] = call('HGET', here, 'd' .. i .. ':' .. name) end
return pieces
"""

_EXTEND: Final = """
local at, more = tonumber(ARGV[6]), ARGV[7]
local size, count = number('s' .. name), number('c' .. name)
if at ~= size then return {CONFLICT, size} end
if not make_room(data + #more, with_name('s' .. name)) then return {FULL, 0} end
local last = 'd' .. count - 1 .. ':' .. name
if count > 0 and call('HSTRLEN', here, last) < PIECE then
    more = call('HGET', here, last) .. more
else
    last, count = 'd' .. count .. ':' .. name, count + 1
end
call('HSET', here, last, more, 's' .. name, size + #ARGV[7], 'c' .. name, count)
return {DONE, size + #ARGV[7]}
"""

_SIZE: Final = """
local size = call('HGET', here, 's' .. name)
return size and tonumber(size)
"""

_FORGET: Final = """
if known then drop(token) end
return known and 1 or 0
"""

SCRIPTS: Final = {
    name: _CONSTANTS + _PRELUDE + script
    for name, script in {
        "count": _COUNT,
        "append": _APPEND,
        "items": _ITEMS,
        "put": _PUT,
        "get": _GET,
        "extend": _EXTEND,
        "size": _SIZE,
        "forget": _FORGET,
    }.items()
}
