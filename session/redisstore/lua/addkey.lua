-- Stores an API key, unless its name is taken or too many are stored.
--
-- KEYS  1 names: name to ID  2 keys: ID to JSON  3 version
-- ARGV  1 name  2 ID  3 JSON  4 how many may be stored  5 the next version
-- Returns 'ok', 'exists' or 'full'.

if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 'exists' end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return 'full' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('SET', KEYS[3], ARGV[5])
return 'ok'
