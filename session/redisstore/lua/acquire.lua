-- Takes the lease of a session unless another node holds it and does not hand it over.
--
-- KEYS  1 lease  2 epoch
-- ARGV  1 node  2 milliseconds of the lease  3 milliseconds to keep the epoch
--       4 value of the lease that is handed over, '' if none is
-- Returns the lease that lasts now, as epoch and node.

local lease = redis.call('GET', KEYS[1])
if lease and lease ~= ARGV[4] then
  local epoch, node = string.match(lease, '^(%d+) (.*)$')
  if node ~= '' and node ~= ARGV[1] then return {epoch, node} end
end

-- One more than the newest, but never less than the time: an epoch that was given out
-- and then lost with a Redis that crashed is not given out again.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local seen = tonumber(redis.call('GET', KEYS[2]) or 0)
local epoch = string.format('%.0f', math.max(seen + 1, now))
redis.call('SET', KEYS[2], epoch, 'PX', ARGV[3])
redis.call('SET', KEYS[1], epoch .. ' ' .. ARGV[1], 'PX', ARGV[2])
return {epoch, ARGV[1]}
