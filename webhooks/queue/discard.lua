-- Discards items that are dead: nobody is to look at them any more. KEYS[1] prefix. ARGV: note, trace as JSON, attempts to
-- keep, ids. Returns {how many were discarded, how many are known but not dead}.
local p = KEYS[1]
local n, other = 0, 0
for i = 4, #ARGV do
  local id = ARGV[i]
  local key = p .. 'i:' .. id
  local f = redis.call('HMGET', key, 'state', 'at')
  if f[1] == 'dead' then
    redis.call('HSET', key, 'state', 'discarded', 'note', ARGV[1])
    redis.call('ZREM', p .. 'dead', id)
    redis.call('ZADD', p .. 'discarded', f[2], id)
    redis.call('RPUSH', p .. 'a:' .. id, ARGV[2])
    redis.call('LTRIM', p .. 'a:' .. id, -ARGV[3], -1)
    n = n + 1
  elseif f[1] then
    other = other + 1
  end
end
return { n, other }
