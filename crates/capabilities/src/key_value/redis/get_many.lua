-- The values of all keys, from one moment, or 0 where they are more than ARGV[1] bytes together.
local bytes = 0
for _, key in ipairs(KEYS) do bytes = bytes + redis.call('STRLEN', key) end
if bytes > tonumber(ARGV[1]) then return 0 end
local values = {}
for index, key in ipairs(KEYS) do values[index] = redis.call('GET', key) end
return values
