-- Notes that a token was revoked, for as long as every node needs to hear of it.
--
-- KEYS  1 tokens: token ID by when it was revoked (unix ms)  2 version
-- ARGV  1 token ID  2 milliseconds to keep it  3 how many may be noted  4 the next version
-- Returns 1, or 0 if the limit was met.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[4])
return 1
