-- Puts sessions into one list and takes out those whose record is gone by now.
--
-- KEYS  1 list  2 expiry
-- ARGV  1 now  2 milliseconds to keep both keys when nothing is put in
--       3… pairs of a member and the time at which its record is forgotten
--       (all times in unix milliseconds)

for i = 3, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], 0, ARGV[i])
  redis.call('ZADD', KEYS[2], ARGV[i + 1], ARGV[i])
end

-- At most 100 at a time, so that a call stays short; each Apply takes out some.
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, 100)
if #gone > 0 then
  redis.call('ZREM', KEYS[1], unpack(gone))
  redis.call('ZREM', KEYS[2], unpack(gone))
end

redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
