-- Prolongs a lease, or takes it up again after it expired, unless a newer epoch was
-- seen, or the lease was given up or is another node's.
--
-- KEYS  1 lease  2 epoch
-- ARGV  1 epoch  2 the lease's value  3 milliseconds of the lease  4 milliseconds to keep the epoch
-- Returns 1, or 0 if the lease is lost.

local epoch = tonumber(ARGV[1])
local seen = tonumber(redis.call('GET', KEYS[2]) or 0)
if seen > epoch then return 0 end

local lease = redis.call('GET', KEYS[1])
if lease and lease ~= ARGV[2] and tonumber(string.match(lease, '^%d+')) >= epoch then return 0 end

-- A Redis that lost its data learns the epoch again from its holder.
if seen < epoch then redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[4]) end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
