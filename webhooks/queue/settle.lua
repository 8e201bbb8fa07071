-- Writes what became of a claim, unless the claim is no longer the item's last one.
-- KEYS[1] prefix. ARGV: id, epoch, state (done, waiting, dead), delay in ms, fails to store or -1 to leave them,
-- note, attempt as JSON or '', attempts to keep.
-- Returns 1, or 0 for a claim that was lost.
local p, id, state = KEYS[1], ARGV[1], ARGV[3]
local key = p .. 'i:' .. id
local f = redis.call('HMGET', key, 'epoch', 'state', 'at')
if f[1] ~= ARGV[2] or f[2] ~= 'waiting' then return 0 end
redis.call('HSET', key, 'state', state, 'note', ARGV[6])
if tonumber(ARGV[5]) >= 0 then redis.call('HSET', key, 'fails', ARGV[5]) end
if ARGV[7] ~= '' then
  redis.call('RPUSH', p .. 'a:' .. id, ARGV[7])
  redis.call('LTRIM', p .. 'a:' .. id, -ARGV[8], -1)
end
if state == 'waiting' then
  local t = redis.call('TIME')
  redis.call('ZADD', p .. 'due', t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[4], id)
else
  redis.call('ZREM', p .. 'due', id)
end
if state == 'dead' then redis.call('ZADD', p .. 'dead', f[3], id) end
return 1
