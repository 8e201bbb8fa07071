-- Writes changes to one session, unless its epoch is older than the newest seen.
--
-- KEYS  1 record  2 items  3 order  4 log  5 deltas  6 notes  7 epoch
-- ARGV  1 epoch of the writer
--       2 milliseconds to keep the session after its end
--       3 milliseconds to keep it while it has not ended
--       4 length of the log
--       5 bytes of the log, and as many of the deltas
--       6 status and 7 body of the record, both empty if it did not change
--       8… the changes, each a name and its arguments:
--          append id body   sets an item; a new one goes to the end
--          insert id body before
--                           sets an item; a new one goes behind the item before, which is
--                           empty for the start; to the end if that is not there
--          remove id        removes an item
--          event id type body draft
--                           adds to the log or, with a draft, to the deltas
--          settle draft     removes the deltas of a draft; * removes all
-- Returns 1, or 0 if the epoch is older; nothing is written then.

local epoch = tonumber(ARGV[1])
local seen = tonumber(redis.call('GET', KEYS[7]) or 0)
if epoch < seen then return 0 end

local status = ARGV[6]
if status ~= '' then
  redis.call('HSET', KEYS[1], 'status', status, 'body', ARGV[7])
else
  status = redis.call('HGET', KEYS[1], 'status')
end

-- What is written after the end does not live longer than the record.
local ttl = ARGV[3]
if ARGV[6] == 'ended' then
  ttl = ARGV[2]
elseif status == 'ended' then
  ttl = math.max(1, redis.call('PTTL', KEYS[1]))
end
redis.call('SET', KEYS[7], ARGV[1], 'PX', ttl)

-- Event IDs are "<unix ms>-<n>". Both numbers fit a double.
local function split(id)
  local ms, n = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(n)
end

-- Each entry says how many bytes of events were added before it. Those that older versions
-- of the gateway wrote count nothing; there are 2000 at most.
local function before(entry)
  return tonumber(entry[2][6] or 0)
end

-- bytes[key] is how many bytes of events were ever added to a stream that gets more now. The
-- newest event of both is that of the session.
local bytes, last_ms, last_n = {}, -1, -1
local function newest()
  for _, key in ipairs({KEYS[4], KEYS[5]}) do
    local entry = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
    bytes[key] = 0
    if entry then
      local ms, n = split(entry[1])
      if ms > last_ms or (ms == last_ms and n > last_n) then last_ms, last_n = ms, n end
      bytes[key] = before(entry) + #entry[2][4]
    end
  end
end

-- bound removes the oldest entries of a stream beyond the bytes of the log.
local function bound(key)
  local floor = bytes[key] - tonumber(ARGV[5])
  while true do
    local page = redis.call('XRANGE', key, '-', '+', 'COUNT', 16)
    local first = 1
    while first < #page and before(page[first]) < floor do first = first + 1 end
    if first > 1 then redis.call('XTRIM', key, 'MINID', page[first][1]) end
    if #page < 16 or before(page[first]) >= floor then return end
  end
end

local apply = {}

-- set writes an item and reports whether it needs a place: an order written by an older
-- version of the gateway may name an item before it is there.
local function set(i)
  return redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) == 1
    and not redis.call('LPOS', KEYS[3], ARGV[i], 'RANK', -1)
end

function apply.append(i)
  if set(i) then redis.call('RPUSH', KEYS[3], ARGV[i]) end
  return i + 2
end

function apply.insert(i)
  if set(i) then
    local id, before = ARGV[i], ARGV[i + 2]
    if before == '' then
      redis.call('LPUSH', KEYS[3], id)
    elseif redis.call('LINSERT', KEYS[3], 'AFTER', before, id) < 1 then
      redis.call('RPUSH', KEYS[3], id)
    end
  end
  return i + 3
end

function apply.remove(i)
  redis.call('HDEL', KEYS[2], ARGV[i])
  redis.call('LREM', KEYS[3], 0, ARGV[i])
  return i + 1
end

function apply.event(i)
  if last_ms < 0 then newest() end
  local ms, n = split(ARGV[i])
  if ms > last_ms or (ms == last_ms and n > last_n) then
    local key = ARGV[i + 3] == '' and KEYS[4] or KEYS[5]
    redis.call('XADD', key, 'MAXLEN', '~', ARGV[4], ARGV[i], 'type', ARGV[i + 1], 'event', ARGV[i + 2],
      'before', string.format('%.0f', bytes[key]), 'draft', ARGV[i + 3])
    bytes[key] = bytes[key] + #ARGV[i + 2]
    last_ms, last_n = ms, n
  end
  return i + 4
end

function apply.settle(i)
  local deltas = {}
  if ARGV[i] ~= '*' then deltas = redis.call('XRANGE', KEYS[5], '-', '+') end
  local left = #deltas
  for _, entry in ipairs(deltas) do
    if entry[2][8] == ARGV[i] then
      redis.call('XDEL', KEYS[5], entry[1])
      left = left - 1
    end
  end
  if left == 0 then redis.call('DEL', KEYS[5]) end
  return i + 1
end

local i = 8
while ARGV[i] do i = apply[ARGV[i]](i + 1) end
for key in pairs(bytes) do bound(key) end

for i = 1, 6 do redis.call('PEXPIRE', KEYS[i], ttl) end
return 1
