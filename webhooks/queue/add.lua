-- Adds items that are not known yet; an ID that is known is a duplicate and is only counted.
-- KEYS[1] prefix, in one hash tag. ARGV: delay in ms, then id, topic, origin, body of each item; 500 items at most.
-- Returns for each item 1 (added) or 0 (duplicate).
-- Counters that stand at 0 are left out, and each index is written once for all: this is what every webhook waits for.
local p = KEYS[1]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local added, all, due, topics = {}, {}, {}, {}
for i = 2, #ARGV, 4 do
  local id, topic = ARGV[i], ARGV[i + 1]
  local key = p .. 'i:' .. id
  if redis.call('EXISTS', key) == 1 then
    redis.call('HINCRBY', key, 'duplicates', 1)
    added[#added + 1] = 0
  else
    redis.call('HSET', key, 'topic', topic, 'origin', ARGV[i + 2], 'body', ARGV[i + 3], 'at', now, 'state', 'waiting')
    local n = #all
    all[n + 1], all[n + 2] = now, id
    due[n + 1], due[n + 2] = now + ARGV[1], id
    local one = topics[topic] or {}
    one[#one + 1], one[#one + 2] = now, id
    topics[topic] = one
    added[#added + 1] = 1
  end
end
if #all > 0 then
  redis.call('ZADD', p .. 'due', unpack(due))
  redis.call('ZADD', p .. 'all', unpack(all))
  for topic, one in pairs(topics) do redis.call('ZADD', p .. 't:' .. topic, unpack(one)) end
end
return added
