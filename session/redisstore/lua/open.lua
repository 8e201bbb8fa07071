-- Notes that a session of an API key runs, unless too many do.
--
-- KEYS  1 sessions of the key, by the time at which they count no more
-- ARGV  1 session ID  2 how many may run, 0 for no limit  3 milliseconds for which it counts
-- Returns 1, or 0 if the limit was met.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)

local max = tonumber(ARGV[2])
if max > 0 and not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= max then
  return 0
end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 1
