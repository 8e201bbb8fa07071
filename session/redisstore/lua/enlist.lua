-- Notes that an incarnation holds sessions, or is about to.
--
-- KEYS  1 held
-- ARGV  1 milliseconds to keep the key  2… session IDs

for i = 2, #ARGV, 500 do
  redis.call('SADD', KEYS[1], unpack(ARGV, i, math.min(i + 499, #ARGV)))
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
