-- Puts sessions into one index, in place of what it had of them, and takes out those whose
-- record has expired.
--
-- KEYS  1 list: members, all of score 0
--       2 until: members by the time at which their record expires
--       3 terms: '<term> <member>', all of score 0
--       4 entries: member → epoch, clients and terms, a line each
--       5 sums: how many members have a term, and their clients
--       6 expiry: the members that an older version of the gateway has written
--       7 facts: member → what a session is sorted, searched and counted by
--       8 changed: the members whose facts changed last, by the version of that change
--       9 version: newest, the version of the last change; floor, that of the last one which
--         changed does not have any more
-- ARGV  1 now  2 milliseconds to keep the keys when nothing changes
--       3 how many expired members to take out at most
--       4… for each session: its member, the time at which its record expires, its entry
--          (empty: it has no record), its score in expiry, if it is read from there, and
--          its facts, empty in the index of an API key
--       (all times in unix milliseconds)
-- Returns how many members had expired, and how many are in expiry.

local changes = {}
local newest

-- note gives a change of facts a version that is greater than any before, even if the keys were
-- lost: readers that have followed until then read what changed since.
local function note(member)
  if not newest then
    local time = redis.call('TIME')
    newest = math.max(time[1] * 1000000 + time[2], tonumber(redis.call('HGET', KEYS[9], 'newest') or '0'))
  end
  newest = newest + 1
  redis.call('ZADD', KEYS[8], string.format('%.0f', newest), member)
end

-- forget bounds what is noted.
local function forget(most)
  local over = redis.call('ZCARD', KEYS[8]) - most
  if over <= 0 then return end
  local last = redis.call('ZRANGE', KEYS[8], over - 1, over - 1, 'WITHSCORES')
  redis.call('ZREMRANGEBYRANK', KEYS[8], 0, over - 1)
  redis.call('HSET', KEYS[9], 'floor', last[2])
end

local function change(name, by)
  changes[name] = (changes[name] or 0) + by
end

local function read(entry)
  local epoch, clients, rest = string.match(entry, '^(%d+)\n(%d+)(.*)$')
  local terms = {}
  for term in string.gmatch(rest, '[^\n]+') do terms[term] = true end
  return tonumber(epoch), tonumber(clients), terms
end

-- Sums are kept of all terms but labels, of which there may be any number.
local function counted(term)
  return string.sub(term, 1, 2) ~= 'l:'
end

local function replace(member, before, after)
  local _, old_clients, old = read(before)
  local _, new_clients, new = read(after)
  for term in pairs(old) do
    if not new[term] then
      redis.call('ZREM', KEYS[3], term .. ' ' .. member)
      if counted(term) then change(term, -1) end
    end
  end
  for term in pairs(new) do
    if not old[term] then
      redis.call('ZADD', KEYS[3], 0, term .. ' ' .. member)
      if counted(term) then change(term, 1) end
    end
  end
  change('clients', new_clients - old_clients)
end

local nothing = '0\n0'

local function take_out(member)
  replace(member, redis.call('HGET', KEYS[4], member) or nothing, nothing)
  redis.call('ZREM', KEYS[1], member)
  redis.call('ZREM', KEYS[2], member)
  redis.call('HDEL', KEYS[4], member)
  if redis.call('HDEL', KEYS[7], member) > 0 then note(member) end
end

local function put(member, until_, entry, facts)
  local before = redis.call('HGET', KEYS[4], member) or nothing
  if (read(entry)) < (read(before)) then return end -- of a node that has lost the session
  redis.call('ZADD', KEYS[2], until_, member)
  if facts ~= '' then
    redis.call('HSET', KEYS[7], member, facts)
    note(member)
  end
  if entry == before then return end
  redis.call('ZADD', KEYS[1], 0, member)
  replace(member, before, entry)
  redis.call('HSET', KEYS[4], member, entry)
end

for i = 4, #ARGV, 5 do
  local member, until_, entry, score, facts = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  if entry ~= '' then put(member, until_, entry, facts) else take_out(member) end
  if score ~= '' and redis.call('ZSCORE', KEYS[6], member) == score then
    redis.call('ZREM', KEYS[6], member)
  end
end

local expired = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, member in ipairs(expired) do take_out(member) end

for name, by in pairs(changes) do
  if by ~= 0 and redis.call('HINCRBY', KEYS[5], name, by) == 0 then redis.call('HDEL', KEYS[5], name) end
end
if newest then
  redis.call('HSET', KEYS[9], 'newest', string.format('%.0f', newest))
  forget(20000)
end
-- Who only reads changes nothing, so that Redis has nothing to write to its file or to its replicas.
if #ARGV > 3 or #expired > 0 then
  for _, i in ipairs({1, 2, 3, 4, 5, 7, 8, 9}) do redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
end
return {#expired, redis.call('ZCARD', KEYS[6])}
