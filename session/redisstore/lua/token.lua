-- Lists a token with its session, unless too many are.
--
-- KEYS  1 tokens of the session: token ID to '<unix ms of its end> <hash>'
-- ARGV  1 token ID  2 hash  3 milliseconds of its life  4 how many may be listed
-- Returns 1, or 0 if the limit was met.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local max = tonumber(ARGV[4])
local known = redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1

if not known and redis.call('HLEN', KEYS[1]) >= max then
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    if tonumber(string.match(all[i + 1], '^%d+')) <= now then redis.call('HDEL', KEYS[1], all[i]) end
  end
  if redis.call('HLEN', KEYS[1]) >= max then return 0 end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now + ARGV[3]) .. ' ' .. ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 1
