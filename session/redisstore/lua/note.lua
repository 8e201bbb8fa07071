-- Notes that it is time to look whether sessions are orphans.
--
-- KEYS  1 due
-- ARGV  1 milliseconds to keep the key  2… session IDs

local time = redis.call('TIME')
local due = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
-- unpack puts its values on a stack of limited size: 500 pairs at a time.
for from = 2, #ARGV, 500 do
  local scored = {}
  for i = from, math.min(from + 499, #ARGV) do
    scored[#scored + 1] = due
    scored[#scored + 1] = ARGV[i]
  end
  redis.call('ZADD', KEYS[1], unpack(scored))
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
