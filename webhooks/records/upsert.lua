-- Takes over a fetched object unless a newer state of it is known. What people wrote beside it (own) stays.
-- KEYS[1] prefix. ARGV: id, created (unix s), version, object, records to keep.
-- Returns 1 if something changed.
local p, id = KEYS[1], ARGV[1]
local key = p .. 'r:' .. id
local f = redis.call('HMGET', key, 'version', 'object')
if f[1] and (tonumber(f[1]) > tonumber(ARGV[3]) or f[2] == ARGV[4]) then return 0 end
redis.call('HSET', key, 'version', ARGV[3], 'object', ARGV[4])
redis.call('ZADD', p .. 'all', ARGV[2], id)
for _, old in ipairs(redis.call('ZRANGE', p .. 'all', 0, -1 - ARGV[5])) do
  if old ~= id then -- somebody is looking at this one, however old it is
    redis.call('DEL', p .. 'r:' .. old)
    redis.call('ZREM', p .. 'all', old)
  end
end
return 1
