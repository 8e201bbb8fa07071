-- Reads all API keys and revocations at one moment, unless nothing has changed.
--
-- KEYS  1 keys: ID to JSON  2 version  3 revoked: key ID to a count  4 tokens: token ID by time
-- ARGV  1 the version that is known
-- Returns the version and, if it is another, the keys, the counts and the tokens.

local version = redis.call('GET', KEYS[2]) or ''
if version == ARGV[1] then return {version} end
return {version, redis.call('HVALS', KEYS[1]), redis.call('HGETALL', KEYS[3]), redis.call('ZRANGE', KEYS[4], 0, -1)}
