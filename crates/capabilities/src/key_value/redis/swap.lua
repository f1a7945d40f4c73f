-- Sets a value if it still is what was expected. ARGV: whether a value is expected, which one, the new one.
local value = redis.call('GET', KEYS[1])
local is_expected
if ARGV[1] == '1' then is_expected = value == ARGV[2] else is_expected = not value end
if not is_expected then return 0 end
redis.call('SET', KEYS[1], ARGV[3])
return 1
