-- Writes a lease that its holder has, in case Redis lost it, unless a newer epoch was seen, or
-- the lease was given up or is another node's.
--
-- KEYS  1 lease  2 epoch  3 holder
-- ARGV  1 epoch  2 the lease's value  3 incarnation  4 milliseconds to keep it
-- Returns 1, or 0 if the lease is lost.

local epoch = tonumber(ARGV[1])
local seen = tonumber(redis.call('GET', KEYS[2]) or 0)
if seen > epoch then return 0 end

local lease = redis.call('GET', KEYS[1])
if lease and lease ~= ARGV[2] and tonumber(string.match(lease, '^%d+')) >= epoch then return 0 end

redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[4])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[4])
redis.call('SET', KEYS[3], ARGV[1] .. ' ' .. ARGV[3], 'PX', ARGV[4])
return 1
