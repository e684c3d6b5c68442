-- Deciding in order, then writing once.

local decide_all, write_all, tell_changes
do
  local NEEDS_TODAY = {
    [KIND.AUTHORIZE] = authorize, [KIND.SETTLE] = settle, [KIND.LOOK_GRANT] = look_grant,
  }
  local DECIDE = {
    [KIND.LOAD] = load, [KIND.APPLY] = apply, [KIND.END] = end_call, [KIND.SWEEP] = sweep,
    [KIND.DEBIT] = debit, [KIND.REPAIR] = repair, [KIND.LOOK_ACCOUNT] = look_account,
    [KIND.LOOK_CALL] = look_call,
  }

  local function is_corrupt(op, account)
    return account == CORRUPTED
      or type(op[3]) == 'string' and calls[member_of(op[2], op[3])] == CORRUPTED
  end

  local function decide(op)
    local kind, account = op[1], accounts[op[2]]
    if kind == KIND.CONFIRM then -- what the ledger has done is noted, whatever the record is like
      return confirm(op, account ~= CORRUPTED and account or nil)
    elseif not account and kind ~= KIND.LOAD then
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
    local today = op[5]
    if not today then
      return refuse(CODE.CLOCK)
    end
    return with_today(op, account, today)
  end

  -- As `decide`, for the most frequent operation.
  local function decide_charge(op)
    local account, call, today = accounts[op[2]], calls[op[3]], op[5]
    if not account then
      return refuse(CODE.NOT_LOADED)
    elseif account == CORRUPTED or call == CORRUPTED then
      return refuse(CODE.CORRUPT)
    elseif op[4] ~= account[PROFILE_VERSION] then
      return refuse(CODE.STALE_PROFILE, account[PROFILE_VERSION], account[PROFILE])
    elseif not today then
      return refuse(CODE.CLOCK)
    end
    return charge(op, account, today, call)
  end

  -- Returns the packed results, one behind the other.
  function decide_all(operations, wrong)
    local results = {}
    for i = 1, #operations do
      local op, result = operations[i], nil
      if wrong[i] then
        result = refuse(CODE.BAD_FORM, wrong[i])
      elseif op[1] == CHARGE then
        result = decide_charge(op)
      else
        result = decide(op)
      end
      results[i] = type_of(result) == 'string' and result or cmsgpack.pack(result)
    end
    return table.concat(results)
  end

  -- While writing nothing may fail: every key's type was read, numbers are whole, ids rise.
  local writes_begun

  local function begin_writes()
    if not writes_begun then
      writes_begun = true
      redis.call('HSET', KEY.EPOCH, 'torn', '1')
    end
  end

  -- Calls redis with flat arguments in portions; their number is a multiple of 2.
  local function write_flat(command, key, flat)
    for first = 1, #flat, 1000 do
      begin_writes()
      redis.call(command, key, unpack(flat, first, min(first + 999, #flat)))
    end
  end

  local function write_records(key, names, records, pack)
    local flat, used = {}, 0
    for i = 1, #names do
      local name = names[i]
      local record = records[name]
      if record and record[CHANGED] then
        flat[used + 1], flat[used + 2] = name, pack(record)
        used = used + 2
      end
    end
    write_flat('HSET', key, flat)
  end

  -- What was forgotten, unless a later operation has opened it again.
  local function forget_calls()
    local flat = {}
    for i = 1, #gone do
      local record = calls[gone[i]]
      if not record or not record[CHANGED] then
        flat[#flat + 1] = gone[i]
      end
    end
    write_flat('HDEL', KEY.CALLS, flat)
  end

  -- Callers that count something for the first time.
  local function look_at_new_callers()
    for i = 1, #new_callers do
      local member = new_callers[i]
      if calls[member] and calls[member][CHANGED] then
        leases[member] = NOW + CALLER_LOOK_MS
      end
    end
  end

  local function write_leases()
    local kept, ended = {}, {}
    for member, score in pairs(leases) do
      if score then
        kept[#kept + 1] = string.format('%.0f', score)
        kept[#kept + 1] = member
      else
        ended[#ended + 1] = member
      end
    end
    write_flat('ZADD', KEY.LEASES, kept)
    write_flat('ZREM', KEY.LEASES, ended)
  end

  local function write_outbox(posted_before)
    for i = 1, #entries do
      begin_writes()
      redis.call('XADD', KEY.OUTBOX, string.format('%.0f-0', entries[i][1]), 'e', entries[i][2])
    end
    if posted_n > posted_before then
      begin_writes()
      redis.call('XTRIM', KEY.OUTBOX, 'MINID', string.format('%.0f-0', posted_n + 1))
    end
  end

  function write_all(posted_before)
    writes_begun = false
    write_outbox(posted_before)
    write_records(KEY.ACCOUNTS, tenants, accounts, pack_account)
    write_records(KEY.CALLS, members, calls, pack_call)
    forget_calls()
    look_at_new_callers()
    write_leases()
    if writes_begun then
      redis.call('HSET', KEY.EPOCH, 'n', string.format('%.0f', last_n), 'posted',
        string.format('%.0f', posted_n), 'torn', '0')
    end
  end

  -- A push may be lost, so a channel that may not be used must not tear the batch.
  function tell_changes()
    if #changes > 0 then
      redis.pcall('SPUBLISH', CHANNEL, cmsgpack.pack(changes))
    end
  end
end

local function decide_batch(keys, args)
  if not floor then
    prepare()
  end
  local body = args[1]
  local operations_at, header = cmsgpack.unpack_limit(body, 1, 1)
  begin(keys, header)
  local status, epoch = read_state(header[1])
  if status ~= STATUS.DECIDED then
    return cmsgpack.pack({ status, NOW, posted_n, last_n, epoch })
  end
  -- Reading by type also proves that no later write can meet a key of another type.
  redis.call('ZCARD', KEY.LEASES)
  redis.call('XLEN', KEY.OUTBOX)
  local operations, wrong, swept = read_operations(body, operations_at)
  read_records(swept)
  local posted_before = posted_n
  local results = decide_all(operations, wrong)
  write_all(posted_before)
  tell_changes()
  -- An array of five, the last of them an array of the results.
  return '\149' .. cmsgpack.pack(STATUS.DECIDED, NOW, posted_n, last_n)
    .. struct.pack('>BI4', 0xdd, #operations) .. results
end
