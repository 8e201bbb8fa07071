-- Reads which sessions of an index changed after a version.
--
-- KEYS  1 list  2 facts  3 changed  4 version (as in index.lua)
-- ARGV  1 the version  2 how many to return at most; 0: only the newest version
-- Returns 1 if some of the changes are not noted any more, else 0; the version of the last change
-- returned, or the newest there is if none is; how many sessions are listed; and of each session
-- its member and its facts, empty if it was taken out.

local since, limit = ARGV[1], tonumber(ARGV[2])
local noted = redis.call('HMGET', KEYS[4], 'newest', 'floor')
local newest, floor = tonumber(noted[1] or '0'), tonumber(noted[2] or '0')
local listed = redis.call('ZCARD', KEYS[1])
if limit == 0 then return {0, newest, listed} end
-- A newest version that is older: the index was lost.
if tonumber(since) < floor or tonumber(since) > newest then return {1, newest, listed} end

local changed = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. since, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
local answer = {0, newest, listed}
for i = 1, #changed, 2 do
  answer[#answer + 1] = changed[i]
  answer[#answer + 1] = redis.call('HGET', KEYS[2], changed[i]) or ''
  if i + 1 == limit * 2 then answer[2] = tonumber(changed[i + 1]) end
end
return answer
