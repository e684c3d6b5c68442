-- Operations on calls: authorize, charge, settle, end.

local NOTHING = {}

local authorize, charge, settle, end_call, look_grant, release, close, save
do
  local function renew_lease(call)
    call[C_LEASE_UNTIL] = NOW + LEASE_MS
  end

  -- What explains a refusal by a guard: the limit, and how far it is used.
  local function explain_guard(reason, account, call, today, caller)
    local guards = account[GUARDS]
    if reason == REASON.CALLER_LIMIT then
      local held = caller[CALLER_RESERVED] - (call and call[C_RESERVED] or 0)
      return { guards[GUARD.CALLER_LIMIT], sum_on(caller, today[1]), held }
    elseif reason == REASON.RATE_LIMITED then
      return { guards[GUARD.PER_MINUTE], starts.wait(guards) }
    end
    return NOTHING
  end

  -- What explains a refusal: available, held by others, cap, spent, end of the day, the guard.
  local function explain(result, reason, account, call, today, caller)
    result[15] = available(account)
    result[16] = account[RESERVED] - (call and call[C_RESERVED] or 0)
    result[17] = account[DAILY_CAP]
    result[18] = sum_on(account, today[1])
    result[19] = today[2]
    result[23] = explain_guard(reason, account, call, today, caller)
    return result
  end

  local function valid_ms(left)
    return left < LEASE_MS and left or LEASE_MS
  end

  local function answer(call, reason, known, directive, left)
    local settled = call[C_STATE] == SETTLED
    if directive == DIRECTIVE.HANG_UP then
      left = 0
    end
    return {
      CODE.OK, reason, directive, call[C_STATE], call[C_RESERVED], left, valid_ms(left), call[C_RATED],
      call[C_CHARGED], overrun_of(call), settled and call[C_N] or 0, call[C_PIN], call[C_USAGE],
      known, 0, 0, 0, 0, 0, settled and call[C_OUTCOME] or 0, settled and days_of(call) or {},
      call[C_MODEL], NOTHING,
    }
  end

  -- A refusal that leaves no call behind.
  local function answer_refusal(account, reason, today, caller)
    local result = {
      CODE.OK, reason, DIRECTIVE.HANG_UP, 0, 0, 0, 0, 0, 0, 0, 0, '', '', 0, 0, 0, 0, 0, 0, 0, {},
      '', NOTHING,
    }
    return explain(result, reason, account, nil, today, caller)
  end

  local function answer_refused_call(account, call, reason, known, today)
    local result = answer(call, reason, known, DIRECTIVE.HANG_UP, 0)
    return explain(result, reason, account, call, today, call.caller)
  end

  local function new_call(op, parties, assistant, fee, burn, free_ms)
    return {
      false, AUTHORIZED, '', 0, '', 0, NOW, NOW + LEASE_MS, NONE, 0, 0, 0, 0, 0, fee, burn, free_ms,
      '', op[6], op[7], parties, assistant,
    }
  end

  local function is_other_call(call, model, parties)
    return call[C_STATE] >= DEBITED or call[C_MODEL] ~= model or call[C_PARTIES] ~= parties
  end

  function save(account, call)
    account[CHANGED], call[CHANGED] = true, true
  end

  local function count_with_caller(account, tenant, call, today)
    if account[GUARDS] or call[C_FLAGS] >= FLAG_COUNTED then
      callers.join(account, tenant, call, today)
    end
  end

  -- The first reason, in order of precedence, why funds or what runs already refuse a start.
  local function funds_reason(account, call, op, today, others, caller)
    local target, min_start = op[10], op[11]
    if target > 0 then
      if available(account) < min_start then
        return REASON.INSUFFICIENT_BALANCE
      elseif cap_room(account, today) < min_start then
        return REASON.DAILY_CAP_REACHED
      elseif call_room(account, call) < min_start then
        return REASON.CALL_COST_LIMIT
      end
    end
    if account[CONCURRENT_CALLS] ~= NONE and others >= account[CONCURRENT_CALLS] then
      return REASON.TOO_MANY_CONCURRENT_CALLS
    elseif target > 0 and caller and callers.room(account, caller, today) < min_start then
      return REASON.CALLER_LIMIT
    end
    return REASON.NONE
  end

  -- What to reserve for a start: no more than the longest call may use, beyond its shortest start.
  local function target_of(account, call, op)
    local guards, target = account[GUARDS], op[10]
    local ahead = guards and length_left(guards, call)
    if not ahead then
      return target
    elseif ahead == 0 then
      return 0
    end
    return min(target, max(op[11], op[12] + ceil_div(op[13] * ahead, 1000)))
  end

  local function reserve_target(account, call, op, today)
    local target = target_of(account, call, op)
    local add = max(0, min(target, room(account, call, today)))
    hold(account, call, add)
    return add < target
  end

  local function answer_settled_authorize(account, call, op, today)
    local reason = REASON.CALL_ALREADY_SETTLED
    if account[SUSPENDED] == 1 then
      reason = REASON.TENANT_SUSPENDED
    elseif op[14] == 1 then
      reason = REASON.UNKNOWN_MODEL
    end
    return answer_refused_call(account, call, reason, 1, today)
  end

  local function report_authorize(op, account, call, today)
    return take_report(account, call, op[16], op[17], op[18], op[19], op[20], today)
  end

  -- Decides whether a call that has told its usage goes on; a refused one stays, with nothing held.
  local function decide_going_on(account, call, op, today, known)
    local reason = account[SUSPENDED] == 1 and REASON.TENANT_SUSPENDED
      or funds_reason(account, call, op, today, account[ACTIVE_CALLS] - 1, call.caller)
    if reason ~= REASON.NONE then
      if not is_refused(call) then
        call[C_FLAGS] = call[C_FLAGS] + FLAG_REFUSED
      end
      return answer_refused_call(account, call, reason, known, today)
    end
    if is_refused(call) then
      call[C_FLAGS] = call[C_FLAGS] - FLAG_REFUSED
    end
    local short = not is_ended(call) and reserve_target(account, call, op, today)
    return answer(call, REASON.NONE, known, grant_of(account, call, today, false, short))
  end

  local function authorize_again(op, account, call, today)
    local tenant, has_usage, moved = op[2], op[15] == 1, false
    if is_other_call(call, op[7], op[8]) then
      return refuse(CODE.KEY_REUSED)
    elseif call[C_STATE] == SETTLED then
      return answer_settled_authorize(account, call, op, today)
    elseif has_usage and call[C_PIN] ~= op[6] then
      return refuse(CODE.PIN_MISMATCH, call[C_PIN], call[C_MODEL])
    end
    save(account, call)
    count_with_caller(account, tenant, call, today)
    if has_usage then
      moved = select(2, report_authorize(op, account, call, today))
    end
    local result
    if call[C_STATE] == EXPIRED then
      result = answer(call, REASON.NONE, 1, DIRECTIVE.HANG_UP, 0)
    else
      renew_lease(call)
      if is_refused(call) then
        result = decide_going_on(account, call, op, today, 1)
      else
        if has_usage then
          call[C_STATE] = ACTIVE
        end
        result = answer(call, REASON.NONE, 1, grant_of(account, call, today, has_usage, false))
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
    save(account, call)
    return call
  end

  local function reopen(op, account, member, today)
    local tenant, call = op[2], open_call(op, account, member)
    count_with_caller(account, tenant, call, today)
    call[C_STATE] = ACTIVE
    local _, moved = report_authorize(op, account, call, today)
    local result = decide_going_on(account, call, op, today, 0)
    if moved then
      note_crossings(account, tenant, pace_of(call), today)
    end
    return result
  end

  -- The same for a new call, which is one of the starts of its minute.
  local function start_reason(account, op, today, caller)
    local reason = funds_reason(account, nil, op, today, account[ACTIVE_CALLS], caller)
    if reason == REASON.NONE and account[GUARDS] and starts.wait(account[GUARDS]) ~= 0 then
      return REASON.RATE_LIMITED
    end
    return reason
  end

  local function start(op, account, member, today)
    local call = open_call(op, account, member)
    if account[GUARDS] then
      starts.count(account[GUARDS])
      callers.join(account, op[2], call, today)
    end
    local short = reserve_target(account, call, op, today)
    return answer(call, REASON.NONE, 0, grant_of(account, call, today, false, short))
  end

  function authorize(op, account, today)
    local member = member_of(op[2], op[3])
    local call = calls[member]
    if call then
      return authorize_again(op, account, call, today)
    elseif last_n - posted_n >= MAX_OUTBOX then
      return refuse(CODE.OUTBOX_FULL)
    end
    local reason = account[SUSPENDED] == 1 and REASON.TENANT_SUSPENDED
      or op[14] == 1 and REASON.UNKNOWN_MODEL or REASON.NONE
    if op[15] == 1 and op[14] == 0 then
      return reopen(op, account, member, today)
    end
    local caller = callers.record_for(account, op[2], op[8])
    if reason == REASON.NONE then
      reason = start_reason(account, op, today, caller)
    end
    if reason ~= REASON.NONE then
      return answer_refusal(account, reason, today, caller)
    end
    return start(op, account, member, today)
  end

  -- The answer to a charge that was taken as it is: what the caller has said itself is left out.
  -- An array of seven whole numbers, written at once.
  local function plain_answer(call, directive, left)
    if directive == DIRECTIVE.HANG_UP then
      left = 0
    end
    return struct.pack(
      '>BBBBI8BI8BI8BI8BI8', 0x97, CODE.OK, directive, 0xcf, call[C_RESERVED], 0xcf, left, 0xcf,
      valid_ms(left), 0xcf, call[C_RATED], 0xcf, call[C_CHARGED]
    )
  end

  -- Its operation names the member in place of the call. Returns the answer, packed when plain.
  function charge(op, account, today, call)
    if not call then
      return refuse(CODE.CALL_MISSING)
    elseif call[C_STATE] == SETTLED then
      return answer(call, REASON.NONE, 1, DIRECTIVE.HANG_UP, 0)
    elseif call[C_PIN] ~= op[6] or call[C_MODEL] ~= op[7] then
      return refuse(CODE.PIN_MISMATCH, call[C_PIN], call[C_MODEL])
    end
    count_with_caller(account, op[2], call, today)
    local usage = op[10]
    local lower, moved = take_report(
      account, call, op[8], op[9], usage, op[11], op[12], today
    )
    local running, directive, left = call[C_STATE] ~= EXPIRED, DIRECTIVE.HANG_UP, 0
    if running then
      call[C_STATE] = ACTIVE
      call[C_LEASE_UNTIL] = NOW + LEASE_MS
      directive, left = grant_of(account, call, today, true, false)
    end
    account[CHANGED], call[CHANGED] = true, true
    if moved then
      note_crossings(account, op[2], pace_of(call), today)
    end
    if running and not lower and call[C_USAGE] == usage then
      return plain_answer(call, directive, left)
    end
    return answer(call, REASON.NONE, lower and 1 or 0, directive, left)
  end

  -- Gives back what a correction takes off: overrun first, then charged; the day's spend only for
  -- what this call charged today. When the free period ended since the last report, there is
  -- nothing to give back but a rise to charge. Returns whether that moved money.
  local function correct(op, account, call, today)
    call[C_ELAPSED] = max(call[C_ELAPSED], op[11])
    call[C_FREE_MS] = op[12]
    accept_usage(call, op[8], op[9], op[10])
    local effective = effective_total(call)
    local difference = call[C_RATED] - effective
    if difference > 0 then
      local back = difference - min(difference, overrun_of(call))
      move(account, call, -back)
      local off_today = min(back, sum_on(call, today[1]))
      if off_today > 0 then
        spend_today(account, call, -off_today, today)
      end
      call[C_RATED] = effective
    end
    return difference < 0 and take(account, call, -difference, today)
  end

  -- Ends the reservation of a call, once: by settle or by expiry.
  function release(account, call)
    hold(account, call, -call[C_RESERVED])
    if call[C_STATE] == AUTHORIZED or call[C_STATE] == ACTIVE then
      account[ACTIVE_CALLS] = account[ACTIVE_CALLS] - 1
    end
  end

  -- What the ledger needs of a closed call.
  local function posting_of(call)
    return {
      call[C_PIN], call[C_MODEL], call[C_PARTIES], call[C_ASSISTANT], call[C_AUTHORIZED_AT],
      call[C_ELAPSED], call[C_RATED], call[C_CHARGED], overrun_of(call), call[C_USAGE],
      call[C_FREE_MS], days_of(call), call[C_DIGEST], call[C_TIMES], call[C_OUTCOME],
    }
  end

  -- Closes a call and queues its posting.
  function close(tenant, call_id, call, digest, times, outcome)
    call[C_STATE] = SETTLED
    call[C_DIGEST], call[C_TIMES], call[C_OUTCOME] = digest, times, outcome
    call[C_N], call[C_CONFIRMED] = last_n + 1, 0
    append_entry(EVENT.SETTLED, tenant, call_id, posting_of(call))
    leases[member_of(tenant, call_id)] = NOW + RETENTION_MS
  end

  local function settle_now(op, account, call, today)
    local tenant, total, weight, moved = op[2], op[8], op[9], false
    count_with_caller(account, tenant, call, today)
    if op[18] == 1 and compare_report(call, total, weight) < 0 then
      moved = correct(op, account, call, today)
    else
      moved = select(
        2, take_report(account, call, total, weight, op[10], op[11], op[12], today)
      )
    end
    local pace = pace_of(call)
    release(account, call)
    if moved then
      note_crossings(account, tenant, pace, today)
    end
    close(tenant, op[3], call, op[15], op[16], op[17])
  end

  function settle(op, account, today)
    local member = member_of(op[2], op[3])
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
      return answer(call, REASON.NONE, 1, DIRECTIVE.HANG_UP, 0)
    elseif call[C_PIN] ~= op[6] then
      return refuse(CODE.PIN_MISMATCH, call[C_PIN], call[C_MODEL])
    end
    settle_now(op, account, call, today)
    save(account, call)
    return answer(call, REASON.NONE, 0, DIRECTIVE.HANG_UP, 0)
  end

  -- What a heartbeat would answer now, on copies.
  function look_grant(op, account, today)
    local call = calls[member_of(op[2], op[3])]
    if not call or call[C_STATE] >= DEBITED then
      return refuse(CODE.CALL_MISSING)
    elseif call[C_STATE] >= EXPIRED then
      return answer(call, REASON.NONE, 1, DIRECTIVE.HANG_UP, 0)
    end
    account, call = copy_of(account), copy_of(call)
    callers.join(account, op[2], call, today, true)
    return answer(call, REASON.NONE, 1, grant_of(account, call, today, true, false))
  end

  function end_call(op, account)
    local call = calls[member_of(op[2], op[3])]
    if not call or call[C_STATE] >= DEBITED then
      return refuse(CODE.CALL_MISSING)
    end
    if call[C_STATE] <= ACTIVE and not is_ended(call) then
      call[C_FLAGS] = call[C_FLAGS] + FLAG_ENDED
      save(account, call)
      announce(op[2], op[3], CHANGE.ENDED)
    end
    return answer(call, REASON.NONE, 1, DIRECTIVE.HANG_UP, 0)
  end
end
