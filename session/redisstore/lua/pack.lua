-- Compresses a session that has ended, if it is still what was read of it.
--
-- KEYS  1 record  2 items  3 order  4 log  5 deltas
-- ARGV  1 type of an entry of the log that holds many events
--       2 field of the items that holds all of them
--       3 number of items and 4 ID of the newest event that were read
--       5 all items, packed
--       6… the log, each entry an ID, packed events, and the bytes before them
-- Returns 1, or 0 if the session runs, or if something was added.

if redis.call('HGET', KEYS[1], 'status') ~= 'ended' then return 0 end
if redis.call('LLEN', KEYS[3]) ~= tonumber(ARGV[3]) then return 0 end

local function newest(key)
  local entry = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  return entry and entry[1]
end
if newest(KEYS[4]) ~= ARGV[4] and newest(KEYS[5]) ~= ARGV[4] then return 0 end

local ttl = math.max(1, redis.call('PTTL', KEYS[1]))
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[5])
for i = 6, #ARGV, 3 do
  redis.call('XADD', KEYS[4], ARGV[i], 'type', ARGV[1], 'event', ARGV[i + 1], 'before', ARGV[i + 2])
end
redis.call('PEXPIRE', KEYS[2], ttl)
redis.call('PEXPIRE', KEYS[4], ttl)
return 1
