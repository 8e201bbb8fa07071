-- Announces a node and forgets those that were silent for too long.
--
-- KEYS  1 nodes  2 until
-- ARGV  1 URL  2 JSON  3 milliseconds for which it is announced, 0 to take it off

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local ttl = tonumber(ARGV[3])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], string.format('%.0f', now + ttl), ARGV[1])
for _, url in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now))) do
  redis.call('HDEL', KEYS[1], url)
  redis.call('ZREM', KEYS[2], url)
end
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ARGV[3]) end
end
return 1
