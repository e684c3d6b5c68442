-- The batch: its header and operations, and every record that they touch, read once.

local KEY_ACCOUNTS, KEY_CALLS, KEY_LEASES, KEY_OUTBOX, KEY_EPOCH, SPEND_KEYS
local NOW, LEASE_MS, GRACE_MS, LATE_WINDOW_MS, RETENTION_MS
local RESERVE_MS, LOW_WATER_MS, MIN_START_MS, MAX_OUTBOX, DATES, CHANNEL

local CORRUPTED = {}
local tenants, last_n, posted_n
local accounts, calls, scores, spend
local dirty_accounts, dirty_calls, dirty_spend, leases, entries, changes

local announce, begin, read_state, read_records, member_of, spend_on, add_spend, date_index, append_entry
do
  function begin(keys, header)
    KEY_ACCOUNTS, KEY_CALLS, KEY_LEASES = keys[1], keys[2], keys[3]
    KEY_OUTBOX, KEY_EPOCH, SPEND_KEYS = keys[4], keys[5], { keys[6], keys[7], keys[8] }
    LEASE_MS, GRACE_MS, LATE_WINDOW_MS = header[2], header[3], header[4]
    RETENTION_MS, RESERVE_MS, LOW_WATER_MS = header[5], header[6], header[7]
    MIN_START_MS, MAX_OUTBOX, DATES, CHANNEL = header[8], header[9], header[10], header[11]
    local time = redis.call('TIME')
    NOW = time[1] * 1000 + floor(time[2] / 1000)
    tenants, accounts, calls, scores, spend = {}, {}, {}, {}, {}
    dirty_accounts, dirty_calls, dirty_spend, leases, entries = {}, {}, {}, {}, {}
    changes = {}
  end

  -- Notes that something outside a call has changed its fate; without a call: all of the tenant's.
  function announce(tenant, call_id, change)
    changes[#changes + 1] = { tenant, call_id, change }
  end

  -- Returns the status of the shard, and its epoch when that is another than the caller's.
  function read_state(epoch)
    local stored = redis.call('HMGET', KEY_EPOCH, 'epoch', 'n', 'posted', 'torn')
    last_n, posted_n = tonumber(stored[2] or '0'), tonumber(stored[3] or '0')
    if stored[1] ~= epoch then
      return STATUS.OTHER_EPOCH, stored[1] or '0'
    elseif stored[4] == '1' then
      return STATUS.TORN, ''
    end
    return STATUS.DECIDED, ''
  end

  function member_of(tenant, key)
    return tenant .. '/' .. key
  end

  -- Calls redis with up to 1,000 names at a time and hands each name and value to `take`.
  local function read_each(command, key, names, take)
    for first = 1, #names, 1000 do
      local last = min(first + 999, #names)
      local values = redis.call(command, key, unpack(names, first, last))
      for i = 1, #values do
        take(names[first + i - 1], values[i])
      end
    end
  end

  local function unpack_record(packed)
    local good, record = pcall(cmsgpack.unpack, packed)
    if good and type(record) == 'table' then
      return record
    end
    return CORRUPTED
  end

  local function read_account(tenant, packed)
    if packed then
      local account = unpack_record(packed)
      if #account ~= ACCOUNT_FIELDS then
        account = CORRUPTED
      end
      accounts[tenant] = account
    end
  end

  local function read_score(member, score)
    scores[member] = tonumber(score)
  end

  local function read_call(member, packed)
    if packed then
      local call = unpack_record(packed)
      local fields, state = #call, call[C_STATE]
      if not ((fields == CALL_FIELDS and is_whole(state, AUTHORIZED, EXPIRED))
          or (fields == SETTLED_FIELDS and state == SETTLED)
          or (fields == DEBIT_FIELDS and state == DEBITED)) then
        call = CORRUPTED
      end
      calls[member] = call
    end
  end

  -- Checks the form of every operation, then reads every record that the good ones touch. Returns
  -- the positions of wrong fields by operation.
  function read_records(operations)
    local members, swept, wrong = {}, {}, {}
    local seen_tenants, seen_members = {}, {}
    for i = 1, #operations do
      local op = operations[i]
      wrong[i] = wrong_field(op)
      if not wrong[i] then
        local kind, tenant = op[1], op[2]
        if not seen_tenants[tenant] then
          seen_tenants[tenant] = true
          tenants[#tenants + 1] = tenant
        end
        local keyed = kind >= AUTHORIZE and kind <= DEBIT or kind >= LOOK_CALL
          or kind == CONFIRM and op[3] ~= ''
        if keyed then
          local member = member_of(tenant, op[3])
          if not seen_members[member] then
            seen_members[member] = true
            members[#members + 1] = member
          end
          if kind == SWEEP then
            swept[#swept + 1] = member
          end
        end
      end
    end
    read_each('HMGET', KEY_ACCOUNTS, tenants, read_account)
    read_each('HMGET', KEY_CALLS, members, read_call)
    read_each('ZMSCORE', KEY_LEASES, swept, read_score)
    return wrong
  end

  -- Spend is read for all tenants of the batch when the first operation needs that date.
  local function read_spend(index)
    local amounts = {}
    spend[index], dirty_spend[index] = amounts, {}
    read_each('HMGET', SPEND_KEYS[index], tenants, function(tenant, amount)
      amounts[tenant] = tonumber(amount or '0')
    end)
  end

  function spend_on(index, tenant)
    if not spend[index] then
      read_spend(index)
    end
    return spend[index][tenant]
  end

  function add_spend(index, tenant, amount)
    local amount_before = spend_on(index, tenant)
    spend[index][tenant] = amount_before + amount
    dirty_spend[index][tenant] = true
  end

  function date_index(day)
    for i = 1, 3 do
      if DATES[i] == day then
        return i
      end
    end
    return nil
  end

  function append_entry(event, tenant, key, ...)
    last_n = last_n + 1
    entries[#entries + 1] = { last_n, cmsgpack.pack({ event, tenant, key, NOW, ... }) }
    return last_n
  end
end
