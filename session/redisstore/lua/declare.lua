-- Marks an incarnation dead, unless its heartbeat has changed or its declarer is dead itself.
--
-- KEYS  1 beats  2 nodes  3 until
-- ARGV  1 incarnation that declares  2 incarnation  3 its counter
-- Returns 1, or 0 if it is not marked. See beat.lua for what a heartbeat is.

local by = redis.call('HGET', KEYS[1], ARGV[1])
local beat = redis.call('HGET', KEYS[1], ARGV[2])
if not by or not beat or not string.match(by, '^%d+ %d+ %d+ %d+ 0 ') then return 0 end
local counter, acked, seen, joined, died, url = string.match(beat, '^(%d+) (%d+) (%d+) (%d+) (%d+) (.*)$')
if died ~= '0' or counter ~= ARGV[3] then return 0 end

local time = redis.call('TIME')
local now = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
redis.call('HSET', KEYS[1], ARGV[2], table.concat({counter, acked, seen, joined, now, url}, ' '))
for _, other in ipairs(redis.call('HVALS', KEYS[1])) do
  local ended, there = string.match(other, '^%d+ %d+ %d+ %d+ (%d+) (.*)$')
  if ended == '0' and there == url then return 1 end
end
redis.call('HDEL', KEYS[2], url)
redis.call('ZREM', KEYS[3], url)
return 1
