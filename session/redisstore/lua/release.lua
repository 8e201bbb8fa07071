-- Gives up a lease that is still held. What stays for a while, a lease without a node,
-- keeps a renewal that was under way from taking it up again. Of a session that has no
-- record, because it was refused before anything was started, nothing else stays either.
--
-- KEYS  1 lease  2 epoch  3 record
-- ARGV  1 the lease's value  2 what stays  3 milliseconds for which it stays
--       4 milliseconds for which it and the epoch stay without a record

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 1 end
local started = redis.call('EXISTS', KEYS[3]) == 1
redis.call('SET', KEYS[1], ARGV[2], 'PX', started and ARGV[3] or ARGV[4])
if not started then redis.call('PEXPIRE', KEYS[2], ARGV[4]) end
return 1
