-- Says for sessions that were taken when to look at them next, unless that was changed
-- since: one that was released meanwhile is due at once.
--
-- KEYS  1 due
-- ARGV  1 the score they were taken with
--       2… up to 1000 pairs of a session ID and the milliseconds from now, -1 for never

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local ids = {}
for i = 2, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
local never, later = {}, {}
for n, score in ipairs(redis.call('ZMSCORE', KEYS[1], unpack(ids))) do
  if score and tonumber(score) == tonumber(ARGV[1]) then
    local wait = tonumber(ARGV[2 * n + 1])
    if wait < 0 then
      never[#never + 1] = ids[n]
    else
      later[#later + 1] = string.format('%.0f', now + wait)
      later[#later + 1] = ids[n]
    end
  end
end
if #never > 0 then redis.call('ZREM', KEYS[1], unpack(never)) end
if #later > 0 then redis.call('ZADD', KEYS[1], unpack(later)) end
return 1
