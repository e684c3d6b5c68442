-- Reading the batch: each operation becomes a table of its fields, in order, behind its kind.
-- Operations are arrays one behind the other and are read at their offsets: an array's elements
-- come back as values, which fill a table of the right size in one step.

local read_operations
do
  local IS_TIMELY = {
    [KIND.AUTHORIZE] = true, [KIND.CHARGE] = true, [KIND.SETTLE] = true, [KIND.LOOK_GRANT] = true,
  }
  local CHARGE_ARRAY = 0x90 + 12
  -- The days that charges of this batch have named, by their packed text of the usual length.
  local DAY_LENGTH = 28
  local todays, wrong, swept

  -- Returns the number of an array's elements, and the offset of the first.
  local function array_at(body, at)
    local head = byte(body, at + 1)
    if head == 0xdc then
      return (struct.unpack('>I2', body, at + 2)), at + 3
    elseif head == 0xdd then
      return (struct.unpack('>I4', body, at + 2)), at + 5
    end
    return head - 0x90, at + 1
  end

  local function need_account(tenant)
    if accounts[tenant] == nil then
      accounts[tenant] = false
      tenants[#tenants + 1] = tenant
    end
  end

  local function need_call(member)
    if calls[member] == nil then
      calls[member] = false
      members[#members + 1] = member
    end
  end

  local function need_records(op)
    local kind, tenant = op[1], op[2]
    need_account(tenant)
    local keyed = kind >= KIND.AUTHORIZE and kind <= KIND.DEBIT or kind >= KIND.LOOK_CALL
      or kind == KIND.CONFIRM and op[3] ~= ''
    if keyed then
      need_call(member_of(tenant, op[3]))
      if kind == KIND.SWEEP then
        swept[#swept + 1] = member_of(tenant, op[3])
      end
    end
  end

  -- The form of a charge, as `wrong_field` checks it, in one go.
  local function is_charge(tenant, key, profile, pin, model, total, weight, usage, elapsed, free)
    return type_of(tenant) == 'string' and tenant ~= '' and type_of(key) == 'string' and key ~= ''
      and type_of(profile) == 'number' and profile >= 0 and profile <= MAX_WHOLE and profile % 1 == 0
      and type_of(pin) == 'string' and type_of(model) == 'string'
      and type_of(total) == 'number' and total >= 0 and total <= MAX_AMOUNT and total % 1 == 0
      and type_of(weight) == 'number' and weight >= 0 and weight <= MAX_WHOLE and weight % 1 == 0
      and type_of(usage) == 'string'
      and type_of(elapsed) == 'number' and elapsed >= NONE and elapsed <= MAX_AMOUNT
      and elapsed % 1 == 0
      and type_of(free) == 'number' and free >= 0 and free <= MAX_AMOUNT and free % 1 == 0
  end

  local function make_charge(
    tenant, key, profile, today, next_at, pin, model, total, weight, usage, elapsed, free
  )
    if is_charge(tenant, key, profile, pin, model, total, weight, usage, elapsed, free) then
      local member = tenant .. '/' .. key
      if accounts[tenant] == nil then
        accounts[tenant] = false
        tenants[#tenants + 1] = tenant
      end
      if calls[member] == nil then
        calls[member] = false
        members[#members + 1] = member
      end
      return next_at, {
        CHARGE, tenant, member, profile, today, pin, model, total, weight, usage, elapsed, free,
      }
    end
  end

  local read_any

  -- Reads a charge whose day is known; another one as any operation, which makes its day known.
  local function read_charge(body, at, i)
    local day_at, tenant, key, profile = cmsgpack.unpack_limit(body, 3, at + 2)
    local packed_day = sub(body, day_at + 1, day_at + DAY_LENGTH)
    local today = todays[packed_day]
    if today ~= nil then
      local next_at, op = make_charge(
        tenant, key, profile, today, cmsgpack.unpack_limit(body, 7, day_at + DAY_LENGTH)
      )
      if op then
        return next_at, op
      end
    end
    local next_at, op = read_any(body, at, i)
    local has_usual_length = cmsgpack.unpack_limit(body, 1, day_at) == day_at + DAY_LENGTH
    if not wrong[i] and has_usual_length then
      todays[packed_day] = op[5]
    end
    return next_at, op
  end

  function read_any(body, at, i)
    local size, kind_at = array_at(body, at)
    local op = { cmsgpack.unpack_limit(body, size - 1, kind_at + 1) }
    local next_at = op[1]
    op[1] = byte(body, kind_at + 1)
    wrong[i] = wrong_field(op)
    if not wrong[i] then
      need_records(op)
      if IS_TIMELY[op[1]] then
        op[5] = today_of(op[5])
      end
      if op[1] == CHARGE then
        op[3] = member_of(op[2], op[3])
      end
    end
    return next_at, op
  end

  -- Returns the operations that lie from an offset on, the positions of wrong fields by operation,
  -- and the members whose lease entries are needed.
  function read_operations(body, at)
    local operations, count, op = {}, nil, nil
    todays, wrong, swept = {}, {}, {}
    count, at = array_at(body, at)
    for i = 1, count do
      local head, kind = byte(body, at + 1, at + 2)
      if kind == CHARGE and head == CHARGE_ARRAY then
        at, op = read_charge(body, at, i)
      else
        at, op = read_any(body, at, i)
      end
      operations[i] = op
    end
    return operations, wrong, swept
  end
end
