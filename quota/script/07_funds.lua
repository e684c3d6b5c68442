-- Money: rooms, taking it, the pace of a call, extending its reservation, crossings.
-- `today` is {date, end of the day in ms}.

local function available(account)
  return account[BALANCE] + account[CREDIT_LIMIT] - account[RESERVED]
end

local function cap_room(account, today)
  if account[DAILY_CAP] == NONE then
    return MAX_WHOLE
  end
  return account[DAILY_CAP] - sum_on(account, today[1]) - account[RESERVED]
end

local function call_room(account, call)
  if account[CALL_COST_LIMIT] == NONE then
    return MAX_WHOLE
  end
  return account[CALL_COST_LIMIT] - (call and call[C_CHARGED] + call[C_RESERVED] or 0)
end

local function room(account, call, today)
  local least, other = available(account), cap_room(account, today)
  if other < least then
    least = other
  end
  other = call_room(account, call)
  if other < least then
    least = other
  end
  if call and call.caller then
    other = callers.room(account, call.caller, today)
  end
  return other < least and other or least
end

-- Moves `amount` (negative: back) from the tenant's money to what the call was charged.
local function move(account, call, amount)
  account[BALANCE] = account[BALANCE] - amount
  account[UNPOSTED] = account[UNPOSTED] + amount
  call[C_CHARGED] = call[C_CHARGED] + amount
end

local function spend_today(account, call, amount, today)
  add_on(account, today[1], amount, true)
  add_on(call, today[1], amount)
  if call.caller then
    callers.spend(call.caller, amount, today[1])
  end
end

local function charge_today(account, call, amount, today)
  move(account, call, amount)
  spend_today(account, call, amount, today)
end

local function hold(account, call, amount)
  account[RESERVED] = account[RESERVED] + amount
  call[C_RESERVED] = call[C_RESERVED] + amount
  if call.caller then
    callers.hold(call.caller, amount)
  end
end

-- Charges a rise of the rated total; returns whether money moved.
local function take(account, call, rise, today)
  call[C_RATED] = call[C_RATED] + rise
  local held = call[C_RESERVED]
  if rise < held then
    held = rise
  end
  if held > 0 then
    hold(account, call, -held)
    charge_today(account, call, held, today)
    if held == rise then
      return true
    end
  end
  local fits = max(0, min(rise - held, room(account, call, today)))
  if fits > 0 then
    charge_today(account, call, fits, today)
  end
  return held + fits > 0
end

local function overrun_of(call)
  return call[C_RATED] - call[C_CHARGED]
end

local function effective_total(call)
  return call[C_ELAPSED] < call[C_FREE_MS] and 0 or call[C_GROSS]
end

-- Compares a report with the highest one so far: 1 higher, 0 equal, -1 lower.
local function compare_report(call, total, weight)
  local a, b = total, call[C_GROSS]
  if a == b then
    a, b = weight, call[C_WEIGHT]
  end
  return a > b and 1 or a < b and -1 or 0
end

local function accept_usage(call, total, weight, usage)
  call[C_GROSS], call[C_WEIGHT], call[C_USAGE] = total, weight, usage
end

-- Takes a report in; returns whether it was lower than the highest, and whether money moved.
local function take_report(account, call, total, weight, usage, elapsed_ms, free_ms, today)
  local order = compare_report(call, total, weight)
  if elapsed_ms > call[C_ELAPSED] then
    call[C_ELAPSED] = elapsed_ms
  end
  call[C_FREE_MS] = free_ms
  if order > 0 then
    accept_usage(call, total, weight, usage)
  end
  local rise, moved = effective_total(call) - call[C_RATED], false
  if rise > 0 then
    moved = take(account, call, rise, today)
  end
  return order < 0, moved
end

-- Micros per second, by the call's own usage once that says something; 0 for a free call.
local function pace_of(call)
  local pace, elapsed = call[C_BURN], call[C_ELAPSED]
  if pace > 0 and elapsed >= OWN_PACE_AFTER_MS then
    local own = call[C_GROSS] - call[C_FEE]
    if own > 0 then
      pace = ceil_div(own * 1000, elapsed)
    end
  end
  return pace < MAX_PACE and pace or MAX_PACE
