-- Selects sessions of one index by terms, newest first.
--
-- KEYS  1 list  2 terms (as in index.lua)
-- ARGV  1 the member to begin behind, empty for the newest
--       2 how many to return at most  3 how many to look at, more or less
--       4… terms, all of which a session must have
-- Returns the last member that was looked at, empty if it was the last of all; how many of
-- those that were looked at have all terms; and the first of them.

local limit, bound = tonumber(ARGV[2]), tonumber(ARGV[3])

-- The rarest of the terms is the one to walk through.
local key, rarest, least = KEYS[1], nil, nil
for i = 4, #ARGV do
  local count = redis.call('ZLEXCOUNT', KEYS[2], '[' .. ARGV[i] .. ' ', '(' .. ARGV[i] .. '!')
  if not least or count < least then key, rarest, least = KEYS[2], ARGV[i], count end
end
local prefix, first, from = '', '-', '+'
if rarest then prefix, first, from = rarest .. ' ', '[' .. rarest .. ' ', '(' .. rarest .. '!' end
if ARGV[1] ~= '' then from = '(' .. prefix .. ARGV[1] end

-- having leaves the members that have another term, too.
local function having(term, members)
  if #members == 0 then return members end
  local named, kept = {}, {}
  for i, member in ipairs(members) do named[i] = term .. ' ' .. member end
  for i, score in ipairs(redis.call('ZMSCORE', KEYS[2], unpack(named))) do
    if score then kept[#kept + 1] = members[i] end
  end
  return kept
end

local step = 1000 -- unpack puts its values on a stack of limited size
if #ARGV < 5 then step = math.min(step, limit) end -- all of them are selected

local found, count, looked, last = {}, 0, 0, nil
repeat
  local entries = redis.call('ZRANGE', key, from, first, 'BYLEX', 'REV', 'LIMIT', 0, step)
  local members = {}
  for i, entry in ipairs(entries) do members[i] = string.sub(entry, #prefix + 1) end
  last = #entries == step and members[step] or ''
  looked, from = looked + #entries, '(' .. prefix .. last
  for i = 4, #ARGV do
    if ARGV[i] ~= rarest then members = having(ARGV[i], members) end
  end
  for _, member in ipairs(members) do
    count = count + 1
    if count <= limit then found[count] = member end
  end
until last == '' or looked >= bound or limit > 0 and count >= limit

if limit > 0 and count > limit then last = found[limit] end
return {last, count, unpack(found)}
