-- Guards beyond the tenant's money: how fast calls may begin, how long one may last, and what the
-- calls of one caller may cost a day. Only accounts that have guards ever come here, and calls
-- that count with their caller.

local length_left, set_guards
local starts, callers = {}, {}

do
  local MINUTE_MS = 60000
  local ONE_CALL = MINUTE_MS

  -- How long a call may still go on by the limit of its length; false without one.
  function length_left(guards, call)
    local limit = guards[GUARD.LENGTH_MS]
    return limit ~= NONE and max(0, limit - max(0, call[C_ELAPSED]))
  end

  -- What of the starts that were counted is still of the last minute. A clock that was set back
  -- lets go by as one that was set forward, or starts of the future would stay for ever.
  local function recent_starts(guards)
    local passed = NOW - guards[GUARD.STARTS_AT]
    if passed < 0 then
      passed = -passed
    end
    return max(0, guards[GUARD.STARTS] - passed * guards[GUARD.PER_MINUTE])
  end

  -- How long a new call has to wait, in ms: 0 when it may begin, NONE when it never may.
  function starts.wait(guards)
    local per_minute = guards[GUARD.PER_MINUTE]
    if per_minute == NONE then
      return 0
    elseif per_minute == 0 then
      return NONE
    end
    local over = recent_starts(guards) + ONE_CALL - per_minute * ONE_CALL
    return over > 0 and ceil_div(over, per_minute) or 0
  end

  function starts.count(guards)
    if guards[GUARD.PER_MINUTE] ~= NONE then
      guards[GUARD.STARTS], guards[GUARD.STARTS_AT] = recent_starts(guards) + ONE_CALL, NOW
    end
  end

  -- Gives an account other guards; the starts that were counted stay, if any are to be, but no more
  -- than fill the minute anew: the rest would turn calls away long after a lowering.
  function set_guards(account, per_minute, caller_limit, length_ms)
    local before, counted = account[GUARDS], 0
    if per_minute == NONE and caller_limit == NONE and length_ms == NONE then
      account[GUARDS] = false
      return
    elseif before and before[GUARD.PER_MINUTE] ~= NONE and per_minute ~= NONE then
      counted = min(recent_starts(before), per_minute * ONE_CALL)
    end
    account[GUARDS] = { per_minute, caller_limit, length_ms, counted, NOW }
  end
end

do
  local OUTBOUND = '2'

  -- The record of a caller. One that is not there, or cannot be read, starts anew: a counter must
  -- not hold up money.
  local function record_of(tenant, number)
    local member = member_of(tenant, '#' .. number)
    if calls[member] == nil then
      members[#members + 1] = member
      read_call(member, redis.call('HGET', KEY.CALLS, member))
    end
    if not calls[member] or calls[member] == CORRUPTED then
      calls[member] = { false, CALLER, '', 0, '', 0 }
      new_callers[#new_callers + 1] = member
    end
    return calls[member]
  end

  -- Parties of another form than direction, caller and callee have the empty number.
  local function direction_and_number(parties)
    local direction, number = string.match(parties, '^(%d+)%z(%Z*)%z')
    return direction, number or ''
  end

  -- The record of the caller with whom a call of these parties is to count; nil for none.
  function callers.record_for(account, tenant, parties)
    local guards = account[GUARDS]
    if guards and guards[GUARD.CALLER_LIMIT] ~= NONE then
      local direction, number = direction_and_number(parties)
      return direction ~= OUTBOUND and record_of(tenant, number) or nil
    end
  end

  -- What the calls of a caller may still cost today.
  function callers.room(account, caller, today)
    local guards = account[GUARDS]
    if not guards or guards[GUARD.CALLER_LIMIT] == NONE then
      return MAX_WHOLE
    end
    return guards[GUARD.CALLER_LIMIT] - sum_on(caller, today[1]) - caller[CALLER_RESERVED]
  end

  function callers.hold(caller, amount)
    if amount ~= 0 then
      caller[CALLER_RESERVED] = max(0, caller[CALLER_RESERVED] + amount)
      caller[CHANGED] = true
    end
  end

  function callers.spend(caller, amount, date)
    if amount ~= 0 then
      add_on(caller, date, amount, true)
      caller[CHANGED] = true
    end
  end

  -- Puts the caller's record beside a call that counts with it.
  function callers.find(tenant, call)
    if call[C_FLAGS] >= FLAG_COUNTED then
      call.caller = record_of(tenant, select(2, direction_and_number(call[C_PARTIES])))
    end
  end

  -- As `find`; a call that does not count yet counts from now on if there is a limit, with
  -- what it holds and what it was charged today. On copies nothing of the caller changes either.
  function callers.join(account, tenant, call, today, on_copies)
    callers.find(tenant, call)
    local joins = not call.caller and callers.record_for(account, tenant, call[C_PARTIES])
    local caller = call.caller or joins
    if on_copies and caller then
      caller = copy_of(caller)
    end
    call.caller = caller or nil
    if joins then
      call[C_FLAGS] = call[C_FLAGS] + FLAG_COUNTED
      callers.hold(caller, call[C_RESERVED])
      callers.spend(caller, sum_on(call, today[1]), today[1])
    end
  end
end
