-- Adds what sessions of an API key have used since they were counted last to the sums of a
-- day. Counting the same again adds nothing.
--
-- KEYS  1 open: sessions of the key, by the time at which they count no more
--       2 counted: session → tokens, seconds, dollars and whether some of it has no price,
--         as they were counted last
--       3 known: sessions by the time until which counted has them
--       4 sums of the day  5 its sums by label: '<label>\n<value>\n<sum>', and
--         '\n<label>', the number of its values
-- ARGV  1 milliseconds for which a session counts that runs  2 and is known that has ended
--       3 milliseconds to keep the sums
--       4 how many values of a label are summed  5 the value that stands for the others
--       6… for each session: its ID, tokens, seconds, dollars, whether some of it has no price
--          (1 or 0), whether it has ended (1 or 0), the number of its labels, and of each the
--          name and the value
-- Returns the sums of the day: sessions, tokens, seconds, cost, unpriced.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function add(key, prefix, used)
  for name, by in pairs(used) do
    if by == 0 then -- nothing
    elseif name == 'seconds' or name == 'cost' then
      redis.call('HINCRBYFLOAT', key, prefix .. name, string.format('%.9f', by))
    else
      redis.call('HINCRBY', key, prefix .. name, string.format('%.0f', by))
    end
  end
end

local function add_label(name, value, used)
  local prefix = name .. '\n' .. value .. '\n'
  if redis.call('HEXISTS', KEYS[5], prefix .. 'sessions') == 0 then
    if redis.call('HINCRBY', KEYS[5], '\n' .. name, 1) > tonumber(ARGV[4]) then prefix = name .. '\n' .. ARGV[5] .. '\n' end
    redis.call('HSETNX', KEYS[5], prefix .. 'sessions', 0)
  end
  add(KEYS[5], prefix, used)
end

-- since returns what a session has used since it was counted last.
local function since(id, tokens, seconds, cost, unpriced)
  local was = redis.call('HGET', KEYS[2], id)
  local t, s, c, u = 0, 0, 0, 0
  if was then
    t, s, c, u = string.match(was, '^(%S+) (%S+) (%S+) (%S+)$')
    t, s, c, u = tonumber(t), tonumber(s), tonumber(c), tonumber(u)
  end
  local used = {
    sessions = 0,
    tokens = math.max(0, tokens - t), seconds = math.max(0, seconds - s),
    cost = math.max(0, cost - c), unpriced = math.max(0, unpriced - u),
  }
  if not was then
    if tokens == 0 and seconds == 0 then return used end -- it never began, or is about to
    used.sessions = 1
  end
  redis.call('HSET', KEYS[2], id, string.format('%.0f %.6f %.9f %d',
    math.max(tokens, t), math.max(seconds, s), math.max(cost, c), math.max(unpriced, u)))
  return used
end

local i = 6
while ARGV[i] do
  local id = ARGV[i]
  local used = since(id, tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]))
  add(KEYS[4], '', used)
  local ended, labels = ARGV[i + 5] == '1', tonumber(ARGV[i + 6])
  i = i + 7
  for _ = 1, labels do
    add_label(ARGV[i], ARGV[i + 1], used)
    i = i + 2
  end
  if ended then
    redis.call('ZREM', KEYS[1], id)
    if redis.call('HEXISTS', KEYS[2], id) == 1 then redis.call('ZADD', KEYS[3], now + ARGV[2], id) end
  else
    redis.call('ZADD', KEYS[1], now + ARGV[1], id)
    redis.call('ZADD', KEYS[3], now + ARGV[1], id)
  end
end

if i > 6 then
  -- At most 100 at a time, so that a call stays short.
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 100)) do
    redis.call('HDEL', KEYS[2], id)
    redis.call('ZREM', KEYS[3], id)
  end
  for n, key in ipairs(KEYS) do redis.call('PEXPIRE', key, n < 4 and ARGV[1] or ARGV[3]) end
end
return redis.call('HMGET', KEYS[4], 'sessions', 'tokens', 'seconds', 'cost', 'unpriced')