end

local function is_ended(call)
  return call[C_FLAGS] % 2 == FLAG_ENDED
end

local function is_refused(call)
  return call[C_FLAGS] % FLAG_COUNTED >= FLAG_REFUSED
end

-- Whether the tenant's bounds no longer allow anything new: after a lowering or a suspension.
local function is_bounded(account, call, today)
  return account[SUSPENDED] == 1 or available(account) < 0 or cap_room(account, today) < 0
    or call.caller and callers.room(account, call.caller, today) < 0
end

local grant_of
do
  -- What is used but not charged, because the free period still runs.
  local function outstanding(call)
    if call[C_ELAPSED] < call[C_FREE_MS] then
      return max(call[C_GROSS], call[C_FEE]) - call[C_RATED]
    end
    return 0
  end

  -- Extends a reservation that is below the low-water mark; returns whether it stays short.
  local function extend(account, call, today, pace, owed, reserve_ms)
    local missing = ceil_div(pace * reserve_ms, 1000) + owed - call[C_RESERVED]
    local add = min(missing, room(account, call, today))
    if add > 0 then
      hold(account, call, add)
    end
    return add < missing
  end

  local function grant_of_free(account, call)
    if account[SUSPENDED] == 0 then
      return DIRECTIVE.CONTINUE, LEASE_MS
    end
    return call[C_RESERVED] == 0 and DIRECTIVE.HANG_UP or DIRECTIVE.FINISH, LEASE_MS
  end

  -- The grant by the call's money, for the time for which money is held and wanted.
  local function grant_by_money(account, call, today, extends, short, reserve_ms, low_water_ms)
    local pace, owed = pace_of(call), outstanding(call)
    if pace == 0 then
      return grant_of_free(account, call)
    end
    local bounded = is_bounded(account, call, today)
    local low = ceil_div(pace * low_water_ms, 1000) + owed
    -- What fits leaves no bound exceeded, so an extension changes nothing about `bounded`.
    if extends and not bounded and call[C_RESERVED] < low then
      short = extend(account, call, today, pace, owed, reserve_ms)
    end
    local reserved = call[C_RESERVED]
    if reserved == 0 then
      return DIRECTIVE.HANG_UP, 0
    end
    local directive = short and DIRECTIVE.WARN or DIRECTIVE.CONTINUE
    if bounded or reserved < low then
      directive = DIRECTIVE.FINISH
    end
    return directive, reserved > owed and floor((reserved - owed) * 1000 / pace) or 0
  end

  -- The same within the limit of the call's length, of which `ahead` ms are left: no more is held
  -- than they need, and the stricter directive holds.
  local function grant_within(account, call, today, extends, short, ahead)
    if ahead == 0 then
      return DIRECTIVE.HANG_UP, 0
    end
    local directive, left = grant_by_money(
      account, call, today, extends, short, min(RESERVE_MS, ahead), min(LOW_WATER_MS, ahead)
    )
    if ahead <= LOW_WATER_MS then
      directive = max(directive, DIRECTIVE.FINISH)
    elseif ahead < RESERVE_MS then
      directive = max(directive, DIRECTIVE.WARN)
    end
    return directive, min(left, ahead)
  end

  -- What the call may do now: its directive, and how long its reservation lasts. With `extends` the
  -- reservation is extended first; `short` says that an earlier step got less than it wanted.
  function grant_of(account, call, today, extends, short)
    if call[C_FLAGS] % FLAG_COUNTED ~= 0 then
      return DIRECTIVE.HANG_UP, 0
    end
    local guards = account[GUARDS]
    local ahead = guards and length_left(guards, call)
    if ahead then
      return grant_within(account, call, today, extends, short, ahead)
    end
    return grant_by_money(account, call, today, extends, short, RESERVE_MS, LOW_WATER_MS)
  end
end
