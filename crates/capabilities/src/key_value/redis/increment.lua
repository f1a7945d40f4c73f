-- Adds to a number. ARGV: the summand as text, and as eight bytes, little end first.
-- Answers what became of it, and the sum: {0, eight bytes}, {1, text}, {2} for no number, {3} for no room.
local value = redis.call('GET', KEYS[1])

-- Text is how Redis itself counts, and Spin with it; such a number stays text.
if value and #value <= 20 and string.find(value, '^-?%d+$') then
  local sum = redis.pcall('INCRBY', KEYS[1], ARGV[1])
  if type(sum) == 'table' and sum.err then
    if string.find(sum.err, 'overflow', 1, true) then return {3} end
    if string.find(sum.err, 'not an integer', 1, true) then return {2} end
    return sum
  end
  return {1, redis.call('GET', KEYS[1])}
end

local delta = ARGV[2]
value = value or string.rep('\0', 8)
if #value ~= 8 then return {2} end
-- Numbers of Lua hold 53 bits, so the sum is done byte by byte.
local bytes, carry = {}, 0
for index = 1, 8 do
  local byte = string.byte(value, index) + string.byte(delta, index) + carry
  carry = byte > 255 and 1 or 0
  bytes[index] = string.char(byte % 256)
end
local sum = table.concat(bytes)
local function is_negative(number) return string.byte(number, 8) > 127 end
if is_negative(value) == is_negative(delta) and is_negative(sum) ~= is_negative(value) then return {3} end
-- All eight bytes are replaced; unlike SET this leaves the end that the key may have.
redis.call('SETRANGE', KEYS[1], 0, sum)
return {0, sum}
