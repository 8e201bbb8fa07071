-- Takes sessions at which it is time to look. Others do not get them for a while; after
-- that they are due again, should whoever took them be gone.
--
-- KEYS  1 due
-- ARGV  1 how many at most, up to 1000  2 milliseconds of the while
-- Returns the score that they have now, and their IDs; nothing if none is due.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', 0, ARGV[1])
if #ids == 0 then return ids end
local score = string.format('%.0f', now + tonumber(ARGV[2]))
local scored, answer = {}, {score}
for i, id in ipairs(ids) do
  scored[2 * i - 1], scored[2 * i] = score, id
  answer[i + 1] = id
end
redis.call('ZADD', KEYS[1], unpack(scored))
return answer
