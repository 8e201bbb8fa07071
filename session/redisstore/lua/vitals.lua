-- Lists what the lives of nodes said of themselves.
--
-- KEYS  1 nodes  2 seen  3 orders
-- ARGV  1 milliseconds for which a silent one is shown
-- Returns of each: JSON, milliseconds since then, who wants it drained or ''.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local seen = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. string.format('%.0f', now - ARGV[1]), '+inf', 'WITHSCORES')
local list = {}
for i = 1, #seen, 2 do
  list[#list + 1] = redis.call('HGET', KEYS[1], seen[i]) or '{}'
  list[#list + 1] = string.format('%.0f', math.max(0, now - seen[i + 1]))
  list[#list + 1] = redis.call('HGET', KEYS[3], seen[i]) or ''
end
return list
