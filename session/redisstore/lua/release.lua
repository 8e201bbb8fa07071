-- Gives up a lease that is still held, by its holder or for an incarnation that is dead. What
-- stays for a while, a lease without a node, keeps a restore that was under way from taking it
-- up again. Of a session that has no record, because it was refused before anything was
-- started, nothing else stays either.
--
-- KEYS  1 lease  2 epoch  3 record  4 holder
-- ARGV  1 the lease's value, '' for any lease of the incarnation  2 incarnation
--       3 milliseconds for which what stays does  4 and without a record, the epoch, too

local lease = redis.call('GET', KEYS[1])
if not lease then return 1 end
local epoch = string.match(lease, '^%d+')
if ARGV[1] ~= '' and lease ~= ARGV[1] then return 1 end
if ARGV[1] == '' and redis.call('GET', KEYS[4]) ~= epoch .. ' ' .. ARGV[2] then return 1 end
local started = redis.call('EXISTS', KEYS[3]) == 1
redis.call('SET', KEYS[1], epoch .. ' ', 'PX', started and ARGV[3] or ARGV[4])
redis.call('DEL', KEYS[4])
if not started then redis.call('PEXPIRE', KEYS[2], ARGV[4]) end
return 1
