-- Extends a lock, or gives it up, if it is still the caller's. KEYS[1] lock. ARGV: token, ms to hold it from now; 0 gives it up.
-- Returns 1, or 0 if the lock was lost.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if tonumber(ARGV[2]) == 0 then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
