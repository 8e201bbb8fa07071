-- Has a life of a node drained, or no more.
--
-- KEYS  1 nodes  2 orders
-- ARGV  1 life  2 who wants it, empty to take that back  3 milliseconds to keep it
-- Returns 1, or 0 if that life is not known.

if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
return 1
