-- Takes over a fetched object unless a newer state of it is known. What people wrote beside it (own) stays.
-- KEYS[1] prefix. ARGV: id, created (unix s), version, object, records to keep of an owner and of all, owner or ''.
-- Returns 1 if something changed.
local p, id, owner = KEYS[1], ARGV[1], ARGV[7]
local key = p .. 'r:' .. id
local f = redis.call('HMGET', key, 'version', 'object')
if f[1] and (tonumber(f[1]) > tonumber(ARGV[3]) or f[2] == ARGV[4]) then return 0 end
redis.call('HSET', key, 'version', ARGV[3], 'object', ARGV[4], 'owner', owner)
redis.call('ZADD', p .. 'all', ARGV[2], id)
redis.call('ZADD', p .. 'of:' .. owner, ARGV[2], id)
local function trim(list, keep)
  for _, old in ipairs(redis.call('ZRANGE', list, 0, -1 - keep)) do
    if old ~= id then -- somebody is looking at this one, however old it is
      local of = redis.call('HGET', p .. 'r:' .. old, 'owner')
      redis.call('DEL', p .. 'r:' .. old)
      redis.call('ZREM', p .. 'all', old)
      redis.call('ZREM', p .. 'of:' .. (of or ''), old)
    end
  end
end
trim(p .. 'of:' .. owner, ARGV[5])
trim(p .. 'all', ARGV[6])
return 1
