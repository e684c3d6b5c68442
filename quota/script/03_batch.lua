-- The batch: its header and operations, and every record that they touch, read once.

local time = redis.call('TIME')
local NOW = time[1] * 1000 + floor(time[2] / 1000)
local batch = cmsgpack.unpack(ARGV[1])
local header, operations = batch[1], batch[2]
local LEASE_MS, GRACE_MS, LATE_WINDOW_MS = header[2], header[3], header[4]
local RETENTION_MS, RESERVE_MS, LOW_WATER_MS = header[5], header[6], header[7]
local MIN_START_MS, MAX_OUTBOX, DATES = header[8], header[9], header[10]

local stored = redis.call('HMGET', KEY_EPOCH, 'epoch', 'n', 'posted', 'torn')
local last_n, posted_n = tonumber(stored[2] or '0'), tonumber(stored[3] or '0')
if stored[1] ~= header[1] then
  return cmsgpack.pack({ 1, NOW, posted_n, last_n, stored[1] or '0' })
end
if stored[4] == '1' then
  return cmsgpack.pack({ 2, NOW, posted_n, last_n, {} })
end

-- Reading by type also proves that no later write can meet a key of another type.
redis.call('ZCARD', KEY_LEASES)
redis.call('XLEN', KEY_OUTBOX)

local accounts, calls, scores = {}, {}, {}
local dirty_accounts, dirty_calls = {}, {}
local leases, entries = {}, {}
local spend, dirty_spend = { {}, {}, {} }, { {}, {}, {} }
local spend_is_read = {}
local CORRUPTED = {}

local function member_of(tenant, key)
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

-- The form of every operation is checked before any record is looked at.
local tenants, members, swept, wrong = {}, {}, {}, {}
do
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
      local keyed = kind >= AUTHORIZE and kind <= DEBIT or kind == LOOK_CALL
      local key = keyed and op[3] or kind == CONFIRM and op[3] ~= '' and op[3]
      if key then
        local member = member_of(tenant, key)
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
end
read_each('HMGET', KEY_ACCOUNTS, tenants, read_account)
read_each('HMGET', KEY_CALLS, members, read_call)
read_each('ZMSCORE', KEY_LEASES, swept, function(member, score)
  scores[member] = tonumber(score)
end)

-- Spend is read for all tenants of the batch when the first operation needs that date.
local function spend_on(date_index, tenant)
  if not spend_is_read[date_index] then
    spend_is_read[date_index] = true
    read_each('HMGET', KEYS[FIRST_SPEND_KEY + date_index], tenants, function(name, amount)
      spend[date_index][name] = tonumber(amount or '0')
    end)
  end
  return spend[date_index][tenant]
end

local function add_spend(date_index, tenant, amount)
  spend[date_index][tenant] = spend_on(date_index, tenant) + amount
  dirty_spend[date_index][tenant] = true
end

local function date_index(day)
  for i = 1, 3 do
    if DATES[i] == day then
      return i
    end
  end
  return nil
end

local function append_entry(event, tenant, key, ...)
  last_n = last_n + 1
  entries[#entries + 1] = { last_n, cmsgpack.pack({ event, tenant, key, NOW, ... }) }
  return last_n
end
