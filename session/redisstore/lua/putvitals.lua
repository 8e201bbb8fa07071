-- Stores what a life of a node says of itself, and forgets those that were silent for too long.
--
-- KEYS  1 nodes  2 seen  3 orders
-- ARGV  1 life  2 JSON, empty to take it off  3 milliseconds for which a silent one is shown
-- Returns who wants this life drained, or false.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('ZADD', KEYS[2], string.format('%.0f', now), ARGV[1])
else
  redis.call('ZADD', KEYS[2], 0, ARGV[1])
end
for _, life in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now - ARGV[3]))) do
  redis.call('HDEL', KEYS[1], life)
  redis.call('HDEL', KEYS[3], life)
  redis.call('ZREM', KEYS[2], life)
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[3]) end
return redis.call('HGET', KEYS[3], ARGV[1])
