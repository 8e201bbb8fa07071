-- Adds items that are not known yet; an ID that is known is a duplicate and is only counted.
-- KEYS[1] prefix, in one hash tag. ARGV: delay in ms, then id, topic, origin, body of each item.
-- Returns for each item 1 (added) or 0 (duplicate).
local p = KEYS[1]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local added = {}
for i = 2, #ARGV, 4 do
  local id, topic = ARGV[i], ARGV[i + 1]
  local key = p .. 'i:' .. id
  if redis.call('EXISTS', key) == 1 then
    redis.call('HINCRBY', key, 'duplicates', 1)
    added[#added + 1] = 0
  else
    redis.call('HSET', key, 'topic', topic, 'origin', ARGV[i + 2], 'body', ARGV[i + 3], 'at', now,
      'state', 'waiting', 'epoch', 0, 'fails', 0, 'duplicates', 0)
    redis.call('ZADD', p .. 'due', now + ARGV[1], id)
    redis.call('ZADD', p .. 'all', now, id)
    redis.call('ZADD', p .. 't:' .. topic, now, id)
    added[#added + 1] = 1
  end
end
return added
