-- Notes when to look whether sessions are orphans.
--
-- KEYS  1 due
-- ARGV  1 milliseconds from now  2 milliseconds to keep the key
--       3 'new' if those that are noted already stay as they are, else 'all'
--       4… session IDs

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local due = string.format('%.0f', now + tonumber(ARGV[1]))
-- unpack puts its values on a stack of limited size: 500 pairs at a time.
for from = 4, #ARGV, 500 do
  local scored = {}
  for i = from, math.min(from + 499, #ARGV) do
    scored[#scored + 1] = due
    scored[#scored + 1] = ARGV[i]
  end
  if ARGV[3] == 'new' then
    redis.call('ZADD', KEYS[1], 'NX', unpack(scored))
  else
    redis.call('ZADD', KEYS[1], unpack(scored))
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
