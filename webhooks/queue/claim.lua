-- Claims items that are due: each gets a new epoch and is hidden until its lease ends.
-- An item whose claims were all lost (its worker died each time) goes to the dead.
-- KEYS[1] prefix. ARGV: lease in ms, how many, claims allowed without an outcome.
-- Returns {ms until the next item is due or -1, buried ids, claims as {id, topic, origin, body, at, epoch, fails}}.
local p = KEYS[1]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local claims, buried = {}, {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', p .. 'due', '-inf', now, 'LIMIT', 0, ARGV[2])) do
  local key = p .. 'i:' .. id
  if redis.call('EXISTS', key) == 0 then
    redis.call('ZREM', p .. 'due', id)
  elseif tonumber(redis.call('HGET', key, 'fails') or 0) >= tonumber(ARGV[3]) then
    redis.call('ZREM', p .. 'due', id)
    redis.call('HSET', key, 'state', 'dead', 'note', 'every worker that took it was lost')
    redis.call('ZADD', p .. 'dead', redis.call('HGET', key, 'at'), id)
    buried[#buried + 1] = id
  else
    local epoch = redis.call('HINCRBY', key, 'epoch', 1)
    local fails = redis.call('HINCRBY', key, 'fails', 1)
    redis.call('ZADD', p .. 'due', now + ARGV[1], id)
    local f = redis.call('HMGET', key, 'topic', 'origin', 'body', 'at')
    claims[#claims + 1] = { id, f[1], f[2], f[3], f[4], tostring(epoch), tostring(fails) }
  end
end
local next = redis.call('ZRANGE', p .. 'due', 0, 0, 'WITHSCORES')
local wait = -1
if #next == 2 then wait = math.max(0, next[2] - now) end
return { wait, buried, claims }
