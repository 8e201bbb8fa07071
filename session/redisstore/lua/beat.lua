-- Writes a node's heartbeat, unless its incarnation was declared dead, and returns all of them.
--
-- KEYS  1 beats  2 generation  3 nodes  4 until
-- ARGV  1 incarnation  2 counter  3 acked  4 seen  5 joined  6 URL  7 JSON of the node
--       8 milliseconds for which the node is listed  9 milliseconds to keep the heartbeats
--       10 milliseconds to keep one that is dead
-- A heartbeat is "<counter> <acked> <seen> <joined> <died, unix ms or 0> <URL>".
-- Returns whether it is dead (1 or 0), when it joined, its counter before, the generation,
-- then each incarnation and its heartbeat.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local generation = tonumber(redis.call('GET', KEYS[2]) or 0)
local mine = redis.call('HGET', KEYS[1], ARGV[1])
local previous, joined, died = 0, 0, 0
if mine then
  local counter, at, dead = string.match(mine, '^(%d+) %d+ %d+ (%d+) (%d+) ')
  previous, joined, died = tonumber(counter), tonumber(at), tonumber(dead)
else
  -- Never less than the time: a generation that Redis lost is not given out again.
  generation = math.max(generation + 1, tonumber(ARGV[4]) + 1, tonumber(ARGV[5]) + 1, now)
  joined = generation
end
if died == 0 then
  if tonumber(ARGV[2]) > previous then
    redis.call('HSET', KEYS[1], ARGV[1],
      string.format('%s %s %s %.0f 0 %s', ARGV[2], ARGV[3], ARGV[4], joined, ARGV[6]))
  end
  redis.call('HSET', KEYS[3], ARGV[6], ARGV[7])
  redis.call('ZADD', KEYS[4], string.format('%.0f', now + tonumber(ARGV[8])), ARGV[6])
  for i = 3, 4 do
    if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[8]) then redis.call('PEXPIRE', KEYS[i], ARGV[8]) end
  end
  if not mine or redis.call('PTTL', KEYS[1]) < tonumber(ARGV[9]) / 2 then
    redis.call('SET', KEYS[2], string.format('%.0f', generation), 'PX', ARGV[9])
    redis.call('PEXPIRE', KEYS[1], ARGV[9])
  end
end
local answer = {died > 0 and '1' or '0', string.format('%.0f', joined), string.format('%.0f', previous), string.format('%.0f', generation)}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local ended = tonumber(string.match(all[i + 1], '^%d+ %d+ %d+ %d+ (%d+) '))
  if ended > 0 and now - ended > tonumber(ARGV[10]) then
    redis.call('HDEL', KEYS[1], all[i])
  else
    answer[#answer + 1] = all[i]
    answer[#answer + 1] = all[i + 1]
  end
end
for _, url in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', string.format('%.0f', now))) do
  redis.call('HDEL', KEYS[3], url)
  redis.call('ZREM', KEYS[4], url)
end
return answer
