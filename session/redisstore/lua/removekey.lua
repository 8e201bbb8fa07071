-- Deletes an API key and what is known of its tokens.
--
-- KEYS  1 names: name to ID  2 keys: ID to JSON  3 version  4 revoked: key ID to a count
-- ARGV  1 ID  2 the next version
-- Returns 1, or 0 if there is no such key.

local body = redis.call('HGET', KEYS[2], ARGV[1])
if not body then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[1], cjson.decode(body).name)
redis.call('HDEL', KEYS[4], ARGV[1])
redis.call('SET', KEYS[3], ARGV[2])
return 1
