-- Adds items that are not known yet; an ID that is known is a duplicate and is only counted.
-- KEYS[1] prefix, in one hash tag. ARGV: delay in ms, then id, topic, origin, body of each item; 500 items at most.
-- Returns for each item 1 (added) or 0 (duplicate).
-- Every webhook waits for this: each index is written once for all, counters that stand at 0 are left out, and numbers
-- are formatted once. The index of all items tells whether any is known; only then each one is looked up.
local p = KEYS[1]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local at, at_due = string.format('%.0f', now), string.format('%.0f', now + ARGV[1])
local all = {}
for i = 2, #ARGV, 4 do
  local n = #all
  all[n + 1], all[n + 2] = at, ARGV[i]
end
local new = redis.call('ZADD', p .. 'all', 'NX', unpack(all)) == #all / 2
local added, due, topics = {}, {}, {}
for i = 2, #ARGV, 4 do
  local id, topic = ARGV[i], ARGV[i + 1]
  local key = p .. 'i:' .. id
  if not new and redis.call('EXISTS', key) == 1 then
    redis.call('HINCRBY', key, 'duplicates', 1)
    added[#added + 1] = 0
  else
    redis.call('HSET', key, 'topic', topic, 'origin', ARGV[i + 2], 'body', ARGV[i + 3], 'at', at, 'state', 'waiting')
    local n = #due
    due[n + 1], due[n + 2] = at_due, id
    local one = topics[topic] or {}
    n = #one
    one[n + 1], one[n + 2] = at, id
    topics[topic] = one
    added[#added + 1] = 1
  end
end
if #due > 0 then
  redis.call('ZADD', p .. 'due', unpack(due))
  for topic, one in pairs(topics) do redis.call('ZADD', p .. 't:' .. topic, unpack(one)) end
end
return added
