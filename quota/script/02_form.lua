-- The form of operations: one letter a field, and nothing is decided on a field that is not what
-- its letter says. (Comparisons with nan are false and nan % 1 is nan: it is no whole number.)
--   t text, not empty   s any string   d day triple   p spend by day
--   a amount   l limit or NONE   b balance   w whole number   f 0 or 1   e elapsed or NONE
--   x difference of balances   o outcome   v verdict

local is_whole, wrong_field
do
  local FORMS = {
    [LOAD] = 'twballllfwtp', [APPLY] = 'twafallllfs', [AUTHORIZE] = 'ttwdssssaaaaffawsea',
    [CHARGE] = 'ttwdssawsea', [SETTLE] = 'ttwdssawseassssoff', [END] = 'tt', [SWEEP] = 'tt',
    [DEBIT] = 'ttass', [CONFIRM] = 'tswav', [REPAIR] = 'twwxx', [LOOK_ACCOUNT] = 't',
    [LOOK_CALL] = 'tt',
  }
  local LETTER_T, LETTER_S, LETTER_D, LETTER_P = string.byte('tsdp', 1, 4)
  local LOWEST, HIGHEST = {}, {}

  local function bound(letter, lowest, highest)
    local byte = string.byte(letter)
    LOWEST[byte], HIGHEST[byte] = lowest, highest
  end
  bound('a', 0, MAX_AMOUNT)
  bound('l', NONE, MAX_AMOUNT)
  bound('b', -MAX_BALANCE, MAX_BALANCE)
  bound('w', 0, MAX_WHOLE)
  bound('f', 0, 1)
  bound('e', NONE, MAX_AMOUNT)
  bound('x', -2 * MAX_BALANCE, 2 * MAX_BALANCE)
  bound('o', 0, 255)
  bound('v', 0, 2)

  function is_whole(value, lowest, highest)
    return type(value) == 'number' and value >= lowest and value <= highest and value % 1 == 0
  end

  local function is_text(value)
    return type(value) == 'string' and value ~= ''
  end

  local function is_day(value)
    return type(value) == 'table' and #value == 3 and is_text(value[1])
      and is_whole(value[2], 0, MAX_WHOLE) and is_text(value[3])
  end

  local function is_spend(value)
    if type(value) ~= 'table' then
      return false
    end
    for i = 1, #value do
      local row = value[i]
      if type(row) ~= 'table' or not is_text(row[1]) or not is_whole(row[2], 0, MAX_BALANCE) then
        return false
      end
    end
    return true
  end

  -- Returns the position of the first field that is wrong (0: the kind), or nil.
  function wrong_field(op)
    local form = type(op) == 'table' and FORMS[op[1]]
    if not form then
      return 0
    end
    for i = 1, #form do
      local letter, value, good = string.byte(form, i), op[i + 1], nil
      if LOWEST[letter] then
        good = type(value) == 'number' and value >= LOWEST[letter] and value <= HIGHEST[letter]
          and value % 1 == 0
      elseif letter == LETTER_T then
        good = type(value) == 'string' and value ~= ''
      elseif letter == LETTER_S then
        good = type(value) == 'string'
      elseif letter == LETTER_D then
        good = is_day(value)
      elseif letter == LETTER_P then
        good = is_spend(value)
      end
      if not good then
        return i
      end
    end
    return nil
  end
end
