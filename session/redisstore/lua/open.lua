-- Notes that a session of an API key runs, unless a limit of the key is met.
--
-- KEYS  1 sessions of the key, by the time at which they count no more
--       2 sums of today
-- ARGV  1 session ID  2 milliseconds for which it counts
--       3 how many may run, 0 for no limit  4 tokens and 5 seconds a day, likewise
--       6 tokens that each session that runs holds back
-- Returns the limit that is met: 'key_sessions', 'key_tokens', 'key_seconds', or ''.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)

local others = redis.call('ZCARD', KEYS[1])
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then others = others - 1 end
local tokens = tonumber(redis.call('HGET', KEYS[2], 'tokens') or 0)
local seconds = tonumber(redis.call('HGET', KEYS[2], 'seconds') or 0)

local function met(limit, used)
  return tonumber(limit) > 0 and used >= tonumber(limit)
end
if met(ARGV[3], others) then return 'key_sessions' end
if met(ARGV[4], tokens + others * ARGV[6]) then return 'key_tokens' end
if met(ARGV[5], seconds) then return 'key_seconds' end

redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return ''
