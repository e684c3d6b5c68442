-- Deciding in order, then writing once.

local NEEDS_TODAY = {
  [AUTHORIZE] = authorize, [CHARGE] = charge, [SETTLE] = settle, [LOOK_GRANT] = look_grant,
}
local DECIDE = {
  [LOAD] = load, [APPLY] = apply, [END] = end_call, [SWEEP] = sweep, [DEBIT] = debit,
  [REPAIR] = repair, [LOOK_ACCOUNT] = look_account, [LOOK_CALL] = look_call,
}

local function is_corrupt(op, account)
  return account == CORRUPTED
    or type(op[3]) == 'string' and calls[member_of(op[2], op[3])] == CORRUPTED
end

local function decide(op)
  local kind, account = op[1], accounts[op[2]]
  if kind == CONFIRM then -- what the ledger has done is taken note of, whatever the record is like
    return confirm(op, account ~= CORRUPTED and account or nil)
  elseif not account and kind ~= LOAD then
    return refuse(CODE.NOT_LOADED)
  elseif is_corrupt(op, account) then
    return refuse(CODE.CORRUPT)
  end
  local with_today = NEEDS_TODAY[kind]
  if not with_today then
    return DECIDE[kind](op, account)
  elseif op[4] ~= account[PROFILE_VERSION] then
    return refuse(CODE.STALE_PROFILE, account[PROFILE_VERSION], account[PROFILE])
  end
  local today = today_of(op[5])
  if not today then
    return refuse(CODE.CLOCK)
  end
  return with_today(op, account, today)
end

local function decide_all(operations, wrong)
  local results = {}
  for i = 1, #operations do
    if wrong[i] then
      results[i] = refuse(CODE.BAD_FORM, wrong[i])
    else
      results[i] = decide(operations[i])
    end
  end
  return results
end

-- While writing nothing may fail: every key's type was read, numbers are whole, ids rise.
local writes_begun

local function begin_writes()
  if not writes_begun then
    writes_begun = true
    redis.call('HSET', KEY_EPOCH, 'torn', '1')
  end
end

-- Calls redis with flat arguments in portions; their number is a multiple of 2.
local function write_flat(command, key, flat)
  for first = 1, #flat, 1000 do
    begin_writes()
    redis.call(command, key, unpack(flat, first, min(first + 999, #flat)))
  end
end

local function write_records(key, dirty, records)
  local kept, gone = {}, {}
  for name in pairs(dirty) do
    local record = records[name]
    if record then
      kept[#kept + 1] = name
      kept[#kept + 1] = cmsgpack.pack(record)
    else
      gone[#gone + 1] = name
    end
  end
  write_flat('HSET', key, kept)
  write_flat('HDEL', key, gone)
end

local function write_leases()
  local kept, gone = {}, {}
  for member, score in pairs(leases) do
    if score then
      kept[#kept + 1] = string.format('%.0f', score)
      kept[#kept + 1] = member
    else
      gone[#gone + 1] = member
    end
  end
  write_flat('ZADD', KEY_LEASES, kept)
  write_flat('ZREM', KEY_LEASES, gone)
end

local function write_spend(index, dirty)
  local flat = {}
  for tenant in pairs(dirty) do
    flat[#flat + 1] = tenant
    flat[#flat + 1] = string.format('%.0f', spend[index][tenant])
  end
  write_flat('HSET', SPEND_KEYS[index], flat)
end

local function write_outbox(posted_before)
  for i = 1, #entries do
    begin_writes()
    redis.call('XADD', KEY_OUTBOX, string.format('%.0f-0', entries[i][1]), 'e', entries[i][2])
  end
  if posted_n > posted_before then
    begin_writes()
    redis.call('XTRIM', KEY_OUTBOX, 'MINID', string.format('%.0f-0', posted_n + 1))
  end
end

local function write_all(posted_before)
  writes_begun = false
  write_outbox(posted_before)
  write_records(KEY_ACCOUNTS, dirty_accounts, accounts)
  write_records(KEY_CALLS, dirty_calls, calls)
  write_leases()
  for index, dirty in pairs(dirty_spend) do
    write_spend(index, dirty)
  end
  if writes_begun then
    redis.call('HSET', KEY_EPOCH, 'n', string.format('%.0f', last_n), 'posted',
      string.format('%.0f', posted_n), 'torn', '0')
  end
end

-- A push may be lost, so a channel that may not be used must not tear the batch.
local function tell_changes()
  if #changes > 0 then
    redis.pcall('SPUBLISH', CHANNEL, cmsgpack.pack(changes))
  end
end

local function decide_batch(keys, args)
  if not floor then
    prepare()
  end
  local batch = cmsgpack.unpack(args[1])
  local header, operations = batch[1], batch[2]
  begin(keys, header)
  local status, epoch = read_state(header[1])
  if status ~= STATUS.DECIDED then
    return cmsgpack.pack({ status, NOW, posted_n, last_n, epoch })
  end
  -- Reading by type also proves that no later write can meet a key of another type.
  redis.call('ZCARD', KEY_LEASES)
  redis.call('XLEN', KEY_OUTBOX)
  local wrong, posted_before = read_records(operations), posted_n
  local results = decide_all(operations, wrong)
  write_all(posted_before)
  tell_changes()
  return cmsgpack.pack({ STATUS.DECIDED, NOW, posted_n, last_n, results })
end
