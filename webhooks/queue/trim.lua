-- Forgets items that are done and older than one limit, or dead or discarded and older than another; waiting ones stay.
-- KEYS[1] prefix. ARGV: age of done in ms, age of dead in ms, items to skip, items to look at.
-- Returns {looked at, left}.
local p = KEYS[1]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ids = redis.call('ZRANGEBYSCORE', p .. 'all', '-inf', now - ARGV[1], 'LIMIT', ARGV[3], ARGV[4])
local left = 0
for _, id in ipairs(ids) do
  local key = p .. 'i:' .. id
  local f = redis.call('HMGET', key, 'state', 'at', 'topic')
  local young = f[2] and tonumber(f[2]) > now - ARGV[2]
  if f[1] == 'waiting' or ((f[1] == 'dead' or f[1] == 'discarded') and young) then
    left = left + 1
  else
    redis.call('DEL', key, p .. 'a:' .. id)
    redis.call('ZREM', p .. 'all', id)
    redis.call('ZREM', p .. 'dead', id)
    redis.call('ZREM', p .. 'discarded', id)
    if f[3] then redis.call('ZREM', p .. 't:' .. f[3], id) end
  end
end
return { #ids, left }
