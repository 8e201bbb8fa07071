-- Adds a note to a session, once.
--
-- KEYS  1 record  2 notes (hash: ID -> "<place> <body>")
-- ARGV  1 ID  2 body  3 most notes
-- Returns 1, 0 if there is no such session, or -1 if it has too many notes.

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 1 end
local n = redis.call('HLEN', KEYS[2])
if n >= tonumber(ARGV[3]) then return -1 end
redis.call('HSET', KEYS[2], ARGV[1], string.format('%04d ', n) .. ARGV[2])
redis.call('PEXPIRE', KEYS[2], math.max(1, redis.call('PTTL', KEYS[1])))
return 1
