-- Appends entries to the audit log, each to the stream of its class, and wakes those who
-- follow it.
--
-- KEYS  1 stream of apps  2 stream of operators  3 last  4 said
-- ARGV  1 bytes of each stream
--       2 milliseconds to keep an entry  3 milliseconds to know that this was said
--       4… the entries, each the number of its stream and its body
-- Returns the entries' IDs. They grow over both streams. The client may send a call twice
-- when it lost the answer; then it gets the answer again.

local said = redis.call('GET', KEYS[4])
if said then return cjson.decode(said) end

local function split(id)
  local ms, n = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(n)
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ms, n = split(redis.call('GET', KEYS[3]) or '0-0')
if now > ms then ms, n = now, -1 end -- a clock that goes back does not

-- Each entry says how many bytes were added to its stream before it.
local function before(entry) return tonumber(entry[2][4]) end

local added = {}
local function total(i)
  if not added[i] then
    local newest = redis.call('XREVRANGE', KEYS[i], '+', '-', 'COUNT', 1)[1]
    added[i] = newest and before(newest) + #newest[2][2] or 0
  end
  return added[i]
end

local ids = {}
for i = 4, #ARGV, 2 do
  local class, body = tonumber(ARGV[i]), ARGV[i + 1]
  n = n + 1
  local id = string.format('%.0f-%.0f', ms, n)
  redis.call('XADD', KEYS[class], id, 'body', body, 'before', string.format('%.0f', total(class)))
  added[class] = added[class] + #body
  ids[#ids + 1] = id
end

-- The oldest make room, those beyond their time and those beyond the bytes.
for class = 1, 2 do
  redis.call('XTRIM', KEYS[class], 'MINID', string.format('%.0f', math.max(0, ms - ARGV[2])))
  local floor = total(class) - ARGV[1]
  while floor > 0 do
    local page = redis.call('XRANGE', KEYS[class], '-', '+', 'COUNT', 64)
    local first = 1
    while first < #page and before(page[first]) < floor do first = first + 1 end
    if first > 1 then redis.call('XTRIM', KEYS[class], 'MINID', page[first][1]) end
    if #page < 64 or before(page[first]) >= floor then break end
  end
end

redis.call('SET', KEYS[3], ids[#ids], 'PX', ARGV[2])
redis.call('SET', KEYS[4], cjson.encode(ids), 'PX', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('PUBLISH', KEYS[3], ids[#ids])
return ids
