-- Operations on calls: authorize, charge, settle, end.

local authorize, charge, settle, end_call, look_grant, release, close, days_of, save, today_of
do
  -- Today of an operation by the store's clock, or nil when the caller's clock is days away.
  function today_of(day)
    local date, day_end = day[1], day[2]
    if NOW >= day_end then
      date, day_end = day[3], day_end + 86400000
    end
    local index = date_index(date)
    return index and { index, date, day_end }
  end

  local function renew_lease(call)
    call[C_LEASE_UNTIL] = NOW + LEASE_MS
  end

  function days_of(call)
    local days, pairs_of_days = call[C_DAYS], {}
    if days ~= 0 then
      for i = 1, #days, 2 do
        pairs_of_days[#pairs_of_days + 1] = { days[i], days[i + 1] }
      end
    end
    return pairs_of_days
  end

  -- What explains a refusal: available, held by others, cap, spent, end of the day.
  local function explain(result, account, tenant, call, today)
    result[15] = available(account)
    result[16] = account[RESERVED] - (call and call[C_RESERVED] or 0)
    result[17] = account[DAILY_CAP]
    result[18] = spend_on(today[1], tenant)
    result[19] = today[3]
    return result
  end

  local function answer(call, reason, directive, known)
    local settled = call[C_STATE] == SETTLED
    local left, valid = 0, 0
    if directive ~= DIRECTIVE.HANG_UP then
      left = left_ms(call)
      valid = min(LEASE_MS, left)
    end
    return {
      CODE.OK, reason, directive, call[C_STATE], call[C_RESERVED], left, valid, call[C_RATED],
      call[C_CHARGED], call[C_OVERRUN], settled and call[C_N] or 0, call[C_PIN], call[C_USAGE],
      known, 0, 0, 0, 0, 0, settled and call[C_OUTCOME] or 0, settled and days_of(call) or {},
      call[C_MODEL],
    }
  end

  -- A refusal that leaves no call behind.
  local function answer_refusal(account, tenant, reason, today)
    local result = {
      CODE.OK, reason, DIRECTIVE.HANG_UP, 0, 0, 0, 0, 0, 0, 0, 0, '', '', 0, 0, 0, 0, 0, 0, 0, {},
      '',
    }
    return explain(result, account, tenant, nil, today)
  end

  local function answer_refused_call(account, tenant, call, reason, known, today)
    local result = answer(call, reason, DIRECTIVE.HANG_UP, known)
    return explain(result, account, tenant, call, today)
  end

  local function new_call(op, parties, assistant, fee, burn, free_ms)
    return {
      AUTHORIZED, op[6], op[7], parties, assistant, NOW, NOW + LEASE_MS, NONE, 0, 0, 0, 0, 0, 0, '',
      fee, burn, free_ms, 0, 0,
    }
  end

  local function is_other_call(call, model, parties)
    return call[C_STATE] == DEBITED or call[C_MODEL] ~= model or call[C_PARTIES] ~= parties
  end

  function save(tenant, member)
    dirty_accounts[tenant], dirty_calls[member] = true, true
  end

  -- The first reason, in order of precedence, why funds or concurrency refuse a start.
  local function funds_reason(account, tenant, call, op, today, others)
    local target, min_start = op[10], op[11]
    if target > 0 then
      if available(account) < min_start then
        return REASON.INSUFFICIENT_BALANCE
      elseif cap_room(account, tenant, today) < min_start then
        return REASON.DAILY_CAP_REACHED
      elseif call_room(account, call) < min_start then
        return REASON.CALL_COST_LIMIT
      end
    end
    if account[CONCURRENT_CALLS] ~= NONE and others >= account[CONCURRENT_CALLS] then
      return REASON.TOO_MANY_CONCURRENT_CALLS
    end
    return REASON.NONE
  end

  local function reserve_target(account, tenant, call, op, today)
    local target = op[10]
    local add = max(0, min(target, room(account, tenant, call, today)))
    hold(account, call, add)
    return add < target
  end

  local function answer_settled_authorize(account, tenant, call, op, today)
    local reason = REASON.CALL_ALREADY_SETTLED
    if account[SUSPENDED] == 1 then
      reason = REASON.TENANT_SUSPENDED
    elseif op[14] == 1 then
      reason = REASON.UNKNOWN_MODEL
    end
    return answer_refused_call(account, tenant, call, reason, 1, today)
  end

  local function report_of_authorize(op)
    return {
      total = op[16], weight = op[17], usage = op[18], elapsed_ms = op[19], free_ms = op[20],
    }
  end

  -- Decides whether a call that has told its usage goes on; a refused one stays, with nothing held.
  local function decide_going_on(account, tenant, call, op, today, known)
    local reason = account[SUSPENDED] == 1 and REASON.TENANT_SUSPENDED
      or funds_reason(account, tenant, call, op, today, account[ACTIVE_CALLS] - 1)
    if reason ~= REASON.NONE then
      if not is_refused(call) then
        call[C_FLAGS] = call[C_FLAGS] + FLAG_REFUSED
      end
      return answer_refused_call(account, tenant, call, reason, known, today)
    end
    if is_refused(call) then
      call[C_FLAGS] = call[C_FLAGS] - FLAG_REFUSED
    end
    local short = not is_ended(call) and reserve_target(account, tenant, call, op, today)
    local directive = directive_of(account, tenant, call, short, today)
    return answer(call, REASON.NONE, directive, known)
  end

  local function authorize_again(op, account, call, member, today)
    local tenant, has_usage, moved = op[2], op[15] == 1, false
    if is_other_call(call, op[7], op[8]) then
      return refuse(CODE.KEY_REUSED)
    elseif call[C_STATE] == SETTLED then
      return answer_settled_authorize(account, tenant, call, op, today)
    elseif has_usage and call[C_PIN] ~= op[6] then
      return refuse(CODE.PIN_MISMATCH, call[C_PIN], call[C_MODEL])
    end
    save(tenant, member)
    if has_usage then
      moved = select(2, take_report(account, tenant, call, report_of_authorize(op), today))
    end
    local result
    if call[C_STATE] == EXPIRED then
      result = answer(call, REASON.NONE, DIRECTIVE.HANG_UP, 1)
    else
      renew_lease(call)
      if is_refused(call) then
        result = decide_going_on(account, tenant, call, op, today, 1)
      else
        local short = is_bounded(account, tenant, today)
        if has_usage then
          call[C_STATE] = ACTIVE
          short = extend(account, tenant, call, today)
        end
        local directive = directive_of(account, tenant, call, short, today)
        result = answer(call, REASON.NONE, directive, 1)
      end
    end
    if moved then
      note_crossings(account, tenant, pace_of(call), today)
    end
    return result
  end

  local function open_call(op, account, member)
    local call = new_call(op, op[8], op[9], op[12], op[13], op[20])
    calls[member] = call
    account[ACTIVE_CALLS] = account[ACTIVE_CALLS] + 1
    leases[member] = NOW + LEASE_MS + GRACE_MS
    save(op[2], member)
    return call
  end

  local function reopen(op, account, member, today)
    local tenant, call = op[2], open_call(op, account, member)
    call[C_STATE] = ACTIVE
    local _, moved = take_report(account, tenant, call, report_of_authorize(op), today)
    local result = decide_going_on(account, tenant, call, op, today, 0)
    if moved then
      note_crossings(account, tenant, pace_of(call), today)
    end
    return result
  end

  function authorize(op, account, today)
    local tenant, member = op[2], member_of(op[2], op[3])
    local call = calls[member]
    if call then
      return authorize_again(op, account, call, member, today)
    elseif last_n - posted_n >= MAX_OUTBOX then
      return refuse(CODE.OUTBOX_FULL)
    end
    local reason = account[SUSPENDED] == 1 and REASON.TENANT_SUSPENDED
      or op[14] == 1 and REASON.UNKNOWN_MODEL or REASON.NONE
    if op[15] == 1 and op[14] == 0 then
      return reopen(op, account, member, today)
    end
    if reason == REASON.NONE then
      reason = funds_reason(account, tenant, nil, op, today, account[ACTIVE_CALLS])
    end
    if reason ~= REASON.NONE then
      return answer_refusal(account, tenant, reason, today)
    end
    call = open_call(op, account, member)
    local short = reserve_target(account, tenant, call, op, today)
    local directive = directive_of(account, tenant, call, short, today)
    return answer(call, REASON.NONE, directive, 0)
  end

  local function report_of(op)
    return { total = op[8], weight = op[9], usage = op[10], elapsed_ms = op[11], free_ms = op[12] }
  end

  function charge(op, account, today)
    local tenant, member = op[2], member_of(op[2], op[3])
    local call = calls[member]
    if not call then
      return refuse(CODE.CALL_MISSING)
    elseif call[C_STATE] == SETTLED then
      return answer(call, REASON.NONE, DIRECTIVE.HANG_UP, 1)
    elseif call[C_PIN] ~= op[6] or call[C_MODEL] ~= op[7] then
      return refuse(CODE.PIN_MISMATCH, call[C_PIN], call[C_MODEL])
    end
    local lower, moved = take_report(account, tenant, call, report_of(op), today)
    local directive = DIRECTIVE.HANG_UP
    if call[C_STATE] ~= EXPIRED then
      call[C_STATE] = ACTIVE
      renew_lease(call)
      local short = extend(account, tenant, call, today)
      directive = directive_of(account, tenant, call, short, today)
    end
    save(tenant, member)
    local result = answer(call, REASON.NONE, directive, lower and 1 or 0)
    if moved then
      note_crossings(account, tenant, pace_of(call), today)
    end
    return result
  end

  -- Gives back what a correction takes off: overrun first, then charged; the day's spend only for
  -- what this call charged today. When the free period ended since the last report, there is
  -- nothing to give back but a rise to charge. Returns whether that moved money.
  local function correct(account, tenant, call, report, today)
    call[C_ELAPSED] = max(call[C_ELAPSED], report.elapsed_ms)
    call[C_FREE_MS] = report.free_ms
    accept_usage(call, report)
    local effective = effective_total(call)
    local difference = call[C_RATED] - effective
    if difference > 0 then
      local off_overrun = min(difference, call[C_OVERRUN])
      local back = difference - off_overrun
      call[C_OVERRUN] = call[C_OVERRUN] - off_overrun
      move(account, call, -back)
      local off_today = min(back, spent_on(call, today[2]))
      if off_today > 0 then
        spend_today(tenant, call, -off_today, today)
      end
      call[C_RATED] = effective
    end
    return difference < 0 and take(account, tenant, call, -difference, today)
  end

  -- Ends the reservation of a call, once: by settle or by expiry.
  function release(account, call)
    hold(account, call, -call[C_RESERVED])
    if call[C_STATE] == AUTHORIZED or call[C_STATE] == ACTIVE then
      account[ACTIVE_CALLS] = account[ACTIVE_CALLS] - 1
    end
  end

  -- Closes a call and queues its posting.
  function close(tenant, call_id, call, digest, times, outcome)
    call[C_STATE] = SETTLED
    call[C_DIGEST], call[C_TIMES], call[C_OUTCOME] = digest, times, outcome
    call[C_N], call[C_CONFIRMED] = last_n + 1, 0
    append_entry(EVENT.SETTLED, tenant, call_id, call)
    leases[member_of(tenant, call_id)] = NOW + RETENTION_MS
  end

  local function settle_now(op, account, call, today)
    local tenant, report, moved = op[2], report_of(op), false
    if op[18] == 1 and compare_report(call, report) < 0 then
      moved = correct(account, tenant, call, report, today)
    else
      moved = select(2, take_report(account, tenant, call, report, today))
    end
    local pace = pace_of(call)
    release(account, call)
    if moved then
      note_crossings(account, tenant, pace, today)
    end
    close(tenant, op[3], call, op[15], op[16], op[17])
  end

  function settle(op, account, today)
    local tenant, member = op[2], member_of(op[2], op[3])
    local call = calls[member]
    if not call then
      if op[19] == 0 then
        return refuse(CODE.CALL_MISSING)
      end
      call = new_call(op, op[13], op[14], 0, 0, op[12])
      call[C_STATE] = EXPIRED -- it never held a reservation nor a place among the active calls
      calls[member] = call
    elseif is_other_call(call, op[7], op[13]) then
      return refuse(CODE.KEY_REUSED)
    elseif call[C_STATE] == SETTLED then
      if call[C_DIGEST] ~= '' and call[C_DIGEST] ~= op[15] then
        return refuse(CODE.KEY_REUSED)
      end
      return answer(call, REASON.NONE, DIRECTIVE.HANG_UP, 1)
    elseif call[C_PIN] ~= op[6] then
      return refuse(CODE.PIN_MISMATCH, call[C_PIN], call[C_MODEL])
    end
    settle_now(op, account, call, today)
    save(tenant, member)
    return answer(call, REASON.NONE, DIRECTIVE.HANG_UP, 0)
  end

  local function copy_of(record)
    local copy = {}
    for i = 1, #record do
      copy[i] = record[i]
    end
    return copy
  end

  -- What a heartbeat would answer now, on copies.
  function look_grant(op, account, today)
    local tenant, call = op[2], calls[member_of(op[2], op[3])]
    if not call or call[C_STATE] == DEBITED then
      return refuse(CODE.CALL_MISSING)
    elseif call[C_STATE] >= EXPIRED then
      return answer(call, REASON.NONE, DIRECTIVE.HANG_UP, 1)
    end
    account, call = copy_of(account), copy_of(call)
    local short = extend(account, tenant, call, today)
    return answer(call, REASON.NONE, directive_of(account, tenant, call, short, today), 1)
  end

  function end_call(op, account)
    local tenant, member = op[2], member_of(op[2], op[3])
    local call = calls[member]
    if not call or call[C_STATE] == DEBITED then
      return refuse(CODE.CALL_MISSING)
    end
    if call[C_STATE] <= ACTIVE and not is_ended(call) then
      call[C_FLAGS] = call[C_FLAGS] + FLAG_ENDED
      save(tenant, member)
      announce(tenant, op[3], CHANGE.ENDED)
    end
    return answer(call, REASON.NONE, DIRECTIVE.HANG_UP, 1)
  end
end
