-- Counts what became of an entry of the log. A session counts once: its last outcome.
--
-- KEYS  1 nodes  2 counts, the channel that wakes who watches, too  3 outcomes  4 said
--       5… for each status the sessions that have it; the name ends with the status
-- ARGV  1 milliseconds to keep the counts
--       2 milliseconds to keep the outcomes  3 how many of them to keep
--       4 milliseconds to know that this was said
--       5 node  6 sessions it matched
--       7… up to 1000 pairs of a session, each but once, and its outcome, which begins
--          with the status
-- The client may send a call twice when it lost the answer: outcomes are safe by
-- themselves, the matched are not and so are taken once per said.

if tonumber(ARGV[6]) > 0 and redis.call('SET', KEYS[4], '', 'NX', 'PX', ARGV[4]) then
  redis.call('HINCRBY', KEYS[1], ARGV[5], ARGV[6])
end

local having, change, joins, leaves = {}, {}, {}, {}
for i = 5, #KEYS do
  local status = string.match(KEYS[i], '%a+$')
  having[status], change[status], joins[status], leaves[status] = KEYS[i], 0, {}, {}
end

local ids = {}
for i = 7, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
local before = #ids > 0 and redis.call('HMGET', KEYS[3], unpack(ids)) or {}

local kept, write = redis.call('HLEN', KEYS[3]), {}
for n, id in ipairs(ids) do
  local outcome = ARGV[6 + 2 * n]
  local status = string.match(outcome, '^%a+')
  local was = before[n] and string.match(before[n], '^%a+')
  if was ~= status then
    change[status] = change[status] + 1
    if was then
      change[was] = change[was] - 1
      table.insert(leaves[was], id)
    else
      kept = kept + 1
    end
  end
  if was or kept <= tonumber(ARGV[3]) then
    table.insert(write, id)
    table.insert(write, outcome)
    if was ~= status then
      table.insert(joins[status], 0)
      table.insert(joins[status], id)
    end
  end
end

if #write > 0 then redis.call('HSET', KEYS[3], unpack(write)) end
for status, key in pairs(having) do
  if #leaves[status] > 0 then redis.call('ZREM', key, unpack(leaves[status])) end
  if #joins[status] > 0 then redis.call('ZADD', key, unpack(joins[status])) end
  if change[status] ~= 0 then redis.call('HINCRBY', KEYS[2], status, change[status]) end
end

redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[3], ARGV[2])
for i = 5, #KEYS do redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
redis.call('PUBLISH', KEYS[2], '')
return 1
