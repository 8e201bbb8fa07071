-- Looks whether a session is an orphan.
--
-- KEYS  1 lease  2 record
-- Returns 0 if it is, -1 if it never will be again, else the milliseconds that its
-- lease still lasts.

local lease = redis.call('GET', KEYS[1])
if lease and string.match(lease, '^%d+ .') then return math.max(1, redis.call('PTTL', KEYS[1])) end
local status = redis.call('HGET', KEYS[2], 'status')
if not status or status == 'ended' then return -1 end
return 0
