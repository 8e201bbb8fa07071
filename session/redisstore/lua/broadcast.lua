-- Appends an entry to the log of broadcasts and wakes those who follow it.
--
-- KEYS  1 log  2 withdrawn  3 said
-- ARGV  1 length of the log
--       2 milliseconds to keep the log  3 milliseconds to know that this was said
--       4 ID of the broadcast that is withdrawn, empty for a new one
--       5 body of the new one, or who withdraws
-- Returns the entry's ID and the broadcast's body, or the reason why there is none:
-- 'unknown' or 'again'. The client may send a call twice when it lost the answer; then
-- it gets the answer again.

local said = redis.call('GET', KEYS[3])
local there = said and redis.call('XRANGE', KEYS[1], said, said)[1]
if there then return {said, there[2][#there[2]]} end

local entry = {'body', ARGV[5]}
if ARGV[4] ~= '' then
  local begun = redis.call('XRANGE', KEYS[1], ARGV[4], ARGV[4])[1]
  if not begun or begun[2][1] ~= 'body' then return {'unknown'} end
  if redis.call('HEXISTS', KEYS[2], ARGV[4]) == 1 then return {'again'} end
  entry = {'of', ARGV[4], 'by', ARGV[5], 'body', begun[2][2]}
end

local over = redis.call('XLEN', KEYS[1]) + 1 - tonumber(ARGV[1])
if over > 0 then
  for _, old in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', over)) do
    redis.call('HDEL', KEYS[2], old[1])
    redis.call('XDEL', KEYS[1], old[1])
  end
end
local id = redis.call('XADD', KEYS[1], '*', unpack(entry))
if ARGV[4] ~= '' then redis.call('HSET', KEYS[2], ARGV[4], id .. ' ' .. ARGV[5]) end
redis.call('SET', KEYS[3], id, 'PX', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('PUBLISH', KEYS[1], id)
return {id, entry[#entry]}
