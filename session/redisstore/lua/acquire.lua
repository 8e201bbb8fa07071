-- Takes the lease of a session unless another holds it and it is not given.
--
-- KEYS  1 lease  2 epoch  3 holder
-- ARGV  1 node  2 incarnation  3 milliseconds to keep the lease and the epoch
--       4 value of the lease that is given: it is handed over, or its holder is dead
-- The holder is "<epoch> <incarnation>" and counts only with the lease of that epoch: a version
-- without heartbeats writes leases alone, which expire.
-- Returns the lease that lasts now, as epoch, node and incarnation.

local lease = redis.call('GET', KEYS[1])
if lease and lease ~= ARGV[4] then
  local epoch, node = string.match(lease, '^(%d+) (.*)$')
  local at, incarnation = string.match(redis.call('GET', KEYS[3]) or '', '^(%d+) (.*)$')
  if at ~= epoch then incarnation = '' end
  local mine = node == ARGV[1] and (incarnation == '' or incarnation == ARGV[2])
  if node ~= '' and not mine then return {epoch, node, incarnation} end
end

-- One more than the newest, but never less than the time: an epoch that was given out
-- and then lost with a Redis that crashed is not given out again.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local seen = tonumber(redis.call('GET', KEYS[2]) or 0)
local epoch = string.format('%.0f', math.max(seen + 1, now))
redis.call('SET', KEYS[2], epoch, 'PX', ARGV[3])
redis.call('SET', KEYS[1], epoch .. ' ' .. ARGV[1], 'PX', ARGV[3])
redis.call('SET', KEYS[3], epoch .. ' ' .. ARGV[2], 'PX', ARGV[3])
return {epoch, ARGV[1], ARGV[2]}
