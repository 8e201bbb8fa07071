-- Gives up a lease that is still held. What stays for a while, a lease without a node,
-- keeps a renewal that was under way from taking it up again.
--
-- KEYS  1 lease
-- ARGV  1 the lease's value  2 what stays  3 milliseconds for which it stays

if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
