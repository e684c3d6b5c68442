-- Operations on accounts, debits, leases and the outbox.

local load, apply, debit, confirm, repair, look_account, look_call, sweep
do
  function load(op)
    local tenant = op[2]
    if not accounts[tenant] then
      accounts[tenant] = {
        true, op[10], '', 0, '', op[4], 0, 0, op[5], op[6], op[7], op[9], op[8], 0, op[3], op[11],
        0, 0, '', op[12], false,
      }
      local account = accounts[tenant]
      set_guards(account, op[14], op[15], op[16])
      for i = 1, #op[13] do
        local date, amount = op[13][i][1], op[13][i][2]
        if is_date(date) then
          add_on(account, date, amount - sum_on(account, date), true)
        end
      end
    end
    return { CODE.OK }
  end

  -- A balance that swings around its threshold is told of once: it has to rise by more than a
  -- tenth above it. A threshold that was moved is another line.
  local function rearm_low(account, credited, moved)
    local threshold = account[LOW_THRESHOLD]
    local above = account[BALANCE] - threshold
    if threshold == NONE or credited and above * 10 > threshold or moved and above >= 0 then
      account[LOW_SENT] = 0
    end
  end

  local function rearm_exhausted(account, funds_changed)
    if funds_changed and account[BALANCE] + account[CREDIT_LIMIT] > 0 then
      account[EXHAUSTED_SENT] = 0
    end
  end

  -- Tells of a cap that was reached and leaves something again; what was spent is that day's.
  local function note_raised_cap(account, tenant)
    local reached_on = account[CAP_SENT_ON]
    if reached_on ~= '' then
      local spent = is_date(reached_on) and sum_on(account, reached_on) or 0
      if account[DAILY_CAP] == NONE or account[DAILY_CAP] > spent then
        lift_cap(account, tenant, spent)
      end
    end
  end

  -- A limit that is not set is the highest.
  local function rise_of(before, after)
    if before == NONE or after == NONE then
      return (after == NONE and 1 or 0) - (before == NONE and 1 or 0)
    end
    return after - before
  end

  local function guard_of(account, guard)
    return account[GUARDS] and account[GUARDS][guard] or NONE
  end

  -- Tells running calls of new bounds.
  local function announce_bounds(account, op)
    local raised, lowered = op[4] > 0, false
    local function compare(rise)
      raised, lowered = raised or rise > 0, lowered or rise < 0
    end
    if op[5] == 1 then
      compare(op[6] - account[CREDIT_LIMIT])
      compare(rise_of(account[DAILY_CAP], op[7]))
      compare(rise_of(account[CALL_COST_LIMIT], op[8]))
      compare(account[SUSPENDED] - op[11])
      compare(rise_of(guard_of(account, GUARD.CALLER_LIMIT), op[14]))
      compare(rise_of(guard_of(account, GUARD.LENGTH_MS), op[15]))
    end
    if raised then
      announce(op[2], '', CHANGE.RAISED)
    end
    if lowered then
      announce(op[2], '', CHANGE.LOWERED)
    end
  end

  local function apply_settings(account, op)
    account[CREDIT_LIMIT], account[DAILY_CAP], account[CALL_COST_LIMIT] = op[6], op[7], op[8]
    account[CONCURRENT_CALLS], account[LOW_THRESHOLD], account[SUSPENDED] = op[9], op[10], op[11]
    set_guards(account, op[13], op[14], op[15])
  end

  function apply(op, account)
    local version, credit = op[3], op[4]
    if version <= account[VERSION] then
      return { CODE.OK }
    elseif version > account[VERSION] + 1 then
      return refuse(CODE.VERSION_GAP, account[VERSION])
    elseif account[BALANCE] + credit > MAX_BALANCE then
      return refuse(CODE.BAD_FORM, 3)
    end
    announce_bounds(account, op)
    local credited = credit > 0
    local credit_limit, threshold = account[CREDIT_LIMIT], account[LOW_THRESHOLD]
    local cap_raised = op[5] == 1 and rise_of(account[DAILY_CAP], op[7]) > 0
    account[VERSION] = version
    account[BALANCE] = account[BALANCE] + credit
    if op[5] == 1 then
      apply_settings(account, op)
    end
    if op[12] ~= '' then
      account[PROFILE_VERSION], account[PROFILE] = version, op[12]
    end
    rearm_low(account, credited, account[LOW_THRESHOLD] ~= threshold)
    rearm_exhausted(account, credited or account[CREDIT_LIMIT] ~= credit_limit)
    if cap_raised then
      note_raised_cap(account, op[2])
    end
    account[CHANGED] = true
    return { CODE.OK }
  end

  function debit(op, account)
    local tenant, key, amount, partial = op[2], op[3], op[4], op[7] == 1
    local member = member_of(tenant, key)
    local record = calls[member]
    if record then
      if record[DEBIT.AMOUNT] ~= amount or record[DEBIT.DIGEST] ~= op[5] then
        return refuse(CODE.KEY_REUSED)
      end
      return { CODE.OK, record[DEBIT.N], account[BALANCE] }
    elseif available(account) < amount and not partial then
      return refuse(CODE.INSUFFICIENT)
    end
    local taken = min(amount, max(0, available(account)))
    account[BALANCE] = account[BALANCE] - taken
    account[UNPOSTED] = account[UNPOSTED] + taken
    local n = append_entry(EVENT.DEBITED, tenant, key, taken, op[5], op[6])
    calls[member] = { true, DEBITED, amount, op[5], n, 0 }
    account[CHANGED] = true
    leases[member] = NOW + RETENTION_MS
    announce(tenant, '', CHANGE.LOWERED)
    note_crossings(account, tenant, 0, nil)
    return { CODE.OK, n, account[BALANCE] }
  end

  -- Takes a call's spend off the days that are still counted.
  local function return_spend(account, tenant, call)
    callers.find(tenant, call)
    for _, row in ipairs(days_of(call)) do
      if is_date(row[1]) then
        add_on(account, row[1], -row[2], true)
        if call.caller then
          callers.spend(call.caller, -row[2], row[1])
        end
      end
    end
  end

  local function mark_confirmed(tenant, key, n)
    local member = member_of(tenant, key)
    local record = calls[member]
    if record and record ~= CORRUPTED then
      local field = record[C_STATE] == DEBITED and DEBIT.CONFIRMED or C_CONFIRMED
      local number = record[C_STATE] == DEBITED and DEBIT.N or C_N
      if record[number] == n then
        record[field] = 1
        record[CHANGED] = true
        leases[member] = NOW + RETENTION_MS
      end
    end
  end

  function confirm(op, account)
    local tenant, key, n, amount, verdict = op[2], op[3], op[4], op[5], op[6]
    if n <= posted_n then
      return { CODE.OK }
    elseif n > posted_n + 1 or n > last_n then
      return refuse(CODE.OUTDATED)
    end
    posted_n = n
    if key == '' or verdict == VERDICT.ASIDE then
      return { CODE.OK }
    end
    if account then
      account[UNPOSTED] = account[UNPOSTED] - amount
      if verdict == VERDICT.RETURNED then
        account[BALANCE] = account[BALANCE] + amount
        announce(tenant, '', CHANGE.RAISED)
        local call = calls[member_of(tenant, key)]
        if call and call ~= CORRUPTED and call[C_STATE] == SETTLED and call[C_N] == n then
          return_spend(account, tenant, call)
        end
      end
      account[CHANGED] = true
    end
    mark_confirmed(tenant, key, n)
    return { CODE.OK }
  end

  function repair(op, account)
    if account[VERSION] ~= op[3] or posted_n ~= op[4]
        or account[BALANCE] + account[UNPOSTED] ~= op[5] then
      return refuse(CODE.OUTDATED)
    elseif not is_whole(account[BALANCE] + op[6], -MAX_BALANCE, MAX_BALANCE) then
      return refuse(CODE.BAD_FORM, 5)
    end
    account[BALANCE] = account[BALANCE] + op[6]
    announce(op[2], '', op[6] > 0 and CHANGE.RAISED or CHANGE.LOWERED)
    account[CHANGED] = true
    return { CODE.OK }
  end

  function look_account(op, account)
    local spends = {}
    for index = 1, 3 do
      local amount = sum_on(account, DATES[index])
      if amount ~= 0 then
        spends[#spends + 1] = { DATES[index], amount }
      end
    end
    return {
      CODE.OK, account[BALANCE], account[UNPOSTED], account[RESERVED], account[ACTIVE_CALLS],
      account[CREDIT_LIMIT], account[DAILY_CAP], account[CALL_COST_LIMIT],
      account[CONCURRENT_CALLS],
      account[LOW_THRESHOLD], account[SUSPENDED], account[VERSION], account[PROFILE_VERSION],
      account[PROFILE], posted_n, spends, guard_of(account, GUARD.PER_MINUTE),
      guard_of(account, GUARD.CALLER_LIMIT), guard_of(account, GUARD.LENGTH_MS),
    }
  end

  function look_call(op)
    local call = calls[member_of(op[2], op[3])]
    if not call or call[C_STATE] >= DEBITED then
      return refuse(CODE.CALL_MISSING)
    end
    local settled = call[C_STATE] == SETTLED
    return {
      CODE.OK, call[C_STATE], call[C_PIN], call[C_MODEL], call[C_PARTIES], call[C_ASSISTANT],
      call[C_AUTHORIZED_AT], call[C_LEASE_UNTIL], call[C_ELAPSED], call[C_RESERVED], call[C_RATED],
      call[C_CHARGED], overrun_of(call), call[C_USAGE], days_of(call), settled and call[C_TIMES] or '',
      settled and call[C_OUTCOME] or 0, settled and call[C_N] or 0,
    }
  end

  -- When a member is to be looked at, as the batch has left it so far.
  local function score_of(member)
    if leases[member] ~= nil then
      return leases[member] or 0
    end
    return scores[member] or 0
  end

  local function sweep_running(tenant, member, call, account)
    local due = call[C_LEASE_UNTIL] + GRACE_MS
    if NOW < due then
      leases[member] = due
      return DEED.RESCHEDULED
    end
    callers.find(tenant, call)
    release(account, call)
    call[C_STATE] = EXPIRED
    leases[member] = NOW + LATE_WINDOW_MS
    save(account, call)
    return DEED.EXPIRED
  end

  local function forget(member)
    calls[member], leases[member] = false, false
    gone[#gone + 1] = member
    return DEED.FORGOTTEN
  end

  -- A caller is forgotten when its calls hold nothing and cost nothing on a day that may be today.
  local function sweep_caller(member, caller)
    local counts = caller[CALLER_RESERVED] ~= 0
    for _, day in ipairs(days_of(caller)) do
      counts = counts or is_date(day[1]) and day[2] ~= 0
    end
    if not counts then
      return forget(member)
    end
    leases[member] = NOW + CALLER_LOOK_MS
    return DEED.RESCHEDULED
  end

  local function sweep_done(member, call)
    local confirmed = call[C_STATE] == DEBITED and DEBIT.CONFIRMED or C_CONFIRMED
    if call[confirmed] == 1 and score_of(member) <= NOW then
      return forget(member)
    end
    leases[member] = NOW + RETENTION_MS
    return DEED.RESCHEDULED
  end

  function sweep(op, account)
    local tenant, key = op[2], op[3]
    local member = member_of(tenant, key)
    local call = calls[member]
    if not call then
      leases[member] = false
      return { CODE.OK, DEED.FORGOTTEN }
    elseif call[C_STATE] == CALLER then
      return { CODE.OK, sweep_caller(member, call) }
    elseif call[C_STATE] >= SETTLED then
      return { CODE.OK, sweep_done(member, call) }
    elseif call[C_STATE] < EXPIRED then
      return { CODE.OK, sweep_running(tenant, member, call, account) }
    elseif score_of(member) > NOW then
      return { CODE.OK, DEED.RESCHEDULED }
    end
    close(tenant, key, call, '', '', OUTCOME_INCOMPLETE)
    save(account, call)
    return { CODE.OK, DEED.CLOSED }
  end
end
