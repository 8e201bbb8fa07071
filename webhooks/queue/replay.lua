-- Makes items due now, as if they had never been tried; a claim that is out is lost by the new epoch.
-- KEYS[1] prefix. ARGV: ids. Returns how many were known.
local p = KEYS[1]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local n = 0
for _, id in ipairs(ARGV) do
  local key = p .. 'i:' .. id
  if redis.call('EXISTS', key) == 1 then
    redis.call('HINCRBY', key, 'epoch', 1)
    redis.call('HSET', key, 'state', 'waiting', 'fails', 0)
    redis.call('ZREM', p .. 'dead', id)
    redis.call('ZADD', p .. 'due', now, id)
    n = n + 1
  end
end
return n
