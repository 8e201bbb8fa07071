-- Looks whether a session is an orphan.
--
-- KEYS  1 lease  2 record  3 holder
-- Returns '0' if it is, '-1' if it never will be again, else the milliseconds that its lease
-- still lasts, which an older version has taken; and the incarnation that holds it, or ''.

local lease = redis.call('GET', KEYS[1])
local status = redis.call('HGET', KEYS[2], 'status')
if lease and string.match(lease, '^%d+ .') then
  local epoch = string.match(lease, '^%d+')
  local at, incarnation = string.match(redis.call('GET', KEYS[3]) or '', '^(%d+) (.*)$')
  if at == epoch then return {'-1', incarnation} end
  return {tostring(math.max(1, redis.call('PTTL', KEYS[1]))), ''}
end
if not status or status == 'ended' then return {'-1', ''} end
return {'0', ''}
