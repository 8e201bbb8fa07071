-- Lists the nodes that are announced.
--
-- KEYS  1 nodes  2 until
-- Returns the JSON of each.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local urls = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. string.format('%.0f', now), '+inf')
if #urls == 0 then return urls end
return redis.call('HMGET', KEYS[1], unpack(urls))
