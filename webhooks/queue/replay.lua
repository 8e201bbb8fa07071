-- Makes items due now, as if they had never been tried; a claim that is out is lost by the new epoch.
-- KEYS[1] prefix. ARGV: trace as JSON or '', attempts to keep, ids. Returns how many were known.
local p = KEYS[1]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local n = 0
for i = 3, #ARGV do
  local id = ARGV[i]
  local key = p .. 'i:' .. id
  if redis.call('EXISTS', key) == 1 then
    redis.call('HINCRBY', key, 'epoch', 1)
    redis.call('HSET', key, 'state', 'waiting', 'fails', 0)
    redis.call('ZREM', p .. 'dead', id)
    redis.call('ZREM', p .. 'discarded', id)
    redis.call('ZADD', p .. 'due', now, id)
    if ARGV[1] ~= '' then
      redis.call('RPUSH', p .. 'a:' .. id, ARGV[1])
      redis.call('LTRIM', p .. 'a:' .. id, -ARGV[2], -1)
    end
    n = n + 1
  end
end
return n
