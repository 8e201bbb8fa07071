-- Forgets up to a number of items, whatever their state. KEYS[1] prefix. ARGV: how many. Returns how many there were.
local p = KEYS[1]
local ids = redis.call('ZRANGE', p .. 'all', 0, ARGV[1] - 1)
for _, id in ipairs(ids) do
  local topic = redis.call('HGET', p .. 'i:' .. id, 'topic')
  redis.call('DEL', p .. 'i:' .. id, p .. 'a:' .. id)
  redis.call('ZREM', p .. 'all', id)
  redis.call('ZREM', p .. 'due', id)
  redis.call('ZREM', p .. 'dead', id)
  redis.call('ZREM', p .. 'discarded', id)
  if topic then redis.call('ZREM', p .. 't:' .. topic, id) end
end
return #ids
