-- The form of operations: one letter a field, and nothing is decided on a field that is not what
-- its letter says. (Comparisons with nan are false and nan % 1 is nan: it is no whole number.)
--   t text, not empty   s any string   d day triple   p spend by day
--   a amount   l limit or NONE   m limit of a number or NONE   b balance   w whole number
--   f 0 or 1   e elapsed or NONE
--   x difference of balances   o outcome   v verdict

local is_whole, is_day, prepare, wrong_field
do
  local FORMS = {
    [KIND.LOAD] = 'twballllfwtpmll', [KIND.APPLY] = 'twafallllfsmll',
    [KIND.AUTHORIZE] = 'ttwdssssaaaaffawsea', [KIND.CHARGE] = 'ttwdssawsea',
    [KIND.SETTLE] = 'ttwdssawseassssoff', [KIND.END] = 'tt', [KIND.SWEEP] = 'tt',
    [KIND.DEBIT] = 'ttassf', [KIND.CONFIRM] = 'tswav', [KIND.REPAIR] = 'twwxx',
    [KIND.LOOK_ACCOUNT] = 't', [KIND.LOOK_CALL] = 'tt', [KIND.LOOK_GRANT] = 'ttwd',
  }
  local RANGES = {
    a = { 0, MAX_AMOUNT }, l = { NONE, MAX_AMOUNT }, m = { NONE, MAX_COUNT },
    b = { -MAX_BALANCE, MAX_BALANCE }, w = { 0, MAX_WHOLE }, f = { 0, 1 },
    e = { NONE, MAX_AMOUNT }, x = { -2 * MAX_BALANCE, 2 * MAX_BALANCE }, o = { 0, 255 },
    v = { 0, 2 },
  }

  function is_whole(value, lowest, highest)
    return type(value) == 'number' and value >= lowest and value <= highest and value % 1 == 0
  end

  local function is_string(value)
    return type(value) == 'string'
  end

  local function is_text(value)
    return type(value) == 'string' and value ~= ''
  end

  function is_day(value)
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

  local CHECKS = { t = is_text, s = is_string, d = is_day, p = is_spend }

  -- By kind, for each field its range, or the function that checks it; see `prepare`.
  local COMPILED_FORMS

  local function compile_forms()
    local compiled = {}
    for kind, form in pairs(FORMS) do
      local fields = {}
      for i = 1, #form do
        local letter = string.sub(form, i, i)
        fields[i] = RANGES[letter] or CHECKS[letter]
      end
      compiled[kind] = fields
    end
    return compiled
  end

  -- Once per load: Lua's own libraries cannot be reached while a library loads.
  function prepare()
    floor, min, max = math.floor, math.min, math.max
    type_of, byte, sub = type, string.byte, string.sub
    COMPILED_FORMS = compile_forms()
  end

  -- Returns the position of the first field that is wrong (0: the kind), or nil.
  function wrong_field(op)
    local fields = type(op) == 'table' and COMPILED_FORMS[op[1]]
    if not fields then
      return 0
    end
    for i = 1, #fields do
      local field, value, good = fields[i], op[i + 1], nil
      if type(field) == 'table' then
        good = type(value) == 'number' and value >= field[1] and value <= field[2]
          and value % 1 == 0
      else
        good = field(value)
      end
      if not good then
        return i
      end
    end
    return nil
  end
end
